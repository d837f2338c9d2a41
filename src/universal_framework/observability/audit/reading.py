"""A log read as a whole: hashes of its records, the trail's own records, and one walk over all leaves. Judges nothing.

In: a stored log. Out: what its records hash to, which keys they name, the roots at the sizes that matter, and which
stored tiles differ from those that the leaves make.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from universal_framework.observability.audit import note, records, stored
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import leaf_hashes
from universal_framework.observability.audit.note import PublicKey
from universal_framework.observability.audit.records import Kind, Own
from universal_framework.observability.audit.stored import Segment, StoredLog
from universal_framework.observability.audit.tiles import WIDTH, Tile, TiledTree


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


class Walk:
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
