"""The endpoints as an application is asked: words, statuses, headers, and who sees what."""

from __future__ import annotations

import asyncio
import datetime as dt
import json

import pytest

pytest.importorskip("fastapi")

from fastapi import Depends, FastAPI, HTTPException
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from universal_framework.api.routes import health
from universal_framework.api.routes.health import Details, HealthEndpoints, HealthFirst, HealthPolicy, health_router
from universal_framework.health.model import CheckResult, Problem, Status
from universal_framework.health.registry import HealthRegistry

from .conftest import CANARY

PATHS = ("/health", "/health/live", "/health/ready", "/health/startup", "/health/detailed")
BOTH_SPELLINGS = [path + slash for path in PATHS for slash in ("", "/")]
TOKEN = "t0k3n-of-the-operators"
IETF = ("accept", "application/health+json")
BEARER = ("authorization", f"Bearer {TOKEN}")


@pytest.fixture
def application(dependency, contributor):
    """Make an application of contributors; `app.registry` and `app.asked` are theirs."""

    def make(policy=None, started=True, prefix="/health", **answers):
        registry = HealthRegistry()
        asked = {name: dependency(answer) for name, answer in answers.items()}
        for name, check in asked.items():
            registry.add(contributor(name, check, critical=name != "llm", timeout=0.05))
        if started:
            registry.mark_started()
        app = FastAPI()
        app.include_router(health_router(registry, prefix=prefix, policy=policy))
        app.registry, app.asked = registry, asked
        return app

    return make


@pytest.fixture
def get(ask):
    """Send requests one after the other, each on the same loop; return the last answer."""

    def get(app, *paths, method="GET", headers=(), **options):
        async def scene():
            for path in paths:
                answer = await ask(app, path, method, headers, **options)
            return answer

        return asyncio.run(scene())

    return get


# -- words and statuses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/health", 200, {"status": "healthy"}),
        ("/health/ready", 200, {"status": "ready"}),
        ("/health/startup", 200, {"status": "started"}),
        ("/health/live", 200, {"status": "alive"}),
        ("/health/detailed", 200, {"overall_status": "healthy"}),
    ],
)
def test_H1_every_endpoint_of_the_plan_answers_in_its_words(application, get, path, status, body):
    answer = get(application(redis=True), path)
    said = dict(answer.json)
    if path != "/health/live":
        assert dt.datetime.fromisoformat(said.pop("timestamp")).utcoffset() == dt.timedelta(0)
    assert (answer.status, said) == (status, body)


@pytest.mark.parametrize(
    ("redis", "llm", "expected"),
    [
        (True, True, [(200, "healthy"), (200, "healthy"), (200, "ready")]),
        (True, False, [(200, "degraded"), (200, "degraded"), (200, "ready")]),
        (Status.WARN, True, [(200, "degraded"), (200, "degraded"), (200, "ready")]),
        (False, True, [(503, "unhealthy"), (503, "unhealthy"), (503, "not_ready")]),
        (False, False, [(503, "unhealthy"), (503, "unhealthy"), (503, "not_ready")]),
        ("hang", True, [(503, "unhealthy"), (503, "unhealthy"), (503, "not_ready")]),
    ],
)
def test_H4_H5_status_and_words_follow_the_worst_that_matters(application, get, redis, llm, expected):
    app = application(redis=redis, llm=llm)
    answers = [get(app, path) for path in ("/health", "/health/detailed", "/health/ready")]
    assert [(one.status, one.json.get("status") or one.json["overall_status"]) for one in answers] == expected


def test_H3_a_model_that_is_down_takes_no_replica_out_of_traffic(application, get):
    app = application(redis=True, llm="hang")
    assert get(app, "/health/ready").status == 200
    assert app.asked["llm"].calls == 0


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/startup", "/health/detailed"])
def test_H11_before_the_start_is_over_all_but_liveness_fail(application, get, path):
    app = application(started=False, redis=True)
    assert get(app, path).status == 503
    assert get(app, "/health/live").status == 200
    app.registry.mark_started()
    assert get(app, path).status == 200


