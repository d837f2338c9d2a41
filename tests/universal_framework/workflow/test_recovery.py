"""Agents under recovery: rows R9–R48, with real tasks and threads; where time matters, it is an event that is waited for."""

import asyncio
import contextvars
import dataclasses
import functools
import json
import pickle
import threading
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, ConfigDict

from universal_framework.config.models import ProductionConfig
from universal_framework.contracts.simulation import simulating
from universal_framework.observability.testing import capture_events
from universal_framework.workflow import nodes
from universal_framework.workflow._recovery_config import breaker_settings, settings_of
from universal_framework.workflow.production_error_recovery import (
    AgentTimeout,
    BreakerState,
    CircuitOpen,
    ErrorClass,
    ProductionErrorRecovery,
    Reason,
    SilentListener,
    Trigger,
    classify,
)

SECRET = "sk-proj-Zb3kq9RtY7wXcV1mNs5dTg8hJ2lPfQaU"
STATE = {"session_id": "s-1", "context_data": {"topic": "tea"}}


class Model(BaseModel):
    model_config = ConfigDict(frozen=True)
    session_id: str = "s-1"
    context_data: dict | None = None
    error_recovery_state: dict | None = None
    recovery_attempts: dict | None = None
    answer: str = ""


@dataclasses.dataclass(frozen=True)
class Record:
    context_data: dict | None = None
    error_recovery_state: dict | None = None
    recovery_attempts: dict | None = None
    answer: str = ""


async def good(state):
    return {"answer": "real"}


async def bad(state):
    raise ConnectionError(f"cannot reach https://user:{SECRET}@backend with {SECRET}")


async def simulated(state):
    return {"answer": "simulated"}


async def forever(state):
    await asyncio.Event().wait()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def execute(recovery, agent, state=STATE, name="a", **more):
    return run(recovery.execute_with_recovery(name, agent, state, **more))


def balanced(metrics):
    parts = ("successful_executions", "failed_executions", "cancelled_executions", "rejected_executions")
    return metrics["total_executions"] == sum(metrics[part] for part in parts)


@pytest.fixture(autouse=True)
def quiet():
    with capture_events() as logs:
        yield logs


def status(after, name="a"):
    return after["context_data"]["performance"][name]["status"]


