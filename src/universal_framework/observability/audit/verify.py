"""Is a trail what was written? Reads a directory, believes nothing in it, and says what was altered and where.

In: a directory; checkpoints and public keys that were kept elsewhere. Out: findings (each with file, line, byte and
record), and limits: what cannot be excluded without something from outside. Every byte of a closed log is covered:
records and tiles by the signed roots, checkpoints and keys by their one spelling and the chain of keys.

The chain: record 0 names the first key. A key that a record names takes office once a checkpoint of its predecessor
covers that record. So whoever holds the present key can sign no past, and past keys are gone.
"""

from __future__ import annotations

import bisect
import hashlib
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from universal_framework.observability.audit import note, records, stored
from universal_framework.observability.audit.errors import MalformedError, UnreadableError
from universal_framework.observability.audit.locate import Change, Difference, differences
from universal_framework.observability.audit.merkle import HASH_BYTES, leaf_hash, leaf_hashes, perfect_root
from universal_framework.observability.audit.note import PublicKey, SignedCheckpoint
from universal_framework.observability.audit.records import DAY_NS, Kind, Own
from universal_framework.observability.audit.stored import Segment, State, StoredLog
from universal_framework.observability.audit.tiles import (
    WIDTH,
    Tile,
    TiledTree,
    parse_tile_name,
    split_hashes,
    tile_name,
)

_PLAIN_FILES = frozenset(
    (stored.LOCK, stored.PUBLIC_KEY, stored.SIGNING_KEY, stored.NEXT_KEY, stored.CHECKPOINT, stored.HISTORY)
) | {stored.SEGMENTS, stored.TORN, stored.PRUNED, "tile"}


class Kindred(str, Enum):
    """What a finding is about."""

    RECORD = "record"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    KEY = "key"
    FILE = "file"
    TRUNCATED = "truncated"
    RETENTION = "retention"
    LOG = "log"


class Finding(NamedTuple):
    """Something that is not as it was written, and where: file below the directory, line (from 1), byte, record."""

    kind: Kindred
    message: str
    file: str
    line: int | None = None
    offset: int | None = None
    record: int | None = None
    length: int = 1


class LogReport(NamedTuple):
    """What was found out about one log. `records` counts from 0; those below `minimum` were pruned."""

    directory: str
    origin: str
    state: State
    records: int
    minimum: int
    signed: int
    public_key: str
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    notes: tuple[str, ...]


class Report(NamedTuple):
    """What was found out about a directory; `findings` are those that belong to no log that is there."""

    logs: tuple[LogReport, ...]
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not any(log.findings for log in self.logs)


class Anchor(NamedTuple):
    """What is known of a log from elsewhere: its size and root at some time, and who says so."""

    size: int
    root: bytes
    source: str


def verify(
    directory: str, checkpoints: Sequence[SignedCheckpoint], public_keys: Sequence[PublicKey | bytes], now_ns: int
) -> Report:
    """Judge all logs of a directory.

    A public key is one with the name of its log, or 32 bytes that the only log, or one of them, must have used.

    Raises:
        UnreadableError: There is no log, or something cannot be read.
    """
    logs = stored.logs_below(directory)
    if not logs and not checkpoints and not public_keys:
        raise UnreadableError(f"{directory}: no audit log is here")
    try:
        anchors, complaints = _neighbours_say(logs)
        judged = [_Judge(log, checkpoints, public_keys, anchors, now_ns).report() for log in logs]
    except OSError as error:
        raise UnreadableError(f"{error.filename or directory}: cannot be read: {error.strerror}") from error
    there = {report.origin for report in judged}
    findings = [c for c in complaints if c.file not in there] if os.path.normpath(directory) != _only(logs) else []
    for origin in sorted({c.checkpoint.origin for c in checkpoints} - there):
        findings.append(Finding(Kindred.LOG, "the log of the checkpoint that was kept elsewhere is not here", origin))
    for key in public_keys:
        if isinstance(key, PublicKey) and key.name not in there:
            findings.append(
                Finding(Kindred.LOG, "the log of the public key that was kept elsewhere is not here", key.name)
            )
        elif isinstance(key, bytes) and not any(_used(log, key) for log in logs):
            findings.append(Finding(Kindred.LOG, "no log here was signed with the public key", directory))
    return Report(tuple(judged), tuple(findings))


