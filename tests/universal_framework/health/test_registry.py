"""Contributors are asked seldom, side by side, never twice at once, and cannot hold anybody up."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import ContextVar

import pytest

from universal_framework.health._running import ABANDONED
from universal_framework.health.lag import INTERVAL, LoopLag
from universal_framework.health.model import CheckResult, Lifecycle, Problem, Status
from universal_framework.health.registry import Contributor, HealthRegistry, isolated

from .conftest import CANARY


def registry_of(*contributors, **options):
    loop = asyncio.get_running_loop()
    registry = HealthRegistry(contributors, clock=loop.time, **options)
    registry.mark_started()
    return registry


def code_of(report, name="a"):
    (one,) = [one for one in report.observations if one.name == name]
    return one.result.code


# -- waiting -------------------------------------------------------------------------------------------------------


def test_H2_fifty_probes_over_five_hung_dependencies_take_one_timeout_and_five_calls(
    virtually, dependency, contributor
):
    async def scene():
        hung = [dependency("hang") for _ in range(5)]
        registry = registry_of(*(contributor(f"d{i}", one, timeout=0.8) for i, one in enumerate(hung)))
        begun = asyncio.get_running_loop().time()
        reports = await asyncio.gather(*(registry.readiness() for _ in range(50)))
        assert asyncio.get_running_loop().time() - begun == pytest.approx(0.8)
        assert [one.calls for one in hung] == [1] * 5
        assert {report.status for report in reports} == {Status.FAIL}
        assert {code_of(report, "d0") for report in reports} == {Problem.TIMEOUT}
        again = await registry.readiness()
        assert asyncio.get_running_loop().time() - begun == pytest.approx(0.8)
        assert again.status is Status.FAIL
        assert [one.calls for one in hung] == [1] * 5

    virtually(scene)


def test_H2_a_result_is_good_for_its_time_and_a_failure_for_less(virtually, dependency, contributor):
    async def scene():
        one = dependency()
        registry = registry_of(contributor("a", one, ok_ttl=10, fail_ttl=2))
        for _ in range(20):
            await registry.report()
        assert one.calls == 1
        await asyncio.sleep(9.9)
        one.answer = False
        assert (await registry.report()).status is Status.PASS
        await asyncio.sleep(0.2)
        assert (await registry.report()).status is Status.FAIL
        assert one.calls == 2
        one.answer = True
        await asyncio.sleep(1.9)
        assert (await registry.report()).status is Status.FAIL
        await asyncio.sleep(0.2)
        assert (await registry.report()).status is Status.PASS
        assert one.calls == 3

    virtually(scene)


def test_H2_with_renewal_in_the_background_nobody_waits_and_replicas_do_not_ask_together(
    virtually, dependency, contributor
):
    async def scene():
        loop = asyncio.get_running_loop()
        times = {}
        registries = []
        for chance in (0.0, 0.99):
            times[chance] = []

            async def check(seen=times[chance]):
                seen.append(loop.time())
                await asyncio.sleep(0.5)

            registry = registry_of(contributor("a", check, ok_ttl=10, timeout=1), random=lambda chance=chance: chance)
            registry.refresh_in_background()
            registries.append(registry)
        await asyncio.sleep(1)
        for _ in range(100):
            before = loop.time()
            assert (await registries[0].report()).status is Status.PASS
            assert loop.time() == before
            await asyncio.sleep(0.7)
        assert len(times[0.0]) > len(times[0.99]) > 5
        assert times[0.0][1] < times[0.99][1]
        for registry in registries:
            await registry.aclose()
        asked = len(times[0.0])
        await asyncio.sleep(100)
        assert len(times[0.0]) == asked

    virtually(scene)


def test_H7_checks_run_side_by_side(virtually, contributor):
    async def scene():
        meeting = asyncio.Barrier(4)  # opens when all four are there

        async def check():
            await meeting.wait()

        registry = registry_of(*(contributor(f"d{i}", check, timeout=60) for i in range(4)))
        assert (await registry.report()).status is Status.PASS

    virtually(scene)


def test_H7_the_run_is_not_ended_by_a_probe_that_gives_up(virtually, dependency, contributor):
    async def scene():
        release = asyncio.Event()
        calls = []

        async def check():
            calls.append(1)
            await release.wait()

        registry = registry_of(contributor("a", check, timeout=60))
        impatient = asyncio.create_task(registry.readiness())
        patient = asyncio.create_task(registry.readiness())
        await asyncio.sleep(1)
        impatient.cancel()
        await asyncio.sleep(1)
        release.set()
        assert (await patient).status is Status.PASS
        assert len(calls) == 1

    virtually(scene)


def test_H7_a_check_that_swallows_its_cancellation_holds_nobody_up(virtually, contributor):
    async def scene():
        loop = asyncio.get_running_loop()
        calls = []
        heal = asyncio.Event()

        async def stubborn():
            calls.append(1)
            while not heal.is_set():
                try:
                    await asyncio.wait_for(heal.wait(), 1000)
                except (asyncio.CancelledError, TimeoutError):
                    continue

        registry = registry_of(contributor("a", stubborn, timeout=0.5, fail_ttl=0))
        for _ in range(ABANDONED):
            begun = loop.time()
            assert code_of(await registry.report()) is Problem.TIMEOUT
            assert loop.time() - begun == pytest.approx(0.5)
        for _ in range(5):
            begun = loop.time()
            assert code_of(await registry.report()) is Problem.STUCK
            assert loop.time() == begun
        assert len(calls) == ABANDONED  # and not more and more of them
        heal.set()
        await asyncio.sleep(1)
        assert (await registry.report()).status is Status.PASS

    virtually(scene)


def test_H7_a_check_that_blocks_the_loop_fails_whatever_it_says(contributor):
    async def scene():
        async def blocking():
            time.sleep(0.2)  # noqa: ASYNC251 - that is the point
            return True

        async def innocent():
            await asyncio.sleep(0)
            return True

        registry = registry_of(contributor("a", blocking, timeout=0.1), contributor("b", innocent, timeout=0.1))
        report = await registry.report()
        assert code_of(report, "a") is Problem.BLOCKED_LOOP
        assert code_of(report, "b") is None

    asyncio.run(scene())


@pytest.mark.parametrize("kind", ["plain", "isolated"])
def test_H7_a_check_that_blocks_in_a_thread_holds_nobody_up(contributor, kind):
    held = threading.Event()
    calls = []

    def plain():
        calls.append(1)
        held.wait(30)
        return True

    async def blocking():
        return plain()

    async def scene():
        check = plain if kind == "plain" else isolated(blocking)
        registry = registry_of(contributor("a", check, timeout=0.05, fail_ttl=0))
        codes = [code_of(await registry.report()) for _ in range(ABANDONED + 3)]
        assert codes == [Problem.TIMEOUT] * ABANDONED + [Problem.STUCK] * 3
        assert len(calls) == ABANDONED
        held.set()
        for _ in range(500):
            if (await registry.report()).status is Status.PASS:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it does not recover")

    asyncio.run(scene())


def test_H3_readiness_asks_only_what_is_critical(virtually, dependency, contributor):
    async def scene():
        loop = asyncio.get_running_loop()
        store, model = dependency(), dependency("hang")
        registry = registry_of(contributor("redis", store), contributor("llm", model, critical=False, timeout=5))
        begun = loop.time()
        assert (await registry.readiness()).status is Status.PASS
        assert (loop.time(), model.calls) == (begun, 0)
        report = await registry.report()
        assert report.status is Status.WARN
        assert loop.time() - begun == pytest.approx(5)
        store.answer = False
        await asyncio.sleep(20)
        assert (await registry.readiness()).status is Status.FAIL

    virtually(scene)


def test_excluded_contributors_are_neither_asked_nor_counted(virtually, dependency, contributor):
    async def scene():
        down, up = dependency("hang"), dependency()
        registry = registry_of(contributor("down", down), contributor("up", up))
        report = await registry.readiness(exclude={"down", "nobody"})
        assert (report.status, report.excluded, down.calls, up.calls) == (Status.PASS, ("down",), 0, 1)

    virtually(scene)


# -- what checks may say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "status", "code"),
    [
        (True, Status.PASS, None),
        (None, Status.PASS, None),
        (False, Status.FAIL, Problem.NEGATIVE),
        (Status.PASS, Status.PASS, None),
        (Status.WARN, Status.WARN, Problem.NEGATIVE),
        (CheckResult(Status.WARN, Problem.BUSY), Status.WARN, Problem.BUSY),
        ({"status": "healthy"}, Status.FAIL, Problem.INVALID_RESULT),
        ("ok", Status.FAIL, Problem.INVALID_RESULT),
        (0, Status.FAIL, Problem.INVALID_RESULT),
        (asyncio.CancelledError(), Status.FAIL, Problem.CANCELLED),
        (ConnectionRefusedError(CANARY), Status.FAIL, Problem.UNREACHABLE),
        (TimeoutError(CANARY), Status.FAIL, Problem.TIMEOUT),
        (OSError(28, CANARY), Status.FAIL, Problem.NO_SPACE),
        (RuntimeError(CANARY), Status.FAIL, Problem.ERROR),
        (StopAsyncIteration(CANARY), Status.FAIL, Problem.ERROR),
        (GeneratorExit(), Status.FAIL, Problem.ERROR),
    ],
    ids=repr,
)
def test_H6_a_check_is_known_by_status_and_code(virtually, dependency, contributor, verdict, status, code):
    async def scene():
        report = await registry_of(contributor("a", dependency(verdict))).report()
        assert (report.status, code_of(report)) == (status, code)
        assert CANARY not in repr(report)

    virtually(scene)


def test_plain_functions_and_those_that_return_awaitables_are_checks_too(contributor):
    async def scene():
        async def answer():
            return Status.PASS

        registry = registry_of(contributor("a", lambda: True), contributor("b", lambda: answer()))  # noqa: PLW0108
        assert (await registry.report()).status is Status.PASS

    asyncio.run(scene())


def test_a_run_is_no_part_of_the_request_that_needs_it(virtually, contributor):
    request_id = ContextVar("request_id", default="none")
    seen = []

    async def check():
        seen.append(request_id.get())

    async def scene():
        request_id.set("r1")
        await registry_of(contributor("a", check)).report()

    virtually(scene)
    assert seen == ["none"]


def test_a_registry_survives_the_loop_that_it_was_used_on(dependency, contributor):
    hung = dependency("hang")
    registry = HealthRegistry([contributor("a", hung, timeout=30)])
    registry.mark_started()
    former = asyncio.new_event_loop()
    asking = former.create_task(registry.report())
    former.run_until_complete(asyncio.sleep(0.01))
    assert hung.running == 1
    hung.answer = True
    assert asyncio.run(asyncio.wait_for(registry.report(), 20)).status is Status.PASS
    asking.cancel()
    former.run_until_complete(registry.aclose())
    for task in asyncio.all_tasks(former):
        task.cancel()
        former.run_until_complete(asyncio.wait({task}))
    former.close()


# -- a service's life ----------------------------------------------------------------------------------------------


def test_H11_a_service_starts_runs_and_drains(virtually, dependency, contributor):
    async def scene():
        registry = HealthRegistry([contributor("a", dependency())])
        assert registry.startup().status is Status.FAIL
        assert (await registry.readiness()).status is Status.FAIL
        async with registry.serving():
            assert registry.startup().status is Status.PASS
            assert (await registry.readiness()).status is Status.PASS
            registry.drain()
            assert (await registry.readiness()).status is Status.FAIL
            assert registry.startup().status is Status.PASS  # else it would be restarted while it drains
            assert registry.alive()
        assert registry.lifecycle is Lifecycle.DRAINING
        async with registry.serving():  # an application that is started again, as tests do
            assert (await registry.readiness()).status is Status.PASS

    virtually(scene)


def test_H11_the_end_of_a_lifespan_drains_first_and_leaves_nothing_behind(virtually, dependency, contributor):
    async def scene():
        registry = registry_of(contributor("a", dependency("hang")), contributor("b", dependency(), ok_ttl=0.1))
        async with registry.serving():
            await asyncio.sleep(5)
        await asyncio.sleep(1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (await registry.readiness()).lifecycle is Lifecycle.DRAINING

    virtually(scene)


def test_a_contributor_may_come_later(virtually, dependency, contributor):
    async def scene():
        registry = registry_of()
        async with registry.serving():
            late = dependency()
            registry.add(contributor("late", late))
            await asyncio.sleep(1)
            assert late.calls == 1
            assert [one.name for one in registry.contributors] == ["late"]

    virtually(scene)


def test_H12_the_loop_counts_as_stalled_when_a_heartbeat_is_late_or_missing():
    now = [0.0]
    beats = []

    class Loop:
        def call_later(self, delay, callback, *args):
            beats.append((delay, callback, args))
            return self

        def cancel(self):
            beats.clear()

    lag = LoopLag(1.0, clock=lambda: now[0])
    assert not lag.stalled()  # not started
    lag._next(Loop())
    for late in (0.0, 0.9):
        now[0] += INTERVAL + late
        _, callback, args = beats.pop()
        callback(*args)
        assert not lag.stalled()
    now[0] += INTERVAL + 1.5
    assert lag.stalled()  # overdue
    _, callback, args = beats.pop()
    callback(*args)
    assert lag.stalled()  # the last one was late
    now[0] += INTERVAL
    _, callback, args = beats.pop()
    callback(*args)
    assert not lag.stalled()
    now[0] += 100
    lag.stop()
    assert (lag.stalled(), beats) == (False, [])


def test_H12_liveness_may_depend_on_the_lag_of_the_loop_and_on_nothing_else(dependency, contributor):
    async def scene():
        registry = registry_of(contributor("a", dependency(False)), liveness_lag=0.2)
        async with registry.serving():
            assert (await registry.readiness()).status is Status.FAIL
            assert registry.alive()
            time.sleep(0.2 + INTERVAL + 0.1)  # noqa: ASYNC251 - that is the point
            assert not registry.alive()
        assert registry.alive()

    asyncio.run(scene())


# -- what is said in the log ---------------------------------------------------------------------------------------


def test_H6_a_change_is_logged_once_and_without_the_exceptions_text(virtually, dependency, contributor, caplog):
    caplog.set_level("INFO")

    async def scene():
        one = dependency()
        registry = registry_of(contributor("a", one, ok_ttl=1, fail_ttl=1, slow=60))
        caplog.clear()
        for answer in (True, True, ConnectionError(CANARY), ConnectionError(CANARY), True):
            one.answer = answer
            await registry.report()
            await asyncio.sleep(2)
        return [(record.getMessage(), record.after, record.code) for record in caplog.records]

    assert virtually(scene) == [("health_changed", "fail", "unreachable"), ("health_changed", "pass", None)]
    assert CANARY not in caplog.text


def test_H7_a_slow_check_is_logged(virtually, dependency, contributor, caplog):
    async def scene():
        await registry_of(contributor("a", dependency(), slow=0)).report()

    virtually(scene)
    assert "health_check_slow" in caplog.text


def test_an_error_that_nobody_expected_is_logged_with_its_traceback(virtually, contributor, caplog):
    def broken():
        raise KeyError("session")

    virtually(lambda: _reported(contributor("a", broken)))
    assert "in broken" in caplog.text


async def _reported(one):
    return await registry_of(one).report()


# -- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"name": "overall_status"}, {"name": ""}, {"name": "a b"}, {"name": "timestamp"}, {"name": "a,b"},
        {"timeout": 0}, {"timeout": -1}, {"timeout": float("inf")}, {"timeout": float("nan")},
        {"ok_ttl": -1}, {"fail_ttl": float("inf")}, {"slow": -0.1},
    ],
    ids=str,
)  # fmt: skip
def test_a_contributor_that_makes_no_sense_is_refused(contributor, options):
    with pytest.raises(ValueError, match="contributor"):
        contributor(**{"name": "a", "check": lambda: True, **options})


def test_criticality_has_no_default():
    with pytest.raises(TypeError):
        Contributor(name="a", check=lambda: True)


def test_a_name_is_taken_once(contributor):
    registry = HealthRegistry([contributor("a", lambda: True)])
    with pytest.raises(ValueError, match="contributor a"):
        registry.add(contributor("a", lambda: True))


def test_what_cannot_be_called_is_refused_when_it_is_added(contributor):
    with pytest.raises(TypeError):
        HealthRegistry([contributor("a", 5)])


@pytest.mark.parametrize("lag", [0, -1, float("inf"), float("nan")])
def test_a_lag_is_a_positive_number_of_seconds(lag):
    with pytest.raises(ValueError):
        HealthRegistry(liveness_lag=lag)
