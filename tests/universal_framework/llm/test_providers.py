"""OpenAI's provider against real sockets: every answer has its code, nothing leaks, nothing takes too long."""

from __future__ import annotations

import asyncio
import datetime as dt
import email.utils
import json
import pickle
import subprocess
import sys
import traceback

import pytest

from universal_framework.config.models import LLMProviderConfig
from universal_framework.contracts.llm import LLMRequest, LLMResponse, Purpose
from universal_framework.contracts.simulation import simulation
from universal_framework.errors import ConfigurationError, LLMError
from universal_framework.llm.providers import LLMConfig, OpenAIProvider, SimulationProvider, create_provider
from universal_framework.workflow.production_error_recovery import ErrorClass, ProductionErrorRecovery, classify

from .conftest import DRIP, HALF, HANG, KEY, PROMPT, QUESTION, RESET, completion, refusal, reply

MODEL = {"id": "gpt-4", "object": "model", "created": 1, "owned_by": "system"}


def code(result):
    assert isinstance(result, LLMError), result
    return str(result)


def test_C4_the_section_of_the_file_is_what_is_sent(api, ask):
    answer = ask(model="gpt-9", temperature=0.3)
    assert (answer.text, answer.provider, answer.model) == ("Subject: Hi\n\nHello", "openai", "gpt-4-0613")
    ((method, path, headers, body),) = api.asked
    assert (method, path, headers["authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert (body["model"], body["temperature"], body["messages"][-1]["content"]) == ("gpt-9", 0.3, PROMPT)
    assert body["max_completion_tokens"] >= QUESTION.max_words


def test_an_intent_is_asked_for_without_imagination(api, ask):
    ask(LLMRequest(purpose=Purpose.INTENT, prompt="?"))
    assert api.asked[0][3]["temperature"] == 0.0


REFUSALS = [
    (refusal(401, "invalid_api_key"), "llm.auth", False, ErrorClass.CREDENTIALS),
    (refusal(401, "missing_scope"), "llm.scope", False, ErrorClass.CREDENTIALS),
    (refusal(403, "unsupported_country_region_territory"), "llm.forbidden", False, ErrorClass.CREDENTIALS),
    (refusal(404, "model_not_found"), "llm.model", False, ErrorClass.PERMANENT),
    (refusal(400, "context_length_exceeded"), "llm.request", False, ErrorClass.PERMANENT),
    (refusal(400, "content_filter"), "llm.content_filter", False, ErrorClass.PERMANENT),
    (refusal(429, "rate_limit_exceeded"), "llm.rate_limit", True, ErrorClass.TRANSIENT),
    (refusal(429, "insufficient_quota"), "llm.quota", False, ErrorClass.TRANSIENT),
    (refusal(500), "llm.unreachable", True, ErrorClass.TRANSIENT),
    (refusal(529), "llm.unreachable", True, ErrorClass.TRANSIENT),
    (reply(502, b"<html>Bad gateway</html>", kind="text/html"), "llm.unreachable", True, ErrorClass.TRANSIENT),
    (reply(302, b"", location="http://127.0.0.1:9/x"), "llm.unreachable", False, ErrorClass.TRANSIENT),
]


@pytest.mark.parametrize(("answer", "expected", "retryable", "kind"), REFUSALS)
def test_V15_refusals_have_their_codes(api, ask, answer, expected, retryable, kind):
    api.says(answer)
    error = ask()
    assert (code(error), error.retryable, len(api.asked)) == (expected, retryable, 1)
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"<html>Welcome to our hotel</html>", "llm.not_the_api"), (b"{", "llm.not_the_api"), (b"", "llm.not_the_api"),
     (b"\xff\xfe\x00", "llm.not_the_api"), (b"[" * 200_000, "llm.not_the_api"), ([], "llm.not_the_api"), ({}, "llm.not_the_api"),
     ("hello", "llm.not_the_api"), ({"error": {"type": "overloaded"}}, "llm.not_the_api"), ({"choices": 5}, "llm.not_the_api"),
     ({"choices": [None]}, "llm.not_the_api"), (completion(message={"content": {"a": 1}}), "llm.not_the_api"),
     ({**completion(), "choices": []}, "llm.empty"), (completion(None), "llm.empty"), (completion(" \n"), "llm.empty"),
     (completion("so far", finish_reason="length"), "llm.truncated"), (completion("", finish_reason="length"), "llm.truncated"),
     (completion("", finish_reason="content_filter"), "llm.content_filter"),
     (completion(None, message={"refusal": "I cannot do that"}), "llm.refused"),
     (completion(None, finish_reason="tool_calls", message={"tool_calls": [{"id": "1"}]}), "llm.tool_call")],
)  # fmt: skip
def test_V18_an_answer_that_is_none_has_its_code(api, ask, body, expected):
    api.says(reply(200, body, kind="text/html" if isinstance(body, bytes) else "application/json"))
    error = ask()
    assert (code(error), error.retryable, len(api.asked)) == (expected, False, 1)
    assert error.__notes__


