"""Events that follow a session through the phases.

One helper for all code that handles sessions, so that the events carry the same fields everywhere and
a session id is never written in full: the first characters are enough to find a session's lines, and
too few to take the session over. Configuring the logging itself is the business of
``universal_framework.observability.logging_setup``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

VISIBLE_ID_CHARS = 8


def shorten_session_id(session_id: str | None) -> str | None:
    """Return the visible part of a session id.

    >>> shorten_session_id("0123456789abcdef")
    '01234567…'
    """
    if session_id is None or len(session_id) <= VISIBLE_ID_CHARS:
        return session_id
    return f"{session_id[:VISIBLE_ID_CHARS]}…"


class SessionFlowLogger:
    """Writes the events of session handling."""

    def __init__(self) -> None:
        self.logger = UniversalFrameworkLogger("session_flow")

    def log_session_event(self, session_id: str, event_type: str, **fields: Any) -> None:
        """Write that something happened to a session: it was created, advanced, completed …"""
        self.logger.info(
            "session_event",
            session_id=shorten_session_id(session_id),
            event_type=event_type,
            **fields,
        )

    def flow_info(self, message: str, **fields: Any) -> None:
        """Write a step of the normal flow."""
        self.logger.info(message, **fields)

    def flow_warning(self, message: str, **fields: Any) -> None:
        """Write a step that went another way than planned."""
        self.logger.warning(message, **fields)

    def flow_error(self, message: str, **fields: Any) -> None:
        """Write a step that failed."""
        self.logger.error(message, **fields)

    def flow_summary(self, session_id: str, counts: dict[str, int]) -> None:
        """Write what a session amounted to; counters that are zero are left out."""
        shown = {key: value for key, value in sorted(counts.items()) if value}
        if not shown:
            self.logger.debug("session_summary_empty", session_id=shorten_session_id(session_id))
            return
        self.logger.info("session_summary", session_id=shorten_session_id(session_id), **shown)

    @contextmanager
    def measured(self, step: str, session_id: str) -> Iterator[None]:
        """Write how long a step of a session took, whether it succeeded or not."""
        log = self.logger.bind(session_id=shorten_session_id(session_id), step=step)
        started = time.perf_counter()
        try:
            yield
        except Exception:
            log.exception("session_step_failed")
            raise
        finally:
            log.debug("session_step", duration_ms=round((time.perf_counter() - started) * 1000, 2))
