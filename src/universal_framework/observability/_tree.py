"""The way into the standard library's logging tree.

In: a node of the tree and one event. Out: a record that the node's filters and handlers get, made as stdlib
makes it. Where the application gave the node a class of its own (``logging.setLoggerClass``) or put a method
of its own in the place of one of stdlib's, that is called instead, and may raise on purpose.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from operator import itemgetter
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

#: What a record passes on its way in stdlib's own class (Sentry replaces the first, ddtrace wraps the last).
_PASSED = {name: _stock(name) for name in ("callHandlers", "handle", "makeRecord")}

#: stdlib's class as it is now, what gets the methods that one stands on, and what it gets where nobody changed any.
stdlib = logging.Logger.__dict__
watched = {method: itemgetter(method, "_log", "findCaller", *_PASSED) for method in _STOCK}
untouched = {method: (_STOCK[method], _STOCK["_log"], _STOCK["findCaller"], *_PASSED.values()) for method in _STOCK}

#: What a subclass may have of its own, and may mean to raise from.
_HOOKS = ("isEnabledFor", "makeRecord", "handle", "filter", "callHandlers")

_CALL_HANDLERS = logging.Logger.callHandlers.__code__

_ACCEPTS_ANY_KEYWORD = 0x08  # inspect.CO_VARKEYWORDS, without the import


#: How many attributes a node of stdlib's class has that nobody has put any on.
BARE = len(logging.root.__dict__) + 1

#: How many attributes a node has that nobody has put any on, by its class; `logging.getLogger` adds ``manager``.
_ATTRIBUTES: dict[type[logging.Logger], int] = {
    logging.Logger: BARE,
    logging.RootLogger: len(logging.root.__dict__),
}


def regard_as_stdlib(cls: type[logging.Logger]) -> None:
    """Take nodes of `cls`, one of this package, for stdlib's own: what it does to a record we do without it."""
    _ATTRIBUTES[cls] = _ATTRIBUTES[logging.RootLogger if issubclass(cls, logging.RootLogger) else logging.Logger]


def is_of_stdlib(name: str, method: Callable[..., object]) -> bool:
    """Say whether a bound `method` of that name is stdlib's own."""
    return getattr(method, "__func__", None) is _PASSED[name]


def is_bare(node: logging.Logger) -> bool:
    """Say whether a node is of stdlib's class, and nobody has put anything on it."""
    return len(node.__dict__) <= _ATTRIBUTES.get(type(node), 0)


def is_stock(node: logging.Logger, method: str) -> bool:
    """Say, at little cost, that what `method` does to an event at this node is what stdlib defines, nothing else.

    No filter, no method put on the node, none replaced on stdlib's class, records of stdlib's own making.
    """
    return (
        watched[method](stdlib) == untouched[method]
        and len(node.__dict__) <= _ATTRIBUTES.get(type(node), 0)
        and not node.filters
        and logging._logRecordFactory is logging.LogRecord  # type: ignore[attr-defined]
    )


def own_method(node: logging.Logger, method: str) -> Callable[..., object] | None:
    """Return what the application has in the place of stdlib's `method` or of what it stands on, else None."""
    cls, own = type(node), node.__dict__
    if (
        getattr(cls, method) is _STOCK[method]
        and cls._log is _STOCK["_log"]
        and _finds_callers_as_we_do(cls)
        and not (method in own or "_log" in own or type(own.get("findCaller", _OURS)) is not _Finder)
        and (cls in _ATTRIBUTES or all(getattr(cls, hook) is getattr(logging.Logger, hook) for hook in _HOOKS))
    ):
        return None
    found: Callable[..., object] = getattr(node, method)
    return found


def _finds_callers_as_we_do(cls: type[logging.Logger]) -> bool:
    # structlog.stdlib.LoggerFactory installs a class that differs in this only: it overlooks structlog's frames.
    return cls.findCaller is _STOCK["findCaller"] or cls.findCaller.__module__.startswith("structlog.")


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

    transparent = _sees_through_us(node)

    def call(extra: Fields) -> Any:
        if _takes(method, node, "stacklevel") and not (transparent and "stacklevel" not in keywords):
            passed["stacklevel"] = keywords.get("stacklevel", 1) + (0 if transparent else _frames.own_frames())
        if takes_fields:
            passed["extra"] = extra
        return method(*arguments, **passed)

    return with_free_names(call, fields)


class _Finder:
    """Finds callers as stdlib does, but overlooks our frames too; stands on a node of the application's own class.

    What such a class passes as ``stacklevel`` it has counted without us.
    """

    def __call__(self, stack_info: bool = False, stacklevel: int = 1) -> tuple[str, int, str, str | None]:  # noqa: FBT001, FBT002
        return tuple(_frames.find_caller(stacklevel, with_stack=stack_info))  # type: ignore[return-value]


_OURS = _Finder()


def _sees_through_us(node: logging.Logger) -> bool:
    """Let a node of the application's own class overlook our frames; False where it finds callers its own way."""
    cls = type(node)
    if cls in _ATTRIBUTES or not _finds_callers_as_we_do(cls):
        return False
    return type(node.__dict__.setdefault("findCaller", _OURS)) is _Finder


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


def with_free_names(call: Callable[[Fields], Any], fields: Fields) -> Any:
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
