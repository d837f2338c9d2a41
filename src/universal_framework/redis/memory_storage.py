"""Session storage in the memory of one process, for development without Redis."""

from __future__ import annotations

import time

from universal_framework.contracts.state import UniversalWorkflowState


class MemorySessionStorage:
    """Keeps serialised states in a dict, with the same time to live as in Redis."""

    def __init__(self, *, ttl_seconds: int = 3600) -> None:
        self._ttl_seconds = ttl_seconds
        self._entries: dict[str, tuple[float, str]] = {}

    def _drop_expired(self) -> None:
        now = time.monotonic()
        self._entries = {key: entry for key, entry in self._entries.items() if entry[0] > now}

    async def load(self, session_id: str) -> UniversalWorkflowState | None:
        """Return the stored state, or None when there is none."""
        self._drop_expired()
        entry = self._entries.get(session_id)
        return UniversalWorkflowState.model_validate_json(entry[1]) if entry else None

    async def save(self, state: UniversalWorkflowState) -> None:
        """Store the state and renew its time to live."""
        expires = time.monotonic() + self._ttl_seconds
        self._entries[state.session_id] = (expires, state.model_dump_json())

    async def delete(self, session_id: str) -> bool:
        """Forget a session; return whether it existed."""
        self._drop_expired()
        return self._entries.pop(session_id, None) is not None

    async def list_ids(self, limit: int = 100) -> list[str]:
        """Return the ids of stored sessions, sorted, at most ``limit``."""
        self._drop_expired()
        return sorted(self._entries)[:limit]

    async def healthy(self) -> bool:
        """Memory always answers."""
        return True

    async def aclose(self) -> None:
        """Forget everything."""
        self._entries.clear()
