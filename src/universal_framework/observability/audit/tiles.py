"""A Merkle tree in the levels of C2SP tlog-tiles: level 0 has the leaves, each level above one hash for 256. Pure.

In: leaf hashes in order. Out: what each level gains, the root; and, from levels that somebody reads, the hash of any
complete subtree. Stored are whole levels, one file each, to which a log only appends: a tile of the specification is
8,192 bytes of it (`tile_name` says which, for whoever serves or exports them). A file per tile would cost a log more
than all its hashing does.

https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import HASH_BYTES, bag, peaks, perfect_root

WIDTH = 256
_HEIGHT = 8  # 2**8 == WIDTH

#: (level, start, count) -> up to `count` hashes of a level from number `start` on, in one string.
LoadHashes = Callable[[int, int, int], bytes]


def tile_name(level: int, number: int, width: int = WIDTH) -> str:
    """Return how the specification names a tile; number 1234067 becomes ``x001/x234/067``."""
    return f"tile/{level}/{number_name(number, width)}"


def number_name(number: int, width: int = WIDTH) -> str:
    """Return a tile's number as path elements of three digits, and its width where it is not full."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03d}")
    return "/".join(reversed(groups)) + (f".p/{width}" if width < WIDTH else "")


def level_length(level: int, size: int) -> int:
    """Return how many hashes a level has in a tree of `size` leaves."""
    return size >> (_HEIGHT * level)


def split_hashes(data: bytes) -> list[bytes]:
    """Return the hashes that stand in a string, without an unfinished last one."""
    return [data[i : i + HASH_BYTES] for i in range(0, len(data) - HASH_BYTES + 1, HASH_BYTES)]


class TiledTree:
    """A tree that grows, holding only what its next hash needs: fewer than 256 hashes in each level."""

    __slots__ = ("_fresh", "_levels", "size")

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[]]
        self._fresh: list[bytearray] = [bytearray()]

    @classmethod
    def restored(cls, size: int, load: LoadHashes) -> TiledTree:
        """Return the tree of `size` leaves from the ends of its levels.

        Raises:
            MalformedError: A level is too short.
        """
        tree = cls()
        tree.size = size
        tree._levels = []
        level = 0
        while (length := level_length(level, size)) or level == 0:
            width = length % WIDTH
            row = split_hashes(load(level, length - width, width))
            if len(row) != width:
                raise MalformedError(f"tile/{level} has fewer than {length} hashes")
            tree._levels.append(row)
            level += 1
        tree._fresh = [bytearray() for _ in tree._levels]
        return tree

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes."""
        self._fresh[0] += b"".join(leaves)
        start = 0
        while start < len(leaves):
            row = self._levels[0]
            some = leaves[start : start + WIDTH - len(row)]
            row.extend(some)
            self.size += len(some)
            start += len(some)
            if len(row) == WIDTH:
                self._carry()

    def _carry(self) -> None:
        level = 0
        while len(self._levels[level]) == WIDTH:
            above = perfect_root(self._levels[level])
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
                self._fresh.append(bytearray())
            self._levels[level].append(above)
            self._fresh[level] += above

    def take_fresh(self) -> list[bytes]:
        """Return, once, what each level gained since this was last asked."""
        fresh = [bytes(data) for data in self._fresh]
        for data in self._fresh:
            data.clear()
        return fresh

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        return bag([peak for row in reversed(self._levels) for peak in peaks(row)])


class TileReader:
    """The hash of any complete subtree of a tree, from its levels."""

    def __init__(self, load: LoadHashes) -> None:
        self._load = load

    def subtree(self, height: int, index: int) -> bytes:
        """Return the hash of the complete subtree of 2**height leaves that begins at leaf index * 2**height.

        Raises:
            MalformedError: The level that has it is too short.
        """
        level, width = height // _HEIGHT, 1 << (height % _HEIGHT)
        hashes = split_hashes(self._load(level, index * width, width))
        if len(hashes) != width:
            raise MalformedError(f"tile/{level} has fewer than {(index + 1) * width} hashes")
        return perfect_root(hashes)

    def leaf(self, index: int) -> bytes:
        """Return the hash of one leaf."""
        return self.subtree(0, index)
