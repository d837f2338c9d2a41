"""Monitoring: rows M1–M19 (and C5), against real receivers on loopback."""

import gzip
import os
import re
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from universal_framework.observability._alerts import AlertKind, Degradation, ErrorRate
from universal_framework.observability._exporters import DogStatsD, ExportError, Otlp, OtlpHttp
from universal_framework.observability._metrics import Aggregate
from universal_framework.observability.production_monitoring import ProductionMonitor, make_exporter, settings_of
from universal_framework.observability.testing import capture_events
from universal_framework.workflow.production_error_recovery import ProductionErrorRecovery

LINE = re.compile(r"^(?P<name>[\w.]+):(?P<value>[-\d.e]+)\|(?P<type>[cg])(?:\|#(?P<tags>[^|\n]*))?$")
PLANS_FILE = {"monitoring": {"datadog_enabled": True, "metrics_interval": 60, "error_rate_threshold": 0.05}}


class Kept:
    """An exporter that keeps what it is given, and refuses while told to."""

    def __init__(self):
        self.points, self.alerts, self.refuse = [], [], False
        self.threads = set()

    def send(self, points, _seconds):
        self.threads.add(threading.current_thread())
        if self.refuse:
            raise ExportError("refused")
        self.points.append({(point.name, point.tags): point for point in points})

    def alert(self, alert, _seconds):
        if self.refuse:
            raise ExportError("refused")
        self.alerts.append(alert)


@pytest.fixture(autouse=True)
def quiet():
    with capture_events() as events:
        yield events


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def monitor(kept):
    return ProductionMonitor({"alert_minimum_calls": 10}, exporter=kept)


@pytest.fixture(params=["udp", "unix"])
def agent(request, tmp_path):
    """A DogStatsD receiver: its address, and what it has received as lines."""
    family = socket.AF_UNIX if request.param == "unix" else socket.AF_INET
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "s") if request.param == "unix" else ("127.0.0.1", 0))
    receiver.settimeout(10)
    address = f"unix://{tmp_path}/s" if request.param == "unix" else f"udp://127.0.0.1:{receiver.getsockname()[1]}"

    def lines(until):
        found = []
        while not any(until in line for line in found):
            found += receiver.recv(65536).decode().split("\n")
        return found

    yield address, lines
    receiver.close()


class Collector:
    """An OTLP collector: decodes what it is sent with the official messages."""

    def __init__(self):
        self.requests, self.status, self.hang = [], 200, threading.Event()
        self.hang.set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.hang.wait(60)
                status, headers = collector.status, dict(self.headers)
                collector.requests.append((self.path, headers, gzip.decompress(body).decode()))
                self.send_response(status)
                if status == 503:
                    self.send_header("Retry-After", "30")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/metrics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def metrics(self, number=-1):
        json_format = pytest.importorskip("google.protobuf.json_format")
        service = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
        message = json_format.Parse(self.requests[number][2], service.ExportMetricsServiceRequest())
        return {one.name: one for one in message.resource_metrics[0].scope_metrics[0].metrics}


@pytest.fixture
def collector():
    one = Collector()
    yield one
    one.hang.set()
    one.server.shutdown()
    one.server.server_close()


def test_M1_the_plans_file_switches_monitoring_on():
    monitor = ProductionMonitor(PLANS_FILE)
    assert (monitor.is_enabled, monitor.settings.where) == (True, "dogstatsd")
    assert not ProductionMonitor({"monitoring": {"datadog_enabled": False}}).is_enabled
    with pytest.raises(ValueError, match="datadog_enabeld"):
        ProductionMonitor({"datadog_enabeld": True})


def test_M2_memory_is_the_number_of_series(kept):
    monitor = ProductionMonitor({"max_series": 20, "performance_logging": False}, exporter=kept)
    for number in range(500):
        monitor.record_agent_execution(f"agent-{number}", 0.1, success=True)
    telemetry = monitor.telemetry()
    assert telemetry["series"] <= 22  # two for all that the limit has no place for
    assert telemetry["dropped_series"] > 900
    monitor.flush()
    counted = sum(p.value for (name, _), p in kept.points[0].items() if name == "agent.executions")
    assert counted == 500