def _only(logs: Sequence[StoredLog]) -> str:
    return os.path.normpath(logs[0].directory) if len(logs) == 1 else ""


def _neighbours_say(logs: Sequence[StoredLog]) -> tuple[dict[str, list[Anchor]], list[Finding]]:
    """Return what first records say of other logs, by their names, and that those exist."""
    anchors: dict[str, list[Anchor]] = {}
    complaints = []
    for log in logs:
        start = _first_record(log)
        for row in start.rows_of("neighbours") if start is not None else ():
            origin, size, root = row.get("origin"), row.get("size"), row.get("root")
            if isinstance(origin, str) and isinstance(size, int) and isinstance(root, str):
                source = f"the first record of {log.name}"
                known = Anchor(size, _unhex(root), source)
                if origin not in anchors:
                    complaints.append(
                        Finding(Kindred.LOG, f"{source} knows this log with {size} records; it is not here", origin)
                    )
                anchors.setdefault(origin, []).append(known)
    return anchors, complaints


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _first_record(log: StoredLog) -> Own | None:
    segments = log.segments()
    if segments and segments[0].first == 0:
        with open(segments[0].path, "rb") as file:
            return records.parse(file.readline(records.MAX_BYTES + 1).rstrip(b"\n"), 0)
    try:
        return next((records.parse(e.line, 0) for e in log.pruned().evidence if e.number == 0), None)
    except MalformedError:
        return None


def _used(log: StoredLog, key: bytes) -> bool:
    return any(named.key == key for _, named in _named_keys(_Reading(log).read().own))


def _named_keys(own: Iterable[Own]) -> list[tuple[int, PublicKey]]:
    """Return the keys that records name, with the numbers of the records."""
    found = []
    for record in own:
        if record.kind in (Kind.START, Kind.KEY):
            try:
                found.append((record.number, note.parse_public_key(record.text_of("public_key"))))
            except MalformedError:
                continue
    return found


class _Block:
    """The records of one segment: their hashes, and what stands behind the last line break."""

    __slots__ = ("hashes", "segment", "torn")

    def __init__(self, segment: Segment, hashes: list[bytes], torn: int) -> None:
        self.segment = segment
        self.hashes = hashes
        self.torn = torn


class _Reading:
    """All records of a log, as hashes, and the trail's own ones in full."""

    def __init__(self, log: StoredLog) -> None:
        self._log = log
        self.blocks: list[_Block] = []
        self.own: list[Own] = []
        self.kept: tuple[stored.Evidence, ...] = ()
        self.last: Own | None = None
        self.problem: MalformedError | None = None
        self.minimum = 0

    def read(self) -> _Reading:
        """Read everything, from the evidence of what was pruned to the last line."""
        try:
            pruned = self._log.pruned()
            self.minimum, self.kept = pruned.minimum, pruned.evidence
        except MalformedError as error:
            self.problem = error
        by_number = {}
        for evidence in self.kept:
            own = records.parse(evidence.line, evidence.number)
            if own is not None:
                by_number[own.number] = own
        for segment in self._log.segments():
            lines, torn = segment.read()
            self.blocks.append(_Block(segment, leaf_hashes(lines), len(torn)))
            by_number |= {own.number: own for own in stored.own_records(lines, segment.first)}
            self.last = records.parse(lines[-1], segment.first + len(lines) - 1) if lines else self.last
        if not self.blocks and self.kept:
            self.last = records.parse(self.kept[-1].line, self.kept[-1].number)
        self.own = [by_number[number] for number in sorted(by_number)]
        return self

    @property
    def end(self) -> int:
        """The number after that of the last record."""
        if not self.blocks:
            return self.minimum
        return self.blocks[-1].segment.first + len(self.blocks[-1].hashes)


