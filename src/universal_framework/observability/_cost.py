"""What logging itself costs: a sample of the calls, as a histogram of powers of two.

In: durations. Out: quantiles, and one warning when an operation took longer than the budget. Counting is not
locked: two threads may lose a sample between them, never an event.
"""

from __future__ import annotations

from typing import NamedTuple

#: One call in so many is timed; a power of two.
SAMPLED = 64

_BUCKETS = 40  # up to 2 ** 40 ns, a quarter of an hour


class Costs(NamedTuple):
    """Figures on the calls that were timed, in nanoseconds; a quantile is the upper edge of its bucket."""

    samples: int
    p50_ns: int
    p99_ns: int
    max_ns: int
    over_budget: int
    budget_ns: int  # 0 for none


class Cost:
    """The account of one pipeline."""

    __slots__ = ("_buckets", "budget_ns", "max_ns", "over_budget")

    def __init__(self, budget_ns: int) -> None:
        self.budget_ns = budget_ns
        self.max_ns = 0
        self.over_budget = 0
        self._buckets = [0] * _BUCKETS

    def add(self, nanoseconds: int) -> bool:
        """Count one call; True for the first that was over the budget."""
        if nanoseconds < 0:  # the clock was set back
            return False
        self._buckets[min(nanoseconds.bit_length(), _BUCKETS - 1)] += 1
        self.max_ns = max(self.max_ns, nanoseconds)
        if nanoseconds <= self.budget_ns or not self.budget_ns:
            return False
        self.over_budget += 1
        return self.over_budget == 1

    def told(self) -> Costs:
        """Return the figures so far."""
        buckets = list(self._buckets)
        total = sum(buckets)
        p50, p99 = (_quantile(buckets, total, percent) for percent in (50, 99))
        return Costs(total, p50, p99, self.max_ns, self.over_budget, self.budget_ns)


def _quantile(buckets: list[int], total: int, percent: int) -> int:
    wanted = -(-total * percent // 100)  # rounded up
    passed = 0
    for exponent, number in enumerate(buckets):
        passed += number
        if number and passed >= wanted:
            return 1 << exponent
    return 0
