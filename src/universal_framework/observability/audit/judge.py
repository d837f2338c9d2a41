"""One log on trial: what of it was altered, and where.

Blame goes by what was signed. Leaves as the tiles have them and leaves as the records have them are two witnesses: if
the signed roots agree with one of them, the other was altered, record by record. If they agree with neither, records
and tiles were changed alike; then the first signed root that fails, and the tiles above, say in which range.

The chain of keys: record 0 names the first. A key that a record names takes office once a checkpoint of its predecessor
covers that record. So whoever holds the present key can sign no past, and past keys are gone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from universal_framework.observability.audit import note, stored
from universal_framework.observability.audit.disk import BESIDE
from universal_framework.observability.audit.errors import MalformedError, UnreadableError
from universal_framework.observability.audit.findings import Anchor, Finding, LogReport, Subject
from universal_framework.observability.audit.locate import Change, Difference, differences
from universal_framework.observability.audit.merkle import HASH_BYTES, leaf_hash, perfect_root
from universal_framework.observability.audit.note import PublicKey, SignedCheckpoint
from universal_framework.observability.audit.reading import Block, Reading, Walk, named_keys
from universal_framework.observability.audit.records import DAY_NS, Kind
from universal_framework.observability.audit.stored import Segment, State, StoredLog
from universal_framework.observability.audit.tiles import WIDTH, level_length, split_hashes

_PLAIN_FILES = frozenset(
    (stored.LOCK, stored.PUBLIC_KEY, stored.SIGNING_KEY, stored.NEXT_KEY, stored.CHECKPOINT, stored.HISTORY)
) | {stored.SEGMENTS, stored.TILES, stored.TORN, stored.PRUNED}


class Judge:
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
        self._reading = Reading(log).read()
        self._keys = named_keys(self._reading.own)
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
        self._judge_newest()
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
        self, kind: Subject, message: str, file: str, line: int | None = None, offset: int | None = None,
        record: int | None = None, length: int = 1,
    ) -> None:  # fmt: skip
        self._findings.append(Finding(kind, message, file, line, offset, record, length))

    @property
    def _closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def _ended(self) -> bool:
        """Whether the last record says that it is the last, and is signed."""
        last = self._reading.last
        return last is not None and last.kind is Kind.CLOSED and last.number == self._signed - 1

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
                Subject.CHECKPOINT,
                f"altered: {history.problem.what}",
                stored.HISTORY,
                *_at(data, history.problem.offset),
            )
        elif history.end < len(data) and self._closed:
            self._find(
                Subject.CHECKPOINT, "ends in something that is no checkpoint", stored.HISTORY, *_at(data, history.end)
            )
        elif history.end < len(data):
            self._notes.append("the last checkpoint is unfinished, as a crash leaves it; the next start moves it aside")
        before = 0
        for checkpoint in history.checkpoints:
            if checkpoint.checkpoint.origin != self._origin or checkpoint.size <= before:
                self._find(
                    Subject.CHECKPOINT,
                    "a checkpoint that does not belong here: another log's, or out of order",
                    stored.HISTORY,
                    *_at(data, checkpoint.offset),
                )
            before = checkpoint.size
        if not self._checkpoints:
            self._find(Subject.CHECKPOINT, "no checkpoint is left: nothing of this log can be trusted", stored.HISTORY)

    def _judge_newest(self) -> None:
        data = self._newest_bytes
        known = [c.note.encoded() for c in self._history.checkpoints]
        if data is None:
            if self._closed:
                self._find(Subject.CHECKPOINT, "is missing", stored.CHECKPOINT)
        elif data in (known[-1:] if self._closed else known):
            return
        elif data in self._genuine():  # so the history is to blame
            if not any(f.file == stored.HISTORY for f in self._findings):
                self._find(Subject.CHECKPOINT, "the newest checkpoint is missing", stored.HISTORY)
        elif self._state is State.CRASHED and not data.strip(b"\0"):
            self._notes.append("the file checkpoint is empty, as a power cut leaves it")
        else:
            offset = _first_difference(data, known[-1] if known else b"")
            self._find(Subject.CHECKPOINT, "is not the newest of the checkpoints", stored.CHECKPOINT, None, offset)

    def _genuine(self) -> list[bytes]:
        """Return the newest checkpoint that a key of this log signed."""
        return [c.note.encoded() for c in self._checkpoints[-1:] if c.note in self._signers]

    # -- records and tiles -----------------------------------------------------------------------------------------

    def _judge_records(self) -> dict[int, bytes]:
        """Compare records, tiles and signed roots; say which of them were altered; return the roots that hold."""
        by_tiles, suspects = self._walk(prefer_tiles=True)
        if self._agrees(by_tiles):
            for block, expected in suspects:
                self._blame_records(block, expected)
            self._blame_tiles(by_tiles)
            self._judge_gaps()
            self._judge_levels()
            return by_tiles.roots
        by_records, _ = self._walk(prefer_tiles=False)
        if self._agrees(by_records):
            self._blame_tiles(by_records)
            self._judge_levels()
            return by_records.roots
        self._judge_gaps()
        for block, expected in suspects:
            self._blame_records(block, expected)
        if not self._blame_pruned_tiles() and not suspects:
            self._blame_range(by_records)
        return by_records.roots

    def _agrees(self, walk: Walk) -> bool:
        return all(walk.roots.get(c.size) == c.checkpoint.root for c in self._checkpoints)

    def _walk(self, *, prefer_tiles: bool) -> tuple[Walk, list[tuple[Block, list[bytes]]]]:
        """Walk over all leaves, as the tiles have them or as the records do; return blocks where the two differ."""
        sizes = [c.size for c in self._checkpoints] + [a.size for a in self._anchors]
        walk = Walk(self._log, sizes, self._signed)
        suspects = []
        blocks = self._reading.blocks
        if not blocks:
            walk.feed(self._tiled(0, self._signed))
        for block in blocks:
            first = block.segment.first
            if walk.size < first:  # pruned, or removed: only its hashes are left
                walk.feed(self._tiled(walk.size, first))
            if walk.size != first:
                continue
            count = max(min(self._end_of(block), self._signed) - first, 0)
            tiled = self._tiled(first, first + count)
            there = block.hashes[:count] if self._is_open(block) else block.hashes
            whole = len(tiled) == count
            if whole and there != tiled:
                suspects.append((block, tiled))
            if prefer_tiles and whole:
                walk.feed(tiled)
                walk.feed(block.hashes[count:] if there == tiled else [])
            else:
                walk.feed(block.hashes)
        return walk, suspects

    def _end_of(self, block: Block) -> int:
        """Return the number after that of the last record that belongs to a segment, as the names of files say."""
        following = [b.segment.first for b in self._reading.blocks if b.segment.first > block.segment.first]
        if following:
            return following[0]
        return self._signed if self._closed else max(self._signed, self._reading.end)

    def _is_open(self, block: Block) -> bool:
        """Say whether records without a checkpoint may follow the signed ones of this segment."""
        last = block is self._reading.blocks[-1]
        return not self._closed and (last or self._end_of(block) > self._signed)

    def _tiled(self, start: int, end: int) -> list[bytes]:
        """Return the leaf hashes from `start` up to `end` that level 0 has; fewer where they are missing."""
        return split_hashes(self._log.hashes(0, start, max(min(end, self._signed) - start, 0)))

    def _blame_records(self, block: Block, expected: list[bytes]) -> None:
        changes = differences(expected, block.hashes)
        if self._is_open(block):
            changes = _without_tail(changes, len(block.hashes))
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
            record = block.segment.first + (at if change.signed is None else change.signed)
            message = _describe(change, block.segment.first, lines, expected)
            self._find(Subject.RECORD, message, file, at + 1, offsets[at], record, change.length)
        if block.torn and not self._is_open(block):
            self._find_torn(block, offsets[-1])

    def _find_torn(self, block: Block, offset: int) -> None:
        file = os.path.relpath(block.segment.path, self._log.directory)
        message = f"{block.torn} bytes stand behind the last whole record"
        self._find(Subject.RECORD, message, file, len(block.hashes) + 1, offset)

    def _judge_gaps(self) -> None:
        """Say which records are missing because their segment is, and what else stands at the ends of segments."""
        blocks = self._reading.blocks
        expected = self._reading.minimum
        if blocks and blocks[0].segment.first > expected:
            self._missing(expected, blocks[0].segment.first)
        if not blocks and expected < self._signed:
            self._missing(expected, self._signed)
        for block in blocks:
            if block.torn and not any(f.file.endswith(os.path.basename(block.segment.path)) for f in self._findings):
                if not self._is_open(block):
                    self._find_torn(block, _lines_of(block.segment)[1][-1])
                else:
                    self._notes.append(
                        f"{block.torn} bytes of an unfinished record at the end; the next start moves them aside"
                    )

    def _missing(self, first: int, end: int) -> None:
        file = os.path.join(stored.SEGMENTS, stored.segment_name(first))
        message = f"records {first} to {end - 1} are missing: the segment was removed"
        self._altered |= set(range(first, end))
        self._find(Subject.RECORD, message, file, None, None, first, end - first)

    def _blame_tiles(self, walk: Walk) -> None:
        ended: set[int] = set()
        for wrong in walk.wrong:
            file, at = _level_file(wrong.level), wrong.start * HASH_BYTES
            lost = wrong.made.startswith(wrong.found.rstrip(b"\0"))
            if lost and self._state is State.CRASHED:
                if wrong.level not in ended:
                    self._notes.append(f"the end of {file} is not there, as a power cut leaves it; its records are")
                ended.add(wrong.level)
            elif wrong.made.startswith(wrong.found):
                if wrong.level not in ended:
                    message = "is missing or too short; the records that it stands for are intact"
                    self._find(Subject.TILE, message, file, None, at + len(wrong.found))
                ended.add(wrong.level)
            else:
                difference = _first_difference(wrong.found, wrong.made)
                record = (wrong.start + difference // HASH_BYTES) * WIDTH**wrong.level
                message = "was altered; the records that it stands for are intact"
                self._find(Subject.TILE, message, file, None, at + difference, record)

    def _judge_levels(self) -> None:
        """A closed log has exactly the levels that its size asks for."""
        for name in self._log.levels() if self._closed else ():
            length = level_length(int(name), self._signed) * HASH_BYTES if name.isdecimal() and len(name) < 3 else 0
            size = os.path.getsize(self._log.path(stored.TILES, name))
            if not length or str(int(name)) != name:
                self._find(Subject.TILE, "does not belong to this log", f"{stored.TILES}/{name}")
            elif size > length:
                self._find(Subject.TILE, "has bytes behind its last hash", f"{stored.TILES}/{name}", None, length)

    def _blame_pruned_tiles(self) -> bool:
        """Name the hashes of pruned records that are missing, or not what the level above says; say if any are."""
        first = self._reading.blocks[0].segment.first if self._reading.blocks else self._signed
        found = False
        for start in range(0, first, WIDTH):
            width = min(WIDTH, self._signed - start)
            hashes = self._tiled(start, start + width)
            above = self._log.hashes(1, start // WIDTH, 1)
            whole = len(hashes) == width
            if whole and (width < WIDTH or above == perfect_root(hashes)):
                continue
            message = "was altered" if whole else "is missing or too short"
            self._find(
                Subject.TILE,
                f"{message}; the records that it stands for were pruned",
                _level_file(0),
                offset=(start + (0 if whole else len(hashes))) * HASH_BYTES,
                record=start,
                length=width,
            )
            found = True
            if not whole:
                break
        return found

    def _blame_range(self, walk: Walk) -> None:
        """Name the range in which records and tiles were changed alike: by signed roots, and the tiles above."""
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
                self._find(Subject.RECORD, message, *where, record=low, length=high - low)
                return
            before = checkpoint.size

    def _narrow(self, walk: Walk, low: int, high: int) -> tuple[int, int]:
        """Return the range of a bundle whose hash in the level above is another, if there is one in the range."""
        for wrong in walk.wrong:
            if wrong.level == 1:
                pairs = zip(split_hashes(wrong.made), split_hashes(wrong.found), strict=False)
                for start in ((wrong.start + i) * WIDTH for i, (mine, theirs) in enumerate(pairs) if mine != theirs):
                    if start < high and start + WIDTH > low:
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
            self._find(Subject.KEY, message, self._first_file(), 1, 0, 0)
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
            self._find(Subject.CHECKPOINT, message, stored.HISTORY, *where)
        self._judge_private_key()

    def _judge_private_key(self) -> None:
        """The log of a crashed process has the key in office lying there: it proves that nothing signed was cut."""
        if self._state is not State.CRASHED:
            return
        if self._ended:
            self._notes.append("the log is closed, but its key is not erased yet; the next start does it")
            return
        try:
            there = {key.public for key in self._log.signing_keys()}
        except MalformedError as error:
            self._find(Subject.KEY, f"altered: {error.what}", stored.SIGNING_KEY)
            return
        except UnreadableError:
            self._notes.append("the signing key cannot be read by this user, so it was not checked")
            return
        wanted = self._signer(self._signed)
        if there and wanted is not None and wanted.key not in there and not self._altered:
            self._find(
                Subject.KEY,
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
                self._find(Subject.KEY, "is not the key that the first record names", stored.PUBLIC_KEY, None, offset)
        for key in self._public_keys:
            if not any(named == key for _, named in self._keys):
                message = f"was not signed with the public key {key.key_id.hex()} that was kept elsewhere: signed anew"
                self._find(Subject.KEY, message, self._first_file(), 1, 0, 0)

    # -- what is known from elsewhere ------------------------------------------------------------------------------

    def _judge_anchors(self, roots: dict[int, bytes]) -> None:
        for anchor in self._anchors:
            there = max(self._reading.end, self._signed)
            if anchor.size > there:
                message = f"records {there} to {anchor.size - 1} were cut off: {anchor.source} covers them"
                self._find(Subject.TRUNCATED, message, stored.SEGMENTS, None, None, there, anchor.size - there)
            elif roots.get(anchor.size) != anchor.root and not self._altered:
                message = f"the first {anchor.size} records are not those that {anchor.source} covers: rewritten"
                self._find(Subject.RECORD, message, stored.SEGMENTS, None, None, 0, anchor.size)
        keys = [key for _, key in self._keys] + self._public_keys
        for checkpoint in self._outside:
            if not any(checkpoint.note.signed_by(key) for key in keys):
                message = "no key of this log signed the checkpoint that was kept elsewhere"
                self._find(Subject.CHECKPOINT, message, stored.HISTORY)

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
        if not self._ended and not any(f.kind is Subject.RECORD for f in self._findings):
            self._find(
                Subject.TRUNCATED,
                f"ends with record {self._reading.end - 1}, not with that of its closing, and its key is gone: cut off",
                stored.SEGMENTS,
                None,
                None,
                self._reading.end,
            )

    def _judge_retention(self) -> None:
        reading = self._reading
        if reading.problem is not None:
            self._find(Subject.RETENTION, f"altered: {reading.problem.what}", stored.PRUNED)
            return
        for evidence in reading.kept:
            if self._tiled(evidence.number, evidence.number + 1) != [leaf_hash(evidence.line)]:
                message = f"record {evidence.number}, which was kept when its segment was pruned, was altered"
                self._find(Subject.RETENTION, message, stored.PRUNED, None, None, evidence.number)
        if not reading.minimum:
            return
        if reading.minimum > self._signed or (reading.minimum % WIDTH and reading.minimum != self._signed):
            self._find(
                Subject.RETENTION, f"says that {reading.minimum} records were pruned; that cannot be", stored.PRUNED
            )
            return
        times = [own.time_ns for own in reading.own if own.number >= reading.minimum - 1]
        days = max((own.number_of("retention_days") for own in reading.own), default=0)
        if not times or times[0] + days * DAY_NS > self._now:
            message = f"records 0 to {reading.minimum - 1} were removed before their {days} days were over"
            self._find(Subject.RETENTION, message, stored.PRUNED, None, None, 0, reading.minimum)

    def _judge_files(self) -> None:
        known = {}
        for own in self._reading.own:
            if own.kind is Kind.RECOVERED:
                known.update({str(row.get("file")): row.get("sha256") for row in own.rows_of("torn")})
        for name, digest in sorted(known.items()):
            data = self._log.bytes_of(name) if name.startswith(stored.TORN + "/") and ".." not in name else None
            if data is None or hashlib.sha256(data).hexdigest() != digest:
                self._find(Subject.FILE, "is missing or altered; a record names its hash", name)
        for name in sorted(os.listdir(self._log.directory)):
            if name not in _PLAIN_FILES and not name.endswith(BESIDE):
                self._notes.append(f"{name} does not belong to this log")
        segments = {os.path.basename(s.path) for s in self._log.segments()}
        path = self._log.path(stored.SEGMENTS)
        for name in sorted(set(os.listdir(path)) - segments) if os.path.isdir(path) else ():
            if os.path.getsize(os.path.join(path, name)):
                self._find(Subject.FILE, "is no segment of this log", os.path.join(stored.SEGMENTS, name))

    def _state_limits(self) -> None:
        if not self._outside:
            self._limits.append(
                "that the end was cut off after a signed checkpoint, or a whole log removed: "
                "compare with a checkpoint kept elsewhere (--checkpoint)"
            )
            if not self._public_keys:
                self._limits.append(
                    "that a whole log was written and signed anew with another key: "
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


def _level_file(level: int) -> str:
    return f"{stored.TILES}/{level}"


def _at(data: bytes, offset: int) -> tuple[int, int]:
    """Return the line (from 1) and the byte."""
    return data.count(b"\n", 0, offset) + 1, offset


def _first_difference(one: bytes, other: bytes) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