def test_R9_a_cancelled_agent_is_cancelled_and_counts_as_that(recovery):
    async def scene():
        task = asyncio.create_task(recovery.execute_with_recovery("a", forever, STATE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scene())
    metrics = recovery.get_metrics()
    assert (metrics["cancelled_executions"], metrics["total_executions"], metrics["failed_executions"]) == (1, 1, 0)
    assert recovery.get_circuit_breaker("a").failure_count == 0
    assert balanced(metrics)


def test_R9_a_cancelled_probe_gives_its_place_back(recovery, clock):
    recovery.get_circuit_breaker("a").force(BreakerState.OPEN)
    clock.move(60)

    async def scene():
        probe = asyncio.create_task(recovery.call("a", forever, STATE))
        await asyncio.sleep(0)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        return await recovery.call("a", good, STATE)

    assert run(scene()) == {"answer": "real"}
    assert recovery.get_circuit_breaker("a").state is BreakerState.CLOSED


def test_R10_an_agents_own_timeout_error_is_not_ours(recovery):
    async def own(state):
        raise TimeoutError("upstream")

    theirs = execute(recovery, own)["error_recovery_state"]["a"]["error_type"]
    ours = execute(recovery, forever, timeout=0.001)["error_recovery_state"]["a"]["error_type"]
    assert (theirs, ours) == ("execution_error", "timeout")
    assert recovery.get_metrics()["timeouts"] == 1


def test_R11_an_agent_runs_in_the_task_that_called_it(recovery):
    async def task_of(state):
        return {"answer": asyncio.current_task()}

    async def scene():
        return (await recovery.execute_with_recovery("a", task_of, {}))["answer"] is asyncio.current_task()

    assert run(scene())


def test_R12_a_plain_agent_that_times_out_runs_on_counted_and_its_result_is_thrown_away(recovery):
    release, finished = threading.Event(), threading.Event()

    def plain(state):
        release.wait(30)
        finished.set()
        return {"answer": "late"}

    async def scene():
        after = await recovery.execute_with_recovery("a", plain, STATE, timeout=0.01)
        abandoned = recovery.get_metrics()["abandoned"]
        release.set()
        while recovery.get_metrics()["threads"]:
            await asyncio.sleep(0.001)
        return after, abandoned, recovery.get_metrics()["abandoned"]

    after, abandoned, later = run(scene())
    assert finished.is_set()
    assert (abandoned, later) == (1, 0)
    assert "answer" not in after


def test_R12_when_all_threads_are_taken_a_plain_agent_is_refused_not_queued():
    recovery = ProductionErrorRecovery({"sync_threads": 1})
    release = threading.Event()

    async def scene():
        first = asyncio.create_task(recovery.call("a", release.wait, 30))
        while not recovery.get_metrics()["threads"]:
            await asyncio.sleep(0)
        with pytest.raises(CircuitOpen) as refused:
            await recovery.call("a", release.is_set)
        release.set()
        await first
        return refused.value.reason, await recovery.call("a", release.is_set)

    assert run(scene()) == (Reason.SATURATED, True)
    assert recovery.get_circuit_breaker("a").failure_count == 0
    assert balanced(recovery.get_metrics())


def test_R13_hung_agents_leave_asyncios_own_threads_alone(recovery):
    release = threading.Event()

    async def scene():
        await asyncio.gather(
            *[recovery.execute_with_recovery("a", lambda _: release.wait(30), {}, 0.01) for _ in range(8)]
        )
        try:
            return await asyncio.get_running_loop().getaddrinfo("localhost", 80), recovery.get_metrics()["abandoned"]
        finally:
            release.set()

    addresses, abandoned = run(scene())
    assert addresses
    assert abandoned > 0


def test_R14_a_plain_agent_sees_its_callers_context(recovery):
    variable = contextvars.ContextVar("variable")

    async def scene():
        variable.set("here")
        return await recovery.execute_with_recovery("a", lambda _: {"answer": variable.get()}, {})

    assert run(scene())["answer"] == "here"


def test_R15_nothing_deprecated_is_called(recovery):
    # Warnings are errors in this suite; `asyncio.get_event_loop` would warn in a thread of no loop.
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(execute(recovery, lambda _: {"answer": 1}, {})))
    thread.start()
    thread.join(60)
    assert outcome[0]["answer"] == 1


class Callable:
    async def __call__(self, state):
        return {"answer": "awaited"}


class Runnable:
    async def ainvoke(self, state):
        return {"answer": "ainvoke"}

    def __call__(self, state):
        raise AssertionError("an object with ainvoke is awaited")


async def with_more(prefix, state):
    return {"answer": prefix}


@pytest.mark.parametrize(
    ("agent", "answer"),
    [
        (Callable(), "awaited"),
        (Runnable(), "ainvoke"),
        (functools.partial(with_more, "partial"), "partial"),
        (lambda state: with_more("returned", state), "returned"),
        (lambda state: {"answer": "plain"}, "plain"),
        (Callable().__call__, "awaited"),
    ],
)
def test_R16_whatever_can_be_called_is_called_its_way(recovery, agent, answer):
    assert execute(recovery, agent)["answer"] == answer


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_R17_a_timeout_that_is_none_is_refused(recovery, timeout):
    with pytest.raises(ValueError, match="timeout"):
        execute(recovery, good, timeout=timeout)


def test_R17_a_timeout_may_be_a_fraction_of_a_second(recovery):
    after = execute(recovery, forever, timeout=0.015625)
    assert "0.015625 s" in after["error_recovery_state"]["a"]["error_message"]


def test_R18_the_fallback_answers_the_first_failure_a_timeout_and_a_refusal(recovery):
    recovery.register("a", fallback=simulated)
    after = [execute(recovery, bad), execute(recovery, forever, timeout=0.001)]
    recovery.force_open("a")
    after.append(execute(recovery, good))
    assert [one["answer"] for one in after] == ["simulated"] * 3
    assert recovery.get_metrics()["fallback_activations"] == 3


def test_R18_what_a_fallback_answers_is_a_setting():
    recovery = ProductionErrorRecovery({"fallback_on": ["rejection"]})
    recovery.register("a", fallback=simulated)
    failed = execute(recovery, bad)
    recovery.force_open("a")
    assert "answer" not in failed
    assert execute(recovery, bad)["answer"] == "simulated"


