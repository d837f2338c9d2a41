"""The circuit breaker: rows R1–R8, the ten behaviours of research 2.2, interlock as second opinion, and chance."""

import asyncio
import os
import random

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from universal_framework.workflow.production_error_recovery import (
    BreakerSettings,
    BreakerState,
    CircuitBreakerState,
    CircuitOpen,
    Reason,
)

from .clock import Clock

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


class Boom(Exception):
    pass


async def good():
    return 1


async def bad():
    raise Boom


def breaker(clock, **settings):
    return CircuitBreakerState(
        settings=BreakerSettings(**{"wait_jitter": 0.0, "probes": 1, "wait_open": 64.0, **settings}), clock=clock
    )


def opened(clock, **settings):
    circuit = breaker(clock, **settings)
    circuit.force(OPEN)
    return circuit


async def drive(circuit, function):
    try:
        return await circuit.call(function)
    except CircuitOpen:
        return "rejected"
    except Boom:
        return "boom"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 30))


def test_R1_time_is_the_clock_that_was_given(clock):
    circuit = opened(clock)
    clock.move(63.875)
    assert not circuit.should_allow_request()
    clock.move(0.125)
    assert circuit.should_allow_request()


def test_R2_of_fifty_callers_of_a_half_open_circuit_one_reaches_the_backend(clock):
    async def scene():
        circuit = opened(clock)
        clock.move(64)
        reached = []

        async def probe():
            reached.append(1)
            await asyncio.sleep(0)

        answers = await asyncio.gather(*[drive(circuit, probe) for _ in range(50)])
        return len(reached), answers.count("rejected"), circuit.state

    assert run(scene()) == (1, 49, CLOSED)


def test_R2_a_half_open_circuit_refuses_with_its_reason_and_no_time(clock):
    circuit = opened(clock)
    clock.move(64)
    assert circuit.admit()
    assert circuit.admit() is None
    refusal = circuit.rejection()
    assert (refusal.reason, refusal.retry_after) == (Reason.HALF_OPEN, None)


def test_R3_a_late_success_of_the_closed_era_leaves_an_open_circuit_open(clock):
    circuit = breaker(clock)
    late = circuit.admit()
    for _ in range(5):
        circuit.record(circuit.admit(), True, 0.0)
    assert circuit.state is OPEN
    circuit.record(late, False, 1.0)
    circuit.record_success()
    assert circuit.state is OPEN


def test_R3_a_late_failure_does_not_beat_a_good_probe(clock):
    circuit = breaker(clock)
    late = circuit.admit()
    for _ in range(5):
        circuit.record(circuit.admit(), True, 0.0)
    clock.move(64)
    probe = circuit.admit()
    circuit.record(late, True, 1.0)
    assert circuit.state is HALF_OPEN
    circuit.record(probe, False, 1.0)
    assert circuit.state is CLOSED


def test_R3_nobody_admitted_nobody_closes(clock):
    circuit = opened(clock)
    clock.move(64)
    probe = circuit.admit()
    circuit.release(probe)
    circuit.record_success()
    assert circuit.state is HALF_OPEN


def test_R4_four_failures_of_five_open_the_circuit(clock):
    circuit = breaker(clock)
    for number in range(40):
        circuit.should_allow_request()
        if number % 5 == 4:
            circuit.record_success()
        else:
            circuit.record_failure()
        if circuit.state is OPEN:
            break
    assert number == 9  # the tenth call is the first at which a rate says anything


def test_R4_below_the_minimum_of_calls_a_rate_says_nothing(clock):
    circuit = breaker(clock, failure_threshold=0, minimum_calls=10)
    for _ in range(9):
        circuit.record_failure()
    assert circuit.state is CLOSED
    circuit.record_failure()
    assert circuit.state is OPEN


def test_R4_as_many_failures_in_a_row_as_the_plan_says_open_the_circuit(clock):
    circuit = CircuitBreakerState(failure_threshold=5, timeout=60, clock=clock)
    for _ in range(4):
        circuit.record_failure()
    assert circuit.state == "CLOSED"
    circuit.record_failure()
    assert (circuit.state, circuit.failure_count, circuit.last_failure_time) == ("OPEN", 5, clock.now)


