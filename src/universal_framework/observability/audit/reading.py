"""A log read as a whole: hashes of its records, the trail's own records, and one walk over all leaves. Judges nothing.

In: a stored log. Out: what its records hash to, which keys they name, the roots at the sizes that matter, and where
what is stored of the levels differs from those that the leaves make.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from universal_framework.observability.audit import note, records, stored
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import HASH_BYTES, leaf_hashes
from universal_framework.observability.audit.note import PublicKey
from universal_framework.observability.audit.records import Kind, Own
from universal_framework.observability.audit.stored import Segment, StoredLog
from universal_framework.observability.audit.tiles import WIDTH, TiledTree, level_length


class Block:
    """The records of one segment: their hashes, and what stands behind the last line break."""

    __slots__ = ("hashes", "segment", "torn")

    def __init__(self, segment: Segment, hashes: list[bytes], torn: int) -> None:
        self.segment = segment
        self.hashes = hashes
        self.torn = torn


class Reading:
    """All records of a log, as hashes, and the trail's own ones in full."""

    def __init__(self, log: StoredLog) -> None:
        self._log = log
        self.blocks: list[Block] = []
        self.own: list[Own] = []
        self.kept: tuple[stored.Evidence, ...] = ()
        self.last: Own | None = None
        self.problem: MalformedError | None = None
        self.minimum = 0

    def read(self) -> Reading:
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
            self.blocks.append(Block(segment, leaf_hashes(lines), len(torn)))
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


class Mismatch(NamedTuple):
    """Hashes of a level, within one tile, that are not those which the leaves make."""

    level: int
    start: int  # number of the first hash
    made: bytes
    found: bytes


class Walk:
    """One walk over leaf hashes: the roots at the sizes that matter, and what differs in the levels stored."""

    def __init__(self, log: StoredLog, sizes: Iterable[int], signed: int) -> None:
        self.roots: dict[int, bytes] = {}
        self.wrong: list[Mismatch] = []
        self._log = log
        self._sizes = sorted(set(sizes))
        self._signed = signed
        self._tree = TiledTree()
        self._compared: list[int] = []

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
            self._tree.extend(hashes[start:stop])
            start = min(stop, len(hashes))
            if at < len(self._sizes) and self._tree.size == self._sizes[at]:
                self.roots[self._tree.size] = self._tree.root()
        for level, data in enumerate(self._tree.take_fresh()):
            self._compare(level, data)

    def _compare(self, level: int, data: bytes) -> None:
        """Compare what a level gained with what is stored, as far as it is signed."""
        if level == len(self._compared):
            self._compared.append(0)
        start = self._compared[level]
        end = min(start + len(data) // HASH_BYTES, level_length(level, self._signed))
        self._compared[level] = start + len(data) // HASH_BYTES
        if end <= start:
            return
        found = self._log.hashes(level, start, end - start)
        if found == data[: (end - start) * HASH_BYTES]:
            return
        while start < end:
            stop = min((start // WIDTH + 1) * WIDTH, end)
            first, last = ((n - self._compared[level]) * HASH_BYTES + len(data) for n in (start, stop))
            mine, theirs = data[first:last], found[first:last]
            if mine != theirs:
                self.wrong.append(Mismatch(level, start, mine, theirs))
            start = stop


def named_keys(own: Iterable[Own]) -> list[tuple[int, PublicKey]]:
    """Return the keys that records name, with the numbers of the records."""
    found = []
    for record in own:
        if record.kind in (Kind.START, Kind.KEY):
            try:
                found.append((record.number, note.parse_public_key(record.text_of("public_key"))))
            except MalformedError:
                continue
    return found
