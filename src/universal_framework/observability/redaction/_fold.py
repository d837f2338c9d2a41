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
from collections.abc import Iterator

from universal_framework.observability.redaction._lazy import Lazy

_ZERO_WIDTH = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63"
_FULL_WIDTH = "\uff01-\uff5e"

#: Characters that fold: those named, and digits of other scripts, each set in one class, which `re` is quickest with.
_NAMED = Lazy(f"[{_ZERO_WIDTH}{_SPACES}{_DASHES}{_FULL_WIDTH}]")
_DIGIT = Lazy(r"[^\D0-9]")
#: Those of them in Latin-1.
_SOFT_HYPHEN, _NO_BREAK_SPACE = "\u00ad", "\u00a0"
#: So many different characters, or escapes, are replaced one after the other, which a few cost least.
_FEW = 6
_INVISIBLE = Lazy(f"[{_ZERO_WIDTH}]+")
_CODE = Lazy(r"\\u00([2-46-7][0-9A-Fa-f]|5[0-9ABD-Fabd-f])")  # all of ASCII but the backslash itself
#: What the two digits of one mean, in either case of both.
_MEANT = {
    spelled: chr(code)
    for code in range(0x20, 0x80)
    if code != ord("\\")
    for low in (f"{code:02x}",)
    for spelled in (low, low.upper(), low[0] + low[1].upper(), low[0].upper() + low[1])
}
#: What, decoded, may be part of another escape, which is left as it is.
_IN_ESCAPES = frozenset("u0123456789abcdefABCDEF")
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
    if not text.isascii():
        text = _plain(text)
    if "\\" in text:
        if "\\u00" in text:
            text = _decoded(text)
        for letter, plain in _LETTERS.items():
            text = text.replace(f"\\{letter}", plain)
    return text


def origins(text: str, places: list[int]) -> list[int]:
    """Return where the characters of ``fold(text)`` at `places`, which are in order, stand in `text`."""
    plain = text if text.isascii() else _plain(text)
    if "\\" in plain:
        places = _moved(places, _ESCAPE.finditer(plain), 1)
    return places if text.isascii() else _moved(places, _INVISIBLE.finditer(text), 0)


def _moved(places: list[int], matches: Iterator[re.Match[str]], kept: int) -> list[int]:
    """Return `places` as they were before each of `matches` was replaced by `kept` characters."""
    result = []
    shift = 0
    match = next(matches, None)
    for place in places:
        while match is not None and match.start() - shift + kept <= place:
            shift += match.end() - match.start() - kept
            match = next(matches, None)
        result.append(place + shift)
    return result


def _plain(text: str) -> str:
    """Return `text` with each character that folds replaced."""
    if _is_latin(text):
        return text.replace(_SOFT_HYPHEN, "").replace(_NO_BREAK_SPACE, " ")
    for pattern in (_NAMED, _DIGIT):
        place = 0
        for _ in range(_FEW):
            match = pattern.search(text, place)
            if match is None:
                break
            place = match.start()
            char = match.group()
            text = text.replace(char, char.translate(_TABLE))
        else:
            return text.translate(_TABLE)
    return text


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _decoded(text: str) -> str:
    for _ in range(_FEW):
        place = text.find("\\u00")
        if place < 0:
            return text
        code = text[place + 4 : place + 6]
        char = _MEANT.get(code, "0")
        if char in _IN_ESCAPES:
            break
        text = text.replace("\\u00" + code, char)
    front, *rest = text.split("\\u00")
    return front + "".join([_MEANT.get(part[:2], "\\u00" + part[:2]) + part[2:] for part in rest])
