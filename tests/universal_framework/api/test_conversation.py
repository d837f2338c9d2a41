"""The HTTP interface, with the real storage behind it."""

import time

import pytest
from starlette.datastructures import Headers

from universal_framework.api.middleware import owner_of
from universal_framework.api.refusals import RefusalError
from universal_framework.config.models import EnvironmentConfig


def test_four_requests_yield_an_email(client, conversation, talk):
    phases, session_id, body = [], None, {}
    for message in conversation:
        body = talk(client, message, session_id=session_id)
        session_id = body["session_id"]
        phases.append(body["phase"])
    assert phases == ["requirements", "strategy", "confirmation", "email"]
    assert body["complete"]
    assert body["turn"] == 4
    assert "office move" in body["email"]["subject"].lower()
    assert "pack your desk by Thursday" in body["email"]["body"]
    assert (body["warnings"], body["degraded"]) == ([], [])


def test_conversations_do_not_mix(client, conversation, talk):
    first = talk(client, conversation[0])
    second = talk(client, "Write an email about cake")
    assert first["session_id"] != second["session_id"]
    assert talk(client, conversation[1], session_id=first["session_id"])["phase"] == "strategy"
    assert client.get(f"/api/workflow/sessions/{second['session_id']}").json()["phase"] == "requirements"


def test_revision_before_and_after_the_email(client, conversation, talk):
    body = talk(client, *conversation[:2], "Please make it formal instead")
    assert (body["phase"], body["strategy"]["revision"], body["strategy"]["tone"]) == ("strategy", 2, "formal")
    body = talk(client, *conversation[2:], "shorten it", session_id=body["session_id"])
    assert (body["phase"], body["complete"]) == ("email", True)


def test_side_nodes(client, conversation, talk):
    body = talk(client, *conversation[:2], "help")
    assert (body["phase"], body["intent"]) == ("strategy", "help")
    assert body["strategy"] is not None
    body = talk(client, "/reset", session_id=body["session_id"])
    assert (body["phase"], body["intent"], body["strategy"]) == ("requirements", "reset", None)
    assert body["missing"] == ["topic", "audience", "tone", "key points"]
    assert talk(client, "nice weather", session_id=body["session_id"])["intent"] == "off_topic"


def test_sessions_can_be_read_and_forgotten(client, conversation, talk):
    session_id = talk(client, conversation[0])["session_id"]
    url = f"/api/workflow/sessions/{session_id}"
    assert client.get(url).json()["message_count"] == 2
    assert client.get(f"{url}/errors").json() == []
    assert client.delete(url).status_code == 204
    assert client.delete(url).status_code == 404
    assert client.get(url).json()["error"]["code"] == "session_not_found"


def test_history_and_export(client, conversation, talk):
    url = f"/api/workflow/sessions/{talk(client, *conversation[:2])['session_id']}"
    history = client.get(f"{url}/history", params={"limit": 3}).json()
    assert (history["total"], len(history["entries"])) == (4, 3)
    users = client.get(f"{url}/history", params={"role": "user"}).json()["entries"]
    assert [entry["content"] for entry in users] == list(conversation[:2])
    assert "content" not in client.get(f"{url}/export").json()[0]
    exported = client.get(f"{url}/export", params={"with_content": True}).json()
    assert exported[0]["content"] == conversation[0]


def test_requirements_form(client, conversation, talk):
    session_id = talk(client, conversation[0])["session_id"]
    url = f"/api/workflow/sessions/{session_id}/requirements"
    assert client.get(url).json()["missing"] == ["audience", "tone", "key points"]
    form = {"audience": "the board", "tone": "formal", "key_points": ["one", " ", "two"]}
    saved = client.put(url, json=form).json()
    assert (saved["missing"], saved["key_points"]) == ([], ["one", "two"])
    assert talk(client, "That is all", session_id=session_id)["phase"] == "strategy"
    refused = client.put(url, json=form)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "wrong_phase")
    assert "retry-after" not in refused.headers


def test_intent_probe_and_phases(client):
    probe = client.post("/api/workflow/intent", json={"text": "yes", "phase": "confirmation"})
    assert probe.json()["intent"] == "approve"
    phases = [row["phase"] for row in client.get("/api/workflow/phases").json()]
    assert phases == ["requirements", "strategy", "confirmation", "email"]


def finished(client, url, headers=None):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = client.get(url, headers=headers).json()
        if job.get("status") in {"succeeded", "failed"}:
            return job
        time.sleep(0.05 if "status" in job else 1)  # whoever asks too often is told to wait
    raise AssertionError(job)


