"""What a crash left: found out, put in order, recorded in the log itself, signed, closed.

In: a log whose writer is gone. Out: the same log, closed; what was torn lies beside it, named in a record with its
hash, never silently cut. Where the records disagree with what was signed, nothing is touched and `AlarmError` says why.

The signed part is checked by hashing the last segment onto the tiles before it, or, where those are damaged, by
hashing all records. What follows the last checkpoint is kept up to the first line that a crash can have torn: one
that does not end, or has a NUL byte (file systems show unwritten blocks as zeros).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from typing import NamedTuple

from universal_framework.observability.audit import keys, records, stored
from universal_framework.observability.audit.disk import BESIDE, Disk
from universal_framework.observability.audit.errors import AuditError, MalformedError
from universal_framework.observability.audit.merkle import leaf_hashes
from universal_framework.observability.audit.note import PublicKey, SignedCheckpoint, parse_public_key
from universal_framework.observability.audit.records import Kind, Value
from universal_framework.observability.audit.stored import Segment, StoredLog
from universal_framework.observability.audit.tiles import TiledTree, level_length
from universal_framework.observability.audit.trail import Resumed, Shape, Trail


class AlarmError(AuditError):
    """A log disagrees with what was signed; it was left as it is."""


class Recovered(NamedTuple):
    """A log that was put in order: its name, records that no checkpoint had covered, bytes moved aside, checkpoint."""

    origin: str
    unsigned: int
    torn_bytes: int
    checkpoint: bytes | None


class _Torn(NamedTuple):
    """Bytes of a file that are to be moved aside: from `offset` to its end."""

    path: str
    offset: int
    data: bytes


def recover(log: StoredLog, shape: Shape, disk: Disk, clock: Callable[[], int]) -> Recovered | None:
    """Put a log in order and close it; None where somebody else writes it, or it is closed already.

    Raises:
        AlarmError: It disagrees with its last checkpoint, or its key is not here. It was left untouched.
        OSError: The disk refused; what was done is safe to do again.
    """
    lock = stored.take_lock(log.path(stored.LOCK))
    if lock is None:
        return None
    trail: Trail | None = None
    try:
        if not os.path.lexists(log.path(stored.SIGNING_KEY)):
            return None
        standing = _stand(log)
        closed = standing.resumed.closed  # but for the erasure of its key
        key_file = None if closed else _key_file(log, standing.key)
        _sweep(log, disk)
        _move_aside(log, standing.torn, disk)
        trail = Trail(log, standing.key.name, shape, disk, clock)
        trail.resume(lock, key_file, standing.resumed)
        if not closed:
            torn = _torn_files(log)
            trail.write_own(Kind.RECOVERED, {"unsigned": standing.unsigned, "torn": torn})
        text = trail.seal()
        return Recovered(trail.origin, standing.unsigned, sum(len(t.data) for t in standing.torn), text)
    except MalformedError as error:
        raise AlarmError(f"{log.directory}: {error.what}; the log was left as it is") from error
    finally:
        if trail is not None:
            trail.abandon()
        with contextlib.suppress(OSError):
            os.close(lock)


class _Standing(NamedTuple):
    resumed: Resumed
    key: PublicKey  # that the next checkpoint has to be signed with
    unsigned: int
    torn: list[_Torn]


def _stand(log: StoredLog) -> _Standing:
    history = log.history()
    if history.problem is not None or not history.checkpoints:
        raise MalformedError(f"{stored.HISTORY} holds something that is no checkpoint, or none")
    newest = history.checkpoints[-1]
    torn = [_Torn(log.path(stored.HISTORY), history.end, (log.bytes_of(stored.HISTORY) or b"")[history.end :])]
    segments = log.segments()
    at = max((i for i, s in enumerate(segments) if s.first <= newest.size), default=None)
    if at is None:
        raise MalformedError(f"no segment holds record {newest.size - 1}, which was signed")
    lines, rest = segments[at].read()
    tree, hashed = _signed_tree(log, segments[: at + 1], lines, newest)
    kept, more = _tail(segments[at:], lines, rest, newest.size)
    tree.extend(leaf_hashes(kept.lines))
    resumed = Resumed(
        tree,
        newest.size,
        history.end,
        kept.segment,
        kept.segment_bytes,
        _is_closing(kept.last_line) and not kept.lines and not any(t.data for t in more),
        hashed,
    )
    key = _key_in_office(log, segments[: at + 1], newest.size)
    return _Standing(resumed, key, len(kept.lines), [t for t in torn + more if t.data])


def _signed_tree(
    log: StoredLog, segments: list[Segment], lines: list[bytes], newest: SignedCheckpoint
) -> tuple[TiledTree, int]:
    """Return the tree that was signed last, and from which record on its hashes have to be written again.

    Levels are synced whenever a segment begins, so only hashes of the last one may have been lost.
    """
    last = segments[-1]
    signed = lines[: newest.size - last.first]
    if len(signed) < newest.size - last.first:
        first_missing = last.first + len(lines)
        raise MalformedError(f"records {first_missing} to {newest.size - 1} were signed and are missing")
    if _levels_reach(log, last.first):
        with contextlib.suppress(MalformedError):
            tree = TiledTree.restored(last.first, log.hashes)
            tree.extend(leaf_hashes(signed))
            if tree.root() == newest.checkpoint.root:
                return tree, last.first
    tree = TiledTree.restored(segments[0].first, log.hashes)
    for segment in segments[:-1]:
        tree.extend(leaf_hashes(segment.read()[0]))
    tree.extend(leaf_hashes(signed))
    if tree.size != newest.size or tree.root() != newest.checkpoint.root:
        raise MalformedError(f"the first {newest.size} records are not those that were signed")
    return tree, segments[0].first


def _levels_reach(log: StoredLog, size: int) -> bool:
    level = 0
    while length := level_length(level, size):
        if not log.hashes(level, length - 1, 1):
            return False
        level += 1
    return True


class _Tail(NamedTuple):
    lines: list[bytes]  # whole records that no checkpoint covers
    segment: int
    segment_bytes: int
    last_line: bytes


def _tail(segments: list[Segment], lines: list[bytes], rest: bytes, signed: int) -> tuple[_Tail, list[_Torn]]:
    """Return what follows the last checkpoint, and what of it is torn; `segments[0]` holds the last signed record."""
    kept: list[bytes] = []
    torn: list[_Torn] = []
    here, start = segments[0], signed - segments[0].first
    size = _length(lines[:start])
    last_line = lines[start - 1] if start else b""
    for position, segment in enumerate(segments):
        if position:
            (lines, rest), start = segment.read(), 0
        if torn or (position and segment.first != signed + len(kept)):
            torn.append(_Torn(segment.path, 0, _joined(lines) + rest))
            continue
        here = segment
        good = next((i for i in range(start, len(lines)) if _is_torn(lines[i])), len(lines))
        kept += lines[start:good]
        size = _length(lines[:good])
        if good < len(lines) or rest:
            torn.append(_Torn(segment.path, size, _joined(lines[good:]) + rest))
    return _Tail(kept, here.first, size, last_line), torn


def _is_torn(line: bytes) -> bool:
    return b"\0" in line or len(line) > records.MAX_BYTES


def _length(lines: list[bytes]) -> int:
    return sum(map(len, lines)) + len(lines)


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _is_closing(line: bytes) -> bool:
    own = records.parse(line, 0)
    return own is not None and own.kind is Kind.CLOSED


def _key_in_office(log: StoredLog, segments: list[Segment], signed: int) -> PublicKey:
    """Return the key that the next checkpoint has to be signed with: the last one that a checkpoint covers."""
    for segment in reversed(segments):
        for own in reversed(stored.own_records(segment.read()[0], segment.first)):
            if own.number < signed and own.kind in (Kind.KEY, Kind.START):
                return parse_public_key(own.text_of("public_key"))
    for evidence in reversed(log.pruned().evidence):
        kept = records.parse(evidence.line, evidence.number)
        if kept is not None and kept.kind in (Kind.KEY, Kind.START):
            return parse_public_key(kept.text_of("public_key"))
    raise MalformedError("no record names the key that signs")


def _key_file(log: StoredLog, wanted: PublicKey) -> str:
    for name in (stored.SIGNING_KEY, stored.NEXT_KEY):
        with contextlib.suppress(MalformedError):
            data = log.bytes_of(name)
            if data is not None and keys.SigningKey.from_file(data).public == wanted.key:
                return name
    raise MalformedError(f"{stored.SIGNING_KEY} is not the key {wanted.key_id.hex()} that the log names")


def _sweep(log: StoredLog, disk: Disk) -> None:
    """Remove files that were being put in place when the crash came; what they replace is still there."""
    for folder, _, names in os.walk(log.directory):
        for name in names:
            if name.endswith(BESIDE):
                disk.erase(os.path.join(folder, name))  # one may be a key


def _move_aside(log: StoredLog, torn: list[_Torn], disk: Disk) -> None:
    if torn:
        disk.make_directory(log.path(stored.TORN))
    for piece in torn:
        disk.put(_free_name(log, piece), piece.data, durable=True)
        descriptor = disk.open_append(piece.path)
        try:
            disk.truncate(descriptor, piece.offset)
            disk.sync(descriptor)
        finally:
            disk.close(descriptor)
        if piece.offset == 0 and piece.path.endswith(".jsonl"):
            disk.remove(piece.path)


def _free_name(log: StoredLog, piece: _Torn) -> str:
    base = f"{os.path.basename(piece.path)}-{piece.offset}"
    for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
        path = log.path(stored.TORN, base + suffix)
        if not os.path.lexists(path) or log.bytes_of(os.path.join(stored.TORN, base + suffix)) == piece.data:
            return path
    raise MalformedError(f"{log.path(stored.TORN)} holds a thousand torn ends at one place")


def _torn_files(log: StoredLog) -> list[Value]:
    found: list[Value] = []
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(log.path(stored.TORN))):
            data = log.bytes_of(os.path.join(stored.TORN, name)) or b""
            digest = hashlib.sha256(data).hexdigest()
            found.append({"file": f"{stored.TORN}/{name}", "bytes": len(data), "sha256": digest})
    return found
