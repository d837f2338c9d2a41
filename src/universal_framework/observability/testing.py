"""Testing what is logged: events as dicts, with or without a configuration, of whichever logger.

In: whatever is reported while `capture_events` is open, by the house logger, by `logging` or by structlog, in any
thread. Out: a list of dicts as any handler of somebody else would get the events: those of the house logger redacted,
those of other loggers as they are – so that a test can say that no secret left.

    with capture_events() as events:
        checkout(cart)
    events.assert_logged("order created", level="info", items=3)
    events.assert_no_secrets()
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Final

from universal_framework.observability import _pipeline
from universal_framework.observability._fields import RECORD_KEYS, renamed

__all__ = ["CapturedEvents", "capture_events"]

#: The keys that every captured event keeps for itself; a field of such a name is ``field.<name>``.
_OWN: Final = frozenset({"event", "level", "component", "logger", "exception", "stack"})

_SHOWN: Final = 20


class CapturedEvents(list[dict[str, Any]]):
    """Events in the order in which they were reported.

    Each is a dict: ``event`` (the message), ``level`` (in lower case), ``logger``, ``component`` where there is one,
    and the fields beside them; ``exception`` with ``type`` and ``message``, and ``stack``, where the event has them.
    """

    @property
    def messages(self) -> list[str]:
        """The messages alone."""
        return [event["event"] for event in self]

    def matching(self, event: str | re.Pattern[str] | None = None, **fields: object) -> list[dict[str, Any]]:
        """Return the events with this message, or one that the pattern is found in, and these fields."""
        return [one for one in self if not _differences(one, event, fields)]

    def assert_logged(self, event: str | re.Pattern[str] | None = None, **fields: object) -> dict[str, Any]:
        """Return the first event that matches; see `matching`.

        Raises:
            AssertionError: if there is none; it shows what comes closest.
        """
        __tracebackhide__ = True
        found = self.matching(event, **fields)
        if not found:
            raise AssertionError(self._why_not(event, fields))
        return found[0]

    def assert_not_logged(self, event: str | re.Pattern[str] | None = None, **fields: object) -> None:
        """Do nothing if no event matches; see `matching`.

        Raises:
            AssertionError: if one does.
        """
        __tracebackhide__ = True
        found = self.matching(event, **fields)
        if found:
            raise AssertionError(f"{_wanted(event, fields)} was logged:\n{_listed(found)}")

    def assert_no_secrets(self) -> None:
        """Do nothing if the redactor that holds finds no secret in any event.

        Raises:
            AssertionError: if it finds one; it shows the events redacted.
        """
        __tracebackhide__ = True
        found = [line for number, event in enumerate(self, 1) for line in _secrets(number, event)]
        if found:
            raise AssertionError("secrets were logged (shown redacted):\n" + "\n".join(found))

    def _why_not(self, event: str | re.Pattern[str] | None, fields: Mapping[str, object]) -> str:
        wanted = f"{_wanted(event, fields)} was not logged"
        if not self:
            return f"{wanted}; nothing was. Is the level of its logger above DEBUG, or does it not propagate?"
        closest = min(self, key=lambda one: len(_differences(one, event, fields)))
        differs = "\n".join(f"    {line}" for line in _differences(closest, event, fields))
        return (
            f"{wanted}. The closest event:\n  {_shown(closest)}\n  differs in\n{differs}\nAll events:\n{_listed(self)}"
        )


@contextlib.contextmanager
def capture_events(level: int | str | None = "DEBUG") -> Iterator[CapturedEvents]:
    """Capture events while the block runs; they are reported as usual too.

    Args:
        level: The root logger's level meanwhile, where its own is higher; None leaves it alone. Loggers with a level
            of their own keep that.
    """
    events = CapturedEvents()
    recorder = _Recorder(events.append)
    root = logging.getLogger()
    before = root.level
    nodes = [root, *(node for node in _nodes() if not node.propagate)]
    wanted = before if level is None else min(before, _level_number(level))
    with _structlog_tapped(recorder):
        for node in nodes:
            node.addHandler(recorder)
        if wanted != before:
            root.setLevel(wanted)
        try:
            yield events
        finally:
            for node in nodes:
                node.removeHandler(recorder)
            if wanted != before and root.level == wanted:
                root.setLevel(before)


def _nodes() -> list[logging.Logger]:
    return [node for node in list(logging.Logger.manager.loggerDict.values()) if isinstance(node, logging.Logger)]


def _level_number(level: int | str) -> int:
    number = logging.getLevelNamesMapping().get(level.upper()) if isinstance(level, str) else level
    if number is None:
        raise ValueError(f"level must be one of {', '.join(logging.getLevelNamesMapping())} or a number, not {level!r}")
    return number


# -- what is recorded -------------------------------------------------------------------------------------------


class _Recorder(logging.Handler):
    """Makes a dict of each record, and of each event that structlog reports past the logging tree."""

    def __init__(self, add: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._add = add
        self._tapped = threading.local()

    def createLock(self) -> None:
        """Make none: a list takes events from all threads."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Record what `record` says."""
        name, event = getattr(self._tapped, "event", (None, None))
        if event is not None and name == record.name:  # structlog renders it: the record has no fields any more
            self._tapped.event = (None, None)
            self._add(event)
            return
        self._add(_of_record(record))

    def tap(self, logger: Any, method: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Record what structlog is about to render: a processor."""
        level = _STRUCTLOG_LEVELS.get(method, logging.INFO)
        event = _of_structlog(getattr(logger, "name", None), level, event_dict)
        if not isinstance(logger, logging.Logger):
            self._add(event)
        elif logger.isEnabledFor(level):
            self._tapped.event = logger.name, event
        return event_dict


def _of_record(record: logging.LogRecord) -> dict[str, Any]:
    fields = {key: value for key, value in vars(record).items() if key not in RECORD_KEYS}
    message: object = record.msg
    if isinstance(message, Mapping) and not record.args:  # what structlog hands over to its formatter
        fields = {**{key: value for key, value in message.items() if key not in _MARKS}, **fields}
        message = fields.pop("event", None)
        fields.pop("level", None)
    else:
        message = _message(record)
    return _event(message, record.levelname, record.name, fields, record.exc_info, record.stack_info)


def _of_structlog(name: object, level: int, event_dict: Mapping[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in event_dict.items() if key not in _MARKS}
    message = fields.pop("event", None)
    level_name = fields.pop("level", None) or logging.getLevelName(level)
    logger = fields.pop("logger", None) or name
    exc_info, stack = fields.pop("exc_info", None), fields.pop("stack", None)
    return _event(message, str(level_name), logger, fields, exc_info, stack)


def _event(
    message: object, level: str, logger: object, fields: dict[str, Any], exc_info: object, stack: object
) -> dict[str, Any]:
    event: dict[str, Any] = {"event": message if isinstance(message, str) else str(message), "level": level.lower()}
    component = fields.pop("component", None)
    if component is not None:
        event["component"] = component
    event["logger"] = logger
    rendered = fields.pop("exception", None) if isinstance(fields.get("exception"), str) else None
    event.update(renamed(fields, _OWN))
    error = _error(exc_info)
    if error is not None:
        event["exception"] = {"type": type(error).__name__, "message": str(error)}
    elif rendered is not None:
        event["exception"] = rendered
    if stack:
        event["stack"] = stack
    return event


#: What structlog adds for its own use.
_MARKS: Final = frozenset({"_record", "_from_structlog", "_logger", "_name"})

_STRUCTLOG_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "msg": logging.INFO,
    "warn": logging.WARNING,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "err": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "failure": logging.ERROR,
}


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit their message
        return f"{record.msg} {record.args!r}"


def _error(exc_info: object) -> BaseException | None:
    if exc_info is True:
        return sys.exc_info()[1]
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        exc_info = exc_info[1]
    return exc_info if isinstance(exc_info, BaseException) else None


@contextlib.contextmanager
def _structlog_tapped(recorder: _Recorder) -> Iterator[None]:
    """Put a processor in front of the one that renders, in place: loggers that exist hold the same list."""
    structlog: Any = sys.modules.get("structlog")
    processors = None if structlog is None else structlog.get_config()["processors"]
    if not isinstance(processors, list):
        yield
        return
    processors.insert(max(len(processors) - 1, 0), recorder.tap)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # configured anew meanwhile, in place
            processors.remove(recorder.tap)


# -- what an assertion says -------------------------------------------------------------------------------------


def _differences(
    one: Mapping[str, Any], event: str | re.Pattern[str] | None, fields: Mapping[str, object]
) -> list[str]:
    found = []
    if isinstance(event, re.Pattern):
        if not event.search(one["event"]):
            found.append(f"event: expected a match of {event.pattern!r}, is {one['event']!r}")
    elif event is not None and one["event"] != event:
        found.append(f"event: expected {event!r}, is {one['event']!r}")
    for key, value in fields.items():
        if key not in one:
            found.append(f"{key}: expected {value!r}, is missing")
        elif not (one[key] == value):  # noqa: SIM201 - what compares by a method of its own may know only ==
            found.append(f"{key}: expected {value!r}, is {one[key]!r}")
    return found


def _wanted(event: str | re.Pattern[str] | None, fields: Mapping[str, object]) -> str:
    named = "any event" if event is None else repr(event.pattern if isinstance(event, re.Pattern) else event)
    told = ", ".join(f"{key}={value!r}" for key, value in fields.items())
    return f"{named} with {told}" if told else named


def _listed(events: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"  {number}. {_shown(event)}" for number, event in enumerate(events[:_SHOWN], 1)]
    if len(events) > _SHOWN:
        lines.append(f"  … and {len(events) - _SHOWN} more")
    return "\n".join(lines)


def _shown(event: Mapping[str, Any]) -> str:
    rest = " ".join(f"{key}={value!r}" for key, value in event.items() if key not in {"event", "level"})
    return f"{event['level']}: {event['event']!r} {rest}"


def _secrets(number: int, event: Mapping[str, Any]) -> Iterator[str]:
    redactor = _pipeline.current().redactor
    for key, value in event.items():
        clean = dict(redactor.fields({key: value}))
        # A field of a sensitive name holds what stands for its value: that is no secret a second time.
        if clean.get(key) != value and not (redactor.sensitive_key(key) and _stands_for_a_value(value)):
            shown = json.dumps(clean.get(key), default=repr, ensure_ascii=False)
            yield f"  {number}. {key}={shown} by {event['logger']}"


def _stands_for_a_value(value: object) -> bool:
    return isinstance(value, str) and (
        (value.startswith(("[", "<")) and value.endswith(("]", ">"))) or set(value) <= set("*")
    )
