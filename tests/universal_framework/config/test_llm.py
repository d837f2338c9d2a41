"""The provider's API on loopback: every answer of the table has its verdict."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from pydantic import SecretStr

pytest.importorskip("openai")

from universal_framework.config.checks.llm_provider import check_llm
from universal_framework.config.models import LLMProviderConfig

from .conftest import CANARY, free_port

KEY = f"sk-{CANARY}"
MODEL = {"id": "gpt-4", "object": "model", "created": 1, "owned_by": "system"}
TODAY = dt.date(2026, 11, 22)


def verdicts(url, **settings):
    config = LLMProviderConfig(base_url=url, api_key=SecretStr(KEY), **{"timeout": 5.0, **settings})
    found = asyncio.run(check_llm(config, today=TODAY))
    assert CANARY not in str(found)
    return [(one.code, one.severity.value) for one in found]


def test_V15_the_model_is_asked_for_once_with_the_key(provider):
    assert verdicts(provider.url) == []
    assert provider.asked == [("/v1/models/gpt-4", f"Bearer {KEY}")]
    provider.fails(500, None)
    assert verdicts(provider.url) == [("llm.unreachable", "error")]
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [(401, "invalid_api_key", ("llm.auth", "error")), (401, "missing_scope", ("llm.scope", "warning")),
     (403, "missing_scope", ("llm.scope", "warning")), (403, "unsupported_country_region_territory", ("llm.forbidden", "error")),
     (404, "model_not_found", ("llm.model", "error")), (429, "rate_limit_exceeded", ("llm.rate_limit", "warning")),
     (429, "insufficient_quota", ("llm.quota", "error")), (500, None, ("llm.unreachable", "error")),
     (503, None, ("llm.unreachable", "error"))],
)  # fmt: skip
def test_V15_refusals_are_told_apart(provider, status, code, verdict):
    provider.fails(status, code, f"Incorrect API key provided: {KEY}")
    assert verdicts(provider.url) == [verdict]


def test_V17_the_words_of_the_provider_are_not_told(provider):
    provider.fails(401, "invalid_api_key", f"Incorrect API key provided: {KEY}.")
    assert verdicts(provider.url) == [("llm.auth", "error")]
    provider.fails(401, KEY, KEY)
    assert verdicts(provider.url) == [("llm.auth", "error")]


def test_V18_a_portal_that_answers_is_not_the_api(provider):
    provider.says(200, b"<html>Welcome</html>", kind="text/html")
    assert verdicts(provider.url) == [("llm.not_the_api", "error")]
    for body in (b"oops", b"[]", b"null", b'"gpt-4"', b'{"id": 5}', b"{}", b"\xff"):
        provider.says(200, body)
        assert verdicts(provider.url) == [("llm.not_the_api", "error")], body


def test_V15_a_key_is_not_sent_where_it_was_not_meant_to_go(provider):
    provider.says(302, b"", location="http://127.0.0.1:9/x")
    assert verdicts(provider.url) == [("llm.unreachable", "error")]


def test_V15_nobody_there_or_no_answer(provider):
    assert verdicts(f"http://127.0.0.1:{free_port()}/v1") == [("llm.unreachable", "error")]
    provider.says(200, MODEL, delay=5)
    assert verdicts(provider.url, timeout=0.2) == [("llm.unreachable", "error")]


@pytest.mark.parametrize(
    ("end", "verdict"),
    [("2026-12-31", [("llm.model_retiring", "warning")]), ("2026-01-01", [("llm.model_retiring", "warning")]),
     ("2027-06-01", []), (None, []), (1_798_000_000, [("llm.model_retiring", "warning")]), ("soon", [])],
)  # fmt: skip
def test_C26_a_model_that_is_being_shut_down_is_a_warning(provider, end, verdict):
    provider.says(200, {**MODEL, "shutdown_date": end})
    assert verdicts(provider.url) == verdict


def test_C26_a_model_that_does_not_exist_is_an_error(provider):
    provider.fails(404, "model_not_found")
    assert verdicts(provider.url, model="gpt-9") == [("llm.model", "error")]
    assert provider.asked[0][0] == "/v1/models/gpt-9"


def test_V22_simulation_asks_nobody(provider):
    assert verdicts(provider.url, provider="simulation") == []
    assert provider.asked == []
