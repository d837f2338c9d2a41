"""Access to a conversation's state, whichever kind it is: our model, another one, a dataclass, a mapping.

In: a state, as graphs (inside nodes: the node's annotation; outside: always a dict), storages and our own code hand it
on. Out: what was asked for, or another state of the same kind; the one that came in is never written to. Never: a value
of the state in a log or in the text of an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from universal_framework.contracts.state import Message, Role, UniversalWorkflowState, WorkflowPhase
from universal_framework.errors import StateAccessError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("state_access")

StateLike = UniversalWorkflowState | Mapping[str, Any]
S = TypeVar("S")


def get_field(state: object, field: str, default: Any = None) -> Any:
    """Return one field, or `default` where the state does not have it.

    Raises:
        StateAccessError: `state` is neither a model nor a dataclass nor a mapping.
    """
    if isinstance(state, Mapping):
        if field not in state:
            logger.debug("state_field_missing", field=field, kind="mapping")
        return state.get(field, default)
    if field not in _names(state):
        logger.warning("state_field_unknown", field=field, kind=type(state).__name__)
        return default
    return getattr(state, field)


def set_fields(state: S, **changes: Any) -> S:
    """Return a state of the same kind with some fields replaced.

    Raises:
        StateAccessError: `state` has no such field, or is no state.
    """
    logger.debug("state_fields_replaced", fields=sorted(changes))
    if isinstance(state, Mapping):
        merged = {**state, **changes}
        return merged if type(state) is dict else type(state)(merged)  # type: ignore[return-value, call-arg]
    unknown = sorted(set(changes) - _names(state))
    if unknown:
        logger.error("state_fields_unknown", fields=unknown, kind=type(state).__name__)
        raise StateAccessError(f"unknown state fields: {', '.join(unknown)}")
    if isinstance(state, BaseModel):
        return state.model_copy(update=changes)
    return dataclasses.replace(state, **changes)  # type: ignore[type-var]


def _names(state: object) -> set[str]:
    if isinstance(state, BaseModel):
        return {*type(state).model_fields, *(state.model_extra or ())}
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return {field.name for field in dataclasses.fields(state)}
    logger.error("state_of_no_known_kind", kind=type(state).__name__)
    raise StateAccessError(f"a {type(state).__name__} is not a state: give a mapping, a model or a dataclass")


def as_model(state: object) -> UniversalWorkflowState:
    """Return the state as our model.

    Raises:
        StateAccessError: It does not describe a state.
    """
    if isinstance(state, UniversalWorkflowState):
        return state
    given = dict(state) if isinstance(state, Mapping) else {name: getattr(state, name) for name in _names(state)}
    try:
        return UniversalWorkflowState.model_validate(given)
    except (ValidationError, RecursionError) as error:
        raise _invalid("state", error) from None


def get_phase(state: object) -> WorkflowPhase:
    """Return the phase; a missing or unknown one counts as the first."""
    value = get_field(state, "phase", WorkflowPhase.REQUIREMENTS)
    try:
        return WorkflowPhase(value)
    except ValueError:
        logger.warning("state_phase_unknown", kind=type(value).__name__)
        return WorkflowPhase.REQUIREMENTS


def get_messages(state: object, role: Role | None = None) -> list[Message]:
    """Return the messages, of one author or of both, oldest first.

    Raises:
        StateAccessError: `state` is no state, or what it holds there are no messages.
    """
    given = get_field(state, "messages")
    if given is None:
        return []
    if not isinstance(given, list | tuple):
        logger.error("state_messages_unreadable", kind=type(given).__name__)
        raise StateAccessError(f"messages must be a list, not {type(given).__name__}")
    try:
        messages = [one if isinstance(one, Message) else Message.model_validate(one) for one in given]
    except (ValidationError, RecursionError) as error:
        raise _invalid("message", error) from None
    return [message for message in messages if role is None or message.role is role]


def last_user_text(state: object) -> str:
    """Return what the user wrote last, or an empty text."""
    if messages := get_messages(state, Role.USER):
        return messages[-1].content
    logger.debug("state_without_user_message")
    return ""


def _invalid(what: str, error: Exception) -> StateAccessError:
    """Return an error that names the fields that are wrong, not what they hold."""
    places = []
    if isinstance(error, ValidationError):
        fields = {".".join(str(part) for part in one["loc"][:2])[:80] for one in error.errors(include_input=False)}
        places = sorted(fields)[:8]
    logger.error("state_invalid", what=what, fields=places)
    return StateAccessError(f"invalid {what}: {', '.join(places) or 'nested too deeply'}")