def test_R19_a_fallback_that_raises_ends_in_a_state_that_names_both(recovery):
    async def worse(state):
        raise KeyError("template")

    recovery.register("a", fallback=worse)
    error = execute(recovery, bad)["error_recovery_state"]["a"]
    assert error["error_type"] == "fallback_failed"
    assert "cannot reach" in error["error_message"]
    assert "KeyError" in error["error_message"]


def test_R19_a_fallback_has_its_own_time_and_no_say_in_the_circuit():
    recovery = ProductionErrorRecovery({"fallback_timeout": 0.001})
    recovery.register("a", fallback=forever)
    assert execute(recovery, bad)["error_recovery_state"]["a"]["error_type"] == "fallback_failed"
    assert recovery.get_circuit_breaker("a").failure_count == 1


def test_R20_a_fallbacks_answer_is_marked_until_the_agent_answers(recovery):
    recovery.register("a", fallback=simulated)
    after = execute(recovery, bad)
    assert (status(after), after["context_data"]["degraded"]) == ("fallback", ["a"])
    assert "agent_execution_failed" not in after["context_data"]
    again = execute(recovery, good, after)
    assert status(again) == "success"
    assert "degraded" not in again["context_data"]


@pytest.mark.parametrize("state", [dict(STATE), Model(), Record()], ids=["mapping", "pydantic", "dataclass"])
@pytest.mark.parametrize("agent", [good, bad])
def test_R21_a_state_comes_back_as_the_kind_it_was(recovery, state, agent):
    after = execute(recovery, agent, state)
    assert type(after) is type(state)
    assert after is not state


@pytest.mark.parametrize("agent", [good, bad])
def test_R22_tables_that_are_none_are_empty(recovery, agent):
    state = {"context_data": None, "error_recovery_state": None, "recovery_attempts": None}
    assert status(execute(recovery, agent, state)) in {"success", "error"}
    assert execute(recovery, agent, Model()).context_data["performance"]["a"]


@pytest.mark.parametrize("agent", [good, bad])
def test_R23_the_state_that_came_in_is_never_written_to(recovery, agent):
    state = {"context_data": {"performance": {"b": {"status": "success"}}}, "error_recovery_state": {"b": {}}}
    before = json.dumps(state)
    after = execute(recovery, agent, state)
    assert json.dumps(state) == before
    assert set(after["context_data"]["performance"]) == {"a", "b"}


def test_R24_books_that_cannot_be_kept_cost_no_result(recovery, quiet):
    class Strict(dict):
        def __init__(self, *items):
            if items and "context_data" in items[0]:
                raise OverflowError("full")
            super().__init__(*items)

    async def agent(state):
        return {"answer": "real"}

    after = execute(recovery, agent, Strict())
    metrics = recovery.get_metrics()
    assert after["answer"] == "real"
    assert (metrics["successful_executions"], metrics["failed_executions"]) == (1, 0)
    assert "recovery_books_failed" in [entry["event"] for entry in quiet]


@pytest.mark.parametrize("result", [None, {}, {"other": 1}, Model(answer="x"), {**STATE, "new": 1}])
def test_R25_whatever_an_agent_may_return_is_folded_in(recovery, result):
    async def agent(state):
        return result

    after = execute(recovery, agent)
    assert status(after) == "success"
    assert after["session_id"] == "s-1"


def test_R25_what_no_state_can_be_made_of_is_the_agents_error(recovery):
    async def agent(state):
        return "text"

    after = execute(recovery, agent)
    error = after["error_recovery_state"]["a"]
    assert (error["exception"], error["error_class"]) == ("TypeError", "programming")
    assert balanced(recovery.get_metrics())
    assert recovery.get_metrics()["successful_executions"] == 0


def test_R28_no_secret_of_an_error_gets_into_state_log_or_metrics(recovery, quiet):
    recovery.register("a", fallback=bad)
    for _ in range(5):
        told = [execute(recovery, bad), recovery.get_metrics(), quiet]
        assert SECRET not in repr(told)
    error = execute(recovery, bad)["error_recovery_state"]["a"]
    assert len(error["error_message"]) < 500


