"""Retention: which whole segments are old enough to go, and what has to stay so that everything left can be proven.

A record's age is not taken from the record (an application may write any time it likes) but from the trail: every
segment begins with a record of the time, so all that stands before it is at least that old. Hash tiles stay (32 bytes
per record), and with them every proof about what remains and every consistency proof from the first checkpoint on;
records that name keys, or vouch for the time, stay in ``pruned.jsonl``. `verify` finds a removal that came too early.

https://c2sp.org/tlog-tiles, section "Pruning": the minimum index is a multiple of 256, or the size of a closed log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from universal_framework.observability.audit import records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import MalformedError, RefusedError
from universal_framework.observability.audit.merkle import leaf_hashes, tree_root
from universal_framework.observability.audit.note import SignedCheckpoint
from universal_framework.observability.audit.records import DAY_NS, Kind, Own
from universal_framework.observability.audit.stored import Evidence, Pruned, Segment, StoredLog
from universal_framework.observability.audit.tiles import TileReader
from universal_framework.observability.audit.trail import Trail

_LASTING = (Kind.START, Kind.KEY, Kind.RECOVERED, Kind.CLOSED)


class Removed(NamedTuple):
    """What retention took: all records below `minimum`, which were `records` in `segments` files."""

    minimum: int
    records: int
    segments: int


NOTHING = Removed(0, 0, 0)


def prune_closed(log: StoredLog, days: int | None, now_ns: int, disk: Disk) -> Removed:
    """Remove the segments of a closed log that are older than `days`, by default what the log itself says.

    Raises:
        RefusedError: The log promises to keep its records for longer.
        MalformedError: It is not as it was signed; nothing was removed.
        OSError: The disk refused; what was begun is safe to do again.
    """
    if os.path.lexists(log.path(stored.SIGNING_KEY)):
        return NOTHING
    lock = stored.take_lock(log.path(stored.LOCK))
    if lock is None:
        return NOTHING
    try:
        return _prune(log, days, now_ns, disk, closed=True)
    finally:
        os.close(lock)


def prune_live(trail: Trail, days: int, now_ns: int) -> Removed:
    """Remove the segments of this process's own log that are older than `days`. Raises as `prune_closed`."""
    segments = trail.log.segments()
    if len(segments) < 2 or _begun(segments[1]) + days * DAY_NS > now_ns:
        return NOTHING
    trail.sync()
    trail.checkpoint()
    trail.sync_tiles()
    removed = _prune(
        trail.log, days, now_ns, trail.disk, closed=False, announce=trail.announce_pruning,
    )  # fmt: skip
    trail.reopen_history()
    return removed


def _prune(
    log: StoredLog,
    days: int | None,
    now_ns: int,
    disk: Disk,
    *,
    closed: bool,
    announce: Callable[[int], None] = lambda _: None,
) -> Removed:
    segments, before, history = log.segments(), log.pruned(), log.history()
    if history.problem is not None or not history.checkpoints:
        raise MalformedError(f"{log.directory}: {stored.HISTORY} is not as it was written; nothing was removed")
    newest = history.checkpoints[-1]
    promised, minimum = _oldest_to_keep(segments, newest.size, days, now_ns, closed=closed)
    if days is not None and days < promised:
        raise RefusedError(f"{log.directory}: promises to keep its records for {promised} days, {days} are fewer")
    doomed = [s for s in segments if s.first < minimum]
    if not doomed:
        return NOTHING
    if minimum < newest.size or not closed:
        minimum = max(s.first for s in segments if s.first <= minimum)
    evidence = {e.number: e for e in before.evidence}
    for segment, end in zip(doomed, [*(s.first for s in doomed[1:]), minimum], strict=True):
        evidence |= {e.number: e for e in _checked(log, segment, end)}
    _check_root(log, newest)
    announce(minimum)
    disk.put(log.path(stored.PRUNED), _pruned(minimum, evidence).encoded(), durable=True)
    for segment in doomed:
        disk.remove(segment.path)
    disk.sync_directory(log.path(stored.SEGMENTS))
    kept = _lasting_checkpoints(history.checkpoints, minimum, [e for e in evidence.values() if _is_key(e)])
    disk.put(log.path(stored.HISTORY), b"".join(c.note.encoded() for c in kept), durable=True)
    return Removed(minimum, minimum - doomed[0].first, len(doomed))


def _oldest_to_keep(
    segments: list[Segment], size: int, days: int | None, now_ns: int, *, closed: bool
) -> tuple[int, int]:
    """Return for how many days the log promises to keep records, and the number of the first that has to stay."""
    marks: list[Own] = []
    for segment in segments:
        lines = segment.read()[0]
        marks += stored.own_records(lines[:1], segment.first)
        if segment is segments[-1] and closed:
            marks += [own for own in stored.own_records(lines[-1:], segment.first + len(lines) - 1) if len(lines) > 1]
    promised = max((own.number_of("retention_days") for own in marks), default=0)
    keep_ns = (promised if days is None else days) * DAY_NS
    minimum = 0
    for own in marks:
        if own.time_ns + keep_ns <= now_ns:
            minimum = max(minimum, size if own.kind is Kind.CLOSED and own.number == size - 1 else own.number)
    return promised, minimum


def _begun(segment: Segment) -> int:
    with open(segment.path, "rb") as file:
        own = records.parse(file.readline(records.MAX_BYTES + 1).rstrip(b"\n"), segment.first)
    return own.time_ns if own is not None else 1 << 63


def _checked(log: StoredLog, segment: Segment, end: int) -> list[Evidence]:
    """Return the records of a segment that have to be kept; it must be what its tiles say."""
    lines, torn = segment.read()
    whole = not torn and segment.first + len(lines) == end
    if whole and log.hashes(0, segment.first, len(lines)) == b"".join(leaf_hashes(lines)):
        kept = [own.number for own in stored.own_records(lines, segment.first) if own.kind in _LASTING]
        return [Evidence(number, lines[number - segment.first]) for number in kept]
    raise MalformedError(f"{segment.path}: is not what was signed; nothing was removed: see audit verify")


def _check_root(log: StoredLog, newest: SignedCheckpoint) -> None:
    if tree_root(newest.size, TileReader(log.hashes).subtree) != newest.checkpoint.root:
        raise MalformedError(f"{log.directory}: its tiles are not what was signed; nothing was removed")


def _pruned(minimum: int, evidence: dict[int, Evidence]) -> Pruned:
    return Pruned(minimum, tuple(evidence[index] for index in sorted(evidence)))


def _is_key(evidence: Evidence) -> bool:
    own = records.parse(evidence.line, evidence.number)
    return own is not None and own.kind is Kind.KEY


def _lasting_checkpoints(
    checkpoints: tuple[SignedCheckpoint, ...], minimum: int, keys: list[Evidence]
) -> list[SignedCheckpoint]:
    """Return the checkpoints that stay: the first, those that put a key into office, all that cover what is left."""
    keep = {checkpoints[0].size, checkpoints[-1].size}
    keep |= {
        min(c.size for c in checkpoints if c.size > key.number) for key in keys if key.number < checkpoints[-1].size
    }
    return [c for c in checkpoints if c.size in keep or c.size > minimum]