def test_M3_a_datadog_agent_receives_what_was_recorded(agent):
    address, lines = agent
    monitor = ProductionMonitor({"exporter": "dogstatsd", "dogstatsd_address": address})
    for number in range(1000):
        monitor.record_agent_execution("a", 0.02 if number < 950 else 2.0, success=number % 10 != 0)
    assert monitor.flush()
    found = {
        m["name"] + (" ok" if "outcome:success" in m["tags"] else ""): m
        for m in map(LINE.match, lines("99perc"))
        if m and m["tags"]
    }
    assert found["agent.executions ok"]["value"] == "900"
    assert found["agent.executions"]["value"] == "100"
    assert found["agent.duration.count"]["value"] == "1000"
    assert float(found["agent.duration.sum"]["value"]) == pytest.approx(119)
    assert (found["agent.duration.95percentile"]["value"], found["agent.duration.99percentile"]["value"]) == (
        "0.025",
        "2.5",
    )


def test_M3_an_otlp_collector_receives_what_was_recorded(collector):
    monitor = ProductionMonitor({"exporter": "otlp", "otlp_endpoint": collector.url})
    for number in range(100):
        monitor.record_agent_execution("a", number / 100, success=True)
    assert monitor.flush()
    metrics = collector.metrics()
    point = metrics["agent.executions"].sum.data_points[0]
    assert (point.as_double, metrics["agent.executions"].sum.aggregation_temporality) == (100, 1)
    assert {one.key: one.value.string_value for one in point.attributes}["agent"] == "a"
    durations = metrics["agent.duration"].histogram.data_points[0]
    assert (durations.count, sum(durations.bucket_counts), metrics["agent.duration"].unit) == (100, 100, "s")
    assert len(durations.bucket_counts) == len(durations.explicit_bounds) + 1
    monitor.record_agent_execution("a", 1, success=True)
    monitor.flush()
    assert collector.metrics()["agent.executions"].sum.data_points[0].as_double == 1


def scrape(monitor):
    monitor.record_agent_execution('a"b\\c\n', 0.3, success=True)
    monitor.record_agent_execution("slow", 300, success=False, error_type="timeout")
    return monitor.prometheus_text()


def test_M3_prometheus_reads_what_was_recorded():
    parser = pytest.importorskip("prometheus_client.parser")
    families = {
        f.name: f for f in parser.text_string_to_metric_families(scrape(ProductionMonitor({"exporter": "prometheus"})))
    }
    assert {s.labels["agent"]: s.value for s in families["agent_executions"].samples} == {'a"b\\c\n': 1.0, "slow": 1.0}
    samples = [s for s in families["agent_duration_seconds"].samples if s.labels["agent"] == "slow"]
    assert {s.labels["le"]: s.value for s in samples if "le" in s.labels}["+Inf"] == 1
    assert {s.name: s.value for s in samples}["agent_duration_seconds_sum"] == 300


@pytest.mark.needs("promtool")
def test_M3_promtool_finds_nothing_to_say():
    text = scrape(ProductionMonitor({"exporter": "prometheus"}))
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_M4_metrics_are_delivered_without_being_asked_for_and_at_the_end():
    delivered = threading.Event()

    class Signal(Kept):
        def send(self, points, seconds):
            super().send(points, seconds)
            delivered.set()

    signal = Signal()
    monitor = ProductionMonitor({"metrics_interval": 0.01}, exporter=signal)
    monitor.start()
    monitor.record_workflow_start("s", "u")
    assert delivered.wait(60)
    quiet_one = Kept()
    other = ProductionMonitor({}, exporter=quiet_one)
    other.start()
    other.record_workflow_start("s", "u")
    assert other.shutdown()
    assert quiet_one.points
    monitor.shutdown()


def test_M5_what_was_not_delivered_is_delivered_next_time_once(monitor, kept):
    monitor.record_agent_execution("a", 0.1, success=True)
    kept.refuse = True
    assert not monitor.flush()
    monitor.record_agent_execution("a", 0.1, success=True)
    kept.refuse = False
    assert monitor.flush()
    assert monitor.flush()
    values = [p.value for points in kept.points for (name, _), p in points.items() if name == "agent.executions"]
    assert values == [2]


