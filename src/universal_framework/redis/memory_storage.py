"""Sessions in the memory of one process, for development and tests: the same contract and answers as in Redis.

In: states and their owners. Out: what was stored – bytes are kept, so nobody shares a list with the storage. It ends
with the process, belongs to one event loop, and holds `max_sessions` at most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import (
    SessionConflictError,
    SessionNotFoundError,
    SessionStoreError,
    StateAccessError,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.redis._sessions import SessionLimits, decoded, encoded, tag_of, usable_id

logger = UniversalFrameworkLogger("memory_storage")

#: Sessions more than after the last sweep before the next.
_SWEEP: Final = 1024


@dataclass(frozen=True, slots=True)
class _Entry:
    """A stored session; times in milliseconds since 1970."""

    version: int
    body: bytes
    born: int
    used: int
    ends: float = math.inf


class MemorySessionStorage:
    """Keeps conversations in dictionaries, by owner."""

    def __init__(
        self,
        *,
        limits: SessionLimits | None = None,
        max_sessions: int = 100_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep at most `max_sessions`; `clock` gives seconds since 1970."""
        self._limits = limits or SessionLimits()
        self._max_sessions = max_sessions
        self._clock = clock
        self._owners: dict[str, dict[str, _Entry]] = {}
        self._count = 0
        self._sweep_at = _SWEEP
        self._closed = False

    async def create(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store a new session and return it as version 1; see the contract for errors."""
        session_id = state.session_id
        if not usable_id(session_id):
            raise StateAccessError("the session id is empty, too long, or no text")
        body, stored = encoded(state, 1, self._limits)
        now = self._open()
        if self._found(session_id, owner, now) is not None:
            raise SessionConflictError("there is a session with this id")
        if self._count >= min(self._sweep_at, self._max_sessions):
            self._sweep(now)
        if self._count >= self._max_sessions:
            raise SessionStoreError(f"the storage is full: it holds {self._count} sessions")
        self._put(session_id, owner, _Entry(1, body, now, now))
        logger.log_session_event(session_id, "session_stored", phase=stored.phase.value)
        return stored

    async def load(self, session_id: str, *, owner: str) -> UniversalWorkflowState | None:
        """Return the stored state and renew its idle time; None where `owner` has no such session, or it is over."""
        now = self._open()
        entry = self._found(session_id, owner, now)
        if entry is None:
            return None
        self._put(session_id, owner, replace(entry, used=max(entry.used, now)))
        return decoded(entry.body, entry.version, session_id)

    async def save(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store what was made of the version `state.version`, and return it with the next one; errors: the contract."""
        session_id, version = state.session_id, state.version
        if not usable_id(session_id):
            raise SessionNotFoundError("there is no such session")
        body, stored = encoded(state, version + 1, self._limits)
        now = self._open()
        entry = self._found(session_id, owner, now)
        if entry is None:
            raise SessionNotFoundError("there is no such session")
        if entry.version != version:
            raise SessionConflictError(f"the session is no longer at version {version}")
        self._put(session_id, owner, replace(entry, version=version + 1, body=body, used=max(entry.used, now)))
        return stored

    async def delete(self, session_id: str, *, owner: str) -> bool:
        """Forget a session; return whether `owner` had it."""
        had = self._found(session_id, owner, self._open()) is not None
        if had:
            self._drop(tag_of(owner), session_id)
        logger.log_session_event(session_id, "session_deleted" if had else "session_already_gone")
        return had

    async def expire(self, session_id: str, *, owner: str, seconds: float) -> bool:
        """End a session in `seconds` at the latest, however busy it is; return whether `owner` has it."""
        now = self._open()
        entry = self._found(session_id, owner, now)
        if entry is None:
            return False
        ends = now + max(0, round(min(seconds, self._limits.age_seconds) * 1000))
        self._put(session_id, owner, replace(entry, ends=min(ends, entry.ends)))
        return True

    async def list_ids(self, *, owner: str, limit: int = 100) -> list[str]:
        """Return the ids of an owner's sessions, the latest used first, at most `limit`."""
        now, tag = self._open(), tag_of(owner)
        alive = [
            (entry.used, session_id)
            for session_id, entry in self._owners.get(tag, {}).items()
            if self._left(entry, now) > 0
        ]
        alive.sort(key=lambda one: (one[0], one[1].encode()), reverse=True)
        return [session_id for _, session_id in alive[: max(0, min(limit, self._limits.listed_per_owner))]]

    async def ping(self) -> None:
        """Return as long as the storage is open."""
        self._open()

    async def aclose(self) -> None:
        """Forget everything."""
        self._owners, self._count, self._closed = {}, 0, True

    def _open(self) -> int:
        """Return the present in milliseconds.

        Raises:
            SessionStoreError: The storage was closed.
        """
        if self._closed:
            raise SessionStoreError("the session storage was closed; the service is shutting down")
        return round(self._clock() * 1000)

    def _left(self, entry: _Entry, now: int) -> float:
        idle, age = self._limits.idle_ms, self._limits.age_ms
        return min(entry.used + idle, entry.born + age, entry.ends) - now

    def _found(self, session_id: str, owner: str, now: int) -> _Entry | None:
        tag = tag_of(owner)
        entry = self._owners.get(tag, {}).get(session_id)
        if entry is not None and self._left(entry, now) <= 0:
            self._drop(tag, session_id)
            return None
        return entry

    def _put(self, session_id: str, owner: str, entry: _Entry) -> None:
        sessions = self._owners.setdefault(tag_of(owner), {})
        self._count += session_id not in sessions
        sessions[session_id] = entry

    def _drop(self, tag: str, session_id: str) -> None:
        sessions = self._owners[tag]
        del sessions[session_id]
        self._count -= 1
        if not sessions:
            del self._owners[tag]

    def _sweep(self, now: int) -> None:
        """Forget what is over: each session is looked at once while as many others come."""
        over = [
            (tag, session_id)
            for tag, sessions in self._owners.items()
            for session_id, entry in sessions.items()
            if self._left(entry, now) <= 0
        ]
        for tag, session_id in over:
            self._drop(tag, session_id)
        self._sweep_at = 2 * self._count + _SWEEP
