"""Typed settings of the service."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AppSettings(_Section):
    """General behaviour."""

    environment: Literal["development", "test", "staging", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    max_message_chars: int = Field(default=4000, gt=0)
    history_limit: int = Field(default=20, ge=2)


class StorageSettings(_Section):
    """Where conversations are kept. A unix socket wins over the URL."""

    backend: Literal["redis", "memory"] = "redis"
    url: str = "redis://localhost:6379/0"
    socket: str = ""
    key_prefix: str = "uf:session:"
    session_ttl_seconds: int = Field(default=3600, gt=0)
    timeout_seconds: float = Field(default=2.0, gt=0)


class LLMSettings(_Section):
    """Which model writes, and how patient we are with it."""

    provider: Literal["simulation", "http"] = "simulation"
    base_url: str = ""
    model: str = "simulation-1"
    api_key: str = Field(default="", repr=False)
    timeout_seconds: float = Field(default=10.0, gt=0)
    max_retries: int = Field(default=2, ge=0)
    retry_delay_seconds: float = Field(default=0.2, ge=0)


class WorkflowSettings(_Section):
    """Behaviour of the phases."""

    strategy_fallback: bool = True


class SafeModeSettings(_Section):
    """What safe mode forbids."""

    enabled: bool = True
    blocked_terms: tuple[str, ...] = ()
    allow_external_llm: bool = True


class TelemetrySettings(_Section):
    """Export of telemetry; empty endpoint means none."""

    otlp_endpoint: str = ""
    batch_size: int = Field(default=64, gt=0)


class Settings(_Section):
    """All settings of one process."""

    app: AppSettings = Field(default_factory=AppSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    llm: LLMSettings = Field(default_factory=LLMSettings)
    workflow: WorkflowSettings = Field(default_factory=WorkflowSettings)
    safe_mode: SafeModeSettings = Field(default_factory=SafeModeSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
