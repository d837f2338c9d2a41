"""State of one conversation, as it is stored in Redis and handed between the agents."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


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

    model_config = ConfigDict(frozen=True)

    role: Role
    content: str
    created_at: datetime = Field(default_factory=utc_now)


class IntentResult(BaseModel):
    """Outcome of classifying one message."""

    model_config = ConfigDict(frozen=True)

    intent: Intent
    confidence: float = Field(ge=0.0, le=1.0)
    source: str = "rules"


class Requirements(BaseModel):
    """What the e-mail must say, to whom, and how."""

    model_config = ConfigDict(frozen=True)

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

    model_config = ConfigDict(frozen=True)

    subject_line: str
    summary: str
    outline: tuple[str, ...]
    tone: str
    revision: int = 1
    source: str = "llm"


class EmailDraft(BaseModel):
    """The finished e-mail."""

    model_config = ConfigDict(frozen=True)

    subject: str
    body: str
    source: str = "llm"

    @property
    def word_count(self) -> int:
        """Number of words in the body."""
        return len(self.body.split())


class ErrorInfo(BaseModel):
    """A failure that the conversation survived or ended with."""

    model_config = ConfigDict(frozen=True)

    code: str
    detail: str
    phase: WorkflowPhase
    occurred_at: datetime = Field(default_factory=utc_now)


class UniversalWorkflowState(BaseModel):
    """Everything that is known about one conversation."""

    session_id: str
    user_id: str | None = None
    version: int = Field(default=0, ge=0)
    phase: WorkflowPhase = WorkflowPhase.REQUIREMENTS
    turn: int = 0
    messages: list[Message] = Field(default_factory=list)
    requirements: Requirements = Field(default_factory=Requirements)
    strategy: Strategy | None = None
    confirmed: bool = False
    email: EmailDraft | None = None
    last_intent: IntentResult | None = None
    errors: list[ErrorInfo] = Field(default_factory=list)
    context_data: dict[str, Any] = Field(default_factory=dict)
    error_recovery_state: dict[str, Any] = Field(default_factory=dict)
    recovery_attempts: dict[str, int] = Field(default_factory=dict)
    created_at: datetime = Field(default_factory=utc_now)
    updated_at: datetime = Field(default_factory=utc_now)

    @classmethod
    def new(cls, session_id: str | None = None) -> UniversalWorkflowState:
        """Return the state of a conversation that has not begun."""
        return cls(session_id=session_id or uuid.uuid4().hex)

    @property
    def complete(self) -> bool:
        """Whether the e-mail has been written."""
        return self.email is not None
