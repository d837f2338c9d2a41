"""Safe mode: what the service refuses to read, to write and to do.

In: texts, and the names of operations. Out: nothing, or a `SafeModeViolationError` that names the rule. The guard is
asked before a message enters a conversation, before an e-mail leaves it, and before an operation reaches outside. In
safe mode a violation raises; otherwise it is only written down, so that an operator can see what safe mode would have
stopped. Never: what was matched, in a log or an error.

Whether safe mode is on is the configuration's to say (`environment.safe_mode`); which terms are blocked is code's:
`SafeModePolicy.blocked_terms`, by default words with which people are cheated.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from universal_framework.config.models import EnvironmentConfig
from universal_framework.contracts.state import EmailDraft
from universal_framework.errors import SafeModeViolationError
from universal_framework.observability.redaction import ENTITIES, IpScope, Mode, Policy, Redactor
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("safe_mode")

DEFAULT_BLOCKED_TERMS: Final = ("wire transfer", "gift card", "confirm your password")

#: Finds payment cards and nothing else; family, length and check digit are redaction's to judge.
_CARDS: Final = Redactor(
    Policy(modes={entity: Mode.KEEP for entity in ENTITIES if entity != "CREDIT_CARD"}, ip=IpScope.OFF)
)
_WORDS: Final = re.compile(r"\w+")


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


@dataclass(frozen=True, slots=True)
class SafeModePolicy:
    """What safe mode forbids, and whether it is on.

    Attributes:
        enabled: Whether violations raise.
        blocked_terms: Words that may be in no text: whole words, however written and spaced.
        allow_external_llm: Whether a model may be called in safe mode all the same.
    """

    enabled: bool = True
    blocked_terms: tuple[str, ...] = DEFAULT_BLOCKED_TERMS
    allow_external_llm: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.blocked_terms, str):
            raise TypeError("SafeModePolicy.blocked_terms: a tuple of terms is expected, not one text")
        for term in self.blocked_terms:
            if not _WORDS.search(term):
                raise ValueError("SafeModePolicy.blocked_terms: a term has no letter or digit; remove it")

    @classmethod
    def of(
        cls, environment: EnvironmentConfig, *, blocked_terms: tuple[str, ...] = DEFAULT_BLOCKED_TERMS
    ) -> SafeModePolicy:
        """Return the policy that the section ``[environment]`` asks for."""
        return cls(enabled=environment.safe_mode, blocked_terms=blocked_terms)


def is_card_number(text: str) -> bool:
    """Return whether `text` is or holds a payment card number.

    >>> is_card_number("4111 1111 1111 1111"), is_card_number("4111 1111 1111 1112")
    (True, False)
    """
    return bool(_CARDS.find(text))


class SafeModeGuard:
    """Decides, and counts what it decided.

    May be shared by everything on an event loop: suspending it is a matter of the task that does it.
    """

    def __init__(self, policy: SafeModePolicy | None = None) -> None:
        self._policy = policy or SafeModePolicy()
        terms = sorted({_folded(term) for term in self._policy.blocked_terms}, key=len, reverse=True)
        self._terms = re.compile(rf"(?<= )(?:{'|'.join(map(re.escape, terms))})(?= )") if terms else None
        self._suspended: ContextVar[bool] = ContextVar("safe_mode_suspended", default=False)
        self.decisions: Counter[str] = Counter()
        logger.info("safe_mode_ready", enabled=self._policy.enabled, blocked_terms=len(terms))

    @property
    def enabled(self) -> bool:
        """Whether violations raise, here and now."""
        return self._policy.enabled and not self._suspended.get()

    def find_violation(self, text: str) -> Rule | None:
        """Return the first rule that `text` breaks."""
        if self._terms is not None and self._terms.search(f" {_folded(text)} "):
            return Rule.BLOCKED_TERM
        return Rule.CARD_NUMBER if is_card_number(text) else None

    def check_message(self, text: str, session_id: str | None = None) -> None:
        """Let a user's message pass, or raise.

        Raises:
            SafeModeViolationError: It breaks a rule and safe mode is on.
        """
        self._check(text, session_id=session_id, subject="message")

    def check_email(self, draft: EmailDraft, session_id: str | None = None) -> EmailDraft:
        """Return the e-mail when it may be shown.

        Raises:
            SafeModeViolationError: Its subject or body breaks a rule and safe mode is on.
        """
        self._check(f"{draft.subject}\n{draft.body}", session_id=session_id, subject="email")
        return draft

    def allows(self, operation: Operation) -> bool:
        """Return whether an operation may run."""
        match operation:
            case Operation.EXTERNAL_LLM:
                allowed = not self.enabled or self._policy.allow_external_llm
            case Operation.TELEMETRY_EXPORT | Operation.HISTORY_EXPORT:
                allowed = True
        self.decisions["allowed" if allowed else "blocked"] += 1
        logger.info("safe_mode_operation", operation=operation.value, allowed=allowed)
        return allowed

    def require(self, operation: Operation) -> None:
        """Return when an operation may run.

        Raises:
            SafeModeViolationError: It may not.
        """
        if not self.allows(operation):
            raise SafeModeViolationError(f"{Rule.OPERATION.value}:{operation.value}")

    @contextmanager
    def suspended(self, reason: str) -> Iterator[None]:
        """Switch safe mode off for a block of maintenance code, and for no other task meanwhile."""
        token = self._suspended.set(True)
        logger.critical("safe_mode_suspended", reason=reason, was_enabled=self._policy.enabled)
        try:
            yield
        finally:
            self._suspended.reset(token)
            logger.warning("safe_mode_restored", reason=reason, enabled=self.enabled)

    def _check(self, text: str, *, session_id: str | None, subject: str) -> None:
        rule = self.find_violation(text)
        if rule is None:
            self.decisions["allowed"] += 1
            logger.debug("safe_mode_allowed", subject=subject, chars=len(text))
            return
        blocks = self.enabled
        self.decisions["blocked" if blocks else "reported"] += 1
        event = "safe_mode_blocked" if blocks else "safe_mode_would_block"
        logger.warning(event, rule=rule.value, subject=subject, chars=len(text))
        if session_id is not None:  # the logger writes a keyed hash of it
            logger.log_session_event(session_id, event, rule=rule.value, subject=subject)
        if blocks:
            raise SafeModeViolationError(rule.value)


def _folded(text: str) -> str:
    """Return the words of `text` in lower case, one blank between, without what cannot be seen."""
    visible = "".join(char for char in text if char.isascii() or unicodedata.category(char) not in ("Cf", "Mn", "Cs"))
    plain = unicodedata.normalize("NFKD", visible).casefold()
    kept = plain if plain.isascii() else "".join(char for char in plain if not unicodedata.combining(char))
    return " ".join(_WORDS.findall(kept.replace("_", " ")))
