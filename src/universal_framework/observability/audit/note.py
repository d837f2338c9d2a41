"""Signed notes (C2SP signed-note) and the checkpoints in them (C2SP tlog-checkpoint). Pure but for the mathematics.

In: bytes of a note, or what one shall say. Out: the note, its parts, whether a key signed it. Every note has exactly
one spelling here: what reads but would not be written so (base64 with stray bits, a size with a leading zero) is
malformed, because a byte that can change without being noticed is not tamper-evident.

https://c2sp.org/signed-note   https://c2sp.org/tlog-checkpoint   https://www.rfc-editor.org/rfc/rfc8032
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NamedTuple

from universal_framework.observability.audit import keys
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.merkle import HASH_BYTES

_ED25519 = b"\x01"  # the signature type of signed-note
_DASH = "— "
_MAX_SIGNATURES = 100
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class PublicKey(NamedTuple):
    """An Ed25519 public key (32 bytes) under the name that its notes are signed with."""

    name: str
    key: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:4]

    @property
    def text(self) -> str:
        """The key as one line that Go's note tools and ours read: name, key id and key."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(_ED25519 + self.key)}"


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """A text (with its last newline) and the signatures below it."""

    text: str
    signatures: tuple[Signature, ...]

    def signed_by(self, key: PublicKey) -> bool:
        """Say whether this key signed the text; a signature that names the key and fails settles it."""
        named = [s for s in self.signatures if (s.name, s.key_id) == (key.name, key.key_id)]
        return bool(named) and all(keys.verified(key.key, s.signature, self.text.encode()) for s in named)

    def encoded(self) -> bytes:
        """Return the note's bytes."""
        lines = [f"{_DASH}{s.name} {_b64(s.key_id + s.signature)}\n" for s in self.signatures]
        return (self.text + "\n" + "".join(lines)).encode()


class Checkpoint(NamedTuple):
    """What a log says of itself: its name, how many records it has, and the root above them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The body of the note that is signed."""
        return f"{self.origin}\n{self.size}\n{_b64(self.root)}\n"


class SignedCheckpoint(NamedTuple):
    """A checkpoint, the note that carries it, and at which byte of its file the note begins."""

    checkpoint: Checkpoint
    note: Note
    offset: int = 0

    @property
    def size(self) -> int:
        """How many records it vouches for."""
        return self.checkpoint.size


def is_name(text: str) -> bool:
    """Say whether a key or a log may be called so: no white space, no ``+``."""
    return _NAME.fullmatch(text) is not None


def sign(checkpoint: Checkpoint, key: keys.SigningKey) -> bytes:
    """Return the signed note of a checkpoint; the key's name is the log's."""
    public = PublicKey(checkpoint.origin, key.public)
    text = checkpoint.text
    return Note(text, (Signature(public.name, public.key_id, key.sign(text.encode())),)).encoded()


def parse_public_key(line: str) -> PublicKey:
    """Return the key in a line ``name+id+base64``.

    Raises:
        MalformedError: It is not one, or the id is not that of the key.
    """
    name, _, rest = line.strip().partition("+")
    _, _, encoded = rest.partition("+")
    blob = _unb64(encoded)
    if not is_name(name) or blob[:1] != _ED25519 or len(blob) != 1 + keys.KEY_BYTES:
        raise MalformedError("not the public key of a signed note: expected name+id+base64 of an Ed25519 key")
    key = PublicKey(name, blob[1:])
    if key.text != line.strip():
        raise MalformedError("the public key does not have the id that stands beside it")
    return key


def parse_note(data: bytes, offset: int = 0) -> Note:
    """Return the note that `data` is, from its first byte to its last.

    Raises:
        MalformedError: It is no note, or is not spelled as a note is written. `offset` is added to where.
    """
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("the note is not UTF-8", offset + error.start) from None
    text, blank, below = whole.rpartition("\n\n")
    if not blank or not below.endswith("\n") or _CONTROL.search(whole):
        raise MalformedError("not a signed note", offset)
    lines = below[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise MalformedError(f"a note with more than {_MAX_SIGNATURES} signatures", offset)
    return Note(text + "\n", tuple(_signature(line, offset) for line in lines))


def _signature(line: str, offset: int) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    blob = _unb64(encoded, offset)
    if not line.startswith(_DASH) or not is_name(name) or len(blob) <= 4:
        raise MalformedError("not the signature line of a note", offset)
    return Signature(name, blob[:4], blob[4:])


def parse_checkpoint(data: bytes, offset: int = 0) -> SignedCheckpoint:
    """Return the signed checkpoint that `data` is.

    Raises:
        MalformedError: It is none. Lines after the third (extensions) are allowed, and covered by the signature.
    """
    note = parse_note(data, offset)
    lines = note.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or not _DECIMAL.fullmatch(lines[1]):
        raise MalformedError("not a checkpoint: expected a name, a size and a root", offset)
    root = _unb64(lines[2], offset)
    if len(root) != HASH_BYTES:
        raise MalformedError("the checkpoint's root is not a SHA-256 hash", offset)
    return SignedCheckpoint(Checkpoint(lines[0], int(lines[1]), root), note, offset)


class History(NamedTuple):
    """Checkpoints that stand one after another; where they end; and what is wrong there, if it is no mere crash."""

    checkpoints: tuple[SignedCheckpoint, ...]
    end: int
    problem: MalformedError | None


def parse_history(data: bytes) -> History:
    """Return all checkpoints that stand one after another in `data`, up to the first thing that is none.

    A last checkpoint that merely stops, as a crash leaves it, is no problem: `end` is before it.
    """
    found: list[SignedCheckpoint] = []
    start = 0
    while (end := _note_end(data, start)) is not None:
        try:
            found.append(parse_checkpoint(data[start:end], start))
        except MalformedError as error:
            return History(tuple(found), start, error)
        start = end
    return History(tuple(found), start, None)


def _note_end(data: bytes, start: int) -> int | None:
    """Return where the note that begins at `start` ends: after the signature lines below its blank line."""
    blank = data.find(b"\n\n", start)
    if blank < 0:
        return None
    at = blank + 2
    while True:
        newline = data.find(b"\n", at)
        if newline < 0:
            return None
        at = newline + 1
        if not _DASH.encode().startswith(data[at : at + 4] or b"end"):
            return at


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str, offset: int = 0) -> bytes:
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError("not base64", offset) from None
    if _b64(data) != text:
        raise MalformedError("base64 that nobody writes so", offset)
    return data
