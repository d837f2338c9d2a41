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
import traceback

from universal_framework.observability import _frames

_losses = itertools.count(1)
_saying = threading.local()

#: Stack entries shown of an exception; a recursion would show a thousand.
_SHOWN = 20


def say(component: str, event: object, problem: str = "") -> None:
    """Say that `component` lost `event`, because of `problem` or the exception being handled."""
    try:
        count = next(_losses)
        if not logging.raiseExceptions or sys.stderr is None or getattr(_saying, "active", False):
            return
        _saying.active = True  # stderr itself may be a stream that logs
        try:
            sys.stderr.write(_text(count, component, event, problem))
        finally:
            _saying.active = False
    except Exception:  # noqa: BLE001, S110 - stderr itself is broken: there is nowhere left to say it
        pass


def slow(component: str, event: object, costs: object) -> None:
    """Say once that an operation took longer than the budget."""
    with contextlib.suppress(Exception):  # stderr itself is broken: there is nowhere left to say it
        if logging.raiseExceptions and sys.stderr is not None:
            sys.stderr.write(f"--- Logging is slow in component {component!r}: {_shown(event)}; {costs} ---\n")


def _text(count: int, component: str, event: object, problem: str) -> str:
    why = problem or traceback.format_exc(limit=-_SHOWN).rstrip("\n")
    caller = _frames.find_caller(1, with_stack=False)
    return (
        f"--- Logging error {count} in component {component!r} ---\n{why}\n"
        f"Event: {_shown(event)}\n"
        f"Called from: {caller.path}:{caller.line} in {caller.function}\n"
    )


def _shown(event: object) -> str:
    try:
        return repr(event)
    except Exception as error:  # noqa: BLE001 - an event that cannot be shown is named by its type
        return f"<{type(event).__name__} whose repr raises {type(error).__name__}>"


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
