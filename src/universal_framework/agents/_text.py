"""Texts of users and models made harmless: pure, bounded, and the same when done twice.

In: any text. Out: a text that is normal (NFC), at most as long as asked for, without control characters, without
characters that cannot be seen or that turn the reading direction, without halves of surrogate pairs. A *line* has no
line breaks either: what becomes a subject cannot become another header.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Final

Step = Callable[[str], str]

#: Controls but tab and line feed; soft hyphen, zero width, direction, annotation, tags, surrogates. The joiners
#: U+200C and U+200D stay: Persian and emoji need them.
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)
#: What `str.splitlines` takes for the end of a line, beside the line feed.
_BREAKS: Final = re.compile("\r\n|[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_EMPTY_LINES: Final = re.compile(r"\n[\n ]*\n")


def clean_line(text: str, limit: int) -> str:
    """Return `text` in one line of at most `limit` characters."""
    return _settled(lambda one: " ".join(_UNWANTED.sub("", one).split())[:limit].strip(), text[: 4 * limit + 1_000])


def clean_text(text: str, limit: int) -> str:
    """Return `text` in lines, one empty line at most between two, at most `limit` characters in all."""

    def step(one: str) -> str:
        lines = _BLANKS.sub(" ", _UNWANTED.sub("", _BREAKS.sub("\n", one)))
        return _EMPTY_LINES.sub("\n\n", lines.replace(" \n", "\n"))[:limit].strip()

    return _settled(step, text[: 4 * limit + 1_000])


def _settled(step: Step, text: str) -> str:
    """Return what `step` and normalisation make of `text` when they have nothing left to do."""
    for _ in range(8):
        before, text = text, step(unicodedata.normalize("NFC", text))
        if text == before:
            break
    return text


def quoted(text: str) -> str:
    """Return `text` as a JSON string: where it ends is beyond doubt, whatever it says."""
    return json.dumps(text, ensure_ascii=False)