def test_a_text_in_parts_is_one_text(api, ask):
    api.says(reply(200, completion([{"type": "text", "text": "Hello "}, {"type": "text", "text": "Ada"}])))
    assert ask().text == "Hello Ada"


def test_half_a_surrogate_can_neither_come_nor_go(api, ask):
    api.says(reply(200, json.dumps(completion("a\ud800b")).encode()))
    assert ask(QUESTION.model_copy(update={"prompt": "x\udc00y"})).text == "a?b"
    assert api.asked[0][3]["messages"][-1]["content"] == "x?y"


# -- time and retries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [HANG, DRIP])
def test_nothing_takes_longer_than_the_timeout(api, ask, answer):
    assert ask(times=1).text  # the SDK is loaded
    api.says(answer)
    error = ask(timeout=0.4, max_retries=3)
    assert (code(error), error.retryable, error.status_code) == ("llm.unreachable", True, None)


def test_R44_the_callers_deadline_goes_before_the_timeout(api, ask):
    api.says(HANG)
    left = iter([0.3, 0.0, -1.0])
    first, second, third = ask(times=3, remaining=lambda: next(left))
    assert {code(first), code(second), code(third)} == {"llm.unreachable"}
    assert len(api.asked) <= 1, "nobody is asked when no time is left"


def test_R34_what_may_pass_is_asked_for_again_by_the_sdk(api, ask):
    wait = {"retry_after_ms": "1"}
    api.says(refusal(503, **wait), refusal(429, "rate_limit_exceeded", **wait), RESET, HALF, reply())
    assert ask(max_retries=4).text
    assert len(api.asked) == 5


def test_retries_end_and_the_last_refusal_is_told(api, ask):
    api.says(refusal(500, retry_after_ms="1"))
    error = ask(max_retries=2)
    assert (code(error), error.status_code, len(api.asked)) == ("llm.unreachable", 500, 3)


def test_a_server_that_asks_for_too_much_patience_is_not_waited_for(api, ask):
    api.says(refusal(429, "rate_limit_exceeded", retry_after="30"))
    error = ask(timeout=25.0, max_retries=5, guard=20)
    assert (code(error), error.retry_after, len(api.asked)) == ("llm.rate_limit", 30.0, 1)
    later = email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), usegmt=True)
    api.says(refusal(503, retry_after=later))
    error = ask(timeout=25.0, max_retries=5, guard=20)
    assert (code(error), error.status_code) == ("llm.unreachable", 503)
    assert 3000 < error.retry_after <= 3600


def test_without_quota_nobody_is_asked_again(api, ask):
    api.says(refusal(429, "insufficient_quota", retry_after_ms="1"))
    assert code(ask(max_retries=5)) == "llm.quota"
    assert len(api.asked) == 1


def test_nobody_there(api, ask):
    api.close()
    assert code(ask()) == "llm.unreachable"


@pytest.mark.parametrize("answer", [RESET, HALF])
def test_connections_that_break(api, ask, answer):
    api.says(answer)
    error = ask()
    assert (code(error), error.retryable) == ("llm.unreachable", True)


def test_a_key_is_not_sent_where_it_was_not_meant_to_go(api, ask, config):
    other = type(api)(api._stop)
    api.says(reply(307, b"", location=f"{other.url}/chat/completions"))
    assert code(ask()) == "llm.unreachable"
    assert other.asked == []
    other.close()


def test_cancellation_passes_and_the_provider_goes_on(api, config):
    async def body():
        provider = create_provider(config())
        assert (await provider.complete(QUESTION)).text
        api.says(HANG)
        task = asyncio.ensure_future(provider.complete(QUESTION))
        while len(api.asked) < 2:  # noqa: ASYNC110 - the server is in threads
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        api.says(reply())
        assert (await provider.complete(QUESTION)).text
        await provider.aclose()
        with pytest.raises(LLMError, match=r"llm\.unreachable"):
            await provider.complete(QUESTION)

    asyncio.run(body())