def test_R28_an_error_is_found_in_the_log_by_its_id(recovery, quiet):
    error = execute(recovery, bad)["error_recovery_state"]["a"]
    assert error["error_id"] in [entry.get("error_id") for entry in quiet]


def test_R28_an_exception_without_a_text_is_told_all_the_same(recovery):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    async def agent(state):
        raise Mute

    assert execute(recovery, agent)["error_recovery_state"]["a"]["exception"] == "Mute"


def test_R29_times_are_utc_and_say_so(recovery):
    after = execute(recovery, bad)
    assert after["error_recovery_state"]["a"]["timestamp"].endswith("+00:00")
    assert after["context_data"]["performance"]["a"]["timestamp"].endswith("+00:00")
    assert recovery.get_metrics()["circuit_breakers"]["a"]["last_failure"].endswith("+00:00")


def test_R30_a_success_clears_what_the_agents_failure_left(recovery):
    after = execute(recovery, good, execute(recovery, bad))
    assert after["error_recovery_state"] == {}
    assert not {"last_error", "agent_execution_failed"} & after["context_data"].keys()


def test_R30_a_success_leaves_another_agents_failure(recovery):
    after = execute(recovery, good, execute(recovery, bad), name="b")
    assert after["context_data"]["last_error"]["agent_name"] == "a"
    assert after["context_data"]["agent_execution_failed"]


def test_R31_recovery_attempts_are_failures_in_a_row(recovery):
    state = execute(recovery, bad, execute(recovery, bad))
    assert state["recovery_attempts"] == {"a": 2}
    assert execute(recovery, good, state)["recovery_attempts"] == {}


def http(code):
    error = RuntimeError("status")
    error.status_code = code
    return error


CLASSES = {
    ErrorClass.TRANSIENT: [http(408), http(409), http(429), http(500), http(503), http(529), ConnectionError(), TimeoutError()],
    ErrorClass.PERMANENT: [http(400), http(404), http(422)],
    ErrorClass.CREDENTIALS: [http(401), http(403)],
    ErrorClass.PROGRAMMING: [TypeError(), KeyError(), ValueError(), AttributeError(), ZeroDivisionError()],
}  # fmt: skip


@pytest.mark.parametrize(("expected", "error"), [(c, e) for c, errors in CLASSES.items() for e in errors], ids=repr)
def test_R32_recovery_is_suggested_for_what_time_may_heal(recovery, expected, error):
    async def agent(state):
        raise error

    told = execute(recovery, agent)["error_recovery_state"]["a"]
    assert told["error_class"] == expected
    assert told["recovery_suggested"] == (expected is ErrorClass.TRANSIENT)


@pytest.mark.parametrize("expected", list(CLASSES))
def test_R33_bugs_and_refusals_open_no_circuit_outages_do(recovery, expected):
    async def agent(state):
        raise CLASSES[expected][0]

    for _ in range(6):
        execute(recovery, agent)
    opened = recovery.get_circuit_breaker("a").state is BreakerState.OPEN
    assert opened == (expected is ErrorClass.TRANSIENT)


def test_R33_a_refused_key_is_an_alert(recovery, quiet):
    async def agent(state):
        raise http(401)

    execute(recovery, agent)
    assert "agent_credentials_refused" in [entry["event"] for entry in quiet if entry["level"].lower() == "critical"]


def test_R33_a_group_is_what_its_most_transient_member_is():
    assert classify(ExceptionGroup("g", [TypeError(), http(404)])) is ErrorClass.PERMANENT
    assert classify(ExceptionGroup("g", [TypeError(), ExceptionGroup("h", [TimeoutError()])])) is ErrorClass.TRANSIENT


def test_R33_what_counts_is_the_callers_to_say(recovery):
    recovery.register("a", is_failure=lambda error: isinstance(error, KeyError))

    async def agent(state):
        raise KeyError

    for _ in range(3):
        execute(recovery, agent)
    assert recovery.get_circuit_breaker("a").state is BreakerState.OPEN


def test_R34_nothing_is_tried_twice(recovery):
    calls = []

    async def agent(state):
        calls.append(1)
        raise ConnectionError

    for _ in range(5):
        execute(recovery, agent)
    assert len(calls) == 3  # the fourth and fifth are refused


