"""Which of the two media types a reader would rather have.

In: the value of ``Accept`` as it came. Out: whether that is ``application/health+json``; where both are as good,
``application/json``, unless only the other one is named. Rules of RFC 9110, 12.5.1: the most specific range that
matches a type gives its quality; parameters other than ``q`` are passed over; a malformed range is ignored. A reader
who accepts neither gets JSON all the same: a probe is not refused for its header.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

JSON: Final = "application/json"
HEALTH_JSON: Final = "application/health+json"

#: Bytes of ``Accept`` that are looked at; a longer one says nothing.
_LONGEST: Final = 2048

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - of HTTP's grammar
_RANGE: Final = re.compile(rf"[ \t]*({_TOKEN})/({_TOKEN})[ \t]*")
_PARAMETER: Final = re.compile(rf'[ \t]*({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")[ \t]*')
_QUALITY: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


class _Match(NamedTuple):
    """How well a type does: what the reader thinks of it, and how exactly the type was named (2, 1, 0)."""

    quality: float
    exactness: int


@functools.lru_cache(maxsize=64)
def prefers_health_json(accept: bytes) -> bool:
    """Return whether ``application/health+json`` is wanted rather than ``application/json``."""
    if not accept or len(accept) > _LONGEST:
        return False
    ranges = list(_ranges(accept.decode("latin-1").lower()))
    plain, health = _match(JSON, ranges), _match(HEALTH_JSON, ranges)
    return health.quality > 0 and health > plain


def _match(media_type: str, ranges: list[tuple[str, float]]) -> _Match:
    main = media_type.partition("/")[0]
    for exactness, wanted in ((2, media_type), (1, f"{main}/*"), (0, "*/*")):
        qualities = [quality for name, quality in ranges if name == wanted]
        if qualities:
            return _Match(max(qualities), exactness)
    return _Match(0.0, 0)


def _ranges(text: str) -> Iterator[tuple[str, float]]:
    """Yield media ranges with their qualities."""
    for element in _split(text, ","):
        name, *parameters = _split(element, ";")
        found = _RANGE.fullmatch(name)
        quality = _quality(parameters)
        if found is not None and quality is not None:
            yield f"{found[1]}/{found[2]}", quality


def _quality(parameters: list[str]) -> float | None:
    """Return the quality among `parameters`, 1 if there is none; None if one of them is malformed."""
    quality = 1.0
    for text in parameters:
        if not text.strip(" \t"):
            continue
        found = _PARAMETER.fullmatch(text)
        if found is None:
            return None
        if found[1] == "q":
            if not _QUALITY.fullmatch(found[2]):
                return None
            quality = float(found[2])
    return quality


def _split(text: str, separator: str) -> list[str]:
    """Return the parts of `text` between separators that are not quoted."""
    parts, begun, quoted, escaped = [], 0, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            parts.append(text[begun:at])
            begun = at + 1
    parts.append(text[begun:])
    return parts
