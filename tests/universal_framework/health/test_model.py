"""The verdict is a pure function of what was observed; and nothing observed can carry text."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum, StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.health.documents import ietf_document, plan_detailed_document, plan_document
from universal_framework.health.model import (
    CheckResult,
    HealthReport,
    Lifecycle,
    Observation,
    Problem,
    Status,
    aggregate,
    worst,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RANK = {Status.PASS: 0, Status.WARN: 1, Status.FAIL: 2}

results = st.builds(
    CheckResult,
    st.sampled_from(Status),
    st.none() | st.sampled_from(Problem),
    st.dictionaries(st.sampled_from(["open", "lost", "valid"]), st.booleans() | st.integers(-9, 9)),
)
observations = st.builds(
    Observation,
    st.from_regex(r"[a-z]{1,6}", fullmatch=True),
    st.booleans(),
    results,
    st.floats(0, 9),
    st.just(NOW),
)
many = st.lists(observations, max_size=6, unique_by=lambda one: one.name)
running = st.just(Lifecycle.RUNNING)


@given(many)
def test_H5_the_service_fails_exactly_when_something_critical_does(found):
    failing = any(one.critical and one.result.status is Status.FAIL for one in found)
    assert (aggregate(Lifecycle.RUNNING, found) is Status.FAIL) == failing


@given(many)
def test_H5_the_service_passes_exactly_when_all_do(found):
    passing = all(one.result.status is Status.PASS for one in found)
    assert (aggregate(Lifecycle.RUNNING, found) is Status.PASS) == passing


@given(many, st.randoms(use_true_random=False))
def test_H5_the_order_of_contributors_does_not_matter(found, chance):
    other = list(found)
    chance.shuffle(other)
    assert aggregate(Lifecycle.RUNNING, other) is aggregate(Lifecycle.RUNNING, found)


@given(many, many)
def test_H5_the_verdict_on_all_is_the_worst_of_the_verdicts_on_parts(some, others):
    parts = [aggregate(Lifecycle.RUNNING, some), aggregate(Lifecycle.RUNNING, others)]
    assert aggregate(Lifecycle.RUNNING, some + others) is worst(parts)


@given(many, observations)
def test_H5_one_more_contributor_never_makes_it_better(found, one):
    before, after = aggregate(Lifecycle.RUNNING, found), aggregate(Lifecycle.RUNNING, [*found, one])
    assert RANK[after] >= RANK[before]


@given(many)
def test_H3_what_is_not_critical_never_fails_the_service(found):
    only = [one for one in found if not one.critical]
    assert aggregate(Lifecycle.RUNNING, only) is not Status.FAIL


@given(many, st.sampled_from([Lifecycle.STARTING, Lifecycle.DRAINING]))
def test_H11_a_service_that_starts_or_drains_fails_whatever_it_depends_on(found, lifecycle):
    assert aggregate(lifecycle, found) is Status.FAIL


@given(many, st.sampled_from(Lifecycle))
def test_H6_without_details_a_document_says_the_verdict_and_the_time_only(found, lifecycle):
    report = HealthReport(lifecycle, tuple(found), NOW, ("left_out",))
    words = {status: status.word for status in Status}
    assert plan_document(report, words, details=False) == {
        "status": words[report.status],
        "timestamp": NOW.isoformat(),
    }
    assert set(plan_detailed_document(report, details=False)) == {"overall_status", "timestamp"}
    assert ietf_document(report, details=False) == {"status": report.status.value}


@given(many)
def test_H10_both_shapes_tell_the_same(found):
    report = HealthReport(Lifecycle.RUNNING, tuple(found), NOW)
    plan, ietf = plan_detailed_document(report, details=True), ietf_document(report, details=True)
    assert plan["overall_status"] == Status(ietf["status"]).word
    for one in found:
        (entry,) = ietf["checks"][f"{one.name}:responseTime"]
        assert plan[one.name]["status"] == Status(entry["status"]).word
        assert plan[one.name].get("error") == entry.get("output")
        for name in one.result.details:
            assert plan[one.name][name] == ietf["checks"][f"{one.name}:{name}"][0]["observedValue"]


class Words(StrEnum):
    FREE = "Error 111 connecting to 10.0.0.7:6379"


class Sizes(Enum):
    SMALL = 1
    PATH = "/srv/app"


@pytest.mark.parametrize("code", ["redis://:pw@host", Words.FREE, 5, "timeout"])
def test_H6_a_code_is_of_a_closed_set(code):
    with pytest.raises(TypeError) as raised:
        CheckResult(Status.FAIL, code)
    assert str(code) not in str(raised.value)


@pytest.mark.parametrize("value", ["10.0.0.7", Sizes.PATH, b"x", None, [1], float("nan"), 2**70])
def test_H6_a_detail_is_no_text(value):
    with pytest.raises(TypeError):
        CheckResult(Status.PASS, None, {"host": value})


@pytest.mark.parametrize("name", ["status", "error", "responseTime", "", "a b", "redis://h", "x" * 65, 3])
def test_H6_a_detail_has_a_name(name):
    with pytest.raises(ValueError):
        CheckResult(Status.PASS, None, {name: 1})


def test_details_are_numbers_truths_and_members_and_stay_as_they_were():
    given_ones = {"size": Sizes.SMALL, "up": True, "count": 3, "share": 0.5, "state": Problem.TIMEOUT}
    result = CheckResult(Status.PASS, None, given_ones)
    given_ones["more"] = 1
    assert "more" not in result.details
    with pytest.raises(TypeError):
        result.details["more"] = 1
    one = Observation("a", True, result, 0.0, NOW)
    document = plan_detailed_document(HealthReport(Lifecycle.RUNNING, (one,), NOW), details=True)
    assert {name: document["a"][name] for name in result.details} == {
        "size": 1, "up": True, "count": 3, "share": 0.5, "state": "timeout",
    }  # fmt: skip


def test_a_status_is_a_status():
    with pytest.raises(TypeError):
        CheckResult("pass")
