"""The house logger: one class that code written for ``logging`` and code written for structlog can both call.

In: a component name and log calls of either style. Out: events where the application already listens –
structlog's configured processors, or the standard library's logging tree. A `UniversalFrameworkLogger` is a
*view*: it owns a component name and bound fields, and nothing else. Level, handlers, filters and whatever else
anybody keeps on a logger live on a node of the ordinary logging tree, which the view reads and writes through to, so
that ``dictConfig``, ``caplog``, ``assertLogs``, ``mock.patch`` and error trackers see no difference.

This module is a leaf: it imports only the standard library and private neighbours, and it never raises into
the code that logs.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from time import time_ns
from types import MappingProxyType
from typing import Any, Final

from universal_framework.observability import _bridge, _delivery, _frames, _losses, _pipeline, _tree
from universal_framework.observability._bridge import Via
from universal_framework.observability._cost import SAMPLED
from universal_framework.observability._fields import RECORD_KEYS, renamed

__all__ = ["UniversalFrameworkLogger"]

_EMPTY: Final[Mapping[str, object]] = MappingProxyType({})
_UNSET: Final = object()
_NOTHING_KNOWN: Final = _delivery.Known(_pipeline.Pipeline())  # of a pipeline that is never in use

#: What stdlib keeps on a logger: read from the node, written to the node, deleted from the node.
_NODE_STATE = ("name", "level", "parent", "propagate", "handlers", "filters", "disabled", "_cache")

#: What makes a logger the one it is.
_FIXED = ("component", "_component", "_node_name", "_via", "_fields")

#: What a logger remembers to be quick; derived, and checked before it is used.
_KEPT = ("_at", "_levels", "_known")

#: The nodes of the tree by name; `logging` keeps this one dictionary for the life of the process.
_nodes = logging.Logger.manager.loggerDict
_modules = sys.modules

# Names of a module are found quicker than those of its neighbours.
_stdlib, _watched, _untouched = _tree.stdlib, _tree.watched, _tree.untouched
_bare = _tree.BARE
_record_factory = logging.LogRecord


class _NoLevels(dict[int, bool]):
    """Verdicts on levels of which nothing is known."""

    def __missing__(self, level: int) -> bool:
        return True  # ask


_NO_LEVELS: Final = _NoLevels()

_ROOT = "root"


class UniversalFrameworkLogger(logging.Logger):
    """The logger of one component: a drop-in for `logging.Logger` and for structlog's bound loggers.

    Args:
        component: What the logger speaks for, e.g. ``"intent_classifier"``.
        name: The node of the logging tree, dotted; by default the name of the calling module, as in
            ``logging.getLogger(__name__)``. A function that wraps this constructor passes it.
        via: Where events go. By default through structlog's processors if the application configured
            structlog, else into the logging tree. ``"stdlib"`` and ``"structlog"`` fix the way; the codemod
            writes ``via="stdlib"`` for former `logging` loggers of a project that uses both.

    Every method of both libraries takes ``%`` arguments, ``exc_info``, ``stack_info``, ``stacklevel`` and
    ``extra`` as `logging` does, and any other keyword as a field. A field whose name the output keeps for
    itself – what a `logging.LogRecord` holds, what a configured structlog processor writes – is emitted as
    ``field.<name>``. A lone ``event=`` or ``msg=`` is the message. In the tree, records have the attribute
    ``component``; an event that brings its own ``component`` keeps that.

    The node is made when it is first needed. Where it is of a class of the application's own
    (`logging.setLoggerClass`), that class's methods are called, and what they raise is raised; methods that
    it has beyond stdlib's can be called here too, but speak for the node alone.

    Two loggers are equal when component, node, way and bound fields are equal. The hash leaves out the
    fields, which need not be hashable. A logger pickles by name, component and fields; a copy is itself.

    Raises:
        TypeError: if `component` or `name` is not a string.
        ValueError: if `component` is empty, or `via` is none of the above.
    """

    __slots__ = ("_at", "_component", "_fields", "_known", "_levels", "_node_name", "_via")

    _at: logging.Logger | None
    _component: str
    _fields: Mapping[str, object]
    _known: _delivery.Known
    _levels: Mapping[int, bool]
    _node_name: str
    _via: Via

    def __init__(self, component: str, *, name: str | None = None, via: Via = None) -> None:
        if not isinstance(component, str):
            raise TypeError(f"component must be a string such as 'billing', not {type(component).__name__}")
        if not component:
            raise ValueError("component must not be empty: name what this logger speaks for")
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a dotted logger name, not {type(name).__name__}")
        if via not in (None, "stdlib", "structlog"):
            raise ValueError(f"via must be 'stdlib', 'structlog' or None, not {via!r}")
        if name is None:
            name = str(sys._getframe(1).f_globals.get("__name__") or component)
        self._initialise(component, name or _ROOT, via, _EMPTY)

    def _initialise(self, component: str, name: str, via: Via, fields: Mapping[str, object]) -> None:
        keep = object.__setattr__
        keep(self, "_component", component)
        keep(self, "_node_name", name)
        keep(self, "_via", via)
        keep(self, "_fields", fields)
        keep(self, "_known", _NOTHING_KNOWN)
        keep(self, "_at", None)
        keep(self, "_levels", _NO_LEVELS)
        keep(self, "__class__", _forwarding(type(self)))

    # -- identity ---------------------------------------------------------------------------------------

    @property
    def component(self) -> str:
        """The name this logger speaks for; fixed."""
        return self._component

    @property
    def _node(self) -> logging.Logger:
        """The node that the tree holds *now* under this logger's name; made if there is none."""
        at = self._at
        return at if at is not None and _nodes.get(self._node_name) is at else self._find_node()

    def _find_node(self) -> logging.Logger:
        node = logging.getLogger(None if self._node_name == _ROOT else self._node_name)
        plain = _tree.is_bare(node)
        keep = object.__setattr__
        # A class of the application's own may decide on levels as it likes, and have methods that we know nothing of.
        quick = plain and self._via != "structlog" and self._node_name != _ROOT  # the tree has no name for its root
        keep(self, "_levels", vars(node)["_cache"] if quick else _NO_LEVELS)
        keep(self, "__class__", (_public if plain else _forwarding)(type(self)))
        keep(self, "_at", node)
        return node

    @property
    def _context(self) -> dict[str, object]:
        """The bound fields, where ``structlog.get_context`` looks for them."""
        return dict(self._fields)

    def _identity(self) -> tuple[str, str, Via]:
        return self._component, self._node_name, self._via

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UniversalFrameworkLogger):
            return NotImplemented
        return self._identity() == other._identity() and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._identity())

    def __repr__(self) -> str:
        level = logging.getLevelName(self.getEffectiveLevel())
        bound = f" {self._context!r}" if self._fields else ""
        return f"<{_public(type(self)).__name__} {self.component} on {self.name} ({level}){bound}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (_public(type(self)), *self._identity(), dict(self._fields))

    def __copy__(self) -> UniversalFrameworkLogger:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> UniversalFrameworkLogger:
        return self

    # -- what lives on the node ---------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse_fixed(name)
        if name in _NODE_STATE or not hasattr(type(self), name):
            setattr(self._node, name, value)  # what was put on logging.getLogger(name) is there for all, as ever
            self._find_node()
        else:
            object.__setattr__(self, name, value)  # mock.patch.object(logger, "info") and the like

    def __delattr__(self, name: str) -> None:
        self._refuse_fixed(name)
        if name in _NODE_STATE or not hasattr(type(self), name):
            delattr(self._node, name)  # mock.patch deletes what it set before it puts back what was there
        else:
            object.__delattr__(self, name)

    def _refuse_fixed(self, name: str) -> None:
        if name in _FIXED or name in _KEPT:
            raise AttributeError(f"{name} is fixed: make another {type(self).__name__}, or use bind()")
        if name == "manager":  # what logging.getLogger() sets on an instance of the class it was told to make
            raise AttributeError(
                f"{type(self).__name__} is a view on a node, not a node: give logging.setLoggerClass() "
                "a subclass of logging.Logger"
            )

    def setLevel(self, level: int | str) -> None:
        """Set the level of the node."""
        self._node.setLevel(level)

    def getEffectiveLevel(self) -> int:
        """Return the first level set on the node or above it."""
        return self._node.getEffectiveLevel()

    def isEnabledFor(self, level: int) -> bool:
        """Say whether an event of `level` would be reported, the way this logger's events go."""
        outlet = self._outlet_or_none()
        return self._node.isEnabledFor(level) if outlet is None else outlet.is_enabled(level)

    def is_enabled_for(self, level: int) -> bool:
        """Say what `isEnabledFor` says, by structlog's name for it."""
        return self.isEnabledFor(level)

    def get_effective_level(self) -> int:
        """Return the lowest level that is reported, the way this logger's events go."""
        outlet = self._outlet_or_none()
        return self.getEffectiveLevel() if outlet is None else outlet.effective_level()

    def addHandler(self, hdlr: logging.Handler) -> None:
        """Add a handler to the node."""
        self._node.addHandler(hdlr)

    def removeHandler(self, hdlr: logging.Handler) -> None:
        """Remove a handler from the node."""
        self._node.removeHandler(hdlr)

    def hasHandlers(self) -> bool:
        """Say whether the node, or one it propagates to, has a handler."""
        return self._node.hasHandlers()

    def addFilter(self, filter: Any) -> None:
        """Add a filter to the node."""
        self._node.addFilter(filter)

    def removeFilter(self, filter: Any) -> None:
        """Remove a filter from the node."""
        self._node.removeFilter(filter)

    def filter(self, record: logging.LogRecord) -> Any:
        """Apply the node's filters to `record`."""
        return self._node.filter(record)

    def handle(self, record: logging.LogRecord) -> None:
        """Pass a finished record to the node."""
        self._node.handle(record)

    def callHandlers(self, record: logging.LogRecord) -> None:
        """Pass a record to the handlers of the node and of those it propagates to."""
        self._node.callHandlers(record)

    def makeRecord(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Make a record as the node does."""
        return self._node.makeRecord(*args, **kwargs)

    def findCaller(self, stack_info: bool = False, stacklevel: int = 1) -> tuple[str, int, str, str | None]:
        """Return file, line, function and, where asked for, the stack of the code that logs."""
        caller = _frames.find_caller(stacklevel, with_stack=stack_info)
        return caller.path, caller.line, caller.function, caller.stack

    def getChild(self, suffix: str) -> UniversalFrameworkLogger:
        """Return this logger, its component and fields, on the node `suffix` below its own."""
        name = self._node_name
        child = self._view(self._fields, name=suffix if name == _ROOT else f"{name}.{suffix}")
        self._find_node()
        child._find_node()  # now both are of the class that they keep
        return child

    def getChildren(self) -> set[logging.Logger]:
        """Return what `getChild` returns, for every node directly below this logger's."""
        name = self._node_name
        prefix = "" if name == _ROOT else f"{name}."
        return {
            self.getChild(path.removeprefix(prefix))
            for path, node in list(logging.Logger.manager.loggerDict.items())
            if isinstance(node, logging.Logger) and path.startswith(prefix) and "." not in path.removeprefix(prefix)
        }

    # -- bound fields -----------------------------------------------------------------------------------

    def bind(self, /, **fields: object) -> UniversalFrameworkLogger:
        """Return a logger with `fields` added to the bound ones."""
        return self._view({**self._fields, **fields})

    def new(self, /, **fields: object) -> UniversalFrameworkLogger:
        """Return a logger with only `fields` bound."""
        return self._view(fields)

    def unbind(self, *keys: str) -> UniversalFrameworkLogger:
        """Return a logger without the bound fields `keys`.

        Raises:
            KeyError: if one of them is not bound.
        """
        fields = dict(self._fields)
        for key in keys:
            del fields[key]
        return self._view(fields)

    def try_unbind(self, *keys: str) -> UniversalFrameworkLogger:
        """Return a logger without the bound fields `keys`, as far as they are bound."""
        return self._view({key: value for key, value in self._fields.items() if key not in keys})

    def _view(self, fields: Mapping[str, object], *, name: str | None = None) -> UniversalFrameworkLogger:
        component, own_name, via = self._identity()
        return _restore(_public(type(self)), component, own_name if name is None else name, via, fields)

    # -- events -----------------------------------------------------------------------------------------

    def debug(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at DEBUG."""
        try:  # written out: a call that reports nothing should cost what stdlib's costs
            if self._levels[10] is False and (not _config.is_configured or "structlog" not in _modules):
                return None
        except KeyError:  # nobody has asked yet
            pass
        return self._emit(logging.DEBUG, "debug", msg, args, keywords)

    def info(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at INFO."""
        try:  # written out: a call that reports nothing should cost what stdlib's costs
            if self._levels[20] is False and (not _config.is_configured or "structlog" not in _modules):
                return None
        except KeyError:  # nobody has asked yet
            pass
        return self._emit(logging.INFO, "info", msg, args, keywords)

    def warning(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at WARNING."""
        try:  # written out: a call that reports nothing should cost what stdlib's costs
            if self._levels[30] is False and (not _config.is_configured or "structlog" not in _modules):
                return None
        except KeyError:  # nobody has asked yet
            pass
        return self._emit(logging.WARNING, "warning", msg, args, keywords)

    def error(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at ERROR."""
        return self._emit(logging.ERROR, "error", msg, args, keywords)

    def critical(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at CRITICAL."""
        return self._emit(logging.CRITICAL, "critical", msg, args, keywords)

    def exception(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at ERROR with the exception being handled."""
        keywords.setdefault("exc_info", True)
        return self._emit(logging.ERROR, "exception", msg, args, keywords)

    def log(  # type: ignore[override]  # a field may be called `level` or `msg`
        self, level: int, msg: object = _UNSET, /, *args: object, **keywords: Any
    ) -> Any:
        """Report an event at a numeric `level`, one of the standard levels or another; or at one by its name."""
        return self._emit(level, "log", msg, args, keywords)

    warn = warning
    fatal = critical
    msg = info

    async def adebug(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at DEBUG from a coroutine."""
        return await self._aemit(logging.DEBUG, "debug", msg, args, keywords)

    async def ainfo(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at INFO from a coroutine."""
        return await self._aemit(logging.INFO, "info", msg, args, keywords)

    async def awarning(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at WARNING from a coroutine."""
        return await self._aemit(logging.WARNING, "warning", msg, args, keywords)

    async def aerror(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at ERROR from a coroutine."""
        return await self._aemit(logging.ERROR, "error", msg, args, keywords)

    async def acritical(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at CRITICAL from a coroutine."""
        return await self._aemit(logging.CRITICAL, "critical", msg, args, keywords)

    async def aexception(self, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at ERROR from a coroutine, with the exception being handled."""
        keywords.setdefault("exc_info", True)
        return await self._aemit(logging.ERROR, "exception", msg, args, keywords)

    async def alog(self, level: int, msg: object = _UNSET, /, *args: object, **keywords: Any) -> Any:
        """Report an event at a numeric `level` from a coroutine."""
        return await self._aemit(level, "log", msg, args, keywords)

    awarn = awarning
    afatal = acritical
    amsg = ainfo

    # -- domain events ------------------------------------------------------------------------------------

    def log_info(self, message: object = _UNSET, /, **fields: object) -> None:
        """Report `message` at INFO."""
        self.info(_worded(message, fields), **fields)

    def log_warning(self, message: object = _UNSET, /, **fields: object) -> None:
        """Report `message` at WARNING."""
        self.warning(_worded(message, fields), **fields)

    def log_error(self, message: object = _UNSET, /, **fields: object) -> None:
        """Report `message` at ERROR."""
        self.error(_worded(message, fields), **fields)

    def log_agent_execution(
        self, /, agent: str, *, duration_ms: float | None = None, success: bool = True, **fields: object
    ) -> None:
        """Report ``agent_execution`` with `agent`, `duration_ms` and `success`; at ERROR when it failed."""
        level = logging.INFO if success else logging.ERROR
        self.log(level, "agent_execution", agent=agent, duration_ms=duration_ms, success=success, **fields)

    def log_workflow_transition(self, /, from_phase: str, to_phase: str, **fields: object) -> None:
        """Report ``workflow_transition`` with `from_phase` and `to_phase`, at INFO."""
        self.info("workflow_transition", from_phase=from_phase, to_phase=to_phase, **fields)

    def log_session_event(self, /, session_id: str, event_type: str, **fields: object) -> None:
        """Report ``session_event`` with a keyed hash of `session_id` and with `event_type`, at INFO.

        Whoever reads a log must not be able to take over a session. The same id gives the same hash within a process,
        and wherever the same ``session_key`` is configured.
        """
        hashed = _pipeline.current().session_hash(session_id)
        self.info("session_event", session_id=hashed, event_type=event_type, **fields)

    def log_compliance_event(self, /, action: str, *, outcome: str = "success", **fields: object) -> None:
        """Report ``compliance_event`` with `action` and `outcome`, at INFO and in the audit trail."""
        self._record("compliance_event", {"action": action, "outcome": outcome, **fields})

    def audit(self, /, action: str, *, outcome: str = "success", **fields: object) -> None:
        """Report ``audit`` with `action` and `outcome`, at INFO and in the audit trail.

        The trail gets the event whatever the level of the logger is, and no sampling applies. Where none is
        configured, it is an event like any other.
        """
        self._record("audit", {"action": action, "outcome": outcome, **fields})

    def _record(self, event: str, fields: dict[str, Any]) -> None:
        if _pipeline.current().audit is None:
            self.info(event, **fields)
        else:
            self._emit(logging.INFO, "info", event, (), fields, trail=True)

    def log_performance_metric(self, /, metric: str, value: float, *, unit: str = "ms", **fields: object) -> None:
        """Report ``performance_metric`` with `metric`, `value` and `unit`, at INFO."""
        self.info("performance_metric", metric=metric, value=value, unit=unit, **fields)

    # -- the two ways out ---------------------------------------------------------------------------------

    def _outlet(self, keywords: Mapping[str, object] = _EMPTY) -> _bridge.Outlet | None:
        return _bridge.outlet(self._via, self._node_name, self._fields, keywords)

    def _outlet_or_none(self) -> _bridge.Outlet | None:
        try:
            return self._outlet()
        except Exception:
            _losses.say(self.component, "isEnabledFor()")
            return None

    def _emit(
        self,
        level: Any,
        method: str,
        msg: object,
        args: tuple[object, ...],
        keywords: dict[str, Any],
        *,
        trail: bool = False,
    ) -> Any:
        now = time_ns()
        node = self._at
        pipeline = _pipeline._current
        if (  # the way of nearly all events, written out: a call of a function costs two percent of the whole
            node is not None
            and self._levels is not _NO_LEVELS
            and _nodes.get(self._node_name) is node
            and (not _config.is_configured or self._via is not None or "structlog" not in _modules)
            and _watched[method](_stdlib) == _untouched[method]
            and len(node.__dict__) == _bare
            and not node.filters
            and not node.disabled
            and logging._logRecordFactory is _record_factory  # type: ignore[attr-defined]
            and pipeline.is_simple
            and msg is not _UNSET
            and level.__class__ is int
        ):
            try:
                if self._levels.get(level) or method == "_log" or node.isEnabledFor(level):
                    _delivery.deliver(self, node, now, level, msg, args, keywords, pipeline)
                    if not now & (SAMPLED - 1) and pipeline.cost.add(time_ns() - now):
                        _losses.slow(self._component, msg, pipeline.cost.told())
            except Exception as error:
                self._lose(msg, error)
            return None
        return self._emit_with_care(now, level, method, msg, args, keywords, trail=trail)

    def _emit_with_care(
        self,
        now: int,
        level: Any,
        method: str,
        msg: object,
        args: tuple[object, ...],
        keywords: dict[str, Any],
        *,
        trail: bool,
    ) -> Any:
        reported: Any = None
        try:
            if msg is _UNSET:
                msg = _message(keywords)
            if level.__class__ is not int:
                level = _level_number(level)
            pipeline = _pipeline._current
            at = self._at
            node = at if at is not None and _nodes.get(self._node_name) is at else self._find_node()
            _look_for_structlog()
            via = self._via
            if via == "structlog" or (via is None and _config.is_configured and "structlog" in _modules):
                clean = pipeline.fields(keywords)
                outlet = self._outlet(clean)
                if outlet is not None:
                    try:
                        reported = self._report(outlet, level, method, msg, args, clean)
                    finally:
                        if trail or level >= pipeline.audit_from:
                            _delivery.audit(node, self._call(now, level, msg, args, keywords), pipeline, b"")
                    return reported
            stock = _tree.is_stock(node, method)
            own = None if stock else _tree.own_method(node, method)
            if own is None:
                if not node.disabled and (method == "_log" or node.isEnabledFor(level)):
                    audited = trail or level >= pipeline.audit_from
                    if pipeline.sample is None or audited or pipeline.sample(level, str(msg)):
                        line = b""
                        try:
                            if stock:
                                line = _delivery.deliver(self, node, now, level, msg, args, keywords, pipeline)
                            else:
                                _delivery.by_record(node, self._call(now, level, msg, args, keywords), pipeline)
                        finally:  # a handler that raises keeps nothing from the trail
                            if audited:
                                _delivery.audit(node, self._call(now, level, msg, args, keywords), pipeline, line)
                elif trail:
                    _delivery.audit(node, self._call(now, level, msg, args, keywords), pipeline, b"")
                if not now & (SAMPLED - 1) and pipeline.cost.add(time_ns() - now):
                    _losses.slow(self._component, msg, pipeline.cost.told())
                return None
            call = self._call(now, level, msg, args, keywords)
            fields = renamed(pipeline.fields(_delivery.all_fields(call)), RECORD_KEYS)
            msg, args = _delivery.redacted_message(msg, args, pipeline)
            keywords = _delivery.redacted_controls(keywords, pipeline)
            arguments = (
                (level, msg, args) if method == "_log" else (level, msg, *args) if method == "log" else (msg, *args)
            )
        except Exception as error:
            return self._lose(msg, error)
        try:
            reported = _tree.call_own(own, node, msg, arguments, keywords, fields)
        except Exception as error:
            if not _tree.is_of_a_handler(error):
                raise  # the application's own logger class may mean it ("fail on warnings")
            return self._lose(msg, error)
        finally:
            if trail or level >= pipeline.audit_from:
                _delivery.audit(node, call, pipeline, b"")
        return reported

    def _call(
        self, now: int, level: int, msg: object, args: tuple[object, ...], keywords: dict[str, Any]
    ) -> _delivery.Call:
        return _delivery.Call(
            now,
            level,
            msg,
            args,
            keywords,
            self._component,
            self._fields,
            _bridge.context() if self._via is None and _bridge.variables else _EMPTY,
        )

    def _report(
        self,
        outlet: _bridge.Outlet,
        level: int,
        method: str,
        msg: object,
        args: tuple[object, ...],
        keywords: Mapping[str, Any],
    ) -> Any:
        """Report through the application's structlog, redacted."""
        pipeline = _pipeline._current
        msg, args = _delivery.redacted_message(msg, args, pipeline)
        return outlet.report(level, method, msg, args, _delivery.redacted_controls(keywords, pipeline))

    def _lose(self, msg: object, error: Exception) -> None:
        # A handler that logs, for ever: only the outermost call may swallow that. If each did, a handler that
        # logs twice would be called 2 ** depth times.
        if isinstance(error, RecursionError) and _frames.encloses_twice(UniversalFrameworkLogger._emit.__code__):
            raise error
        _losses.say(self.component, msg)

    async def _aemit(
        self, level: Any, method: str, msg: object, args: tuple[object, ...], keywords: dict[str, Any]
    ) -> Any:
        if keywords.get("exc_info") is True:
            keywords["exc_info"] = sys.exc_info()  # another thread, or a later moment, would not find it
        try:
            outlet = self._outlet(keywords)
            if outlet is not None and outlet.defers(_level_number(level), method):
                pipeline = _pipeline._current
                msg, args = _delivery.redacted_message(_message(keywords) if msg is _UNSET else msg, args, pipeline)
                clean = _delivery.redacted_controls(pipeline.fields(keywords), pipeline)
                return await outlet.areport(_level_number(level), method, msg, args, clean)
        except Exception as error:
            return self._lose(msg, error)
        reported = self._emit(level, method, msg, args, keywords)
        # An application that configured structlog.stdlib.AsyncBoundLogger gets a coroutine from every method.
        return await reported if hasattr(reported, "__await__") else reported

    def _log(
        self,
        level: int,
        msg: object,
        args: Any,
        exc_info: Any = None,
        extra: Mapping[str, object] | None = None,
        stack_info: bool = False,
        stacklevel: int = 1,
        **fields: object,
    ) -> None:
        """Report an event without asking for the level: what custom level methods call."""
        given = {"exc_info": exc_info, "extra": extra, "stack_info": stack_info, "stacklevel": stacklevel}
        defaults = {"exc_info": None, "extra": None, "stack_info": False, "stacklevel": 1}
        # structlog would show a default as a field that nobody asked for
        keywords = {**fields, **{key: value for key, value in given.items() if value is not defaults[key]}}
        self._emit(level, "_log", msg, args if isinstance(args, tuple) else (args,) if args else (), keywords)


def _node_property(name: str) -> property:
    def read(self: UniversalFrameworkLogger) -> Any:
        return getattr(self._node, name)

    def write(self: UniversalFrameworkLogger, value: object) -> None:
        setattr(self._node, name, value)

    return property(read, write, doc=f"The node's `{name}`.")


for _name in _NODE_STATE:
    setattr(UniversalFrameworkLogger, _name, _node_property(_name))


_forwarding_classes: dict[type[UniversalFrameworkLogger], type[UniversalFrameworkLogger]] = {}


def _forwarding(cls: type[UniversalFrameworkLogger]) -> type[UniversalFrameworkLogger]:
    """Return `cls` with a ``__getattr__`` for what a node has beyond stdlib: methods of the application's own class.

    A logger is of such a class until its node is known, and stays of it where the node is more than bare. All could
    be, but Python looks up every attribute of a class with ``__getattr__`` the slow way.
    """
    if issubclass(cls, _Forwarding):
        return cls
    made = _forwarding_classes.get(cls)
    if made is None:
        body = {"__slots__": (), "__module__": cls.__module__, "__doc__": cls.__doc__, "__qualname__": cls.__qualname__}
        made = _forwarding_classes.setdefault(cls, type(cls.__name__, (_Forwarding, cls), body))
    return made


def _public(cls: type[UniversalFrameworkLogger]) -> type[UniversalFrameworkLogger]:
    """Return the class that the application knows."""
    return cls.__mro__[2] if issubclass(cls, _Forwarding) else cls


class _Forwarding:
    """What is unknown here is asked of the node."""

    __slots__ = ()
    _node: logging.Logger

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _FIXED or name in _KEPT or name == "_node":
            raise AttributeError(name)
        try:
            node = self._node
        except AttributeError:  # not made yet: copy and pickle look at such instances
            raise AttributeError(name) from None
        return getattr(node, name)


def _restore(
    cls: type[UniversalFrameworkLogger], component: str, name: str, via: Via, fields: Mapping[str, object]
) -> UniversalFrameworkLogger:
    logger: UniversalFrameworkLogger = cls.__new__(cls)
    fields = _pipeline.current().fields(fields) if fields else _EMPTY  # redacted once, when bound
    logger._initialise(component, name, via, MappingProxyType(dict(fields)) if fields else _EMPTY)
    return logger


class _Unknown:
    """Stands for structlog's configuration until structlog is loaded: whoever asks has to look closer."""

    is_configured = True


#: What says whether the application configured structlog, at the price of one attribute.
_config: Any = _Unknown


def _look_for_structlog() -> None:
    global _config  # noqa: PLW0603 - it is found once
    if _config is _Unknown:
        _config = _bridge.configuration() or _Unknown


def _message(keywords: dict[str, Any]) -> object:
    for key in ("event", "msg"):
        if key in keywords:
            return keywords.pop(key)
    return None


def _worded(message: object, fields: dict[str, object]) -> object:
    return fields.pop("message", _UNSET) if message is _UNSET else message


def _level_number(level: object) -> int:
    number = level
    if isinstance(level, str):
        levels = logging.getLevelNamesMapping()
        number = levels.get(level, levels.get(level.upper()))
    if not isinstance(number, int):
        raise TypeError(f"level must be an integer such as logging.INFO, not {level!r}")
    return number


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