class _Pass:
    """One walk over leaf hashes: the roots at the sizes that matter, and the tiles that differ from those stored."""

    def __init__(self, log: StoredLog, sizes: Iterable[int], signed: int) -> None:
        self.roots: dict[int, bytes] = {}
        self.names: set[str] = set()
        self.wrong: list[tuple[Tile, bytes | None]] = []
        self._log = log
        self._sizes = sorted(set(sizes))
        self._signed = signed
        self._tree = TiledTree()

    @property
    def size(self) -> int:
        """How many leaves were taken in."""
        return self._tree.size

    def feed(self, hashes: Sequence[bytes]) -> None:
        """Take in leaf hashes."""
        start = 0
        while start < len(hashes):
            at = bisect.bisect_right(self._sizes, self._tree.size)
            stop = self._sizes[at] - self._tree.size + start if at < len(self._sizes) else len(hashes)
            for tile in self._tree.extend(hashes[start:stop]):
                self._compare(tile)
            start = min(stop, len(hashes))
            if at < len(self._sizes) and self._tree.size == self._sizes[at]:
                self.roots[self._tree.size] = self._tree.root()
                if self._tree.size == self._signed:
                    for tile in self._tree.partial_tiles():
                        self._compare(tile)

    def _compare(self, tile: Tile) -> None:
        if (tile.number * WIDTH + tile.width) * WIDTH**tile.level > self._signed:
            return
        self.names.add(tile.name)
        data = self._log.bytes_of(tile.name)
        if data is None and tile.width < WIDTH:
            wider = self._log.tile(tile.level, tile.number, tile.width)
            data = None if wider is None else wider[: len(tile.data)]
        if data != tile.data:
            self.wrong.append((tile, data))


