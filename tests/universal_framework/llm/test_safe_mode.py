"""Safe mode: what it finds, when it raises, and that it says nothing of what it found."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.compliance.safe_mode import (
    DEFAULT_BLOCKED_TERMS,
    Operation,
    Rule,
    SafeModeGuard,
    SafeModePolicy,
    is_card_number,
)
from universal_framework.config.models import EnvironmentConfig
from universal_framework.contracts.state import EmailDraft
from universal_framework.errors import SafeModeViolationError

CARD = "4111 1111-1111 1111"


@pytest.mark.parametrize(
    ("text", "rule"),
    [("Buy a GIFT CARD now", Rule.BLOCKED_TERM), ("gift cardholder", None), ("a gift  \n card", Rule.BLOCKED_TERM),
     ("gift-card", Rule.BLOCKED_TERM), ("gift_card", Rule.BLOCKED_TERM), ("g\u200bift c\u00adard", Rule.BLOCKED_TERM),
     ("ｇｉｆｔ ｃａｒｄ", Rule.BLOCKED_TERM), ("gíft cärd", Rule.BLOCKED_TERM), ("gift", None), ("", None), ("🎁💳", None),
     (f"card {CARD} please", Rule.CARD_NUMBER), ("4111111111111111", Rule.CARD_NUMBER), ("order 4111 1111 1111 1112", None),
     ("call 555 0100", None), ("5500 0000 0000 0004", Rule.CARD_NUMBER), ("４１１１ １１１１ １１１１ １１１１", Rule.CARD_NUMBER),
     ("wire transfer", Rule.BLOCKED_TERM)],
)  # fmt: skip
def test_rules_find_what_they_are_for(text, rule):
    assert SafeModeGuard().find_violation(text) is rule


def test_card_numbers_are_judged_by_redaction():
    assert is_card_number("5500 0000 0000 0004")
    assert not is_card_number("5500 0000 0000 0005")
    assert not is_card_number("0000 0000 0000 0000"), "Luhn alone would take it"


def test_violations_raise_only_in_safe_mode():
    guard = SafeModeGuard(SafeModePolicy(enabled=True))
    with pytest.raises(SafeModeViolationError) as caught:
        guard.check_message("gift card", "session-1")
    assert (caught.value.rule, guard.decisions) == ("blocked_term", {"blocked": 1})
    relaxed = SafeModeGuard(SafeModePolicy(enabled=False))
    relaxed.check_message("gift card", "session-1")
    relaxed.check_message("tea")
    assert relaxed.decisions == {"reported": 1, "allowed": 1}


def test_C13_the_configuration_says_whether_it_is_on():
    for on in (True, False):
        policy = SafeModePolicy.of(EnvironmentConfig(safe_mode=on), blocked_terms=("tea",))
        guard = SafeModeGuard(policy)
        assert (guard.enabled, guard.allows(Operation.EXTERNAL_LLM)) == (on, not on)
        assert guard.find_violation("tea") is Rule.BLOCKED_TERM
    assert SafeModePolicy.of(EnvironmentConfig()).blocked_terms == DEFAULT_BLOCKED_TERMS


def test_terms_that_mean_nothing_are_refused():
    with pytest.raises(TypeError, match="tuple"):
        SafeModePolicy(blocked_terms="gift card")
    with pytest.raises(ValueError, match="no letter"):
        SafeModePolicy(blocked_terms=("...",))
    assert SafeModeGuard(SafeModePolicy(blocked_terms=())).find_violation("gift card") is None


def test_emails_are_checked_too():
    guard = SafeModeGuard()
    draft = EmailDraft(subject="Hello", body="All is well")
    assert guard.check_email(draft) is draft
    for bad in (EmailDraft(subject="A gift card", body="for you"), EmailDraft(subject="a gift", body="card")):
        with pytest.raises(SafeModeViolationError):
            guard.check_email(bad)


def test_operations():
    guard = SafeModeGuard()
    assert guard.allows(Operation.TELEMETRY_EXPORT)
    with pytest.raises(SafeModeViolationError, match="external_llm"):
        guard.require(Operation.EXTERNAL_LLM)
    SafeModeGuard(SafeModePolicy(allow_external_llm=True)).require(Operation.EXTERNAL_LLM)


def test_suspension_ends_in_any_case():
    guard = SafeModeGuard()
    with guard.suspended("maintenance"):
        assert not guard.enabled
    with pytest.raises(RuntimeError), guard.suspended("maintenance"):
        raise RuntimeError("boom")
    assert guard.enabled


def test_suspension_is_one_tasks_own():
    async def body():
        guard, inside, done = SafeModeGuard(), asyncio.Event(), asyncio.Event()

        async def maintain():
            with guard.suspended("maintenance"):
                inside.set()
                await done.wait()
                guard.check_message("gift card")

        task = asyncio.ensure_future(maintain())
        await inside.wait()
        with pytest.raises(SafeModeViolationError):
            guard.check_message("gift card")
        done.set()
        await task

    asyncio.run(body())


def test_what_was_found_and_whose_it_was_is_not_logged(logged):
    guard = SafeModeGuard(SafeModePolicy(blocked_terms=("zanzibar treasure",)))
    for text in ("the ZANZIBAR treasure", f"card {CARD}"):
        with pytest.raises(SafeModeViolationError) as caught:
            guard.check_message(text, "s3ss10n-0123456789")
        assert "zanzibar" not in repr(caught.value).lower()
    assert any("safe_mode_blocked" in line for line in logged.lines)
    for line in logged.lines:
        for secret in ("zanzibar", "4111", "s3ss10n"):
            assert secret not in line.lower()


@given(st.text())
def test_any_text_is_judged(text):
    assert SafeModeGuard().find_violation(text) in (None, *Rule)


@given(st.text(), st.sampled_from(DEFAULT_BLOCKED_TERMS), st.text())
def test_a_blocked_term_is_found_wherever_it_stands(before, term, after):
    assert SafeModeGuard().find_violation(f"{before}\n{term.upper()}\n{after}") is Rule.BLOCKED_TERM


def test_a_megabyte_takes_steps_in_proportion(steps):
    small, large = ("gift car " * 500 + "4111 " * 500), ("gift car " * 5_000 + "4111 " * 5_000)
    guard = SafeModeGuard()
    guard.find_violation(small)
    assert steps(lambda: guard.find_violation(large)) < 25 * steps(lambda: guard.find_violation(small))
