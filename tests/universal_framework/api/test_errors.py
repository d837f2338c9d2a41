"""Every error has the envelope, and nothing of the client or of an exception is in it."""

import asyncio
import json
import socket

import pytest

from universal_framework.api.response_transformer import transform_error
from universal_framework.config.models import MonitoringConfig, SecurityConfig
from universal_framework.errors import LLMError
from universal_framework.observability.testing import capture_events

EXECUTE = "/api/workflow/execute"
CANARY = "cAnArY7f3b9e1d"
JSON = {"content-type": "application/json"}


def is_envelope(response, status=None):
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "detail", "request_id"}
    assert body["error"]["request_id"] == response.headers["x-request-id"]
    assert response.headers["content-type"] == "application/json"
    assert CANARY not in response.text
    assert "Traceback" not in response.text
    if status is not None:
        assert response.status_code == status, response.text
    return body["error"]["code"]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JSON, 422, "invalid_request"),
        (b"{}", JSON, 422, "invalid_request"),
        (b"[]", JSON, 422, "invalid_request"),
        (b"null", JSON, 422, "invalid_request"),
        (b'{"message":""}', JSON, 422, "invalid_request"),
        (b'{"message":"   "}', JSON, 422, "invalid_request"),
        (b'{"message":5}', JSON, 422, "invalid_request"),
        (b'{"message":"hi","cAnArY7f3b9e1d":1}', JSON, 422, "invalid_request"),
        (b'{"message":"hi","session_id":"../cAnArY7f3b9e1d"}', JSON, 422, "invalid_request"),
        (b'{"message":"hi","session_id":"cAnArY7f3b9e1d"}', JSON, 404, "session_not_found"),
        (json.dumps({"message": CANARY * 400}).encode(), JSON, 422, "invalid_input"),
        (b'{"message":"cAnArY7f3b9e1d"', JSON, 400, "invalid_json"),
        (b'{"cAnArY7f3b9e1d":NaN}', JSON, 400, "invalid_json"),
        (b'{"cAnArY7f3b9e1d":1,"cAnArY7f3b9e1d":2}', JSON, 400, "duplicate_key"),
        (b'{"message":"\xff"}', JSON, 400, "invalid_encoding"),
        (b'{"message":"\\ud800"}', JSON, 400, "invalid_encoding"),
        (b"[" * 60_000, JSON, 400, "too_deep"),
        (b'{"a":' + b"9" * 5_000 + b"}", JSON, 400, "number_too_large"),
        (b'{"message":"' + b"a" * 70_000 + b'"}', JSON, 413, "body_too_large"),
        (b'{"message":"hi"}', {"content-type": "text/plain"}, 415, "unsupported_media_type"),
        (b'{"message":"hi"}', {}, 415, "unsupported_media_type"),
        (b'{"message":"hi"}', {"content-type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"),
        (b'{"message":"hi"}', {**JSON, "content-encoding": "gzip"}, 415, "unsupported_encoding"),
    ],
)
def test_hostile_bodies_get_the_envelope(client, content, headers, status, code):
    assert is_envelope(client.post(EXECUTE, content=content, headers=headers), status) == code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/{CANARY}", 404),
        ("GET", f"/api/{CANARY}?token={CANARY}", 404),
        ("POST", f"{EXECUTE}/", 404),
        ("GET", EXECUTE, 405),
        ("PUT", EXECUTE, 405),
        ("DELETE", "/", 405),
        ("PATCH", "/openapi.json", 405),
        ("POST", "/health/live", 405),
        ("GET", f"/health/{CANARY}", 404),
        ("GET", f"/api/workflow/sessions/{CANARY}", 404),
        ("GET", f"/api/workflow/sessions/%00{CANARY}", 422),
        ("GET", f"/api/workflow/sessions/{CANARY}/history?limit=0", 422),
        ("GET", f"/api/workflow/sessions/{CANARY}/history?limit={CANARY}", 422),
        ("GET", f"/api/workflow/jobs/{CANARY}", 404),
        ("DELETE", f"/api/workflow/sessions/{CANARY}", 404),
    ],
)
def test_every_way_to_ask_wrongly_gets_the_envelope(client, method, path, status):
    response = client.request(method, path)
    is_envelope(response, status)
    if status == 405:
        assert response.headers["allow"]