def test_M6_who_it_was_is_in_no_metric_and_in_the_log_as_a_hash(monitor, kept, quiet):
    monitor.record_workflow_start("session-4711", "jane@example.org")
    monitor.record_workflow_completion("session-4711", 1.5)
    monitor.flush()
    told = repr(kept.points) + repr(quiet)
    assert "4711" not in told
    assert "jane" not in told
    assert "sid_" in repr(quiet)


def test_M7_durations_are_seconds_and_say_so(collector):
    exporter = OtlpHttp(collector.url)
    monitor = ProductionMonitor({}, exporter=exporter)
    monitor.record_workflow_completion("s", 2.5)
    monitor.flush()
    metric = collector.metrics()["workflow.duration"]
    assert (metric.unit, metric.histogram.data_points[0].sum) == ("s", 2.5)
    assert metric.histogram.data_points[0].time_unix_nano > metric.histogram.data_points[0].start_time_unix_nano > 0


def test_M8_error_types_are_a_closed_set(monitor, kept):
    monitor.record_agent_execution("a", 0.1, success=False, error_type="timeout")
    monitor.record_agent_execution("a", 0.1, success=False, error_type="Connection to 10.0.0.1 refused: key sk-1")
    monitor.flush()
    types = {dict(tags).get("error_type") for name, tags in kept.points[0] if name == "agent.executions"}
    assert types == {"timeout", "other"}