def test_H11_a_draining_service_is_alive_started_and_not_ready(application, get):
    app = application(redis=True)
    app.registry.drain()
    assert {path: get(app, path).status for path in PATHS} == {
        "/health": 503, "/health/live": 200, "/health/ready": 503, "/health/startup": 200, "/health/detailed": 503,
    }  # fmt: skip


def test_H12_liveness_is_a_constant_whatever_the_service_depends_on(application, get):
    app = application(redis="hang", llm=RuntimeError(CANARY))
    answers = {get(app, "/health/live").body for _ in range(5)}
    assert answers == {b'{"status":"alive"}'}
    assert [one.calls for one in app.asked.values()] == [0, 0]
    assert get(app, "/health/live", headers=[IETF]).body == b'{"status":"pass"}'


def test_H12_a_stalled_loop_makes_liveness_fail_where_a_threshold_is_set(get):
    registry = HealthRegistry()
    registry.alive = lambda: False
    app = FastAPI()
    app.include_router(health_router(registry))
    assert (get(app, "/health/live").status, get(app, "/health/live").json) == (503, {"status": "stalled"})
    assert get(app, "/health/live", headers=[IETF]).json == {"status": "fail"}


def test_H12_probes_come_before_login_limits_and_dependencies(ask, get):
    registry = HealthRegistry()
    registry.mark_started()

    def login():
        raise HTTPException(401)

    class Wall:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await PlainTextResponse("too many", 429)(scope, receive, send)

    guarded = FastAPI(dependencies=[Depends(login)])
    guarded.include_router(health_router(registry))
    assert [get(guarded, path).status for path in BOTH_SPELLINGS] == [200] * 10

    walled = FastAPI()
    walled.add_middleware(Wall)
    walled.add_middleware(HealthFirst, endpoints=HealthEndpoints(registry))
    assert [get(walled, path).status for path in BOTH_SPELLINGS] == [200] * 10
    assert get(walled, "/health/live", root_path="/api").status == 200
    assert get(walled, "/api/health/live", root_path="/api").status == 200
    for path in ("/", "/healthy", "/health/other", "/apihealth/live", "/x/health/live"):
        assert get(walled, path, root_path="/api").status == 429
    assert get(walled, "/health/live", method="POST").status == 429


