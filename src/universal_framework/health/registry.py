"""The contributors to a service's health, asked seldom, side by side, and never twice at once.

In: contributors; what the service tells of its life – started, draining. Out: reports. A result is good for
`ok_ttl` seconds where it passed, `fail_ttl` where not; whoever needs one that is too old waits for the run that is
under way, or begins one. With `serving` the results are renewed in the background, before they are too old and not
at the same moment in all replicas, and nobody waits. Never: an exception, a wait longer than the longest timeout of the
contributors asked (while the event loop runs), a second run of a check beside one that is not given up.

A registry belongs to one process and one event loop at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from universal_framework.health._running import Check, Run, Runner, isolated
from universal_framework.health.lag import LoopLag
from universal_framework.health.model import (
    HealthReport,
    Lifecycle,
    Observation,
    Problem,
    Status,
    failed,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

__all__ = ["Check", "Contributor", "HealthRegistry", "isolated"]

logger = UniversalFrameworkLogger("health")

#: What contributors cannot be called: the plan's document has their entries beside these.
RESERVED: Final = frozenset({"overall_status", "status", "state", "timestamp", "checks", "excluded"})

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

#: When a result is renewed: after a share of its time between these two, by chance.
_EARLIEST, _LATEST = 0.6, 0.9
#: Seconds between two runs in the background, at least.
_LEAST = 0.05
#: Seconds that closing waits for checks that were cancelled.
_FAREWELL = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """Something that the service's health depends on. Durations are seconds.

    Attributes:
        name: Letters, digits and ``_ . -``; the key of its entry.
        check: Asks it. A coroutine function runs on the event loop, a plain function in a thread.
        critical: Whether the service can do nothing without it. If so, its failure takes the service out of traffic –
            all replicas at once where they share it. There is no default.
        timeout: What a check may take; by default less than the second after which Kubernetes gives up a probe.
        ok_ttl: How long a result that passed is good; 0: never, every report asks.
        fail_ttl: How long another one is.
        slow: From which duration on a run is logged as slow.
        kind: ``component``, ``datastore`` or ``system``, as the IETF's draft has it.

    Raises:
        ValueError: A value is out of its range.
    """

    name: str
    check: Check
    critical: bool
    timeout: float = 0.8
    ok_ttl: float = 10.0
    fail_ttl: float = 2.0
    slow: float = 0.5
    kind: str = "component"

    def __post_init__(self) -> None:
        """Refuse what makes no sense, with its name."""
        if not _NAME.fullmatch(self.name) or self.name in RESERVED:
            raise ValueError(
                f"contributor {self.name!r}: the name is reserved or not of letters, digits, '_', '.' and '-'"
            )
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"contributor {self.name}: timeout is {self.timeout!r}, must be > 0 seconds")
        for name in ("ok_ttl", "fail_ttl", "slow"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"contributor {self.name}: {name} is {value!r}, must be >= 0 seconds")


class HealthRegistry:
    """Contributors and the state of one service.

    Args:
        contributors: The first of them.
        liveness_lag: Seconds that the event loop may be late before the service counts as dead; None: it never does.
        clock: Monotonic seconds, for the age of results.
        now: The time, aware.
        random: A number in [0, 1), for the moment of renewal.
    """

    def __init__(
        self,
        contributors: Iterable[Contributor] = (),
        *,
        liveness_lag: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._now = now
        self._random = random
        self._lag = None if liveness_lag is None else LoopLag(liveness_lag)
        self._slots: dict[str, _Slot] = {}
        self._lifecycle = Lifecycle.STARTING
        self._started = False
        self._keepers: set[asyncio.Task[None]] = set()
        self._keeping = False
        for one in contributors:
            self.add(one)

    # -- what there is ------------------------------------------------------------------------------------------------

    def add(self, contributor: Contributor) -> None:
        """Let `contributor` count from now on.

        Raises:
            ValueError: There is one of that name.
            TypeError: Its check cannot be called.
        """
        if contributor.name in self._slots:
            raise ValueError(f"contributor {contributor.name}: there is one of this name; choose another")
        slot = self._slots[contributor.name] = _Slot(contributor, self._clock, self._now)
        if self._keeping:
            self._keep(slot)

    @property
    def contributors(self) -> tuple[Contributor, ...]:
        """All of them, in the order in which they were added."""
        return tuple(slot.contributor for slot in self._slots.values())

    # -- the service's life -------------------------------------------------------------------------------------------

    @property
    def lifecycle(self) -> Lifecycle:
        """Where the service stands."""
        return self._lifecycle

    @property
    def started(self) -> bool:
        """Whether the start was ever finished; draining does not undo that."""
        return self._started

    def mark_started(self) -> None:
        """Say that the start is over and the service may be sent traffic."""
        self._started = True
        self._enter(Lifecycle.RUNNING)

    def drain(self) -> None:
        """Say that no more traffic is wanted: readiness fails from now on, while requests are still answered."""
        self._enter(Lifecycle.DRAINING)

    def alive(self) -> bool:
        """Return whether a restart would not help: true, unless the event loop is later than it may be."""
        return self._lag is None or not self._lag.stalled()

    def _enter(self, lifecycle: Lifecycle) -> None:
        before, self._lifecycle = self._lifecycle, lifecycle
        if before is not lifecycle:
            logger.info("service_state_changed", before=before.value, after=lifecycle.value)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Be started inside, with results renewed in the background; draining, then closed, afterwards.

        For a lifespan, around its ``yield``, when everything else is up.
        """
        self.refresh_in_background()
        self.mark_started()
        try:
            yield
        finally:
            self.drain()
            await self.aclose()

    # -- reports ------------------------------------------------------------------------------------------------------

    async def report(self, *, critical_only: bool = False, exclude: Collection[str] = ()) -> HealthReport:
        """Return how the service is, from results that are not too old.

        Args:
            critical_only: Ask only what readiness depends on.
            exclude: Names of contributors to leave out; they are not asked. Unknown ones are ignored.
        """
        asked = [slot for slot in self._slots.values() if slot.contributor.critical or not critical_only]
        left_out: tuple[str, ...] = ()
        if exclude:
            left_out = tuple(slot.contributor.name for slot in asked if slot.contributor.name in exclude)
            asked = [slot for slot in asked if slot.contributor.name not in left_out]
        flights = {slot.flight() for slot in asked if not slot.is_fresh()}
        if flights:
            await asyncio.wait(flights)  # which neither raises what they do nor cancels them when we are
        observations = tuple(slot.last() for slot in asked)
        return HealthReport(self._lifecycle, observations, self._now(), left_out)

    def startup(self) -> HealthReport:
        """Return whether the start is over; no contributor is asked, lest one that is down has us restarted."""
        return HealthReport(Lifecycle.RUNNING if self._started else Lifecycle.STARTING, (), self._now())

    async def readiness(self, *, exclude: Collection[str] = ()) -> HealthReport:
        """Return whether the service may be sent traffic: started, not draining, nothing critical failing."""
        return await self.report(critical_only=True, exclude=exclude)

    # -- in the background --------------------------------------------------------------------------------------------

    def refresh_in_background(self) -> None:
        """Ask every contributor now, and again before its result is too old, on the running loop."""
        loop = asyncio.get_running_loop()
        if any(task.get_loop() is loop for task in self._keepers):
            return
        self._keepers.clear()
        self._keeping = True
        for slot in self._slots.values():
            self._keep(slot)
        if self._lag is not None:
            self._lag.start()

    async def aclose(self) -> None:
        """End what runs in the background; checks under way are cancelled and waited for a second."""
        self._keeping = False
        if self._lag is not None:
            self._lag.stop()
        loop = asyncio.get_running_loop()
        tasks = {*self._keepers, *(slot.flying for slot in self._slots.values() if slot.flying is not None)}
        tasks = {task for task in tasks if task.get_loop() is loop}
        self._keepers.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_FAREWELL)

    def _keep(self, slot: _Slot) -> None:
        task = asyncio.get_running_loop().create_task(self._keep_fresh(slot), context=Context())
        self._keepers.add(task)
        task.add_done_callback(self._keepers.discard)

    async def _keep_fresh(self, slot: _Slot) -> None:
        while True:
            await asyncio.wait({slot.flight()})
            share = _EARLIEST + (_LATEST - _EARLIEST) * self._random()
            await asyncio.sleep(max(_LEAST, slot.ttl() * share))


