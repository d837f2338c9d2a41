"""The circuit breaker: whether a call may go through, judged by how the last ones ended.

In: admissions asked for, results, a monotonic clock. Out: an era for each admission, and transitions. No I/O, no
lock, no task: all calls of one breaker belong on one event loop (a thread hands its result back to the loop first).

Words and defaults are resilience4j's, https://resilience4j.readme.io/docs/circuitbreaker – except that a number of
failures in a row trips as well, that a call which was admitted in one era is no evidence in another, and that an open
circuit waits longer each time its probes fail.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, ParamSpec, TypeVar

from universal_framework.workflow._window import CallWindow, TimeWindow, Window

P = ParamSpec("P")
T = TypeVar("T")


class BreakerState(StrEnum):
    """Where a circuit stands; the last three are the operator's."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
    FORCED_OPEN = "FORCED_OPEN"
    DISABLED = "DISABLED"
    METRICS_ONLY = "METRICS_ONLY"


_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
_FORCED_OPEN, _DISABLED, _METRICS_ONLY = BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.METRICS_ONLY
_ADMITTING: Final = frozenset({_CLOSED, _DISABLED, _METRICS_ONLY})


class Reason(StrEnum):
    """Why a call was refused."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    BULKHEAD = "bulkhead"
    SATURATED = "saturated"
    DEADLINE = "deadline"


class CircuitOpen(Exception):  # noqa: N818 - the field's word; it says the state, as `StopIteration` does
    """A call was refused before it reached the agent.

    Attributes:
        agent: Whose circuit it is.
        retry_after: Seconds until a call may be admitted; None where that does not depend on time.
        reason: Why it was refused.
    """

    def __init__(self, agent: str, retry_after: float | None, reason: Reason = Reason.OPEN) -> None:
        super().__init__(agent, retry_after, reason)
        self.agent = agent
        self.retry_after = retry_after
        self.reason = reason

    def __str__(self) -> str:
        when = "" if self.retry_after is None else f"; retry after {self.retry_after:.1f} s"
        return f"call of {self.agent} refused: {self.reason}{when}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When a circuit opens, how long it stays so, and what closes it. Durations are seconds, rates are shares of 1.

    Attributes:
        failure_threshold: Failures in a row that open the circuit; 0 for no such rule.
        failure_rate: Share of failures in the window that opens it, from `minimum_calls` on.
        slow_seconds: From which duration on a call is slow.
        slow_rate: Share of slow calls in the window that opens it.
        minimum_calls: Calls in the window below which rates say nothing.
        window_calls: The window: the last so many calls.
        window_seconds: The window: the last so many seconds; in place of `window_calls`.
        wait_open: How long the circuit is open at first.
        wait_multiplier: By how much the wait grows each time the probes fail.
        wait_max: What it grows to.
        wait_jitter: Share of the wait that is added at random, so that not all processes probe at once.
        probes: Calls admitted while half-open.
        probe_failure_rate: Share of failed probes that opens the circuit again, judged when all are back; None: all
            must pass, and the first that fails decides.
        half_open_max: How long a half-open circuit waits for its probes before it opens again; None: for ever.

    Raises:
        ValueError: A value is out of its range.
    """

    failure_threshold: int = 5
    failure_rate: float = 0.5
    slow_seconds: float = 20.0
    slow_rate: float = 1.0
    minimum_calls: int = 10
    window_calls: int = 20
    window_seconds: float | None = None
    wait_open: float = 60.0
    wait_multiplier: float = 2.0
    wait_max: float = 600.0
    wait_jitter: float = 0.1
    probes: int = 3
    probe_failure_rate: float | None = None
    half_open_max: float | None = 60.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense, with the name of the setting."""
        shares = {"failure_rate": self.failure_rate, "slow_rate": self.slow_rate}
        shares["probe_failure_rate"] = 1.0 if self.probe_failure_rate is None else self.probe_failure_rate
        positive = {"slow_seconds": self.slow_seconds, "wait_open": self.wait_open}
        positive["window_seconds"] = 1.0 if self.window_seconds is None else self.window_seconds
        positive["half_open_max"] = 1.0 if self.half_open_max is None else self.half_open_max
        counts = {"minimum_calls": self.minimum_calls, "window_calls": self.window_calls, "probes": self.probes}
        wrong = [(name, value, "in (0, 1]") for name, value in shares.items() if not 0 < value <= 1]
        wrong += [(name, value, "> 0 seconds") for name, value in positive.items() if not 0 < value < float("inf")]
        wrong += [(name, value, ">= 1") for name, value in counts.items() if value < 1]
        if self.failure_threshold < 0:
            wrong.append(("failure_threshold", self.failure_threshold, ">= 0 (0: no such rule)"))
        if not self.wait_multiplier >= 1:
            wrong.append(("wait_multiplier", self.wait_multiplier, ">= 1"))
        if not 0 <= self.wait_jitter <= 1:
            wrong.append(("wait_jitter", self.wait_jitter, "in [0, 1]"))
        if self.window_seconds is None and self.minimum_calls > self.window_calls:
            wrong.append(("minimum_calls", self.minimum_calls, f"<= window_calls ({self.window_calls})"))
        if wrong:
            raise ValueError("; ".join(f"{name} is {value!r}, must be {rule}" for name, value, rule in wrong))

    def window(self) -> Window:
        """Return an empty window."""
        return CallWindow(self.window_calls) if self.window_seconds is None else TimeWindow(self.window_seconds)


class CircuitBreakerState:
    """The circuit of one agent, as a pure state machine.

    Args:
        failure_threshold: Failures in a row that open the circuit.
        timeout: Seconds that it stays open at first.
        settings: Everything else; in place of the two above.
        name: Whose circuit it is, for messages.
        clock: Monotonic seconds.
        random: A number in [0, 1), for the jitter.
        on_transition: Told of every change of state: from, to. It must not raise.

    Attributes:
        failure_count: Failures in a row in the present era.
        last_failure_time: When the last one ended, on `clock`; None before the first.
    """

    __slots__ = (
        "_admitted",
        "_clock",
        "_done",
        "_era",
        "_failed_probes",
        "_failed_rounds",
        "_opened",
        "_random",
        "_settings",
        "_slow_probes",
        "_slow_seconds",
        "_state",
        "_tell",
        "_wait",
        "_window",
        "failure_count",
        "last_failure_time",
        "name",
    )

    def __init__(
        self,
        failure_threshold: int = 5,
        timeout: float = 60,
        *,
        settings: BreakerSettings | None = None,
        name: str = "agent",
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
        on_transition: Callable[[BreakerState, BreakerState], None] | None = None,
    ) -> None:
        self.name = name
        self._settings = settings or BreakerSettings(failure_threshold=failure_threshold, wait_open=timeout)
        self._slow_seconds = self._settings.slow_seconds
        self._clock = clock
        self._random = random
        self._tell = on_transition
        self.failure_count = 0
        self.last_failure_time: float | None = None
        self._era = 0
        self._opened = self._wait = 0.0
        self._failed_rounds = 0
        self._state = _CLOSED
        self._begin(_CLOSED)

    def __repr__(self) -> str:
        return f"CircuitBreakerState({self.name}, {self.state}, {self.failure_count} failures in a row)"

    @property
    def state(self) -> BreakerState:
        """Where the circuit stands; an open one whose wait is over is open until somebody calls."""
        return self._state

    @property
    def era(self) -> int:
        """The number of the present state; every transition begins another."""
        return self._era

    @property
    def settings(self) -> BreakerSettings:
        """What the circuit judges by."""
        return self._settings

    @property
    def failure_threshold(self) -> int:
        """Failures in a row that open the circuit."""
        return self._settings.failure_threshold

    @property
    def timeout(self) -> float:
        """Seconds that the circuit stays open at first."""
        return self._settings.wait_open

    @property
    def window(self) -> tuple[int, int, int]:
        """Calls, failures and slow calls of the window."""
        return self._window.calls, self._window.failures, self._window.slow

    def admit(self) -> int | None:
        """Return the era in which a call is admitted; None if it is refused.

        Whoever is admitted must call `record` or `release` with that era once.
        """
        state = self._state
        if state in _ADMITTING:
            return self._era
        if state is _OPEN:
            if self._clock() - self._opened < self._wait:
                return None
            self._begin(_HALF_OPEN)
        elif state is _FORCED_OPEN:
            return None
        if self._admitted >= self._settings.probes:
            self._give_up_on_lost_probes()
            return None
        self._admitted += 1
        return self._era

    def rejection(self) -> CircuitOpen:
        """Return what to raise for a call that was refused just now."""
        if self._state is _OPEN:
            return CircuitOpen(self.name, self.retry_after())
        if self._state is _FORCED_OPEN:
            return CircuitOpen(self.name, None, Reason.FORCED_OPEN)
        return CircuitOpen(self.name, None, Reason.HALF_OPEN)

    def retry_after(self) -> float | None:
        """Return the seconds until a call may be admitted; None where that does not depend on time."""
        if self._state is not _OPEN:
            return None
        return max(0.0, self._wait - (self._clock() - self._opened))

    def release(self, era: int) -> None:
        """Take back an admission whose call says nothing about the agent: cancelled, or an ignored error."""
        if era == self._era and self._state is _HALF_OPEN and self._admitted > self._done:
            self._admitted -= 1

    def record(self, era: int, failed: bool, seconds: float) -> None:  # noqa: FBT001 - positional: it is the hot path
        """Take in how a call ended that was admitted in `era`, and how long it took. Other eras' calls are ignored."""
        if era != self._era:
            return
        state = self._state
        slow = seconds >= self._slow_seconds
        if failed:
            self.failure_count += 1
            self.last_failure_time = self._clock()
        else:
            self.failure_count = 0
        if state is _CLOSED:
            window = self._window
            # A window of calls needs no time; reading the clock costs as much as the rest.
            window.add(0.0 if self._settings.window_seconds is None else self._clock(), failed, slow)
            if (failed or slow or window.failures or window.slow) and self._must_open(failed):
                self._open()
        elif state is _METRICS_ONLY:
            self._window.add(self._clock(), failed, slow)
        elif state is _HALF_OPEN:
            self._judge(failed, slow)

    def should_allow_request(self) -> bool:
        """Return whether a call is admitted; its result goes to `record_success` or `record_failure`."""
        return self.admit() is not None

    def record_success(self) -> None:
        """Take in a success of the present era; an open circuit ignores it."""
        self._record_present(failed=False)

    def record_failure(self) -> None:
        """Take in a failure of the present era; an open circuit ignores it."""
        self._record_present(failed=True)

    def _record_present(self, *, failed: bool) -> None:
        if self._state is _HALF_OPEN and self._admitted <= self._done:
            return  # nobody was admitted whose result this could be
        self.record(self._era, failed, 0.0)

    async def call(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Await `function` under this circuit; every exception but cancellation counts as failure.

        Raises:
            CircuitOpen: The call was refused.
        """
        # `admit` and `record` for the common case, written out: calls of methods are what a guard costs.
        era = self._era if self._state is _CLOSED else self.admit()
        if era is None:
            raise self.rejection()
        clock = self._clock
        begun = clock()
        try:
            result = await function(*args, **kwargs)
        except Exception:
            self.record(era, True, clock() - begun)
            raise
        except BaseException:
            self.release(era)
            raise
        self.record(era, False, clock() - begun)
        return result

    def force(self, state: BreakerState) -> None:
        """Put the circuit into any state by hand; what was known of it is forgotten."""
        if state is _OPEN:
            self._failed_rounds = 0
            self._open()
        else:
            self._begin(state)

    def _must_open(self, failed: bool) -> bool:  # noqa: FBT001 - private
        settings, window = self._settings, self._window
        if failed and settings.failure_threshold and self.failure_count >= settings.failure_threshold:
            return True
        calls = window.calls
        return calls >= settings.minimum_calls and (
            window.failures >= settings.failure_rate * calls or window.slow >= settings.slow_rate * calls
        )

    def _judge(self, failed: bool, slow: bool) -> None:  # noqa: FBT001 - private
        """Take in a probe; the last one, or the first that must not fail, decides."""
        self._done += 1
        self._failed_probes += failed
        self._slow_probes += slow
        settings = self._settings
        if failed and settings.probe_failure_rate is None:
            self._reopen()
        elif self._done >= settings.probes:
            rate = settings.probe_failure_rate
            if (rate is not None and self._failed_probes >= rate * self._done) or (
                self._slow_probes >= settings.slow_rate * self._done
            ):
                self._reopen()
            else:
                self._begin(_CLOSED)

    def _give_up_on_lost_probes(self) -> None:
        longest = self._settings.half_open_max
        if longest is not None and self._clock() - self._opened >= longest:
            self._reopen()

    def _reopen(self) -> None:
        self._failed_rounds += 1
        self._open()

    def _open(self) -> None:
        settings = self._settings
        # As a power: a float overflows at 1024 rounds of doubling.
        growth = settings.wait_multiplier ** min(self._failed_rounds, 64)
        wait = min(settings.wait_open * growth, max(settings.wait_max, settings.wait_open))
        self._wait = wait * (1 + settings.wait_jitter * self._random())
        self._begin(_OPEN)

    def _begin(self, state: BreakerState) -> None:
        """Enter `state` in a new era."""
        before, self._state = self._state, state
        self._era += 1
        if state in {_OPEN, _HALF_OPEN}:
            self._opened = self._clock()
        else:
            self._window = self._settings.window()
            self.failure_count = 0
            self._failed_rounds = 0
        self._admitted = self._done = self._failed_probes = self._slow_probes = 0
        if self._tell is not None and before is not state:
            self._tell(before, state)