def test_background_jobs_keep_their_result_and_their_error(client, conversation):
    accepted = client.post("/api/workflow/execute-async", json={"message": conversation[0]})
    assert accepted.status_code == 202
    job = finished(client, accepted.headers["location"])
    assert (job["status"], job["response"]["phase"], job["error"]) == ("succeeded", "requirements", None)
    accepted = client.post("/api/workflow/execute-async", json={"message": "hello", "session_id": "unknown-1"})
    job = finished(client, accepted.headers["location"])
    assert (job["status"], job["error"]["code"]) == ("failed", "session_not_found")


# -- owners -----------------------------------------------------------------------------------------------------------


def test_a_session_of_somebody_else_does_not_exist(start, conversation, talk):
    client = start(owner_header="X-User")
    ann, ben = {"x-user": "ann"}, {"x-user": "ben"}
    session_id = talk(client, conversation[0], headers=ann)["session_id"]
    for other in (ben, {}):
        for path in ("", "/history", "/export", "/errors", "/requirements"):
            answer = client.get(f"/api/workflow/sessions/{session_id}{path}", headers=other)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "session_not_found")
        assert client.delete(f"/api/workflow/sessions/{session_id}", headers=other).status_code == 404
        body = {"message": "hello", "session_id": session_id}
        assert client.post("/api/workflow/execute", json=body, headers=other).status_code == 404
    assert client.get("/api/workflow/sessions", headers=ann).json() == [session_id]
    assert client.get("/api/workflow/sessions", headers=ben).json() == []
    accepted = client.post("/api/workflow/execute-async", json={"message": conversation[0]}, headers=ann)
    assert client.get(accepted.headers["location"], headers=ben).status_code == 404
    assert finished(client, accepted.headers["location"], ann)["status"] == "succeeded"


def test_nobody_learns_the_sessions_of_the_anonymous(client, conversation, talk):
    talk(client, conversation[0])
    answer = client.get("/api/workflow/sessions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "owner_required")


def test_a_header_that_nobody_configured_names_no_owner(client, conversation, talk):
    session_id = talk(client, conversation[0], headers={"x-user": "ann"})["session_id"]
    assert client.get(f"/api/workflow/sessions/{session_id}", headers={"x-user": "ben"}).status_code == 200


def test_an_owner_who_is_named_twice_is_refused(start):
    client = start(owner_header="X-User")
    answer = client.get("/api/workflow/phases", headers=[("x-user", "ann"), ("x-user", "ben")])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_owner")


# -- safe mode --------------------------------------------------------------------------------------------------------


def test_C13_in_safe_mode_no_model_is_called_and_answers_say_so(start, configured, conversation, talk, becomes):
    client = start(configured(environment=EnvironmentConfig(name="staging", safe_mode=True)))
    body = talk(client, *conversation)
    assert body["complete"]
    assert "safe_mode" in body["warnings"]
    assert client.app.state.services.llm.label == "simulation"
    assert becomes(lambda: client.get("/health/ready").status_code == 200)
    assert becomes(lambda: client.get("/health").json()["status"] == "degraded")
    blocked = client.post("/api/workflow/execute", json={"message": "an email about a gift card"})
    assert (blocked.status_code, blocked.json()["error"]["code"]) == (403, "safe_mode_violation")


def test_a_form_is_checked_by_safe_mode_too(start, configured, conversation, talk):
    client = start(configured(environment=EnvironmentConfig(name="staging", safe_mode=True)))
    url = f"/api/workflow/sessions/{talk(client, conversation[0])['session_id']}/requirements"
    for form in ({"topic": "a gift card"}, {"tone": "gift card"}, {"key_points": ["one", "gift card"]}):
        assert client.put(url, json=form).status_code == 403


def test_a_form_is_cleaned_as_messages_are(client, conversation, talk):
    url = f"/api/workflow/sessions/{talk(client, conversation[0])['session_id']}/requirements"
    form = {"audience": "all\r\nBcc: eve\u202e", "tone": "\x00warm", "key_points": ["a\nb", "\u200b", "a\nb"]}
    view = client.put(url, json=form).json()
    assert (view["audience"], view["tone"], view["key_points"]) == ("all Bcc: eve", "warm", ["a b"])


# -- names of owners --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Łukasz", "李", "Doe, John", "anonymous"])
def test_an_owner_may_have_any_name(start, conversation, talk, name):
    client = start(owner_header="X-User")
    headers = {"x-user": name.encode()}
    session_id = talk(client, conversation[0], headers=headers)["session_id"]
    assert client.get("/api/workflow/sessions", headers=headers).json() == [session_id]
    assert client.get(f"/api/workflow/sessions/{session_id}").status_code == 404


@pytest.mark.parametrize("name", [b"Jos\xe9", b"a\tb", b"a" * 257, "a\u202eb".encode()])
def test_a_name_that_is_no_text_is_refused(name):
    with pytest.raises(RefusalError, match="invalid_owner"):
        owner_of(Headers(raw=[(b"x-user", name)]), "X-User")
