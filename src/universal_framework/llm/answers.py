"""What a chat completion says: pure, over bytes.

In: the body of an answer with status 200, from whoever answered. Out: a text and what it took, or an `LLMError` of a
closed set: `llm.not_the_api`, `.empty`, `.refused`, `.content_filter`, `.tool_call`, `.truncated`. Never: another
exception, whatever the bytes are; words of the answer in an error.

The shape: https://platform.openai.com/docs/api-reference/chat/object
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final

from universal_framework.errors import LLMError

#: Of an answer's text, at most; more is not read on.
MAX_ANSWER_CHARS: Final = 100_000

#: The refusals of a model: not an outage, and the same request meets them again.
_REFUSED: Final = 422
_NOTES: Final = {
    "llm.not_the_api": "what answers is not the provider's API; check llm.base_url, proxies and portals",
    "llm.empty": "the model answered without a text; ask again, or choose another llm.model",
    "llm.refused": "the model refused to answer; ask for something else",
    "llm.content_filter": "the provider's filter withheld the answer; ask for something else",
    "llm.tool_call": "the model called a tool, and it was given none; choose another llm.model",
    "llm.truncated": "the answer was cut at its greatest length; ask for less",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A text, the model that wrote it as it calls itself, and the tokens that it took by kind."""

    text: str
    model: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)


def read_answer(body: bytes) -> Answer:
    """Return what `body` says.

    Raises:
        LLMError: it has no text that could be used.
    """
    try:
        payload: object = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise _no_answer("llm.not_the_api")
    model = payload.get("model")
    return Answer(_text(payload), model if isinstance(model, str) and _is_name(model) else "", _usage(payload))


def _text(payload: dict[str, Any]) -> str:
    choices = payload.get("choices")
    if not isinstance(choices, list):
        raise _no_answer("llm.not_the_api")
    if not choices:
        raise _no_answer("llm.empty")
    choice = choices[0]
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise _no_answer("llm.not_the_api")
    ended = choice.get("finish_reason")
    if ended == "content_filter":
        raise _no_answer("llm.content_filter", _REFUSED)
    if message.get("refusal"):
        raise _no_answer("llm.refused", _REFUSED)
    content = message.get("content")
    text = _joined(content)
    if not text.strip() and (message.get("tool_calls") or message.get("function_call")):
        raise _no_answer("llm.tool_call", _REFUSED)
    if ended == "length":
        raise _no_answer("llm.truncated", _REFUSED)
    if content is not None and not isinstance(content, str | list):
        raise _no_answer("llm.not_the_api")
    if not text.strip():
        raise _no_answer("llm.empty")
    return text[:MAX_ANSWER_CHARS]


def _joined(content: object) -> str:
    """Return a text that is given whole or, as some servers do, in parts; as UTF-8 can say it."""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    text = "".join(one for one in texts if isinstance(one, str))
    return text.encode("utf-8", "replace").decode()


def _usage(payload: dict[str, Any]) -> dict[str, int]:
    usage = payload.get("usage")
    if not isinstance(usage, dict):
        return {}
    counted = {kind: usage.get(kind) for kind in ("prompt_tokens", "completion_tokens")}
    return {kind: number for kind, number in counted.items() if type(number) is int and 0 <= number < 2**53}


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 200 and text.isascii() and text.isprintable()


def _no_answer(code: str, status_code: int | None = None) -> LLMError:
    error = LLMError(code, status_code=status_code)
    error.add_note(_NOTES[code])
    return error


def seconds_to_wait(header: str | None, *, now: float) -> float | None:
    """Return what a ``Retry-After`` says (RFC 9110, 10.2.3): seconds, or a date; None where it says neither.

    Args:
        header: Its value.
        now: Seconds since 1970.
    """
    if header is None or len(header) > 100:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