def test_M9_nothing_is_lost_between_threads(monitor, kept):
    def work():
        for _ in range(2000):
            monitor.record_agent_execution("a", 0.1, success=True)

    monitor.settings = monitor.settings.model_copy(update={"performance_logging": False})
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        monitor.flush()
    monitor.flush()
    values = [p.value for points in kept.points for (name, _), p in points.items() if name == "agent.executions"]
    assert sum(values) == 16000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_M9_a_forked_child_begins_at_nothing_and_can_deliver():
    aggregate = Aggregate()
    series = aggregate.series("x")
    series.add(3)
    series.inc()
    series.inc()
    with aggregate.lock:  # as if another thread held it at that moment
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a lock that is never released must fail, not hang
            series.add(0.5)
            series.add(0.5)
            os._exit(0 if aggregate.take()[0][0].value == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert aggregate.take()[0][0].value == 5


def test_M10_recording_is_switched_while_it_runs(monitor, kept):
    monitor.disable()
    monitor.record_workflow_start("s", "u")
    monitor.enable()
    monitor.record_workflow_completion("s", 1.0)
    monitor.flush()
    assert {name for name, _ in kept.points[0]} == {"workflow.completed", "workflow.duration", "workflow.in_flight"}


def test_M11_an_error_rate_alerts_once_and_ends_well_below():
    rate = ErrorRate("a", 0.1, minimum=20, window=120.0, cooldown=60.0)
    news = [rate.add(float(n), failed=n % 5 == 0) for n in range(60)]
    begins = [one for one in news if one]
    assert [(one.begins, one.kind, one.agent) for one in begins] == [(True, AlertKind.ERROR_RATE, "a")]
    assert news.index(begins[0]) >= 19  # not before the minimum
    news = [rate.add(60.0 + n / 2, failed=False) for n in range(200)]
    ends = [one for one in news if one]
    assert [one.begins for one in ends] == [False]
    assert ends[0].value <= 0.08
    assert [one for n in range(10) if (one := rate.add(160.0, failed=True))] == [], "not again at once"
    assert [one.begins for n in range(60) if (one := rate.add(221.0 + n / 10, failed=True))] == [True]


def test_M11_an_error_rate_ends_without_traffic_too():
    rate = ErrorRate("a", 0.1, minimum=5, window=120.0)
    assert [one.begins for _ in range(5) if (one := rate.add(0.0, failed=True))] == [True]
    assert rate.check(60.0) is None
    assert rate.check(200.0).begins is False


def test_M11_slower_than_usual_and_slow_enough_is_degradation():
    slow = Degradation("a", factor=2.0, floor=1.0, minimum=10)
    told = [slow.period(float(n * 60), p95, 10) for n, p95 in enumerate([0.25, 0.25, 0.9, 0.25, 2.5, 2.5, 0.25])]
    assert [(n, one.begins) for n, one in enumerate(told) if one] == [(4, True), (6, False)]
    assert slow.period(600.0, 9.0, 9) is None, "too few calls say nothing"
    assert slow.usual < 0.5, "what is too slow is not learned as usual"


def test_M11_an_alert_goes_to_the_log_the_caller_and_the_exporter(kept, quiet):
    heard = []
    monitor = ProductionMonitor({"alert_minimum_calls": 10}, exporter=kept, on_alert=heard.append)
    for _ in range(12):
        monitor.record_agent_execution("a", 0.1, success=False, error_type="timeout")
    kept.refuse = True
    monitor.flush()
    kept.refuse = False
    monitor.flush()
    assert [one.begins for one in heard] == [True]
    assert kept.alerts == heard
    assert quiet.matching("error_rate_alert", level="error", agent="a")


def test_M11_periods_are_judged_by_the_durations_since_the_last(monitor, quiet):
    for seconds in (0.1, 0.1, 30.0):
        for _ in range(10):
            monitor.record_agent_execution("a", seconds, success=True)
        monitor.check_alerts()
    assert quiet.matching("performance_degradation_alert", begins=True)


def test_M11_a_datadog_agent_gets_event_and_service_check(agent):
    address, lines = agent
    monitor = ProductionMonitor({"exporter": "dogstatsd", "dogstatsd_address": address, "alert_minimum_calls": 10})
    for _ in range(10):
        monitor.record_agent_execution("a", 0.1, success=False)
    monitor.flush()
    found = lines("_sc|")
    assert "_sc|universal_framework.error_rate|2|#agent:a" in found
    event = next(line for line in found if line.startswith("_e{"))
    title, text = map(int, re.match(r"_e\{(\d+),(\d+)\}:", event).groups())
    assert len(event.split(":", 1)[1].split("|t:")[0]) == title + 1 + text


def test_M12_completion_has_an_outcome_and_what_runs_is_a_level(monitor, kept):
    for number in range(3):
        monitor.record_workflow_start(f"s{number}", "u")
    monitor.record_workflow_completion("s0", 1.0)
    monitor.record_workflow_completion("s1", 1.0, outcome="abandoned")
    monitor.flush()
    points = {(name, *tags): point.value for (name, tags), point in kept.points[0].items()}
    assert points[("workflow.in_flight",)] == 1
    assert points["workflow.completed", ("outcome", "success")] == 1
    assert points["workflow.completed", ("outcome", "abandoned")] == 1


def test_M13_nothing_that_is_recorded_raises(monitor, kept):
    monitor.record_agent_execution(["unhashable"], "soon", success=None, error_type={})
    monitor.record_workflow_completion(None, None)
    for listener in (monitor.on_execution, monitor.on_transition, monitor.on_fallback):
        listener(object())
    assert monitor.telemetry()["record_errors"] == 5
    kept.send = None
    monitor.record_agent_execution("a", 0.1, success=True)
    assert not monitor.flush()
    assert monitor.telemetry()["send_errors"] == 1


def test_M14_nothing_is_sent_on_the_callers_thread(monitor, kept):
    monitor.record_agent_execution("a", 0.1, success=True)
    assert not kept.points
    monitor.flush()
    assert kept.threads
    assert threading.current_thread() not in kept.threads


def test_M15_no_name_and_no_tag_ends_a_line(agent):
    address, lines = agent
    aggregate = Aggregate()
    aggregate.series("name:1|c\nfake:9", (("tag|#x", "a,b\nfake:9|c|@0"),)).add()
    aggregate.series("n" * 5000).add()
    DogStatsD(address).send(aggregate.take()[0], 5.0)
    found = lines("nnn")
    assert all(LINE.match(line) for line in found)
    assert len(found) == 2
    assert found[0].startswith("name_1_c_fake_9:1|c|#tag__x:a_b_fake")
    assert max(map(len, found)) < 300


def test_M15_what_is_no_number_is_dropped_and_counted():
    aggregate = Aggregate()
    for wrong in (float("nan"), float("inf"), -float("inf")):
        aggregate.series("x").add(wrong)
        aggregate.series("y", kind="histogram").observe(wrong)
    aggregate.series("y", kind="histogram").observe(-1.0)
    assert (aggregate.dropped_points, aggregate.take()[0]) == (7, [])


def test_M16_monitoring_tells_of_itself(monitor, kept):
    monitor.record_agent_execution("a", 0.1, success=True)
    assert monitor.telemetry()["queue"] == 2
    monitor.flush()
    kept.refuse = True
    monitor.record_agent_execution("a", float("nan"), success=True)
    monitor.flush()
    told = monitor.telemetry()
    assert (told["flushes"], told["send_errors"], told["dropped_points"], told["dropped_series"]) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("table", "where", "kind"),
    [
        ({}, "none", type(None)),
        ({"datadog_enabled": True}, "dogstatsd", DogStatsD),
        ({"datadog_enabled": True, "exporter": "otlp"}, "otlp", Otlp),
        ({"exporter": "prometheus"}, "prometheus", type(None)),
    ],
)
def test_M17_metrics_go_to_one_place(table, where, kind):
    settings = settings_of(table)
    assert settings.where == where
    assert type(make_exporter(settings)) is kind


