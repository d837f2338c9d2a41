"""What recovery is told by the configuration: the table ``[error_recovery]``.

In: a table, and the environment. Out: an `ErrorRecoveryConfig`, or an error that names every wrong setting. All
durations are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from universal_framework.workflow._breaker import BreakerSettings

#: The rollback plan's switch.
ENABLED: Final = "UF__ERROR_RECOVERY__ENABLED"

_WORDS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}

Seconds = Annotated[FiniteFloat, Field(gt=0)]
Share = Annotated[FiniteFloat, Field(gt=0, le=1)]


class Trigger(StrEnum):
    """What a fallback is called for."""

    TIMEOUT = "timeout"
    FAILURE = "failure"
    REJECTION = "rejection"


def _triggers(value: object) -> object:
    return frozenset(value) if isinstance(value, list | tuple | set) else value


class AgentRecovery(BaseModel):
    """How one agent is guarded; `BreakerSettings` says what the settings of the circuit mean."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    agent_timeout: Seconds = 30.0
    fallback_timeout: Seconds = 5.0
    fallback_on: Annotated[frozenset[Trigger], BeforeValidator(_triggers)] = frozenset(Trigger)
    max_concurrency: int | None = Field(None, ge=1)
    circuit_breaker_threshold: int = Field(5, ge=0)
    circuit_breaker_timeout: Seconds = 60.0
    failure_rate_threshold: Share = 0.5
    slow_call_seconds: Seconds = 20.0
    slow_call_rate_threshold: Share = 1.0
    minimum_calls: int = Field(10, ge=1)
    sliding_window: int = Field(20, ge=1)
    sliding_window_seconds: Seconds | None = None
    permitted_in_half_open: int = Field(3, ge=1)
    half_open_failure_rate: Share | None = None
    half_open_max_wait: Seconds | None = 60.0
    wait_multiplier: FiniteFloat = Field(2.0, ge=1)
    wait_max: Seconds = 600.0
    wait_jitter: FiniteFloat = Field(0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _window_holds_what_rates_need(self) -> Self:
        if self.sliding_window_seconds is None and self.minimum_calls > self.sliding_window:
            raise ValueError(f"minimum_calls is more than sliding_window holds ({self.sliding_window})")
        return self

    def breaker(self) -> BreakerSettings:
        """Return the settings of the circuit."""
        return BreakerSettings(
            failure_threshold=self.circuit_breaker_threshold,
            failure_rate=self.failure_rate_threshold,
            slow_seconds=self.slow_call_seconds,
            slow_rate=self.slow_call_rate_threshold,
            minimum_calls=self.minimum_calls,
            window_calls=self.sliding_window,
            window_seconds=self.sliding_window_seconds,
            wait_open=self.circuit_breaker_timeout,
            wait_multiplier=self.wait_multiplier,
            wait_max=self.wait_max,
            wait_jitter=self.wait_jitter,
            probes=self.permitted_in_half_open,
            probe_failure_rate=self.half_open_failure_rate,
            half_open_max=self.half_open_max_wait,
        )


class ErrorRecoveryConfig(AgentRecovery):
    """The table ``[error_recovery]``; ``[error_recovery.agents.<name>]`` changes settings for one agent.

    Attributes:
        enabled: False: agents are called as if there were no recovery.
        sync_threads: How many agents that are plain functions may run at once.
        unknown_agents: How many circuits are kept for names that nobody registered; the longest unused is dropped.
    """

    enabled: bool = True
    sync_threads: int = Field(16, ge=1)
    unknown_agents: int = Field(100, ge=1)
    agents: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agents_are_right(self) -> Self:
        for name in self.agents:
            try:
                self.agent(name)
            except ValidationError as error:
                wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)]
                raise ValueError(f"agents.{name}: {'; '.join(wrong)}") from None
        return self

    @classmethod
    def from_table(cls, table: Mapping[str, Any], environ: Mapping[str, str]) -> Self:
        """Return the configuration that a table and the environment give; the environment goes first.

        Args:
            table: ``[error_recovery]``, or a document that holds it.
            environ: ``UF__ERROR_RECOVERY__ENABLED`` is read.

        Raises:
            ValueError: A setting is wrong or unknown.
        """
        own = table.get("error_recovery", table)
        if not isinstance(own, Mapping):
            raise ValueError("error_recovery is not a table; write [error_recovery]")  # noqa: TRY004 - a wrong setting
        settings = {str(key): value for key, value in own.items()}
        if ENABLED in environ:
            word = environ[ENABLED].strip().lower()
            if word not in _WORDS:
                raise ValueError(f"{ENABLED} must be one of {', '.join(_WORDS)}")
            settings["enabled"] = _WORDS[word]
        return cls.model_validate(settings)

    def agent(self, name: str) -> AgentRecovery:
        """Return how the agent `name` is guarded."""
        own = {key: getattr(self, key) for key in AgentRecovery.model_fields}
        return AgentRecovery.model_validate({**own, **self.agents.get(name, {})})
