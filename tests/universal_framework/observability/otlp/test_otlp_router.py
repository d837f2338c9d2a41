"""Log events on their way to real collectors: what arrives, what is lost, and what nobody waits for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading

import pytest

from universal_framework.config.models import MonitoringConfig
from universal_framework.observability._sinks import Limits
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.otlp_router import BATCH_RECORDS, Collector, OTLPOutput, OTLPRouter
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

CANARY = "sk-proj-Zb3kq9RtY7wXcV1mNs5dTg8hJ2lPfQaU"
TRACE = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "trace_flags": "01"}


@pytest.fixture
def node():
    """A node of the tree whose events go nowhere else."""
    node = logging.getLogger("otlp.test")
    node.propagate = False
    node.setLevel(logging.DEBUG)
    yield node
    node.handlers.clear()
    node.propagate = True
    node.setLevel(logging.NOTSET)


@pytest.fixture
def house(node):
    return UniversalFrameworkLogger("billing", name="otlp.test", via="stdlib")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)


# -- what arrives -------------------------------------------------------------------------------------------------


def test_an_event_arrives_with_severity_body_and_typed_attributes(collector, route, node, house, told):
    router = route(collector, service="shop", resource={"deployment.environment.name": "test"})
    router.attach(node)
    house.warning(
        "order_placed", number=7, negative=-(2**63), large=2**63, ratio=0.5, whole=2.0, ok=True, name="Zoë 😀", nothing=None,
        tags=["a", 1, False, 1.5, None], table={"inner": {"deep": [1]}}, empty={}, none=[], **TRACE,
    )  # fmt: skip
    assert router.flush(30)
    ((resource, scope, record),) = collector.logs
    assert resource == {"service.name": "shop", "deployment.environment.name": "test"}
    assert (scope, record.body.string_value) == ("otlp.test", "order_placed")
    assert (record.severity_number, record.severity_text) == (13, "WARNING")
    assert told(record.attributes) == {
        "component": "billing", "number": 7, "negative": -(2**63), "large": str(2**63), "ratio": 0.5, "whole": 2.0, "ok": True,
        "name": "Zoë 😀", "nothing": None, "tags": ["a", 1, False, 1.5, None], "table": {"inner": {"deep": [1]}},
        "empty": {}, "none": [],
    }  # fmt: skip
    kinds = {pair.key: pair.value.WhichOneof("value") for pair in record.attributes}
    assert (kinds["number"], kinds["whole"], kinds["ok"], kinds["tags"], kinds["nothing"]) == (
        "int_value", "double_value", "bool_value", "array_value", None,
    )  # fmt: skip
    assert (record.trace_id.hex(), record.span_id.hex(), record.flags) == (TRACE["trace_id"], TRACE["span_id"], 1)
    assert record.time_unix_nano == record.observed_time_unix_nano > 1_700_000_000 * 10**9


@pytest.mark.parametrize(
    ("level", "number"), [(5, 1), (10, 5), (20, 9), (25, 12), (30, 13), (40, 17), (50, 21), (99, 24)]
)
def test_severity_numbers_are_those_of_the_data_model(start, route, node, level, number):
    collector = start("http/json")
    router = route(collector)
    router.attach(node)
    node.setLevel(1)
    node.log(level, "x")
    assert router.flush(30)
    assert collector.logs[0][2].severity_number == number


def test_an_ids_that_is_none_stays_an_attribute(start, route, node, house, told):
    collector = start("http/protobuf")
    router = route(collector)
    router.attach(node)
    house.info("x", trace_id="no-trace", span_id=7)
    assert router.flush(30)
    record = collector.logs[0][2]
    assert (record.trace_id, told(record.attributes)["trace_id"], told(record.attributes)["span_id"]) == (
        b"",
        "no-trace",
        7,
    )


def test_a_record_of_any_logger_arrives_with_its_exception(collector, route, node, told):
    router = route(collector)
    node.addHandler(router.handler)
    try:
        raise ValueError("not 7")
    except ValueError:
        node.exception("parsing of %s failed", "x", extra={"attempt": 2})
    assert router.flush(30)
    record = collector.logs[0][2]
    found = told(record.attributes)
    assert (record.body.string_value, record.severity_number, found["attempt"]) == ("parsing of x failed", 17, 2)
    assert (found["exception.type"], found["exception.message"]) == ("ValueError", "not 7")
    assert "test_a_record_of_any_logger" in found["exception.stacktrace"]


def test_route_and_route_event_take_what_is_in_no_log(start, route, told):
    collector = start("http/json")
    router = route(collector, level=logging.INFO)
    router.route_event("deployed", msg="v2", level_name=1)
    router.route_event("hidden", level=logging.DEBUG)
    router.route(logging.LogRecord("other", logging.ERROR, "", 0, "%d of %d", (1, 2), None))
    assert router.flush(30)
    assert collector.bodies == ["deployed", "1 of 2"]
    assert told(collector.logs[0][2].attributes) == {"msg": "v2", "level_name": 1}


def test_values_of_any_depth_do_not_cost_the_request(collector, route, node, house):
    router = route(collector)
    router.attach(node)
    deep = value = []
    for _ in range(200):
        value.append([])
        value = value[0]
    house.info("deep", value=deep, table={"a": {"b": {"c": deep}}})
    house.info(
        "hostile", **{"": 1, "a\nb": "\ud800", "nan": float("nan"), "bytes": b"\xff", "object": object(), "set": {1}}
    )
    assert router.flush(30)
    assert collector.bodies == ["deep", "hostile"]


def test_no_secret_reaches_a_collector(collector, route, node, house, told):
    router = route(collector, more={"headers": (("authorization", f"Bearer {CANARY}"),)})
    router.attach(node)
    house.error(
        f"login with {CANARY}", password="hunter2-canary", nested={"api_key": CANARY}, header=f"Bearer {CANARY}"
    )
    node.error("key %s", CANARY, extra={"token": CANARY, "list": [CANARY]})
    router.route_event(f"event {CANARY}", secret=CANARY)
    try:
        raise RuntimeError(CANARY)
    except RuntimeError:
        house.exception("failed")
    assert router.flush(30)
    everything = " ".join(map(str, collector.got))
    assert len(collector.logs) == 4
    assert CANARY not in everything
    assert "hunter2" not in everything
    assert collector.headers[0]["authorization"] == f"Bearer {CANARY}"
    assert CANARY not in f"{router._output._arguments} {router.stats()} {router._output.name}"


# -- configure_logging --------------------------------------------------------------------------------------------


def test_a_collector_is_a_destination_of_configure_logging(collector, told):
    output = OTLPOutput(Collector(collector.endpoint, collector.protocol), {"service.name": "shop"})
    with configure_logging(destination=output, level="DEBUG") as configuration:
        UniversalFrameworkLogger("billing", via="stdlib").info("order_placed", number=7)
        logging.getLogger("urllib3").warning("slow")
        assert configuration.flush(30)
        assert configuration.stats().written == 2
    (resource, _, record), (_, scope, _) = collector.logs
    assert (resource, told(record.attributes)["number"], scope) == ({"service.name": "shop"}, 7, "urllib3")


def test_the_services_name_of_the_configuration_is_the_resources(start):
    collector = start("http/json")
    with configure_logging(destination=OTLPOutput(Collector(collector.endpoint)), service="shop", durability="direct"):
        UniversalFrameworkLogger("billing", via="stdlib").info("order_placed")
    assert collector.logs[0][0] == {"service.name": "shop"}


def test_lines_of_another_layout_arrive_as_text(start):
    collector = start("http/protobuf")
    with configure_logging(destination=OTLPOutput(Collector(collector.endpoint, "http/protobuf")), format="json"):
        UniversalFrameworkLogger("billing", via="stdlib").info("order_placed")
    assert json.loads(collector.bodies[0])["event"] == "order_placed"


def test_an_output_can_be_sent_to_another_process():
    output = OTLPOutput(Collector("http://h:1", headers=(("a", "b"),)), {"service.name": "s"}, timeout=3.0)
    assert pickle.loads(pickle.dumps(output))._arguments == output._arguments


def test_the_section_of_the_configuration_makes_a_router(start):
    collector = start("http/json")
    assert OTLPRouter.of(MonitoringConfig(otlp_endpoint=collector.endpoint)) is None
    table = {
        "otlp_logs": True, "otlp_endpoint": collector.endpoint, "otlp_headers": "authorization=Bearer%20x,a=b", "service_name": "s",
    }  # fmt: skip
    with OTLPRouter.of(MonitoringConfig.model_validate(table)) as router:
        router.route_event("x")
    headers = collector.headers[0]
    assert (headers["authorization"], headers["a"], collector.logs[0][0]) == ("Bearer x", "b", {"service.name": "s"})


# -- batches, bounds, losses --------------------------------------------------------------------------------------


def test_events_are_sent_in_batches_each_once_and_in_order(collector, route, node):
    router = route(collector, batch_seconds=0.05)
    router.attach(node)
    for number in range(3 * BATCH_RECORDS):
        node.info("%d", number)
    assert router.flush(30)
    assert collector.bodies == [str(number) for number in range(3 * BATCH_RECORDS)]
    assert max(len(request.resource_logs[0].scope_logs[0].log_records) for request in collector.got) <= BATCH_RECORDS
    assert router.stats()[:3] == (3 * BATCH_RECORDS, 0, 0)


def test_events_come_together_while_a_request_is_under_way_and_after_it(start, route):
    collector = start("http/json")
    collector.answers.clear()
    router = route(collector, batch_seconds=60)
    router.route_event("first")
    collector.wait()
    for number in range(5):
        router.route_event(str(number))
    collector.answers.set()
    while router.stats().written == 0:
        threading.Event().wait(0.01)
    for number in range(5, 10):
        router.route_event(str(number))
    assert router.flush(30)
    assert [len(request.resource_logs[0].scope_logs[0].log_records) for request in collector.got] == [1, 10]


def test_a_full_batch_does_not_wait(start, route):
    collector = start("http/json")
    router = route(collector, batch_seconds=3600)
    router.route_event("first")
    collector.wait()
    for number in range(3 * BATCH_RECORDS):
        router.route_event(str(number))
    collector.wait(2)
    assert router.flush(30)
    assert router.stats()[:2] == (3 * BATCH_RECORDS + 1, 0)


def test_a_batch_is_bounded_in_bytes(start, route, node):
    collector = start("http/json")
    router = route(collector)
    router.attach(node)
    for _ in range(12):
        node.info("x" * 400_000)
    assert router.flush(30)
    assert len(collector.logs) == 12
    assert max(request.ByteSize() for request in collector.got) < 2_000_000


def test_what_finds_no_room_is_counted_and_the_collector_is_told(start, route, node, told, eventually):
    collector = start("http/json")
    collector.answers.clear()
    router = route(collector, limits=Limits(lines=10))
    router.attach(node)
    node.info("first")
    collector.wait()
    for number in range(100):
        node.info("%d", number)
    assert router.dropped >= 89
    collector.answers.set()
    assert router.flush(30)
    eventually(lambda: "log_lines_lost" in collector.bodies)
    stats = router.stats()
    assert stats.written + stats.lost == 101
    notice = next(record for _, _, record in collector.logs if record.body.string_value == "log_lines_lost")
    assert told(notice.attributes)["lost"] == stats.lost


def test_no_caller_waits_for_a_collector_that_hangs(collector, route, node, house):
    collector.answers.clear()
    router = route(collector, timeout=60.0)
    router.attach(node)

    async def scene():
        for number in range(1000):
            house.info("x", number=number)
        return asyncio.get_running_loop().time()

    threads = {thread.ident for thread in threading.enumerate()}
    asyncio.run(scene())
    collector.wait()
    assert threading.get_ident() in threads
    assert not router.flush(0.05)
    router.close(0.05)
    assert router.stats().lost + router.stats().written >= 1000
    assert router.pending == 0


def test_a_request_ends_in_time_though_the_collector_trickles(route):
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle():
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.02):
                    connection.sendall(b"x")

        threading.Thread(target=trickle, daemon=True).start()
        router = route((f"http://127.0.0.1:{server.getsockname()[1]}", "http/json"), timeout=0.3, give_up=0.1)
        router.route_event("x")
        assert router.flush(30)
        over.set()
    assert router.stats().lost == 1
    assert "no answer in time" in router.stats().last_error


def test_a_collector_that_is_dead_loses_no_caller_and_no_count(route):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for protocol in ("http/json", "http/protobuf", "grpc"):
        router = route((f"http://127.0.0.1:{port}", protocol), give_up=0.2)
        for _ in range(5):
            router.route_event("x")
        assert router.flush(30), protocol
        assert router.stats()[:3] == (0, 5, 0), protocol


def test_a_collector_that_comes_back_gets_what_waited(start, route):
    first = start("http/json")
    router = route(first, give_up=60.0, timeout=5.0)
    router.route_event("before")
    assert router.flush(30)
    first.stop()
    router.route_event("meanwhile")
    again = start("http/json", port=first.server.server_port)
    assert router.flush(30)
    assert again.bodies == ["meanwhile"]
    assert router.stats()[:2] == (2, 0)


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@pytest.mark.parametrize("status", [429, 503])
def test_what_is_refused_for_now_is_offered_once_more_after_the_time_asked_for(start, route, protocol, status):
    collector = start(protocol)
    collector.replies = [{"status": status, "headers": {"Retry-After": "1"}}]
    router = route(collector)
    router.route_event("x")
    assert router.flush(30)
    assert collector.bodies == ["x", "x"]
    assert router.stats()[:3] == (1, 0, 0)
    collector.replies = [{"status": status}, {"status": status}, {}]
    router.route_event("y")
    assert router.flush(30)
    assert router.stats()[:2] == (1, 1)
    assert collector.bodies[2:4] == ["y", "y"]


def test_a_time_to_wait_beyond_the_deadline_is_a_loss_and_is_kept(start, route):
    collector = start("http/json")
    collector.replies = [{"status": 503, "headers": {"Retry-After": "3000"}}]
    router = route(collector)
    router.route_event("x")
    collector.wait()
    router.route_event("y")
    assert not router.flush(0.3)
    assert router.stats().lost == 1
    assert len(collector.got) == 1


@pytest.mark.parametrize(
    ("status", "sent"), [(400, 1), (401, 1), (404, 1), (413, 1), (500, 1), (301, 1), (502, 2), (504, 2)]
)
def test_only_answers_that_may_change_are_asked_for_again(start, route, status, sent, told):
    collector = start("http/json")
    collector.replies = [{"status": status}] * sent
    router = route(collector)
    router.route_event("x")
    assert router.flush(30)
    assert router.stats().lost == 1
    assert collector.bodies[:sent] == ["x"] * sent
    router.route_event("y")
    assert router.flush(30)
    assert "y" in collector.bodies


def _retry_info(seconds):
    from google.protobuf.any_pb2 import Any
    from google.protobuf.duration_pb2 import Duration

    delay = Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9)).SerializeToString()
    info = b"\x0a" + bytes([len(delay)]) + delay
    packed = Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=info).SerializeToString()
    return (("grpc-status-details-bin", b"\x08\x0e\x1a" + bytes([len(packed)]) + packed),)


def test_grpc_unavailable_is_offered_again(start, route):
    collector = start("grpc")
    collector.replies = [{"code": "UNAVAILABLE"}, {"code": "UNAVAILABLE", "metadata": _retry_info(0.25)}]
    router = route(collector)
    router.route_event("x")
    assert router.flush(30)
    assert (collector.bodies, router.stats()[:2]) == (["x"] * 3, (1, 0))


@pytest.mark.parametrize(
    ("code", "metadata", "lost"),
    [("INVALID_ARGUMENT", None, 1), ("UNAUTHENTICATED", None, 1), ("UNIMPLEMENTED", None, 1), ("RESOURCE_EXHAUSTED", None, 1),
     ("RESOURCE_EXHAUSTED", 0.1, 0), ("ABORTED", None, 0), ("DATA_LOSS", None, 0)],
)  # fmt: skip
def test_grpc_codes_mean_what_the_protocol_says(start, route, code, metadata, lost):
    collector = start("grpc")
    collector.replies = [{"code": code, "metadata": () if metadata is None else _retry_info(metadata)}]
    router = route(collector)
    router.route_event("x")
    assert router.flush(30)
    assert router.stats()[:2] == (1 - lost, lost)
    assert "canary" not in str(router.stats())


def test_what_a_collector_rejects_of_a_request_is_lost_and_counted(collector, route, node, told, eventually):
    collector.replies = [{}, {"rejected": 2}]
    router = route(collector, batch_seconds=0.2)
    router.attach(node)
    node.info("first")
    collector.wait()
    for number in range(5):
        node.info("%d", number)
    assert router.flush(30)
    assert router.stats()[:2] == (4, 2)
    assert "rejected 2 of 5 log records: too old" in router.stats().last_error
    eventually(lambda: "log_lines_lost" in collector.bodies)
    notices = [
        told(record.attributes) for _, _, record in collector.logs if record.body.string_value == "log_lines_lost"
    ]
    assert [one["lost"] for one in notices] == [2]


def test_a_collector_that_refuses_all_is_not_asked_without_end(start, route, eventually):
    collector = start("http/json")
    collector.replies = [{"status": 401}] * 1000
    router = route(collector)
    router.route_event("x")
    assert router.flush(30)
    eventually(lambda: router.pending == 0)
    before = len(collector.got)
    router.flush(0.2)
    assert len(collector.got) - before <= 3
    assert router.stats().lost == 1


# -- how it is spoken to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf", "grpc"])
def test_tls_is_spoken_to_whom_the_authority_knows_and_to_nobody_else(start, route, certificate, protocol):
    collector = start(protocol, certificate)
    router = route(collector, more={"certificate": str(certificate)})
    router.route_event("x")
    assert router.flush(30)
    assert collector.bodies == ["x"]
    stranger = route(collector, give_up=0.3)
    stranger.route_event("y")
    assert stranger.flush(30)
    assert (stranger.stats().lost, collector.bodies) == (1, ["x"])


def test_a_client_shows_its_certificate(start, route, certificate):
    collector = start("http/json", certificate, authority=str(certificate))
    own = str(certificate)
    router = route(collector, more={"certificate": own, "client_certificate": own, "client_key": own})
    router.route_event("x")
    assert router.flush(30)
    assert collector.bodies == ["x"]
    nobody = route(collector, more={"certificate": own}, give_up=0.3)
    nobody.route_event("y")
    assert nobody.flush(30)
    assert nobody.stats().lost == 1


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@pytest.mark.parametrize("compressed", [True, False])
def test_requests_are_compressed_unless_told_otherwise(start, route, protocol, compressed):
    collector = start(protocol)
    router = route(collector, more={"compressed": compressed})
    router.route_event("x" * 1000)
    assert router.flush(30)
    assert (collector.headers[0].get("content-encoding") == "gzip") is compressed
    assert (int(collector.headers[0]["content-length"]) < 500) is compressed


def test_one_connection_serves_many_requests_and_is_made_anew_when_it_was_closed(start, route):
    collector = start("http/json")
    accepted = []
    accept = collector.server.get_request
    collector.server.get_request = lambda: accepted.append(1) or accept()
    router = route(collector)
    for number in range(3):
        router.route_event(str(number))
        assert router.flush(30)
    assert len(accepted) == 1
    collector.replies = [{"headers": {"Connection": "close"}}]
    for number in range(3, 6):
        router.route_event(str(number))
        assert router.flush(30)
    assert collector.bodies == list("012345")
    assert len(accepted) == 2


@pytest.mark.parametrize(("path", "sent"), [
    ("", "/v1/logs"), ("/", "/v1/logs"), ("/v1/metrics", "/v1/logs"), ("/v1/logs", "/v1/logs"), ("/otlp", "/otlp/v1/logs"),
    ("/otlp/v1/traces/", "/otlp/v1/logs"),
])  # fmt: skip
def test_the_path_is_that_of_the_signal(start, route, path, sent):
    collector = start("http/json")
    router = route((collector.endpoint + path, "http/json"))
    router.route_event("x")
    assert router.flush(30)
    assert collector.headers[0]["path"] == sent


@pytest.mark.parametrize(("options", "word"), [
    ({"endpoint": "collector:4318"}, "otlp_endpoint"), ({"endpoint": "http://u:hunter2@h"}, "otlp_endpoint"),
    ({"endpoint": "http://h:99999"}, "otlp_endpoint"), ({"endpoint": "ftp://h"}, "otlp_endpoint"), ({"protocol": "udp"}, "otlp_protocol"),
    ({"headers": (("a\n", "hunter2"),)}, "otlp_headers"), ({"headers": (("a", "hunter2\r\nb: c"),)}, "otlp_headers"),
    ({"client_key": "x"}, "otlp_client"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused_at_once_without_secrets(options, word):
    with pytest.raises(ValueError, match=word) as error:
        Collector(**options)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_a_certificate_that_cannot_be_read_is_refused_at_once(tmp_path, protocol):
    with pytest.raises(ValueError, match="otlp_certificate"):
        OTLPOutput(Collector("https://h", protocol, certificate=str(tmp_path / "missing.pem")))


def test_what_is_not_installed_is_named_with_what_to_do():
    code = """
