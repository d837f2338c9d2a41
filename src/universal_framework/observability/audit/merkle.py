"""The Merkle tree of RFC 6962 section 2.1 and RFC 9162 section 2.1, over SHA-256 (FIPS 180-4). Pure.

In: hashes of leaves, in order. Out: roots, proofs, and whether a proof holds. The tree is never held here: whoever
asks for a proof hands in a function that knows the hash of any complete subtree (`tiles` has one that reads tiles).
Nothing here reads a file, takes a clock, or trusts a length it was given.

https://www.rfc-editor.org/rfc/rfc6962#section-2.1
https://www.rfc-editor.org/rfc/rfc9162#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32

#: The root of a tree without leaves: the hash of nothing.
EMPTY_ROOT = hashlib.sha256(b"").digest()

#: The hash of the complete subtree of 2**height leaves that begins at leaf index * 2**height.
Subtree = Callable[[int, int], bytes]

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry; the zero byte before it keeps entries and nodes apart."""
    return _sha256(b"\0" + entry).digest()


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    """Return the hash of every entry; one loop, because this is where a writer spends its time."""
    sha256 = _sha256
    return [sha256(b"\0" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node above two others."""
    return _sha256(b"\1" + left + right).digest()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root above 2**n hashes."""
    sha256 = _sha256
    row = hashes
    while len(row) > 1:
        row = [sha256(b"\1" + row[i] + row[i + 1]).digest() for i in range(0, len(row), 2)]
    return row[0]


def peaks(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the roots of the complete subtrees that `hashes` fall into, the largest first."""
    found, start = [], 0
    for bit in range(len(hashes).bit_length() - 1, -1, -1):
        width = 1 << bit
        if len(hashes) & width:
            found.append(perfect_root(hashes[start : start + width]))
            start += width
    return found


def bag(subtrees: Sequence[bytes]) -> bytes:
    """Return the root above complete subtrees, the largest first; of none, the empty root."""
    if not subtrees:
        return EMPTY_ROOT
    root = subtrees[-1]
    for left in reversed(subtrees[:-1]):
        root = node_hash(left, root)
    return root


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root above all these leaf hashes."""
    return bag(peaks(hashes))


# -- making proofs -----------------------------------------------------------------------------------------


def inclusion_path(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that leaf `index` is in the tree of `size` leaves (RFC 9162, 2.1.3.1).

    Raises:
        ValueError: There is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(middle, high, subtree))
            high = middle
        else:
            path.append(_range_root(low, middle, subtree))
            low = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 9162, 2.1.4.1).

    Raises:
        ValueError: Not 0 < old <= new; nothing can be proven about an empty tree.
    """
    if not 0 < old <= new:
        raise ValueError(f"no tree of {new} begins with a tree of {old} in a way that can be proven")
    path, low, high = [], 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range_root(middle, high, subtree))
            high = middle
        else:
            path.append(_range_root(low, middle, subtree))
            low = middle
    if low:  # else the verifier has the old root itself
        path.append(_range_root(low, high, subtree))
    return path[::-1]


def tree_root(size: int, subtree: Subtree) -> bytes:
    """Return the root of the tree of the first `size` leaves."""
    return _range_root(0, size, subtree)


def _split(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _range_root(low: int, high: int, subtree: Subtree) -> bytes:
    parts = []
    while low < high:
        height = (high - low).bit_length() - 1
        parts.append(subtree(height, low >> height))
        low += 1 << height
    return bag(parts)


# -- judging proofs ----------------------------------------------------------------------------------------


def inclusion_holds(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Say whether `path` proves that `leaf` is number `index` of the tree with this `size` and `root`.

    RFC 9162, 2.1.3.2. A tree of size 0 contains nothing, whatever is presented.
    """
    if not 0 <= index < size or not _are_hashes([leaf, root, *path]):
        return False
    position, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if position & 1 or position == last:
            found = node_hash(sibling, found)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        position >>= 1
        last >>= 1
    return last == 0 and found == root


def consistency_holds(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Say whether `path` proves that the tree of `new` leaves begins with the tree of `old` leaves.

    RFC 9162, 2.1.4.2. About an empty tree nothing can be proven, so `old` = 0 never holds; this is how
    transparency-dev/merkle, whose golden cases the tests use, reads the RFC.
    """
    if not 0 < old <= new:
        return False
    if old == new:
        return not path and old_root == new_root
    if not path or not _are_hashes([old_root, new_root, *path]):
        return False
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    position, last = old - 1, new - 1
    while position & 1:
        position >>= 1
        last >>= 1
    found_old = found_new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            found_old, found_new = node_hash(step, found_old), node_hash(step, found_new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            found_new = node_hash(found_new, step)
        position >>= 1
        last >>= 1
    return last == 0 and found_old == old_root and found_new == new_root


def _are_hashes(values: Sequence[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
