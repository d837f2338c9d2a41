"""Conversion of states and errors into the bodies that leave the service.

A client never sees more of a state than this module copies. A part that cannot be converted is left
out and named in ``warnings``; the reply itself always arrives. What went wrong is reported through
the module's logging.Logger with the traceback, never in the body.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from universal_framework.contracts.api import (
    EmailView,
    ErrorBody,
    ErrorResponse,
    ExecuteResponse,
    HistoryEntry,
    HistoryView,
    SessionView,
    StrategyView,
)
from universal_framework.contracts.state import Role, WorkflowPhase, UniversalWorkflowState
from universal_framework.errors import UniversalFrameworkError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import StateLike, as_model, get_messages

logger = UniversalFrameworkLogger("response_transformer", via="stdlib")

P = ParamSpec("P")
R = TypeVar("R")

SLOW_MS = 250.0
MAX_REPLY_CHARS = 8000


def timed(func: Callable[P, R]) -> Callable[P, R]:
    """Report how long a conversion took; slow ones at INFO, for they hold up an answer."""

    @wraps(func)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        started = time.perf_counter()
        try:
            return func(*args, **kwargs)
        finally:
            elapsed = (time.perf_counter() - started) * 1000
            if elapsed > SLOW_MS:
                logger.info("%s took %.1f ms", func.__name__, elapsed)
            else:
                logger.debug("%s took %.1f ms", func.__name__, elapsed)

    return wrapper


def strategy_view(state: UniversalWorkflowState) -> StrategyView | None:
    """Return the strategy as clients see it."""
    if (strategy := state.strategy) is None:
        return None
    return StrategyView(
        subject_line=strategy.subject_line,
        summary=strategy.summary,
        outline=list(strategy.outline),
        tone=strategy.tone,
        revision=strategy.revision,
    )


def email_view(state: UniversalWorkflowState) -> EmailView | None:
    """Return the e-mail as clients see it.

    Raises:
        ValueError: the e-mail is empty, which no client could show.
    """
    if (email := state.email) is None:
        return None
    if not email.body.strip():
        raise ValueError("the e-mail has no body")
    return EmailView(subject=email.subject, body=email.body, word_count=email.word_count)


def clip(text: str, limit: int = MAX_REPLY_CHARS) -> str:
    """Return ``text``, cut at a word border when it is longer than ``limit``."""
    if len(text) <= limit:
        return text
    logger.warning("reply of %d characters cut to %d", len(text), limit, extra={"reply_chars": len(text)})
    return text[:limit].rsplit(" ", 1)[0] + " …"


@timed
def transform_state(state: StateLike, reply: str) -> ExecuteResponse:
    """Return the answer to one message."""
    model = as_model(state)
    warnings: list[str] = []
    strategy: StrategyView | None = None
    email: EmailView | None = None

    if model.phase is not WorkflowPhase.REQUIREMENTS:
        strategy = strategy_view(model)
    try:
        email = email_view(model)
    except ValueError:
        logger.exception("e-mail of session %.8s left out of the answer", model.session_id)
        warnings.append("email_unavailable")

    if model.strategy is not None and model.strategy.source == "template":
        warnings.append("strategy_from_template")

    logger.debug(
        "transformed a state in phase %s",
        model.phase.value,
        extra={"phase": model.phase.value, "turn": model.turn},
    )
    return ExecuteResponse(
        session_id=model.session_id,
        phase=model.phase.value,
        reply=clip(reply),
        complete=email is not None,
        turn=model.turn,
        missing=model.requirements.missing() if model.phase is WorkflowPhase.REQUIREMENTS else [],
        intent=model.last_intent.intent.value if model.last_intent else None,
        strategy=strategy,
        email=email,
        warnings=warnings,
    )


def transform_error(error: BaseException, request_id: str | None = None) -> ErrorResponse:
    """Return the body for an error; one that is not ours shows no detail at all."""
    match error:
        case UniversalFrameworkError():
            logger.info(
                "answering %s with status %d",
                error.code,
                error.status,
                extra={"error_code": error.code},
            )
            body = ErrorBody(code=error.code, detail=error.public_detail, request_id=request_id)
        case _:
            logger.error(f"unexpected {type(error).__name__} reached the API", exc_info=error)
            body = ErrorBody(
                code=UniversalFrameworkError.code,
                detail=UniversalFrameworkError.public_detail,
                request_id=request_id,
            )
    return ErrorResponse(error=body)


def session_view(state: StateLike) -> SessionView:
    """Return the summary of a conversation."""
    model = as_model(state)
    return SessionView(
        session_id=model.session_id,
        phase=model.phase.value,
        turn=model.turn,
        complete=model.complete,
        message_count=len(model.messages),
        updated_at=model.updated_at,
    )


@timed
def history_view(state: StateLike, *, limit: int, role: Role | None = None) -> HistoryView:
    """Return the last ``limit`` messages of a conversation."""
    model = as_model(state)
    messages = get_messages(model, role)
    entries = [
        HistoryEntry(
            role=message.role.value,
            content=message.content,
            created_at=message.created_at,
        )
        for message in messages[-limit:]
    ]
    if len(entries) < len(messages):
        logger.debug("history of %d messages shortened to %d", len(messages), len(entries))
    return HistoryView(session_id=model.session_id, total=len(messages), entries=entries)