class _Slot:
    """A contributor, its last result and the run that is under way."""

    def __init__(self, contributor: Contributor, clock: Callable[[], float], now: Callable[[], datetime]) -> None:
        self.contributor = contributor
        self.flying: asyncio.Task[None] | None = None
        self._runner = Runner(contributor.check, contributor.timeout)
        self._clock = clock
        self._now = now
        self._last: Observation | None = None
        self._expires = -math.inf

    def is_fresh(self) -> bool:
        """Return whether the last result is not too old."""
        return self._clock() < self._expires

    def ttl(self) -> float:
        """Return for how many seconds the last result is good."""
        passed = self._last is not None and self._last.result.status is Status.PASS
        return self.contributor.ok_ttl if passed else self.contributor.fail_ttl

    def last(self) -> Observation:
        """Return the last result; where a run was ended before there was any, that."""
        return self._last or self._observed(Run(failed(Problem.CANCELLED), 0.0))

    def flight(self) -> asyncio.Task[None]:
        """Return the run that is under way on this loop, a new one if there is none."""
        loop = asyncio.get_running_loop()
        flying = self.flying
        if flying is None or flying.done() or flying.get_loop() is not loop:
            # In a context of its own: the run is not part of the request that happens to need it.
            flying = self.flying = loop.create_task(self._fly(), context=Context())
        return flying

    async def _fly(self) -> None:
        run = await self._runner.run()
        before, self._last = self._last, self._observed(run)
        self._expires = self._clock() + self.ttl()
        self._tell(before, run)

    def _observed(self, run: Run) -> Observation:
        contributor = self.contributor
        return Observation(
            contributor.name, contributor.critical, run.result, run.seconds, self._now(), contributor.kind
        )

    def _tell(self, before: Observation | None, run: Run) -> None:
        name, result = self.contributor.name, run.result
        if run.seconds >= self.contributor.slow:
            logger.warning("health_check_slow", contributor=name, seconds=round(run.seconds, 3))
        status_before = Status.PASS if before is None else before.result.status
        code_before = None if before is None else before.result.code
        if (result.status, result.code) == (status_before, code_before):
            return
        level = logger.info if result.status is Status.PASS else logger.warning
        unknown = run.error if result.code is Problem.ERROR else None  # what has no code needs its traceback
        level(
            "health_changed",
            contributor=name,
            critical=self.contributor.critical,
            before=status_before.value,
            after=result.status.value,
            code=None if result.code is None else result.code.value,
            error=None if run.error is None else type(run.error).__name__,
            exc_info=unknown,
        )
