"""What is known of the health of a service, and what follows from it.

In: the results of checks, which of them are critical, where the service stands in its life. Out: one of pass, warn and
fail, the words of https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06, each with the plan's word.
Never: text that somebody wrote freely. A code is a member of an enumeration, a detail a number, a truth value or such a
member: what leaves a check can be shown to strangers and holds no secret, no address, no exception's text.

    a contributor fails    critical      the service fails
                           not critical  the service warns
    it is starting, or draining          the service fails: it is not to be sent traffic
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

Detail = bool | int | float | Enum

_CODE: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")

#: What an entry of a contributor says anyway.
RESERVED_DETAILS: Final = frozenset({"status", "critical", "error", "duration_ms", "checked_at", "responseTime"})


class Status(StrEnum):
    """How it is, the best first."""

    PASS = "pass"  # noqa: S105 - the word of the draft
    WARN = "warn"
    FAIL = "fail"

    @property
    def word(self) -> str:
        """The plan's word."""
        return _WORDS[self]


_WORDS: Final = {Status.PASS: "healthy", Status.WARN: "degraded", Status.FAIL: "unhealthy"}
_RANKS: Final = {status: rank for rank, status in enumerate(Status)}


class Lifecycle(StrEnum):
    """Where a service stands between its start and its end."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"


class Problem(StrEnum):
    """Why a check did not pass; contributors may have enumerations of their own."""

    TIMEOUT = "timeout"
    STUCK = "stuck"
    """Earlier runs of the check have not ended yet, and another was not begun."""
    BLOCKED_LOOP = "blocked_event_loop"
    """The check held the event loop for longer than its time."""
    CANCELLED = "cancelled"
    NEGATIVE = "negative"
    """The check itself said no."""
    INVALID_RESULT = "invalid_result"
    ERROR = "error"
    """An exception of no known kind: the log has it."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    LOADING = "loading"
    READ_ONLY = "read_only"
    OUT_OF_MEMORY = "out_of_memory"
    NO_SPACE = "no_space"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"
    CIRCUIT_OPEN = "circuit_open"
    LINES_LOST = "lines_lost"
    LINES_WAIT = "lines_wait"
    """Lines are there to be written, and none is."""
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Attributes:
        status: How it is.
        code: Why it is not well; None where it is.
        details: Numbers, truth values, members of enumerations, by names made of letters, digits and ``_ . -``.

    Raises:
        TypeError: The code or a detail is free text, or of another type that could hold some.
        ValueError: A name of a detail is not one, or is taken.
    """

    status: Status
    code: StrEnum | None = None
    details: Mapping[str, Detail] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could carry a secret, without repeating it."""
        if not isinstance(self.status, Status):
            raise TypeError(f"status is a {type(self.status).__name__}; give Status.PASS, WARN or FAIL")
        code: object = self.code
        if code is not None and not (isinstance(code, StrEnum) and _CODE.fullmatch(code.value)):
            raise TypeError("code is not of a closed set; give a member of a StrEnum such as Problem")
        for name, value in self.details.items():
            if not is_detail_name(name):
                raise ValueError("a detail has a name that is reserved or not of letters, digits, '_', '.' and '-'")
            if not _is_harmless(value):
                raise TypeError(f"detail {name} is a {type(value).__name__}; give a finite number, a bool or an enum")
        object.__setattr__(self, "details", MappingProxyType(dict(self.details)))


def is_detail_name(name: object) -> bool:
    """Return whether a detail can be called `name`."""
    return isinstance(name, str) and _KEY.fullmatch(name) is not None and name not in RESERVED_DETAILS


def _is_harmless(value: object) -> bool:
    if isinstance(value, Enum):
        return isinstance(value.value, bool | int | float) or (
            isinstance(value.value, str) and _KEY.fullmatch(value.value) is not None
        )
    if isinstance(value, bool | int):
        return abs(value) < 2**63
    return isinstance(value, float) and math.isfinite(value)


PASSED: Final = CheckResult(Status.PASS)


def failed(code: StrEnum) -> CheckResult:
    """Return the result of a check that failed for a reason."""
    return CheckResult(Status.FAIL, code)


@dataclass(frozen=True, slots=True)
class Observation:
    """A result, whose it is, how many seconds it took, and when it was there (aware, UTC)."""

    name: str
    critical: bool
    result: CheckResult
    seconds: float
    time: datetime
    kind: str = "component"

    @property
    def effective(self) -> Status:
        """What it does to the service: the failure of what is not critical is a warning."""
        status = self.result.status
        return Status.WARN if status is Status.FAIL and not self.critical else status


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All that was asked for, with the verdict on it; `excluded` names contributors that were left out on demand."""

    lifecycle: Lifecycle
    observations: tuple[Observation, ...]
    time: datetime
    excluded: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The verdict."""
        return aggregate(self.lifecycle, self.observations)


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst status; pass if there is none."""
    return max(statuses, key=_RANKS.__getitem__, default=Status.PASS)


def aggregate(lifecycle: Lifecycle, observations: Iterable[Observation]) -> Status:
    """Return how the service is: the worst of what its contributors do to it, and fail unless it is running."""
    if lifecycle is not Lifecycle.RUNNING:
        return Status.FAIL
    return worst(one.effective for one in observations)