import sys
sys.modules["grpc"] = sys.modules["opentelemetry"] = None
from universal_framework.observability.otlp_router import Collector, OTLPOutput
OTLPOutput(Collector())
for protocol in ("grpc", "http/protobuf"):
    try:
        OTLPOutput(Collector(protocol=protocol))
    except ValueError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.count("pip install 'logshift[otlp]'") == 2


def test_nothing_heavy_is_imported_before_it_is_asked_for():
    code = "import sys, universal_framework.observability.otlp_router as r; r.OTLPOutput(r.Collector())\n"
    code += "print([name for name in sys.modules if name.split('.')[0] in ('grpc', 'google', 'opentelemetry')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


# -- processes ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf", "grpc"])
def test_a_forked_child_has_a_connection_of_its_own(start, protocol):
    collector = start(protocol)
    code = f"""
import os, signal
from universal_framework.observability.otlp_router import Collector, OTLPRouter
router = OTLPRouter(Collector({collector.endpoint!r}, {protocol!r}), batch_seconds=0.01)
router.route_event("parent")
assert router.flush(30)
child = os.fork()
if child == 0:
    signal.alarm(50)
    router.route_event("child")
    os._exit(0 if router.flush(30) and router.stats().written == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
router.route_event("parent again")
assert router.flush(30)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(collector.bodies) == ["child", "parent", "parent again"]
    assert len(getattr(collector, "connections", "12")) == 2


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_what_waits_is_delivered_at_the_end_of_the_process(start, protocol):
    collector = start(protocol)
    code = f"""
