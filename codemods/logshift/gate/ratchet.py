"""The ratchet: how many findings of each rule each component may have. The figures may only fall.

In: an analysis and counts. Out: what has grown, and what has fallen. Suppressed findings are not counted, known ones
are: the gate asks before it puts them apart. Where two branches have written two counts for one place, the lower one
holds.
"""

from __future__ import annotations

import os
from collections import Counter

from logshift.engine import Analysis, shown
from logshift.gate import Count, Ratcheted, is_unanalysed, lies_below, lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPES = {"code": str, "component": str, "findings": int}

_Counts = dict[tuple[str, str], int]


def load(path: str) -> _Counts:
    """Return the counts in a file, by rule and component.

    Raises:
        logshift.gate.GateError: if it is missing or not right.
    """
    found: _Counts = {}
    for one in lines.read(path, Count, _TYPES, "ratchet"):
        key = (one.code, one.component)
        found[key] = min(found.get(key, one.findings), one.findings)
    return found


def save(path: str, counts: _Counts) -> None:
    """Write the counts, sorted; what is at zero has no line.

    Raises:
        logshift.gate.GateError: if the file cannot be written.
    """
    rows = (Count(*key, number) for key, number in sorted(counts.items()) if number > 0)
    lines.write(path, (row._asdict() for row in rows))


def count(analysis: Analysis) -> _Counts:
    """Count the findings, by rule and component."""
    found = Counter(
        (one.code, analysis.project.component(file.facts.path)) for file in analysis.files for one in file.findings
    )
    return dict(found)


def held(analysis: Analysis, path: str, paths: Iterable[str]) -> Ratcheted:
    """Return what has grown past the counts at `path`, and what has fallen below, if whole folders were looked at.

    Raises:
        logshift.gate.GateError: if the file is missing or not right.
    """
    allowed, found = load(path), count(analysis)
    grown = _differing(found, allowed, by=1)
    is_whole = all(os.path.isdir(one) for one in paths) and not analysis.unanalysed
    return Ratcheted(shown(path), grown, _differing(found, allowed, by=-1) if is_whole else ())


def tightened(analysis: Analysis, allowed: _Counts, paths: tuple[str, ...]) -> _Counts:
    """Return the counts as low as they are now; those of components that were not looked at whole stay."""
    found, project = count(analysis), analysis.project
    unseen = {
        project.component(path)
        for path in project.files
        if not lies_below(path, paths) or is_unanalysed(path, analysis.unanalysed)
    }
    return {key: number if key[1] in unseen else min(number, found.get(key, 0)) for key, number in allowed.items()}


def _differing(found: _Counts, allowed: _Counts, *, by: int) -> tuple[tuple[Count, int], ...]:
    return tuple(
        (Count(*key, found.get(key, 0)), allowed.get(key, 0))
        for key in sorted(found.keys() | allowed.keys())
        if (found.get(key, 0) - allowed.get(key, 0)) * by > 0
    )
