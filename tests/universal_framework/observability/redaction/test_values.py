"""Through anything: the same object when clean, a copy when not, never an exception."""

import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import pickle
import threading
import tracemalloc
import types
import uuid

import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from universal_framework.observability.redaction import UNREADABLE, Detector, Mode, Policy, Redactor, redact

REDACTOR = Redactor()
MAIL = "jane.doe@example.com"
MASK = "[EMAIL_ADDRESS]"


@dataclasses.dataclass(frozen=True)
class Customer:
    name: str
    mail: str
    password: str = "hunter2"


@dataclasses.dataclass(slots=True)
class Slotted:
    mail: str


class Model(pydantic.BaseModel):
    mail: str
    api_key: str = "k1"
    inner: dict[str, str] = {}


class Color(enum.Enum):
    MAIL = MAIL
    RED = "red"


class Shown:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


class Broken:
    def __repr__(self):
        raise RuntimeError(MAIL)


Point = collections.namedtuple("Point", "mail token")  # noqa: PYI024

CLEAN = [
    None, True, 0, 12.5, "", "order created", b"bytes", [], {}, (), {"a": [1, {"b": ("c",)}]}, {1, 2}, frozenset("ab"),
    dt.datetime(2024, 1, 2, tzinfo=dt.UTC), uuid.UUID(int=7), decimal.Decimal("1.5"), Color.RED, Slotted("x"),
    Point("x", None), range(3), Shown("fine"), object, 1717171717171, 1717171717171717, 10**40, float("nan"), float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("value", CLEAN, ids=lambda value: type(value).__name__)
def test_what_is_clean_comes_back_as_the_same_object(value):
    assert REDACTOR.value(value) is value
    fields = {"one": value, "two": "x"}
    assert REDACTOR.fields(fields) is fields


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MAIL, MASK),
        ([MAIL, 1], [MASK, 1]),
        ((MAIL, 1), (MASK, 1)),
        ({MAIL}, {MASK}),
        (frozenset([MAIL]), frozenset([MASK])),
        ({"a": {"b": [MAIL]}}, {"a": {"b": [MASK]}}),
        ({MAIL: 1, "eve@example.org": 2}, {MASK: 1, MASK + "#2": 2}),
        (MAIL.encode(), MASK.encode()),
        (bytearray(MAIL.encode()), MASK.encode()),
        (b"\xff" + MAIL.encode(), b"\xff" + MASK.encode()),
        (Point(MAIL, "t1"), Point(MASK, "[SECRET]")),
        (Customer("x", MAIL), Customer("x", MASK, "[SECRET]")),
        (Slotted(MAIL), Slotted(MASK)),
        (Model(mail=MAIL, inner={"pin": "9"}), Model(mail=MASK, api_key="[SECRET]", inner={"pin": "[SECRET]"})),
        (Color.MAIL, MASK),
        (Shown(MAIL), MASK),
        (ValueError(MAIL), MASK),
        (pathlib.PurePosixPath("/home") / MAIL, "/home/" + MASK),
        (collections.OrderedDict(a=MAIL), {"a": MASK}),
        (collections.deque([MAIL]), [MASK]),
        (types.MappingProxyType({"a": MAIL}), {"a": MASK}),
        (4111111111111111, "[CREDIT_CARD]"),
        (4111111111111111.0, "[CREDIT_CARD]"),
        ({"phone": 4155550132, "user_id": 4155550132}, {"phone": "[PHONE_NUMBER]", "user_id": 4155550132}),
        ([("Authorization", "Basic x"), ("Accept", "*")], [("Authorization", "[SECRET]"), ("Accept", "*")]),
        ([(b"cookie", b"a=b")], [(b"cookie", b"[SECRET]")]),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_not_is_copied_and_redacted(value, expected):
    before = repr(value)
    result = REDACTOR.value(value)
    assert result == expected
    assert repr(value) == before


@pytest.mark.parametrize(
    "key",
    ["password", "PASSWORD", "db_password", "userPassword", "X-Api-Key", "api_key", "apiKey", "APIKey", "client-secret", "accessToken",
     "AWS_SECRET_ACCESS_KEY", "Authorization", "set-cookie", "ssn", "card_number", "cvv", "private_key", "connectionString", "refresh_token"],
)  # fmt: skip
def test_sensitive_names(key):
    assert REDACTOR.sensitive_key(key)
    assert REDACTOR.fields({key: "x"}) == {key: "[SECRET]"}


@pytest.mark.parametrize(
    "key",
    ["token_count", "max_tokens", "password_reset_url", "next_page_token", "author", "keyboard", "secretary", "tokenizer", "key",
     "monkey", "session_id", "authorized", "cookie_policy", "passed", "compass", "event", "shipping", "pinned", "user_id"],
)  # fmt: skip
def test_names_that_only_contain_a_word(key):
    assert not REDACTOR.sensitive_key(key)


def test_nothing_stays_nothing_under_a_sensitive_name():
    fields = {"password": None, "token": "", "secret": False}
    assert REDACTOR.fields(fields) is fields


def test_own_names_and_exceptions_to_ours():
    redactor = Redactor(Policy(keys=frozenset({"memberNo"}), not_keys=frozenset({"iban"})))
    assert redactor.fields({"member_no": 7, "iban": "x"}) == {"member_no": "[SECRET]", "iban": "x"}


