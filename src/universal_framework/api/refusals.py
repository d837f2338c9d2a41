"""Refusals that only the HTTP interface knows, and the one shape in which every error leaves it.

In: a status, a code, words of ours. Out: the envelope ``{"error": {"code", "detail", "request_id"}}`` as a response.
Never: words of a client, of an exception, of a library.
"""

from __future__ import annotations

import http
import json
import math
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.types import Scope, Send

from universal_framework.errors import SessionConflictError, UniversalFrameworkError

REQUEST_ID_HEADER: Final = "x-request-id"

#: Seconds after which a client may try again what failed for now, where the error itself does not know.
RETRY_AFTER: Final[Mapping[int, int]] = {429: 1, 502: 5, 503: 5, 504: 5}

Headers = Iterable[tuple[str, str]]


class RefusalError(UniversalFrameworkError):
    """A request that does not get as far as the workflow."""

    def __init__(
        self, status: int, code: str, detail: str, *, retry_after: float | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(f"refused: {code}")
        self.status = status
        self.code = code
        self.public_detail = detail
        self.retry_after = retry_after
        self.headers = tuple(headers)


class StorageRefusalError(UniversalFrameworkError):
    """The storage is not asked at the moment, or took too long."""

    code = "session_store_unavailable"
    status = 503
    public_detail = "Conversations cannot be stored at the moment. Please try again later."

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"the session storage was not asked or took too long: {why}")
        self.retry_after = retry_after


def busy(retry_after: float = 1.0) -> RefusalError:
    """Return the refusal of a process that has enough to do."""
    return RefusalError(503, "busy", "The service is busy. Please try again later.", retry_after=retry_after)


def new_request_id() -> str:
    """Return an id under which a request is found in the logs; a client's own is never taken over."""
    return secrets.token_hex(16)


def request_id_of(scope: Scope) -> str:
    """Return the id of a request; one that has none is given one."""
    state: dict[str, Any] = scope.setdefault("state", {})
    request_id: str = state.setdefault("request_id", new_request_id())
    return request_id


def envelope(code: str, detail: str, request_id: str) -> bytes:
    """Return the body of an error."""
    return json.dumps({"error": {"code": code, "detail": detail, "request_id": request_id}}).encode()


def phrase(status: int) -> str:
    """Return the standard's words for a status."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def error_headers(error: UniversalFrameworkError) -> dict[str, str]:
    """Return the headers of an error: when to try again, and what the refusal adds."""
    headers = dict(getattr(error, "headers", ()))
    seconds = getattr(error, "retry_after", None)
    if seconds is None:
        seconds = 1 if isinstance(error, SessionConflictError) else RETRY_AFTER.get(error.status)
    if seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    return headers


async def refuse(scope: Scope, send: Send, error: UniversalFrameworkError) -> None:
    """Answer a request with an error, below FastAPI."""
    body = envelope(error.code, error.public_detail, request_id_of(scope))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in error_headers(error).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
