"""The gate lets nothing by that a pattern would find."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability.redaction import (
    Detector,
    IpScope,
    Mode,
    Policy,
    Redactor,
    _names,
    _patterns,
    _phones,
    _tokens,
)
from universal_framework.observability.redaction._lazy import Lazy

REDACTOR = Redactor()
EVERY_IP = Redactor(Policy(ip=IpScope.ALL))

#: Every pattern, and one for every kind of token, as Hypothesis can draw texts from.
PATTERNS = {
    name: re.compile(value.pattern, value.flags)
    for module in (_patterns, _phones, _tokens)
    for name, value in vars(module).items()
    if isinstance(value, Lazy)
    and name in {
        "EMAIL", "URL_CREDENTIALS", "JWT", "PEM_BEGIN", "IPV4", "IPV6", "CARD", "SSN", "STRONG", "TELEGRAM", "MAXMIND",
        "AZURE_CLIENT", "DISCORD",
    }
} | {
    f"{shape.vendor} {mark}": re.compile(re.escape(mark) + shape.body)
    for shape in _tokens.SHAPES
    for mark in shape.marks
    if "(?<=" not in shape.body
}  # fmt: skip

PATTERNS["URL_CREDENTIALS"] = re.compile(
    _patterns.URL_CREDENTIALS.pattern.replace("(?<=://)", "://").replace("(?=@)", "@"),
)


def rendered(value):
    return json.dumps({"event": value}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def may_hold(text):
    plain = rendered(text)
    spelled = json.dumps({"event": text}, separators=(",", ":")).encode()
    return REDACTOR.may_hold(plain) and REDACTOR.may_hold(spelled)


@pytest.mark.parametrize("name", PATTERNS)
def test_the_gate_is_a_superset_of_every_pattern(name, sized):
    @settings(max_examples=sized(4, 500), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(PATTERNS[name], fullmatch=True), st.sampled_from(["{}", "a {} b", '"{}"', "/{}?"]))
    def holds(secret, frame):
        text = frame.replace("{}", secret)
        if REDACTOR.find(text):
            assert may_hold(text), text

    holds()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([
            "a", "é", "@", ".", "4111111111111111", "x.com", "password", "=", ":", " ", "1", "\u200b", "＠", "１", "\\u0040", "--", "<", ">",
            "sk-", "AKIA", "A" * 16, "::", "1:", "Bearer ", "eyJ", "_", "-", '"', "key", "+49", "30 1234567", "%40", "GB82", "WEST", "\\n",
        ]),
        max_size=14,
    ).map("".join),
)  # fmt: skip
def test_what_the_gate_holds_clean_is_clean(text):
    if not REDACTOR.may_hold(rendered(text)):
        assert REDACTOR.find(text) == []


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_that_passes_the_gate_is_clean(text):
    if not REDACTOR.may_hold(rendered(text)):
        assert REDACTOR.text(text) is text


def test_the_gate_holds_back_every_canary(rng, canary, sized):
    for _ in range(sized(3_000, 100_000)):
        _, _, text = canary(rng)
        assert REDACTOR.may_hold(rendered(text)), text


@pytest.mark.parametrize(
    "value",
    [
        {"password": "x1"},
        {"a": [{"apiKey": "x1"}]},
        {"a": {"X-Auth-Token": "x1"}},
        {"headers": {"Set-Cookie": "x1"}},
        {"deep": {"deep": {"clientSecret": "x1"}}},
    ],
)
def test_names_inside_values_are_seen(value):
    assert REDACTOR.may_hold(rendered(value))


@pytest.mark.parametrize("token", ["xoxe.000000=000000", "SG.0000=0000000000000.0000=0000000000000000"])
def test_a_token_may_have_any_joint_near_its_dot(token):
    assert REDACTOR.find(token)
    assert REDACTOR.may_hold(rendered(token))


def test_an_ordinary_line_passes():
    line = {
        "event": "order created",
        "request_id": "01J9Z3K7Q8W5E6R7T8Y9",
        "user_id": 184467,
        "path": "/api/v1/orders",
        "ms": 12.75,
    }
    assert not REDACTOR.may_hold(json.dumps(line, separators=(",", ":")).encode())


def test_custom_detectors_widen_the_gate():
    silent = rendered("see MBR|77 today")
    assert not REDACTOR.may_hold(silent)
    assert Redactor(Policy(detectors=(Detector("MEMBER", re.compile(r"MBR\|\d+"), requires=("MBR|",)),))).may_hold(
        silent
    )
    assert Redactor(Policy(detectors=(Detector("MEMBER", re.compile(r"MBR\|\d+")),))).may_hold(rendered("anything"))


def test_what_a_detector_requires_is_looked_for_as_json_spells_it():
    policy = Policy(detectors=(Detector("QUOTED", re.compile(r'"q\d"'), requires=('"q',)),))
    assert Redactor(policy).may_hold(rendered('a "q1" b'))


def test_modes_do_not_change_the_gate():
    assert Redactor(Policy(modes={"EMAIL_ADDRESS": Mode.DROP})).may_hold(rendered("a@b.example"))


ALNUM = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghijklmnopqrstuvwxyz"
VERDICTS = (_names.PLAIN, _names.TELEPHONE, _names.IDENTIFIER)


def holds_nothing(text):
    return not any(EVERY_IP._finder.find(text, verdict) for verdict in VERDICTS)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_secret_of_any_pattern_is_taken_for_an_id(name, sized):
    @settings(max_examples=sized(20, 500), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.from_regex(PATTERNS[name], fullmatch=True))
    def is_none(secret):
        if REDACTOR.knows_id(secret):
            assert holds_nothing(secret), secret

    is_none()


def test_no_canary_is_taken_for_an_id(rng, canary, sized):
    for _ in range(sized(3_000, 100_000)):
        _, secret, text = canary(rng)
        assert not REDACTOR.knows_id(text), text
        assert not REDACTOR.knows_id(secret) or holds_nothing(secret), secret


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["AKIA", "SK", "dapi", "pat", "AIza", "LTAI", "eyJ", "GB82", "gb82", "DE89", "ssn", "x12", "password", "4111", "555"]),
            st.text(ALNUM, max_size=12),
            st.text("0123456789", max_size=8),
            st.text("0123456789abcdef", min_size=32, max_size=32),
        ),
        min_size=1,
        max_size=5,
    ).map("".join),
)  # fmt: skip
def test_letters_and_digits_that_are_taken_for_an_id_hold_nothing(text):
    if REDACTOR.knows_id(text):
        assert holds_nothing(text)


@settings(max_examples=500, deadline=None)
@given(st.uuids(), st.integers(0, 36))
def test_uuids_that_are_taken_for_ids_hold_nothing(value, digits):
    text = "".join("1" if place < digits and char in "abcdef" else char for place, char in enumerate(str(value)))
    if REDACTOR.knows_id(text):
        assert holds_nothing(text)


def test_usual_ids_are_known_by_their_form(rng):
    for _ in range(200):
        hexadecimal = f"{rng.getrandbits(128):032x}"
        assert REDACTOR.knows_id("01J9Z3K7Q8W5E6R7T8Y9ABCDEF")
        assert not REDACTOR.knows_id(f"{hexadecimal[:20]}1234567{hexadecimal[20:]}")
    assert REDACTOR.knows_id("550e8400-e29b-41d4-a716-446655440000")
    assert not REDACTOR.knows_id("12345678-e29b-41d4-a716-446655440000")
    assert not REDACTOR.knows_id("é" * 8)


def test_custom_detectors_leave_no_id_unread():
    assert not Redactor(Policy(detectors=(Detector("ANY", re.compile("J9"), requires=("J9",)),))).knows_id("01J9Z3")