def test_one_client_however_many_ask_at_once(api, config, monkeypatch):
    import openai

    made = []
    monkeypatch.setattr(
        openai, "AsyncOpenAI", type("Counted", (openai.AsyncOpenAI,), {"__init__": _counting(made, openai)})
    )

    async def body():
        provider = create_provider(config())
        assert made == [], "nothing is made before it is needed"
        answers = await asyncio.gather(*(provider.complete(QUESTION) for _ in range(8)))
        await provider.aclose()
        return answers

    assert len(asyncio.run(body())) == 8
    assert len(made) == 1


def _counting(made, openai):
    original = openai.AsyncOpenAI.__init__

    def init(self, *args, **kwargs):
        made.append(1)
        original(self, *args, **kwargs)

    return init


def test_the_sdk_is_not_loaded_with_the_module():
    program = (
        "import sys, universal_framework.llm.providers; sys.exit('openai' in sys.modules or 'redis' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("name", ["temperature", "max_completion_tokens"])
def test_C26_a_parameter_that_the_model_does_not_have_is_left_out_from_then_on(api, ask, name):
    api.says(refusal(400, ("unsupported_value" if name == "temperature" else "unsupported_parameter", name)), reply())
    first, second = ask(times=2)
    assert first.text == second.text
    bodies = [body for _, _, _, body in api.asked]
    assert [name in body for body in bodies] == [True, False, False]
    if name != "temperature":
        assert bodies[1]["max_tokens"] == bodies[0]["max_completion_tokens"]


def test_C26_a_server_that_declines_everything_is_not_asked_for_ever(api, ask):
    api.says(refusal(400, ("unsupported_parameter", "temperature")))
    assert code(ask()) == "llm.request"
    assert len(api.asked) == 2


# -- the check -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(reply(200, MODEL), None), (reply(200, b"<html>", kind="text/html"), "llm.not_the_api"),
     (reply(200, b"oops"), "llm.not_the_api"), (refusal(401, "invalid_api_key"), "llm.auth"),
     (refusal(401, "missing_scope"), None), (refusal(403, "missing_scope"), None),
     (refusal(403, "unsupported_country_region_territory"), "llm.forbidden"), (refusal(404, "model_not_found"), "llm.model"),
     (refusal(429, "rate_limit_exceeded"), None), (refusal(429, "insufficient_quota"), "llm.quota"),
     (refusal(500), "llm.unreachable"), (RESET, "llm.unreachable"),
     (reply(302, b"", location="http://127.0.0.1:9/x"), "llm.unreachable"),
     (reply(200, {**MODEL, "shutdown_date": "2020-01-01"}), None)],
)  # fmt: skip
def test_V15_the_check_is_the_table(api, ask, answer, expected):
    api.says(answer)
    result = ask(check=True, max_retries=3)
    assert (None if result is None else code(result)) == expected
    assert [(method, path) for method, path, _, _ in api.asked] == [("GET", "/v1/models/gpt-4")]


@pytest.mark.parametrize("answer", [HANG, DRIP])
def test_H2_the_check_ends_in_time(api, ask, answer):
    assert ask().text
    api.says(answer)
    assert code(ask(check=True, timeout=0.3)) == "llm.unreachable"


def test_H5_nothing_is_said_to_be_well_without_asking(api, ask):
    api.close()
    assert code(ask(check=True)) == "llm.unreachable"


# -- nothing leaks ---------------------------------------------------------------------------------------------


def spilled(text):
    return [secret for secret in (KEY, "cAnArY7f3b9e1d", "pRoMpTcAnArY") if secret in text]


def test_V17_key_prompt_and_answer_are_in_no_log_exception_or_repr(api, ask, config, logged):
    for answer in (
        *(one[0] for one in REFUSALS), RESET, HALF, reply(200, b"<html>" + KEY.encode()), reply(200, completion(KEY)),
        reply(200, completion(finish_reason="length")),
    ):  # fmt: skip
        api.says(answer)
        for result in (ask(max_retries=1, timeout=5.0), ask(check=True)):
            if isinstance(result, LLMError):
                assert result.__cause__ is None
                assert result.__context__ is None
                whole = (
                    "".join(traceback.format_exception(result)) + repr(result) + str(pickle.loads(pickle.dumps(result)))
                )
                assert not spilled(whole)
    api.says(refusal(401, "invalid_api_key"))
    provider = create_provider(config())
    assert not spilled(repr(provider) + repr(config()) + repr(vars(provider)))
    assert logged.lines
    assert [line for line in logged.lines if spilled(line)] == []


