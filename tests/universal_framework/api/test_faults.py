"""What fails behind the service: storage, language model, time. Never a 500, never an acknowledged message lost."""

import asyncio
import threading
import time

import pytest

from universal_framework.config.models import ErrorRecoveryConfig, RedisConfig, SecurityConfig
from universal_framework.contracts.llm import LLMResponse, Purpose
from universal_framework.errors import LLMError, SessionStoreError
from universal_framework.redis.memory_storage import MemorySessionStorage

EXECUTE = "/api/workflow/execute"


def code(response):
    return response.status_code, response.json()["error"]["code"]


class Model:
    """A language model that does what `self.does` says: answers, fails, or hangs."""

    label = "openai"

    def __init__(self, does=None):
        self.does = does
        self.calls = 0

    async def complete(self, request):
        self.calls += 1
        if isinstance(self.does, Exception):
            raise self.does
        if self.does == "hang":
            await asyncio.sleep(3600)
        texts = {
            Purpose.INTENT: "provide_details",
            Purpose.STRATEGY: "Subject: The move\nSummary: short\n- one\n- two",
            Purpose.EMAIL: "Subject: The move\n\nHello all",
        }
        text = self.does or texts[request.purpose]
        return LLMResponse(text=text, provider="openai", model="m", words=len(text.split()))

    async def check(self):
        return None

    async def aclose(self):
        return None


# -- the language model -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "does",
    [LLMError("llm.unreachable", retryable=True), LLMError("llm.auth"), "<html>portal</html>", TimeoutError()],
)
def test_a_model_that_fails_is_answered_for_by_the_simulation_and_marked(start, conversation, talk, does):
    model = Model()
    client = start(llm=model)
    first = talk(client, conversation[0])
    model.does = does
    planned = talk(client, conversation[1], session_id=first["session_id"])
    assert (planned["phase"], planned["degraded"]) == ("strategy", ["strategy_generator"])
    body = talk(client, *conversation[2:], session_id=first["session_id"])
    assert body["complete"]
    assert "strategy_generator" in body["degraded"]
    assert client.get(f"/api/workflow/sessions/{first['session_id']}").json()["degraded"] == body["degraded"]


def test_what_comes_back_is_marked_no_longer(start, conversation, talk):
    model = Model(LLMError("llm.unreachable", retryable=True))
    client = start(llm=model)
    body = talk(client, *conversation[:2])
    assert body["degraded"] == ["strategy_generator"]
    model.does = None
    body = talk(client, "Please make it formal instead", session_id=body["session_id"])
    assert (body["degraded"], body["strategy"]["revision"]) == ([], 2)


def test_R44_a_model_that_hangs_costs_its_time_and_no_more(start, configured, conversation, talk):
    recovery = ErrorRecoveryConfig(agent_timeout=0.2)
    client = start(configured(error_recovery=recovery), llm=Model("hang"))
    body = talk(client, *conversation)
    assert body["complete"]
    assert body["degraded"] == ["email_generator", "strategy_generator"]


def test_R44_agents_get_less_than_the_request_so_that_a_fallback_still_answers(start, configured, conversation, talk):
    client = start(configured(security=SecurityConfig(request_timeout=1.0)), llm=Model("hang"))
    assert talk(client, *conversation[:2])["degraded"] == ["strategy_generator"]


def test_a_circuit_opens_and_then_the_model_is_left_alone(start, configured, conversation, talk, becomes):
    model = Model(LLMError("llm.unreachable", retryable=True))
    recovery = ErrorRecoveryConfig(circuit_breaker_threshold=2)
    client = start(configured(error_recovery=recovery), llm=model)
    for _ in range(2):
        talk(client, *conversation[:2])
    before = model.calls
    assert talk(client, *conversation[:2])["degraded"] == ["strategy_generator"]
    assert model.calls == before
    assert becomes(lambda: client.get("/health/ready").status_code == 200)
    text = client.get("/metrics").text
    assert 'circuit_transitions_total{agent="strategy_generator"' in text
    assert 'agent_fallbacks_total{agent="strategy_generator"' in text


def test_R37_with_recovery_switched_off_the_failure_is_the_callers(start, configured, conversation, talk):
    model = Model()
    client = start(configured(error_recovery=ErrorRecoveryConfig(enabled=False)), llm=model)
    session_id = talk(client, conversation[0])["session_id"]
    model.does = LLMError("llm.unreachable")
    answer = client.post(EXECUTE, json={"message": conversation[1], "session_id": session_id})
    assert code(answer) == (502, "llm_unavailable")
    assert "retry-after" in answer.headers
    errors = client.get(f"/api/workflow/sessions/{session_id}/errors").json()
    assert [one["code"] for one in errors] == ["llm_unavailable"]
    model.does = None
    assert talk(client, conversation[1], session_id=session_id)["turn"] == 2


# -- the storage ------------------------------------------------------------------------------------------------------


