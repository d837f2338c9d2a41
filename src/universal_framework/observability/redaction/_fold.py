r"""The text as an attacker's or a formatter's disguise would be read: same secrets, plain characters.

In: any text. Out: a folded text, and on request where each of its characters stands in the original. Full-width forms,
digits of other scripts, typographic dashes and spaces become their ASCII counterparts; zero-width characters go;
``\u0040``, ``\/``, ``\n`` as JSON writes them become the character they mean. Nothing else is decoded: no
base64, no HTML entities, no escapes of escapes.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from array import array

from universal_framework.observability.redaction._lazy import Lazy

_ZERO_WIDTH = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63"
_FULL_WIDTH = "\uff01-\uff5e"

#: Characters that may fold, and surely those that do.
_MAYBE = Lazy(f"[{_ZERO_WIDTH}{_SPACES}{_DASHES}{_FULL_WIDTH}]|(?![0-9])\\d")
_INVISIBLE = Lazy(f"[{_ZERO_WIDTH}]+")
_CODE = Lazy(r"\\u00([2-46-7][0-9A-Fa-f]|5[0-9ABD-Fabd-f])")  # all of ASCII but the backslash itself
_LETTERS = {"/": "/", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = Lazy(rf"{_CODE.pattern}|\\([/nrt])")


class _Table(dict[int, int | None]):
    """What a character becomes, worked out when it is first met; for `str.translate`."""

    def __missing__(self, code: int) -> int | None:
        char = chr(code)
        plain: int | None = code
        if code < 128:
            pass
        elif _INVISIBLE.match(char):
            plain = None
        elif re.match(f"[{_SPACES}]", char):
            plain = ord(" ")
        elif re.match(f"[{_DASHES}]", char):
            plain = ord("-")
        elif 0xFF01 <= code <= 0xFF5E:
            plain = code - 0xFEE0
        elif char.isdecimal():
            plain = ord("0") + unicodedata.decimal(char)
        if len(self) < sys.maxunicode // 16:
            self[code] = plain
        return plain


_TABLE = _Table()


def fold(text: str) -> str:
    """Return `text` folded; the same object if it folds to itself."""
    if not text.isascii() and _MAYBE.search(text):
        text = text.translate(_TABLE)
    if "\\" in text:
        if "\\u00" in text:
            text = _CODE.sub(_decoded, text)
        for letter, plain in _LETTERS.items():
            text = text.replace(f"\\{letter}", plain)
    return text


def origins(text: str) -> array[int]:
    """Return where each character of ``fold(text)`` stands in `text`, and at the end the length of `text`."""
    visible = array("q")
    done = 0
    if not text.isascii():
        for match in _INVISIBLE.finditer(text):
            visible.extend(range(done, match.start()))
            done = match.end()
    visible.extend(range(done, len(text) + 1))
    plain = text if text.isascii() else text.translate(_TABLE)
    if "\\" not in plain:
        return visible
    result = array("q")
    done = 0
    for match in _ESCAPE.finditer(plain):
        result.extend(visible[done : match.start() + 1])
        done = match.end()
    result.extend(visible[done:])
    return result


def _decoded(match: re.Match[str]) -> str:
    return chr(int(match.group(1), 16))
