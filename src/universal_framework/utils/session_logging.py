"""Events that follow a session through the phases.

One helper for all code that handles sessions, so that the events carry the same fields everywhere. A session id is
never written, whatever the configuration of logging is: a keyed hash stands for it, the one that
`UniversalFrameworkLogger.log_session_event` writes, so that all lines of a session are found by it and nobody takes the
session over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from universal_framework.observability import _pipeline
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("session_flow")


def hashed_session_id(session_id: str | None) -> str | None:
    """Return what stands for a session id in logs: ``sid_`` and sixteen hexadecimal digits of an HMAC-SHA256."""
    return None if session_id is None else _pipeline.current().session_hash(session_id)


class SessionFlowLogger:
    """Writes the events of session handling."""

    def __init__(self) -> None:
        self.logger = logger

    def log_session_event(self, session_id: str, event_type: str, **fields: object) -> None:
        """Write that something happened to a session: it was created, advanced, or completed."""
        self.logger.log_session_event(session_id, event_type, **fields)

    def flow_info(self, message: str, **fields: object) -> None:
        """Write a step of the normal flow."""
        self.logger.info(message, **_hashed(fields))

    def flow_warning(self, message: str, **fields: object) -> None:
        """Write a step that went another way than planned."""
        self.logger.warning(message, **_hashed(fields))

    def flow_error(self, message: str, **fields: object) -> None:
        """Write a step that failed."""
        self.logger.error(message, **_hashed(fields))

    def flow_summary(self, session_id: str, counts: Mapping[str, int]) -> None:
        """Write what a session amounted to; counters that are zero are left out."""
        shown = {key: value for key, value in sorted(counts.items()) if value}
        if not shown:
            self.logger.debug("session_summary_empty", session_id=hashed_session_id(session_id))
            return
        self.logger.info("session_summary", session_id=hashed_session_id(session_id), **shown)

    @contextmanager
    def measured(self, step: str, session_id: str) -> Iterator[None]:
        """Write how many milliseconds a step of a session took, whether it succeeded or not."""
        log = self.logger.bind(session_id=hashed_session_id(session_id), step=step)
        started = time.perf_counter()
        try:
            yield
        except Exception:
            log.exception("session_step_failed")
            raise
        finally:
            log.debug("session_step", duration_ms=round((time.perf_counter() - started) * 1000, 2))


def _hashed(fields: dict[str, object]) -> dict[str, object]:
    given = fields.get("session_id")
    return fields if given is None else {**fields, "session_id": hashed_session_id(str(given))}
