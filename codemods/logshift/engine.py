"""The road as far as the judgement: paths in, findings out. What `check` is, and what `migrate` begins with.

Files are read one at a time and independently; nothing is written.
"""

from __future__ import annotations

import os

from logshift._record import NamedTuple
from logshift.discover import Excluded, discover, is_generated
from logshift.judge import judge
from logshift.model import FileFacts, Finding, Unanalysed
from logshift.resolve import Project
from logshift.scan import may_hold_loggers, read, unreadable
from logshift.scan.names import Names, table
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logshift.config.settings import Settings
    from logshift.frameworks import Target


class FileResult(NamedTuple):
    """What is known of one file that speaks of loggers."""

    facts: FileFacts
    findings: tuple[Finding, ...]
    data: bytes


class Analysis(NamedTuple):
    """What is known of all files of a run."""

    settings: Settings
    names: Names
    target: Target
    project: Project
    files: tuple[FileResult, ...]
    unanalysed: tuple[Unanalysed, ...]
    checked: int  # files that were analysed
    excluded: Excluded

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in order of file and place."""
        return tuple(finding for file in self.files for finding in file.findings)


def analyse(
    paths: Iterable[str],
    settings: Settings,
    *,
    force_exclude: bool = False,
    progress: Callable[[tuple[str, ...]], Iterable[str]] = iter,
) -> Analysis:
    """Look at every Python file below `paths`.

    `progress` is given the files and yields them again, one by one, as they are looked at.

    Raises:
        logshift.discover.NoSuchPathError: if a path does not exist.
    """
    legacy, target = settings.frameworks()
    names = table(legacy, target.framework)
    project = Project(settings, names)
    names = project.names
    found = discover(paths, settings, force_exclude=force_exclude)
    files: list[FileResult] = []
    unanalysed = [Unanalysed(path, 1, 1, reason) for path, reason in found.unreadable]
    failed = generated = 0
    for path in progress(found.files):
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            unanalysed.append(Unanalysed(path, 1, 1, f"cannot be read: {error.strerror}"))
            failed += 1
            continue
        if not may_hold_loggers(data, names) and not project.may_import_a_factory(path, data):
            if (why := unreadable(path, data)) is not None:
                unanalysed.append(why)
                failed += 1
            continue
        if is_generated(data):
            generated += 1
            continue
        facts = read(path, project.module(path), data, names)
        if isinstance(facts, Unanalysed):
            unanalysed.append(facts)
            failed += 1
        elif facts.bindings or facts.root_calls or facts.references:
            findings = judge(facts, Source(path, data), names.frameworks, target, project.missed_in)
            if findings and project.is_exempt(facts.module, target):
                findings = ()
            files.append(FileResult(facts, findings, data))
    excluded = found.excluded._replace(generated=generated)
    return Analysis(
        settings,
        names,
        target,
        project,
        tuple(files),
        tuple(unanalysed),
        len(found.files) - generated - failed,
        excluded,
    )


def shown(path: str) -> str:
    """Return `path` as people read it: relative where that is below the working directory, with ``/``.

    Bytes that are not UTF-8 are written as escapes, so that every report can hold the name.
    """
    relative = os.path.relpath(path)
    told = path if relative.split(os.sep, 1)[0] == os.pardir else relative
    return told.replace(os.sep, "/").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
