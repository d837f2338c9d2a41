"""What an error of an agent means: worth another try, a matter of settings, or a bug.

In: an exception. Out: a class of the closed set `ErrorClass`, whether a breaker counts it, and what may be told of it.
Providers' libraries are recognised by what their exceptions carry, never imported.
"""

from __future__ import annotations

import json
import sys
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from universal_framework.observability.redaction import redact

#: Told of an error's text at most; the rest is in the log.
_MESSAGE_CHARS: Final = 200

#: HTTP statuses that another try may not see; 529 is "overloaded" at some LLM providers. Other 4xx are the caller's.
_TRANSIENT_STATUS: Final = frozenset({408, 409, 425, 429, 529})
_CREDENTIAL_STATUS: Final = frozenset({401, 403})

_PROGRAMMING: Final = (
    TypeError, AttributeError, NameError, LookupError, ValueError, ArithmeticError, AssertionError, ImportError,
    SyntaxError, NotImplementedError, RecursionError,
)  # fmt: skip


class ErrorClass(StrEnum):
    """What may help."""

    TRANSIENT = "transient"
    """Time: an outage, an overload, a slow answer. Counted by the breaker."""
    PERMANENT = "permanent"
    """Other settings or another request: the agent's backend is well and refuses."""
    CREDENTIALS = "credentials"
    """Another key: the backend is well and does not know us."""
    PROGRAMMING = "programming"
    """Another program."""


class ErrorType(StrEnum):
    """What happened to a call, for states, logs and metrics: a closed set."""

    TIMEOUT = "timeout"
    EXECUTION_ERROR = "execution_error"
    REJECTED = "rejected"
    NO_FALLBACK = "no_fallback"
    FALLBACK_FAILED = "fallback_failed"


class AgentTimeout(TimeoutError):  # noqa: N818 - as TimeoutError
    """An agent did not answer within the time it was given (the agent's own TimeoutErrors are not this one).

    Attributes:
        agent: Its name.
        seconds: The time.
    """

    def __init__(self, agent: str, seconds: float) -> None:
        super().__init__(f"{agent} did not answer within {seconds:g} s")
        self.agent = agent
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[AgentTimeout], tuple[str, float]]:
        return type(self), (self.agent, self.seconds)


def classify(error: BaseException) -> ErrorClass:
    """Return what may help against `error`; of a group, what helps against its most transient member."""
    if isinstance(error, BaseExceptionGroup):
        classes = {classify(one) for one in error.exceptions}
        return next(one for one in ErrorClass if one in classes)
    status = _status(error)
    if status in _CREDENTIAL_STATUS:
        return ErrorClass.CREDENTIALS
    if status is not None and 400 <= status < 500:
        return ErrorClass.TRANSIENT if status in _TRANSIENT_STATUS else ErrorClass.PERMANENT
    if status is not None or isinstance(error, OSError | json.JSONDecodeError):
        return ErrorClass.TRANSIENT
    return ErrorClass.PROGRAMMING if isinstance(error, _PROGRAMMING) else ErrorClass.TRANSIENT


def is_failure(error: Exception) -> bool:
    """Return whether a breaker should count `error`: an outage is none of the caller's bugs and settings."""
    return classify(error) is ErrorClass.TRANSIENT


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an exception carries, as openai, httpx and aiohttp do it."""
    for holder in (error, getattr(error, "response", None)):
        for name in ("status_code", "status"):
            status = getattr(holder, name, None)
            if type(status) is int and 100 <= status < 600:
                return status
    return None


def is_control_flow(error: Exception) -> bool:
    """Return whether LangGraph uses `error` to leave a node on purpose: an interrupt, a command to the parent."""
    errors = sys.modules.get("langgraph.errors")  # who has not imported it raises none of its exceptions
    return errors is not None and isinstance(error, errors.GraphBubbleUp)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no result, in words that may be stored and shown."""

    error_type: ErrorType
    message: str
    error_class: ErrorClass
    exception: str = ""
    error_id: str = ""
    retry_after: float | None = None


def problem_of(error: Exception, error_type: ErrorType) -> Problem:
    """Return what may be told of `error`: its type, its text redacted and cut, and an id to find it in the log."""
    return Problem(
        error_type,
        _told(error),
        classify(error),
        type(error).__name__,
        uuid.uuid4().hex[:12],
    )


def _told(error: Exception) -> str:
    try:
        text = str(redact(str(error)))
    except Exception as broken:  # noqa: BLE001 - an exception whose text cannot be had must not hide that it happened
        text = f"(its text raised {type(broken).__name__})"
    return text if len(text) <= _MESSAGE_CHARS else text[: _MESSAGE_CHARS - 1] + "…"
