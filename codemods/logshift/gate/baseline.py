"""The baseline: findings that are known, one a line, and which of today's findings they are.

In: an analysis and entries. Out: pairs of entry and finding. A finding is known if an entry has its path and
fingerprint; or, for a file that was renamed, if an entry has its fingerprint and a path where nothing is any more.
Each entry stands for one finding, so a second copy of a known one is new.
"""

from __future__ import annotations

import os

from logshift._record import NamedTuple
from logshift.engine import Analysis
from logshift.gate import Entry, is_unanalysed, lies_below, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from logshift.model import Finding

_TYPES = {"path": str, "code": str, "fingerprint": str, "message": str}


class Matched(NamedTuple):
    """Entries and findings, as far as they are the same."""

    known: tuple[tuple[Entry, Finding], ...]
    new: tuple[Finding, ...]
    left: tuple[Entry, ...]


def load(path: str) -> list[Entry]:
    """Return the entries of a file.

    Raises:
        logshift.gate.GateError: if it is missing or not right.
    """
    return lines.read(path, Entry, _TYPES, "baseline")


def save(path: str, entries: Iterable[Entry]) -> None:
    """Write the entries, sorted.

    Raises:
        logshift.gate.GateError: if the file cannot be written.
    """
    lines.write(path, (one._asdict() for one in sorted(set(entries))))


def entry_of(finding: Finding, root: str) -> Entry:
    """Return the entry for a finding."""
    return Entry(_from_root(finding.path, root), finding.code, finding.fingerprint, finding.message)


def match(analysis: Analysis, entries: Iterable[Entry]) -> Matched:
    """Return which entry stands for which finding."""
    root = analysis.settings.root
    here: dict[tuple[str, str], Entry] = {(one.path, one.fingerprint): one for one in entries}
    known: list[tuple[Entry, Finding]] = []
    others: list[Finding] = []
    for finding in analysis.findings:
        entry = here.pop((_from_root(finding.path, root), finding.fingerprint), None)
        if entry is not None:
            known.append((entry, finding))
        else:
            others.append(finding)
    moved: dict[str, list[Entry]] = {}
    exists: dict[str, bool] = {}
    for one in sorted(here.values(), reverse=True):
        if one.path not in exists:
            exists[one.path] = os.path.lexists(os.path.join(root, one.path))
        if not exists[one.path]:
            moved.setdefault(one.fingerprint, []).append(one)
    new: list[Finding] = []
    for finding in others:
        if waiting := moved.get(finding.fingerprint):
            entry = waiting.pop()
            del here[entry.path, entry.fingerprint]
            known.append((entry, finding))
        else:
            new.append(finding)
    return Matched(tuple(known), tuple(new), tuple(here.values()))


def gone(matched: Matched, analysis: Analysis, paths: tuple[str, ...]) -> tuple[Entry, ...]:
    """Return the entries that nothing is found of, although their files were looked at or are no more."""
    found = []
    for one in matched.left:
        path = os.path.join(analysis.settings.root, one.path)
        if lies_below(path, paths) and not is_unanalysed(path, analysis.unanalysed):
            found.append(one)
    return tuple(sorted(found))


def apart(analysis: Analysis, matched: Matched) -> Analysis:
    """Return the analysis with the known findings apart."""
    known = {id(finding) for _, finding in matched.known}
    files = tuple(
        file._replace(
            findings=tuple(one for one in file.findings if id(one) not in known),
            known=tuple(one for one in file.findings if id(one) in known),
        )
        for file in analysis.files
    )
    return analysis._replace(files=files)


def _from_root(path: str, root: str) -> str:
    return os.path.relpath(os.path.abspath(path), os.path.abspath(root)).replace(os.sep, "/")
