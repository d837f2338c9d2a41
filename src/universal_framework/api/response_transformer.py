"""Conversion of states and errors into the bodies that leave the service.

In: a state, of any kind, or an error. Out: what a client may see of it, and no more than this module copies. A part
that cannot be converted is left out and named in ``warnings``; the reply itself always arrives. What went wrong is
told to the log, with the traceback, never in the body. What a simulation gave is named in ``degraded``.
"""

from __future__ import annotations

from typing import Final

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
from universal_framework.contracts.state import Role, UniversalWorkflowState, WorkflowPhase
from universal_framework.errors import UniversalFrameworkError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.state_access import StateLike, as_model, get_messages
from universal_framework.workflow.orchestrator import degraded_agents

logger = UniversalFrameworkLogger("response_transformer")

MAX_REPLY_CHARS: Final = 8000


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
        ValueError: The e-mail is empty, which no client could show.
    """
    if (email := state.email) is None:
        return None
    if not email.body.strip():
        raise ValueError("the e-mail has no body")
    return EmailView(subject=email.subject, body=email.body, word_count=email.word_count)


def clip(text: str, limit: int = MAX_REPLY_CHARS) -> str:
    """Return `text`, cut at a word border when it is longer than `limit`."""
    if len(text) <= limit:
        return text
    logger.warning("reply_cut", reply_chars=len(text), limit=limit)
    return f"{text[:limit].rsplit(' ', 1)[0]} …"


def transform_state(state: StateLike, reply: str, *, simulated: bool = False) -> ExecuteResponse:
    """Return the answer to one message.

    Args:
        state: The conversation after it.
        reply: What is said.
        simulated: Whether the service runs in safe mode, without a language model.

    Raises:
        StateAccessError: `state` is none.
    """
    model = as_model(state)
    warnings: list[str] = []
    strategy = strategy_view(model) if model.phase is not WorkflowPhase.REQUIREMENTS else None
    email: EmailView | None = None
    try:
        email = email_view(model)
    except ValueError:
        logger.exception("email_left_out", phase=model.phase.value, turn=model.turn)
        warnings.append("email_unavailable")
    if model.strategy is not None and model.strategy.source == "template":
        warnings.append("strategy_from_template")
    if simulated:
        warnings.append("safe_mode")
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
        degraded=degraded_agents(model),
    )


def transform_error(error: BaseException, request_id: str | None = None) -> ErrorResponse:
    """Return the body for an error; one that is not ours shows no detail at all."""
    known = error if isinstance(error, UniversalFrameworkError) else UniversalFrameworkError()
    if known is error:
        logger.info("answering_with_error", code=known.code, status=known.status)
    else:
        logger.error("unexpected_error", error_type=type(error).__name__, exc_info=error)
    return ErrorResponse(error=ErrorBody(code=known.code, detail=known.public_detail, request_id=request_id))


def session_view(state: StateLike) -> SessionView:
    """Return the summary of a conversation."""
    model = as_model(state)
    return SessionView(
        session_id=model.session_id,
        phase=model.phase.value,
        turn=model.turn,
        complete=model.complete,
        degraded=degraded_agents(model),
        message_count=len(model.messages),
        updated_at=model.updated_at,
    )


def history_view(state: StateLike, *, limit: int, role: Role | None = None) -> HistoryView:
    """Return the last `limit` messages of a conversation, of one author or of both."""
    model = as_model(state)
    messages = get_messages(model, role)
    entries = [
        HistoryEntry(role=message.role.value, content=message.content, created_at=message.created_at)
        for message in messages[-limit:]
    ]
    return HistoryView(session_id=model.session_id, total=len(messages), entries=entries)
