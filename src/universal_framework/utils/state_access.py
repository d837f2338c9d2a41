"""Access to a conversation's state, whether it is a ``UniversalWorkflowState`` or a plain mapping.

Graph runtimes and JSON storages hand a state on as a dict, our own code as a model. The functions
here read both, and write by returning a new value of the same kind, never by changing the argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from universal_framework.contracts.state import Message, Role, WorkflowPhase, UniversalWorkflowState
from universal_framework.errors import StateAccessError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("state_access", via="stdlib")

StateLike = UniversalWorkflowState | Mapping[str, Any]


def get_field(state: StateLike, field: str, default: Any = None) -> Any:
    """Return one field, or ``default`` when the state does not have it.

    Raises:
        StateAccessError: ``state`` is neither a model nor a mapping.
    """
    match state:
        case UniversalWorkflowState():
            if field not in UniversalWorkflowState.model_fields:
                logger.warning("state has no field %r, using the default", field)
                return default
            return getattr(state, field)
        case Mapping():
            if field not in state:
                logger.debug("field %s is missing in a mapping state, using the default", field)
            return state.get(field, default)
        case _:
            logger.error(
                "cannot read %(field)s from a %(kind)s",
                {"field": field, "kind": type(state).__name__},
            )
            raise StateAccessError(f"a {type(state).__name__} is not a state")


def set_fields(state: StateLike, **changes: Any) -> StateLike:
    """Return a state of the same kind with some fields replaced."""
    logger.debug("replacing %d field(s) of a state: %s", len(changes), ", ".join(sorted(changes)))
    if isinstance(state, UniversalWorkflowState):
        unknown = sorted(set(changes) - set(UniversalWorkflowState.model_fields))
        if unknown:
            logger.error("unknown state fields: %s", unknown, extra={"state_fields": unknown})
            raise StateAccessError(f"unknown state fields: {', '.join(unknown)}")
        return state.model_copy(update=changes)
    return {**state, **changes}


def as_model(state: StateLike) -> UniversalWorkflowState:
    """Return the state as a model.

    Raises:
        StateAccessError: a mapping does not describe a state.
    """
    if isinstance(state, UniversalWorkflowState):
        return state
    try:
        return UniversalWorkflowState.model_validate(dict(state))
    except ValidationError as exc:
        logger.error(
            "mapping with %d key(s) is not a valid state",
            len(state),
            exc_info=exc,
            extra={"invalid_fields": [str(error["loc"][0]) for error in exc.errors()]},
        )
        raise StateAccessError(f"invalid state: {exc.error_count()} error(s)") from exc


def get_phase(state: StateLike) -> WorkflowPhase:
    """Return the phase; a missing or unknown one counts as the first."""
    value = get_field(state, "phase", WorkflowPhase.REQUIREMENTS)
    try:
        return WorkflowPhase(value)
    except ValueError:
        logger.warning(f"unknown phase {value!r}, starting over", exc_info=True)
        return WorkflowPhase.REQUIREMENTS


def get_messages(state: StateLike, role: Role | None = None) -> list[Message]:
    """Return the messages, of one author or of both, oldest first."""
    messages = [
        message if isinstance(message, Message) else Message.model_validate(message)
        for message in get_field(state, "messages", [])
    ]
    return [message for message in messages if role is None or message.role is role]


def last_user_text(state: StateLike) -> str:
    """Return what the user wrote last, or an empty text."""
    if messages := get_messages(state, Role.USER):
        return messages[-1].content
    logger.debug("state has no user message yet")
    return ""