def test_usage_and_duration_are_told(api, ask, logged):
    assert ask().text
    events = {record.getMessage(): record.__dict__ for record in logged.records if "llm_" in record.getMessage()}
    told = " ".join([*events, repr(events)])
    for word in ("llm_usage", "prompt_tokens", "11", "completion_tokens", "llm_request_completed", "duration_ms"):
        assert word in told


# -- without a model -------------------------------------------------------------------------------------------


def test_C13_in_safe_mode_nobody_is_asked(api, config):
    async def body():
        provider = create_provider(config(), safe_mode=True)
        await provider.check()
        return await provider.complete(QUESTION)

    assert asyncio.run(body()).provider == "simulation"
    assert api.connections == 0


def test_R40_while_simulating_every_provider_answers_from_its_simulation(api, config):
    async def body():
        provider = create_provider(config())
        with simulation():
            await provider.check()
            simulated = await provider.complete(QUESTION)
        assert api.connections == 0
        real = await provider.complete(QUESTION)
        await provider.aclose()
        return simulated, real

    simulated, real = asyncio.run(body())
    assert (simulated.provider, real.provider) == ("simulation", "openai")
    assert simulated == asyncio.run(SimulationProvider().complete(QUESTION))


def test_H3_a_model_that_fails_is_replaced_by_the_fallback_of_recovery(api, config):
    api.says(refusal(500))

    async def body():
        provider = create_provider(config())

        async def agent(state):
            return {"answer": (await provider.complete(QUESTION)).provider}

        async def fallback(state):
            return {"answer": (await provider.complete(QUESTION)).provider}

        recovery = ProductionErrorRecovery({})
        recovery.register("writer", fallback=fallback)
        state = await recovery.execute_with_recovery("writer", agent, {"answer": ""})
        await provider.aclose()
        return state

    state = asyncio.run(body())
    assert state["answer"] == "simulation"
    assert state["context_data"]["degraded"]


def test_without_a_section_there_is_a_simulation():
    assert create_provider(None).label == "simulation"
    assert create_provider(LLMProviderConfig(provider="simulation")).label == "simulation"


def test_V16_a_provider_without_a_key_says_what_to_do():
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        create_provider(LLMProviderConfig())


@pytest.mark.parametrize("purpose", list(Purpose))
def test_simulation_is_deterministic_and_bounded(purpose):
    question = QUESTION.model_copy(update={"purpose": purpose})
    first, second = (asyncio.run(SimulationProvider().complete(question)) for _ in range(2))
    assert first == second
    assert isinstance(first, LLMResponse)
    short = asyncio.run(SimulationProvider().complete(question.model_copy(update={"max_words": 3})))
    assert len(short.text.split(" ")) <= 3


# -- LLMConfig.from_env ----------------------------------------------------------------------------------------


def from_env(tmp_path, text="", **environ):
    path = tmp_path / "app.toml"
    path.write_text(text)
    return LLMConfig.from_env(environ, config_path=str(path))


def test_C4_from_env_is_the_section_in_effect(tmp_path):
    text = '[llm]\nmodel = "gpt-5"\ntimeout = 7.0\napi_key = "${OPENAI_API_KEY}"\n'
    config = from_env(tmp_path, text, OPENAI_API_KEY=KEY, UF__LLM__TIMEOUT="9")
    assert (config.model, config.timeout, config.provider) == ("gpt-5", 9.0, "openai")
    assert config.api_key.get_secret_value() == KEY
    assert isinstance(config, LLMProviderConfig)
    assert not spilled(f"{config!r}{config}{config.model_dump_json()}")


def test_from_env_without_anything_has_no_key(tmp_path):
    config = from_env(tmp_path)
    assert (config.provider, config.api_key) == ("openai", None)


def test_V16_from_env_refuses_a_key_that_cannot_be_one_without_showing_it(tmp_path):
    for key in ("your-api-key", "${NOWHERE}", f"{KEY} x"):
        with pytest.raises(ConfigurationError) as caught:
            from_env(tmp_path, OPENAI_API_KEY=key)
        assert "OPENAI_API_KEY" in str(caught.value)
        assert not spilled(str(caught.value))


def test_from_env_is_not_troubled_by_other_sections(tmp_path):
    assert from_env(tmp_path, '[redis]\nurl = "nonsense"\n', OPENAI_API_KEY=KEY).api_key


def test_from_env_reads_the_process_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert LLMConfig.from_env().api_key.get_secret_value() == KEY
    assert isinstance(create_provider(LLMConfig.from_env()), OpenAIProvider)
