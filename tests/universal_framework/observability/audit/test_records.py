"""Lines: what is kept byte for byte, what cannot be, and that nobody but the trail writes the trail's own records."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from universal_framework.observability.audit import records
from universal_framework.observability.audit.records import Kind

TIMES = st.integers(0, 4 * 10**9).map(lambda us: us * 10**9 + 123_456_000)


@given(st.binary(max_size=300).filter(lambda b: b"\n" not in b and b"\0" not in b and b"audit_trail" not in b))
def test_ordinary_lines_are_kept_byte_for_byte(line):
    assert records.admissible(line) == line
    assert records.admissible(line + b"\n") == line
    assert records.all_admissible([line])


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4), st.sampled_from([None, 1]))
def test_a_json_document_means_the_same_afterwards(document, indent):
    text = json.dumps(document, indent=indent).encode()
    kept = records.admissible(text)
    assert json.loads(kept) == document
    assert b"\n" not in kept


@given(TIMES, st.text(max_size=20))
def test_no_line_of_an_application_passes_for_one_of_the_trail(when, reason):
    forged = records.render(Kind.KEY, when, {"public_key": reason})
    kept = records.admissible(forged)
    assert records.parse(kept, 1) is None
    assert json.loads(kept) == json.loads(forged)
    assert not records.all_admissible([b"{}", forged])


@given(st.text(min_size=1).map(str.encode), st.integers(records.MAX_BYTES - 3, 3 * records.MAX_BYTES))
def test_a_line_that_is_too_long_says_so_and_stays_a_line(pattern, length):
    line = (pattern * (length // len(pattern) + 1))[:length].translate(bytes.maketrans(b"\n\0{", b"n0("))
    kept = records.admissible(line)
    assert len(kept) <= records.MAX_BYTES
    assert b"\n" not in kept
    if length > records.MAX_BYTES:
        document = json.loads(kept)
        assert document["audit_truncated"] == length
        assert len(document["head"]) > 5000
    else:
        assert kept == line
        assert records.all_admissible([line])


def test_a_truncated_line_keeps_its_time():
    line = json.dumps({"timestamp": "2026-01-02T03:04:05Z", "x": "y" * 70_000}).encode()
    assert records.time_of(records.admissible(line)) == records.parse_time("2026-01-02T03:04:05Z")


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_the_quick_look_at_many_lines_is_right(lines):
    if records.all_admissible(lines):
        assert [records.admissible(line) for line in lines] == lines


@given(TIMES)
def test_times_are_read_as_they_are_written(when):
    assert records.parse_time(records.rfc3339(when)) == when


def test_a_record_of_the_trail_is_read_as_it_was_written():
    own = records.parse(records.render(Kind.LOSS, 10**18, {"lost": 3, "reason": "ü"}), 7)
    assert (own.kind, own.number, own.time_ns, own.number_of("lost"), own.text_of("reason")) == (
        Kind.LOSS, 7, 10**18, 3, "ü",
    )  # fmt: skip


@given(st.binary(max_size=60))
def test_whatever_stands_behind_the_prefix_never_raises(rest):
    records.parse(records.PREFIX + rest, 0)
    records.time_of(rest)
