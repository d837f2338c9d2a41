"""Safe mode: what the service refuses to read, to write and to do.

The guard is asked before a message enters a conversation, before an e-mail leaves it, and before an
operation reaches outside. In safe mode a violation raises; otherwise it is only written down, so that
an operator can see what safe mode would have stopped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from universal_framework.config.settings import SafeModeSettings
from universal_framework.contracts.state import EmailDraft
from universal_framework.errors import SafeModeViolationError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.session_logging import shorten_session_id


class Operation(StrEnum):
    """Operations that reach outside the process."""

    EXTERNAL_LLM = "external_llm"
    TELEMETRY_EXPORT = "telemetry_export"
    HISTORY_EXPORT = "history_export"


class Rule(StrEnum):
    """Why something was stopped."""

    BLOCKED_TERM = "blocked_term"
    CARD_NUMBER = "card_number"
    OPERATION = "operation"


_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def is_card_number(text: str) -> bool:
    """Return whether the digits of ``text`` pass the Luhn check.

    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
    (True, False)
    """
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [digit * 2 if index % 2 else digit for index, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0


class SafeModeGuard:
    """Decides, and counts what it decided."""

    def __init__(self, settings: SafeModeSettings) -> None:
        self.logger = UniversalFrameworkLogger("safe_mode")
        self._settings = settings
        self._enabled = settings.enabled
        self._terms = [(term, re.compile(rf"\b{re.escape(term)}\b", re.IGNORECASE)) for term in settings.blocked_terms]
        self.decisions: Counter[str] = Counter()
        self.logger.info("safe_mode_ready", enabled=settings.enabled, blocked_terms=len(self._terms))

    @property
    def enabled(self) -> bool:
        """Whether violations raise."""
        return self._enabled

    def find_violation(self, text: str) -> Rule | None:
        """Return the first rule that ``text`` breaks."""
        for index, (_, pattern) in enumerate(self._terms):
            if pattern.search(text):
                self.logger.debug("safe_mode_term_matched", term_index=index)
                return Rule.BLOCKED_TERM
        if any(is_card_number(match.group()) for match in _CARD.finditer(text)):
            return Rule.CARD_NUMBER
        return None

    def check_message(self, text: str, session_id: str) -> None:
        """Let a user's message pass, or raise.

        Raises:
            SafeModeViolationError: it breaks a rule and safe mode is on.
        """
        self._check(text, session_id=session_id, subject="message")

    def _check(self, text: str, *, session_id: str | None, subject: str) -> None:
        log = self.logger.bind(session_id=shorten_session_id(session_id), subject=subject)
        match self.find_violation(text):
            case None:
                self.decisions["allowed"] += 1
                log.debug("safe_mode_allowed", chars=len(text))
            case rule if self._enabled:
                self.decisions["blocked"] += 1
                log.warning("safe_mode_blocked", rule=rule.value, chars=len(text))
                raise SafeModeViolationError(rule.value)
            case rule:
                self.decisions["reported"] += 1
                log.warning(f"Safe mode is off: {rule.value} passed", rule=rule.value)

    def check_email(self, draft: EmailDraft, session_id: str | None = None) -> EmailDraft:
        """Return the e-mail when it may be shown.

        Raises:
            SafeModeViolationError: its subject or body breaks a rule and safe mode is on.
        """
        try:
            self._check(f"{draft.subject}\n{draft.body}", session_id=session_id, subject="email")
        except SafeModeViolationError as exc:
            self.logger.error("safe_mode_email_withheld", rule=exc.rule, exc_info=exc)
            raise
        self.logger.info("safe_mode_email_released", words=draft.word_count)
        return draft

    def allows(self, operation: Operation) -> bool:
        """Return whether an operation may run."""
        match operation:
            case Operation.EXTERNAL_LLM:
                allowed = not self._enabled or self._settings.allow_external_llm
            case Operation.TELEMETRY_EXPORT | Operation.HISTORY_EXPORT:
                allowed = True
        self.decisions["allowed" if allowed else "blocked"] += 1
        self.logger.info("safe_mode_operation", operation=operation.value, allowed=allowed)
        return allowed

    def require(self, operation: Operation) -> None:
        """Return when an operation may run.

        Raises:
            SafeModeViolationError: it may not.
        """
        if not self.allows(operation):
            raise SafeModeViolationError(f"{Rule.OPERATION.value}:{operation.value}")

    @contextmanager
    def suspended(self, reason: str) -> Iterator[None]:
        """Switch safe mode off for a block of maintenance code; it is on again in any case."""
        before = self._enabled
        self._enabled = False
        self.logger.critical("safe_mode_suspended", reason=reason, was_enabled=before)
        try:
            yield
        except Exception:
            self.logger.exception("safe_mode_suspension_failed", reason=reason)
            raise
        finally:
            self._enabled = before
            self.logger.warning("safe_mode_restored", reason=reason, enabled=before)
