"""Which records were altered, removed, added, repeated or moved, from their hashes alone. Pure.

In: the hashes that were signed, the hashes that are there. Out: as few differences as explain it: what stands in its
old order is left in peace (a longest increasing subsequence), all else is named. n log n, also for a shuffled file.
"""

from __future__ import annotations

import bisect
import collections
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple


class Change(str, Enum):
    """What happened to a record."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    DUPLICATED = "duplicated"
    MOVED = "moved"


class Difference(NamedTuple):
    """One change: at which place of what was signed, and of what is there; `length` neighbours share it."""

    change: Change
    signed: int | None
    found: int | None
    length: int = 1


def differences(signed: Sequence[bytes], found: Sequence[bytes]) -> list[Difference]:
    """Return what changed from `signed` to `found`, in the order of what is there; runs of the same are one."""
    start = _common(signed, found)
    end = _common(signed[start:][::-1], found[start:][::-1])
    old, new = signed[start : len(signed) - end], found[start : len(found) - end]
    pairs = _pairs(old, new)
    kept = _in_order(pairs)
    moved = {j: i for i, j in pairs if (i, j) not in kept}
    gone = set(moved.values())
    known = set(old) | set(signed[:start]) | set(signed[len(signed) - end :]) if len(new) > len(pairs) else set()
    changes: list[Difference] = []
    last_i = last_j = 0
    for i, j in [*sorted(kept), (len(old), len(new))]:
        missing = [k for k in range(last_i, i) if k not in gone]
        extra = [k for k in range(last_j, j) if k not in moved]
        changes += [Difference(Change.MOVED, moved[k], k) for k in range(last_j, j) if k in moved]
        both = min(len(missing), len(extra))
        changes += [Difference(Change.ALTERED, a, b) for a, b in zip(missing[:both], extra[:both], strict=True)]
        changes += [Difference(Change.REMOVED, a, None) for a in missing[both:]]
        for b in extra[both:]:
            changes.append(Difference(Change.DUPLICATED if new[b] in known else Change.INSERTED, None, b))
        last_i, last_j = i + 1, j + 1
    return [_shifted(change, start) for change in _runs(changes)]


def _common(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _pairs(old: Sequence[bytes], new: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return which record of `new` is which of `old`: the n-th of equal ones is the n-th."""
    places: dict[bytes, collections.deque[int]] = collections.defaultdict(collections.deque)
    for i, value in enumerate(old):
        places[value].append(i)
    return [(places[value].popleft(), j) for j, value in enumerate(new) if places.get(value)]


def _in_order(pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return as many of the pairs (ordered by their second half) as also ascend in their first."""
    tails: list[int] = []
    tail_pairs: list[int] = []
    before: list[int] = []
    for number, (i, _) in enumerate(pairs):
        at = bisect.bisect_left(tails, i)
        before.append(tail_pairs[at - 1] if at else -1)
        tails[at : at + 1] = [i]
        tail_pairs[at : at + 1] = [number]
    kept, number = set(), tail_pairs[-1] if tail_pairs else -1
    while number >= 0:
        kept.add(pairs[number])
        number = before[number]
    return kept


def _runs(changes: Iterable[Difference]) -> list[Difference]:
    runs: list[Difference] = []
    for change in changes:
        last = runs[-1] if runs else None
        if last is not None and last.change is change.change and _follows(last, change):
            runs[-1] = last._replace(length=last.length + 1)
        else:
            runs.append(change)
    return runs


def _follows(last: Difference, change: Difference) -> bool:
    return all(
        (a is None and b is None) or (a is not None and b is not None and b == a + last.length)
        for a, b in ((last.signed, change.signed), (last.found, change.found))
    )


def _shifted(change: Difference, by: int) -> Difference:
    signed = None if change.signed is None else change.signed + by
    found = None if change.found is None else change.found + by
    return Difference(change.change, signed, found, change.length)
