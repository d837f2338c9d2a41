"""One log as it lies on the disk: where its files are, and what stands in them. Reads only.

::

    <log>/lock                         held (flock) by the process that writes
    <log>/public-key                   the first public key, as one line
    <log>/signing-key                  the current private key, mode 0600; gone once the log is closed
    <log>/signing-key.next             its successor, while the change is under way
    <log>/checkpoint                   the newest checkpoint (C2SP tlog-checkpoint)
    <log>/checkpoints                  all checkpoints, one after another
    <log>/segments/000000000000.jsonl  records, one line each; named after the number of the first
    <log>/tile/<level>                 hashes (the tiles of a level of C2SP tlog-tiles, one after another)
    <log>/torn/                        unfinished writes that a crash left, moved aside
    <log>/pruned.jsonl                 what was removed by retention, and which records vouch for that
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from universal_framework.observability.audit import keys, note, records
from universal_framework.observability.audit.errors import MalformedError, UnreadableError
from universal_framework.observability.audit.merkle import HASH_BYTES

LOCK, PUBLIC_KEY, SIGNING_KEY, NEXT_KEY = "lock", "public-key", "signing-key", "signing-key.next"
CHECKPOINT, HISTORY, SEGMENTS, TILES, TORN = "checkpoint", "checkpoints", "segments", "tile", "torn"
PRUNED = "pruned.jsonl"

#: A log that is being made; it has acknowledged nothing yet.
UNBORN = ".new-"

_SEGMENT = re.compile(r"(\d{12,})\.jsonl")


class State(str, Enum):
    """How a log was left."""

    LIVE = "live"  # somebody writes
    CRASHED = "crashed"  # nobody does, and it was not closed
    CLOSED = "closed"


class Segment(NamedTuple):
    """A file of records, and the number of its first."""

    first: int
    path: str

    def read(self) -> tuple[list[bytes], bytes]:
        """Return its lines without their line breaks, and what stands after the last line break."""
        with open(self.path, "rb") as file:
            *lines, torn = file.read().split(b"\n")
        return lines, torn


class Evidence(NamedTuple):
    """A record that was kept when its segment went: its number, and its exact bytes."""

    number: int
    line: bytes


class Pruned(NamedTuple):
    """What retention removed: all records below `minimum`; the evidence for keys and for the time of removal."""

    minimum: int
    evidence: tuple[Evidence, ...]

    def encoded(self) -> bytes:
        """Return the file's bytes; every value of it has this one spelling."""
        rows: list[Mapping[str, object]] = [{"minimum": self.minimum}]
        rows += [{"index": e.number, "record": e.line.decode()} for e in self.evidence]
        return b"".join(json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for row in rows)


_NOTHING_PRUNED = Pruned(0, ())


class StoredLog:
    """The files of one log."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.name = os.path.basename(os.path.normpath(directory))

    def path(self, *parts: str) -> str:
        """Return where a file of this log is."""
        return os.path.join(self.directory, *parts)

    def bytes_of(self, name: str) -> bytes | None:
        """Return what a file holds, or None where it is not there.

        Raises:
            UnreadableError: It is there and cannot be read.
        """
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise UnreadableError(f"{self.path(name)}: cannot be read: {error.strerror}") from error

    def segments(self) -> list[Segment]:
        """Return the segments that are there, in order; an empty file is none yet."""
        found = []
        for name in _names(self.path(SEGMENTS)):
            match = _SEGMENT.fullmatch(name)
            path = self.path(SEGMENTS, name)
            if match is not None and segment_name(int(match[1])) == name and os.path.getsize(path):
                found.append(Segment(int(match[1]), path))
        return sorted(found)

    def hashes(self, level: int, start: int, count: int) -> bytes:
        """Return the hashes of a level from number `start` on, as far as they are there and not more than `count`."""
        try:
            with open(self.path(TILES, str(level)), "rb") as file:
                file.seek(start * HASH_BYTES)
                return file.read(count * HASH_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError as error:
            raise UnreadableError(f"{error.filename}: cannot be read: {error.strerror}") from error

    def levels(self) -> list[str]:
        """Return the names of what is in the directory of levels."""
        return sorted(_names(self.path(TILES)))

    def history(self) -> note.History:
        """Return the checkpoints so far."""
        return note.parse_history(self.bytes_of(HISTORY) or b"")

    def pruned(self) -> Pruned:
        """Return what retention removed.

        Raises:
            MalformedError: The file is not as it was written.
        """
        data = self.bytes_of(PRUNED)
        return _NOTHING_PRUNED if data is None else parse_pruned(data)

    def state(self) -> State:
        """Return how the log was left; it counts as live while a process holds its lock."""
        if is_locked(self.path(LOCK)):
            return State.LIVE
        return State.CRASHED if os.path.lexists(self.path(SIGNING_KEY)) else State.CLOSED

    def signing_keys(self) -> list[keys.SigningKey]:
        """Return the private keys that lie here (the current one, its successor), as far as they can be read.

        Raises:
            MalformedError: A key file holds no key.
            UnreadableError: It cannot be read.
        """
        found = [self.bytes_of(name) for name in (SIGNING_KEY, NEXT_KEY)]
        return [keys.SigningKey.from_file(data) for data in found if data is not None]


def segment_name(first: int) -> str:
    """Return the name of the segment whose first record has this number."""
    return f"{first:012d}.jsonl"


def parse_pruned(data: bytes) -> Pruned:
    """Return what a file ``pruned.jsonl`` says.

    Raises:
        MalformedError: It is not as it was written.
    """
    try:
        head, *rows = (json.loads(line) for line in data.decode().removesuffix("\n").split("\n"))
        found = Pruned(head["minimum"], tuple(Evidence(row["index"], row["record"].encode()) for row in rows))
        faithful = found.encoded() == data and all(type(n) is int for n in (found.minimum, *(e[0] for e in found[1])))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MalformedError("not the list of what was pruned") from None
    if not faithful:
        raise MalformedError("the list of what was pruned is not spelled as it is written")
    return found


def logs_below(directory: str) -> list[StoredLog]:
    """Return the logs of a directory: itself if it is one, else those directly below it, in the order of names.

    Raises:
        UnreadableError: It is no directory, or cannot be listed.
    """
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise UnreadableError(f"{directory}: cannot be read: {error.strerror}") from error
    if SEGMENTS in names or HISTORY in names:
        return [StoredLog(directory)]
    inside = [os.path.join(directory, name) for name in names if not name.startswith(".")]
    return [StoredLog(path) for path in inside if _is_log(path)]


def _is_log(path: str) -> bool:
    return any(os.path.lexists(os.path.join(path, name)) for name in (SEGMENTS, HISTORY, CHECKPOINT, PUBLIC_KEY))


def own_records(lines: list[bytes], first: int) -> list[records.Own]:
    """Return the trail's own records among lines, the first of which has this number."""
    prefix = records.PREFIX
    found = [records.parse(line, first + i) for i, line in enumerate(lines) if line.startswith(prefix)]
    return [own for own in found if own is not None]


def is_locked(path: str) -> bool:
    """Say whether a process holds the lock; one that cannot be opened is held by nobody."""
    with contextlib.suppress(OSError):
        descriptor = take_lock(path, create=False, shared=True)
        if descriptor is None:
            return True
        os.close(descriptor)
    return False


def take_lock(path: str, *, create: bool = True, shared: bool = False) -> int | None:
    """Return a descriptor that holds the lock until it is closed, or None where another process has it.

    Raises:
        OSError: The file cannot be opened.
    """
    import fcntl

    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), 0o640)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
