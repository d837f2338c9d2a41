"""Which storage, language model and guard a configuration asks for: the one place that knows their classes."""

from __future__ import annotations

from universal_framework.compliance.safe_mode import SafeModeGuard, SafeModePolicy
from universal_framework.config.models import EnvironmentConfig, LLMProviderConfig, RedisConfig, SecurityConfig
from universal_framework.contracts.llm import LLMProvider
from universal_framework.contracts.storage import SessionStore
from universal_framework.llm.providers import create_provider
from universal_framework.redis._sessions import SessionLimits
from universal_framework.redis.connection import RedisConnectionAdapter
from universal_framework.redis.memory_storage import MemorySessionStorage
from universal_framework.redis.session_storage import RedisSessionStorage


def open_store(config: RedisConfig | None, security: SecurityConfig) -> tuple[SessionStore, str]:
    """Return the storage of sessions, not connected yet, and its kind: ``redis``, or ``memory`` where none is known."""
    limits = SessionLimits.of(security)
    if config is None:
        return MemorySessionStorage(limits=limits), "memory"
    return RedisSessionStorage(RedisConnectionAdapter(config), limits=limits), "redis"


def open_llm(config: LLMProviderConfig, *, simulated: bool) -> LLMProvider:
    """Return the language model; the simulation where there is to be none."""
    return create_provider(config, safe_mode=simulated)


def open_guard(config: EnvironmentConfig, *, safe_mode: bool) -> SafeModeGuard:
    """Return what messages and e-mails are asked by; in safe mode it refuses, else it only tells."""
    return SafeModeGuard(SafeModePolicy.of(config.model_copy(update={"safe_mode": safe_mode})))
