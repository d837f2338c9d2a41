"""What passes for JSON at the door."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.api.strict_json import DEEPEST, NotAcceptedError, check, depth

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(plain, st.booleans())
def test_ordinary_json_is_accepted(value, escaped):
    check(json.dumps(value, ensure_ascii=escaped).encode())


@given(st.binary(max_size=200))
def test_whatever_comes_is_accepted_or_refused_with_a_code(body):
    with contextlib.suppress(NotAcceptedError):
        check(body)
        json.loads(body.decode())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff{}", "invalid_encoding"),
        (b'{"a":"\xc3\x28"}', "invalid_encoding"),
        ("\ufeff{}".encode(), "invalid_encoding"),
        ('{"a":1}'.encode("utf-16"), "invalid_encoding"),
        ('{"a":1}'.encode("utf-16-le"), "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_encoding"),
        (b'{"\\udfff":[1]}', "invalid_encoding"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":1e999}', "number_too_large"),
        (b'{"a":' + b"9" * 20 + b"}", "number_too_large"),
        (b'{"a":' + b"9" * 5000 + b"}", "number_too_large"),
        (b'{"a":1,"a":2}', "duplicate_key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "duplicate_key"),
        (b"[" * 60_000, "too_deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b'{"a":1}}', "invalid_json"),
        (b"{'a':1}", "invalid_json"),
        (b"", "invalid_json"),
    ],
)
def test_what_parsers_read_differently_is_refused(body, code):
    with pytest.raises(NotAcceptedError) as caught:
        check(body)
    assert caught.value.code == code


def test_brackets_in_strings_do_not_nest():
    assert depth('["[[[[", {"]": "\\"[["}]') == 2
    check(json.dumps({"message": "[" * 1000}).encode())
    check(b"[" * DEEPEST + b"]" * DEEPEST)


def test_a_pair_of_surrogates_is_a_character():
    check(b'{"a":"\\ud83d\\ude00"}')
