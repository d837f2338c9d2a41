"""Events as JSON lines: RFC 8259 objects in UTF-8 with RFC 3339 times, one to a line.

In: an `Event`, or the parts of one while it is being reported. Out: bytes that are redacted. Looking for secrets
happens on the rendered bytes: what is not in them cannot leak, and one cheap look at a line costs less than one at
each value. Only a line that may hold a secret is taken apart again.

The encoder is orjson where it is installed, else the standard library's, at a third of the speed.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, cast

from universal_framework.observability import _pipeline
from universal_framework.observability._event import Event, Thrown
from universal_framework.observability._fields import RESERVED, renamed

#: How deep a value is shown, and how many members of one container.
_DEPTH, _MEMBERS = 12, 1000

#: How a list of pairs begins, such as of headers.
_PAIRS = b"[["

#: Numbers below are no secret: too few digits for any.
_NUMBERS, _SMALL = frozenset({int, float, bool}), 1_000_000

#: How long texts are, in bytes, and how many of them that are remembered as clean.
_SHORT, _REMEMBERED = 128, 4096

_salts = itertools.count(1 << 32, 1 << 32)


class _Encoders:
    """orjson's encoder where it is installed; found when the first line is rendered."""

    __slots__ = ("dumps", "loads", "newline")

    def __init__(self) -> None:
        self.dumps: Callable[[object, Callable[[object], object], int], bytes] = self._find
        self.loads: Callable[[bytes], Any] = json.loads
        self.newline = 0

    def _find(self, value: object, default: Callable[[object], object], _: int) -> bytes:
        try:
            import orjson
        except ImportError:
            encode = json.JSONEncoder(
                ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=default
            ).encode
            self.dumps = lambda value, _default, _newline: encode(value).encode() + b"\n"
        else:
            self.newline = orjson.OPT_APPEND_NEWLINE
            self.dumps = orjson.dumps
            self.loads = orjson.loads  # of what its own encoder wrote: no number is too large for it
        return self.dumps(value, default, self.newline)


_json = _Encoders()


def plain(value: object) -> object:
    """Return what stands for an object that JSON knows nothing of; one level deep."""
    shown = getattr(value, "__structlog__", None) or getattr(value, "model_dump", None)
    if callable(shown) and not isinstance(value, type):
        return shown()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {str(key): member for key, member in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(value, key=repr)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, Iterable) and type(value).__module__ == "collections":  # deque and its like
        return list(value)
    return repr(value)