def test_R4_a_window_of_seconds_forgets(clock):
    circuit = breaker(clock, failure_threshold=0, minimum_calls=4, window_seconds=10.0)
    for _ in range(3):
        circuit.record_failure()
    clock.move(11)
    circuit.record_failure()
    assert circuit.state is CLOSED
    assert circuit.window == (1, 1, 0)
    for _ in range(3):
        clock.move(1)
        circuit.record_failure()
    assert circuit.state is OPEN


def test_R4_a_window_of_calls_forgets(clock):
    circuit = breaker(clock, failure_threshold=0, minimum_calls=4, window_calls=4)
    for failed in (True, False, False, False, False, True):
        circuit.record(circuit.era, failed, 0.0)
    assert circuit.window == (4, 1, 0)


def test_R5_one_lucky_probe_closes_nothing(clock):
    circuit = opened(clock, probes=3)
    clock.move(64)
    probes = [circuit.admit() for _ in range(3)]
    circuit.record(probes[0], False, 0.0)
    circuit.record(probes[1], False, 0.0)
    assert circuit.state is HALF_OPEN
    circuit.record(probes[2], False, 0.0)
    assert circuit.state is CLOSED


def test_R5_the_first_probe_that_fails_opens_again(clock):
    circuit = opened(clock, probes=3)
    clock.move(64)
    circuit.record(circuit.admit(), True, 0.0)
    assert circuit.state is OPEN


def test_R5_with_a_rate_all_probes_are_waited_for(clock):
    circuit = opened(clock, probes=3, probe_failure_rate=0.5)
    clock.move(64)
    probes = [circuit.admit() for _ in range(3)]
    circuit.record(probes[0], True, 0.0)
    assert circuit.state is HALF_OPEN
    for probe in probes[1:]:
        circuit.record(probe, False, 0.0)
    assert circuit.state is CLOSED


def test_R6_slow_calls_open_the_circuit_though_they_succeed(clock):
    circuit = breaker(clock, minimum_calls=3, slow_seconds=2.0)
    for _ in range(2):
        circuit.record(circuit.admit(), False, 2.0)
    assert circuit.state is CLOSED
    circuit.record(circuit.admit(), False, 2.0)
    assert circuit.state is OPEN


def test_R6_slow_probes_open_again(clock):
    circuit = opened(clock, slow_seconds=2.0)
    clock.move(64)
    circuit.record(circuit.admit(), False, 2.0)
    assert circuit.state is OPEN


def test_R7_a_cancelled_probe_gives_its_place_back(clock):
    async def scene():
        circuit = opened(clock)
        clock.move(64)
        probe = asyncio.create_task(circuit.call(asyncio.sleep, 60))
        await asyncio.sleep(0)
        assert circuit.admit() is None
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        return circuit.state, await drive(circuit, good), circuit.state

    assert run(scene()) == (HALF_OPEN, 1, CLOSED)


def test_R7_cancelled_calls_leave_a_closed_circuit_closed(clock):
    async def scene():
        circuit = breaker(clock)
        for _ in range(6):
            task = asyncio.create_task(circuit.call(asyncio.sleep, 60))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return circuit.state, circuit.window

    assert run(scene()) == (CLOSED, (0, 0, 0))


def test_R7_a_place_is_given_back_once(clock):
    circuit = opened(clock)
    clock.move(64)
    probe = circuit.admit()
    circuit.release(probe)
    circuit.release(probe)
    assert circuit.admit()
    assert circuit.admit() is None


def test_R7_probes_that_never_come_back_do_not_hold_the_circuit_half_open(clock):
    circuit = opened(clock, half_open_max=32.0)
    clock.move(64)
    assert circuit.admit()
    clock.move(31)
    assert circuit.admit() is None
    assert circuit.state is HALF_OPEN
    clock.move(1)
    assert circuit.admit() is None
    assert circuit.state is OPEN
    clock.move(128)
    assert circuit.admit()


def test_R8_the_wait_grows_with_every_failed_probe_up_to_its_limit_and_begins_anew(clock):
    circuit = opened(clock, wait_max=200.0)
    waits = []
    for _ in range(4):
        waits.append(circuit.retry_after())
        clock.move(waits[-1])
        circuit.record(circuit.admit(), True, 0.0)
    clock.move(200)
    circuit.record(circuit.admit(), False, 0.0)
    for _ in range(5):
        circuit.record_failure()
    assert [*waits, circuit.retry_after()] == [64.0, 128.0, 200.0, 200.0, 64.0]


