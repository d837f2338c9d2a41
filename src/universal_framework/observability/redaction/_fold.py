"""The text as an attacker's or a formatter's disguise would be read: same secrets, plain characters.

In: any text. Out: a folded text and, for each of its positions, the position in the original. Full-width forms,
digits of other scripts, typographic dashes and spaces become their ASCII counterparts; zero-width characters go;
``\\u0040``, ``\\/``, ``\\n`` as JSON writes them become the character they mean. Nothing else is decoded: no
base64, no HTML entities.
"""

from __future__ import annotations

import re
from array import array
from typing import NamedTuple

_ZERO_WIDTH = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
_SPACES = "\u00a0\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe58\ufe63"
_FULL_WIDTH = "\uff01-\uff5e"

#: Characters that fold; the look-ahead admits decimal digits of every script.
_ODD = re.compile(rf"[{_ZERO_WIDTH}{_SPACES}{_DASHES}{_FULL_WIDTH}]|(?![0-9])\d")
_ESCAPE = re.compile(r"\\{1,4}+(?:u00([2-7][0-9A-Fa-f])|([/nrt]))")
_BOTH = re.compile(rf"{_ODD.pattern}|{_ESCAPE.pattern}")

_IS_ZERO_WIDTH = re.compile(f"[{_ZERO_WIDTH}]")
_IS_SPACE = re.compile(f"[{_SPACES}]")
_IS_DASH = re.compile(f"[{_DASHES}]")
_LITERAL = {"/": "/", "n": "\n", "r": "\r", "t": "\t"}


class Folded(NamedTuple):
    """A folded text; ``origin[i]`` is where its i-th character stands in the original."""

    text: str
    origin: array[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that folds to ``text[start:end]``."""
        return self.origin[start], self.origin[end]


def fold(text: str) -> Folded | None:
    """Return `text` folded, or None if it folds to itself."""
    if text.isascii():
        if "\\" not in text:
            return None
        pattern = _ESCAPE
    else:
        pattern = _BOTH if "\\" in text else _ODD
    pieces: list[str] = []
    origin = array("q")
    done = 0
    for match in pattern.finditer(text):
        start, end = match.span()
        pieces.append(text[done:start])
        origin.extend(range(done, start))
        plain = _plain(match)
        pieces.append(plain)
        if plain:
            origin.append(start)
        done = end
    if not pieces:
        return None
    pieces.append(text[done:])
    origin.extend(range(done, len(text) + 1))
    return Folded("".join(pieces), origin)


def _plain(match: re.Match[str]) -> str:
    char = match.group()
    if char[0] == "\\":
        code, letter = match.group(1), match.group(2)
        return chr(int(code, 16)) if code else _LITERAL[letter]
    if _IS_ZERO_WIDTH.match(char):
        return ""
    if _IS_SPACE.match(char):
        return " "
    if _IS_DASH.match(char):
        return "-"
    if "\uff01" <= char <= "\uff5e":
        return chr(ord(char) - 0xFEE0)
    return str(int(char))
