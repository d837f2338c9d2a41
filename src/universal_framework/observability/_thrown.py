"""Exceptions as they are told: types, texts and places; never the values of variables.

In: an exception. Out: a `Thrown` with its causes and groups, every text redacted, its length bounded: an
exception that refers to itself, or a recursion of a thousand frames, must not fill a disk.
"""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from typing import Protocol

from universal_framework.observability._event import Frame, Thrown

#: Frames shown of one exception: the outermost ones, and those nearest to where it was raised.
_OUTER, _INNER = 10, 40

#: Exceptions shown of a chain of causes, and of a group.
_CHAIN, _GROUP = 8, 16


class Redacting(Protocol):
    """What texts pass through."""

    def text(self, text: str) -> str:
        """Return `text` without secrets."""


def of(error: BaseException, redacting: Redacting) -> Thrown:
    """Return what `error` says."""
    return _of(error, redacting, _CHAIN, set())


def of_text(text: str) -> Thrown:
    """Return what is known of an exception of which only the rendered traceback is left; it is redacted already."""
    last = text.rstrip().rpartition("\n")[2]
    name, _, message = last.partition(": ")
    return Thrown(name, message, (Frame("", 0, "", text),))


def name_of(cls: type[BaseException]) -> str:
    """Return the name of an exception's class as tracebacks show it."""
    return cls.__qualname__ if cls.__module__ in {"builtins", "__main__"} else f"{cls.__module__}.{cls.__qualname__}"


def _of(error: BaseException, redacting: Redacting, depth: int, seen: set[int]) -> Thrown:
    seen.add(id(error))
    cause, is_context = error.__cause__, False
    if cause is None and not error.__suppress_context__:
        cause, is_context = error.__context__, True
    told = None
    if cause is not None and depth > 0 and id(cause) not in seen:
        told = _of(cause, redacting, depth - 1, seen)
    group: tuple[Thrown, ...] = ()
    if isinstance(error, BaseExceptionGroup) and depth > 0:
        members = [one for one in error.exceptions[:_GROUP] if id(one) not in seen]
        group = tuple(_of(one, redacting, depth - 1, seen) for one in members)
    return Thrown(
        name_of(type(error)), redacting.text(_text(error)), tuple(_frames(error, redacting)), told, is_context, group
    )


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - an exception that cannot be shown is named by its type
        text = f"<str() raises {type(second).__name__}>"
    notes = getattr(error, "__notes__", None)
    return "\n".join([text, *map(str, notes)]) if isinstance(notes, list) and notes else text


def _frames(error: BaseException, redacting: Redacting) -> Iterator[Frame]:
    places = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    left_out = len(places) - _OUTER - _INNER
    for index, (code, line) in enumerate(places):
        if left_out > 0 and _OUTER <= index < _OUTER + left_out:
            if index == _OUTER:
                yield Frame("", 0, "", f"… {left_out} frames left out")
            continue
        source = linecache.getline(code.co_filename, line).strip()
        yield Frame(code.co_filename, line, code.co_qualname, redacting.text(source))
