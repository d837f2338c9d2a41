"""Which problem an exception is: its class decides, its text is never looked at.

In: an exception. Out: a member of `Problem`. Classes of libraries are known by their names, so that neither redis nor
openai need be there; the nearest known class in the order of inheritance decides, then the cause.
"""

from __future__ import annotations

import errno
import ssl
from typing import Final

from universal_framework.health.model import Problem

_BY_NAME: Final = {
    # redis, https://redis.readthedocs.io/en/stable/exceptions.html
    "AuthenticationError": Problem.AUTHENTICATION,
    "AuthenticationWrongNumberOfArgsError": Problem.AUTHENTICATION,
    "AuthorizationError": Problem.PERMISSION,
    "NoPermissionError": Problem.PERMISSION,
    "BusyLoadingError": Problem.LOADING,
    "ReadOnlyError": Problem.READ_ONLY,
    "OutOfMemoryError": Problem.OUT_OF_MEMORY,
    "MaxConnectionsError": Problem.BUSY,
    "ClusterDownError": Problem.UNAVAILABLE,
    "MasterDownError": Problem.UNAVAILABLE,
    # openai, https://github.com/openai/openai-python#handling-errors
    "PermissionDeniedError": Problem.PERMISSION,
    "RateLimitError": Problem.RATE_LIMITED,
    "APITimeoutError": Problem.TIMEOUT,
    "APIConnectionError": Problem.UNREACHABLE,
    "InternalServerError": Problem.UNAVAILABLE,
    # httpx
    "TimeoutException": Problem.TIMEOUT,
    "NetworkError": Problem.UNREACHABLE,
    # this service
    "SessionStoreError": Problem.UNAVAILABLE,
    "LLMError": Problem.UNAVAILABLE,
    "CircuitOpen": Problem.CIRCUIT_OPEN,
    "Saturated": Problem.STUCK,
    # everybody's
    "SSLError": Problem.TLS,
    "TimeoutError": Problem.TIMEOUT,
    "ConnectionError": Problem.UNREACHABLE,
    "PermissionError": Problem.PERMISSION,
    "OSError": Problem.UNREACHABLE,
    "MemoryError": Problem.OUT_OF_MEMORY,
}
_VAGUE: Final = frozenset({"SessionStoreError", "LLMError"})
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def problem_of(error: BaseException) -> Problem:
    """Return what kind of problem `error` is; `Problem.ERROR` where nobody knows."""
    seen: set[int] = set()
    vague: Problem | None = None
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        name, problem = _known(at)
        if problem is not None and name not in _VAGUE:
            return problem
        vague = vague or problem
        at = at.__cause__
    return vague or Problem.ERROR


def _known(error: BaseException) -> tuple[str, Problem | None]:
    if isinstance(error, ssl.SSLError):
        return "SSLError", Problem.TLS
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return "OSError", Problem.NO_SPACE
    for cls in type(error).__mro__:
        if cls.__name__ in _BY_NAME:
            return cls.__name__, _BY_NAME[cls.__name__]
    return "", None
