"""The last calls of an agent: how many, how many failed, how many were slow.

In: finished calls. Out: three sums. Over the last so many calls (`CallWindow`) or the last so many seconds
(`TimeWindow`); both take constant memory and constant time for each call, and neither reads a clock.
"""

from __future__ import annotations

from typing import Final, Protocol

#: A time window moves in steps of a tenth of its length.
_BUCKETS: Final = 10


class Window(Protocol):
    """What a breaker judges by."""

    calls: int
    failures: int
    slow: int

    def add(self, now: float, failed: bool, slow: bool, /) -> None:
        """Take in a call that ended at `now`, in seconds of a monotonic clock."""


class CallWindow:
    """The last `size` calls, in a ring of bytes: bit 0 is failed, bit 1 is slow."""

    __slots__ = ("_next", "_ring", "calls", "failures", "size", "slow")

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls = self.failures = self.slow = 0
        self._ring = bytearray(size)
        self._next = 0

    def add(self, _now: float, failed: bool, slow: bool, /) -> None:
        """Take in one call; the oldest leaves."""
        at, ring = self._next, self._ring
        if self.calls == self.size:
            old = ring[at]
            if old:
                self.failures -= old & 1
                self.slow -= old >> 1
        else:
            self.calls += 1
        if failed or slow:
            ring[at] = failed + 2 * slow
            self.failures += failed
            self.slow += slow
        else:
            ring[at] = 0
        at += 1
        self._next = 0 if at == self.size else at


class TimeWindow:
    """The calls of the last `seconds`, to a tenth of that."""

    __slots__ = ("_buckets", "_step", "_steps", "calls", "failures", "slow")

    def __init__(self, seconds: float) -> None:
        self._step = seconds / _BUCKETS
        self._buckets = [[0, 0, 0] for _ in range(_BUCKETS)]
        self._steps = 0
        self.calls = self.failures = self.slow = 0

    def move(self, now: float) -> None:
        """Let go of what is older than the window at `now`."""
        steps = int(now / self._step)
        for step in range(max(self._steps + 1, steps - _BUCKETS + 1), steps + 1):
            bucket = self._buckets[step % _BUCKETS]
            self.calls -= bucket[0]
            self.failures -= bucket[1]
            self.slow -= bucket[2]
            bucket[:] = (0, 0, 0)
        self._steps = max(self._steps, steps)

    def add(self, now: float, failed: bool, slow: bool, /) -> None:
        """Take in one call; what is too old leaves."""
        self.move(now)
        bucket = self._buckets[self._steps % _BUCKETS]
        bucket[0] += 1
        bucket[1] += failed
        bucket[2] += slow
        self.calls += 1
        self.failures += failed
        self.slow += slow