def test_a_streamed_body_without_a_length_is_cut_off_at_the_limit(client):
    sent = 0

    def chunks():
        nonlocal sent
        yield b'{"message":"'
        for _ in range(1000):
            sent += 1
            yield b"a" * 10_000

    assert is_envelope(client.post(EXECUTE, content=chunks(), headers=JSON), 413) == "body_too_large"


def test_the_limit_is_the_configured_one(start, configured):
    client = start(configured(security=SecurityConfig(max_body_bytes=2_000)))
    assert client.post(EXECUTE, json={"message": "a" * 1_900}).status_code == 200
    assert is_envelope(client.post(EXECUTE, json={"message": "a" * 2_100}), 413) == "body_too_large"


def test_a_body_that_does_not_arrive_is_given_up(start, monkeypatch):
    monkeypatch.setattr("universal_framework.api.middleware.BODY_SECONDS", 0.05)
    app = start().app
    sent = []

    async def never():
        await asyncio.sleep(3600)

    async def keep(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": EXECUTE, "raw_path": EXECUTE.encode(), "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"9")], "client": ("192.0.2.1", 1),
        "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("x", 80),
    }  # fmt: skip
    asyncio.run(app(scope, never, keep))
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["error"]["code"] == "body_timeout"


def test_an_id_of_the_clients_is_not_taken_over(client):
    response = client.get("/nowhere", headers={"x-request-id": CANARY})
    is_envelope(response, 404)
    assert CANARY not in str(response.headers)


class Broken:
    label = "broken"

    async def run(self, state):
        raise ZeroDivisionError(f"secret {CANARY}")


def test_what_nobody_foresaw_is_logged_and_hidden(client, conversation):
    client.app.state.services.orchestrator = Broken()
    with capture_events() as logs:
        response = client.post(EXECUTE, json={"message": conversation[0]})
    assert is_envelope(response, 500) == "workflow_failed"
    assert [one["error_type"] for one in logs if one["event"] == "workflow_crashed"] == ["ZeroDivisionError"]


def test_what_nobody_foresaw_outside_the_workflow_has_the_envelope_too(client):
    client.app.state.services.jobs = None
    with capture_events() as logs:
        assert is_envelope(client.get("/api/workflow/jobs/any"), 500) == "internal_error"
    crashed = [one for one in logs if one["event"] == "request_crashed"]
    assert len(crashed) == 1


def test_errors_show_their_public_detail_only():
    body = transform_error(LLMError("at 10.0.0.7: refused"), "r1").error
    assert (body.code, body.request_id) == ("llm_unavailable", "r1")
    assert "10.0.0.7" not in body.detail
    body = transform_error(ZeroDivisionError("division by zero")).error
    assert (body.code, "zero" in body.detail) == ("internal_error", False)


def test_answers_forbid_everything_that_an_answer_could_do(client):
    headers = client.get("/api/workflow/phases").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_a_log_line_names_the_route_and_no_session(client, conversation, talk):
    with capture_events() as logs:
        session_id = talk(client, *conversation[:2])["session_id"]
        client.get(f"/api/workflow/sessions/{session_id}/history")
        client.get(f"/{CANARY}?{CANARY}", headers={"authorization": f"Bearer {CANARY}"})
        client.delete(f"/api/workflow/sessions/{session_id}")
    requests = [one for one in logs if one["event"] == "http_request"]
    assert {one["route"] for one in requests} == {
        EXECUTE, "/api/workflow/sessions/{session_id}/history", "/api/workflow/sessions/{session_id}", "none",
    }  # fmt: skip
    assert CANARY not in str([one for one in logs if "component" in one])


def test_C6_health_is_where_the_configuration_says_and_has_no_limit(start, configured):
    monitoring = MonitoringConfig(health_check_endpoint="/internal/up")
    client = start(configured(monitoring=monitoring, security=SecurityConfig(rate_limit_requests=1)))
    assert [client.get("/internal/up/live").status_code for _ in range(5)] == [200] * 5
    assert is_envelope(client.get("/health"), 404)
    assert 'data-health="/internal/up"' in client.get("/").text


def test_http_that_cannot_be_read_gets_the_envelope(shared_service):
    url = shared_service.url
    host, port = url.removeprefix("http://").split(":")
    for raw in (
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ):
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(raw + b"\r\n\r\n")
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_http"
