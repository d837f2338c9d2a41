"""The conversation's messages: adding, trimming, summarising and exporting them.

In: a state. Out: another one, within the limits that were given; the one that came in is not written to. Never: text of
a message, or a session id, in a log.
"""

from __future__ import annotations

from collections import Counter

from universal_framework.contracts.state import Message, Role, UniversalWorkflowState, utc_now
from universal_framework.errors import InvalidInputError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.utils.session_logging import hashed_session_id
from universal_framework.utils.state_access import get_messages

logger = UniversalFrameworkLogger("conversation_history_manager")

SUMMARY_CHARS = 120


class ConversationHistoryManager:
    """Keeps at most ``limit`` messages of a conversation, always with the first one.

    The first message says what the e-mail is about; a model that loses it writes about something else.
    """

    def __init__(self, *, limit: int = 20, max_message_chars: int = 4000) -> None:
        if limit < 2 or max_message_chars < 1:
            raise ValueError("a history needs room for at least two messages, a message for one character")
        self._limit = limit
        self._max_message_chars = max_message_chars

    def add_user_message(self, state: UniversalWorkflowState, text: str) -> UniversalWorkflowState:
        """Return the state with one more user message.

        Raises:
            InvalidInputError: The text is empty, too long, or cannot be encoded.
        """
        content = text.strip()
        if not _is_text(content):
            logger.log_warning("user_message_no_text", session_id=hashed_session_id(state.session_id))
            raise InvalidInputError("the message holds half a character (a lone surrogate)")
        if not content:
            logger.log_warning("user_message_empty", session_id=hashed_session_id(state.session_id))
            raise InvalidInputError("the message is empty")
        if (size := len(content)) > self._max_message_chars:
            logger.log_warning(
                "user_message_too_long",
                session_id=hashed_session_id(state.session_id),
                size=size,
                limit=self._max_message_chars,
            )
            raise InvalidInputError(f"the message has {size} characters; at most {self._max_message_chars} are allowed")
        return self._append(state, Message(role=Role.USER, content=content))

    def add_assistant_message(self, state: UniversalWorkflowState, text: str) -> UniversalWorkflowState:
        """Return the state with one more message of the assistant."""
        return self._append(state, Message(role=Role.ASSISTANT, content=text))

    def _append(self, state: UniversalWorkflowState, message: Message) -> UniversalWorkflowState:
        messages = [*state.messages, message]
        logger.debug("message_appended", role=message.role.value, messages=len(messages))
        if len(messages) > self._limit:
            messages = self._trim(state.session_id, messages)
        logger.log_performance_metric("history_messages", len(messages), unit="messages")
        return state.model_copy(update={"messages": messages, "updated_at": utc_now()})

    def _trim(self, session_id: str, messages: list[Message]) -> list[Message]:
        kept = [messages[0], *messages[len(messages) - self._limit + 1 :]]
        logger.log_session_event(session_id, "history_trimmed", removed=len(messages) - len(kept), kept=len(kept))
        return kept

    def summarise(self, state: UniversalWorkflowState) -> str:
        """Return who said how much, and how the conversation began, for a model's prompt."""
        counts = Counter(message.role for message in state.messages)
        opening = next((m.content for m in state.messages if m.role is Role.USER), "")
        if len(opening) > SUMMARY_CHARS:
            opening = f"{opening[:SUMMARY_CHARS].rsplit(' ', 1)[0]} …"
        return f"{counts[Role.USER]} user and {counts[Role.ASSISTANT]} assistant messages; it began with: {opening}"

    def export(self, state: UniversalWorkflowState, *, with_content: bool) -> list[dict[str, str]]:
        """Return the messages for an export; without content only who wrote when."""
        rows = []
        for message in get_messages(state):
            row = {"role": message.role.value, "created_at": message.created_at.isoformat()}
            if with_content:
                row["content"] = message.content
            rows.append(row)
        logger.log_compliance_event(
            "history_exported",
            outcome="with_content" if with_content else "metadata_only",
            messages=len(rows),
        )
        return rows


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