def test_cycles_end_and_do_not_lead_back_to_the_original():
    cyclic = {"a": MAIL}
    cyclic["self"] = cyclic
    result = REDACTOR.value(cyclic)
    assert MAIL not in repr(result)
    clean = []
    clean.append(clean)
    assert REDACTOR.value(clean) is clean


def test_depth_and_shared_parts_are_bounded():
    deep = MAIL
    for _ in range(5_000):
        deep = [deep]
    assert MAIL not in repr(REDACTOR.value([deep])[0:1])[:100_000]
    shared = [MAIL]
    for _ in range(60):
        shared = [shared, shared]
    assert REDACTOR.value(shared) is not shared


def test_what_cannot_be_read_is_withheld():
    assert REDACTOR.value(Broken()) == UNREADABLE
    assert REDACTOR.value({"a": Broken(), "b": "x"}) == {"a": UNREADABLE, "b": "x"}

    def fails(text):
        raise RuntimeError(text)

    assert Redactor(Policy(detectors=(Detector("OWN", fails),))).text("some text") == UNREADABLE


nested = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.just(MAIL)
    | st.just(4111111111111111),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4) | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(nested)
def test_any_value_is_cleaned_without_a_word(value):
    result = REDACTOR.value(value)
    assert MAIL not in repr(result)
    assert REDACTOR.value(result) == result or "nan" in repr(result)


def test_one_redactor_serves_many_threads(rng, canary):
    cases = [canary(rng) for _ in range(300)]
    expected = [REDACTOR.text(text) for _, _, text in cases]
    wrong = []

    def work():
        wrong.extend(text for (_, _, text), want in zip(cases, expected, strict=True) if REDACTOR.text(text) != want)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_redact_is_the_short_way():
    assert redact({"mail": MAIL}) == {"mail": MASK}
    assert redact(MAIL, Policy(modes={"EMAIL_ADDRESS": Mode.KEEP})) == MAIL


def test_of_one_text_so_many_secrets_are_hidden_one_by_one_and_the_rest_as_a_whole():
    some = " ".join([MAIL] * 128) + " and no more"
    assert REDACTOR.text(some) == " ".join([MASK] * 128) + " and no more"
    assert REDACTOR.text(f"{some} but {MAIL}, call") == " ".join([MASK] * 128) + " and no more but [TOO_MANY]"
    mixed = f"{MAIL} 536-90-4399 203.0.113.77 4111 1111 1111 1111\u200b " * 120
    new = REDACTOR.text(mixed)
    assert new.count("[") == 129
    assert new.endswith("[TOO_MANY]")
    assert REDACTOR.text(new) is new


def test_a_long_document_is_redacted_line_by_line_to_its_end():
    line = (
        "{0} order ORD-2024-{0:06d} of build 1.2.3.{1}: call 415-555-{0:04d} or write to "
        + MAIL
        + ", card 4111 1111 1111 1111\n"
    )
    document = "".join(line.format(number, number % 250) for number in range(1_000))
    told = REDACTOR.text(document).splitlines()
    assert len(told) == 1_000
    for number, one in enumerate(told):
        assert one.endswith(
            f" of build 1.2.3.{number % 250}: call [PHONE_NUMBER] or write to {MASK}, card [CREDIT_CARD]"
        )


@pytest.mark.parametrize("mode", [Mode.KEEP_LAST_FOUR, Mode.DROP, Mode.HASH])
def test_no_mode_shows_anything_of_the_rest(mode):
    from universal_framework.observability.redaction import ENTITIES

    redactor = Redactor(Policy(modes=dict.fromkeys(ENTITIES, mode), hmac_key=b"0123456789abcdef"))
    assert redactor.text(f"{MAIL} " * 130 + "rest").endswith(" [TOO_MANY]")


def test_what_stands_for_an_object_can_be_sent_to_another_process():
    stand_in = REDACTOR.value(Shown(MAIL))
    again = pickle.loads(pickle.dumps(stand_in))
    assert (str(again), repr(again), copy.deepcopy(stand_in)) == (MASK, MASK, MASK)


@pytest.mark.parametrize("text", ["eHh4eHh4" * 8000, "one two 3 " * 6000, "x" * 60_000], ids=["runs", "words", "word"])
def test_a_long_text_takes_a_few_times_its_own_memory(text):
    REDACTOR.text(text[:2000])  # patterns are compiled for the first text
    REDACTOR.text(text)
    tracemalloc.start()
    try:
        REDACTOR.text(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(text)


@pytest.mark.parametrize("before", [0, 1, 5, 4089, 4090, 4091, 4092, 4093, 4094, 4095, 4096, 4097, 8190, 8192])
def test_a_telling_word_of_a_long_text_is_found_wherever_it_stands(before):
    lead, rest = "a " * (before // 2) + "." * (before % 2), "b " * 3000
    assert "call [PHONE_NUMBER]" in REDACTOR.text(f"{lead}call 838 7176 {rest}")
    assert "callable 838 7176" in REDACTOR.text(f"{lead}callable 838 7176 {rest}")


def test_a_policy_that_keeps_secrets_keeps_those_of_sensitive_names_too():
    keeping = Redactor(Policy(modes={"SECRET": Mode.KEEP}))
    fields = {"password": "hunter2", "note": "password=hunter2", "nested": {"api_key": "abc"}, "to": MAIL}
    assert keeping.fields(fields) == {**fields, "to": MASK}
