"""The interface between the API and a session storage."""

from __future__ import annotations

from typing import Protocol

from universal_framework.contracts.state import WorkflowState


class SessionStore(Protocol):
    """Keeps conversations between requests.

    Every method raises ``SessionStoreError`` when the storage cannot be reached.
    """

    async def load(self, session_id: str) -> WorkflowState | None:
        """Return the stored state, or None when there is none."""
        ...

    async def save(self, state: WorkflowState) -> None:
        """Store the state and renew its time to live."""
        ...

    async def delete(self, session_id: str) -> bool:
        """Forget a session; return whether it existed."""
        ...

    async def list_ids(self, limit: int = 100) -> list[str]:
        """Return the ids of stored sessions, sorted, at most ``limit``."""
        ...

    async def healthy(self) -> bool:
        """Return whether the storage answers."""
        ...

    async def aclose(self) -> None:
        """Release the storage's connections."""
        ...
