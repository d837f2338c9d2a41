"""Which media type a reader gets, by the rules of RFC 9110 and what clients really send."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.health.negotiation import prefers_health_json


@pytest.mark.parametrize(
    "accept",
    [
        "application/health+json",
        "APPLICATION/Health+JSON",
        "application/health+json;charset=utf-8",
        'application/health+json;profile="a,b;q=0"',
        "application/health+json, */*",
        "application/health+json,application/*",
        "application/health+json, application/json;q=0.9",
        "application/health+json;q=0.2, application/json;q=0.1",
        "application/json;q=0, */*",
        "application/json;q=0.3,*/*;q=0.4",
        "text/html, application/health+json;q=0.001",
        "application/health+json; q=1.000 , text/*",
        "application/health+json ; Q=0.5",
        ",, application/health+json ,",
    ],
)
def test_H10_the_draft_is_given_to_who_asks_for_it(accept):
    assert prefers_health_json(accept.encode())


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/*",
        "application/json",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/json, application/health+json",
        "application/health+json, application/json",
        "application/health+json;q=0.9, application/json",
        "application/health+json;q=0.5, */*",
        "application/health+json;q=0",
        "application/health+json;q=0, */*",
        "application/health+json;q=0.0",
        "application/health+json;q=2",
        "application/health+json;q=abc",
        "application/health+json;q=0.1234",
        "application/health+json;q=-1",
        "application/health",
        "application/health+json2",
        'text/plain;a="x, application/health+json"',
        "application/ health+json",
        "health+json",
        "*/health+json",
        "text/*",
        '"application/health+json"',
        "\x00\xff",
    ],
)
def test_H10_everybody_else_gets_the_plans_json(accept):
    assert not prefers_health_json(accept.encode("latin-1"))


def test_H10_a_header_without_end_says_nothing():
    assert not prefers_health_json(b"application/health+json" + b" " * 5000)


@given(st.binary(max_size=200) | st.text('application/health+json;q=0.1,*" \\', max_size=120).map(str.encode))
def test_no_header_makes_it_fail(accept):
    assert prefers_health_json(accept) in {True, False}


qualities = st.integers(0, 1000).map(lambda thousandths: f"{thousandths / 1000:.3f}")


@given(qualities, qualities)
def test_H10_the_higher_quality_wins(health, plain):
    accept = f"application/health+json;q={health},application/json;q={plain}"
    assert prefers_health_json(accept.encode()) == (float(health) > float(plain))
