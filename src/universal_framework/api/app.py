"""The FastAPI application."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from universal_framework.api.dependencies import Services, build_services
from universal_framework.api.response_transformer import transform_error
from universal_framework.api.routes import workflow
from universal_framework.config.environment import load_settings
from universal_framework.config.settings import Settings
from universal_framework.contracts.api import ErrorBody, ErrorResponse
from universal_framework.errors import UniversalFrameworkError

REQUEST_ID_HEADER = "x-request-id"


class RequestContext:
    """Gives every request an id, binds it to the log lines, and reports the request to telemetry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                header = (REQUEST_ID_HEADER.encode(), request_id.encode())
                message = {**message, "headers": [*message.get("headers", []), header]}
            await send(message)

        with bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                services: Services = scope["app"].state.services
                services.telemetry.route_event(
                    "http_request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    duration_ms=round((time.perf_counter() - started) * 1000, 1),
                )


def _request_id(request: Request) -> str | None:
    return getattr(request.state, "request_id", None)


def _respond(status: int, body: ErrorResponse) -> JSONResponse:
    return JSONResponse(status_code=status, content=body.model_dump())


async def _own_error(request: Request, exc: Exception) -> JSONResponse:
    status = exc.status if isinstance(exc, UniversalFrameworkError) else 500
    return _respond(status, transform_error(exc, _request_id(request)))


async def _validation_error(request: Request, exc: Exception) -> JSONResponse:
    fields: list[str] = []
    if isinstance(exc, RequestValidationError):
        fields = sorted({".".join(str(part) for part in error["loc"]) for error in exc.errors()})
    detail = f"Invalid request: {', '.join(fields) or 'body'}"
    body = ErrorBody(code="invalid_request", detail=detail, request_id=_request_id(request))
    return _respond(422, ErrorResponse(error=body))


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    detail = str(exc.detail) if isinstance(exc, HTTPException) else "Error"
    body = ErrorBody(code=f"http_{status}", detail=detail, request_id=_request_id(request))
    return _respond(status, ErrorResponse(error=body))


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; settings come from the environment unless they are given.

    Raises:
        ConfigurationError: the settings are wrong.
    """
    settings = load_settings() if settings is None else settings
    services = build_services(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await services.aclose()

    app = FastAPI(title="E-mail assistant", version="1.4.0", lifespan=lifespan)
    app.state.services = services
    app.add_middleware(RequestContext)
    app.add_exception_handler(UniversalFrameworkError, _own_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _own_error)
    app.include_router(workflow.router)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Return whether the service and its storage answer."""
        storage = "up" if await services.store.healthy() else "down"
        return {"status": "ok" if storage == "up" else "degraded", "storage": storage}

    return app
