"""``universal-framework serve`` as a process: from nothing to an e-mail, and to its end."""

import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from universal_framework.cli.serve import is_trial

CANARY = "cAnArY7f3b9e1d"


def ask(url, body=None, headers=None, timeout=60):
    """Return status, JSON and headers of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), error.headers


def converse(url, messages):
    body = {}
    for message in messages:
        request = {"message": message} | ({"session_id": body["session_id"]} if body else {})
        status, body, _ = ask(f"{url}/api/workflow/execute", request)
        assert status == 200, body
    return body


def servers_of(folder):
    """Return the folders of embedded servers below the temporary folder."""
    return list(Path(folder).glob("uf-redis-*"))


def test_with_nothing_configured_four_requests_yield_an_email(serve, conversation, tmp_path):
    service = serve(environ={"TMPDIR": str(tmp_path)})
    assert "No configuration is named: this is a trial" in service.told
    assert "Redis: embedded" in service.told
    assert "simulation" in service.told
    assert len(servers_of(tmp_path)) == 1
    body = converse(service.url, conversation)
    assert body["complete"]
    assert "pack your desk by Thursday" in body["email"]["body"]
    assert service.stop(signal.SIGTERM) == 0
    assert servers_of(tmp_path) == []
    lines = [json.loads(line) for line in service.logged.splitlines()]
    assert {"service_listening", "http_request", "service_draining", "service_stopped"} <= {
        one["event"] for one in lines
    }
    audited = [one["action"] for one in lines if one["event"] == "audit"]
    assert audited == ["session_created", "email_completed"]
    assert all(one["session_id"].startswith("sid_") for one in lines if "session_id" in one)
    assert body["session_id"] not in service.logged + service.told
    ids = {one.get("request_id") for one in lines if one["event"] == "http_request"}
    assert len(ids) == 4


def test_the_example_configuration_in_the_folder_is_not_taken_without_being_named(serve, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "production.toml").write_text('[redis]\nurl = "${REDIS_URL}"\n')
    assert "this is a trial" in serve(cwd=tmp_path).told


def test_two_at_once_do_not_meet(serve, conversation):
    one, two = serve(), serve()
    session_id = converse(one.url, conversation[:1])["session_id"]
    assert ask(f"{one.url}/api/workflow/sessions/{session_id}")[0] == 200
    assert ask(f"{two.url}/api/workflow/sessions/{session_id}")[0] == 404
    assert one.stop() == 0
    assert converse(two.url, conversation)["complete"]


def test_ctrl_c_ends_it_as_sigterm_does(serve, tmp_path):
    service = serve("--drain-seconds", "0", environ={"TMPDIR": str(tmp_path)})
    assert service.stop(signal.SIGINT) == 0
    assert "Traceback" not in service.told
    assert servers_of(tmp_path) == []


def test_sigterm_while_it_starts_leaves_nothing(clean_environment, tmp_path):
    import subprocess
    import sys

    command = [sys.executable, "-m", "universal_framework", "serve", "--port", "0"]
    process = subprocess.Popen(
        command, env={**clean_environment, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    with process:
        for line in process.stderr:
            if b"trial" in line:
                break
        process.terminate()
        told = process.stderr.read()
        assert process.wait(30) == 0
    assert b"Traceback" not in told
    assert servers_of(tmp_path) == []


# -- configurations ---------------------------------------------------------------------------------------------------


def test_a_taken_port_is_said_and_nothing_is_left(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = serve("--port", str(port), port=False, environ={"TMPDIR": str(tmp_path)})
    assert ended.process.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.told
    assert "--port" in ended.told
    assert "Traceback" not in ended.told
    assert servers_of(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[redis]\nurl = "${REDIS_URL}"\n[llm]\nprovider = "simulation"\n', "config.unset_variable"),
        ('[redis]\nurl = "redis://:cAnArY7f3b9e1d@127.0.0.1:1/0"\nretry_attempts = 0\n[llm]\nprovider="simulation"\n', "redis.refused"),
        ('[redis]\nurl = "unix:///x"\nmax_conections = 3\n', "config.unknown_key"),
        ("[redis", "config.syntax"),
    ],
)  # fmt: skip
def test_V25_an_invalid_configuration_is_told_and_ends_with_78(serve, tmp_path, text, code):
    file = tmp_path / "service.toml"
    file.write_text(text)
    ended = serve(str(file))
    assert ended.process.returncode == 78
    assert code in ended.told
    assert str(file) in ended.told or "service.toml" in ended.told
    assert CANARY not in ended.told + ended.logged
    assert "Traceback" not in ended.told + ended.logged


def test_C22_a_variable_makes_it_no_trial(serve):
    ended = serve(environ={"UF__ENVIRONMENT__NAME": "production"})
    assert ended.process.returncode == 78
    assert "trial" not in ended.told


def test_C17_a_configuration_that_fails_open_starts_in_safe_mode(serve, tmp_path, conversation, becomes):
    file = tmp_path / "service.toml"
    file.write_text(
        '[environment]\nname = "staging"\n[redis]\nurl = "redis://127.0.0.1:1/0"\nmax_conections = 3\n'
        '[llm]\nprovider = "simulation"\n[compliance]\nfail_closed_validation = false\n'
    )
    service = serve(str(file))
    assert "starting in safe mode" in service.told
    body = converse(service.url, conversation)
    assert "safe_mode" in body["warnings"]
    assert becomes(lambda: ask(f"{service.url}/health/ready")[0] == 200)
    assert becomes(lambda: ask(f"{service.url}/health")[1]["status"] == "degraded")


@pytest.mark.parametrize(
    ("file", "environ", "trial"),
    [
        (None, {}, True),
        (None, {"UF_LOG_LEVEL": "DEBUG"}, True),
        (None, {"REDIS_URL": "redis://x"}, True),
        (None, {"OPENAI_API_KEY": "sk-x"}, True),
        (None, {"REDIS_URL": "redis://x", "OPENAI_API_KEY": "sk-x"}, False),
        (None, {"UF__SECURITY__RATE_LIMIT_REQUESTS": "5"}, False),
        (None, {"UNIVERSAL_FRAMEWORK_CONFIG": "x.toml"}, False),
        ("x.toml", {}, False),
    ],
)
def test_what_counts_as_a_trial(file, environ, trial):
    assert is_trial(file, environ) is trial


@pytest.mark.parametrize("options", [("--owner-header", "X User: a"), ("--owner-header", ""), ("--host", "")])
def test_options_that_would_open_the_service_to_everybody_are_refused(serve, options):
    service = serve(*options)
    assert service.process.returncode == 2
    assert options[0] in service.told


def test_a_trial_with_an_unusable_address_speaks_of_no_file(serve):
    service = serve(environ={"REDIS_URL": "nonsense"})
    assert service.process.returncode == 78
    assert "env REDIS_URL: redis.url: must begin with" in service.told
    assert "/dev/null" not in service.told


def test_a_wrong_option_is_a_wrong_command(serve):
    assert serve("--port", "70000", port=False).process.returncode == 2
    ended = serve(environ={"UF_LOG_LEVEL": "LOUD"})
    assert ended.process.returncode == 1
    assert "UF_LOG_LEVEL" in ended.told


# -- the real ones ----------------------------------------------------------------------------------------------------


class _OpenAI(BaseHTTPRequestHandler):
    """The provider's API, as far as it is asked; `server.wait` holds up answers."""

    def do_GET(self):
        self._answer({"id": "gpt-4", "object": "model", "created": 1, "owned_by": "x"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(self.headers["authorization"])
        self.server.arrived.set()
        self.server.may.wait(30)
        text = "Subject: The move\nSummary: short\n- from the model\n- two"
        if "Begin with a line 'Subject" in json.dumps(body):
            text = "Subject: The move\n\nHello all, from the model."
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        self._answer(
            {
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": "gpt-4",
                "choices": [choice],
                "usage": usage,
            }
        )

    def _answer(self, document):
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _OpenAI)
    server.daemon_threads = True
    server.asked, server.arrived, server.may = [], threading.Event(), threading.Event()
    server.may.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.may.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def real(own_redis, provider):
    """Variables of a service with a Redis and a provider of its own."""
    return {
        "REDIS_URL": own_redis.url,
        "OPENAI_API_KEY": f"sk-live-{CANARY}",
        "UF__LLM__BASE_URL": f"http://127.0.0.1:{provider.server_port}/v1",
        "UF__ENVIRONMENT__NAME": "staging",
        "UF__MONITORING__DATADOG_ENABLED": "false",
    }


def test_P7_with_a_redis_and_a_key_the_real_ones_are_used_and_sessions_survive(serve, real, provider, conversation):
    first = serve(environ=real)
    assert "trial" not in first.told
    body = converse(first.url, conversation[:2])
    assert "from the model" in str(body["strategy"])
    assert first.stop() == 0
    second = serve(environ=real)
    request = {"message": conversation[2], "session_id": body["session_id"]}
    status, asked, _ = ask(f"{second.url}/api/workflow/execute", request)
    assert (status, asked["phase"]) == (200, "confirmation")
    request["message"] = conversation[3]
    assert "from the model" in ask(f"{second.url}/api/workflow/execute", request)[1]["email"]["body"]
    assert second.stop() == 0
    assert set(provider.asked) == {f"Bearer sk-live-{CANARY}"}
    for service in (first, second):
        assert CANARY not in service.logged + service.told


def test_H11_at_the_end_readiness_fails_first_and_requests_in_flight_are_answered(serve, real, provider, conversation):
    service = serve("--drain-seconds", "2", environ=real)
    session_id = converse(service.url, conversation[:1])["session_id"]
    assert ask(f"{service.url}/health/startup")[0] == 200
    provider.arrived.clear()
    provider.may.clear()
    answers = []
    body = {"message": conversation[1], "session_id": session_id}
    request = threading.Thread(target=lambda: answers.append(ask(f"{service.url}/api/workflow/execute", body)))
    request.start()
    assert provider.arrived.wait(30)
    service.process.send_signal(signal.SIGTERM)
    while ask(f"{service.url}/health/ready")[0] == 200:
        time.sleep(0.01)
    assert ask(f"{service.url}/health/live")[0] == 200
    status, _, headers = ask(f"{service.url}/api/workflow/phases")
    assert (status, headers["connection"]) == (200, "close")
    provider.may.set()
    request.join(30)
    assert service.process.wait(30) == 0
    status, answered, _ = answers[0]
    assert (status, answered["phase"]) == (200, "strategy")
    again = serve(environ=real)
    assert ask(f"{again.url}/api/workflow/sessions/{session_id}")[1]["turn"] == 2


def test_a_second_signal_ends_it_at_once(serve):
    service = serve("--drain-seconds", "3600")
    service.process.send_signal(signal.SIGTERM)
    while "service_draining" not in service.logged:
        time.sleep(0.01)
    assert service.stop(signal.SIGTERM) == 0


def test_H12_liveness_stays_well_and_H11_readiness_not_while_redis_is_gone(
    serve, real, own_redis, conversation, becomes
):
    service = serve(environ={**real, "UF__REDIS__RETRY_ATTEMPTS": "0"})
    session_id = converse(service.url, conversation[:1])["session_id"]
    own_redis.stop()
    body = {"message": conversation[1], "session_id": session_id}
    status, answer, headers = ask(f"{service.url}/api/workflow/execute", body)
    assert (status, answer["error"]["code"]) == (503, "session_store_unavailable")
    assert int(headers["retry-after"]) >= 1
    assert ask(f"{service.url}/health/live")[0] == 200
    assert becomes(lambda: ask(f"{service.url}/health/ready")[0] == 503)
    assert service.stop() == 0


def test_H14_probes_leave_no_line_and_H15_read_no_file(serve, tmp_path, own_redis):
    file = tmp_path / "service.toml"
    file.write_text(f'[environment]\nname="staging"\n[redis]\nurl="{own_redis.url}"\n[llm]\nprovider="simulation"\n')
    service = serve(str(file))
    before = service.logged
    os.unlink(file)
    for path in ("", "/live", "/ready", "/startup", "/detailed") * 3:
        assert ask(f"{service.url}/health{path}")[0] in {200, 503}
    time.sleep(0.3)
    assert [line for line in service.logged[len(before) :].splitlines() if "http_request" in line] == []
    assert service.logged.count("configuration_validated") == 1


def test_the_audit_trail_holds_the_life_of_a_session_and_verifies(serve, conversation, tmp_path, clean_environment):
    import subprocess
    import sys

    trail = tmp_path / "trail"
    service = serve("--audit", str(trail))
    body = converse(service.url, conversation)
    urllib.request.urlopen(
        urllib.request.Request(f"{service.url}/api/workflow/sessions/{body['session_id']}", method="DELETE"), timeout=30
    ).close()
    assert service.stop() == 0
    recorded = "".join(file.read_text() for file in trail.rglob("*.jsonl"))
    for action in ("session_created", "email_completed", "session_deleted"):
        assert f'"{action}"' in recorded
    assert body["session_id"] not in recorded
    command = [sys.executable, "-m", "universal_framework", "audit", "verify", str(trail)]
    verified = subprocess.run(command, env=clean_environment, capture_output=True, check=False, timeout=120)
    assert verified.returncode == 0, verified.stdout


def test_H6_details_of_health_are_for_the_bearer_of_the_token(serve):
    url = f"{serve(environ={'UNIVERSAL_FRAMEWORK_HEALTH_TOKEN': CANARY}).url}/health/detailed"
    assert set(ask(url)[1]) == {"overall_status", "timestamp"}
    assert {"redis", "llm", "configuration", "logging"} <= set(
        ask(url, headers={"authorization": f"Bearer {CANARY}"})[1]
    )


def test_an_owner_is_told_by_the_header_that_the_option_names(serve, conversation):
    service = serve("--owner-header", "X-User")
    _, body, _ = ask(f"{service.url}/api/workflow/execute", {"message": conversation[0]}, {"x-user": "ann"})
    url = f"{service.url}/api/workflow/sessions/{body['session_id']}"
    assert ask(url, headers={"x-user": "ann"})[0] == 200
    assert ask(url, headers={"x-user": "ben"})[0] == 404
