"""Notes and checkpoints: the examples of the specifications, and one spelling for everything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.observability.audit import note
from universal_framework.observability.audit.errors import MalformedError
from universal_framework.observability.audit.keys import SigningKey

# golang.org/x/mod/sumdb/note's example, which every implementation of signed notes is tested with.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANN = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()

KEY = SigningKey(bytes(range(32)))
NAME = "test.example/log"


def signed(size=5, root=bytes(32), name=NAME):
    return note.sign(note.Checkpoint(name, size, root), KEY)


def test_a_note_of_another_implementation_is_verified():
    parsed = note.parse_note(NEUMANN)
    key = note.parse_public_key(PETER)
    assert parsed.signed_by(key)
    assert parsed.encoded() == NEUMANN
    assert key.text == PETER


def test_a_checkpoint_is_read_as_it_was_signed():
    found = note.parse_checkpoint(signed())
    assert found.checkpoint == note.Checkpoint(NAME, 5, bytes(32))
    assert found.note.signed_by(note.PublicKey(NAME, KEY.public))


def test_a_key_of_another_name_or_another_key_did_not_sign():
    found = note.parse_checkpoint(signed()).note
    assert not found.signed_by(note.PublicKey("test.example/other", KEY.public))
    assert not found.signed_by(note.PublicKey(NAME, SigningKey.generate().public))


def test_the_signature_of_a_witness_beside_ours_does_no_harm():
    witness = SigningKey.generate()
    ours = note.parse_checkpoint(signed()).note
    theirs = note.parse_note(note.sign(note.Checkpoint("witness.example", 5, bytes(32)), witness))
    both = ours._replace(signatures=(*ours.signatures, *theirs.signatures))
    assert note.parse_checkpoint(both.encoded()).note.signed_by(note.PublicKey(NAME, KEY.public))


@given(st.data())
def test_every_flipped_bit_of_a_checkpoint_is_noticed(data):
    text = signed(size=data.draw(st.integers(0, 10**6)), root=data.draw(st.binary(min_size=32, max_size=32)))
    bit = data.draw(st.integers(0, len(text) * 8 - 1))
    altered = bytearray(text)
    altered[bit // 8] ^= 1 << bit % 8
    try:
        found = note.parse_checkpoint(bytes(altered))
    except MalformedError:
        return
    assert not found.note.signed_by(note.PublicKey(NAME, KEY.public))


@given(st.binary(max_size=200))
def test_whatever_the_bytes_parsing_says_malformed_or_gives_them_back(data):
    for parse in (note.parse_note, lambda d: note.parse_checkpoint(d).note):
        try:
            found = parse(data)
        except MalformedError:
            continue
        assert found.encoded() == data


@pytest.mark.parametrize(
    "text", [b"", b"a\n", b"\n\n", NEUMANN[:-1], NEUMANN + b"x\n", NEUMANN.replace(b"=\n", b"=\r\n")]
)
def test_what_is_no_note_is_refused(text):
    with pytest.raises(MalformedError):
        note.parse_note(text)


@pytest.mark.parametrize("line", ["", "a+b", PETER[:-1], PETER.replace("c74f20a3", "c74f20a4"), PETER + " x"])
def test_what_is_no_public_key_is_refused(line):
    with pytest.raises(MalformedError):
        note.parse_public_key(line)


@given(st.data())
def test_a_history_that_stops_anywhere_is_read_up_to_there(data):
    notes = [signed(size) for size in range(1, 5)]
    whole = b"".join(notes)
    cut = data.draw(st.integers(0, len(whole)))
    found = note.parse_history(whole[:cut])
    assert found.problem is None
    assert [c.size for c in found.checkpoints] == [i for i in range(1, 5) if sum(map(len, notes[:i])) <= cut]
    assert whole[: found.end] == b"".join(c.note.encoded() for c in found.checkpoints)


def test_what_stands_between_checkpoints_is_said_with_its_place():
    found = note.parse_history(signed(1) + b"junk\n\njunk\n" + signed(2))
    assert found.problem is not None
    assert found.problem.offset == len(signed(1)) == found.end


def test_a_key_says_nothing_of_its_secret():
    assert KEY.file().decode().split()[1] not in repr(KEY)
