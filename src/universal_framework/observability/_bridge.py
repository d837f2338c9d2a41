"""The way into structlog, for applications that configured it.

In: a logger's name and bound fields. Out: the application's own bound logger, made afresh from structlog's
*current* configuration, so that ``capture_logs`` and a later ``configure`` are seen. structlog is never
imported here unless a logger was told to go this way: an application that configured it has loaded it.
"""

from __future__ import annotations

import contextvars
import importlib
import logging
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from universal_framework.observability import _frames, _pipeline
from universal_framework.observability._fields import CONTROLS, RECORD_KEYS, Fields, new_names, renamed

#: Where a logger's events go: by what the application configured (None), or always one way.
Via = Literal["stdlib", "structlog"] | None

#: structlog's standard levels, highest first; one between two of them reports under the lower.
_METHODS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (0, "debug"))

#: Field names that structlog's own signatures claim, and those by which its processors tell a finished record.
_CLAIMED = frozenset({"self", "event", "method_name", "_record", "_from_structlog"})

#: Keys that structlog's processors overwrite, use up or refuse, by the processor's name or that of its type.
_WRITTEN: Mapping[str, frozenset[str]] = {
    "add_log_level": frozenset({"level"}),
    "add_log_level_number": frozenset({"level_number"}),
    "add_logger_name": frozenset({"logger"}),
    "PositionalArgumentsFormatter": frozenset({"positional_args"}),
    "LogCapture": frozenset({"log_level"}),
    "render_to_log_kwargs": RECORD_KEYS - CONTROLS,
    "render_to_log_args_and_kwargs": (RECORD_KEYS | {"positional_args"}) - CONTROLS,
}

_NONE: Fields = MappingProxyType({})

_IS_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import

#: The field that holds arguments which do not fit their message.
_UNUSED_ARGUMENTS = "format_args"


class Outlet(NamedTuple):
    """The application's structlog logger for one event, and the new names of fields that cannot keep theirs.

    `bound` is whatever class the application configured; only structlog's ``BindableLogger`` protocol may be
    relied on.
    """

    bound: Any
    names: Mapping[str, str]

    def report(self, level: int, method: str, event: object, args: tuple[object, ...], fields: Fields) -> Any:
        """Report one event, by the method that the application's class has for it.

        A message that its arguments do not fit goes out as it is, with the arguments in a field.
        """
        stack = _of_contextvars("_ASYNC_CALLING_STACK")
        if "stacklevel" not in fields or stack is None:
            return self._speak(level, method, event, args, fields)
        stacklevel: Any = fields["stacklevel"]
        fields = {key: value for key, value in fields.items() if key != "stacklevel"}
        token = stack.set(_frames.calling_frame(stacklevel))
        try:
            return self._speak(level, method, event, args, fields)
        finally:
            stack.reset(token)

    def _speak(self, level: int, method: str, event: object, args: tuple[object, ...], fields: Fields) -> Any:
        named = method not in {"log", "_log"} and hasattr(self.bound, method)
        speak = getattr(self.bound, method if named else method_of(level))
        keywords = self._named(fields)
        if keywords.get("exc_info") is True and _is_coroutine(speak):  # another thread would not find it
            keywords["exc_info"] = sys.exc_info()
        try:
            return speak(event, *args, **keywords)
        except Exception as error:
            if not args:
                raise
            text = _formatted(event, args)
            if text is not None and not isinstance(error, (TypeError, ValueError, KeyError)):
                raise  # the arguments were not what failed
        if text is not None:  # a message that is no string, or a mapping that is no dict: stdlib takes both
            return speak(text, **keywords)
        taken = {*keywords, *getattr(self.bound, "_context", ())}
        return speak(event, **keywords, **renamed({_UNUSED_ARGUMENTS: args}, taken))

    def defers(self, level: int, method: str) -> bool:
        """Say whether the application's class has a method that reports such an event from a coroutine."""
        return self._has(self._deferring(level, method))

    async def areport(self, level: int, method: str, event: object, args: tuple[object, ...], fields: Fields) -> Any:
        """Report one event from a coroutine, in a thread, as structlog's own methods do.

        Theirs take the frame that awaits them for the caller's; that would be one of ours.
        """
        own = getattr(type(self.bound), self._deferring(level, method))
        if not getattr(own, "__module__", "").startswith("structlog."):
            return await own(self.bound, event, *args, **self._named(fields))
        import asyncio  # whoever awaits has loaded it; nobody else should pay for it

        stacklevel: Any = fields.get("stacklevel", 1)
        context = contextvars.copy_context()
        if (stack := _of_contextvars("_ASYNC_CALLING_STACK")) is not None:
            context.run(stack.set, _frames.calling_frame(stacklevel))
            fields = {key: value for key, value in fields.items() if key != "stacklevel"}
        if (thread := _of_contextvars("_ASYNC_CALLING_THREAD")) is not None:
            context.run(thread.set, (threading.get_ident(), threading.current_thread().name))
        work = partial(context.run, self.report, level, method, event, args, fields)
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def is_enabled(self, level: int) -> bool:
        """Say whether the application's configuration lets an event of `level` pass its level filter."""
        if self._has("is_enabled_for"):
            return bool(self.bound.is_enabled_for(level))
        node = self._node()
        return node is None or node.isEnabledFor(level)

    def effective_level(self) -> int:
        """Return the lowest level that the application's configuration reports; 0 where it does not say."""
        if self._has("get_effective_level"):
            return int(self.bound.get_effective_level())
        node = self._node()
        return 0 if node is None else node.getEffectiveLevel()

    def _has(self, name: str) -> bool:
        # Asked of the class: structlog.BoundLogger answers to every name, by reporting an event.
        return hasattr(type(self.bound), name)

    def _deferring(self, level: int, method: str) -> str:
        return f"a{method_of(level) if method == 'log' else method}"

    def _node(self) -> logging.Logger | None:
        wrapped = getattr(self.bound, "_logger", None)
        return wrapped if isinstance(wrapped, logging.Logger) else None

    def _named(self, fields: Fields) -> dict[str, object]:
        return {self.names.get(key, key): value for key, value in fields.items()}