def test_M18_a_collector_that_hangs_holds_up_no_shutdown(collector, quiet):
    collector.hang.clear()
    monitor = ProductionMonitor({"exporter": "otlp", "otlp_endpoint": collector.url, "flush_timeout": 60.0})
    monitor.record_agent_execution("a", 0.1, success=True)
    assert not monitor.shutdown(timeout=0.05)
    told = monitor.telemetry()  # who notices first, the one who waits or the one who sends, is chance
    assert told["flush_timeouts"] or told["send_errors"]
    assert quiet.matching("metrics_lost", points=2)


def test_M18_a_collector_that_asks_to_wait_is_left_alone(collector):
    collector.status = 503
    monitor = ProductionMonitor({"exporter": "otlp", "otlp_endpoint": collector.url})
    monitor.record_agent_execution("a", 0.1, success=True)
    assert [monitor.flush(), monitor.flush()] == [False, False]
    assert len(collector.requests) == 1


@pytest.mark.parametrize("address", ["unix:///no/such/socket", "udp://127.0.0.1:1"])
def test_M18_an_agent_that_is_not_there_costs_nothing(address):
    monitor = ProductionMonitor({"exporter": "dogstatsd", "dogstatsd_address": address})
    for _ in range(100):
        monitor.record_agent_execution("a", 0.1, success=True)
    monitor.flush()
    assert monitor.telemetry()["record_errors"] == 0


@pytest.mark.parametrize("wrong", [
    {"exporter": "otlp", "otlp_endpoint": "collector:4318"},
    {"exporter": "otlp", "otlp_endpoint": "http://user:hunter2@collector:4318"},
    {"exporter": "dogstatsd", "dogstatsd_address": "127.0.0.1:8125"},
    {"error_rate_threshold": 0.0},
])  # fmt: skip
def test_a_wrong_setting_is_refused_by_name_and_without_secrets(wrong):
    with pytest.raises(ValueError, match=list(wrong)[-1]) as error:
        ProductionMonitor(wrong)
    assert "hunter2" not in str(error.value)


def test_headers_of_a_collector_are_sent_and_never_told(collector, quiet):
    collector.status = 401
    monitor = ProductionMonitor(
        {}, exporter=OtlpHttp(collector.url, headers=(("Authorization", "Bearer canary-4711"),))
    )
    monitor.record_agent_execution("a", 0.1, success=True)
    monitor.flush()
    assert collector.requests[0][1]["Authorization"] == "Bearer canary-4711"
    assert "canary-4711" not in repr(quiet) + repr(monitor.telemetry())


def test_M19_recovery_tells_monitoring_of_every_execution(monitor, kept):
    import asyncio

    recovery = ProductionErrorRecovery({"circuit_breaker_threshold": 2}, listeners=(monitor,))

    async def good(state):
        return {}

    async def bad(state):
        raise ConnectionError

    async def scene():
        for agent in (good, bad, bad, good):
            await recovery.execute_with_recovery("strategy_generator", agent, {})

    asyncio.run(scene())
    monitor.flush()
    points = {(name, *(value for _, value in tags)): p.value for (name, tags), p in kept.points[0].items()}
    assert points["agent.executions", "strategy_generator", "success", "none"] == 1
    assert points["agent.executions", "strategy_generator", "failure", "execution_error"] == 2
    assert points["agent.executions", "strategy_generator", "rejected", "rejected"] == 1
    assert points["circuit.transitions", "strategy_generator", "CLOSED", "OPEN"] == 1
    assert points["agent.fallbacks", "strategy_generator", "true"] == 3
