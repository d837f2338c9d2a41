"""One log, open to write: lines in, durable records and signed checkpoints out. One thread, no queue.

The order of its steps is its promise. A record enters the tree only after its segment was synced; a checkpoint is
signed only over the tree; the history of checkpoints is synced before anybody is told of one. So nothing that is signed
can be lost, and nothing that was not written can be signed. When a step fails (`OSError`), the next call first cuts the
file back to what is known to be on the disk and writes the rest again: after a failed sync the kernel may have dropped
pages that it calls clean (https://lwn.net/Articles/752063/), so what was not synced counts as never written.

Hashes and the file ``checkpoint`` can be recomputed from segments and history; they are synced late, not at every step.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from universal_framework.observability.audit import note, records, stored
from universal_framework.observability.audit.disk import KEY_MODE, Disk
from universal_framework.observability.audit.errors import AuditError, MalformedError, UnreadableError
from universal_framework.observability.audit.keys import SigningKey
from universal_framework.observability.audit.merkle import HASH_BYTES, leaf_hashes
from universal_framework.observability.audit.records import Kind, Value
from universal_framework.observability.audit.stored import StoredLog, segment_name
from universal_framework.observability.audit.tiles import WIDTH, TiledTree, level_length

_NEIGHBOURS = 32  # closed logs that a new one vouches for
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SEGMENT_START = records.PREFIX + Kind.SEGMENT.value.encode() + b'"'


@dataclass(frozen=True)
class Shape:
    """What a log looks like: first part of its name, bytes of a segment, days that records are kept."""

    origin: str | None
    segment_bytes: int
    retention_days: int


class _Level:
    """The file of one level of hashes: it grows at its end; what may have gone wrong there is cut off first."""

    __slots__ = ("_damaged", "_good", "_path", "_unsynced", "descriptor", "pending")

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        self.pending = bytearray()
        self._path = path
        self._good = 0
        self._damaged = self._unsynced = False

    def cut(self, hashes: int) -> None:
        """Let the file end with so many hashes; what follows is written again."""
        self._good, self._damaged = hashes * HASH_BYTES, True

    def write(self, disk: Disk) -> None:
        """Write what is pending."""
        if self._damaged:
            self._open(disk)
            disk.truncate(self.descriptor, self._good)
            self._damaged, self._unsynced = False, True
        if self.pending:
            self._open(disk)
            self._damaged = self._unsynced = True
            disk.write(self.descriptor, bytes(self.pending))
            self._damaged = False
            self._good += len(self.pending)
            self.pending.clear()

    def sync(self, disk: Disk) -> None:
        """Return when what was written is on the disk."""
        if self._unsynced:
            disk.sync(self.descriptor)
            self._unsynced = False

    def _open(self, disk: Disk) -> None:
        if self.descriptor < 0:
            self.descriptor = disk.open_append(self._path)


class _Successor(NamedTuple):
    key: SigningKey
    line: bytes
    number: int | None  # of the record that names it, once that is durable


class Trail:
    """A log that this process may write, until `seal` or `abandon`."""

    def __init__(self, log: StoredLog, origin: str, shape: Shape, disk: Disk, clock: Callable[[], int]) -> None:
        self.log = log
        self.origin = origin
        self.tree = TiledTree()
        self.signed = 0  # how many records the newest checkpoint covers
        self.durable_lines = 0  # of the application, since this trail was opened
        self._shape = shape
        self._disk = disk
        self._clock = clock
        self._lock: int | None = None
        self._key: SigningKey | None = None
        self._successor: _Successor | None = None
        self._key_files_behind = False
        self._unsynced: list[bytes] = []
        self._own_unsynced = 0
        self._written = 0  # of those, how many stand in the segment's file
        self._segment = -1
        self._segment_path = ""
        self._synced_bytes = 0
        self._bytes = 0
        self._day = 0
        self._damaged = False  # the segment's file may hold more than it should
        self._no_rotation_before = 0
        self._closed_at = -1  # the position behind the record of the closing
        self._history = -1
        self._history_bytes = 0
        self._history_damaged = False
        self._unpublished: bytes | None = None
        self._levels: list[_Level] = []

    # -- coming and going ----------------------------------------------------------------------------------

    @classmethod
    def create(cls, root: str, shape: Shape, disk: Disk, clock: Callable[[], int]) -> Trail:
        """Make a new log below `root`, with its first record and its first checkpoint.

        Raises:
            OSError: The disk refused; nothing is left behind.
        """
        disk.make_directory(root)
        origin = _new_origin(shape.origin, clock())
        name = re.sub(r"[^\w.-]", "_", origin)
        unborn = os.path.join(root, stored.UNBORN + name)
        trail = cls(StoredLog(unborn), origin, shape, disk, clock)
        try:
            trail._bear(_neighbours(root))
            disk.rename(unborn, os.path.join(root, name))
            trail._move(os.path.join(root, name))
            disk.sync_directory(root)
        except BaseException:
            trail.abandon()
            shutil.rmtree(trail.log.directory, ignore_errors=True)
            raise
        return trail

    def _bear(self, neighbours: list[Value]) -> None:
        log, disk = self.log, self._disk
        disk.make_directory(log.path(stored.SEGMENTS))
        disk.make_directory(log.path(stored.TILES))
        self._lock = stored.take_lock(log.path(stored.LOCK))
        self._key = SigningKey.generate()
        disk.put(log.path(stored.SIGNING_KEY), self._key.file(), mode=KEY_MODE, durable=True)
        disk.put(log.path(stored.PUBLIC_KEY), (self.public_key.text + "\n").encode(), durable=True)
        self._history = disk.open_append(log.path(stored.HISTORY))
        self._open_segment(0)
        self.write_own(
            Kind.START,
            {
                "origin": self.origin,
                "public_key": self.public_key.text,
                "retention_days": self._shape.retention_days,
                "neighbours": neighbours,
            },
        )
        self.sync()
        self.checkpoint()
        self.sync_tiles()
        disk.sync_file(log.path(stored.CHECKPOINT))
        for folder in (stored.SEGMENTS, "."):
            disk.sync_directory(log.path(folder))

    def _move(self, directory: str) -> None:
        before, self.log = self.log, StoredLog(directory)
        self._segment_path = self.log.path(os.path.relpath(self._segment_path, before.directory))

    def resume(self, lock: int, key_file: str | None, state: Resumed) -> None:
        """Take up a log that another process left, to seal it; `recover` found out where it stands.

        `key_file` is the name of the file with the key that the next checkpoint has to be signed with; None where
        nothing is left to be signed.
        """
        self._lock = lock
        self.tree, self.signed = state.tree, state.signed
        self._history = self._disk.open_append(self.log.path(stored.HISTORY))
        self._history_bytes = state.history_bytes
        self._open_segment(state.segment)
        self._bytes = self._synced_bytes = state.segment_bytes
        self._key = SigningKey.from_file(self.log.bytes_of(key_file) or b"") if key_file is not None else None
        self._closed_at = self.tree.size if state.closed else -1
        for level in range(len(self.log.levels())):
            self._level(level).cut(level_length(level, state.hashed))

    def seal(self) -> bytes | None:
        """Write the last record and the last checkpoint, erase the key, let go; return the checkpoint.

        Raises:
            OSError: Not all of that was possible; it may be called again.
        """
        if self._closed_at != self.position:
            self._closed_at = self.position + 1
            self.write_own(Kind.CLOSED, {})
        self.sync()
        text = None
        while self.tree.size > self.signed or self._unpublished is not None:
            text = self.checkpoint()
        if text is None:
            text = self._renew_checkpoint()
        self.sync_tiles()
        self._disk.sync_file(self.log.path(stored.CHECKPOINT))
        self._disk.sync_directory(self.log.directory)
        self._disk.erase(self.log.path(stored.NEXT_KEY))
        self._disk.erase(self.log.path(stored.SIGNING_KEY))
        self._disk.sync_directory(self.log.directory)
        self.abandon()
        return text

    def _renew_checkpoint(self) -> bytes:
        """Put the newest checkpoint where it belongs once more: a crash may have come between it and its file."""
        newest = self.log.history().checkpoints[-1].note.encoded()
        self._disk.put(self.log.path(stored.CHECKPOINT), newest)
        return newest

    def abandon(self) -> None:
        """Close what is open and let the lock go, as a crash would; the next to open the directory recovers it."""
        for descriptor in (self._segment, self._history, self._lock, *(level.descriptor for level in self._levels)):
            if descriptor is not None and descriptor >= 0:
                self._disk.close(descriptor)
        self._segment = self._history = -1
        self._lock = None
        self._levels.clear()

    def attached(self) -> bool:
        """Say whether the segment still has a name, so that what is written to it can be found."""
        return os.fstat(self._segment).st_nlink > 0 and os.path.exists(self._segment_path)

    # -- records -------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The number of the next record."""
        return self.tree.size + len(self._unsynced)

    @property
    def disk(self) -> Disk:
        """The disk that it writes to."""
        return self._disk

    @property
    def unsynced(self) -> int:
        """How many records were handed over and are not known to be on the disk."""
        return len(self._unsynced)

    @property
    def public_key(self) -> note.PublicKey:
        """The key that signs now."""
        assert self._key is not None
        return note.PublicKey(self.origin, self._key.public)

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines (admissible ones) to the segment; they are not durable yet.

        Raises:
            OSError: Not all were written. They are not forgotten: the next call writes them again, unless `drop`.
        """
        self._unsynced.extend(lines)
        self._push()

    def write_own(self, kind: Kind, fields: Mapping[str, Value]) -> bytes:
        """Write a record of the trail itself, and return it."""
        line = records.render(kind, self._clock(), fields)
        self._own_unsynced += 1
        self._unsynced.append(line)
        self._push()
        return line

    def sync(self) -> None:
        """Return when every line handed over is on the disk, and take them into the tree.

        Raises:
            OSError: The disk refused. The lines will be written again, unless `drop`.
        """
        self._push()
        self._sync_written()

    def drop(self) -> int:
        """Forget the lines that are not durable, and return how many of them were the application's."""
        lost = len(self._unsynced) - self._own_unsynced
        self._unsynced.clear()
        self._own_unsynced = self._written = 0
        self._damaged = True
        self._closed_at = -1
        if self._successor is not None and self._successor.number is None:
            self._successor = None
        return lost

    def take_back(self) -> list[bytes]:
        """Return the application's lines that are not durable, and forget them: another log will have them."""
        lines = [line for line in self._unsynced if not line.startswith(records.PREFIX)]
        self.drop()
        return lines

    def _push(self) -> None:
        if self._damaged:
            self._disk.truncate(self._segment, self._synced_bytes)
            self._bytes, self._written, self._damaged = self._synced_bytes, 0, False
        while self._written < len(self._unsynced):
            room = self._room()
            if not room:
                self._rotate()
                continue
            self._introduce_segment()
            some = self._unsynced[self._written : self._written + room]
            data = b"\n".join(some) + b"\n"
            self._damaged = True
            self._disk.write(self._segment, data)
            self._damaged = False
            self._written += len(some)
            self._bytes += len(data)

    def _room(self) -> int:
        """Return how many lines may follow before the next decision; 0 means that a new segment is due.

        Segments end with a full bundle of 256 records: only whole bundles may be pruned later (tlog-tiles, Pruning).
        """
        at = self.tree.size + self._written
        due = self._bytes >= self._shape.segment_bytes or records.day_of(self._clock()) != self._day
        if due and self._bytes and at >= self._no_rotation_before:
            return -at % WIDTH
        return WIDTH - at % WIDTH

    def _rotate(self) -> None:
        self._sync_written()
        try:
            self.sync_tiles()  # after a crash only hashes of the last segment have to be made again
            self._open_segment(self.tree.size)
        except OSError:  # the old segment still takes records: losing one would be worse than a long file
            self._no_rotation_before = self.tree.size + WIDTH

    def _open_segment(self, first: int) -> None:
        path = self.log.path(stored.SEGMENTS, segment_name(first))
        descriptor = self._disk.open_append(path)
        try:
            self._disk.sync_directory(os.path.dirname(path))
        except OSError:  # the empty file may stay: it counts as no segment
            self._disk.close(descriptor)
            raise
        if self._segment >= 0:
            self._disk.close(self._segment)
        self._segment, self._segment_path = descriptor, path
        self._bytes = self._synced_bytes = 0
        self._day = records.day_of(self._clock())

    def _introduce_segment(self) -> None:
        """Let a new segment begin with a record of the time: it says how old all earlier segments are at least."""
        if self._bytes or self.tree.size == 0 or self._unsynced[0].startswith(_SEGMENT_START):
            return
        fields: dict[str, Value] = {"origin": self.origin, "first": self.tree.size}
        fields |= {"public_key": self.public_key.text, "retention_days": self._shape.retention_days}
        self._unsynced.insert(0, records.render(Kind.SEGMENT, self._clock(), fields))
        self._own_unsynced += 1

    def _sync_written(self) -> None:
        if not self._written:
            return
        self._damaged = True
        self._disk.sync(self._segment)
        self._damaged = False
        done = self._unsynced[: self._written]
        if self._successor is not None and self._successor.number is None and self._successor.line in done:
            index = self.tree.size + done.index(self._successor.line)
            self._successor = self._successor._replace(number=index)
        self.tree.extend(leaf_hashes(done))
        own = sum(line.startswith(records.PREFIX) for line in done) if self._own_unsynced else 0
        self._own_unsynced -= own
        self.durable_lines += len(done) - own
        self._synced_bytes = self._bytes
        del self._unsynced[: self._written]
        self._written = 0

    # -- checkpoints ---------------------------------------------------------------------------------------

    def checkpoint(self) -> bytes | None:
        """Sign what is durable; return the note, or None where there is nothing new to sign.

        Raises:
            OSError: The disk refused; the next call tries again.
        """
        if self._unpublished is None and self.tree.size > self.signed:
            self._write_tiles()
            checkpoint = note.Checkpoint(self.origin, self.tree.size, self.tree.root())
            assert self._key is not None
            text = note.sign(checkpoint, self._key)
            self._append_history(text)
            self._unpublished, self.signed = text, checkpoint.size
            if self._successor is not None and self._successor.number is not None:
                self._key, self._successor, self._key_files_behind = self._successor.key, None, True
        self._settle_keys()
        if self._unpublished is None:
            return None
        self._disk.put(self.log.path(stored.CHECKPOINT), self._unpublished)
        text, self._unpublished = self._unpublished, None
        return text

    def _append_history(self, text: bytes) -> None:
        if self._history_damaged:
            self._disk.truncate(self._history, self._history_bytes)
        self._history_damaged = True
        self._disk.write(self._history, text)
        self._disk.sync(self._history)
        self._history_damaged = False
        self._history_bytes += len(text)

    def _write_tiles(self) -> None:
        for number, data in enumerate(self.tree.take_fresh()):
            self._level(number).pending += data
        for level in self._levels:
            level.write(self._disk)

    def _level(self, number: int) -> _Level:
        if number == len(self._levels):
            path = self.log.path(stored.TILES, str(number))
            self._levels.append(_Level(path))
        return self._levels[number]

    def sync_tiles(self) -> None:
        """Return when the hashes of all durable records are on the disk."""
        self._write_tiles()
        for level in self._levels:
            level.sync(self._disk)
        self._disk.sync_directory(self.log.path(stored.TILES))

    def announce_pruning(self, minimum: int) -> None:
        """Record, and sign, that all records below `minimum` are about to be removed."""
        self.write_own(Kind.PRUNED, {"minimum": minimum})
        self.sync()

    def reopen_history(self) -> None:
        """Go on with the history of checkpoints that was put in the place of the former one."""
        descriptor = self._disk.open_append(self.log.path(stored.HISTORY))
        self._disk.close(self._history)
        self._history, self._history_bytes = descriptor, os.fstat(descriptor).st_size
        self._history_damaged = False

    # -- keys ----------------------------------------------------------------------------------------------

    def evolve_key(self) -> None:
        """Name the next key in the log; it takes office with the next checkpoint, which the present key signs.

        From then on the present key exists nowhere: who takes the machine over cannot rewrite what it signed.

        Raises:
            OSError: The disk refused; the present key stays.
        """
        self._settle_keys()
        if self._successor is not None:
            return
        key = SigningKey.generate()
        self._disk.put(self.log.path(stored.NEXT_KEY), key.file(), mode=KEY_MODE, durable=True)
        public = note.PublicKey(self.origin, key.public).text
        line = records.render(Kind.KEY, self._clock(), {"public_key": public})
        self._successor = _Successor(key, line, None)
        self._own_unsynced += 1
        self.write([line])

    def _settle_keys(self) -> None:
        if self._key_files_behind:
            self._disk.replace_erasing(self.log.path(stored.NEXT_KEY), self.log.path(stored.SIGNING_KEY))
            self._key_files_behind = False


