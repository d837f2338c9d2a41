"""State of one conversation, as it is stored in Redis and handed between the agents.

In: what agents and users gave. Out: a model that is JSON on the outside, and the schema of a LangGraph graph: the
tables that recovery keeps have a reducer, every other field is the last value written.

Two versions of the service may share a store. A field that is new in the other one is kept and written back: those of
the state in ``unknown_fields`` – a field like others, so it also survives a graph –, those of a value on the value. A
change that the older version must not touch raises ``SCHEMA_VERSION``; it refuses states of a later one. Never: input
in the text of an error.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from universal_framework.contracts.reducers import merge_recovery

#: The form of stored states. A later one is refused, an equal or earlier one is read.
SCHEMA_VERSION: Final = 1

#: Characters of the longest session id.
SESSION_ID_CHARS: Final = 256

_VALUE: Final = ConfigDict(frozen=True, extra="allow", hide_input_in_errors=True)


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _none_is_empty(value: Any) -> Any:
    return {} if value is None else value


#: An aware moment; a naive one is taken for UTC.
Moment = Annotated[datetime, AfterValidator(_in_utc)]
_Empty = BeforeValidator(_none_is_empty)


class WorkflowPhase(StrEnum):
    """The four phases, in the order in which a conversation passes through them."""

    REQUIREMENTS = "requirements"
    STRATEGY = "strategy"
    CONFIRMATION = "confirmation"
    EMAIL = "email"


class Intent(StrEnum):
    """What a user wants with one message."""

    EMAIL_REQUEST = "email_request"
    PROVIDE_DETAILS = "provide_details"
    APPROVE = "approve"
    REVISE = "revise"
    RESET = "reset"
    HELP = "help"
    OFF_TOPIC = "off_topic"


class Role(StrEnum):
    """Author of a message."""

    USER = "user"
    ASSISTANT = "assistant"


def utc_now() -> datetime:
    """Return the current time, aware and in UTC."""
    return datetime.now(UTC)


class Message(BaseModel):
    """One message of the conversation."""

    model_config = _VALUE

    role: Role
    content: str
    created_at: Moment = Field(default_factory=utc_now)


class IntentResult(BaseModel):
    """Outcome of classifying one message."""

    model_config = _VALUE

    intent: Intent
    confidence: float = Field(ge=0.0, le=1.0)
    source: str = "rules"


class Requirements(BaseModel):
    """What the e-mail must say, to whom, and how."""

    model_config = _VALUE

    topic: str | None = None
    audience: str | None = None
    tone: str | None = None
    key_points: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return the labels of the fields that the user has not given yet."""
        given = {
            "topic": self.topic,
            "audience": self.audience,
            "tone": self.tone,
            "key points": self.key_points,
        }
        return [label for label, value in given.items() if not value]

    @property
    def complete(self) -> bool:
        """Whether a strategy can be written from these requirements."""
        return not self.missing()


class Strategy(BaseModel):
    """The plan that the user approves before the e-mail is written."""

    model_config = _VALUE

    subject_line: str
    summary: str
    outline: tuple[str, ...]
    tone: str
    revision: int = 1
    source: str = "llm"


class EmailDraft(BaseModel):
    """The finished e-mail."""

    model_config = _VALUE

    subject: str
    body: str
    source: str = "llm"

    @property
    def word_count(self) -> int:
        """Number of words in the body."""
        return len(self.body.split())


class ErrorInfo(BaseModel):
    """A failure that the conversation survived or ended with."""

    model_config = _VALUE

    code: str
    detail: str
    phase: WorkflowPhase
    occurred_at: Moment = Field(default_factory=utc_now)


class UniversalWorkflowState(BaseModel):
    """Everything that is known about one conversation."""

    model_config = ConfigDict(hide_input_in_errors=True)

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION)
    session_id: str = Field(min_length=1, max_length=SESSION_ID_CHARS)
    user_id: str | None = None
    version: int = Field(default=0, ge=0)
    phase: WorkflowPhase = WorkflowPhase.REQUIREMENTS
    turn: int = Field(default=0, ge=0)
    messages: list[Message] = Field(default_factory=list)
    requirements: Requirements = Field(default_factory=Requirements)
    strategy: Strategy | None = None
    confirmed: bool = False
    email: EmailDraft | None = None
    last_intent: IntentResult | None = None
    errors: list[ErrorInfo] = Field(default_factory=list)
    context_data: Annotated[dict[str, Any], _Empty, merge_recovery] = Field(default_factory=dict)
    error_recovery_state: Annotated[dict[str, Any], _Empty, merge_recovery] = Field(default_factory=dict)
    recovery_attempts: Annotated[dict[str, int], _Empty, merge_recovery] = Field(default_factory=dict)
    unknown_fields: Annotated[dict[str, Any], _Empty] = Field(default_factory=dict)
    created_at: Moment = Field(default_factory=utc_now)
    updated_at: Moment = Field(default_factory=utc_now)

    @model_validator(mode="before")
    @classmethod
    def _sort_unknown_fields(cls, given: Any) -> Any:
        """Move what this version does not know to ``unknown_fields``, and what it does know by now out of it."""
        if not isinstance(given, Mapping):
            return given
        known = cls.model_fields
        kept = given.get("unknown_fields")
        if not isinstance(kept, Mapping):
            kept = {}
        fields: dict[Any, Any] = {key: value for key, value in given.items() if key in known}
        unknown = {key: value for key, value in given.items() if key not in known}
        for key, value in kept.items():
            if key in known:
                fields.setdefault(key, value)
            else:
                unknown.setdefault(key, value)
        if unknown or kept:
            fields["unknown_fields"] = unknown
        return fields

    @classmethod
    def new(cls, session_id: str | None = None) -> UniversalWorkflowState:
        """Return the state of a conversation that has not begun; without `session_id`, with one nobody can guess."""
        return cls(session_id=uuid.uuid4().hex if session_id is None else session_id)

    @property
    def complete(self) -> bool:
        """Whether the e-mail has been written."""
        return self.email is not None
