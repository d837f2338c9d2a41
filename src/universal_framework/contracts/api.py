"""Request and response bodies of the HTTP interface."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class ExecuteRequest(BaseModel):
    """One message of a user, for a new or a running conversation."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    message: str = Field(min_length=1)
    session_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{6,64}$")


class StrategyView(BaseModel):
    """The strategy as a client sees it."""

    subject_line: str
    summary: str
    outline: list[str]
    tone: str
    revision: int


class EmailView(BaseModel):
    """The finished e-mail as a client sees it."""

    subject: str
    body: str
    word_count: int


class ExecuteResponse(BaseModel):
    """Answer to one message.

    `degraded` names the agents in whose place a simulation gave what the conversation holds now.
    """

    session_id: str
    phase: str
    reply: str
    complete: bool
    turn: int
    missing: list[str] = Field(default_factory=list)
    intent: str | None = None
    strategy: StrategyView | None = None
    email: EmailView | None = None
    warnings: list[str] = Field(default_factory=list)
    degraded: list[str] = Field(default_factory=list)


class SessionView(BaseModel):
    """Summary of a stored conversation."""

    session_id: str
    phase: str
    turn: int
    complete: bool
    degraded: list[str] = Field(default_factory=list)
    message_count: int
    updated_at: datetime


class HistoryEntry(BaseModel):
    """One message of a stored conversation."""

    role: str
    content: str
    created_at: datetime


class HistoryView(BaseModel):
    """A page of a stored conversation, oldest message first."""

    session_id: str
    total: int
    entries: list[HistoryEntry]


class JobView(BaseModel):
    """State of a request that is executed in the background."""

    job_id: str
    status: str
    response: ExecuteResponse | None = None
    error: ErrorBody | None = None


class ErrorBody(BaseModel):
    """The one shape in which every error leaves the service."""

    code: str
    detail: str
    request_id: str | None = None


class ErrorResponse(BaseModel):
    """Envelope of an error."""

    error: ErrorBody


JobView.model_rebuild()
