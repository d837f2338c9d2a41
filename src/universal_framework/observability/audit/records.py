"""What a trail writes about itself, and what it makes of the lines that it is given. Pure.

The trail's own records are JSON lines like all others: its start, new keys, heartbeats, new segments, losses,
recoveries, prunings, its end. They are told from the application's lines by their first bytes, so no line of an
application may begin with those (`admissible` sees to it): else whoever can log could name a key of their own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import operator
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

#: Longest record in bytes: C2SP tlog-tiles gives the length of an entry two bytes.
MAX_BYTES = 65_535

PREFIX = b'{"audit_trail":"'
_ALMOST = b'{"audit_trail"'
_HEAD = operator.itemgetter(slice(len(_ALMOST)))
_FORBIDDEN = re.compile(rb"[\n\x00]")
DAY_NS = 86_400 * 1_000_000_000

#: Fields in which applications say when something happened; the first that is there counts.
_TIME_FIELDS = ("timestamp", "@timestamp", "time", "ts", "asctime")
_TIMESTAMP = re.compile(rb'"timestamp"\s*:\s*"([^"\\]{1,64})"')

#: A value of a JSON document, as the trail's own records use them.
Value = str | int | Sequence["Value"] | Mapping[str, "Value"]


class Kind(str, Enum):
    """What a record of the trail itself is about."""

    START = "start"
    SEGMENT = "segment"
    HEARTBEAT = "heartbeat"
    KEY = "key"
    LOSS = "loss"
    ALARM = "alarm"
    RECOVERED = "recovered"
    PRUNED = "pruned"
    CLOSED = "closed"


class Own(NamedTuple):
    """A record of the trail itself: what it is about, its number, when it was written (ns since 1970), its fields."""

    kind: Kind
    number: int
    time_ns: int
    fields: Mapping[str, Value]

    def text_of(self, name: str) -> str:
        """Return a field that is text, or nothing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number_of(self, name: str) -> int:
        """Return a field that is a number, or 0."""
        value = self.fields.get(name)
        return value if isinstance(value, int) else 0

    def rows_of(self, name: str) -> list[Mapping[str, Value]]:
        """Return a field that is a list of objects, or nothing."""
        value = self.fields.get(name)
        return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def render(kind: Kind, time_ns: int, fields: Mapping[str, Value]) -> bytes:
    """Return a record of the trail itself as its line."""
    document = {"audit_trail": kind.value, "timestamp": rfc3339(time_ns), **fields}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def parse(line: bytes, number: int) -> Own | None:
    """Return the trail's own record that line number `number` is, or None where it is the application's."""
    if not line.startswith(PREFIX):
        return None
    try:
        document = json.loads(line)
        kind, when = Kind(document["audit_trail"]), parse_time(document["timestamp"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Own(kind, number, when, document) if when is not None else None


# -- lines of the application --------------------------------------------------------------------------------


def admissible(line: bytes) -> bytes:
    """Return the line as the trail keeps it; the exact bytes, save where they could not stand in a trail.

    One line break at the end goes. A line break or a NUL inside, which no JSON token contains, becomes a space.
    A line that pretends to be the trail's own gets a space after its brace. A line above `MAX_BYTES` is replaced by
    one that says so, with its length, its SHA-256 and as much of its beginning as there is room for.
    """
    line = line.removesuffix(b"\n")
    kept = _FORBIDDEN.sub(b" ", line)
    if kept.startswith(_ALMOST):
        kept = b"{ " + kept[1:]
    return kept if len(kept) <= MAX_BYTES else _truncated(line)


def all_admissible(lines: Sequence[bytes]) -> bool:
    """Say whether `admissible` would change none of these lines; much quicker than asking one by one."""
    joined = b"".join(lines)
    return (
        b"\n" not in joined
        and b"\0" not in joined
        and _ALMOST not in set(map(_HEAD, lines))
        and max(map(len, lines)) <= MAX_BYTES
        and set(map(type, lines)) == {bytes}
    )


def _truncated(line: bytes) -> bytes:
    when = _TIMESTAMP.search(line, 0, MAX_BYTES)
    document: dict[str, str | int] = {"audit_truncated": len(line), "sha256": hashlib.sha256(line).hexdigest()}
    if when is not None:
        document["timestamp"] = when[1].decode(errors="replace")
    room = MAX_BYTES - 512
    while True:
        document["head"] = line[:room].decode(errors="replace")
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= MAX_BYTES:
            return text
        room = room * MAX_BYTES // len(text) - 64


# -- time ----------------------------------------------------------------------------------------------------


def rfc3339(time_ns: int) -> str:
    """Return nanoseconds since 1970 as RFC 3339 UTC with microseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def parse_time(text: str) -> int | None:
    """Return nanoseconds since 1970 of an ISO 8601 time (UTC where it names no zone), or None where it is none."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def day_of(time_ns: int) -> int:
    """Return the number of the UTC day, from 1970-01-01."""
    return time_ns // DAY_NS


def time_of(line: bytes) -> int | None:
    """Return when an application's line says that it happened (ns since 1970), or None where it does not say."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    for name in _TIME_FIELDS:
        value = document.get(name)
        if isinstance(value, str) and (when := parse_time(value)) is not None:
            return when
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
            return int(value * 1e9)
    return None