# -- the outside of an answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BOTH_SPELLINGS)
@pytest.mark.parametrize("accept", [(), (IETF,)], ids=["plan", "ietf"])
def test_H9_H10_both_spellings_and_methods_and_nothing_is_stored(application, get, path, accept):
    app = application(redis=True)
    whole, head = get(app, path, headers=accept), get(app, path, method="HEAD", headers=accept)
    assert (whole.status, head.status, head.body) == (200, 200, b"")
    assert whole.headers["cache-control"] == "no-store"
    assert whole.headers["content-type"] == ("application/health+json" if accept else "application/json")
    assert head.headers == whole.headers
    assert int(whole.headers["content-length"]) == len(whole.body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_H9_other_methods_are_not_allowed(application, get, method):
    answer = get(application(), "/health/ready", method=method)
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


def test_H10_the_drafts_shape(application, get):
    app = application(HealthPolicy("always"), redis=CheckResult(Status.FAIL, Problem.BUSY, {"waiting": 3}), llm=True)
    answer = get(app, "/health/detailed", headers=[IETF])
    assert (answer.status, answer.json["status"]) == (503, "fail")
    assert answer.json["notes"] == ["state: running"]
    (time,) = answer.json["checks"]["redis:responseTime"]
    assert {key: time[key] for key in ("componentType", "status", "output", "observedUnit")} == {
        "componentType": "component", "status": "fail", "output": "busy", "observedUnit": "ms",
    }  # fmt: skip
    assert answer.json["checks"]["redis:waiting"][0]["observedValue"] == 3
    assert "output" not in answer.json["checks"]["llm:responseTime"][0]
    assert get(app, "/health", headers=[IETF]).json == {"status": "fail"}


def test_H10_several_accept_headers_are_one_list(application, get):
    headers = [("accept", "application/json;q=0.5"), ("accept", "application/health+json")]
    assert get(application(), "/health", headers=headers).headers["content-type"] == "application/health+json"


# -- who sees what -------------------------------------------------------------------------------------------------


def test_H6_nobody_sees_details_unless_it_is_said(application, get):
    app = application(redis=ConnectionError(f"redis://:{CANARY}@10.0.0.7"), llm=ValueError(CANARY))
    for path in PATHS:
        for headers in ((), (IETF,), (BEARER,)):
            answer = get(app, f"{path}?verbose&exclude=redis", headers=headers)
            assert set(answer.json) <= {"status", "overall_status", "timestamp"}
            assert answer.status == (200 if path in {"/health/live", "/health/startup"} else 503)


def test_H6_the_plans_detailed_document_for_those_who_may_see_it(application, get):
    problem = ConnectionError(f"redis://:{CANARY}@10.0.0.7")
    app = application(HealthPolicy(Details.AUTHORIZED, token=SecretStr(TOKEN)), redis=problem, llm=False)
    document = get(app, "/health/detailed", headers=[BEARER]).json
    assert (document["overall_status"], document["state"]) == ("unhealthy", "running")
    assert document["redis"]["duration_ms"] >= 0
    assert dt.datetime.fromisoformat(document["redis"]["checked_at"]).tzinfo is not None
    assert {key: document["redis"][key] for key in ("status", "critical", "error")} == {
        "status": "unhealthy", "critical": True, "error": "unreachable",
    }  # fmt: skip
    assert {key: document["llm"][key] for key in ("status", "critical", "error")} == {
        "status": "unhealthy", "critical": False, "error": "negative",
    }  # fmt: skip
    assert CANARY not in json.dumps(document)
    assert "10.0.0.7" not in json.dumps(document)


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ([BEARER], True),
        ([("authorization", f"bearer   {TOKEN}  ")], True),
        ([], False),
        ([("authorization", TOKEN)], False),
        ([("authorization", f"Basic {TOKEN}")], False),
        ([("authorization", f"Bearer {TOKEN}x")], False),
        ([("authorization", f"Bearer {TOKEN[:-1]}")], False),
        ([("authorization", "Bearer ")], False),
        ([("authorization", "Bearer é\xff")], False),
        ([BEARER, BEARER], False),
        ([("authorization", "Bearer x"), BEARER], False),
        ([("cookie", TOKEN)], False),
    ],
)
def test_H6_who_sends_the_token_sees_details_and_others_get_the_same_verdict(application, get, headers, seen):
    app = application(HealthPolicy("authorized", token=TOKEN), redis=False)
    answer = get(app, "/health/detailed", headers=headers)
    assert (answer.status, "redis" in answer.json) == (503, seen)


def test_H6_the_token_is_in_no_repr():
    policy = HealthPolicy("authorized", token=TOKEN)
    assert TOKEN not in f"{policy!r} {vars(policy)!r} {vars(HealthEndpoints(HealthRegistry(), policy=policy))!r}"


@pytest.mark.parametrize(
    ("details", "token"),
    [
        ("authorized", None),
        ("authorized", ""),
        ("authorized", "  "),
        ("always", "t"),
        ("never", "t"),
        ("sometimes", None),
    ],
)
def test_H6_a_policy_that_makes_no_sense_is_refused(details, token):
    with pytest.raises(ValueError):
        HealthPolicy(details, token=token)


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/startup"])
@pytest.mark.parametrize(
    ("query", "verbose"), [("", False), ("?verbose", True), ("?verbose=1", True), ("?verbose=false", False)]
)
def test_verbose_lists_what_was_asked(application, get, path, query, verbose):
    answer = get(application(HealthPolicy("always"), redis=True), path + query)
    assert ("checks" in answer.json, answer.json.get("state")) == (verbose, "running" if verbose else None)
    if verbose:
        assert list(answer.json["checks"]) == ([] if path == "/health/startup" else ["redis"])


