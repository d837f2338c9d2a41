"""What an auditor takes along: the records of a period, exactly as they were logged; or a whole log as a tiled log.

In: logs, and from when to when. Out: records with log, number and time; or, in a directory, what C2SP tlog-tiles has a
server serve (checkpoint, tiles, entry bundles), which the tools of that ecosystem read and check.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from universal_framework.observability.audit import records, stored
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import leaf_hashes, tree_root
from universal_framework.observability.audit.stored import StoredLog
from universal_framework.observability.audit.tiles import WIDTH, TileReader, level_length, number_name, tile_name


class Exported(NamedTuple):
    """A record with its place: number in its log, and when it happened (ns since 1970)."""

    origin: str
    number: int
    time_ns: int
    line: bytes


class Period(NamedTuple):
    """From `since` until before `until`, in nanoseconds since 1970."""

    since: int
    until: int


ALWAYS = Period(-(1 << 62), 1 << 62)


def export(log: StoredLog, period: Period) -> Iterator[Exported]:
    """Yield the records of a period in the order in which they were logged.

    A record happened when it says so (a field ``timestamp``, ``@timestamp``, ``time``, ``ts`` or ``asctime``); one that
    says nothing happened when the trail last noted the time before it.
    """
    clock, origin = 0, log.name
    for segment in log.segments():
        for number, line in enumerate(segment.read()[0], segment.first):
            own = records.parse(line, number)
            if own is not None:
                clock, origin = own.time_ns, own.text_of("origin") or origin
            when = own.time_ns if own is not None else records.time_of(line)
            when = clock if when is None else when
            if period.since <= when < period.until:
                yield Exported(origin, number, when, line)


def export_tiles(log: StoredLog, folder: str) -> int:
    """Write a log, as far as it is signed, as a tiled log into a new folder; return how many records it has.

    Raises:
        MalformedError: It is not what was signed.
        OSError: The folder cannot be written.
    """
    checkpoints = log.history().checkpoints
    if not checkpoints:
        raise MalformedError(f"{log.directory}: no checkpoint can be read; see audit verify")
    newest = checkpoints[-1]
    for segment in log.segments():
        lines = segment.read()[0][: max(newest.size - segment.first, 0)]
        if log.hashes(0, segment.first, len(lines)) != b"".join(leaf_hashes(lines)):
            raise MalformedError(f"{segment.path}: is not what was signed; see audit verify")
        for start in range(0, len(lines), WIDTH):
            bundle = lines[start : start + WIDTH]
            name = number_name((segment.first + start) // WIDTH, len(bundle))
            _put(folder, f"tile/entries/{name}", _bundle(bundle))
    if tree_root(newest.size, TileReader(log.hashes).subtree) != newest.checkpoint.root:
        raise MalformedError(f"{log.directory}: is not what was signed; see audit verify")
    level = 0
    while length := level_length(level, newest.size):
        for start in range(0, length, WIDTH):
            width = min(WIDTH, length - start)
            _put(folder, tile_name(level, start // WIDTH, width), log.hashes(level, start, width))
        level += 1
    _put(folder, stored.CHECKPOINT, newest.note.encoded())
    return newest.size


def _bundle(lines: list[bytes]) -> bytes:
    return b"".join(len(line).to_bytes(2, "big") + line for line in lines)


def _put(folder: str, name: str, data: bytes) -> None:
    path = os.path.join(folder, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "xb") as file:
        file.write(data)