from universal_framework.observability.otlp_router import Collector, OTLPRouter
router = OTLPRouter(Collector({collector.endpoint!r}, {protocol!r}), batch_seconds=30)
for number in range(2000):
    router.route_event(str(number))
"""
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert collector.bodies == [str(number) for number in range(2000)]


@pytest.mark.parametrize("protocol", ["http/json", "grpc"])
def test_a_collector_that_hangs_holds_up_no_exit_and_the_loss_is_said(start, protocol):
    collector = start(protocol)
    collector.answers.clear()
    code = f"""
from universal_framework.observability.otlp_router import Collector, OTLPRouter
router = OTLPRouter(Collector({collector.endpoint!r}, {protocol!r}), timeout=600)
router.route_event("x")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "1 lines lost so far" in done.stderr


def test_sigterm_delivers_what_waits(start):
    collector = start("http/json")
    code = f"""
import time
from universal_framework.observability.otlp_router import Collector, OTLPRouter
router = OTLPRouter(Collector({collector.endpoint!r}), batch_seconds=60)
router.route_event("first")
assert router.flush(30)
router.route_event("last")
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM
    assert collector.bodies == ["first", "last"]


def test_closing_twice_and_logging_afterwards_harm_nobody(start, route, node):
    collector = start("http/json")
    router = route(collector)
    router.attach(node)
    node.info("x")
    router.close()
    router.close()
    node.info("y")
    router.route_event("late")
    assert collector.bodies[:1] == ["x"]
    assert router.handler not in node.handlers
