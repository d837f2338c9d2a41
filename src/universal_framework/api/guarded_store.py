"""The session storage under a deadline and a circuit: a storage that hangs costs a few callers their wait, not all.

In: a `SessionStore`, and the recovery service. Out: another one, which raises `StorageRefusalError` (503, with when to
try again) where the storage does not answer in time or has failed too often just now. What a storage refuses for a
reason – a conflict, a session that is too large – passes through and counts as an answer. A write that was given up
may have happened: it was not acknowledged. Never: a second try, an answer in the storage's place.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, TypeVar

from universal_framework.api.refusals import StorageRefusalError
from universal_framework.config.models import AgentRecoveryConfig
from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.contracts.storage import SessionStore
from universal_framework.errors import SessionStoreError
from universal_framework.workflow.production_error_recovery import AgentTimeout, CircuitOpen, ProductionErrorRecovery

P = ParamSpec("P")
R = TypeVar("R")

#: The names in metrics and circuits: a storage that takes no writes is still asked.
READS: Final = "session_store_reads"
WRITES: Final = "session_store_writes"

#: A circuit that opens late and looks again soon: nobody else can answer.
_OPEN_SECONDS: Final = 1.0
_LONGEST_OPEN_SECONDS: Final = 5.0


def policy(seconds: float) -> AgentRecoveryConfig:
    """Return how the storage is guarded: an operation may take `seconds`."""
    return AgentRecoveryConfig(
        agent_timeout=seconds,
        circuit_breaker_threshold=5,
        circuit_breaker_timeout=_OPEN_SECONDS,
        wait_max=_LONGEST_OPEN_SECONDS,
        slow_call_seconds=max(seconds, 1.0),
        failure_rate_threshold=1.0,
        permitted_in_half_open=1,
        half_open_max_wait=seconds,
    )


def _is_failure(error: Exception) -> bool:
    return isinstance(error, SessionStoreError | AgentTimeout | OSError)


class GuardedStore:
    """A `SessionStore` around another one.

    Args:
        store: The other one.
        recovery: Holds the circuit.
        seconds: How long an operation may take.
    """

    def __init__(self, store: SessionStore, recovery: ProductionErrorRecovery, *, seconds: float) -> None:
        self._store = store
        self._recovery = recovery
        for name in (READS, WRITES):
            recovery.register(name, is_failure=_is_failure, policy=policy(seconds))

    async def _ask(self, circuit: str, operation: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            answer: R = await self._recovery.call(circuit, functools.partial(operation, *args, **kwargs))
        except CircuitOpen as error:
            raise StorageRefusalError("it failed too often", retry_after=error.retry_after) from error
        except AgentTimeout as error:
            raise StorageRefusalError("it did not answer in time") from error
        return answer

    async def create(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store a new session, as the storage does."""
        return await self._ask(WRITES, self._store.create, state, owner=owner)

    async def load(self, session_id: str, *, owner: str) -> UniversalWorkflowState | None:
        """Return a session, as the storage does."""
        return await self._ask(READS, self._store.load, session_id, owner=owner)

    async def save(self, state: UniversalWorkflowState, *, owner: str) -> UniversalWorkflowState:
        """Store a session, as the storage does."""
        return await self._ask(WRITES, self._store.save, state, owner=owner)

    async def delete(self, session_id: str, *, owner: str) -> bool:
        """Forget a session, as the storage does."""
        return await self._ask(WRITES, self._store.delete, session_id, owner=owner)

    async def expire(self, session_id: str, *, owner: str, seconds: float) -> bool:
        """End a session at a time, as the storage does."""
        return await self._ask(WRITES, self._store.expire, session_id, owner=owner, seconds=seconds)

    async def list_ids(self, *, owner: str, limit: int = 100) -> list[str]:
        """Return the ids of an owner's sessions, as the storage does."""
        return await self._ask(READS, self._store.list_ids, owner=owner, limit=limit)

    async def ping(self) -> None:
        """Ask the storage itself: a probe must see that it is back, whatever the circuit says."""
        await self._store.ping()

    async def aclose(self) -> None:
        """Release the storage's connections."""
        await self._store.aclose()
