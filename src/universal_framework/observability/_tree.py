"""The way into the standard library's logging tree.

In: a node of the tree and one event. Out: a record that the node's filters and handlers get, made as stdlib
makes it. Where the application gave the node a class of its own (``logging.setLoggerClass``) or put a method
of its own in the place of one of stdlib's, that is called instead, and may raise on purpose.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from universal_framework.observability import _frames, _losses
from universal_framework.observability._fields import CONTROLS, Fields, renamed


def _stock(name: str) -> object:
    method = logging.Logger.__dict__[name]
    # None, which no method is, where somebody had put another in its place before this module was loaded.
    return method if _frames.is_of_logging(getattr(method, "__code__", None)) else None


#: The methods that a log call stands on, as stdlib defines them: another in their place wants to be called.
_STOCK = {
    name: _stock(name)
    for name in ("debug", "info", "warning", "error", "critical", "exception", "log", "_log", "findCaller")
}

#: What a record passes on its way. A patched `logging.Logger` is served by `report` too, which calls these on
#: the node (Sentry patches the last); a subclass that has its own may mean to raise.
_HOOKS = ("isEnabledFor", "makeRecord", "handle", "filter", "callHandlers")

_CALL_HANDLERS = logging.Logger.callHandlers.__code__

_ACCEPTS_ANY_KEYWORD = 0x08  # inspect.CO_VARKEYWORDS, without the import


def own_method(node: logging.Logger, method: str) -> Callable[..., object] | None:
    """Return what the application has in the place of stdlib's `method` or of what it stands on, else None."""
    cls, own = type(node), node.__dict__
    if (
        getattr(cls, method) is _STOCK[method]
        and cls._log is _STOCK["_log"]
        and _finds_callers_as_we_do(cls)
        and not (method in own or "_log" in own or "findCaller" in own)
        and (
            cls in (logging.Logger, logging.RootLogger)
            or all(getattr(cls, hook) is getattr(logging.Logger, hook) for hook in _HOOKS)
        )
    ):
        return None
    found: Callable[..., object] = getattr(node, method)
    return found


def _finds_callers_as_we_do(cls: type[logging.Logger]) -> bool:
    # structlog.stdlib.LoggerFactory installs a class that differs in this only: it overlooks structlog's frames.
    return cls.findCaller is _STOCK["findCaller"] or cls.findCaller.__module__.startswith("structlog.")


def report(
    node: logging.Logger, level: int, msg: object, args: tuple[object, ...], keywords: dict[str, Any], fields: Fields
) -> None:
    """Hand the node a record with `fields` as its attributes; `keywords` are those of `CONTROLS`."""
    exc_info = keywords.get("exc_info")
    if isinstance(exc_info, BaseException):
        exc_info = type(exc_info), exc_info, exc_info.__traceback__
    elif exc_info and not isinstance(exc_info, tuple):
        exc_info = sys.exc_info()
    caller = _frames.find_caller(keywords.get("stacklevel", 1), with_stack=bool(keywords.get("stack_info")))

    def make(extra: Fields) -> logging.LogRecord:
        return node.makeRecord(
            node.name, level, caller.path, caller.line, msg, args, exc_info, caller.function, extra, caller.stack
        )

    node.handle(_with_free_names(make, fields))


def call_own(
    method: Callable[..., Any],
    node: logging.Logger,
    msg: object,
    arguments: tuple[object, ...],
    keywords: dict[str, Any],
    fields: Fields,
) -> Any:
    """Call the application's own `method` of `node` as stdlib's is called: fields go into ``extra``.

    An object that stands in for a method (a mock) gets a call that holds nothing but stdlib's as it was written.
    """
    if not isinstance(method, FunctionType | MethodType) and keywords.keys() <= CONTROLS:
        return method(*arguments, **keywords)
    passed: dict[str, Any] = {key: keywords[key] for key in ("exc_info", "stack_info") if key in keywords}
    takes_fields = _takes(method, node, "extra")
    if not takes_fields and len(fields) > 1:
        problem = f"{method!r} takes no fields: {', '.join(fields)} left out"
        _losses.say(str(fields["component"]), msg, problem)

    def call(extra: Fields) -> Any:
        if _takes(method, node, "stacklevel"):
            passed["stacklevel"] = keywords.get("stacklevel", 1) + _frames.own_frames()
        if takes_fields:
            passed["extra"] = extra
        return method(*arguments, **passed)

    return _with_free_names(call, fields)


def is_of_a_handler(error: BaseException) -> bool:
    """Say whether `error` came out of a handler, which has no business to raise, and not out of the class."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is _CALL_HANDLERS:
            return True
        trace = trace.tb_next
    return False


def _takes(method: Callable[..., object], node: logging.Logger, keyword: str) -> bool:
    """Say whether `method` and the ``_log`` behind it take `keyword`; classes older than Python 3.8 may not."""
    return _accepts(method, keyword) and _accepts(node._log, keyword)


def _accepts(function: Callable[..., object], keyword: str) -> bool:
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & _ACCEPTS_ANY_KEYWORD:
        return True
    return keyword in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _with_free_names(call: Callable[[Fields], Any], fields: Fields) -> Any:
    """Call `call` with `fields`; a name that the application's own record factory has taken is renamed."""
    while True:
        try:
            return call(fields)
        except KeyError as error:
            taken = {key for key in fields if error.args == (f"Attempt to overwrite {key!r} in LogRecord",)}
            if not taken:
                raise
        fields = renamed(fields, taken)


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
