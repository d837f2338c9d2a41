"""The gate: which findings count, and which figures have to hold. The room between the judgement and the report.

In: an analysis and what was asked for. Out: the analysis, with the findings apart that are known or that the branch
does not add, and with what was missed. Files are only read here. Loaded only where something was asked for.

By default every finding fails. A baseline and `--diff-base` leave those that are new. A figure – `--fail-under`,
`--ratchet` – takes the place of findings: these fail too only where one of the first two is asked for as well.
"""

from __future__ import annotations

import os

from logshift._record import NamedTuple
from logshift.config.settings import BASELINE, RATCHET
from logshift.engine import Analysis, shown
from logshift.model import Unanalysed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from logshift.config.settings import Settings


class GateError(Exception):
    """Something that a gate needs is not there or not right; the message says what to do."""


class Asked(NamedTuple):
    """What was asked for: files as paths to open, None where nothing was."""

    paths: tuple[str, ...]
    baseline: str | None = None
    ratchet: str | None = None
    fail_under: float | None = None
    diff_base: str | None = None


class Entry(NamedTuple):
    """A known finding; a line of the baseline."""

    path: str  # from the project's root, with "/"
    code: str
    fingerprint: str
    message: str


class Count(NamedTuple):
    """How many findings of a rule a component has; a line of the ratchet."""

    code: str
    component: str
    findings: int


class Baselined(NamedTuple):
    """What came of the baseline."""

    file: str
    entries: int
    gone: tuple[Entry, ...]  # found no more


class Ratcheted(NamedTuple):
    """What came of the ratchet."""

    file: str
    grown: tuple[tuple[Count, int], ...]  # what there is, and what is allowed
    fallen: tuple[tuple[Count, int], ...]


class Branch(NamedTuple):
    """Where a branch began."""

    revision: str  # as asked for
    base: str  # the commit


class Gate(NamedTuple):
    """What was asked for beside findings, and what came of it."""

    baseline: Baselined | None = None
    ratchet: Ratcheted | None = None
    fail_under: float | None = None
    compliance: float = 100.0
    branch: Branch | None = None

    @property
    def findings_fail(self) -> bool:
        """Whether a finding that counts is enough to fail."""
        by_figure = self.ratchet is not None or self.fail_under is not None
        return not by_figure or self.baseline is not None or self.branch is not None

    @property
    def missed(self) -> tuple[str, ...]:
        """The figures that do not hold, in words."""
        told = []
        if self.fail_under is not None and self.compliance < self.fail_under:
            share = int(self.compliance * 100) / 100  # 79.999 is not 80
            told.append(f"compliance is {share:g} %, below the {self.fail_under:g} % that are asked for")
        for one, allowed in self.ratchet.grown if self.ratchet is not None else ():
            told.append(f"{one.code} in {one.component}: {one.findings}, where the ratchet allows {allowed}")
        return tuple(told)


def baseline_file(settings: Settings, named: str | None = None) -> str:
    """Return the path of the baseline: as named on the command line, as configured, or the default."""
    return named if named is not None else os.path.join(settings.root, settings.baseline or BASELINE)


def ratchet_file(settings: Settings) -> str:
    """Return the path of the ratchet: as configured, or the default."""
    return os.path.join(settings.root, settings.ratchet or RATCHET)


def hold(analysis: Analysis, asked: Asked) -> Analysis:
    """Return the analysis as the gate sees it.

    Raises:
        GateError: if a file is missing or not right, or git cannot say what the branch adds.
    """
    gate = Gate()
    if asked.fail_under is not None:
        from logshift.report.summary import count

        gate = gate._replace(fail_under=asked.fail_under, compliance=count(analysis).percentage)
    if asked.ratchet is not None:
        from logshift.gate import ratchet

        gate = gate._replace(ratchet=ratchet.held(analysis, asked.ratchet, asked.paths))
    if asked.baseline is not None:
        from logshift.gate import baseline

        entries = baseline.load(asked.baseline)
        matched = baseline.match(analysis, entries)
        gone = baseline.gone(matched, analysis, asked.paths)
        gate = gate._replace(baseline=Baselined(shown(asked.baseline), len(entries), gone))
        analysis = baseline.apart(analysis, matched)
    if asked.diff_base is not None:
        from logshift.gate import branch

        looked_at = (file.facts.path for file in analysis.files if file.findings)
        added = branch.added(asked.paths, asked.diff_base, looked_at)
        gate = gate._replace(branch=Branch(asked.diff_base, added.base))
        analysis = branch.apart(analysis, added)
    return analysis._replace(gate=gate)


def lies_below(path: str, paths: Iterable[str]) -> bool:
    """Say whether `path` is one of `paths`, or lies below one."""
    path = os.path.abspath(path)
    return any(path == place or path.startswith(place.rstrip(os.sep) + os.sep) for place in map(os.path.abspath, paths))


def is_unanalysed(path: str, unanalysed: Iterable[Unanalysed]) -> bool:
    """Say whether nothing is known of what is at `path`, itself or as a part of a folder."""
    return lies_below(path, (one.path for one in unanalysed))