class _Judge:
    """Everything about one log."""

    def __init__(
        self,
        log: StoredLog,
        outside: Sequence[SignedCheckpoint],
        public_keys: Sequence[PublicKey | bytes],
        neighbours: dict[str, list[Anchor]],
        now_ns: int,
    ) -> None:
        self._log = log
        self._now = now_ns
        self._findings: list[Finding] = []
        self._limits: list[str] = []
        self._notes: list[str] = []
        self._state = log.state()
        self._newest_bytes = log.bytes_of(stored.CHECKPOINT)
        self._history_bytes = log.bytes_of(stored.HISTORY) or b""
        self._history = note.parse_history(self._history_bytes)
        self._reading = _Reading(log).read()
        self._keys = _named_keys(self._reading.own)
        self._origin = self._find_origin()
        self._signers: dict[note.Note, PublicKey] = {}
        self._checkpoints = self._find_checkpoints()
        self._signed = self._checkpoints[-1].size if self._checkpoints else 0
        self._outside = [c for c in outside if c.checkpoint.origin == self._origin]
        self._public_keys = [k for k in public_keys if isinstance(k, PublicKey) and k.name == self._origin]
        self._anchors = [
            Anchor(c.size, c.checkpoint.root, "the checkpoint that was kept elsewhere") for c in self._outside
        ] + neighbours.get(self._origin, [])
        self._altered: set[int] = set()

    def report(self) -> LogReport:
        """Return what was found."""
        self._judge_history()
        roots = self._judge_records()
        self._judge_anchors(roots)
        self._judge_signatures()
        self._judge_public_keys()
        self._judge_end()
        self._judge_retention()
        self._judge_files()
        self._state_limits()
        return LogReport(
            self._log.directory,
            self._origin,
            self._state,
            self._reading.end,
            self._reading.minimum,
            self._signed,
            self._keys[0][1].text if self._keys else "",
            tuple(self._findings),
            tuple(self._limits),
            tuple(self._notes),
        )

    def _find(
        self, kind: Kindred, message: str, file: str, line: int | None = None, offset: int | None = None,
        record: int | None = None, length: int = 1,
    ) -> None:  # fmt: skip
        self._findings.append(Finding(kind, message, file, line, offset, record, length))

    @property
    def _closed(self) -> bool:
        return self._state is State.CLOSED

    def _find_origin(self) -> str:
        names = [c.checkpoint.origin for c in self._history.checkpoints]
        names += [own.text_of("origin") for own in self._reading.own if own.kind in (Kind.START, Kind.SEGMENT)]
        return max(set(names), key=names.count) if names else self._log.name

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def _find_checkpoints(self) -> list[SignedCheckpoint]:
        """Return the checkpoints to go by: those that a key of this log signed; where none can be checked, all."""
        found = list(self._history.checkpoints)
        if self._newest_bytes is not None:
            try:
                newest = note.parse_checkpoint(self._newest_bytes)
                found += [newest] if newest.note not in [c.note for c in found] else []
            except MalformedError:
                pass  # `_judge_newest` says so
        for checkpoint in found:
            signers = [key for _, key in self._keys if checkpoint.note.signed_by(key)]
            if signers:
                self._signers[checkpoint.note] = signers[0]
        good = [c for c in found if c.note in self._signers or not self._claims_a_known_key(c.note)]
        return sorted(good or found, key=lambda c: c.size)

    def _claims_a_known_key(self, signed: note.Note) -> bool:
        """Say whether a note names a key of this log: if that key did not sign it, it was altered."""
        known = {(key.name, key.key_id) for _, key in self._keys}
        return any((s.name, s.key_id) in known for s in signed.signatures)

    def _judge_history(self) -> None:
        history, data = self._history, self._history_bytes
        if history.problem is not None:
            self._find(
                Kindred.CHECKPOINT,
                f"altered: {history.problem.what}",
                stored.HISTORY,
                *_at(data, history.problem.offset),
            )
        elif history.end < len(data) and self._closed:
            self._find(
                Kindred.CHECKPOINT, "ends in something that is no checkpoint", stored.HISTORY, *_at(data, history.end)
            )
        elif history.end < len(data):
            self._notes.append("the last checkpoint is unfinished, as a crash leaves it; the next start moves it aside")
        before = 0
        for checkpoint in history.checkpoints:
            if checkpoint.checkpoint.origin != self._origin or checkpoint.size <= before:
                self._find(
                    Kindred.CHECKPOINT,
                    "a checkpoint that does not belong here: another log's, or out of order",
                    stored.HISTORY,
                    *_at(data, checkpoint.offset),
                )
            before = checkpoint.size
        if not self._checkpoints:
            self._find(Kindred.CHECKPOINT, "no checkpoint is left: nothing of this log can be trusted", stored.HISTORY)
        self._judge_newest()

    def _judge_newest(self) -> None:
        known = [c.note.encoded() for c in self._history.checkpoints]
        if self._newest_bytes is None:
            if self._closed:
                self._find(Kindred.CHECKPOINT, "is missing", stored.CHECKPOINT)
        elif self._newest_bytes not in (known[-1:] if self._closed else known):
            if self._state is State.CRASHED and not self._newest_bytes.strip(b"\0"):
                self._notes.append("the file checkpoint is empty, as a power cut leaves it")
            elif self._history.problem is None or self._newest_bytes not in known:
                offset = _first_difference(self._newest_bytes, known[-1] if known else b"")
                self._find(Kindred.CHECKPOINT, "is not the newest of the checkpoints", stored.CHECKPOINT, None, offset)

    # -- records and tiles -----------------------------------------------------------------------------------------

    def _judge_records(self) -> dict[int, bytes]:
        """Compare records, tiles and signed roots; say which of them were altered; return the roots that hold."""
        by_tiles, suspects = self._walk(prefer_tiles=True)
        if self._agrees(by_tiles):
            for block, expected in suspects:
                self._blame_records(block, expected)
            self._blame_tiles(by_tiles)
            self._judge_gaps()
            self._judge_tile_names(by_tiles)
            return by_tiles.roots
        by_records, _ = self._walk(prefer_tiles=False)
        if self._agrees(by_records):
            self._blame_tiles(by_records)
            self._judge_tile_names(by_records)
            return by_records.roots
        self._judge_gaps()
        for block, expected in suspects:
            self._blame_records(block, expected)
        if not self._blame_pruned_tiles() and not suspects:
            self._blame_range(by_records)
        return by_records.roots

    def _agrees(self, walk: _Pass) -> bool:
        return all(walk.roots.get(c.size) == c.checkpoint.root for c in self._checkpoints)

    def _walk(self, *, prefer_tiles: bool) -> tuple[_Pass, list[tuple[_Block, list[bytes]]]]:
        """Walk over all leaves, as the tiles have them or as the records do; return blocks where the two differ."""
        sizes = [c.size for c in self._checkpoints] + [a.size for a in self._anchors]
        walk = _Pass(self._log, sizes, self._signed)
        suspects = []
        blocks = self._reading.blocks
        ends = [b.segment.first for b in blocks[1:]] + [self._signed]
        if not blocks:
            walk.feed(self._tiled(0, self._signed))
        for block, end in zip(blocks, ends, strict=False):
            if walk.size < block.segment.first:  # pruned, or removed: only its hashes are left
                walk.feed(self._tiled(walk.size, block.segment.first))
            if walk.size != block.segment.first:
                continue
            end = max(end, block.segment.first)  # noqa: PLW2901 - a segment that only a crash can leave
            tiled = self._tiled(block.segment.first, min(end, self._signed))
            signed_here = min(end, self._signed) - block.segment.first
            last = block is blocks[-1]
            there = block.hashes[:signed_here] if last and not self._closed else block.hashes
            whole = len(tiled) == signed_here
            if whole and there != tiled:
                suspects.append((block, tiled))
            if prefer_tiles and whole:
                walk.feed(tiled)
                walk.feed(block.hashes[signed_here:] if last and there == tiled else [])
            else:
                walk.feed(block.hashes)
        return walk, suspects

    def _tiled(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes from `start` up to `end` that level 0 has; fewer where tiles are missing."""
        found: list[bytes] = []
        while start < end:
            number, skip = divmod(start, WIDTH)
            width = min(WIDTH, self._signed - number * WIDTH)
            data = self._log.tile(0, number, width) or b""
            some = split_hashes(data)[skip : skip + end - start]
            if len(some) < min(width - skip, end - start) or (some and len(some[-1]) != HASH_BYTES):
                break
            found += some
            start += len(some)
        return found

    def _blame_records(self, block: _Block, expected: list[bytes]) -> None:
        last = block is self._reading.blocks[-1]
        there = block.hashes
        changes = differences(expected, there)
        if last and not self._closed:
            changes = _without_tail(changes, len(there))
        lines, offsets = _lines_of(block.segment)
        file = os.path.relpath(block.segment.path, self._log.directory)
        for change in changes:
            self._altered |= (
                set()
                if change.signed is None
                else {block.segment.first + change.signed + i for i in range(change.length)}
            )
            at = change.found if change.found is not None else _place(change, changes)
            at = min(at, len(lines))
            record = None if change.signed is None else block.segment.first + change.signed
            message = _describe(change, block.segment.first, lines, expected)
            self._find(Kindred.RECORD, message, file, at + 1, offsets[at], record, change.length)
        if block.torn and (self._closed or not last):
            self._find_torn(block, offsets[-1])

    def _find_torn(self, block: _Block, offset: int) -> None:
        file = os.path.relpath(block.segment.path, self._log.directory)
        message = f"{block.torn} bytes stand behind the last whole record"
        self._find(Kindred.RECORD, message, file, len(block.hashes) + 1, offset)

    def _judge_gaps(self) -> None:
        """Say which records are missing because their whole segment is, and what else stands at the ends of segments."""
        blocks = self._reading.blocks
        expected = self._reading.minimum
        if blocks and blocks[0].segment.first > expected:
            self._missing(expected, blocks[0].segment.first)
        if not blocks and expected < self._signed:
            self._missing(expected, self._signed)
        for block in blocks:
            if block.torn and not any(f.file.endswith(os.path.basename(block.segment.path)) for f in self._findings):
                if self._closed or block is not blocks[-1]:
                    self._find_torn(block, _lines_of(block.segment)[1][-1])
                else:
                    self._notes.append(
                        f"{block.torn} bytes of an unfinished record at the end; the next start moves them aside"
                    )

    def _missing(self, first: int, end: int) -> None:
        file = os.path.join(stored.SEGMENTS, stored.segment_name(first))
        message = f"records {first} to {end - 1} are missing: the segment was removed"
        self._altered |= set(range(first, end))
        self._find(Kindred.RECORD, message, file, None, None, first, end - first)

    def _blame_tiles(self, walk: _Pass) -> None:
        for tile, data in walk.wrong:
            lost = data is None or not data.strip(b"\0") or (len(data) < len(tile.data) and tile.data.startswith(data))
            if lost and self._state is State.CRASHED:
                self._notes.append(f"{tile.name} is not there, as a power cut leaves it; its records are")
                continue
            if data is None:
                self._find(Kindred.TILE, "is missing; what it stands for is intact", tile.name)
                continue
            offset = _first_difference(data, tile.data)
            record = (tile.number * WIDTH + offset // HASH_BYTES) * WIDTH**tile.level
            message = "was altered; the records that it stands for are intact"
            self._find(Kindred.TILE, message, tile.name, None, offset, record)

    def _judge_tile_names(self, walk: _Pass) -> None:
        blamed = {tile.name for tile, _ in walk.wrong}
        for name in sorted(set(self._log.tile_names()) - walk.names - blamed):
            parsed = parse_tile_name(name)
            if self._closed:
                self._find(Kindred.TILE, "does not belong to this log", name)
            elif parsed is None and not name.endswith(".new"):
                self._notes.append(f"{name} does not belong to this log")

    def _blame_pruned_tiles(self) -> bool:
        """Name the tiles of pruned records that are missing, or are not what the level above says; say if any is."""
        first = self._reading.blocks[0].segment.first if self._reading.blocks else self._signed
        found = False
        for number in range(-(-first // WIDTH)):
            width = min(WIDTH, self._signed - number * WIDTH)
            data = self._log.tile(0, number, width) or b""
            above = (self._log.tile(1, number // WIDTH, number % WIDTH + 1) or b"")[number % WIDTH * HASH_BYTES :]
            whole = len(data) == width * HASH_BYTES
            if whole and (width < WIDTH or above[:HASH_BYTES] == perfect_root(split_hashes(data))):
                continue
            message = "was altered" if whole else "is missing or too short"
            self._find(
                Kindred.TILE,
                f"{message}; the records that it stands for were pruned",
                tile_name(0, number, width),
                record=number * WIDTH,
                length=width,
            )
            found = True
        return found

    def _blame_range(self, walk: _Pass) -> None:
        """Records and tiles were changed alike: the first signed root that fails, and the tiles above, narrow it down."""
        before = 0
        for checkpoint in self._checkpoints:
            if walk.roots.get(checkpoint.size) != checkpoint.checkpoint.root:
                low, high = self._narrow(walk, before, checkpoint.size)
                where = self._place_of(low)
                message = (
                    f"a record between {low} and {high - 1} was altered, and its tile with it: "
                    f"the root that was signed at {checkpoint.size} records is another"
                )
                self._altered |= set(range(low, high))
                self._find(Kindred.RECORD, message, *where, record=low, length=high - low)
                return
            before = checkpoint.size

    def _narrow(self, walk: _Pass, low: int, high: int) -> tuple[int, int]:
        """Return the range of a bundle whose hash in the level above is another, if there is one in the range."""
        for tile, data in walk.wrong:
            if tile.level == 1 and data is not None:
                for i, (mine, theirs) in enumerate(zip(split_hashes(tile.data), split_hashes(data), strict=False)):
                    start = (tile.number * WIDTH + i) * WIDTH
                    if mine != theirs and start < high and start + WIDTH > low:
                        return max(low, start), min(high, start + WIDTH)
        return low, high

    def _place_of(self, record: int) -> tuple[str, int | None, int | None]:
        for block in self._reading.blocks:
            at = record - block.segment.first
            if 0 <= at < len(block.hashes):
                file = os.path.relpath(block.segment.path, self._log.directory)
                return file, at + 1, _lines_of(block.segment)[1][at]
        return stored.SEGMENTS, None, None

    # -- keys and signatures -----------------------------------------------------------------------------------------

    def _signer(self, before: int) -> PublicKey | None:
        """Return the key that signs after a checkpoint of `before` records: the last one that it covers."""
        covered = [key for number, key in self._keys if number < max(before, 1)]
        return covered[-1] if covered else None

    def _judge_signatures(self) -> None:
        if not self._keys or self._keys[0][0] != 0:
            message = "no first record names the key of this log: no signature can be checked"
            self._find(Kindred.KEY, message, self._first_file(), 1, 0, 0)
            return
        broken = min(self._altered, default=None)  # it may have named a key
        before = 0
        for checkpoint in self._history.checkpoints:
            key = self._signer(before)
            if key is not None and self._signers.get(checkpoint.note) == key:
                before = checkpoint.size
                continue
            if broken is not None and checkpoint.size > broken:
                self._notes.append(f"checkpoints of more than {broken} records cannot be checked: their key is lost")
                break
            where = _at(self._history_bytes, checkpoint.offset)
            message = f"the checkpoint of {checkpoint.size} records is not signed by the key in office"
            self._find(Kindred.CHECKPOINT, message, stored.HISTORY, *where)
        self._judge_private_key()

    def _judge_private_key(self) -> None:
        """The log of a crashed process has the key in office lying there: it proves that nothing signed was cut."""
        if self._state is not State.CRASHED:
            return
        try:
            there = {key.public for key in self._log.signing_keys()}
        except MalformedError as error:
            self._find(Kindred.KEY, f"altered: {error.what}", stored.SIGNING_KEY)
            return
        except UnreadableError:
            self._notes.append("the signing key cannot be read by this user, so it was not checked")
            return
        wanted = self._signer(self._signed)
        if there and wanted is not None and wanted.key not in there and not self._altered:
            self._find(
                Kindred.KEY,
                "is not the key that the log names: records were cut off, or it was altered",
                stored.SIGNING_KEY,
            )

    def _first_file(self) -> str:
        if self._reading.minimum:
            return stored.PRUNED
        return os.path.join(stored.SEGMENTS, stored.segment_name(0))

    def _judge_public_keys(self) -> None:
        if self._keys and self._keys[0][0] == 0 and 0 not in self._altered:
            wanted = (self._keys[0][1].text + "\n").encode()
            data = self._log.bytes_of(stored.PUBLIC_KEY)
            if data != wanted:
                offset = None if data is None else _first_difference(data, wanted)
                self._find(Kindred.KEY, "is not the key that the first record names", stored.PUBLIC_KEY, None, offset)
        for key in self._public_keys:
            if not any(named == key for _, named in self._keys):
                message = f"was not signed with the public key {key.key_id.hex()} that was kept elsewhere: signed anew"
                self._find(Kindred.KEY, message, self._first_file(), 1, 0, 0)

    # -- what is known from elsewhere ------------------------------------------------------------------------------

    def _judge_anchors(self, roots: dict[int, bytes]) -> None:
        for anchor in self._anchors:
            there = max(self._reading.end, self._signed)
            if anchor.size > there:
                message = f"records {there} to {anchor.size - 1} were cut off: {anchor.source} covers them"
                self._find(Kindred.TRUNCATED, message, stored.SEGMENTS, None, None, there, anchor.size - there)
            elif roots.get(anchor.size) != anchor.root and not self._altered:
                message = f"the first {anchor.size} records are not those that {anchor.source} covers: rewritten"
                self._find(Kindred.RECORD, message, stored.SEGMENTS, None, None, 0, anchor.size)
        keys = [key for _, key in self._keys] + self._public_keys
        for checkpoint in self._outside:
            if not any(checkpoint.note.signed_by(key) for key in keys):
                message = "no key of this log signed the checkpoint that was kept elsewhere"
                self._find(Kindred.CHECKPOINT, message, stored.HISTORY)

    # -- the end of a log, what was pruned, other files --------------------------------------------------------------

    def _judge_end(self) -> None:
        unsigned = self._reading.end - self._signed
        if not self._closed:
            if unsigned > 0:
                self._limits.append(
                    f"records {self._signed} to {self._reading.end - 1} are not covered by a checkpoint yet: "
                    "that they were altered cannot be excluded"
                )
            return
        last = self._reading.last
        ended = last is not None and last.kind is Kind.CLOSED and last.number == self._signed - 1
        if not ended and not any(f.kind is Kindred.RECORD for f in self._findings):
            self._find(
                Kindred.TRUNCATED,
                f"ends with record {self._reading.end - 1}, which is no record of its closing, and its key is gone: cut off",
                stored.SEGMENTS,
                None,
                None,
                self._reading.end,
            )

    def _judge_retention(self) -> None:
        reading = self._reading
        if reading.problem is not None:
            self._find(Kindred.RETENTION, f"altered: {reading.problem.what}", stored.PRUNED)
            return
        for evidence in reading.kept:
            if self._tiled(evidence.number, evidence.number + 1) != [leaf_hash(evidence.line)]:
                message = f"record {evidence.number}, which was kept when its segment was pruned, was altered"
                self._find(Kindred.RETENTION, message, stored.PRUNED, None, None, evidence.number)
        if not reading.minimum:
            return
        if reading.minimum > self._signed or (reading.minimum % WIDTH and reading.minimum != self._signed):
            self._find(
                Kindred.RETENTION, f"says that {reading.minimum} records were pruned; that cannot be", stored.PRUNED
            )
            return
        times = [own.time_ns for own in reading.own if own.number >= reading.minimum - 1]
        days = max((own.number_of("retention_days") for own in reading.own), default=0)
        if not times or times[0] + days * DAY_NS > self._now:
            message = f"records 0 to {reading.minimum - 1} were removed before their {days} days were over"
            self._find(Kindred.RETENTION, message, stored.PRUNED, None, None, 0, reading.minimum)

    def _judge_files(self) -> None:
        known = {}
        for own in self._reading.own:
            if own.kind is Kind.RECOVERED:
                known.update({str(row.get("file")): row.get("sha256") for row in own.rows_of("torn")})
        for name, digest in sorted(known.items()):
            data = self._log.bytes_of(name) if name.startswith(stored.TORN + "/") and ".." not in name else None
            if data is None or hashlib.sha256(data).hexdigest() != digest:
                self._find(Kindred.FILE, "is missing or altered; a record names its hash", name)
        for name in sorted(os.listdir(self._log.directory)):
            if name not in _PLAIN_FILES and not name.endswith(".new"):
                self._notes.append(f"{name} does not belong to this log")
        segments = {os.path.basename(s.path) for s in self._log.segments()}
        path = self._log.path(stored.SEGMENTS)
        for name in sorted(set(os.listdir(path)) - segments) if os.path.isdir(path) else ():
            self._find(Kindred.FILE, "is no segment of this log", os.path.join(stored.SEGMENTS, name))

    def _state_limits(self) -> None:
        if not self._outside:
            self._limits.append(
                f"that the end was cut off after a signed checkpoint, or the whole log removed: "
                f"compare with a checkpoint kept elsewhere (--checkpoint); this one ends at {self._signed} records"
            )
            if not self._public_keys:
                self._limits.append(
                    "that the whole log was written and signed anew with another key: "
                    "compare with a checkpoint (--checkpoint) or public key (--public-key) kept elsewhere"
                )
        elif max(c.size for c in self._outside) < self._signed:
            newest = max(c.size for c in self._outside)
            self._limits.append(
                f"records {newest} to {self._signed - 1} are newer than the checkpoint kept elsewhere: "
                "whoever held the key then could have cut them off or replaced them"
            )


def _without_tail(changes: list[Difference], end: int) -> list[Difference]:
    """Drop what is only there because records follow the signed ones."""
    kept = []
    for change in changes:
        extra = change.change in (Change.INSERTED, Change.DUPLICATED) and change.found is not None
        if extra and change.found is not None and change.found + change.length == end:
            continue
        kept.append(change)
    return kept


def _lines_of(segment: Segment) -> tuple[list[bytes], list[int]]:
    """Return the lines of a segment and the byte at which each begins, and after them the byte after the last."""
    lines, _ = segment.read()
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    return lines, offsets


def _place(change: Difference, changes: list[Difference]) -> int:
    """Return the line at which removed records would stand."""
    assert change.signed is not None
    shift = sum(c.length for c in changes if c.change is Change.REMOVED and (c.signed or 0) < change.signed)
    shift -= sum(
        c.length for c in changes if c.change in (Change.INSERTED, Change.DUPLICATED) and (c.found or 0) < change.signed
    )
    return max(change.signed - shift, 0)


def _describe(change: Difference, first: int, lines: Sequence[bytes], expected: Sequence[bytes]) -> str:
    """Say what happened; never quote a record: it may be what somebody wanted to be seen."""
    signed = None if change.signed is None else first + change.signed
    several = change.length > 1
    numbers = f"records {signed} to {(signed or 0) + change.length - 1}" if several else f"record {signed}"
    match change.change:
        case Change.ALTERED:
            return f"{numbers} {'were' if several else 'was'} altered"
        case Change.REMOVED:
            return f"{numbers} {'are' if several else 'is'} missing"
        case Change.MOVED:
            return f"{numbers} {'were' if several else 'was'} moved here"
        case Change.DUPLICATED:
            twin = first + expected.index(leaf_hash(lines[change.found or 0]))
            return f"{change.length} records were inserted, the first a copy of record {twin}" if several else (
                f"a copy of record {twin} was inserted"
            )  # fmt: skip
        case Change.INSERTED:
            return f"{change.length} records were inserted" if several else "a record was inserted"


def _at(data: bytes, offset: int) -> tuple[int, int]:
    """Return the line (from 1) and the byte."""
    return data.count(b"\n", 0, offset) + 1, offset


def _first_difference(one: bytes, other: bytes) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
