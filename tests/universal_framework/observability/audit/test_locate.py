"""What changed between two lists of hashes: named exactly for single changes, explained wholly for any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.observability.audit.locate import Change, Difference, differences

VALUES = st.lists(st.integers(0, 6).map(lambda i: bytes([i])), max_size=14)
DISTINCT = [bytes([i]) for i in range(9)]


def test_nothing_changed():
    assert differences(DISTINCT, DISTINCT) == []


@pytest.mark.parametrize("place", range(9))
def test_each_single_change_is_named(place):
    altered = [*DISTINCT[:place], b"new", *DISTINCT[place + 1 :]]
    assert differences(DISTINCT, altered) == [Difference(Change.ALTERED, place, place)]
    removed = DISTINCT[:place] + DISTINCT[place + 1 :]
    assert differences(DISTINCT, removed) == [Difference(Change.REMOVED, place, None)]
    inserted = [*DISTINCT[:place], b"new", *DISTINCT[place:]]
    assert differences(DISTINCT, inserted) == [Difference(Change.INSERTED, None, place)]
    doubled = DISTINCT[: place + 1] + DISTINCT[place:]
    (change,) = differences(DISTINCT, doubled)
    assert change.change is Change.DUPLICATED
    assert change.found in (place, place + 1)


@given(st.permutations(DISTINCT).filter(lambda p: p != DISTINCT))
def test_another_order_is_moves_and_nothing_else(shuffled):
    assert {change.change for change in differences(DISTINCT, shuffled)} == {Change.MOVED}


@given(VALUES, VALUES)
def test_differences_explain_the_whole_of_what_is_there(signed, found):
    gone, new = [], []
    for change in differences(signed, found):
        gone += range(change.signed, change.signed + change.length) if change.signed is not None else []
        new += range(change.found, change.found + change.length) if change.found is not None else []
    kept = [value for i, value in enumerate(signed) if i not in gone]
    assert kept == [value for i, value in enumerate(found) if i not in new]
    assert len(set(gone)) == len(gone)
    assert len(set(new)) == len(new)
    assert bool(gone or new) == (signed != found)


def test_a_large_shuffled_file_is_explained_in_no_time():
    signed = [i.to_bytes(4, "big") for i in range(50_000)]
    assert sum(change.length for change in differences(signed, signed[::-1])) == 49_999
