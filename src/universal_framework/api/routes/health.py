"""The probes: live, ready, startup, and how the service is, for machines and people.

In: a registry, a prefix, who may see details. Out: a router for any Starlette or FastAPI application, or an ASGI
middleware that answers the probes before all others. Every path has both spellings, with and without slash at its end,
for GET and HEAD; 200 on pass and warn, 503 on fail; nothing may store an answer. Never: an exception's text, a host, a
name of a contributor to somebody who may not see details; a dependency in `live`.

    endpoints = HealthEndpoints(registry, prefix=config.monitoring.health_check_endpoint)
    app.include_router(endpoints.router())
    app.add_middleware(HealthFirst, endpoints=endpoints)  # last, hence outermost: no limit and no login before probes

The endpoints are plain Starlette routes: dependencies that an application adds to all its FastAPI routes do not apply.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from fastapi import APIRouter
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from universal_framework.health.documents import ietf_document, plan_detailed_document, plan_document
from universal_framework.health.model import HealthReport, Status
from universal_framework.health.negotiation import HEALTH_JSON, JSON, prefers_health_json
from universal_framework.health.registry import HealthRegistry

__all__ = ["Details", "HealthEndpoints", "HealthFirst", "HealthPolicy", "health_router", "router"]

_HEADERS: Final = {"cache-control": "no-store", "vary": "accept"}
_METHODS: Final = ("GET", "HEAD")
_FIELDS: Final = 32  # of a query string that are looked at
_OFF: Final = frozenset({"0", "false", "no", "off"})

_HEALTH_WORDS: Final = {status: status.word for status in Status}
_READY_WORDS: Final = {Status.PASS: "ready", Status.WARN: "ready", Status.FAIL: "not_ready"}
_STARTUP_WORDS: Final = {Status.PASS: "started", Status.WARN: "started", Status.FAIL: "starting"}


class Details(StrEnum):
    """Who sees more than the verdict."""

    NEVER = "never"
    AUTHORIZED = "authorized"
    """Whoever sends the token as ``Authorization: Bearer``."""
    ALWAYS = "always"


class HealthPolicy:
    """Who sees details, and may ask for `?verbose` and `?exclude=`.

    Args:
        details: Who.
        token: What they send, where it is `Details.AUTHORIZED`.

    Raises:
        ValueError: A token is needed and missing or blank, or there is one that nobody would be asked for.
    """

    def __init__(self, details: Details | str = Details.NEVER, *, token: SecretStr | str | None = None) -> None:
        self.details = Details(details)
        text = token.get_secret_value() if isinstance(token, SecretStr) else token
        if (self.details is Details.AUTHORIZED) != bool(text and text.strip()):
            raise ValueError("details: a token that is not blank goes with 'authorized', and with nothing else")
        self._digest = _digest((text or "").strip().encode())

    def allows(self, scope: Scope) -> bool:
        """Return whether the sender of a request may see details."""
        if self.details is not Details.AUTHORIZED:
            return self.details is Details.ALWAYS
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if len(sent) != 1:
            return False
        scheme, _, token = sent[0].strip().partition(b" ")
        # Digests are compared: of equal length, so that the time says nothing about the token's.
        return scheme.lower() == b"bearer" and hmac.compare_digest(_digest(token.strip()), self._digest)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


class HealthEndpoints:
    """The five endpoints of one registry.

    Args:
        registry: Whose health it is; None: that of the application, `app.state.health`, and where it has none an empty
            one that counts as started.
        prefix: Where they are, as ``[monitoring] health_check_endpoint`` has it.
        policy: Who sees details; by default nobody.

    Raises:
        ValueError: The prefix is no absolute path, or has braces.
    """

    def __init__(
        self,
        registry: HealthRegistry | None = None,
        *,
        prefix: str = "/health",
        policy: HealthPolicy | None = None,
    ) -> None:
        if not prefix.startswith("/") or any(char in prefix for char in "{}?#") or "//" in prefix:
            raise ValueError(f"prefix is {prefix!r}; it must be an absolute path such as /health")
        self._registry = registry
        self._policy = policy or HealthPolicy()
        base = prefix.rstrip("/")
        by_path: dict[str, tuple[str, Callable[[Scope, Receive, Send], Awaitable[None]]]] = {
            "/live": ("liveness_check", self.liveness_check),
            "/ready": ("readiness_check", self.readiness_check),
            "/startup": ("startup_check", self.startup_check),
            "/detailed": ("detailed_health_check", self.detailed_health_check),
            "": ("health_check", self.health_check),
        }
        self._named = {
            base + path + slash: (name, _Endpoint(answer))
            for path, (name, answer) in by_path.items()
            for slash in ("", "/")
            if base + path + slash
        }
        #: The endpoints by path, each an ASGI application.
        self.by_path: dict[str, ASGIApp] = {path: endpoint for path, (_, endpoint) in self._named.items()}

    def router(self) -> APIRouter:
        """Return a router that has them."""
        made = APIRouter()
        for path, (name, endpoint) in self._named.items():
            made.add_route(path, endpoint, methods=list(_METHODS), name=name, include_in_schema=False)  # type: ignore[arg-type]
        return made

    # -- the endpoints ------------------------------------------------------------------------------------------------

    async def liveness_check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whether a restart would not help: with a constant."""
        registry = self._registry or _of_application(scope)
        answer = _LIVE[registry.alive(), _wants_health_json(scope), scope["method"] == "HEAD"]
        await answer(scope, receive, send)

    async def startup_check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whether the start is over."""
        registry = self._registry or _of_application(scope)
        await self._answer(scope, receive, send, registry.startup(), _STARTUP_WORDS)

    async def readiness_check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer whether the service may be sent traffic: started, not draining, nothing critical failing."""
        registry = self._registry or _of_application(scope)
        report = await registry.readiness(exclude=self._excluded(scope))
        await self._answer(scope, receive, send, report, _READY_WORDS)

    async def health_check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer how the service is, all contributors considered."""
        registry = self._registry or _of_application(scope)
        report = await registry.report(exclude=self._excluded(scope))
        await self._answer(scope, receive, send, report, _HEALTH_WORDS)

    async def detailed_health_check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the same, and for those who may see it each contributor."""
        registry = self._registry or _of_application(scope)
        report = await registry.report(exclude=self._excluded(scope))
        details = self._policy.allows(scope)
        if _wants_health_json(scope):
            document = ietf_document(report, details=details)
        else:
            document = plan_detailed_document(report, details=details)
        await _send(scope, receive, send, report.status, document)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, report: HealthReport, words: dict[Status, str]
    ) -> None:
        details = _is_verbose(scope) and self._policy.allows(scope)
        if _wants_health_json(scope):
            document = ietf_document(report, details=details)
        else:
            document = plan_document(report, words, details=details)
        await _send(scope, receive, send, report.status, document)

    def _excluded(self, scope: Scope) -> frozenset[str]:
        """Return what is to be left out, where the sender may say so."""
        if b"exclude" not in scope["query_string"] or not self._policy.allows(scope):
            return frozenset()
        values = _query(scope).get("exclude", [])
        return frozenset(name.strip() for value in values for name in value.split(","))