def encodable(value: object, depth: int = _DEPTH) -> object:
    """Return `value` in terms that every JSON encoder takes; whatever it is, and however deep."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(float(value))
    if depth <= 0:
        return f"<{type(value).__name__} nested too deeply>"
    if isinstance(value, Mapping):
        return {_text(str(key)): encodable(member, depth - 1) for key, member in _some(value.items())}
    if isinstance(value, list | tuple | AbstractSet):
        return [encodable(member, depth - 1) for member in _some(value)]
    try:
        return encodable(plain(value), depth - 1)
    except Exception as error:  # noqa: BLE001 - an object that cannot be shown is named by its type
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _some(members: Iterable[Any]) -> list[Any]:
    return [member for _, member in zip(range(_MEMBERS), members, strict=False)]


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


class JsonLines:
    """The default layout."""

    def __init__(self) -> None:
        self._second = (-1, b"")
        self.salt = next(_salts)  # tells the heads of this layout from those of others, level added

    # -- the short way: the parts of an event whose head is rendered already ---------------------------------

    def head(self, level_name: str, component: str, logger: str, bound: Mapping[str, object]) -> bytes:
        """Return what all events of one logger at one level begin with, after the time."""
        own = {"level": level_name.lower(), "component": component, "logger": logger}
        return _members({**own, **bound})

    def context(self, fields: Mapping[str, object]) -> bytes:
        """Return fields of the context, redacted before, as they stand within a line."""
        return _members(fields)

    def line(
        self,
        now: int,
        head: bytes,
        context: bytes,
        fields: Mapping[str, object],
        pipeline: _pipeline.Pipeline,
        hidden: int,
    ) -> bytes:
        """Return a line of `fields`, the first of which is ``event``; with `hidden` one has a sensitive name."""
        second, rest = divmod(now, 1_000_000_000)
        known, stamp = self._second
        if second != known:
            stamp = datetime.fromtimestamp(second, UTC).strftime('{"timestamp":"%Y-%m-%dT%H:%M:%S.').encode()
            self._second = second, stamp
        rendered = None if hidden else _clean(fields, pipeline)
        if rendered is None:
            rendered = _redacted(fields, pipeline)
        return b'%b%06dZ",%b%b%b' % (stamp, rest // 1000, head, context, rendered[1:])

    # -- the long way: a whole event ----------------------------------------------------------------------

    def render(self, event: Event) -> bytes:
        """Return the line of an event."""
        own: dict[str, object] = {"level": event.level_name.lower()}
        fields = renamed(event.fields, RESERVED)
        if event.component is not None:
            own["component"] = event.component
        own["logger"] = event.logger
        own["event"] = event.message
        own.update(fields)
        if event.path:
            own["caller"] = {"file": event.path, "line": event.line, "function": event.function}
        if event.thrown is not None:
            own["exception"] = thrown_fields(event.thrown)
        if event.stack is not None:
            own["stack"] = event.stack
        return self.line(event.time_ns, b"", b"", own, _pipeline.current(), 0)


def thrown_fields(thrown: Thrown) -> dict[str, object]:
    """Return an exception as it stands in a line."""
    fields: dict[str, object] = {"type": thrown.type, "message": thrown.message}
    if thrown.frames:
        fields["frames"] = [
            {"file": frame.path, "line": frame.line, "function": frame.function, "code": frame.code}
            for frame in thrown.frames
        ]
    if thrown.cause is not None:
        fields["context" if thrown.is_context else "cause"] = thrown_fields(thrown.cause)
    if thrown.group:
        fields["group"] = [thrown_fields(one) for one in thrown.group]
    return fields


def _members(fields: Mapping[str, object]) -> bytes:
    """Return the inside of an object, and a comma; what it holds is redacted already, as far as it is text.

    What becomes text only here, an object's ``repr`` for one, is looked at once more.
    """
    pipeline = _pipeline.current()
    rendered = _dumped(fields)
    if pipeline.redactor.may_hold(rendered):
        rendered = _dumped(pipeline.fields(_json.loads(rendered)))
    return rendered[1:-2] + b","


def _clean(fields: Mapping[str, object], pipeline: _pipeline.Pipeline) -> bytes | None:
    """Return fields as an object and a newline; None if a value may hold a secret.

    Most texts of most events come again and again: what they are called, who reports them, paths, states. Those that
    were clean once are known; a look is taken at the others. Anything that is not a text or a small number is looked
    at as it was rendered.
    """
    clean, redactor = pipeline.clean, pipeline._redactor or pipeline.redactor
    looks = False
    for value in fields.values():
        if value.__class__ is str:
            if value in clean:
                continue
            if not redactor.knows_id(value) and redactor.may_hold(_json.dumps(value, plain, _json.newline)):
                return None
            if len(value) <= _SHORT:
                if len(clean) >= _REMEMBERED:
                    clean.clear()
                clean.add(value)
        elif not (value is None or (value.__class__ in _NUMBERS and -_SMALL < value < _SMALL)):  # type: ignore[operator]
            looks = True
            break
    try:
        rendered = _json.dumps(fields, plain, _json.newline)
    except Exception:  # noqa: BLE001 - what it is shows when it is tried again
        rendered = _dumped(fields)
    return None if looks and (redactor.may_hold(rendered) or _PAIRS in rendered) else rendered


def _redacted(fields: Mapping[str, object], pipeline: _pipeline.Pipeline) -> bytes:
    """Return fields, one of which may hold a secret, as an object and a newline.

    Values are redacted as they are; what becomes text only in the encoder, an object's ``repr`` for one, afterwards.
    """
    shown: list[object] = []

    def show(value: object) -> object:
        shown.append(value)
        return plain(value)

    try:
        rendered = _json.dumps(pipeline.fields(fields), show, _json.newline)
    except Exception:  # noqa: BLE001 - whatever an encoder and the objects' own methods raise
        return _dumped(pipeline.fields(cast("dict[str, object]", encodable(pipeline.fields(fields)))))
    return _dumped(pipeline.fields(_json.loads(rendered))) if shown else rendered


def _dumped(fields: Mapping[str, object]) -> bytes:
    try:
        return _json.dumps(fields, plain, _json.newline)
    except Exception:  # noqa: BLE001 - whatever an encoder and the objects' own methods raise
        return _json.dumps(encodable(fields), plain, _json.newline)