def test_R8_jitter_spreads_the_wait_and_never_shortens_it(clock):
    waits = []
    for chance in (0.0, 0.5, 0.999):
        settings = BreakerSettings(wait_open=64.0, wait_jitter=0.25)
        circuit = CircuitBreakerState(settings=settings, clock=clock, random=lambda chance=chance: chance)
        circuit.force(OPEN)
        waits.append(circuit.retry_after())
    assert waits[:2] == [64.0, 72.0]
    assert 79 < waits[2] < 80


def test_R8_a_thousand_failed_rounds_do_not_overflow(clock):
    circuit = opened(clock)
    for _ in range(1500):
        clock.move(circuit.retry_after())
        circuit.record(circuit.admit(), True, 0.0)
    assert circuit.retry_after() == 600.0


def test_an_open_circuit_keeps_the_exception_that_opened_it(clock):
    async def scene():
        circuit = breaker(clock, failure_threshold=3)
        return [await drive(circuit, bad) for _ in range(4)]

    assert run(scene()) == ["boom", "boom", "boom", "rejected"]


def test_a_forced_circuit_is_what_it_was_forced_to(clock):
    circuit = breaker(clock)
    circuit.force(BreakerState.FORCED_OPEN)
    clock.move(1e6)
    assert circuit.admit() is None
    assert circuit.rejection().reason is Reason.FORCED_OPEN
    circuit.force(BreakerState.METRICS_ONLY)
    for _ in range(20):
        circuit.record(circuit.admit(), True, 0.0)
    assert (circuit.state, circuit.window) == (BreakerState.METRICS_ONLY, (20, 20, 0))
    circuit.force(BreakerState.DISABLED)
    for _ in range(20):
        circuit.record(circuit.admit(), True, 0.0)
    assert (circuit.state, circuit.window) == (BreakerState.DISABLED, (0, 0, 0))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("failure_rate", 0.0), ("failure_rate", 1.5), ("failure_rate", float("nan")), ("slow_rate", 0), ("slow_seconds", 0),
        ("minimum_calls", 0), ("window_calls", 0), ("window_seconds", -1.0), ("wait_open", 0), ("wait_open", float("inf")),
        ("wait_multiplier", 0.5), ("wait_jitter", 2), ("probes", 0), ("probe_failure_rate", 0.0), ("half_open_max", 0),
        ("failure_threshold", -1), ("minimum_calls", 21),
    ],
)  # fmt: skip
def test_a_setting_out_of_range_is_refused_by_name(setting, value):
    with pytest.raises(ValueError, match=setting):
        BreakerSettings(**{setting: value})


# -- interlock as second opinion --------------------------------------------------------------------------------------

LIKE_INTERLOCK = {
    "failure_threshold": 0,
    "wait_jitter": 0.0,
    "wait_open": 10.0,
    "wait_max": 40.0,
    "half_open_max": None,
}


def agree(seed, steps=400):
    """Drive our machine and interlock's through the same random calls; return the states that were seen."""
    interlock = pytest.importorskip("interlock")
    machine = pytest.importorskip("interlock._state_machine").StateMachine
    outcomes = {
        (False, False): interlock.Outcome.SUCCESS,
        (True, False): interlock.Outcome.FAILURE,
        (False, True): interlock.Outcome.SLOW_SUCCESS,
        (True, True): interlock.Outcome.SLOW_FAILURE,
    }
    chance, clock, in_flight, seen = random.Random(seed), Clock(), [], set()
    minimum, probes = chance.randint(1, 12), chance.randint(1, 5)
    size, rate = chance.randint(minimum, 25), chance.choice([0.25, 0.5, 0.75, 1.0])
    slow, growth = chance.choice([0.25, 1.0]), chance.choice([1.0, 2.0])
    ours = CircuitBreakerState(
        settings=BreakerSettings(
            **LIKE_INTERLOCK, failure_rate=rate, slow_seconds=1.0, slow_rate=slow, minimum_calls=minimum,
            window_calls=size, wait_multiplier=growth, probes=probes, probe_failure_rate=rate,
        ),
        clock=clock,
    )  # fmt: skip
    theirs = machine(
        config=interlock.Config(
            failure_rate_threshold=rate, minimum_number_of_calls=minimum, slow_call_duration_threshold=1.0,
            slow_call_rate_threshold=slow, permitted_calls_in_half_open=probes, max_concurrent_probes=probes,
            wait_duration_in_open=10.0, window_size=size, wait_duration_backoff_multiplier=growth,
            wait_duration_in_open_max=40.0,
        ),
        clock=clock,
    )  # fmt: skip
    for step in range(steps):
        dice = chance.random()
        if dice < 0.45:
            era, admitted = ours.admit(), theirs.acquire()
            assert (era is not None) == admitted, (seed, step)
            if admitted:
                in_flight.append((era, theirs.generation))
        elif dice < 0.85 and in_flight:
            era, generation = in_flight.pop(chance.randrange(len(in_flight)))
            if chance.random() < 0.08:
                ours.release(era)
                theirs.release_probe(generation=generation)
            else:
                failed, late = chance.random() < 0.5, chance.random() < 0.15
                ours.record(era, failed, 2.0 if late else 0.125)
                theirs.record(outcomes[failed, late], generation=generation)
        else:
            clock.move(chance.choice([0.125, 3, 9.875, 10, 20]))
        assert ours.state.lower().replace("_", "-") == theirs.state.value.replace("_", "-"), (seed, step)
        assert ours.retry_after() == theirs.retry_after(), (seed, step)
        seen.add(ours.state)
    return seen


