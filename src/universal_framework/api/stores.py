"""Which storage, language model and guard a configuration asks for: the one place that knows their classes."""

from __future__ import annotations

from universal_framework.compliance.safe_mode import SafeModeGuard
from universal_framework.config.models import EnvironmentConfig, LLMProviderConfig, RedisConfig, SecurityConfig
from universal_framework.config.settings import LLMSettings, SafeModeSettings
from universal_framework.contracts.llm import LLMProvider
from universal_framework.contracts.storage import SessionStore
from universal_framework.llm.providers import SimulationProvider, create_provider


def open_store(config: RedisConfig | None, security: SecurityConfig) -> tuple[SessionStore, str]:
    """Return the storage of sessions, not connected yet, and its kind: ``redis``, or ``memory`` where none is known."""
    raise NotImplementedError


def open_llm(config: LLMProviderConfig, *, simulated: bool) -> LLMProvider:
    """Return the language model; the simulation where there is to be none."""
    return SimulationProvider()


def open_guard(config: EnvironmentConfig) -> SafeModeGuard:
    """Return what messages and e-mails are asked by."""
    return SafeModeGuard(SafeModeSettings())
