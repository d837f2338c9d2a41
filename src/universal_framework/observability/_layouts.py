"""Layouts beside JSON lines: a readable one for terminals, and the field names of Elastic and of OpenTelemetry.

In: an `Event`, redacted. Out: its line, or on a terminal its line and the traceback below it. No layout raises,
whatever the fields hold, and none lets a value write anything but itself: in `Console` no text can end the line,
move the cursor, or turn its direction; in the others a line is one JSON object (RFC 8259) with no name twice.
"""

from __future__ import annotations

import functools
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from universal_framework.observability import _pipeline
from universal_framework.observability._event import Event, Frame, Thrown
from universal_framework.observability._fields import renamed
from universal_framework.observability._render import encodable, plain

# -- for people -----------------------------------------------------------------------------------------------

#: What a terminal obeys instead of showing it: control characters (ECMA-48), line separators, changes of direction
#: (https://trojansource.codes), invisible tags, halves of surrogate pairs.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

#: A string that can stand on its own: nothing in it ends a value or begins another field.
_BARE: Final = re.compile(r"[^\s\"'=\\{}\[\]()]+")

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_RESET, _DIM, _BOLD, _CYAN = "\x1b[0m", "\x1b[2m", "\x1b[1m", "\x1b[36m"

#: Lowest level, colour; highest first.
_LEVEL_COLOURS: Final = ((50, "\x1b[1;31m"), (40, "\x1b[31m"), (30, "\x1b[33m"), (20, "\x1b[32m"), (0, "\x1b[2m"))