@pytest.mark.campaign
def test_interlock_agrees_on_every_admission_state_and_wait():
    seen = [agree(seed) for seed in range(3000 if os.environ.get("LOGSHIFT_FULL") else 150)]
    assert sum(HALF_OPEN in states for states in seen) > len(seen) / 2


# -- chance -----------------------------------------------------------------------------------------------------------


class Circuit(RuleBasedStateMachine):
    """Whatever is called in whatever order: what always holds of a circuit."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.transitions = []
        self.circuit = CircuitBreakerState(
            settings=BreakerSettings(
                failure_threshold=3, minimum_calls=4, window_calls=6, probes=2, wait_open=8.0, wait_jitter=0.0
            ),
            clock=self.clock,
            on_transition=lambda before, after: self.transitions.append((before, after)),
        )
        self.in_flight = []
        self.since = self.clock.now

    @rule()
    def admit(self):
        before, left = self.circuit.state, self.circuit.retry_after()
        era = self.circuit.admit()
        if before is CLOSED:
            assert era is not None
        if before is OPEN:
            assert (era is not None) == (left == 0)
        if era is not None:
            self.in_flight.append(era)

    @precondition(lambda self: self.in_flight)
    @rule(which=st.integers(0, 1000), failed=st.booleans(), seconds=st.sampled_from([0.125, 32.0]))
    def record(self, which, failed, seconds):
        era = self.in_flight.pop(which % len(self.in_flight))
        before = (self.circuit.state, self.circuit.era, self.circuit.window, self.circuit.failure_count)
        self.circuit.record(era, failed, seconds)
        if era != before[1]:
            after = (self.circuit.state, self.circuit.era, self.circuit.window, self.circuit.failure_count)
            assert after == before

    @precondition(lambda self: self.in_flight)
    @rule(which=st.integers(0, 1000))
    def release(self, which):
        era = self.in_flight.pop(which % len(self.in_flight))
        before = self.circuit.state
        self.circuit.release(era)
        assert self.circuit.state is before

    @rule(seconds=st.sampled_from([0.125, 1.0, 8.0, 64.0]))
    def wait(self, seconds):
        self.clock.move(seconds)

    @rule()
    def recover(self):
        """From any state, silence, waiting and good probes lead back to closed."""
        for _ in range(200):
            if self.circuit.state is CLOSED:
                return
            self.clock.move(1000)
            era = self.circuit.admit()
            if era is not None:
                self.circuit.record(era, False, 0.125)
        raise AssertionError(f"stuck in {self.circuit}")

    @invariant()
    def transitions_are_those_of_the_diagram(self):
        allowed = {(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, OPEN), (HALF_OPEN, CLOSED)}
        assert set(self.transitions) <= allowed

    @invariant()
    def no_more_probes_than_permitted(self):
        if self.circuit.state is HALF_OPEN:
            assert sum(era == self.circuit.era for era in self.in_flight) <= 2

    @invariant()
    def sums_are_possible(self):
        calls, failures, slow = self.circuit.window
        assert 0 <= failures <= calls <= 6
        assert 0 <= slow <= calls


TestCircuit = Circuit.TestCase
TestCircuit.settings = hypothesis_settings(
    max_examples=500 if os.environ.get("LOGSHIFT_FULL") else 40, stateful_step_count=60, deadline=None
)
