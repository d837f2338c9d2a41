"""A Merkle tree cut into tiles of 256 hashes, as C2SP tlog-tiles cuts it. Pure.

In: leaf hashes in order. Out: the tiles that are full now, the partial ones of this size, the root; and, from tiles
that somebody reads, the hash of any complete subtree. Names of tiles are relative and use ``/``.

https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import HASH_BYTES, bag, peaks, perfect_root

WIDTH = 256
_HEIGHT = 8  # 2**8 == WIDTH
_NAME = re.compile(r"tile/(0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")


class Tile(NamedTuple):
    """One tile: its level (0 has leaf hashes), its number in the level, and up to 256 hashes in one string."""

    level: int
    number: int
    data: bytes

    @property
    def width(self) -> int:
        """How many hashes it holds."""
        return len(self.data) // HASH_BYTES

    @property
    def name(self) -> str:
        """Where the specification puts it."""
        return tile_name(self.level, self.number, self.width)


def tile_name(level: int, index: int, width: int = WIDTH) -> str:
    """Return the relative name of a tile; 1234067 becomes ``x001/x234/067``."""
    return f"tile/{level}/{index_name(index)}" + (f".p/{width}" if width < WIDTH else "")


def index_name(index: int) -> str:
    """Return a tile's number as path elements of three digits."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def parse_tile_name(name: str) -> tuple[int, int, int] | None:
    """Return level, number and width of the tile with this name, or None where it names none."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    level, index, width = int(match[1]), int(match[2].replace("/", "").replace("x", "")), int(match[3] or WIDTH)
    return (level, index, width) if tile_name(level, index, width) == name else None


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes that stand in a tile."""
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


class TiledTree:
    """A tree that grows, holding only what its next hash needs: fewer than 256 hashes in each level."""

    __slots__ = ("_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]

    @classmethod
    def restored(cls, size: int, load: LoadTile) -> TiledTree:
        """Return the tree of `size` leaves from its rightmost tiles.

        Raises:
            MalformedError: A tile is missing or too short.
        """
        tree = cls()
        tree.size = size
        tree._levels = []
        count, level = size, 0
        while count or level == 0:
            width = count % WIDTH
            data = load(level, count // WIDTH, width) if width else b""
            if data is None or len(data) < width * HASH_BYTES:
                raise MalformedError(f"{tile_name(level, count // WIDTH, width)} is missing or too short")
            tree._levels.append(split_hashes(data[: width * HASH_BYTES]))
            count //= WIDTH
            level += 1
        return tree

    def extend(self, leaves: Sequence[bytes]) -> list[Tile]:
        """Add leaf hashes; return the tiles that they filled, lower levels first."""
        full: list[Tile] = []
        start = 0
        while start < len(leaves):
            row = self._levels[0]
            some = leaves[start : start + WIDTH - len(row)]
            row.extend(some)
            self.size += len(some)
            start += len(some)
            if len(row) == WIDTH:
                self._carry(full)
        return full

    def _carry(self, full: list[Tile]) -> None:
        level = 0
        while len(self._levels[level]) == WIDTH:
            row = self._levels[level]
            full.append(Tile(level, self.size // WIDTH ** (level + 1) - 1, b"".join(row)))
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(perfect_root(row))
            self._levels[level] = []
            level += 1

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return bag([peak for row in reversed(self._levels) for peak in peaks(row)])

    def partial_tiles(self) -> list[Tile]:
        """Return the tiles of this size that are not full yet."""
        return [
            Tile(level, self.size // WIDTH ** (level + 1), b"".join(row))
            for level, row in enumerate(self._levels)
            if row
        ]


#: (level, index, width) -> at least `width` hashes in one string, or None where there is no such tile.
LoadTile = Callable[[int, int, int], bytes | None]


class TileReader:
    """The hash of any complete subtree of a tree of `size` leaves, from its tiles."""

    def __init__(self, size: int, load: LoadTile) -> None:
        self._size = size
        self._load = load
        self._last: tuple[int, int, bytes] = (-1, -1, b"")

    def subtree(self, height: int, index: int) -> bytes:
        """Return the hash of the complete subtree of 2**height leaves that begins at leaf index * 2**height.

        Raises:
            MalformedError: A tile that this needs is missing or too short.
        """
        level, width = height // _HEIGHT, 1 << (height % _HEIGHT)
        start = index * width
        data = self._tile(level, start // WIDTH)
        at = start % WIDTH * HASH_BYTES
        hashes = split_hashes(data[at : at + width * HASH_BYTES])
        if len(hashes) != width:
            raise MalformedError(f"{tile_name(level, start // WIDTH)} is too short")
        return perfect_root(hashes)

    def leaf(self, index: int) -> bytes:
        """Return the hash of one leaf."""
        return self.subtree(0, index)

    def _tile(self, level: int, index: int) -> bytes:
        if self._last[:2] == (level, index):
            return self._last[2]
        width = min(WIDTH, (self._size // WIDTH**level) - index * WIDTH)
        data = self._load(level, index, width) if width > 0 else None
        if data is None:
            raise MalformedError(f"{tile_name(level, index, max(width, 1))} is missing")
        self._last = (level, index, data)
        return data
