"""The FastAPI application: routes, what surrounds them, and their life from start to end.

In: a configuration – valid, or to be validated at the start. Out: an ASGI application. It answers every request with
what was asked for or with the envelope of `api.refusals`; nothing of a client's input and nothing of an exception is in
an error. Its life is its lifespan: validation, services, health, monitoring; then the end of all, readiness first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from universal_framework.api.dependencies import build_services, section
from universal_framework.api.middleware import BodyGate, Deadline, RateLimit, RequestContext
from universal_framework.api.refusals import REQUEST_ID_HEADER, envelope, error_headers, phrase, request_id_of
from universal_framework.api.response_transformer import transform_error
from universal_framework.api.routes import page, workflow
from universal_framework.api.routes.health import HealthEndpoints, HealthFirst, HealthPolicy
from universal_framework.config.issues import ValidationReport
from universal_framework.config.models import MonitoringConfig, ProductionConfig
from universal_framework.config.production_validator import ProductionConfigValidator
from universal_framework.config.startup import Start, start
from universal_framework.contracts.llm import LLMProvider
from universal_framework.contracts.storage import SessionStore
from universal_framework.errors import UniversalFrameworkError
from universal_framework.health.registry import HealthRegistry
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("api")

Configured = Start | ProductionConfig | ProductionConfigValidator

_TITLE: Final = "E-mail assistant"


def create_app(
    configured: Configured | None = None,
    *,
    owner_header: str | None = None,
    store: SessionStore | None = None,
    llm: LLMProvider | None = None,
    health_policy: HealthPolicy | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        configured: A configuration, what `config.startup.start` made of one, or a validator that is asked in the
            lifespan; by default one that finds the file and the environment itself.
        owner_header: The header in which a trusted gateway says who asks; without it everybody is anonymous.
        store: In place of the configured storage.
        llm: In place of the configured language model.
        health_policy: Who sees details of health; by default nobody.
    """
    configured = ProductionConfigValidator() if configured is None else configured
    registry = HealthRegistry()
    endpoints = HealthEndpoints(registry, prefix=_health_prefix(configured), policy=health_policy)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        begun = await _started(configured)
        services = build_services(begun, health=registry, owner_header=owner_header, store=store, llm=llm)
        app.state.start, app.state.services = begun, services
        services.monitor.start()
        logger.info("service_started", storage=services.storage_kind, llm=services.llm.label, safe=begun.safe_mode)
        try:
            async with registry.serving():
                yield
        finally:
            await services.aclose()
            logger.info("service_stopped")

    app = FastAPI(
        title=_TITLE, version="2.0.0", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    app.state.health = registry
    for middleware in (Deadline, BodyGate, RateLimit, RequestContext):  # the last one is outermost
        app.add_middleware(middleware)
    app.add_middleware(HealthFirst, endpoints=endpoints)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.include_router(endpoints.router())
    app.include_router(workflow.router)
    app.include_router(page.router)
    return app


async def _started(configured: Configured) -> Start:
    if isinstance(configured, Start):
        return configured
    if isinstance(configured, ProductionConfigValidator):
        return await start(configured)
    sections = {name: getattr(configured, name) for name in type(configured).model_fields}
    return Start(configured, sections, ValidationReport())


def _health_prefix(configured: Configured) -> str:
    if isinstance(configured, ProductionConfig):
        return configured.monitoring.health_check_endpoint
    if isinstance(configured, ProductionConfigValidator):
        sections: Mapping[str, Any] = configured.examine().sections
        found = sections.get("monitoring")
        return found.health_check_endpoint if isinstance(found, MonitoringConfig) else "/health"
    return section(configured, MonitoringConfig, MonitoringConfig()).health_check_endpoint


# -- errors -----------------------------------------------------------------------------------------------------------


def _respond(request: Request, status: int, body: bytes, headers: Mapping[str, str]) -> Response:
    kept = {**headers, REQUEST_ID_HEADER: request_id_of(request.scope)}
    return Response(body, status, kept, "application/json")


async def _own_error(request: Request, error: Exception) -> Response:
    told = transform_error(error, request_id_of(request.scope)).error
    known = error if isinstance(error, UniversalFrameworkError) else UniversalFrameworkError()
    body = envelope(told.code, told.detail, request_id_of(request.scope))
    return _respond(request, known.status, body, error_headers(known))


async def _invalid_request(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    detail = f"Invalid request: {', '.join(sorted({_place(one) for one in problems})) or 'body'}"
    return _respond(request, 422, envelope("invalid_request", detail, request_id_of(request.scope)), {})


def _place(problem: Mapping[str, Any]) -> str:
    """Return where a problem is, in names of ours; the name of a field that we do not know is the client's."""
    parts = [str(part) for part in problem["loc"]]
    if problem["type"] == "extra_forbidden":
        parts[-1] = "(unknown field)"
    elif problem["type"] == "json_invalid":
        parts = parts[:1]
    return ".".join(parts)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    body = envelope(f"http_{status}", phrase(status), request_id_of(request.scope))
    return _respond(request, status, body, headers)


_HANDLERS: Final[dict[type[Exception], Any]] = {
    UniversalFrameworkError: _own_error,
    RequestValidationError: _invalid_request,
    HTTPException: _http_error,
}
