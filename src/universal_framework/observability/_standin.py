"""What stands for an exception that holds a secret: of the same type and place, with everything it says redacted.

In: an exception as it was raised. Out: itself if nothing that is shown of it holds a secret – its text, its ``repr``,
notes, causes, members of a group, quoted source lines –, else an exception that handlers and error trackers can treat
like it: of a class below the original's, of the same name, with the traceback of the original. The exception that the
application holds is not touched, and what it has beyond its arguments (a request, a response) is not passed on.
"""

from __future__ import annotations

import linecache
import traceback
from types import TracebackType
from typing import Any, Protocol

#: Exceptions shown of a chain of causes; each member of a group begins another.
_CHAIN = 32


class Redacting(Protocol):
    """What texts and values pass through."""

    def text(self, text: str) -> str:
        """Return `text` without secrets."""

    def trace(self, text: str) -> str:
        """Return a rendered traceback without secrets."""

    def value(self, value: object) -> Any:
        """Return `value` without secrets; itself if there are none."""


def of(error: BaseException, redacting: Redacting) -> BaseException:
    """Return `error` if it may be shown, else what stands for it; never raises."""
    try:
        if _may_be_shown(error, redacting):
            return error
        made = _made(error, redacting, _CHAIN)
        if _may_be_shown(made, redacting):
            return made
    except Exception:  # noqa: BLE001, S110 - an exception of the caller's runs its own code when it is shown
        pass
    return RuntimeError(f"{type(error).__name__} withheld: it could not be redacted")


def _may_be_shown(error: BaseException, redacting: Redacting) -> bool:
    text = "".join(traceback.format_exception(error))
    return redacting.trace(text) == text and _says_nothing_more(error, redacting, set())


def _says_nothing_more(error: BaseException | None, redacting: Redacting, seen: set[int]) -> bool:
    """Say whether ``repr`` and arguments, which a traceback does not show, are clean as well."""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if redacting.value(error) is not error or redacting.value(error.args) is not error.args:
            return False
        if isinstance(error, BaseExceptionGroup) and not all(
            _says_nothing_more(one, redacting, seen) for one in error.exceptions
        ):
            return False
        error = error.__cause__ or error.__context__
    return True


def _made(error: BaseException, redacting: Redacting, depth: int) -> BaseException:
    text = redacting.text(str(error))
    cls: Any = _class_below(type(error), text)
    if isinstance(error, BaseExceptionGroup):
        members = [_made(one, redacting, depth - 1) for one in error.exceptions] if depth > 0 else []
        message = redacting.text(error.message)
        made: BaseException = cls.__new__(cls, message, members or [RuntimeError("members left out")])
    else:
        made = cls.__new__(cls)
        made.args = _arguments(error, redacting)
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        made.__notes__ = [redacting.text(str(note)) for note in notes]
    if depth > 0:
        made.__cause__ = None if error.__cause__ is None else _made(error.__cause__, redacting, depth - 1)
        context = error.__context__ if error.__cause__ is None else None  # not shown where there is a cause
        made.__context__ = None if context is None else _made(context, redacting, depth - 1)
        made.__suppress_context__ = error.__suppress_context__
    return made.with_traceback(_trace(error.__traceback__, redacting))


def _arguments(error: BaseException, redacting: Redacting) -> tuple[object, ...]:
    args = redacting.value(error.args)
    return args if isinstance(args, tuple) else ()


def _class_below(cls: type[BaseException], text: str) -> type[BaseException]:
    """Return a class that `isinstance` takes for `cls`, whose instances say `text`."""
    shown = {
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__str__": lambda _: text,
        "__repr__": lambda _: f"{cls.__name__}({text!r})",
    }
    # What Python takes apart to show it, and would find empty, goes by its name alone.
    base = Exception if issubclass(cls, SyntaxError) else cls
    return type(cls.__name__, (base,), shown)


def _trace(trace: TracebackType | None, redacting: Redacting) -> TracebackType | None:
    """Return `trace`; entries whose source line holds a secret lose their line number, by which it would be quoted."""
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    made = None
    for entry in reversed(entries):
        line = linecache.getline(entry.tb_frame.f_code.co_filename, entry.tb_lineno, entry.tb_frame.f_globals)
        secret = redacting.text(line) != line
        where = (-1, 0) if secret else (entry.tb_lasti, entry.tb_lineno)
        made = TracebackType(made, entry.tb_frame, *where)
    return made
