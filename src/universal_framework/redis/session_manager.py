"""Sessions for those who answer requests: whatever storage stands behind, a change is made to the latest state.

In: a storage, and pure functions from state to state. Out: the state that was stored. A change that another request
was faster than is made again, to what that request left; so `change` may run several times and must only compute.
Where the storage does not answer, nothing is tried again here: the storage has done that, and whether a write whose
answer was lost took place is not known.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from weakref import WeakValueDictionary

from universal_framework.contracts.state import UniversalWorkflowState, utc_now
from universal_framework.contracts.storage import SessionStore
from universal_framework.errors import SessionConflictError, SessionNotFoundError, StateAccessError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.session_logging import hashed_session_id

logger = UniversalFrameworkLogger("session_manager")

Change = Callable[[UniversalWorkflowState], UniversalWorkflowState]

#: Seconds of the shortest and of the longest pause before a change is made again.
_PAUSE: Final = 0.004
_LONGEST_PAUSE: Final = 0.25


class SessionManagerImpl:
    """Creates, reads, changes and ends sessions of owners."""

    def __init__(
        self,
        store: SessionStore,
        *,
        attempts: int = 64,
        now: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Manage the sessions in `store`, which stays the caller's to close.

        Args:
            store: Where sessions are kept.
            attempts: How often a change is made before its conflict is the caller's.
            now: Gives what `updated_at` becomes.
            sleep: Waits that many seconds.
        """
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self._store = store
        self._attempts = attempts
        self._now = now
        self._sleep = sleep
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def create(
        self, *, owner: str, session_id: str | None = None, state: UniversalWorkflowState | None = None
    ) -> UniversalWorkflowState:
        """Store a new session – `state`, or an empty one, with `session_id` or a random id – and return it.

        Raises:
            SessionConflictError: The owner has a session with this id.
            SessionStoreError: The storage does not answer.
        """
        return await self._store.create(UniversalWorkflowState.new(session_id) if state is None else state, owner=owner)

    async def get(self, session_id: str, *, owner: str) -> UniversalWorkflowState:
        """Return a session and renew its idle time.

        Raises:
            SessionNotFoundError: `owner` has no such session.
            SessionStoreError: The storage does not answer.
        """
        state = await self._store.load(session_id, owner=owner)
        if state is None:
            logger.info("session_unknown", session_id=hashed_session_id(session_id))
            raise SessionNotFoundError("there is no such session")
        return state

    async def update(self, session_id: str, change: Change, *, owner: str) -> UniversalWorkflowState:
        """Return the session as `change` made it of the latest state, stored.

        Requests of this process take turns; those of others are noticed by the version, and the change is made again.

        Raises:
            SessionNotFoundError: `owner` has no such session.
            SessionConflictError: Others were faster each time.
            SessionStoreError: The storage does not answer.
            StateAccessError: `change` gave something else than a state of this session.
        """
        lock = self._locks.setdefault((owner, session_id), asyncio.Lock())
        async with lock:
            for attempt in range(1, self._attempts + 1):
                state = await self.get(session_id, owner=owner)
                try:
                    return await self._store.save(self._changed(state, change), owner=owner)
                except SessionConflictError:
                    if attempt == self._attempts:
                        logger.warning("session_conflict_lasts", attempts=attempt)
                        raise
                    longest = min(_LONGEST_PAUSE, _PAUSE * 2.0 ** min(attempt, 16))
                    await self._sleep(random.uniform(0, longest))  # noqa: S311 - spreads requests, keeps no secret
        raise AssertionError("unreachable")

    async def delete(self, session_id: str, *, owner: str) -> bool:
        """Forget a session; return whether `owner` had it."""
        return await self._store.delete(session_id, owner=owner)

    async def expire(self, session_id: str, *, owner: str, seconds: float) -> bool:
        """End a session in `seconds` at the latest, however busy it is; return whether `owner` has it."""
        return await self._store.expire(session_id, owner=owner, seconds=seconds)

    async def list_ids(self, *, owner: str, limit: int = 100) -> list[str]:
        """Return the ids of an owner's sessions, the latest used first, at most `limit`."""
        return await self._store.list_ids(owner=owner, limit=limit)

    def _changed(self, state: UniversalWorkflowState, change: Change) -> UniversalWorkflowState:
        version, session_id = state.version, state.session_id
        after: object = change(state)
        if not isinstance(after, UniversalWorkflowState) or after.session_id != session_id:
            raise StateAccessError("a change must return a state of the session that it was given")
        return after.model_copy(update={"version": version, "updated_at": self._now()})
