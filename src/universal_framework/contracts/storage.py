"""The interface between the API and a session storage.

A session belongs to its owner, an id that the caller's authentication gives; nobody else can tell it from one that
does not exist. A save says which version it was made from, so that of two concurrent answers one wins and the other is
told. Every method raises `SessionStoreError` when the storage cannot be reached or does not take what is written, and
`InvalidInputError` for an owner without a name.
"""

from __future__ import annotations

from typing import Protocol

from universal_framework.contracts.state import UniversalWorkflowState


class SessionStore(Protocol):
    """Keeps conversations between requests."""

    async def create(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store a new session and return it as version 1.

        Raises:
            SessionConflictError: `owner` has a session with this id.
            SessionTooLargeError: The state takes more bytes than the storage allows.
            StateAccessError: It cannot be written as JSON and read back.
        """
        ...

    async def load(self, session_id: str, *, owner: str) -> UniversalWorkflowState | None:
        """Return the stored state and renew its idle time; None where `owner` has no such session, or it is over."""
        ...

    async def save(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store what was made of the version `state.version`, and return it with the next version.

        Raises:
            SessionConflictError: The session has another version by now.
            SessionNotFoundError: `owner` has no such session, or it has expired meanwhile.
            SessionTooLargeError: The state takes more bytes than the storage allows.
            StateAccessError: It cannot be written as JSON and read back.
        """
        ...

    async def delete(self, session_id: str, *, owner: str) -> bool:
        """Forget a session; return whether `owner` had it."""
        ...

    async def expire(self, session_id: str, *, owner: str, seconds: float) -> bool:
        """End a session in `seconds` at the latest, however busy it is; return whether `owner` has it."""
        ...

    async def list_ids(self, *, owner: str, limit: int = 100) -> list[str]:
        """Return the ids of an owner's sessions, the latest used first, at most `limit`."""
        ...

    async def ping(self) -> None:
        """Return when the storage answers and takes a write."""
        ...

    async def aclose(self) -> None:
        """Release the storage's connections."""
        ...
