"""The events that could not be reported: counted, said once on stderr, never raised.

In: what was to be reported and, from the running ``except`` clause, why it was not. Out: a few lines where
`logging.Handler.handleError` would write them too; nothing where ``logging.raiseExceptions`` is false.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
import threading
import time
import traceback

from universal_framework.observability import _frames

_losses = itertools.count(1)
_saying = threading.local()

#: Stack entries shown of an exception; a recursion would show a thousand.
_SHOWN = 20

#: How often one place in the source is heard of within so many seconds; the rest is counted.
_OFTEN, _SECONDS = 10, 60.0

#: Places that are kept count of; beyond that all begin anew.
_PLACES = 1000

#: By place: since when it is counted, and the counter, which threads share without a lock.
_heard: dict[object, tuple[float, itertools.count[int]]] = {}


def count() -> int:
    """Return how many events were lost in this process."""
    return int(repr(_losses)[6:-1]) - 1


def say(component: str, event: object, problem: str = "") -> None:
    """Say that `component` lost `event`, because of `problem` or the exception being handled."""
    try:
        number = next(_losses)
        if not logging.raiseExceptions or sys.stderr is None or getattr(_saying, "active", False):
            return
        _saying.active = True  # stderr itself may be a stream that logs
        try:
            caller = _frames.find_caller(1, with_stack=False)
            untold = _untold(component, caller, sys.exc_info()[0], problem)
            if untold is not None:
                sys.stderr.write(_text(number, component, event, problem, caller, untold))
        finally:
            _saying.active = False
    except Exception:  # noqa: BLE001, S110 - stderr itself is broken: there is nowhere left to say it
        pass


def _untold(component: str, caller: _frames.Caller, error: object, problem: str) -> int | None:
    """Return how many losses at this place were not told of since the last that was; None if this is to be another."""
    place = (component, caller.path, caller.line, error, problem)
    now = time.monotonic()
    known = _heard.get(place)
    if known is None:
        if len(_heard) >= _PLACES:
            _heard.clear()
        known = _heard.setdefault(place, (now, itertools.count()))
    untold = 0
    if now - known[0] > _SECONDS:
        untold = max(next(known[1]) - _OFTEN, 0)
        known = _heard[place] = (now, itertools.count())
    return untold if next(known[1]) < _OFTEN else None


def slow(component: str, event: object, costs: object) -> None:
    """Say once that an operation took longer than the budget."""
    with contextlib.suppress(Exception):  # stderr itself is broken: there is nowhere left to say it
        if logging.raiseExceptions and sys.stderr is not None:
            sys.stderr.write(f"--- Logging is slow in component {component!r}: {_shown(event)}; {costs} ---\n")


def _text(number: int, component: str, event: object, problem: str, caller: _frames.Caller, untold: int) -> str:
    why = problem or traceback.format_exc(limit=-_SHOWN).rstrip("\n")
    more = f" ({untold} more at this place were not told of)" if untold else ""
    return (
        f"--- Logging error {number} in component {component!r}{more} ---\n{_redacted(why)}\n"
        f"Event: {_redacted(_shown(event))}\n"
        f"Called from: {caller.path}:{caller.line} in {caller.function}\n"
    )


def _redacted(text: str) -> str:
    """Return `text` without secrets: what cannot be logged may hold them all the same."""
    try:
        from universal_framework.observability import _pipeline  # it tells us of what it cannot redact

        return _pipeline.current().redactor.exception_text(text)
    except Exception:  # noqa: BLE001 - a redactor that fails must not let anything through
        return "<withheld: it could not be redacted>"


def _shown(event: object) -> str:
    try:
        return repr(event)
    except Exception as error:  # noqa: BLE001 - an event that cannot be shown is named by its type
        return f"<{type(event).__name__} whose repr raises {type(error).__name__}>"


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