class HealthFirst:
    """ASGI middleware that answers the endpoints itself, before what it is put around.

    Args:
        app: The application.
        endpoints: The endpoints; of a registry that was given to them.
    """

    def __init__(self, app: ASGIApp, endpoints: HealthEndpoints) -> None:
        self._app = app
        self._by_path = endpoints.by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a probe; hand on everything else, and what a probe would not send."""
        if scope["type"] == "http" and scope["method"] in _METHODS:
            endpoint = self._by_path.get(_path(scope))
            if endpoint is not None:
                await endpoint(scope, receive, send)
                return
        await self._app(scope, receive, send)


def health_router(
    registry: HealthRegistry | None = None, *, prefix: str = "/health", policy: HealthPolicy | None = None
) -> APIRouter:
    """Return a router with the endpoints of `registry`; see `HealthEndpoints`."""
    return HealthEndpoints(registry, prefix=prefix, policy=policy).router()


class _Endpoint:
    """An ASGI application of a method; Starlette would wrap a bare method as a function of a request."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)


def _of_application(scope: Scope) -> HealthRegistry:
    state = Request(scope).app.state
    registry = getattr(state, "health", None)
    if not isinstance(registry, HealthRegistry):
        registry = state.health = HealthRegistry()
        registry.mark_started()
    return registry


def _path(scope: Scope) -> str:
    """Return the path below where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _query(scope: Scope) -> dict[str, list[str]]:
    try:
        text = scope["query_string"].decode("latin-1")
        return parse_qs(text, keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:  # too many fields
        return {}


def _is_verbose(scope: Scope) -> bool:
    if b"verbose" not in scope["query_string"]:
        return False
    return any(value.lower() not in _OFF for value in _query(scope).get("verbose", []))


def _wants_health_json(scope: Scope) -> bool:
    accept = [value for name, value in scope["headers"] if name == b"accept"]
    return bool(accept) and prefers_health_json(accept[0] if len(accept) == 1 else b",".join(accept))


async def _send(scope: Scope, receive: Receive, send: Send, status: Status, document: dict[str, Any]) -> None:
    media_type = HEALTH_JSON if _wants_health_json(scope) else JSON
    response = _response(503 if status is Status.FAIL else 200, document, media_type, head=scope["method"] == "HEAD")
    await response(scope, receive, send)


def _response(status: int, document: dict[str, Any], media_type: str, *, head: bool) -> Response:
    """Return a response; to HEAD with the headers of what GET gets."""
    body = orjson.dumps(document)
    headers = {**_HEADERS, "content-length": str(len(body))}
    return Response(b"" if head else body, status, headers, media_type)


#: The answers of liveness: by whether it is alive, wants the draft's shape, sent HEAD.
_LIVE: Final = {
    (alive, ietf, head): _response(
        200 if alive else 503,
        {"status": ("pass" if alive else "fail") if ietf else ("alive" if alive else "stalled")},
        HEALTH_JSON if ietf else JSON,
        head=head,
    )
    for alive in (True, False)
    for ietf in (True, False)
    for head in (True, False)
}

#: The plan's router: below ``/health``, for the registry of the application that includes it.
router = health_router()
