"""Timing functions of one process in rounds: each case once per round, in another order each time.

In: cases by name, each a function that does its work so many times. Out: nanoseconds per turn, round by round. A ratio
is taken within a round, so that a machine that others use slows both sides alike, and its median over all rounds is
the figure to quote. The clock is the CPU time of the thread; what waits is for other tables.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Case = Callable[[int], object]
Samples = Mapping[str, list[float]]


@dataclass(frozen=True)
class Claim:
    """What is said of a figure: it must be at most `floor`, and is meant to be at most `goal`.

    Without a floor it is for information.
    """

    text: str
    figure: float
    floor: float | None = None
    goal: float | None = None
    unit: str = "×"

    @property
    def verdict(self) -> str:
        """How the figure stands to the claim."""
        if self.floor is None:
            return ""
        if self.figure > self.floor:
            return "NOT MET"
        return "met" if self.goal is None or self.figure <= self.goal else "met (goal not)"


def measure(cases: Mapping[str, Case], *, turns: int, rounds: int) -> dict[str, list[float]]:
    """Return nanoseconds of thread CPU time per turn, by case, round by round."""
    for case in cases.values():
        case(max(turns // 10, 1))
    samples: dict[str, list[float]] = {name: [] for name in cases}
    order = list(cases)
    shuffled = random.Random(20)  # noqa: S311 - not for secrets
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffled.shuffle(order)
            for name in order:
                case = cases[name]
                begun = time.thread_time_ns()
                case(turns)
                samples[name].append((time.thread_time_ns() - begun) / turns)
            gc.collect()
    finally:
        gc.enable()
    return samples


def ratio(samples: Samples, ours: str, rival: str) -> float:
    """Return the median of the ratios within a round."""
    return statistics.median(one / other for one, other in zip(samples[ours], samples[rival], strict=True))


def print_times(samples: Samples, unit: str = "ns of CPU") -> None:
    """Print the median of each case, cheapest first."""
    medians = {name: statistics.median(values) for name, values in samples.items()}
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        print(f"  {name:<62}{median:>12,.0f} {unit}")


def print_claims(claims: list[Claim]) -> None:
    """Print claim, figure, floor, goal, and whether it is met."""
    if claims:
        print(f"  {'claim':<76}{'figure':>10}{'floor':>9}{'goal':>8}")
    for claim in claims:
        floor, goal = (("" if limit is None else f"{limit:g}") for limit in (claim.floor, claim.goal))
        figure = f"{claim.figure:.3g} {claim.unit}"
        print(f"  {claim.text:<76}{figure:>10}{floor:>9}{goal:>8}  {claim.verdict}")
