"""What surrounds every request: its id, its log line and metric, its limits – and an answer, whatever happens inside.

From the outside in: `RequestContext` (id, owner, headers, log line, the answer to what nobody foresaw),
`RateLimit`, `BodyGate` (size, encoding, JSON), `Deadline`. Probes pass all four untouched: health shares no fate with
the rest. Never: a request without an answer, a body read past its limit, words of a client in an answer.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from universal_framework.api import strict_json
from universal_framework.api.rate_limit import Verdict, caller_of
from universal_framework.api.refusals import REQUEST_ID_HEADER, RefusalError, busy, refuse, request_id_of
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

if TYPE_CHECKING:
    from universal_framework.api.dependencies import Services

logger = UniversalFrameworkLogger("api")

#: The owner of what nobody owns: a name that no header can hold, so that nobody is called so.
ANONYMOUS: Final = "\x00anonymous"

#: Seconds in which a body must have arrived.
BODY_SECONDS: Final = 10.0
_LONGEST_OWNER: Final = 256
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})

#: Headers of every answer that does not say otherwise; the page brings a policy of its own.
_SAFE: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
)


def services_of(scope: Scope) -> Services:
    """Return the services of the application that serves a request."""
    services: Services = scope["app"].state.services
    return services


def owner_of(headers: Headers, header: str | None) -> str | None:
    """Return who asks, as the gateway's `header` says; None where it does not say, or there is no such header.

    Names are UTF-8.

    Raises:
        RefusalError: It is there twice, too long, not UTF-8 or not printable: a client's own beside the gateway's,
            perhaps.
    """
    given = headers.getlist(header) if header is not None else []
    if not given:
        return None
    owner = given[0].encode("latin-1").decode(errors="replace").strip()
    if "\ufffd" in owner or len(given) > 1 or len(owner) > _LONGEST_OWNER or not owner.isprintable():
        raise RefusalError(400, "invalid_owner", "The caller cannot be told from the request's headers.")
    return owner or None


class RequestContext:
    """Gives a request its id and owner, and the answer its headers; reports both, and answers what crashed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or services_of(scope).is_probe(scope["path"]):
            await self._app(scope, receive, send)
            return
        services, request_id = services_of(scope), request_id_of(scope)
        answer = _Answer(send, request_id, services)
        started = time.perf_counter()
        services.in_flight += 1
        try:
            with bound_contextvars(request_id=request_id):
                try:
                    await self._admitted(services, scope, receive, answer)
                finally:
                    _report(services, scope, answer.status, time.perf_counter() - started)
        finally:
            services.in_flight -= 1

    async def _admitted(self, services: Services, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            if services.in_flight > services.limits.in_flight:
                raise busy()  # noqa: TRY301 - answered as all refusals from inside are
            scope["state"]["owner"] = owner_of(Headers(scope=scope), services.owner_header)
            await self._app(scope, receive, answer)
        except RefusalError as refusal:
            if answer.status is not None:
                raise
            await refuse(scope, answer, refusal)
        except Exception as error:
            logger.exception("request_crashed", error_type=type(error).__name__, route=_route(scope))
            if answer.status is not None:
                raise  # half an answer is out: the server closes the connection
            await refuse(scope, answer, RefusalError(500, "internal_error", "The request could not be completed."))


class _Answer:
    """Passes an answer on with the headers that every answer has, and keeps its status."""

    def __init__(self, send: Send, request_id: str, services: Services) -> None:
        self._send = send
        self._request_id = request_id
        self._services = services
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        """Send a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            for name, value in _SAFE:
                headers.setdefault(name, value)
            if self._services.draining:
                headers["connection"] = "close"
        await self._send(message)


def _route(scope: Scope) -> str:
    """Return the template of the route, which names nobody's session."""
    return getattr(scope.get("route"), "path", None) or "none"


def _report(services: Services, scope: Scope, status: int | None, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else "other"
    route = _route(scope)
    services.count_request(method, route, status or 0, seconds)
    tell = logger.debug if route in services.quiet_routes else logger.info
    tell("http_request", method=method, route=route, status=status or 0, duration_ms=round(seconds * 1000, 2))


class RateLimit:
    """Refuses the requests of a caller who makes too many, and tells each how many are left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or services_of(scope).is_unlimited(scope["path"]):
            await self._app(scope, receive, send)
            return
        limiter = services_of(scope).limiter
        client = scope.get("client")
        verdict = limiter.take(caller_of(scope["state"].get("owner"), client[0] if client else None))
        told = _rate_headers(limiter.limit, limiter.window, verdict)
        if not verdict.allowed:
            logger.warning("rate_limit_reached", retry_after=round(verdict.retry_after, 1))
            words = "Too many requests. Please try again later."
            raise RefusalError(429, "rate_limited", words, retry_after=verdict.retry_after, headers=told.items())

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, telling)


def _rate_headers(limit: int, window: float, verdict: Verdict) -> dict[str, str]:
    """Return the fields of draft-ietf-httpapi-ratelimit-headers, those of its version 10 and the three older ones."""
    seconds = max(1, round(window))
    left, reset = verdict.remaining, int(-(-verdict.reset // 1))
    return {
        "ratelimit-policy": f'"caller";q={limit};w={seconds}',
        "ratelimit": f'"caller";r={left};t={reset}',
        "ratelimit-limit": str(limit),
        "ratelimit-remaining": str(left),
        "ratelimit-reset": str(reset),
    }


class BodyGate:
    """Lets a body in that is small enough, in time, and JSON as everybody reads it; routes get it whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        headers, limit = Headers(scope=scope), services_of(scope).limits.body_bytes
        _check_headers(scope["method"], headers, limit)
        body = await _received(receive, limit)
        if body is None:
            return  # the client is gone
        if body and scope["method"] in _WITH_BODY:
            _check_content(headers, body)
        await self._app(scope, _replaying(body, receive), send)


def _check_headers(method: str, headers: Headers, limit: int) -> None:
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > limit):
        raise _too_large(limit)
    has_body = length not in {"", "0"} or "transfer-encoding" in headers
    if method not in _WITH_BODY or not has_body:
        return
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RefusalError(415, "unsupported_encoding", "Compressed bodies are not accepted.", headers=_CLOSE)
    kind, _, rest = headers.get("content-type", "").partition(";")
    charset = rest.replace(" ", "").replace('"', "").lower()
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8", "charset=utf8"}:
        raise RefusalError(415, "unsupported_media_type", "Send JSON as application/json, in UTF-8.", headers=_CLOSE)


#: The rest of a body that was not read must not be taken for the next request.
_CLOSE: Final = (("connection", "close"),)


def _too_large(limit: int) -> RefusalError:
    return RefusalError(413, "body_too_large", f"The body may have {limit} bytes.", headers=_CLOSE)


async def _received(receive: Receive, limit: int) -> bytes | None:
    """Return the body; None where the client left before its end.

    Raises:
        RefusalError: It is larger than `limit` bytes, or does not arrive.
    """
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                if chunk:
                    chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        words = "The body did not arrive in time."
        raise RefusalError(408, "body_timeout", words, headers=_CLOSE) from None


def _check_content(headers: Headers, body: bytes) -> None:
    if not headers.get("content-type"):
        raise RefusalError(415, "unsupported_media_type", "Send JSON as application/json, in UTF-8.")
    try:
        strict_json.check(body)
    except strict_json.NotAcceptedError as error:
        raise RefusalError(400, error.code, error.detail) from error


def _replaying(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> dict[str, Any]:
        nonlocal given
        if given:
            return dict(await receive())
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class Deadline:
    """Ends a request that takes too long; agents are given less, so that a fallback still answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or services_of(scope).is_unlimited(scope["path"]):
            await self._app(scope, receive, send)
            return
        expiry = asyncio.timeout(services_of(scope).limits.request_seconds)
        try:
            async with expiry:
                await self._app(scope, receive, send)
        except TimeoutError as error:
            if not expiry.expired():
                raise
            logger.error("request_timed_out", route=_route(scope))  # noqa: TRY400 - where it was waiting says nothing
            raise RefusalError(504, "request_timeout", "The request took too long. Please try again.") from error
