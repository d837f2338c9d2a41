"""Metrics on their way to real collectors, over each protocol."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from universal_framework.config.models import ProductionConfig
from universal_framework.observability._exporters import ExportError, Otlp, OtlpGrpc, OtlpHttp
from universal_framework.observability._metrics import Aggregate
from universal_framework.observability._otlp import seconds_of
from universal_framework.observability.otlp_router import Collector
from universal_framework.observability.production_monitoring import ProductionMonitor


def metrics_of(request):
    (of_resource,) = request.resource_metrics
    return {one.name: one for one in of_resource.scope_metrics[0].metrics}


def monitor_of(collector, **more):
    table = {
        "exporter": "otlp", "otlp_endpoint": collector.endpoint, "otlp_protocol": collector.protocol, "flush_timeout": 30.0,
        "performance_logging": False, **more,
    }  # fmt: skip
    config = ProductionConfig.model_validate({"redis": {"url": "redis://h/0"}, "monitoring": table})
    return ProductionMonitor(config)


def test_M3_a_collector_receives_what_was_recorded(collector, told):
    monitor = monitor_of(collector, service_name="shop", otlp_headers="x-key=canary-4711")
    for number in range(100):
        monitor.record_agent_execution("a", number / 100, success=True)
    monitor.record_workflow_start("s", "u")
    assert monitor.flush()
    metrics = metrics_of(collector.got[0])
    executions = metrics["agent.executions"].sum
    (point,) = executions.data_points
    assert (point.as_double, executions.aggregation_temporality, executions.is_monotonic) == (100, 1, True)
    assert told(point.attributes) == {"agent": "a", "outcome": "success", "error_type": "none"}
    durations = metrics["agent.duration"].histogram.data_points[0]
    assert (durations.count, sum(durations.bucket_counts), metrics["agent.duration"].unit) == (100, 100, "s")
    assert metrics["workflow.in_flight"].gauge.data_points[0].as_double == 1
    assert told(collector.got[0].resource_metrics[0].resource.attributes) == {"service.name": "shop"}
    assert collector.headers[0]["x-key"] == "canary-4711"
    monitor.record_agent_execution("a", 1, success=True)
    assert monitor.flush()
    assert metrics_of(collector.got[1])["agent.executions"].sum.data_points[0].as_double == 1


def test_M16_points_that_a_collector_rejects_are_counted(collector):
    collector.replies = [{"rejected": 2}]
    monitor = monitor_of(collector)
    monitor.record_agent_execution("a", 1, success=True)
    assert monitor.flush()
    assert monitor.telemetry()["rejected_points"] == 2


def test_M5_what_grpc_could_not_deliver_is_delivered_next_time(start):
    collector = start("grpc")
    collector.replies = [{"code": "UNAVAILABLE"}]
    monitor = monitor_of(collector)
    monitor.record_agent_execution("a", 1, success=True)
    assert not monitor.flush()
    monitor.record_agent_execution("a", 1, success=True)
    assert monitor.flush()
    assert metrics_of(collector.got[1])["agent.executions"].sum.data_points[0].as_double == 2


@pytest.mark.parametrize("kind", [OtlpHttp, OtlpGrpc])
def test_M18_a_collector_that_hangs_holds_up_no_shutdown(start, kind):
    collector = start("grpc" if kind is OtlpGrpc else "http/json")
    collector.answers.clear()
    monitor = ProductionMonitor({"performance_logging": False}, exporter=kind(collector.endpoint))
    monitor.record_agent_execution("a", 1, success=True)
    assert not monitor.shutdown(timeout=0.05)
    told = monitor.telemetry()  # who notices first, the one who waits or the one who sends, is chance
    assert told["flush_timeouts"] or told["send_errors"]
    collector.answers.set()


@pytest.mark.parametrize("kind", [OtlpHttp, OtlpGrpc])
def test_M18_a_request_ends_when_its_time_is_over(start, kind):
    collector = start("grpc" if kind is OtlpGrpc else "http/json")
    collector.answers.clear()
    aggregate = Aggregate()
    aggregate.series("x").add(2.5)
    with pytest.raises(ExportError):
        kind(collector.endpoint).send(aggregate.take()[0], 0.2)
    collector.answers.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_M9_who_holds_a_series_bound_method_can_add_after_a_fork():
    aggregate = Aggregate()
    add = aggregate.series("x").add
    with aggregate.lock:  # as if another thread held it at that moment
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            add(2)
            os._exit(0 if aggregate.totals()[0].value == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_M9_sums_of_any_number_lose_nothing_between_threads():
    series = Aggregate().series("x")

    def work():
        for _ in range(20000):
            series.add(0.5)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert series.total().value == 80000


@pytest.mark.parametrize(("header", "least", "most"), [
    ("7", 7, 7), (" 120 ", 120, 120), ("999999999", 3600, 3600), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0),
    ("Wed, 21 Oct 2099 07:28:00 GMT", 3600, 3600), ("soon", 0, 0), ("-5", 0, 0), ("", 0, 0), (None, 0, 0), ("1e9", 0, 0),
])  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header, least, most):
    assert least <= seconds_of(header) <= most


def test_a_client_that_is_not_installed_is_named_with_the_setting(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "grpc", None)
    with pytest.raises(ValueError, match="otlp_protocol"):
        Otlp(Collector(protocol="grpc"))
