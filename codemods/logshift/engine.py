"""The road as far as the judgement: paths in, findings out. What `check` is, and what `migrate` begins with.

Files are read one at a time and independently; nothing is written.
"""

from __future__ import annotations

import os

from logshift._record import NamedTuple
from logshift.discover import Excluded, discover, is_generated
from logshift.judge import judge
from logshift.model import FileFacts, Finding, Judgement, Suppressed, Unanalysed
from logshift.resolve import Project
from logshift.scan import may_hold_loggers, may_hold_suppressions, read, unreadable
from logshift.scan.names import Names, table
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logshift.config.settings import Settings
    from logshift.frameworks import Target
    from logshift.gate import Gate


class FileResult(NamedTuple):
    """What is known of one file that speaks of loggers."""

    facts: FileFacts
    findings: tuple[Finding, ...]
    data: bytes
    suppressed: tuple[Suppressed, ...] = ()
    known: tuple[Finding, ...] = ()  # in the baseline
    outside: tuple[Finding, ...] = ()  # on lines that the branch does not add

    @property
    def everything(self) -> tuple[Finding, ...]:
        """What was found, whether or not it counts, in order of place."""
        if not (self.suppressed or self.known or self.outside):
            return self.findings
        apart = (*self.known, *self.outside, *(one.finding for one in self.suppressed))
        return tuple(sorted((*self.findings, *apart), key=lambda one: (one.span, one.code)))


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
    gate: Gate | None = None  # what was asked for beside findings

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings that count, in order of file and place."""
        return tuple(finding for file in self.files for finding in file.findings)

    @property
    def known(self) -> tuple[Finding, ...]:
        """The findings that are in the baseline."""
        return tuple(finding for file in self.files for finding in file.known)

    @property
    def suppressed(self) -> tuple[Suppressed, ...]:
        """The findings that a comment suppresses."""
        return tuple(one for file in self.files for one in file.suppressed)

    @property
    def outside(self) -> int:
        """How many findings lie on lines that the branch does not add."""
        return sum(len(file.outside) for file in self.files)

    @property
    def findings_fail(self) -> bool:
        """Whether a finding is enough to fail; not where a figure was asked for instead."""
        return self.gate is None or self.gate.findings_fail

    @property
    def fails(self) -> bool:
        """Whether what was found, or a figure, stops a gate."""
        missed = self.gate is not None and bool(self.gate.missed)
        return missed or (self.findings_fail and any(file.findings for file in self.files))


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
        if (
            not may_hold_loggers(data, names)
            and not project.may_import_a_factory(path, data)
            and not may_hold_suppressions(data)
        ):
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
        elif facts.bindings or facts.root_calls or facts.references or facts.suppressions:
            judged = judge(
                facts,
                Source(path, data),
                names.frameworks,
                target,
                project.missed_in,
                require_reason=settings.require_suppression_reason,
            )
            if (judged.findings or judged.suppressed) and project.is_exempt(facts.module, target):
                judged = Judgement(())
            files.append(FileResult(facts, judged.findings, data, judged.suppressed))
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