def test_a_storage_that_is_down_is_a_503_with_retry_after(start, configured, own_redis, conversation, talk):
    client = start(configured(redis=own_redis))
    session_id = talk(client, conversation[0])["session_id"]
    own_redis.stop()
    for body in ({"message": conversation[0]}, {"message": conversation[1], "session_id": session_id}):
        for _ in range(4):
            answer = client.post(EXECUTE, json=body)
            assert code(answer) == (503, "session_store_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
    assert code(client.get(f"/api/workflow/sessions/{session_id}")) == (503, "session_store_unavailable")
    accepted = client.post("/api/workflow/execute-async", json={"message": conversation[0]})
    for _ in range(80):  # fewer than the rate limit allows, with pauses
        job = client.get(accepted.headers["location"]).json()
        if job["error"]:
            break
        time.sleep(0.5)
    assert job["error"]["code"] == "session_store_unavailable"


class Flaky(MemorySessionStorage):
    """A storage that takes a number of writes and then fails, or hangs."""

    fails = False
    hangs = False

    async def save(self, state, *, owner):
        if self.hangs:
            await asyncio.sleep(3600)
        if self.fails:
            raise SessionStoreError("save failed")
        return await super().save(state, owner=owner)


def test_what_was_acknowledged_is_there_after_a_failure_and_what_was_not_is_not(start, conversation, talk):
    store = Flaky()
    client = start(store=store)
    session_id = talk(client, *conversation[:2])["session_id"]
    store.fails = True
    answer = client.post(EXECUTE, json={"message": conversation[2], "session_id": session_id})
    assert code(answer) == (503, "session_store_unavailable")
    view = client.get(f"/api/workflow/sessions/{session_id}").json()
    assert (view["phase"], view["turn"], view["message_count"]) == ("strategy", 2, 4)
    store.fails = False
    assert talk(client, conversation[2], session_id=session_id)["phase"] == "confirmation"


def test_R43_a_storage_that_hangs_is_soon_asked_no_more(start, configured, conversation, talk):
    store = Flaky()
    client = start(configured(security=SecurityConfig(request_timeout=0.8)), store=store)
    session_id = talk(client, conversation[0])["session_id"]
    store.hangs = True
    asked = []
    for _ in range(7):
        answer = client.post(EXECUTE, json={"message": conversation[1], "session_id": session_id})
        asked.append(code(answer))
        assert int(answer.headers["retry-after"]) >= 1
    assert set(asked) == {(503, "session_store_unavailable")}
    circuit = client.app.state.services.recovery.get_metrics()["circuit_breakers"]["session_store_writes"]
    assert circuit["state"] in {"OPEN", "HALF_OPEN"}


def test_a_redis_that_accepts_and_never_answers_is_a_503(start, configured, conversation):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        redis = RedisConfig(url=url, connection_timeout=0.2, retry_attempts=0, retry_delay=0)
        client = start(configured().model_copy(update={"redis": redis}))
        assert code(client.post(EXECUTE, json={"message": conversation[0]})) == (503, "session_store_unavailable")
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503


# -- two at once, and time --------------------------------------------------------------------------------------------


class Waiting(Model):
    """A model that answers when it is let."""

    def __init__(self):
        super().__init__()
        self.asked, self.may = threading.Event(), threading.Event()

    async def complete(self, request):
        if request.purpose is Purpose.STRATEGY:
            self.asked.set()
            await asyncio.to_thread(self.may.wait, 30)
        return await super().complete(request)


def test_of_two_messages_to_one_session_one_wins_and_the_other_is_told(start, conversation, talk):
    model = Waiting()
    client = start(llm=model)
    session_id = talk(client, conversation[0])["session_id"]
    body = {"message": conversation[1], "session_id": session_id}
    answers = []
    first = threading.Thread(target=lambda: answers.append(client.post(EXECUTE, json=body)))
    first.start()
    assert model.asked.wait(30)
    second = client.post(EXECUTE, json=body)
    model.may.set()
    first.join(30)
    assert code(second) == (409, "session_conflict")
    assert second.headers["retry-after"] == "1"
    assert answers[0].status_code == 200
    assert client.get(f"/api/workflow/sessions/{session_id}").json()["turn"] == 2


def test_of_two_messages_in_two_processes_one_wins_too(start, configured, conversation, talk):
    model = Waiting()
    one, two = start(llm=model), start()
    session_id = talk(one, conversation[0])["session_id"]
    body = {"message": conversation[1], "session_id": session_id}
    answers = []
    first = threading.Thread(target=lambda: answers.append(one.post(EXECUTE, json=body)))
    first.start()
    assert model.asked.wait(30)
    assert two.post(EXECUTE, json=body).status_code == 200
    model.may.set()
    first.join(30)
    assert code(answers[0]) == (409, "session_conflict")
    assert two.get(f"/api/workflow/sessions/{session_id}").json()["turn"] == 2


def test_a_session_deleted_meanwhile_does_not_come_back(start, conversation, talk):
    model = Waiting()
    client = start(llm=model)
    session_id = talk(client, conversation[0])["session_id"]
    answers = []
    body = {"message": conversation[1], "session_id": session_id}
    first = threading.Thread(target=lambda: answers.append(client.post(EXECUTE, json=body)))
    first.start()
    assert model.asked.wait(30)
    assert client.delete(f"/api/workflow/sessions/{session_id}").status_code == 204
    model.may.set()
    first.join(30)
    assert code(answers[0]) == (404, "session_not_found")
    assert client.get(f"/api/workflow/sessions/{session_id}").status_code == 404


class Slow(MemorySessionStorage):
    async def load(self, session_id, *, owner):
        await asyncio.sleep(3600)


def test_a_request_that_takes_too_long_is_given_up(start, configured):
    config = configured(security=SecurityConfig(request_timeout=0.2), error_recovery=ErrorRecoveryConfig(enabled=False))
    answer = start(config, store=Slow()).get("/api/workflow/sessions/unknown-1")
    assert code(answer) == (504, "request_timeout")
    assert "retry-after" in answer.headers


def test_R45_two_applications_share_no_circuit(start, configured, conversation, talk):
    one, two = start(llm=Model(LLMError("llm.unreachable", retryable=True))), start(llm=Model())
    one.app.state.services.recovery.force_open("strategy_generator")
    assert talk(one, *conversation[:2])["degraded"] == ["strategy_generator"]
    assert talk(two, *conversation[:2])["degraded"] == []