@pytest.mark.parametrize(
    ("query", "status", "excluded"),
    [
        ("?verbose&exclude=redis", 200, ["redis"]),
        ("?verbose&exclude=redis,other", 200, ["redis", "other"]),
        ("?verbose&exclude=other&exclude=redis", 200, ["redis", "other"]),
        ("?verbose&exclude=re%64is", 200, ["redis"]),
        ("?verbose&exclude=nobody", 503, None),
        ("?verbose&exclude=", 503, None),
        ("?verbose", 503, None),
    ],
)
def test_exclude_leaves_contributors_out(application, get, query, status, excluded):
    app = application(HealthPolicy("always"), redis="hang", other=True)
    for path in ("/health", "/health/ready", "/health/detailed"):
        answer = get(app, path + query)
        assert (answer.status, answer.json.get("excluded")) == (status, excluded)
    assert (app.asked["redis"].calls > 0) == (status == 503)


@pytest.mark.parametrize(
    "query", ["?" + "exclude=a&" * 500, "?exclude=%ff%00&verbose=%", "?&&==&verbose", "?exclude[]=x", "?%E2%82%AC"]
)
def test_hostile_queries_are_answered_like_any_other(application, get, query):
    app = application(HealthPolicy("always"), redis=True)
    assert [get(app, path + query).status for path in PATHS] == [200] * 5


# -- where the endpoints are ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["/internal/health", "/health/", "/h"])
def test_the_prefix_is_that_of_the_configuration(application, get, prefix):
    app = application(prefix=prefix)
    base = prefix.rstrip("/")
    assert [get(app, base + path).status for path in ("", "/", "/live", "/ready/")] == [200] * 4


def test_the_prefix_may_be_the_root(get):
    registry = HealthRegistry()
    registry.mark_started()
    app = FastAPI()
    app.include_router(health_router(registry, prefix="/"))
    assert [get(app, path).status for path in ("/", "/live", "/ready", "/detailed/")] == [200] * 4


@pytest.mark.parametrize("prefix", ["", "health", "/{x}", "/a?b", "//x", "/a#b"])
def test_a_prefix_that_is_no_path_is_refused(prefix):
    with pytest.raises(ValueError, match="prefix"):
        HealthEndpoints(HealthRegistry(), prefix=prefix)


def test_the_plans_router_is_that_of_the_application_it_is_in(get, contributor):
    empty = FastAPI()
    empty.include_router(health.router)
    assert [get(empty, path).status for path in BOTH_SPELLINGS] == [200] * 10

    registry = HealthRegistry([contributor("redis", lambda: False)])
    registry.mark_started()
    app = FastAPI()
    app.state.health = registry
    app.include_router(health.router)
    assert [get(app, path).status for path in PATHS] == [503, 200, 503, 200, 503]
    assert app.url_path_for("readiness_check") == "/health/ready"


def test_the_routes_serve_a_plain_starlette_application_and_a_mounted_one(get):
    registry = HealthRegistry()
    registry.mark_started()
    routes = health_router(registry).routes
    assert get(Starlette(routes=routes), "/health/live").status == 200
    assert get(Starlette(routes=[Mount("/api", routes=routes)]), "/api/health/ready/").status == 200


def test_H15_nothing_is_read_again_for_a_request(application, get, tmp_path, monkeypatch):
    app = application(HealthPolicy("always"), redis=True, llm=True)
    first = get(app, "/health/detailed")
    monkeypatch.chdir(tmp_path)
    again = get(app, *["/health/detailed", "/health/ready", "/health"] * 10, "/health/detailed")
    assert {key: first.json[key] for key in ("redis", "llm")} == {key: again.json[key] for key in ("redis", "llm")}
    assert [one.calls for one in app.asked.values()] == [1, 1]
