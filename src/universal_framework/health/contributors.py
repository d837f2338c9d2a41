"""Ready-made contributors: small functions over whatever has the right methods.

In: a client, a provider, a report, circuits, a log. Out: a `Contributor`. Nothing here imports redis or openai; a
Protocol says what is needed. Durations are seconds.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sized
from enum import StrEnum
from typing import Final, Protocol

from universal_framework.errors import LLMError
from universal_framework.health.model import CheckResult, Problem, Status, is_detail_name
from universal_framework.health.registry import Contributor

#: How many circuits are named.
_NAMED: Final = 20


class Pinged(Protocol):
    """A Redis client, a session store: anything that answers."""

    def ping(self) -> Awaitable[object]:
        """Return when it answers, with anything but False; raise when not."""
        ...


class Checked(Protocol):
    """A provider of a language model."""

    def check(self) -> Awaitable[object]:
        """Return when it can be used; raise when not."""
        ...


class Validated(Protocol):
    """What the validation of a configuration found."""

    @property
    def valid(self) -> bool:
        """Whether nothing is an error."""
        ...

    @property
    def errors(self) -> Sized:
        """The errors."""
        ...

    @property
    def warnings(self) -> Sized:
        """The warnings."""
        ...


class Circuit(Protocol):
    """A circuit breaker."""

    @property
    def state(self) -> str:
        """CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED or METRICS_ONLY."""
        ...


class Circuits(Protocol):
    """What has circuit breakers."""

    @property
    def circuit_breakers(self) -> Mapping[str, Circuit]:
        """The circuits by name."""
        ...


class Writer(Protocol):
    """What writes lines and counts those it lost: the handle of the logging configuration, an audit log."""

    def stats(self) -> object | None:
        """Return an object with `lost`, and perhaps `queued` and `alarms`."""
        ...


class LLMProblem(StrEnum):
    """What `LLMError` says by its text, where that is a code."""

    AUTH = "llm.auth"
    SCOPE = "llm.scope"
    FORBIDDEN = "llm.forbidden"
    MODEL = "llm.model"
    MODEL_RETIRING = "llm.model_retiring"
    RATE_LIMIT = "llm.rate_limit"
    QUOTA = "llm.quota"
    NOT_THE_API = "llm.not_the_api"
    UNREACHABLE = "llm.unreachable"
    SDK_MISSING = "llm.sdk_missing"


#: With these the model can be used.
_USABLE: Final = frozenset({LLMProblem.SCOPE, LLMProblem.RATE_LIMIT, LLMProblem.MODEL_RETIRING})


class ProviderKind(StrEnum):
    """Who answers."""

    OPENAI = "openai"
    SIMULATION = "simulation"
    OTHER = "other"


def redis(
    client: Pinged,
    *,
    name: str = "redis",
    critical: bool = True,
    timeout: float = 0.8,
    ok_ttl: float = 10.0,
    fail_ttl: float = 2.0,
) -> Contributor:
    """Return whether `client` answers a ping; it is shared, never closed, and should not retry for long."""

    async def check() -> CheckResult:
        if await client.ping() is False:
            return CheckResult(Status.FAIL, Problem.NEGATIVE, {"connected": False})
        return CheckResult(Status.PASS, None, {"connected": True})

    return Contributor(
        name=name,
        check=check,
        critical=critical,
        timeout=timeout,
        ok_ttl=ok_ttl,
        fail_ttl=fail_ttl,
        kind="datastore",
    )


def llm(
    provider: Checked,
    *,
    name: str = "llm",
    critical: bool = False,
    timeout: float = 3.0,
    ok_ttl: float = 60.0,
    fail_ttl: float = 15.0,
) -> Contributor:
    """Return whether `provider` can be used. It is asked seldom: that costs its rate limit.

    Not critical: agents have fallbacks, and a provider that is down takes down every replica otherwise.
    """
    label = getattr(provider, "label", None)
    kind = next((one for one in ProviderKind if one.value == label), ProviderKind.OTHER)

    async def check() -> CheckResult:
        try:
            verdict = await provider.check()
        except LLMError as error:
            known = next((one for one in LLMProblem if one.value == str(error)), None)
            if known is None:
                raise
            return CheckResult(Status.WARN if known in _USABLE else Status.FAIL, known, {"provider": kind})
        if verdict is False:
            return CheckResult(Status.FAIL, Problem.NEGATIVE, {"provider": kind})
        return CheckResult(Status.PASS, None, {"provider": kind})

    return Contributor(
        name=name, check=check, critical=critical, timeout=timeout, ok_ttl=ok_ttl, fail_ttl=fail_ttl, slow=timeout / 2
    )


def configuration(
    report: Validated | Callable[[], Validated], *, name: str = "configuration", critical: bool = True
) -> Contributor:
    """Return whether the configuration that the service started with is valid; numbers only, no issue leaves.

    A service that may start with an invalid one, in safe mode, gives ``critical=False``.
    """

    async def check() -> CheckResult:
        found = report() if callable(report) else report
        counts = {"valid": bool(found.valid), "errors": len(found.errors), "warnings": len(found.warnings)}
        if found.valid:
            return CheckResult(Status.PASS, None, counts)
        return CheckResult(Status.FAIL, Problem.MISCONFIGURED, counts)

    return Contributor(name=name, check=check, critical=critical)


class CircuitState(StrEnum):
    """How a circuit stands that lets not all calls through."""

    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"


def circuit_breakers(recovery: Circuits, *, name: str = "circuit_breakers", ttl: float = 1.0) -> Contributor:
    """Return whether all circuits let calls through, and name those that do not: a warning, never a failure."""
    refusing = {state.name: state for state in CircuitState}

    async def check() -> CheckResult:
        states = {
            agent: refusing.get(str(getattr(one.state, "value", one.state)).upper())
            for agent, one in recovery.circuit_breakers.items()
        }
        open_ones = {agent: state for agent, state in states.items() if state is not None}
        counts = {"circuits": len(states), "refusing": len(open_ones)}
        if not open_ones:
            return CheckResult(Status.PASS, None, counts)
        named = {agent: state for agent, state in open_ones.items() if is_detail_name(agent)}
        some = dict(sorted(named.items())[:_NAMED])
        return CheckResult(Status.WARN, Problem.CIRCUIT_OPEN, {**some, **counts})

    return Contributor(name=name, check=check, critical=False, ok_ttl=ttl, fail_ttl=ttl)


def losses(
    writer: Writer,
    *,
    name: str = "logging",
    remembered: float = 300.0,
    patience: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
) -> Contributor:
    """Return whether `writer` writes, and lost nothing in the last `remembered` seconds: a warning, never a failure.

    For the handle of `configure_logging`, whose lost events count too, and for an audit log, whose alarms – logs that
    disagree with what was signed – do not go away. Lines that wait for longer than `patience` while none is written are
    told before the first is lost.
    """
    history = _History()

    async def check() -> CheckResult:
        stats = writer.stats()
        events = getattr(writer, "events_lost", None)
        lost = int(getattr(stats, "lost", 0)) + (int(events()) if callable(events) else 0)
        queued = int(getattr(stats, "queued", 0))
        written = int(getattr(stats, "written", getattr(stats, "durable", 0)))
        alarms = len(getattr(stats, "alarms", ()))
        now = clock()
        history.see(lost, queued, written, now)
        counts = {"lost": lost, "queued": queued, "alarms": alarms}
        if alarms:
            return CheckResult(Status.WARN, Problem.TAMPERED, counts)
        if now - history.lost_at < remembered:
            return CheckResult(Status.WARN, Problem.LINES_LOST, counts)
        if queued and now - history.moved_at > patience:
            return CheckResult(Status.WARN, Problem.LINES_WAIT, counts)
        return CheckResult(Status.PASS, None, counts)

    return Contributor(name=name, check=check, critical=False, ok_ttl=5.0, fail_ttl=5.0, kind="system")


class _History:
    """When a writer last lost a line, and when it last had nothing to write or got on with it."""

    def __init__(self) -> None:
        self.lost_at = self.moved_at = -math.inf
        self._lost = self._queued = 0
        self._written = -1

    def see(self, lost: int, queued: int, written: int, now: float) -> None:
        """Take in the counts of one moment."""
        if lost > self._lost:
            self.lost_at = now
        if not queued or not self._queued or written != self._written:
            self.moved_at = now
        self._lost, self._queued, self._written = lost, queued, written
