"""Metrics as sums in memory: a fixed number of series, each of fixed size.

In: counts, durations and levels, from any thread. Out: what each series holds (`totals`), and what came in since the
last delivery (`take`, then `settle`). Never: an exception into the caller, a series more than the limit, a number that
is not finite, a parent's numbers in a forked child.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import threading
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

Tags = tuple[tuple[str, str], ...]

#: Upper bounds of the buckets of durations, in seconds: from a cache hit to a model that takes its time.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)

#: What a name may be made of for all receivers; what else is there becomes an underscore.
_UNNAMEABLE: Final = re.compile(r"[^a-zA-Z0-9_.]")
_NAME_CHARS: Final = 200

#: The series for all that the limit has no place for, as OpenTelemetry names it.
_OVERFLOW: Final[Tags] = (("overflow", "true"),)


def safe_name(name: str) -> str:
    """Return a metric's name without what could end a line or begin another field of a protocol."""
    return _UNNAMEABLE.sub("_", name)[:_NAME_CHARS] or "_"


@dataclass(frozen=True, slots=True)
class Point:
    """What a series holds, or what came in since the last delivery.

    Attributes:
        name: Of the metric, with its unit.
        tags: Names and values.
        kind: ``count``, ``gauge`` or ``histogram``.
        value: A count, a level, or the sum of durations in seconds.
        count: How many durations.
        buckets: How many durations up to each of `BOUNDS` and above the one before; the last are longer than all.
    """

    name: str
    tags: Tags
    kind: str
    value: float
    count: int = 0
    buckets: tuple[int, ...] = ()

    def quantile(self, share: float) -> float:
        """Return the duration that `share` of all did not exceed, to the upper bound of its bucket."""
        rest = math.ceil(share * self.count)
        for bound, number in zip(BOUNDS, self.buckets, strict=False):
            rest -= number
            if rest <= 0:
                return bound
        return BOUNDS[-1]


class Add(Protocol):
    """Counts `number` more; a gauge rises or falls by it."""

    def __call__(self, number: float = 1, /) -> None: ...


def _adder(total: list[float], lock: threading.Lock, drop: Callable[[], None]) -> Add:
    """Return what adds to the one member of `total`, under `lock`.

    A function with its own variables, and no ``with``: to look up attributes and a context manager's methods costs more
    than to lock and to add.
    """
    acquire, release = lock.acquire, lock.release

    def add(number: float = 1, /) -> None:
        if number - number:  # infinite, or no number
            drop()
            return
        acquire()
        try:
            total[0] += number
        finally:
            release()

    return add


class Series:
    """One metric with one set of tags: `inc` counts one, `add` a number, `observe` takes a duration."""

    __slots__ = (
        "_aggregate", "_lock", "_sum", "_ticks", "add", "buckets", "count", "inc", "kind", "name", "sent", "tags",
    )  # fmt: skip

    def __init__(self, aggregate: Aggregate, name: str, tags: Tags, kind: str) -> None:
        self._aggregate = aggregate
        self.name, self.tags, self.kind = name, tags, kind
        self._sum = [0.0]
        self._lock = aggregate.lock
        self.add: Add = _adder(self._sum, aggregate.lock, aggregate.drop)
        self.count = 0
        self._tick_from_zero()
        self.buckets = [0] * (len(BOUNDS) + 1) if kind == "histogram" else []
        self.sent: tuple[float, int, tuple[int, ...]] = (0.0, 0, tuple(self.buckets))

    @property
    def value(self) -> float:
        """What was added up."""
        return self._sum[0]

    def _tick_from_zero(self) -> None:
        # One step of a `count` is one call into C, which no other thread can interrupt: a count without a lock.
        self._ticks = itertools.count()
        self.inc: Callable[[], int] = self._ticks.__next__

    def observe(self, seconds: float) -> None:
        """Take in a duration."""
        if not 0 <= seconds < math.inf:
            self._aggregate.drop()
            return
        at = bisect_left(BOUNDS, seconds)
        lock = self._lock
        lock.acquire()
        try:
            self._sum[0] += seconds
            self.count += 1
            self.buckets[at] += 1
        finally:
            lock.release()

    def total(self) -> Point:
        """Return everything since the start."""
        ticks = int(repr(self._ticks)[6:-1])
        return Point(self.name, self.tags, self.kind, self.value + ticks, self.count, tuple(self.buckets))

    def since(self, total: Point) -> Point | None:
        """Return what `total` has more than what was delivered; None if that is nothing."""
        if self.kind == "gauge":
            return total
        value, count, buckets = self.sent
        if total.value == value and total.count == count:
            return None
        more = tuple(now - before for now, before in zip(total.buckets, buckets, strict=True))
        return Point(self.name, self.tags, self.kind, total.value - value, total.count - count, more)


class Aggregate:
    """All series of a process.

    Args:
        limit: How many series there are at most; the rest is counted in one series of each name and kind.
    """

    def __init__(self, limit: int = 2000) -> None:
        self.lock = threading.Lock()
        self.limit = limit
        self.dropped_series = 0
        self.dropped_points = 0
        self._series: dict[tuple[str, Tags, str], Series] = {}
        _aggregates.add(self)

    def __len__(self) -> int:
        return len(self._series)

    def series(self, name: str, tags: Tags = (), kind: str = "count") -> Series:
        """Return the series of a metric; beyond the limit, the one for all that has no place."""
        name = safe_name(name)
        key = (name, tags, kind)
        found = self._series.get(key)
        if found is not None:
            return found
        with self.lock:
            if len(self._series) >= self.limit and tags != _OVERFLOW:
                self.dropped_series += 1
                key = (name, _OVERFLOW, kind)
            return self._series.setdefault(key, Series(self, key[0], key[1], kind))

    def drop(self) -> None:
        """Count a number that no series takes."""
        with self.lock:
            self.dropped_points += 1

    def totals(self) -> list[Point]:
        """Return what every series holds."""
        with self.lock:
            return [series.total() for series in self._series.values()]

    def take(self) -> tuple[list[Point], list[tuple[Series, Point]]]:
        """Return what came in since the last delivery, and the receipt that `settle` wants when it was delivered."""
        with self.lock:
            now = [(series, series.total()) for series in self._series.values()]
        more = [series.since(total) for series, total in now]
        return [point for point in more if point is not None], now

    def settle(self, receipt: Iterable[tuple[Series, Point]]) -> None:
        """Note that what was taken was delivered; without this the next `take` has it again."""
        with self.lock:
            for series, total in receipt:
                series.sent = (total.value, total.count, total.buckets)

    def _forked(self) -> None:
        # In place, as `threading` does with its own: who holds a bound `Series.add` has this very lock.
        self.lock._at_fork_reinit()  # type: ignore[attr-defined]
        for series in self._series.values():
            series._sum[0], series.count = 0.0, 0
            series._tick_from_zero()
            series.buckets = [0] * len(series.buckets)
            series.sent = (0.0, 0, tuple(series.buckets))


_aggregates: weakref.WeakSet[Aggregate] = weakref.WeakSet()


def _after_fork() -> None:
    for aggregate in list(_aggregates):
        aggregate._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
