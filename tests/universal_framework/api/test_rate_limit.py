"""Rate limits: never more than the limit in any window, memory bounded, callers told when to come back."""

from hypothesis import given
from hypothesis import strategies as st

from universal_framework.api.rate_limit import SLICES, RateLimiter, caller_of
from universal_framework.config.models import SecurityConfig

waits = st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@given(waits, st.integers(1, 8))
def test_never_more_than_the_limit_in_any_window(steps, limit):
    clock = Clock()
    limiter = RateLimiter(limit, 60, clock=clock)
    allowed = []
    for step in steps:
        clock.now += step
        if limiter.take("a").allowed:
            allowed.append(clock.now)
    for begin in allowed:
        assert sum(begin <= moment < begin + 60 for moment in allowed) <= limit


@given(waits, st.integers(1, 8))
def test_who_waits_as_told_is_let_in_and_who_is_sparing_always(steps, limit):
    clock = Clock()
    limiter = RateLimiter(limit, 60, clock=clock)
    for step in steps:
        clock.now += step
        verdict = limiter.take("a")
        if not verdict.allowed:
            clock.now += verdict.retry_after * 1.000001
            assert limiter.take("a").allowed
    clock.now += 60 + 60 / SLICES
    assert limiter.take("a").remaining == limit - 1


def test_a_refusal_is_not_counted_and_callers_do_not_share():
    clock = Clock()
    limiter = RateLimiter(2, 60, clock=clock)
    assert [limiter.take("a").allowed for _ in range(9)] == [True, True] + [False] * 7
    assert limiter.take("b").allowed
    clock.now += 62
    assert limiter.take("a").allowed


def test_memory_is_bounded_in_callers_and_in_requests():
    clock = Clock()
    limiter = RateLimiter(10**6, 60, clock=clock, most_callers=50)
    for number in range(1000):
        limiter.take(f"caller {number}")
    assert len(limiter) == 50
    for _ in range(5000):
        clock.now += 0.1
        limiter.take("busy")
    assert len(limiter._counts["busy"].slices) <= SLICES + 1


def test_an_ipv6_caller_cannot_change_its_address_within_its_network():
    assert caller_of(None, "2001:db8:1:2::3") == caller_of(None, "2001:db8:1:2:ffff::9")
    assert caller_of(None, "2001:db8:1:2::3") != caller_of(None, "2001:db8:1:3::3")
    assert caller_of(None, "::ffff:192.0.2.1") == caller_of(None, "192.0.2.1")
    assert caller_of("192.0.2.1", None) != caller_of(None, "192.0.2.1")


def test_one_too_many_gets_429_with_headers_and_probes_never_do(start, configured):
    client = start(configured(security=SecurityConfig(rate_limit_requests=3, rate_limit_window=60)))
    answers = [client.get("/api/workflow/phases") for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert answers[0].headers["ratelimit-policy"] == '"caller";q=3;w=60'
    refused = answers[3]
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["error"]["code"] == "rate_limited"
    assert refused.json()["error"]["request_id"] == refused.headers["x-request-id"]
    for path in ("/health", "/health/live", "/health/ready", "/metrics", "/"):
        assert client.get(path).status_code != 429


def test_callers_that_the_gateway_names_have_limits_of_their_own(start, configured):
    security = SecurityConfig(rate_limit_requests=1, rate_limit_window=60)
    client = start(configured(security=security), owner_header="X-User")
    ask = lambda name: client.get("/api/workflow/phases", headers={"x-user": name}).status_code  # noqa: E731
    assert [ask("ann"), ask("ben"), ask("ann")] == [200, 200, 429]
