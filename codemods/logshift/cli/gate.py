"""`logshift baseline` and `logshift ratchet`: what writes the files that `check` holds findings against.

In: paths and settings. Out: files, and words on what changed in them.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from logshift.cli.check import CLEAN, FINDINGS, NOT_ANALYSED, complain, progress_over_files, tell
from logshift.config.settings import Settings
from logshift.engine import Analysis, analyse, shown
from logshift.gate import Entry, baseline, baseline_file, ratchet, ratchet_file
from logshift.report.style import Style
from logshift.report.text import unanalysed_line


def create_baseline(paths: tuple[str, ...], settings: Settings, named: str | None, *, force: bool) -> int:
    """Write every finding of today into a new baseline."""
    file = baseline_file(settings, named)
    if os.path.lexists(file) and not force:
        return complain(f"{shown(file)} exists; `logshift baseline update` takes in what is new, --force begins anew")
    analysis = _analysis(paths, settings)
    entries = [baseline.entry_of(one, settings.root) for one in analysis.findings]
    baseline.save(file, entries)
    tell(f"{shown(file)}: {_number(len(entries), 'finding')}.\n")
    return _status(analysis)


def update_baseline(paths: tuple[str, ...], settings: Settings, named: str | None) -> int:
    """Make the baseline what is found now; what was not looked at stays."""
    return _rewrite(
        paths, settings, named, new=lambda one: [baseline.entry_of(finding, settings.root) for finding in one]
    )


def prune_baseline(paths: tuple[str, ...], settings: Settings, named: str | None) -> int:
    """Take out of the baseline what is found no more; nothing is added."""
    return _rewrite(paths, settings, named, new=lambda _: [])


def _rewrite(paths: tuple[str, ...], settings: Settings, named: str | None, *, new: Callable[..., list[Entry]]) -> int:
    file = baseline_file(settings, named)
    before = baseline.load(file)
    analysis = _analysis(paths, settings)
    matched = baseline.match(analysis, before)
    gone = frozenset(baseline.gone(matched, analysis, paths))
    added = new(matched.new)
    kept = [baseline.entry_of(finding, settings.root) for _, finding in matched.known]
    after = {*kept, *(one for one in matched.left if one not in gone), *added}
    moved = sum(entry.path != now.path for (entry, _), now in zip(matched.known, kept, strict=True))
    if after != set(before):
        baseline.save(file, after)
    parts = [(len(added), "added"), (len(gone), "found no more"), (moved, "in renamed files")]
    changes = ", ".join(f"{number} {what}" for number, what in parts if number) or "nothing changed"
    tell(f"{shown(file)}: {_number(len(after), 'finding')} ({changes}).\n")
    return _status(analysis)


def create_ratchet(paths: tuple[str, ...], settings: Settings, *, force: bool) -> int:
    """Write the counts of today into a new ratchet."""
    file = ratchet_file(settings)
    if os.path.lexists(file) and not force:
        return complain(f"{shown(file)} exists; `logshift ratchet update` lowers its counts, --force begins anew")
    analysis = _analysis(paths, settings)
    counts = ratchet.count(analysis)
    ratchet.save(file, counts)
    tell(f"{shown(file)}: {_number(sum(counts.values()), 'finding')} at most.\n")
    return _status(analysis)


def update_ratchet(paths: tuple[str, ...], settings: Settings) -> int:
    """Lower the counts to those of today; where there is more than allowed, say so and leave it."""
    file = ratchet_file(settings)
    allowed = ratchet.load(file)
    analysis = _analysis(paths, settings)
    counts = ratchet.tightened(analysis, allowed, paths)
    if counts != allowed:
        ratchet.save(file, counts)
    before, after = sum(allowed.values()), sum(counts.values())
    tell(f"{shown(file)}: {_number(after, 'finding')} at most ({before - after} fewer than before).\n")
    grown = ratchet.held(analysis, file, paths).grown
    for one, limit in grown:
        tell(f"{one.code} in {one.component}: {one.findings}, where the ratchet allows {limit}; it is not raised.\n")
    return _status(analysis) or (FINDINGS if grown else CLEAN)


def _analysis(paths: tuple[str, ...], settings: Settings) -> Analysis:
    return analyse(paths, settings, progress=progress_over_files)


def _status(analysis: Analysis) -> int:
    """Say which files nothing is known of, and return the exit status that says so too."""
    for one in analysis.unanalysed:
        tell(unanalysed_line(one, Style.for_stream(None)) + "\n")
    return NOT_ANALYSED if analysis.unanalysed else CLEAN


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
