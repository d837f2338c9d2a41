"""Timing commands in pairs: the claim and its rival in turn, so that a busy machine slows both alike.

CPU seconds of the whole process with its children, as the operating system counts them; the figure to quote is
the median of the ratios, pair by pair.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One contender: what to run, where, and what to do before each run."""

    name: str
    arguments: Sequence[str]
    cwd: str
    prepare: Callable[[], None] = lambda: None

    def cpu_seconds(self) -> float:
        """Run once and return user plus system time."""
        self.prepare()
        before = _children()
        subprocess.run(self.arguments, cwd=self.cwd, capture_output=True, check=False)
        return _children() - before


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(claim: Command, rival: Command, pairs: int) -> tuple[float, float, float]:
    """Return the median CPU seconds of both, and the median of their ratios."""
    claim.cpu_seconds()
    rival.cpu_seconds()
    times = [(claim.cpu_seconds(), rival.cpu_seconds()) for _ in range(pairs)]
    ratios = [one / other for one, other in times if other > 0]
    return (
        statistics.median(one for one, _ in times),
        statistics.median(other for _, other in times),
        statistics.median(ratios),
    )


def print_table(rows: list[tuple[str, str, float, float, float]]) -> None:
    """Print work, rival, both times in milliseconds, and the ratio."""
    print(f"{'work':<34}{'rival':<44}{'ms':>9}{'rival ms':>10}{'ratio':>8}")
    for work, rival, ours, theirs, ratio in rows:
        print(f"{work:<34}{rival:<44}{ours * 1000:>9.1f}{theirs * 1000:>10.1f}{ratio:>8.2f}")
