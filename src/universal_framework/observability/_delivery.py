"""One event on its way through the logging tree: to our handlers as bytes, to all others as a record.

In: a node of the tree, and a call on the house logger. Out: what every handler gets that the standard library would
have called. The tree is walked anew for each event: `addHandler`, ``propagate``, pytest's ``caplog`` and error trackers
change it without a sign, so a remembered way would be wrong sooner or later.

A `logging.LogRecord` is made for the first handler that is not ours. Where somebody has replaced a hook that records
pass (Sentry replaces ``Logger.callHandlers``, ddtrace wraps ``Logger.makeRecord``, OpenTelemetry sets a record
factory), the record goes through that hook, and our handlers get it like all others.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from universal_framework.observability import _bridge, _frames, _losses, _messages, _pipeline, _standin, _thrown, _tree
from universal_framework.observability._event import Event, Layout
from universal_framework.observability._fields import CONTROLS, RECORD_KEYS, RESERVED, Fields, renamed
from universal_framework.observability._lines import LineHandler

#: Verdicts on a tuple of field names: one is sensitive; they need a closer look; some are those of bound fields.
HIDDEN, CLASHES, REBINDS = 1, 2, 4

#: Tells a head without bound fields from one with them, added to its key.
_BARE = 1 << 31

#: A conversion of ``%`` formatting that takes numbers only; its mapping key, if it has one.
_NUMERIC = re.compile(r"(?<!%)%(\(\w+\))?[-#0 +]*\d*(?:\.\d*)?[hlL]?[diouxXeEfFgGc]")


class Call(NamedTuple):
    """A call on a house logger, as it came."""

    now: int
    level: int
    msg: object
    args: tuple[object, ...]
    keywords: dict[str, Any]
    component: str
    bound: Fields
    context: Fields


class View(Protocol):
    """What is asked of a house logger."""

    _component: str
    _fields: Fields
    _known: Known
    _via: _bridge.Via

    def _call(self, now: int, level: int, msg: object, args: tuple[object, ...], keywords: dict[str, Any]) -> Call: ...


class Known:
    """What a logger has found out and need not find out again, as long as one pipeline is in use."""

    __slots__ = ("heads", "pipeline", "shapes")

    def __init__(self, pipeline: _pipeline.Pipeline) -> None:
        self.pipeline = pipeline
        self.heads: dict[int, bytes] = {}
        self.shapes: dict[tuple[str, ...], int] = {}


def deliver(
    view: View,
    node: logging.Logger,
    now: int,
    level: int,
    msg: object,
    args: tuple[object, ...],
    keywords: dict[str, Any],
    pipeline: _pipeline.Pipeline,
) -> bytes:
    """Hand one event to whoever listens; the level has been asked for. Return its JSON line, if one was made.

    The parts of the call come one by one, and the way of a line that needs no closer look is written out: on it
    a function call or a value more is several percent of the whole.
    """
    record = event = None
    layout: Any = None
    line = json_line = b""
    found = False
    at: logging.Logger | None = node
    while at is not None:
        for handler in at.handlers:
            found = True
            if level < handler.level:
                continue
            if handler.__class__ is not LineHandler or handler.filters:
                if record is None:
                    record = record_of(node, view._call(now, level, msg, args, keywords), pipeline)
                apart(handler.handle, record)
                continue
            if handler.layout is not layout:
                layout = handler.layout
                line = b""
                if handler.is_json and not pipeline.caller:
                    known = view._known
                    if known.pipeline is not pipeline:
                        known = _known_anew(view, pipeline)
                    keys = tuple(keywords)
                    shape = known.shapes.get(keys)
                    if shape is None:
                        shape = _shape(view, keys, known, pipeline)
                    context = _bridge.context() if _bridge.variables and view._via is None else None
                    if not shape & CLASHES and (not context or _is_apart(context, keywords, view._fields)):
                        text = msg if not args and msg.__class__ is str else _messages.text_of(msg, args, pipeline)
                        if shape & REBINDS:
                            key = layout.salt + level + _BARE
                            fields = {"event": text, **view._fields, **keywords}
                        else:
                            key = layout.salt + level
                            fields = {"event": text, **keywords}
                        line = json_line = layout.line(
                            now,
                            known.heads.get(key) or _head(view, node, layout, level, key),
                            layout.context(context) if context else b"",
                            fields,
                            pipeline,
                            shape & HIDDEN,
                        )
                if not line:
                    if event is None:
                        event = event_of(node, view._call(now, level, msg, args, keywords), pipeline)
                    line = layout.render(event)
                    if handler.is_json:
                        json_line = line
            handler.write(line)
        at = at.parent if at.propagate else None
    if not found:  # stdlib's last resort
        node.callHandlers(record_of(node, view._call(now, level, msg, args, keywords), pipeline))
    return json_line


def by_record(node: logging.Logger, call: Call, pipeline: _pipeline.Pipeline) -> None:
    """Hand one event to a node that somebody has changed, as stdlib does: filters and patches see a record."""
    apart(node.handle, record_of(node, call, pipeline))


class Reporting(Exception):  # noqa: N818 - no error, but what stands in the place of one
    """Stands for the exception that the application is handling while it logs."""


def apart(handle: Callable[[logging.LogRecord], object], record: logging.LogRecord) -> None:
    """Call `handle` of somebody else's handler with `record`, out of sight of the exception that is being handled.

    If the handler fails, stdlib prints its traceback, and "during handling of" which exception: its text, secrets
    included.
    """
    if sys.exc_info()[1] is None:
        handle(record)
        return
    try:
        raise Reporting from None  # noqa: TRY301 - to be the one that is being handled
    except Reporting:
        handle(record)


def audit(node: logging.Logger, call: Call, pipeline: _pipeline.Pipeline, line: bytes) -> None:
    """Hand one event to the audit trail, as `line` if it has been rendered already."""
    if pipeline.audit is not None:
        pipeline.audit.append(line or _json_lines().render(event_of(node, call, pipeline)))


@cache
def _json_lines() -> Layout:
    from universal_framework.observability._render import JsonLines  # an encoder is more than the logger may load

    return JsonLines()


def _is_apart(context: Fields, keywords: Fields, bound: Fields) -> bool:
    keys = context.keys()
    return keys.isdisjoint(keywords) and keys.isdisjoint(bound) and keys.isdisjoint(RESERVED)


def _known_anew(view: View, pipeline: _pipeline.Pipeline) -> Known:
    known = Known(pipeline)
    object.__setattr__(view, "_known", known)
    return known


def _shape(view: View, keys: tuple[str, ...], known: Known, pipeline: _pipeline.Pipeline) -> int:
    """Return the verdict on the names of a call's fields; one logger's calls have few different ones."""
    shape = pipeline.shapes.get(keys)
    if shape is None:
        shape = 0
        if not CONTROLS.isdisjoint(keys) or not RESERVED.isdisjoint(keys):
            shape |= CLASHES
        if not pipeline.redactor.clean_names(keys) or (pipeline.hash_sessions and "session_id" in keys):
            shape |= HIDDEN
        pipeline.remember(keys, shape)
    if not view._fields.keys().isdisjoint(keys):
        shape |= REBINDS if RESERVED.isdisjoint(view._fields) else CLASHES
    if len(known.shapes) > 64:
        known.shapes.clear()
    known.shapes[keys] = shape
    return shape


def _head(view: View, node: logging.Logger, layout: Any, level: int, key: int) -> bytes:
    bound = {} if key & _BARE else renamed(view._fields, RESERVED)
    component = str(bound.pop("field.component", view._component))
    head: bytes = layout.head(logging.getLevelName(level), component, node.name, bound)
    heads = view._known.heads
    if len(heads) > 64:  # of layouts that are no longer in use
        heads.clear()
    heads[key] = head
    return head


def all_fields(call: Call) -> dict[str, object]:
    """Join component and the fields of context, logger and call; what is said nearer to the call wins."""
    joined = {**call.context, "component": call.component, **call.bound}
    extra = call.keywords.get("extra")
    if isinstance(extra, Mapping):
        joined.update(extra)
    elif extra is not None:
        joined["extra"] = extra
    joined.update((key, value) for key, value in call.keywords.items() if key not in CONTROLS)
    return joined


def exception_of(keywords: Mapping[str, Any]) -> Any:
    """Return ``exc_info`` as a triple, or what stdlib makes of none."""
    exc_info = keywords.get("exc_info")
    if isinstance(exc_info, BaseException):
        return type(exc_info), exc_info, exc_info.__traceback__
    if exc_info and not isinstance(exc_info, tuple):
        return sys.exc_info()
    return exc_info


def event_of(node: logging.Logger, call: Call, pipeline: _pipeline.Pipeline) -> Event:
    """Return a call as an event, redacted."""
    fields = dict(pipeline.fields(all_fields(call)))
    component = str(fields.pop("component"))
    exc_info = exception_of(call.keywords)
    with_stack = bool(call.keywords.get("stack_info"))
    caller = None
    if pipeline.caller or with_stack:
        caller = _frames.find_caller(call.keywords.get("stacklevel", 1), with_stack=with_stack)
    args = call.args
    return Event(
        time_ns=call.now,
        level=call.level,
        level_name=logging.getLevelName(call.level),
        component=component,
        logger=node.name,
        message=pipeline.text(_messages.text_of(call.msg, args, pipeline)),
        fields=fields,
        thrown=_thrown.of(exc_info[1], pipeline) if exc_info and exc_info[1] is not None else None,
        stack=pipeline.trace(caller.stack) if caller is not None and caller.stack else None,
        path=caller.path if caller is not None and pipeline.caller else "",
        line=caller.line if caller is not None else 0,
        function=caller.function if caller is not None else "",
    )


def record_of(node: logging.Logger, call: Call, pipeline: _pipeline.Pipeline) -> logging.LogRecord:
    """Return the record of a call, redacted, as the node makes records."""
    keywords = call.keywords
    fields = pipeline.fields(renamed(all_fields(call), RECORD_KEYS))
    exc_info = redacted_exception(exception_of(keywords), pipeline)
    caller = _frames.find_caller(keywords.get("stacklevel", 1), with_stack=bool(keywords.get("stack_info")))
    stack = pipeline.trace(caller.stack) if caller.stack else caller.stack
    msg, args = redacted_message(call.msg, call.args, pipeline)

    def make(extra: Fields) -> logging.LogRecord:
        return node.makeRecord(
            node.name, call.level, caller.path, caller.line, msg, args, exc_info, caller.function, extra, stack
        )

    return _tree.with_free_names(make, fields)  # type: ignore[no-any-return]


def without_secrets(record: logging.LogRecord, pipeline: _pipeline.Pipeline) -> logging.LogRecord:
    """Return `record` for handlers of any kind: itself if it is clean, else a redacted copy; never raises."""
    try:
        return _without_secrets(record, pipeline)
    except Exception:  # noqa: BLE001 - made by hand, of parts that do not fit together
        _losses.say(record.name, "a record that cannot be read was withheld")
        return logging.LogRecord(
            record.name, record.levelno, record.pathname, record.lineno, "<record withheld>", (), None, record.funcName
        )


def _without_secrets(record: logging.LogRecord, pipeline: _pipeline.Pipeline) -> logging.LogRecord:
    known = record.__dict__
    found: dict[str, object] = {}
    msg, args = known["msg"], known["args"] or ()
    given = args if type(args) is tuple else (args,)  # stdlib takes a lone mapping out of its tuple
    clean_msg, clean_args = redacted_message(msg, given, pipeline)
    if clean_msg is not msg or clean_args is not given:
        found["msg"] = clean_msg
        found["args"] = clean_args if type(args) is tuple or not clean_args else clean_args[0]
    exc_info = known["exc_info"]
    clean_exception = redacted_exception(exc_info, pipeline)
    if clean_exception is not exc_info:
        found["exc_info"], found["exc_text"] = clean_exception, None
    for name in ("exc_text", "stack_info", "message"):
        text = known.get(name)
        if name not in found and isinstance(text, str) and text and (new := pipeline.trace(text)) != text:
            found[name] = new
    fields = {key: value for key, value in known.items() if key not in RECORD_KEYS}
    clean = pipeline.fields(fields)
    if not found and clean is fields:
        return record
    made = copy.copy(record)
    for key in fields:
        del made.__dict__[key]  # redacting may have left it out, or renamed it
    made.__dict__.update(clean)
    made.__dict__.update(found)
    return made


def redacted_message(
    msg: object, args: tuple[object, ...], pipeline: _pipeline.Pipeline
) -> tuple[object, tuple[object, ...]]:
    """Return a message and its arguments without secrets: as they are, or as one text without arguments."""
    if not args:
        return _redacted_template(msg, pipeline), args
    clean = tuple(pipeline.value(value) for value in args)
    changed = any(one is not other for one, other in zip(clean, args, strict=True))
    if changed:
        args = clean
    values: Any = args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
    try:
        text = str(msg) % values
    except Exception:  # noqa: BLE001 - stdlib tells of it where the record is formatted
        text = _with_text_for_numbers(msg, values) if changed else None
        return (_redacted_template(msg, pipeline), args) if text is None else (pipeline.text(text), ())
    redacted = pipeline.text(text)
    return (msg, args) if redacted == text else (redacted, ())


def _redacted_template(msg: object, pipeline: _pipeline.Pipeline) -> object:
    return pipeline.text(msg) if isinstance(msg, str) else pipeline.value(msg)


def _with_text_for_numbers(msg: object, values: Any) -> str | None:
    """Return the message although what stands for a number is none; None if that is not why they do not fit."""
    try:
        text: str = _NUMERIC.sub(r"%\1s", str(msg)) % values
    except Exception:  # noqa: BLE001
        return None
    return text


def redacted_controls(keywords: Mapping[str, Any], pipeline: _pipeline.Pipeline) -> dict[str, Any]:
    """Return `keywords` with an ``exc_info`` that holds no secret; as it was written where it holds none."""
    exc_info = exception_of(keywords)
    clean = redacted_exception(exc_info, pipeline)
    return dict(keywords) if clean is exc_info else {**keywords, "exc_info": clean}


def redacted_exception(exc_info: Any, pipeline: _pipeline.Pipeline) -> Any:
    """Return ``exc_info`` whose exception, causes included, holds no secret: itself, or one with a copy."""
    if not isinstance(exc_info, tuple) or len(exc_info) != 3 or exc_info[1] is None:
        return pipeline.value(exc_info) if exc_info else exc_info
    if not isinstance(exc_info[1], BaseException):  # what stdlib would fail on, and a structlog processor may take
        return pipeline.value(exc_info)
    clean = _standin.of(exc_info[1], pipeline)
    if clean is exc_info[1]:
        return exc_info
    return type(clean), clean, clean.__traceback__


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
