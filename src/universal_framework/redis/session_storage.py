"""Sessions in Redis: the contract `contracts.storage.SessionStore` on a server, a cluster, or what Sentinels watch.

In: states and their owners. Out: what was stored, or an error of `universal_framework.errors`. Every operation is one
script (`_scripts`), so it happens whole or not at all, and once however often the client had to send it. A session's
key holds a hash of its owner – whoever asks for somebody else's asks for one that does not exist – and the version of
the layout. Never: a session id in a log but as a keyed hash, a value that was not JSON of ours taken for a state.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import (
    SessionConflictError,
    SessionNotFoundError,
    SessionStoreError,
    StateAccessError,
)
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.redis import _scripts
from universal_framework.redis._sessions import SessionLimits, decoded, encoded, tag_of, usable_id
from universal_framework.redis.connection import RedisConnectionAdapter, Script
from universal_framework.utils.session_logging import hashed_session_id

logger = UniversalFrameworkLogger("session_storage")

#: The version of the layout of keys and hashes.
LAYOUT: Final = "v1"

_PAGE: Final = 500
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class RedisSessionStorage:
    """Keeps conversations in Redis."""

    def __init__(
        self,
        adapter: RedisConnectionAdapter,
        *,
        limits: SessionLimits | None = None,
        key_prefix: str = "uf:session:",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep sessions behind `adapter`, which is closed with the storage.

        Args:
            adapter: The connection.
            limits: How long and how large sessions may become; see `SessionLimits.of`.
            key_prefix: What keys begin with, for several services on one server.
            clock: Seconds since 1970. The clocks of all processes on one server must agree to within seconds.
        """
        if not _PREFIX.fullmatch(key_prefix):
            raise ValueError("key_prefix must be 1 to 64 of letters, digits and _ . : -")
        self._adapter = adapter
        self._limits = limits or SessionLimits()
        self._prefix = f"{key_prefix}{LAYOUT}:"
        self._clock = clock

    async def create(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store a new session and return it as version 1; see the contract for errors."""
        session_id = state.session_id
        if not usable_id(session_id):
            raise StateAccessError("the session id is empty, too long, or no text")
        body, stored = encoded(state, 1, self._limits)
        if await self._on("create", _scripts.CREATE, session_id, owner, secrets.token_hex(8), body) == 0:
            raise SessionConflictError("there is a session with this id")
        logger.log_session_event(session_id, "session_stored", phase=stored.phase.value)
        return stored

    async def load(self, session_id: str, *, owner: str) -> UniversalWorkflowState | None:
        """Return the stored state and renew its idle time; None where `owner` has no such session, or it is over.

        Raises:
            SessionStoreError: The storage does not answer, or what it holds is no state.
        """
        if not usable_id(session_id):
            return None
        answer = await self._on("load", _scripts.LOAD, session_id, owner, self._limits.read_bytes)
        if not answer:
            return None
        try:
            return _state_of(answer, session_id)
        except SessionStoreError as problem:
            said = str(problem)
        logger.error("session_unreadable", session_id=hashed_session_id(session_id), problem=said)
        raise SessionStoreError(said)

    async def save(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store what was made of the version `state.version`, and return it with the next one; errors: the contract."""
        session_id, version = state.session_id, state.version
        if not usable_id(session_id):
            raise SessionNotFoundError("there is no such session")
        body, stored = encoded(state, version + 1, self._limits)
        name = secrets.token_hex(8)
        answer = await self._on("save", _scripts.SAVE, session_id, owner, name, body, version, version + 1)
        if answer == -1:
            raise SessionNotFoundError("there is no such session")
        if answer == 0:
            logger.info("session_conflict", session_id=hashed_session_id(session_id), version=version)
            raise SessionConflictError(f"the session is no longer at version {version}")
        logger.debug("session_saved", session_id=hashed_session_id(session_id), version=version + 1, size=len(body))
        return stored

    async def delete(self, session_id: str, *, owner: str) -> bool:
        """Forget a session; return whether `owner` had it."""
        if not usable_id(session_id):
            return False
        tombstone = f"{self._prefix}{{{tag_of(owner)}}}:gone:{secrets.token_hex(8)}"
        had: bool = await self._on("delete", _scripts.DELETE, session_id, owner, extra_key=tombstone) == 1
        logger.log_session_event(session_id, "session_deleted" if had else "session_already_gone")
        return had

    async def expire(self, session_id: str, *, owner: str, seconds: float) -> bool:
        """End a session in `seconds` at the latest, however busy it is; return whether `owner` has it."""
        if not usable_id(session_id):
            return False
        ends = self._now() + max(0, round(min(seconds, self._limits.age_seconds) * 1000))
        return bool(await self._on("expire", _scripts.EXPIRE, session_id, owner, ends) == 1)

    async def list_ids(self, *, owner: str, limit: int = 100) -> list[str]:
        """Return the ids of an owner's sessions, the latest used first, at most `limit`."""
        tag, alive, rank = tag_of(owner), list[str](), 0
        while len(alive) < limit:
            size = min(_PAGE, limit - len(alive))
            page = await self._script("list", _scripts.RANGE, [self._index(tag)], "", rank, size)
            if not page:
                break
            keys = [self._index(tag), *(self._key(tag, _text(one)) for one in page)]
            kept = await self._script("list", _scripts.ALIVE, keys, "", *page)
            rank += len(kept)
            alive += [_text(one) for one in kept]
            if len(page) < size:
                break
        return list(dict.fromkeys(alive))

    async def ping(self) -> None:
        """Return when the server answers and takes a write."""
        await self._adapter.ping()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._adapter.aclose()

    def _now(self) -> int:
        return round(self._clock() * 1000)

    def _key(self, tag: str, session_id: str) -> str:
        return f"{self._prefix}{{{tag}}}:s:{session_id}"

    def _index(self, tag: str) -> str:
        return f"{self._prefix}{{{tag}}}:ids"

    async def _on(
        self, operation: str, script: Script, session_id: str, owner: str, *rest: Any, extra_key: str | None = None
    ) -> Any:
        tag = tag_of(owner)
        keys = [self._key(tag, session_id), self._index(tag), *([extra_key] if extra_key else [])]
        return await self._script(operation, script, keys, session_id, *rest)

    async def _script(self, operation: str, script: Script, keys: list[str], *rest: Any) -> Any:
        limits = self._limits
        common = (self._now(), limits.idle_ms, limits.age_ms, limits.listed_per_owner)
        return await self._adapter.script(operation, script, keys, [*common, *rest])


def _state_of(answer: list[Any], session_id: str) -> UniversalWorkflowState:
    if len(answer) == 1:
        raise SessionStoreError(f"the stored session takes {answer[0]} bytes: too many to read")
    return decoded(answer[1] or b"", _number(answer[0]), session_id)


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > 18:
        raise SessionStoreError("the stored session has no version")
    return int(text)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