def test_R35_names_that_nobody_registered_are_bounded_and_said(quiet):
    recovery = ProductionErrorRecovery({"unknown_agents": 10})
    planned = set(recovery.circuit_breakers)
    for number in range(100):
        execute(recovery, good, name=f"agent-{number}")
    assert set(recovery.circuit_breakers) - planned == {f"agent-{number}" for number in range(90, 100)}
    assert sum(entry["event"] == "agent_not_registered" for entry in quiet) == 100


def test_R36_results_from_threads_are_recorded_on_the_loop(recovery):
    threads = set()

    class Where(SilentListener):
        def on_execution(self, execution):
            threads.add(threading.current_thread())

    recovery.listen(Where())

    async def scene():
        agents = [recovery.execute_with_recovery("a", lambda _: {"answer": 1}, {}) for _ in range(10)]
        await asyncio.gather(*agents)
        return threading.current_thread()

    assert {run(scene())} == threads
    assert recovery.get_metrics()["successful_executions"] == 10


def test_R37_disabled_an_agent_is_called_as_if_there_were_no_recovery(recovery):
    recovery.register("a", fallback=simulated)
    recovery.disable()
    assert execute(recovery, good) == {"answer": "real"}
    with pytest.raises(ConnectionError):
        execute(recovery, bad)
    recovery.enable()
    assert execute(recovery, bad)["answer"] == "simulated"


def test_R37_in_shadow_circuits_watch_and_do_nothing(recovery):
    recovery.register("a", fallback=simulated)
    recovery.shadow()
    for _ in range(20):
        with pytest.raises(ConnectionError):
            execute(recovery, bad, timeout=1)
    circuit = recovery.get_metrics()["circuit_breakers"]["a"]
    assert (circuit["state"], circuit["window"]["failures"]) == ("METRICS_ONLY", 20)
    recovery.enable()
    assert recovery.get_circuit_breaker("a").state is BreakerState.CLOSED


def test_R37_an_agent_can_be_forced_open_and_reset(recovery):
    recovery.force_open("a")
    recovery.enable()
    assert execute(recovery, good)["error_recovery_state"]["a"]["error_type"] == "no_fallback"
    recovery.reset("a")
    assert execute(recovery, good)["answer"] == "real"


@pytest.mark.parametrize(("word", "mode"), [("false", "disabled"), ("0", "disabled"), ("TRUE", "enabled")])
def test_R37_the_environment_has_the_switch(monkeypatch, word, mode):
    monkeypatch.setenv("UF__ERROR_RECOVERY__ENABLED", word)
    assert ProductionErrorRecovery({"enabled": mode != "enabled"}).mode == mode


def test_R37_a_word_that_switches_nothing_is_refused(monkeypatch):
    monkeypatch.setenv("UF__ERROR_RECOVERY__ENABLED", "maybe")
    with pytest.raises(ValueError, match="UF__ERROR_RECOVERY__ENABLED"):
        ProductionErrorRecovery({})


def test_R38_refusals_and_openings_are_counted_apart(recovery):
    for _ in range(5):
        execute(recovery, bad)
    metrics = recovery.get_metrics()
    assert metrics["circuit_breaker_activations"] == metrics["rejected_executions"] == 2
    assert metrics["transitions"] == {"CLOSED->OPEN": 1}
    assert metrics["rejections"] == {"open": 2}


@pytest.mark.parametrize(
    ("node", "agent"),
    [
        ("batch_requirements_collector", "requirements_agent"),
        ("strategy_confirmation_handler", "confirmation_agent"),
        ("enhanced_email_generator", "email_generator"),
        ("strategy_generator", "strategy_generator"),
    ],
)
def test_R39_an_agent_is_known_by_its_nodes_name(recovery, node, agent):
    assert recovery.get_circuit_breaker(node) is recovery.get_circuit_breaker(agent)
    assert execute(recovery, bad, name=node)["context_data"]["degraded"] == [agent]


def test_R39_a_name_belongs_to_one_agent(recovery):
    with pytest.raises(ValueError, match="belongs to another"):
        recovery.register("mine", aliases=("strategy_generator",))
    with pytest.raises(ValueError, match="belongs to another"):
        recovery.register("enhanced_email_generator")


def test_R40_an_agent_that_is_its_own_fallback_is_refused_at_registration(recovery):
    with pytest.raises(ValueError, match="is the agent itself"):
        recovery.register("a", fallback=good, agent=good)
    with pytest.raises(ValueError, match="is the agent itself"):
        recovery.node("strategy_generator", nodes.strategy_generator)


