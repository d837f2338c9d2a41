"""Alerts: too many failures, or slower than usual.

In: results of agents and a monotonic clock's time. Out: one `Alert` each time one begins or ends. Pure: no clock, no
I/O. An alert begins at its threshold and ends well below it, needs enough calls to say anything, and does not begin
again until some time after it ended.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

#: An error rate is over when it has fallen to this share of its threshold.
_CLEAR: Final = 0.8

#: The window of error rates moves in so many steps.
_STEPS: Final = 12

#: Weight of the newest period in the usual duration.
_NEWEST: Final = 0.2


class AlertKind(StrEnum):
    """What is wrong."""

    ERROR_RATE = "error_rate"
    DEGRADATION = "performance_degradation"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something began to be wrong, or ended.

    Attributes:
        kind: What.
        agent: Where.
        begins: Whether it begins.
        value: The error rate (share of 1) or the 95th percentile (seconds).
        threshold: What it is held against.
    """

    kind: AlertKind
    agent: str
    begins: bool
    value: float
    threshold: float


@dataclass(slots=True)
class _Latch:
    """Whether an alert is on, and since when it is off."""

    on: bool = False
    ended: float = float("-inf")

    def judged(self, now: float, *, bad: bool, good: bool, cooldown: float) -> bool | None:
        """Return whether the alert begins (True), ends (False), or neither."""
        if not self.on and bad and now - self.ended >= cooldown:
            self.on = True
            return True
        if self.on and good:
            self.on, self.ended = False, now
            return False
        return None


@dataclass(slots=True)
class ErrorRate:
    """The share of failures of one agent over the last `window` seconds.

    Attributes:
        agent: Its name.
        threshold: The share at which the alert begins; it ends at 0.8 of that.
        minimum: Calls in the window below which nothing is said.
        window: Seconds.
        cooldown: Seconds after the end before it may begin again.
    """

    agent: str
    threshold: float
    minimum: int = 20
    window: float = 300.0
    cooldown: float = 60.0
    _steps: deque[list[float]] = field(default_factory=deque)
    _calls: int = 0
    _failures: int = 0
    _latch: _Latch = field(default_factory=_Latch)

    def add(self, now: float, *, failed: bool) -> Alert | None:
        """Take in a call."""
        step = now // (self.window / _STEPS)
        if not self._steps or self._steps[-1][0] != step:
            self._steps.append([step, 0, 0])
        self._steps[-1][1] += 1
        self._steps[-1][2] += failed
        self._calls += 1
        self._failures += failed
        return self.check(now)

    def check(self, now: float) -> Alert | None:
        """Return the alert that begins or ends by now, with or without new calls."""
        oldest = now // (self.window / _STEPS) - _STEPS
        while self._steps and self._steps[0][0] <= oldest:
            _, calls, failures = self._steps.popleft()
            self._calls -= int(calls)
            self._failures -= int(failures)
        rate = self._failures / self._calls if self._calls else 0.0
        verdict = self._latch.judged(
            now,
            bad=self._calls >= self.minimum and rate >= self.threshold,
            good=rate <= _CLEAR * self.threshold,
            cooldown=self.cooldown,
        )
        return None if verdict is None else Alert(AlertKind.ERROR_RATE, self.agent, verdict, rate, self.threshold)


@dataclass(slots=True)
class Degradation:
    """The 95th percentile of one agent's durations, period by period, against what is usual for it.

    Attributes:
        agent: Its name.
        factor: How many times the usual is too slow.
        floor: Seconds below which nothing is too slow.
        minimum: Calls in a period below which nothing is said.
        cooldown: Seconds after the end before it may begin again.
    """

    agent: str
    factor: float = 2.0
    floor: float = 1.0
    minimum: int = 20
    cooldown: float = 60.0
    usual: float | None = None
    _latch: _Latch = field(default_factory=_Latch)

    def period(self, now: float, p95: float, calls: int) -> Alert | None:
        """Take in a period; while it is too slow, what is usual is not learned from it."""
        if calls < self.minimum:
            return None
        if self.usual is None:
            self.usual = p95
            return None
        limit = max(self.factor * self.usual, self.floor)
        verdict = self._latch.judged(
            now, bad=p95 > limit, good=p95 <= max(_CLEAR * limit, self.usual), cooldown=self.cooldown
        )
        if p95 <= limit:
            self.usual += _NEWEST * (p95 - self.usual)
        return None if verdict is None else Alert(AlertKind.DEGRADATION, self.agent, verdict, p95, limit)
