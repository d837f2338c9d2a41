"""What models answer, read leniently: with or without Markdown, in labelled lines or as JSON.

In: a text that has been cleaned. Out: its parts as plain texts; whoever asked bounds and checks them. Never: an
exception, whatever the text is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

_FENCE: Final = re.compile(r"^\s*(?:```|~~~)[\w-]*\s*$")
_DECORATED: Final = re.compile(r"\*\*|__|`")
_LABEL: Final = re.compile(r"^[\s#>*_-]{0,8}(?P<label>[A-Za-z][A-Za-z _-]{0,20}?)[\s*_]{0,4}:[\s*_]{0,4}(?P<value>.*)$")
_BULLET: Final = re.compile(r"^\s*(?:[-*•–—+]|\(?\d{1,3}[.)])\s+(?P<item>\S.*)$")


def without_fences(text: str) -> str:
    """Return `text` without the lines that begin and end blocks of code."""
    return "\n".join(line for line in text.split("\n") if not _FENCE.match(line)).strip()


def as_table(text: str) -> Mapping[str, object] | None:
    """Return the JSON object that `text` is, with names in lower case; None where it is none."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return {str(name).lower().replace(" ", "_"): value for name, value in found.items()}


def labelled(line: str) -> tuple[str, str] | None:
    """Return label and value of a line such as ``**Subject:** Tea``; None where there is no label."""
    match = _LABEL.match(line[:2_000])
    if match is None:
        return None
    label = match["label"].strip(" _-").lower().replace("_", " ")
    return label, plain(match["value"])


def bullet(line: str) -> str | None:
    """Return the item of a line that is a member of a list, None where it is none."""
    match = _BULLET.match(line[:2_000])
    return None if match is None else plain(match["item"])


def plain(text: str) -> str:
    """Return `text` without the marks of Markdown, and without quotes around it."""
    text = _DECORATED.sub("", text).strip()
    if len(text) > 1 and text[0] + text[-1] in ('""', "''", "“”", "„“", "«»"):
        text = text[1:-1].strip()
    return text


def texts(value: object) -> list[str]:
    """Return the texts of a JSON value: of a text its lines, of a list its members, of anything else none."""
    if isinstance(value, str):
        return value.split("\n")
    members = value if isinstance(value, list) else []
    return [one for one in members if isinstance(one, str)]