def test_R40_an_agent_that_is_its_own_fallback_is_not_called_twice(recovery):
    calls = []

    async def both(state):
        calls.append(1)
        raise ConnectionError

    recovery.register("a", fallback=both)
    assert execute(recovery, both)["error_recovery_state"]["a"]["error_type"] == "execution_error"
    assert len(calls) == 1


@pytest.mark.parametrize("plain", [False, True])
def test_R40_a_fallback_is_told_to_call_no_model(recovery, plain):
    async def awaited(state):
        return {"answer": simulating()}

    recovery.register("a", fallback=(lambda state: {"answer": simulating()}) if plain else awaited)
    assert execute(recovery, bad)["answer"] is True
    assert simulating() is False


@pytest.mark.parametrize("name", ["no.such.module:f", "universal_framework.workflow.nodes:nothing", "words"])
def test_R41_a_fallback_that_cannot_be_found_is_an_error_at_registration(recovery, name):
    with pytest.raises(ValueError, match="cannot be found"):
        recovery.register("a", fallback=name)


def test_R41_a_fallback_is_found_by_name(recovery):
    recovery.register("a", fallback="universal_framework.workflow.nodes:enhanced_email_generator")
    assert execute(recovery, bad)["context_data"]["simulation"]["email"]["body"]


def test_R42_listeners_hear_of_everything_and_break_nothing(recovery, quiet):
    heard = []

    class Ear(SilentListener):
        def on_execution(self, execution):
            heard.append((execution.agent, execution.outcome.value))

        def on_transition(self, transition):
            heard.append((transition.before.value, transition.after.value))

        def on_fallback(self, fallback):
            heard.append(fallback.answered)

    class Broken(SilentListener):
        def on_execution(self, execution):
            raise RuntimeError("listener")

    recovery.register("a", fallback=simulated)
    recovery.listen(Broken())
    recovery.listen(Ear())
    for agent in (good, bad, bad, bad, good):
        execute(recovery, agent)
    failure, answer = ("a", "failure"), True
    assert heard == [
        ("a", "success"), failure, answer, failure, answer, ("CLOSED", "OPEN"), failure, answer, ("a", "rejected"), answer,
    ]  # fmt: skip
    assert recovery.get_metrics()["listener_errors"] == 5
    assert "recovery_listener_failed" in [entry["event"] for entry in quiet]


def test_R43_a_refusal_says_whose_it_is_and_when_to_come_back(recovery, clock):
    for _ in range(3):
        execute(recovery, bad)
    clock.move(20)
    with pytest.raises(CircuitOpen) as refused:
        run(recovery.call("a", good, {}))
    assert (refused.value.agent, refused.value.retry_after, refused.value.reason) == ("a", 40.0, Reason.OPEN)
    assert execute(recovery, good)["error_recovery_state"]["a"]["retry_after"] == 40.0
    assert recovery.get_metrics()["circuit_breakers"]["a"]["retry_after"] == 40.0


@pytest.mark.parametrize("error", [CircuitOpen("a", 3.5, Reason.OPEN), AgentTimeout("a", 2.0)])
def test_R43_refusals_and_timeouts_travel_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_R44_no_more_calls_at_once_than_the_bulkhead_lets_through():
    recovery = ProductionErrorRecovery({"agents": {"a": {"max_concurrency": 2}}})

    async def scene():
        release = asyncio.Event()
        tasks = [asyncio.create_task(recovery.call("a", release.wait)) for _ in range(5)]
        await asyncio.sleep(0)
        in_flight = recovery.get_metrics()["in_flight"]
        release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return in_flight, [one if one is True else one.reason for one in results]

    assert run(scene()) == (2, [True, True, *[Reason.BULKHEAD] * 3])
    assert recovery.get_metrics()["in_flight"] == 0


def test_R44_a_deadline_bounds_what_is_called_inside(recovery, clock):
    seen = []

    async def scene():
        with recovery.deadline(2.0):
            clock.move(1.5)
            after = await recovery.execute_with_recovery("a", forever, {}, timeout=0.001)
            seen.append(after["error_recovery_state"]["a"]["error_type"])
            with recovery.deadline(100.0):
                clock.move(1.0)
                with pytest.raises(CircuitOpen) as refused:
                    await recovery.call("a", good, {})
        return refused.value.reason, (await recovery.execute_with_recovery("a", good, {}))["answer"]

    assert run(scene()) == (Reason.DEADLINE, "real")
    assert seen == ["timeout"]


