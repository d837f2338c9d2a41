"""Proofs about a log that others can check without having it: that a record is in it, that it only ever grew.

In: a log, the number of a record or two sizes. Out: text in the form of C2SP tlog-proof (inclusion) and of a witness's
add-checkpoint request, C2SP tlog-witness (consistency), each with the signed checkpoint that it leads to. And the other
way round: whether such a text holds. Hash tiles suffice, so pruning takes no proof away.

https://c2sp.org/tlog-proof   https://c2sp.org/tlog-witness
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from universal_framework.observability.audit import note
from universal_framework.observability.audit.errors import MalformedError, RefusedError
from universal_framework.observability.audit.merkle import (
    consistency_holds,
    consistency_path,
    inclusion_holds,
    inclusion_path,
    leaf_hash,
    tree_root,
)
from universal_framework.observability.audit.note import PublicKey, SignedCheckpoint
from universal_framework.observability.audit.stored import StoredLog
from universal_framework.observability.audit.tiles import TileReader

_HEADER = "c2sp.org/tlog-proof@v1"


class Proof(NamedTuple):
    """A proof as it was read: the number or old size that it is about, its hashes, the checkpoint that it leads to."""

    about: int
    path: tuple[bytes, ...]
    checkpoint: SignedCheckpoint


def prove_inclusion(log: StoredLog, record: int, size: int | None = None) -> bytes:
    """Return the proof that record number `record` is in the log, as of the checkpoint of `size` records or the newest.

    Raises:
        RefusedError: There is no such record, or no such checkpoint.
        MalformedError: The log is not what was signed, so nothing can be proven with it.
    """
    checkpoint, reader = _tree(log, size)
    if not 0 <= record < checkpoint.size:
        raise RefusedError(f"{log.directory}: record {record} is not among the {checkpoint.size} that are signed")
    path = inclusion_path(record, checkpoint.size, reader.subtree)
    if not inclusion_holds(record, checkpoint.size, reader.leaf(record), path, checkpoint.checkpoint.root):
        raise _altered(log)
    return _text([_HEADER, f"index {record}"], path, checkpoint)


def prove_consistency(log: StoredLog, old: int, new: int | None = None) -> bytes:
    """Return the proof that the log of `new` records (by default, the newest signed) begins with that of `old`.

    Raises:
        RefusedError: It never had so many records, or there is no checkpoint of that size.
        MalformedError: The log is not what was signed, so nothing can be proven with it.
    """
    checkpoint, reader = _tree(log, new)
    if not 0 < old <= checkpoint.size:
        raise RefusedError(f"{log.directory}: {old} is not between 1 and the {checkpoint.size} records that are signed")
    path = consistency_path(old, checkpoint.size, reader.subtree)
    roots = tree_root(old, reader.subtree), checkpoint.checkpoint.root
    if not consistency_holds(old, checkpoint.size, *roots, path):
        raise _altered(log)
    return _text([f"old {old}"], path, checkpoint)


def parse_inclusion(data: bytes) -> Proof:
    """Return the inclusion proof that a text in the form of tlog-proof holds.

    Raises:
        MalformedError: It holds none.
    """
    return _parse(data, "index")


def parse_consistency(data: bytes) -> Proof:
    """Return the consistency proof that a text in the form of a request to a witness holds.

    Raises:
        MalformedError: It holds none.
    """
    return _parse(data, "old")


def inclusion_is_proven(proof: Proof, line: bytes, key: PublicKey) -> bool:
    """Say whether the proof shows that this exact line is in the log of this key."""
    checkpoint = proof.checkpoint.checkpoint
    return proof.checkpoint.note.signed_by(key) and inclusion_holds(
        proof.about, checkpoint.size, leaf_hash(line), proof.path, checkpoint.root
    )


def consistency_is_proven(proof: Proof, old: SignedCheckpoint, key: PublicKey) -> bool:
    """Say whether the proof shows that the log of this key began with what an older checkpoint of it covers."""
    new = proof.checkpoint.checkpoint
    same = old.checkpoint.origin == new.origin and old.size == proof.about
    return same and proof.checkpoint.note.signed_by(key) and consistency_holds(
        old.size, new.size, old.checkpoint.root, new.root, proof.path
    )  # fmt: skip


def _tree(log: StoredLog, size: int | None) -> tuple[SignedCheckpoint, TileReader]:
    """Return the checkpoint of a size, and what reads the tiles of its tree."""
    checkpoints = log.history().checkpoints
    if not checkpoints:
        raise MalformedError(f"{log.directory}: no checkpoint can be read; see audit verify")
    found = checkpoints[-1] if size is None else next((c for c in checkpoints if c.size == size), None)
    if found is None:
        raise RefusedError(f"{log.directory}: no checkpoint of {size} records was signed, or it was pruned")
    reader = TileReader(log.hashes)
    return found, reader


def _altered(log: StoredLog) -> MalformedError:
    return MalformedError(f"{log.directory}: is not what was signed; see audit verify")


def _text(head: Sequence[str], path: Sequence[bytes], checkpoint: SignedCheckpoint) -> bytes:
    lines = [*head, *(base64.b64encode(step).decode() for step in path), ""]
    return "\n".join(lines).encode() + b"\n" + checkpoint.note.encoded()


def _parse(data: bytes, word: str) -> Proof:
    head, blank, rest = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        if lines[0] == _HEADER:
            del lines[0]
            if lines[0].startswith("extra "):
                del lines[0]
        name, _, number = lines[0].partition(" ")
        path = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
        if name != word or str(int(number)) != number or not blank:
            raise MalformedError(f"not a proof: expected a line '{word} <number>'")
        return Proof(int(number), path, note.parse_checkpoint(rest))
    except (ValueError, IndexError):
        raise MalformedError("not a proof") from None
