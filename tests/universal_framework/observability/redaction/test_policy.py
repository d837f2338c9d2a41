"""A policy says what it does not understand; its modes do what they are called."""

import re

import pytest

from universal_framework.observability.redaction import Detector, IpScope, Mode, Policy, Redactor

KEY = b"0123456789abcdef"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Policy(modes={"EMAIL": Mode.MASK}), "unknown type 'EMAIL'"),
        (lambda: Policy(modes={"EMAIL_ADDRESS": "shout"}), "'shout' is none of mask"),
        (lambda: Policy(modes={"EMAIL_ADDRESS": Mode.HASH}), "needs a key"),
        (lambda: Policy(hmac_key=b"short"), "5 bytes are too few"),
        (lambda: Policy(hmac_key="text"), "bytes are expected"),
        (lambda: Policy(keys="password"), "a set of names"),
        (lambda: Policy(keys={""}), "is not a key name"),
        (lambda: Policy(ip="some"), "'some' is none of off"),
        (lambda: Policy(detectors=("x",)), "str is not a Detector"),
        (lambda: Policy(detectors=(Detector("OWN", re.compile("x")),) * 2), "OWN is there twice"),
        (lambda: Detector("own", re.compile("x")), "is not of the form"),
        (lambda: Detector("JWT", re.compile("x")), "built-in"),
        (lambda: Detector("OWN", re.compile("x*")), "matches the empty text"),
        (lambda: Detector("OWN", re.compile(b"x")), "over bytes"),
        (lambda: Detector("OWN", "x"), "neither a compiled pattern"),
        (lambda: Detector("OWN", re.compile("x"), requires="x"), "not a tuple"),
    ],
)
def test_a_wrong_setting_is_named(wrong, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        wrong()


def test_the_key_is_not_shown():
    assert "0123456789" not in repr(Policy(hmac_key=KEY))


def test_last_four_stay_of_long_values_only():
    redactor = Redactor(Policy(modes={"CREDIT_CARD": Mode.KEEP_LAST_FOUR, "SECRET": "keep_last_four"}))
    assert redactor.text("4111 1111 1111 1234 and 4111-1111-1111-1111") == "4111 1111 1111 1234 and [CREDIT_CARD:1111]"
    assert redactor.fields({"password": "hunter2"}) == {"password": "[SECRET]"}


def test_hashes_agree_across_spellings_and_processes():
    redactor = Redactor(Policy(modes={"CREDIT_CARD": Mode.HASH, "EMAIL_ADDRESS": Mode.HASH}, hmac_key=KEY))
    assert redactor.text("4111111111111111") == redactor.text("4111 1111 1111 1111")
    assert (
        redactor.text("Jane@Example.com") == redactor.text("jane@example.com") == "[EMAIL_ADDRESS:paonhfphdjfbnfbamjpo]"
    )
    other = Redactor(Policy(modes={"EMAIL_ADDRESS": Mode.HASH}, hmac_key=KEY[::-1]))
    assert other.text("jane@example.com") != redactor.text("jane@example.com")


@pytest.mark.parametrize("mode", [Mode.MASK, Mode.KEEP_LAST_FOUR, Mode.HASH, Mode.DROP])
def test_what_takes_the_place_is_not_found_again(mode, rng, canary):
    from universal_framework.observability.redaction import ENTITIES

    redactor = Redactor(Policy(modes=dict.fromkeys(ENTITIES, mode), hmac_key=KEY))
    for _ in range(400):
        kind, secret, text = canary(rng)
        once = redactor.text(text)
        assert secret not in once
        if mode is not Mode.DROP:
            assert redactor.text(once) == once, (kind, text)


def test_dropped_fields_are_gone():
    redactor = Redactor(Policy(modes={"SECRET": Mode.DROP, "EMAIL_ADDRESS": Mode.DROP}))
    assert redactor.fields({"a": 1, "password": "x", "b": "to j@d.example."}) == {"a": 1, "b": "to ."}


def test_a_kept_type_is_not_looked_for():
    assert Redactor(Policy(modes={"PHONE_NUMBER": Mode.KEEP})).find("+49 30 1234567") == []


def test_own_detectors():
    def find(text):
        start = text.find("CASE-")
        return [] if start < 0 else [(start, start + 9)]

    redactor = Redactor(
        Policy(
            detectors=(
                Detector("MEMBER", re.compile(r"\bM\d{5}\b"), requires=("M",), accept=lambda text: text != "M00000"),
                Detector("CASE_ID", find, requires=("CASE-",)),
            ),
            modes={"CASE_ID": Mode.DROP},
            ip=IpScope.OFF,
        ),
    )
    assert redactor.text("M12345 M00000 CASE-1234 x") == "[MEMBER] M00000  x"
    assert redactor.value({"n": ["M12345"]}) == {"n": ["[MEMBER]"]}