def escaped(text: str) -> str:
    """Return `text` with what a terminal would obey shown as an escape sequence of Python's."""
    return _UNSAFE.sub(_escape, text) if _UNSAFE.search(text) else text


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    code = ord(character)
    if code < 0x100:
        return _SHORT.get(character) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def wants_colours(environment: Mapping[str, str], *, terminal: bool) -> bool:
    """Say whether output should be coloured: https://no-color.org, https://force-color.org, else on a terminal."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return terminal and environment.get("TERM") != "dumb"


class Console:
    """The layout for people: time, level, component, message, fields; tracebacks below.

    Times are local. A value stands bare where nothing in it could be taken for something else, and in JSON's
    quotes where it could.
    """

    def __init__(self, *, colours: bool | None = None) -> None:
        if colours is None:
            colours = wants_colours(os.environ, terminal=False)
        self._paint: Callable[[str, str], str] = _painted if colours else _plain

    def render(self, event: Event) -> bytes:
        """Return the lines of `event`."""
        try:
            text = self._head(event) + "".join(self._below(event))
        except Exception as error:  # noqa: BLE001 - a layout never raises
            text = f"<an event of {event.logger!r} that cannot be shown: {type(error).__name__}>\n"
        return text.encode("utf-8", "backslashreplace")

    def _head(self, event: Event) -> str:
        paint = self._paint
        seconds, rest = divmod(event.time_ns, 1_000_000_000)
        stamp = datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        colour = next(colour for least, colour in _LEVEL_COLOURS if event.level >= least or least == 0)
        parts = [
            paint(_DIM, f"{stamp}.{rest // 1_000_000:03d}"),
            paint(colour, escaped(event.level_name.upper()).ljust(8)),
            paint(_CYAN, escaped(event.logger if event.component is None else event.component)),
            paint(_BOLD, escaped(event.message)),
        ]
        parts += [f"{paint(_DIM, self._name(key) + '=')}{self._value(value)}" for key, value in event.fields.items()]
        if event.path:
            parts.append(paint(_DIM, escaped(f"({event.path}:{event.line} {event.function})")))
        return " ".join(parts) + "\n"

    def _name(self, key: object) -> str:
        text = str(key)
        return text if _BARE.fullmatch(text) and not _UNSAFE.search(text) else _quoted(text)

    def _value(self, value: object) -> str:
        try:
            if value is None or type(value) in {bool, int, float}:
                return repr(value)
            shown = value if type(value) is str else _in_json(value)
            if not isinstance(shown, str):
                return escaped(json.dumps(shown, ensure_ascii=False))
        except Exception as error:  # noqa: BLE001 - one field that cannot be shown does not cost the others
            return f"<{escaped(type(value).__name__)} that cannot be shown: {type(error).__name__}>"
        return shown if _BARE.fullmatch(shown) and not _UNSAFE.search(shown) else _quoted(shown)

    def _below(self, event: Event) -> Iterator[str]:
        if event.stack is not None:
            yield from _indented(event.stack, "    ")
        if event.thrown is not None:
            for line in _told(event.thrown):
                yield f"    {line}\n"


def _painted(colour: str, text: str) -> str:
    return f"{colour}{text}{_RESET}"


def _plain(_colour: str, text: str) -> str:
    return text


def _quoted(text: str) -> str:
    return escaped(json.dumps(text, ensure_ascii=False))


def _indented(text: str, margin: str) -> Iterator[str]:
    # Not splitlines: what that takes for the end of a line besides a newline is escaped instead.
    for line in text.rstrip("\n").split("\n"):
        yield f"{margin}{escaped(line)}\n"


def _told(thrown: Thrown, depth: int = 0) -> Iterator[str]:
    """Yield the lines of an exception as Python tells it: what it comes from first; each line is safe to show."""
    if thrown.cause is not None:
        yield from _told(thrown.cause, depth)
        yield ""
        yield (
            "During handling of the above exception, another exception occurred:"
            if thrown.is_context
            else "The above exception was the direct cause of the following exception:"
        )
        yield ""
    if thrown.frames:
        yield "Traceback (most recent call last):"
        for frame in thrown.frames:
            yield from _frame_lines(frame)
    first, *rest = f"{thrown.type}: {thrown.message}".split("\n") if thrown.message else [thrown.type]
    yield escaped(first)
    for line in rest:
        yield "  " + escaped(line)
    for number, member in enumerate(thrown.group, 1):
        yield f"  +---- {number} of {len(thrown.group)} ----"
        for line in _told(member, depth + 1):
            yield f"  | {line}"


def _frame_lines(frame: Frame) -> Iterator[str]:
    if not frame.path:  # a traceback of which only the text is left, or a word on frames left out
        for line in frame.code.split("\n"):
            yield "  " + escaped(line)
        return
    yield escaped(f'  File "{frame.path}", line {frame.line}, in {frame.function}')
    if frame.code:
        yield escaped(f"    {frame.code.strip()}")


def traceback_text(thrown: Thrown) -> str:
    """Return an exception as one text of several lines, for fields that hold a whole traceback."""
    return "\n".join(_told(thrown))


# -- for machines -----------------------------------------------------------------------------------------------


class _JsonLayout(ABC):
    """What both have in common: a time, which no search for secrets should see, in front of an object."""

    def __init__(self, service: str | None = None) -> None:
        self._service = service

    def render(self, event: Event) -> bytes:
        """Return the line of `event`."""
        try:
            members = _object(self._members(event))
        except Exception:  # noqa: BLE001 - a layout never raises; whose fault it is shows when each stands alone
            members = _object(self._members(event._replace(fields=_each_alone(event.fields))))
        return b"{" + self._time(event.time_ns) + b"," + members[1:]

    @abstractmethod
    def _members(self, event: Event) -> dict[str, object]: ...

    @abstractmethod
    def _time(self, nanoseconds: int) -> bytes: ...


def _encoder() -> Callable[[object, Callable[[object], object]], bytes]:
    try:
        import orjson
    except ImportError:

        def encode(value: object, default: Callable[[object], object]) -> bytes:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default)
            return text.encode() + b"\n"

        return encode
    dumps, options = orjson.dumps, orjson.OPT_APPEND_NEWLINE

    def encode_fast(value: object, default: Callable[[object], object]) -> bytes:
        return dumps(value, default, options)

    return encode_fast


@functools.cache
def _encode() -> Callable[[object, Callable[[object], object]], bytes]:
    return _encoder()  # when the first line is rendered: whoever imports this module may not log through it


def _object(members: Mapping[str, object]) -> bytes:
    """Return `members` as one line of JSON.

    Fields are redacted, but nobody has seen what an object of another type says of itself: where there is one, the
    line is looked through for secrets again.
    """
    strangers: list[object] = []

    def shown(value: object) -> object:
        strangers.append(value)
        return plain(value)

    encode = _encode()
    try:
        line = encode(members, shown)
    except Exception:  # noqa: BLE001 - whatever an encoder and the objects' own methods raise
        line = encode(encodable(members), plain)
        strangers.append(members)
    return encode(_pipeline.current().fields(json.loads(line)), plain) if strangers else line


def _in_json(value: object) -> Any:
    """Return `value` as a reader of JSON gets it."""
    return json.loads(_object({"value": value}))["value"]


def _each_alone(fields: Mapping[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {}
    for key, value in fields.items():
        try:
            shown[str(key)] = _in_json(value)
        except Exception as error:  # noqa: BLE001 - one field that cannot be shown does not cost the others
            shown[str(key)] = f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
    return shown


class Ecs(_JsonLayout):
    """Elastic Common Schema 8: one object with dotted names, in the order that the ECS loggers use.

    Fields: https://www.elastic.co/guide/en/ecs/8.17/ecs-log.html and the pages beside it; their order and form:
    https://github.com/elastic/ecs-logging/blob/main/spec/spec.json.

    A field of an event whose name is one of ECS's (``http.request.method``) keeps it; ``trace_id``, ``span_id`` and
    ``transaction_id`` become ``trace.id`` and so on; every other goes into ``labels``, whose members are plain values:
    a nested one stands there as JSON. So a field called ``host`` cannot break an index in which that is an object.
    """

    def _time(self, nanoseconds: int) -> bytes:
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return f'"@timestamp":"{stamp}.{rest // 1000:06d}Z"'.encode()

    def _members(self, event: Event) -> dict[str, object]:
        members: dict[str, object] = {
            "log.level": event.level_name.lower(),
            "message": event.message,
            "ecs.version": "8.17.0",
            "log.logger": event.logger,
        }
        if self._service is not None:
            members["service.name"] = self._service
        if event.path:
            members["log.origin.file.name"] = os.path.basename(event.path)
            members["log.origin.file.line"] = event.line
            members["log.origin.function"] = event.function
        thrown = event.thrown
        if thrown is not None:
            members["error.type"] = thrown.type
            members["error.message"] = thrown.message
            members["error.stack_trace"] = traceback_text(thrown)
        elif event.stack is not None:
            members["error.stack_trace"] = event.stack
        self._sort_in(event, members)
        return members

    def _sort_in(self, event: Event, members: dict[str, object]) -> None:
        labels: dict[str, object] = {} if event.component is None else {"component": event.component}
        for key, value in event.fields.items():
            name = _ECS_NAMES.get(key, str(key))
            if name.partition(".")[0] in _ECS_SETS and "." in name and name not in members:
                members[name] = value
            else:
                label = _ECS_LABEL.sub("_", name)
                while label in labels:
                    label = f"field_{label}"
                labels[label] = self._label(value)
        if labels:
            members["labels"] = labels

    @staticmethod
    def _label(value: object) -> object:
        if value is None or isinstance(value, str | bool | int | float):
            return value
        shown = _in_json(value)
        return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


_ECS_NAMES: Final = {"trace_id": "trace.id", "span_id": "span.id", "transaction_id": "transaction.id"}
_ECS_LABEL: Final = re.compile(r"[.*\\]")  # the characters that ecs-logging's specification forbids there
_ECS_SETS: Final = frozenset(
    {
        "agent",
        "client",
        "cloud",
        "container",
        "data_stream",
        "destination",
        "device",
        "dll",
        "dns",
        "email",
        "error",
        "event",
        "faas",
        "file",
        "group",
        "host",
        "http",
        "log",
        "network",
        "observer",
        "orchestrator",
        "organization",
        "package",
        "process",
        "registry",
        "related",
        "rule",
        "server",
        "service",
        "source",
        "span",
        "threat",
        "tls",
        "trace",
        "transaction",
        "url",
        "user",
        "user_agent",
        "volume",
        "vulnerability",
    }
)


class Otel(_JsonLayout):
    """The OpenTelemetry log data model, one record to a line, by the names that the model gives its fields.

    Fields and severities: https://opentelemetry.io/docs/specs/otel/logs/data-model/; attributes of exceptions and
    of the code: https://opentelemetry.io/docs/specs/semconv/registry/attributes/. ``Timestamp`` is nanoseconds since
    the epoch as a string, since a JSON reader may not keep 64 bits of a number. It is not OTLP/JSON, which wraps
    records in resources and scopes.

    ``trace_id``, ``span_id`` and ``trace_flags`` (also as OpenTelemetry's instrumentation of logging calls them) become
    the record's own; all other fields are attributes.
    """

    def _time(self, nanoseconds: int) -> bytes:
        return b'"Timestamp":"%d"' % nanoseconds

    def _members(self, event: Event) -> dict[str, object]:
        severity = severity_number(event.level)
        members: dict[str, object] = {"SeverityText": event.level_name}
        if severity:
            members["SeverityNumber"] = severity
        members["Body"] = event.message
        if self._service is not None:
            members["Resource"] = {"service.name": self._service}
        members["InstrumentationScope"] = {"Name": event.logger}
        fields = dict(event.fields)
        for names, name, width in _OTEL_TRACE:
            for key in names:
                value = fields.get(key)
                if isinstance(value, str) and len(value) == width and _HEXADECIMAL.fullmatch(value):
                    members.setdefault(name, value.lower())
                    del fields[key]
        own = self._own_attributes(event)
        attributes = {**own, **renamed(fields, own.keys())}
        if attributes:
            members["Attributes"] = attributes
        return members

    @staticmethod
    def _own_attributes(event: Event) -> dict[str, object]:
        own: dict[str, object] = {} if event.component is None else {"component": event.component}
        if event.path:
            own["code.file.path"] = event.path
            own["code.line.number"] = event.line
            own["code.function.name"] = event.function
        if event.thrown is not None:
            own["exception.type"] = event.thrown.type
            own["exception.message"] = event.thrown.message
            own["exception.stacktrace"] = traceback_text(event.thrown)
        if event.stack is not None:
            own["code.stacktrace"] = event.stack
        return own


_HEXADECIMAL: Final = re.compile("[0-9a-fA-F]+")
_OTEL_TRACE: Final = (
    (("trace_id", "otelTraceID"), "TraceId", 32),
    (("span_id", "otelSpanID"), "SpanId", 16),
    (("trace_flags",), "TraceFlags", 2),
)


def severity_number(level: int) -> int:
    """Return OpenTelemetry's number for a level of `logging`; 0 where there is none.

    Each of the five standard levels is the lowest of its range (DEBUG 5, INFO 9, WARN 13, ERROR 17, FATAL 21), as the
    data model wants it for a source that has one level in a range; up to three levels above it follow. What is below
    DEBUG is TRACE.
    """
    if level <= 0:
        return 0
    if level < 10:
        return 1 + max(level - 5, 0) * 3 // 4
    decade, rest = divmod(min(level, 53), 10)
    return decade * 4 + 1 + min(rest, 3)