def test_R44_a_deadline_leaves_time_for_the_fallback(recovery, clock):
    recovery.register("a", fallback=simulated)

    async def scene():
        with recovery.deadline(0.02):
            return await recovery.execute_with_recovery("a", forever, {})

    after = run(scene())
    assert after["answer"] == "simulated"
    assert "0.015 s" in after["error_recovery_state"]["a"]["error_message"]


def test_R45_two_recoveries_share_nothing(recovery):
    other = ProductionErrorRecovery({})
    recovery.force_open("a")
    assert execute(other, good)["answer"] == "real"


def test_R46_durations_are_of_the_monotonic_clock(recovery, clock):
    async def agent(state):
        clock.move(2.5)

    assert execute(recovery, agent)["context_data"]["performance"]["a"]["execution_time"] == 2.5


async def streaming(state):
    yield 1


def generating(state):
    yield 1


class Streaming:
    async def __call__(self, state):
        yield 1


@pytest.mark.parametrize("agent", [streaming, generating, functools.partial(streaming), Streaming(), 3])
def test_R47_what_streams_is_refused_at_registration(recovery, agent):
    for attempt in (
        lambda: recovery.register("b", agent=agent),
        lambda: recovery.register("b", fallback=agent),
        lambda: recovery.node("b", agent),
        lambda: execute(recovery, agent),
    ):
        with pytest.raises(TypeError):
            attempt()


def test_R48_the_configuration_is_typed_and_refuses_what_it_does_not_know():
    config = settings_of(
        {"error_recovery": {"agent_timeout": 2.5, "agents": {"a": {"agent_timeout": 9, "fallback_on": ["timeout"]}}}},
        {},
    )
    assert (config.agent("a").agent_timeout, config.agent("b").agent_timeout) == (9.0, 2.5)
    assert config.agent("a").fallback_on == (Trigger.TIMEOUT,)
    for wrong in ({"agent_timeuot": 1}, {"agent_timeout": 0}, {"agents": {"a": {"retries": 3}}}, {"minimum_calls": 21}):
        with pytest.raises(ValueError, match=str(next(iter(wrong)))):
            settings_of(wrong, {})


def test_arguments_go_to_the_agent_and_to_the_fallback_that_takes_them(recovery):
    async def agent(state, *, temperature, seed):
        raise ConnectionError

    async def fallback(state, *, seed):
        return {"answer": seed}

    recovery.register("a", fallback=fallback)
    assert execute(recovery, agent, temperature=0.5, seed=7)["answer"] == 7


def test_every_execution_is_counted_once_whatever_happens(recovery):
    async def scene():
        agents = [good, bad, forever, simulated] * 25
        await asyncio.gather(*[recovery.execute_with_recovery("a", one, STATE, timeout=0.01) for one in agents])

    run(scene())
    assert recovery.get_metrics()["total_executions"] == 100
    assert balanced(recovery.get_metrics())


# -- the configuration of the service -----------------------------------------------------------------------------


def production(**sections):
    return ProductionConfig.model_validate({"redis": {"url": "redis://h/0"}, **sections})


def test_R48_recovery_takes_its_settings_from_the_configuration_of_the_service():
    agents = {
        "a": {"agent_timeout": 9.0, "fallback_on": ["timeout"], "max_concurrency": 2},
        "b": {"max_concurrency": 0},
    }
    config = production(
        error_recovery={"agent_timeout": 2.5, "max_concurrency": 7, "sync_threads": 3, "agents": agents}
    )
    for given in (config, config.error_recovery):
        recovery = ProductionErrorRecovery(given)
        for name in ("a", "b", "c"):
            recovery.register(name)
        seconds = {name: (one.seconds, one.limit) for name, one in recovery._agents.items()}
        assert (seconds["a"], seconds["b"], seconds["c"]) == ((9.0, 2), (2.5, None), (2.5, 7))
        assert recovery._agents["a"].policy.fallback_on == (Trigger.TIMEOUT,)
        assert recovery._threads.limit == 3