def outlet(via: Via, name: str, fields: Fields, keywords: Fields = _NONE) -> Outlet | None:
    """Return the application's structlog logger with `fields` bound, or None where events go to the tree.

    `keywords` are those of the event that it is for.
    """
    if via == "stdlib":
        return None
    structlog: Any = sys.modules.get("structlog")
    if via == "structlog":
        if structlog is None:
            try:
                structlog = importlib.import_module("structlog")
            except ImportError:
                return None  # better in the tree than nowhere
    elif structlog is None or not _is_configured(structlog):
        return None
    configured = structlog.get_config()
    processors = configured["processors"]
    every = {**fields, **keywords}
    names = new_names(every, _claimed(processors, every))
    context = configured["context_class"]()
    context.update({names.get(key, key): value for key, value in fields.items()})
    wrapped = _make_wrapped(configured["logger_factory"], name)
    return Outlet(configured["wrapper_class"](wrapped, processors=processors, context=context), names)


def method_of(level: int) -> str:
    """Return the name of the structlog method that reports at `level`."""
    return next(name for floor, name in _METHODS if level >= floor or floor == 0)


class _Variables:
    """Stands for the variables of ``structlog.contextvars`` until that is loaded: true where there may be some."""

    def __bool__(self) -> bool:
        global variables  # noqa: PLW0603
        bound = sys.modules.get("structlog.contextvars")
        if bound is None:
            return False
        found = getattr(bound, "_CONTEXT_VARS", None)
        if isinstance(found, dict):  # else a structlog that keeps them elsewhere
            variables = found
            return bool(found)
        return True


#: True where a variable of ``structlog.contextvars`` was ever bound.
variables: object = _Variables()

_last_context: tuple[contextvars.Context, Fields] = (contextvars.Context(), _NONE)


def context() -> Fields:
    """Return what ``structlog.contextvars`` holds in this context, redacted; empty where structlog is not loaded.

    Two copies of one context share what they hold, so that comparing them costs next to nothing; collecting the
    variables, as structlog does for each event, costs thirteen times as much.
    """
    global _last_context  # noqa: PLW0603 - one value, replaced whole: another thread sees the old one or the new
    bound = sys.modules.get("structlog.contextvars")
    if bound is None:
        return _NONE
    here = contextvars.copy_context()
    known, fields = _last_context
    try:
        if here == known:
            return fields
    except Exception:  # noqa: BLE001, S110 - somebody's values that cannot be compared
        pass
    found = bound.get_contextvars()
    found.pop("component", None)  # a logger's own component says more
    fields = _pipeline.current().fields(found)
    _last_context = here, fields
    return fields


def configuration() -> Any:
    """Return the object whose ``is_configured`` says whether the application configured structlog.

    None until structlog is loaded, and with a structlog that keeps it elsewhere.
    """
    found = getattr(sys.modules.get("structlog._config"), "_CONFIG", None)
    return found if hasattr(found, "is_configured") else None


def _of_contextvars(name: str) -> Any:
    # Where structlog keeps what its own methods know of their caller before they leave its thread.
    return getattr(sys.modules.get("structlog.contextvars"), name, None)


def _is_configured(structlog: Any) -> bool:
    """Say whether the application configured structlog.

    ``capture_logs`` leaves structlog's defaults behind, marked as configured: a test that used it once must
    not turn the events of all others away from the tree.
    https://www.structlog.org/en/stable/api.html#structlog.testing.capture_logs
    """
    if not structlog.is_configured():
        return False
    defaults = vars(sys.modules.get("structlog._config", structlog))
    return not all(
        value == defaults.get(f"_BUILTIN_{key}", defaults.get(f"_BUILTIN_DEFAULT_{key}"))
        for key, value in ((key.upper(), value) for key, value in structlog.get_config().items())
    )


def _claimed(processors: Sequence[object], fields: Fields) -> frozenset[str]:
    """Return the names that a field may not have: structlog or one of the processors would overwrite it."""
    return _CLAIMED.union(*(_written(processor, fields) for processor in processors)) - CONTROLS


def _written(processor: Any, fields: Fields) -> Iterator[str]:
    kind = type(processor).__name__
    yield from _WRITTEN.get(getattr(processor, "__name__", kind), ())
    if kind == "TimeStamper":
        yield processor.key
    elif kind == "CallsiteParameterAdder":
        yield from (parameter.value for parameter, _ in getattr(processor, "_active_handlers", ()))
    elif kind == "EventRenamer":
        yield processor.to
    elif kind == "ExceptionRenderer" and fields.get("exc_info"):
        yield "exception"
    elif kind == "StackInfoRenderer" and fields.get("stack_info"):
        yield "stack"


def _is_coroutine(method: object) -> bool:
    code = getattr(method, "__code__", None)
    return code is not None and bool(code.co_flags & _IS_COROUTINE)


def _formatted(event: object, args: tuple[object, ...]) -> str | None:
    """Return `event` with `args` put in as stdlib does it; None where they do not fit."""
    try:
        text: str = str(event) % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args)
    except Exception:  # noqa: BLE001 - whatever the arguments' own methods raise
        return None
    return text


def _make_wrapped(factory: Any, name: str) -> Any:
    try:
        return factory(name)
    except TypeError:  # a factory of the application's own that takes no name
        return factory()


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