class Resumed(NamedTuple):
    """Where a log stands that another process left."""

    tree: TiledTree  # of all whole records
    signed: int
    history_bytes: int
    segment: int  # number of the first record of the last segment
    segment_bytes: int
    closed: bool  # whether the last record says that it is the last, and is signed
    hashed: int  # up to which record the levels are known to be whole


def _new_origin(prefix: str | None, now_ns: int) -> str:
    """Return a name that no other log has: host, boot, process, start, and chance for clones of a machine."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname()) or "localhost"
    boot = "0"
    with contextlib.suppress(OSError), open(_BOOT_ID, encoding="ascii") as file:
        boot = file.read(8)
    start = re.sub(r"[-:]", "", records.rfc3339(now_ns))
    origin = f"{prefix or host}/{boot}/{os.getpid()}/{start}-{secrets.token_hex(4)}"
    if not note.is_name(origin):
        raise AuditError(f"origin {prefix!r}: the name of a log has neither white space nor '+'; choose another")
    return origin


def _neighbours(root: str) -> list[Value]:
    """Return name, size and root of the newest closed logs here, so that none of them can vanish unnoticed."""
    closed: list[tuple[int, str, StoredLog]] = []
    logs: list[StoredLog] = []
    with contextlib.suppress(UnreadableError):
        logs = stored.logs_below(root)
    for log in logs:
        with contextlib.suppress(OSError):
            if not os.path.lexists(log.path(stored.SIGNING_KEY)):
                closed.append((os.stat(log.path(stored.CHECKPOINT)).st_mtime_ns, log.name, log))
    found: list[Value] = []
    for _, _, log in sorted(closed)[-_NEIGHBOURS:]:
        with contextlib.suppress(MalformedError, UnreadableError):
            checkpoint = note.parse_checkpoint(log.bytes_of(stored.CHECKPOINT) or b"").checkpoint
            size, root_hash = checkpoint.size, checkpoint.root.hex()
            found.append({"origin": checkpoint.origin, "size": size, "root": root_hash})
    return found