def test_R48_a_limit_of_zero_is_none():
    table = {
        "half_open_max_wait": 0.0,
        "half_open_failure_rate": 0.0,
        "sliding_window_seconds": 0.0,
        "max_concurrency": 0,
    }
    settings = breaker_settings(settings_of(table, {}))
    assert (settings.half_open_max, settings.probe_failure_rate, settings.window_seconds) == (None, None, None)
    assert breaker_settings(settings_of({"sliding_window_seconds": 5, "minimum_calls": 50}, {})).window_seconds == 5


def test_R48_the_switch_in_the_environment_goes_before_a_table_and_is_in_a_configuration_already(monkeypatch):
    monkeypatch.setenv("UF__ERROR_RECOVERY__ENABLED", "off")
    assert ProductionErrorRecovery({"enabled": True}).mode.value == "disabled"
    assert ProductionErrorRecovery(production()).mode.value == "enabled"
    monkeypatch.setenv("UF__ERROR_RECOVERY__ENABLED", "canary-4711")
    with pytest.raises(ValueError, match="UF__ERROR_RECOVERY__ENABLED must be true or false") as error:
        ProductionErrorRecovery({})
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("way", ["execute", "call", "node"])
def test_R37_one_agent_can_be_left_alone(way):
    recovery = ProductionErrorRecovery({"agents": {"a": {"enabled": False}}})
    recovery.register("a")

    async def failing(state):
        raise ConnectionError

    async def scene():
        if way == "execute":
            await recovery.execute_with_recovery("a", failing, STATE)
        elif way == "call":
            await recovery.call("a", failing, STATE)
        else:
            await recovery.node("a", failing)(STATE)

    for _ in range(10):
        with pytest.raises(ConnectionError):
            run(scene())
    recovery.disable()
    recovery.enable()
    with pytest.raises(ConnectionError):
        run(scene())
    assert recovery.get_metrics()["total_executions"] == 0
    assert recovery.get_circuit_breaker("a").state is BreakerState.CLOSED


# -- time limits --------------------------------------------------------------------------------------------------


def test_R10_a_time_limit_is_told_from_a_cancellation_that_comes_at_the_same_time(recovery):
    async def scene():
        task = asyncio.create_task(recovery.call("a", asyncio.sleep, 60, timeout=0.01))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        while not task.done():
            await asyncio.sleep(0.001)
        return task

    task = run(scene())
    assert task.cancelled() or isinstance(task.exception(), AgentTimeout)


def test_R9_a_cancellation_from_outside_wins_over_the_time_limit(recovery):
    async def scene():
        task = asyncio.create_task(recovery.call("a", stubborn, timeout=0.01))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = None

    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            began.set()
            await asyncio.sleep(60)

    async def whole():
        nonlocal began
        began = asyncio.Event()
        await scene()

    run(whole())
    assert recovery.get_metrics()["cancelled_executions"] == 1


def test_R10_a_time_limit_that_was_over_leaves_no_cancellation_behind(recovery):
    async def scene():
        for _ in range(3):
            with pytest.raises(AgentTimeout):
                await recovery.call("a", asyncio.sleep, 60, timeout=0.001)
        assert asyncio.current_task().cancelling() == 0
        async with asyncio.timeout(30):
            await asyncio.sleep(0)

    run(scene())


def test_R10_time_limits_within_time_limits_end_the_one_that_is_over(recovery):
    async def inner():
        return await recovery.call("b", asyncio.sleep, 60, timeout=30)

    async def scene():
        with pytest.raises(AgentTimeout) as error:
            await recovery.call("a", inner, timeout=0.01)
        assert "a" in str(error.value)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await recovery.call("b", asyncio.sleep, 60, timeout=30)

    run(scene())
    assert recovery.get_metrics()["cancelled_executions"] == 2


def test_R29_times_are_utc_and_of_the_present(recovery):
    before = datetime.now(UTC)
    entries = [execute(recovery, good)["context_data"]["performance"]["a"]["timestamp"] for _ in range(3)]
    for text in entries:
        moment = datetime.fromisoformat(text)
        assert before - timedelta(milliseconds=1) <= moment <= datetime.now(UTC)
        assert moment.isoformat(timespec="microseconds") == text
