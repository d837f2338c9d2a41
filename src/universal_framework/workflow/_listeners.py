"""Who wants to know what recovery does: metrics, alerts, health.

A listener gets values on the event loop, in order; what it raises is counted and logged, never passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from universal_framework.workflow._breaker import BreakerState
from universal_framework.workflow._errors import ErrorClass, ErrorType


class Outcome(StrEnum):
    """How an execution ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of an agent.

    Attributes:
        agent: Its registered name.
        outcome: How it ended.
        seconds: How long it took; 0 where it was refused.
        error_type: What happened, where it did not succeed.
        error_class: What may help against it.
    """

    agent: str
    outcome: Outcome
    seconds: float
    error_type: ErrorType | None = None
    error_class: ErrorClass | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A circuit went from one state to another."""

    agent: str
    before: BreakerState
    after: BreakerState


@dataclass(frozen=True, slots=True)
class Fallback:
    """A fallback was called, and whether it gave a result."""

    agent: str
    answered: bool
    seconds: float


class RecoveryListener(Protocol):
    """What a listener has; `SilentListener` is one to inherit from."""

    def on_execution(self, execution: Execution, /) -> None:
        """Take in an execution that ended."""

    def on_transition(self, transition: Transition, /) -> None:
        """Take in a change of a circuit."""

    def on_fallback(self, fallback: Fallback, /) -> None:
        """Take in a fallback that ended."""


class SilentListener:
    """A listener that does nothing with anything."""

    def on_execution(self, execution: Execution, /) -> None:
        """Do nothing."""

    def on_transition(self, transition: Transition, /) -> None:
        """Do nothing."""

    def on_fallback(self, fallback: Fallback, /) -> None:
        """Do nothing."""
