"""What passes for JSON at the door: one value that every parser reads alike.

In: the bytes of a body. Out: nothing, or a `NotAcceptedError` with a closed code. Refused are, beside what is no JSON
(RFC 8259): other encodings than UTF-8, a byte order mark, NaN and Infinity, a key that comes twice, numbers beyond
64 bits, lone surrogates, and nesting deeper than `DEEPEST`. The messages hold nothing of the body. Pure.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

#: Levels of arrays and objects; a request of ours needs two.
DEEPEST: Final = 32
#: The longest digits of a whole number of 64 bits, with sign.
_LONGEST_WHOLE: Final = 20
_LEAST, _MOST = -(2**63), 2**63 - 1

_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotAcceptedError(ValueError):
    """A body that is not taken; `code` says why, for clients, and holds nothing of it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def check(body: bytes) -> None:
    """Return if `body` is acceptable.

    Raises:
        NotAcceptedError: It is not.
    """
    try:
        text = body.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise NotAcceptedError("invalid_encoding", "The body is not UTF-8.") from None
    if text.startswith("\ufeff"):
        raise NotAcceptedError("invalid_encoding", "The body begins with a byte order mark; send it without.")
    if depth(text) > DEEPEST:
        raise NotAcceptedError("too_deep", f"The body is nested deeper than {DEEPEST} levels.")
    try:
        json.loads(text, object_pairs_hook=_object, parse_int=_whole, parse_float=_number, parse_constant=_constant)
    except NotAcceptedError:
        raise
    except (ValueError, RecursionError):
        raise NotAcceptedError("invalid_json", "The body is not JSON.") from None
    if "\\u" in text and _has_surrogate(json.loads(text)):
        raise NotAcceptedError("invalid_encoding", "The body holds half a character (a lone surrogate).")


def depth(text: str) -> int:
    """Return how deep `text` opens arrays and objects; brackets in strings do not count."""
    level = deepest = 0
    for char in _STRINGS.sub("", text):
        if char in "[{":
            level += 1
            deepest = max(deepest, level)
        elif char in "]}":
            level -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotAcceptedError("duplicate_key", "The body has a key twice.")
    return found


def _whole(digits: str) -> int:
    if len(digits) <= _LONGEST_WHOLE and _LEAST <= (number := int(digits)) <= _MOST:
        return number
    raise NotAcceptedError("number_too_large", "The body holds a number beyond 64 bits.")


def _number(digits: str) -> float:
    number = float(digits)
    if math.isfinite(number):
        return number
    raise NotAcceptedError("number_too_large", "The body holds a number beyond 64 bits.")


def _constant(_name: str) -> float:
    raise NotAcceptedError("invalid_json", "The body holds NaN or Infinity, which JSON does not have.")


def _has_surrogate(value: Any) -> bool:
    match value:
        case str():
            return _SURROGATE.search(value) is not None
        case dict():
            return any(_has_surrogate(one) for pair in value.items() for one in pair)
        case list():
            return any(map(_has_surrogate, value))
    return False
