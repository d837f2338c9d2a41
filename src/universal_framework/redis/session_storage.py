"""Session storage in Redis.

A state is one JSON value under ``<prefix><session id>`` with a time to live, renewed by every save.
Errors of Redis leave this module as ``SessionStoreError``; the API knows nothing of Redis.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TypeVar

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from universal_framework.config.settings import StorageSettings
from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import SessionStoreError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.redis.connection import open_connection
from universal_framework.utils.session_logging import shorten_session_id

T = TypeVar("T")

LARGE_STATE_BYTES = 128 * 1024
SCAN_COUNT = 200


class RedisSessionStorage:
    """Keeps conversations in Redis."""

    def __init__(
        self,
        connection: Redis,
        *,
        key_prefix: str = "uf:session:",
        ttl_seconds: int = 3600,
    ) -> None:
        self._redis = connection
        self._key_prefix = key_prefix
        self._ttl_seconds = ttl_seconds
        self.logger = UniversalFrameworkLogger("session_storage")

    @classmethod
    def from_settings(cls, settings: StorageSettings) -> RedisSessionStorage:
        """Return a storage on a connection of its own."""
        storage = cls(
            open_connection(settings),
            key_prefix=settings.key_prefix,
            ttl_seconds=settings.session_ttl_seconds,
        )
        storage.logger.info(
            "session_storage_opened",
            transport="unix" if settings.socket else "tcp",
            ttl_seconds=settings.session_ttl_seconds,
        )
        return storage

    def _key(self, session_id: str) -> str:
        return f"{self._key_prefix}{session_id}"

    async def _run(self, operation: str, command: Awaitable[T], session_id: str | None = None) -> T:
        """Return a command's result; report its failure and its duration."""
        log = self.logger.bind(operation=operation, session_id=shorten_session_id(session_id))
        started = time.perf_counter()
        try:
            return await command
        except (RedisError, OSError) as exc:
            log.error("session_storage_failed", error_type=type(exc).__name__, exc_info=True)
            raise SessionStoreError(f"{operation} failed: {exc}") from exc
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            log.debug("session_storage_command", duration_ms=round(elapsed_ms, 2))

    async def load(self, session_id: str) -> UniversalWorkflowState | None:
        """Return the stored state, or None when there is none or it has expired.

        Raises:
            SessionStoreError: Redis does not answer, or the stored value is not a state.
        """
        raw = await self._run("load", self._redis.get(self._key(session_id)), session_id)
        if raw is None:
            self.logger.info("session_not_stored", session_id=shorten_session_id(session_id))
            return None
        try:
            state = UniversalWorkflowState.model_validate_json(raw)
        except ValidationError as exc:
            self.logger.exception(
                "session_unreadable",
                session_id=shorten_session_id(session_id),
                size=len(raw),
                errors=exc.error_count(),
            )
            raise SessionStoreError("the stored session cannot be read") from exc
        self.logger.debug(
            "session_loaded",
            session_id=shorten_session_id(session_id),
            phase=state.phase.value,
            size=len(raw),
        )
        return state

    async def save(self, state: UniversalWorkflowState) -> None:
        """Store the state and renew its time to live.

        Raises:
            SessionStoreError: Redis does not answer.
        """
        value = state.model_dump_json()
        if (size := len(value.encode())) > LARGE_STATE_BYTES:
            self.logger.warning(
                f"Session state is large: {size // 1024} KiB",
                session_id=shorten_session_id(state.session_id),
                messages=len(state.messages),
            )
        await self._run(
            "save",
            self._redis.set(self._key(state.session_id), value, ex=self._ttl_seconds),
            state.session_id,
        )
        self.logger.info(
            "session_saved",
            session_id=shorten_session_id(state.session_id),
            phase=state.phase.value,
            turn=state.turn,
        )

    async def delete(self, session_id: str) -> bool:
        """Forget a session; return whether it existed."""
        removed = await self._run("delete", self._redis.delete(self._key(session_id)), session_id)
        self.logger.info(
            "session_deleted" if removed else "session_already_gone",
            session_id=shorten_session_id(session_id),
        )
        return bool(removed)

    async def time_to_live(self, session_id: str) -> int | None:
        """Return the seconds until a session expires, or None when there is no such session."""
        seconds = await self._run("ttl", self._redis.ttl(self._key(session_id)), session_id)
        return seconds if seconds >= 0 else None

    async def _scan(self, limit: int) -> list[str]:
        found: list[str] = []
        async for key in self._redis.scan_iter(match=f"{self._key_prefix}*", count=SCAN_COUNT):
            found.append(key.removeprefix(self._key_prefix))
            if len(found) >= limit:
                self.logger.warning("session_list_truncated", limit=limit)
                break
        return sorted(found)

    async def list_ids(self, limit: int = 100) -> list[str]:
        """Return the ids of stored sessions, sorted, at most ``limit``."""
        return await self._run("list", self._scan(limit))

    async def healthy(self) -> bool:
        """Return whether Redis answers; never raises."""
        try:
            return bool(await self._run("ping", self._redis.ping()))
        except SessionStoreError as exc:
            self.logger.warning("session_storage_unhealthy", exc_info=exc)
            return False

    async def aclose(self) -> None:
        """Close the connection."""
        try:
            await self._redis.aclose()
        except RedisError:
            self.logger.warning("session_storage_close_failed", exc_info=True)
        else:
            self.logger.debug("session_storage_closed")
