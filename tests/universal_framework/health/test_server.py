"""The probes on a real server: uvicorn, its access log, its signals."""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

from universal_framework.health.access_log import ProbeFilter

SERVED = Path(__file__).with_name("served.py")
SOURCES = Path(__file__).parents[3] / "src"
PATHS = ("/health", "/health/live", "/health/ready", "/health/startup", "/health/detailed")


class Service:
    """The served application in a process of its own."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def ask(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()

    def waits_for(self, path, status):
        for _ in range(1000):
            with contextlib.suppress(OSError):
                if self.ask(path)[0] == status:
                    return
            assert self.process.poll() is None, self.process.stdout.read()
            time.sleep(0.02)
        raise AssertionError(f"{path} never answered {status}")

    def ends(self):
        output, _ = self.process.communicate(timeout=60)
        return output


@pytest.fixture
def serve():
    """Start the service; it drains for so many seconds."""
    with contextlib.ExitStack() as stack:

        def start(seconds):
            with socket.socket() as one:
                one.bind(("127.0.0.1", 0))
                port = one.getsockname()[1]
            process = subprocess.Popen(
                [sys.executable, SERVED, str(port), str(seconds)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            service = Service(process, port)
            service.waits_for("/health/ready", 200)
            return service

        yield start


def test_H9_H14_on_a_real_server_every_spelling_answers_and_no_probe_is_in_the_access_log(serve):
    service = serve(0)
    for path in PATHS:
        for slash in ("", "/"):
            status, body = service.ask(path + slash)
            assert (status, body[:1]) == (200, b"{")
            assert service.ask(path + slash, "HEAD") == (200, b"")
    assert service.ask("/health/ready?verbose=1")[0] == 200
    assert service.ask("/health/ready", "POST")[0] == 405
    assert service.ask("/work")[0] == 200
    service.process.send_signal(signal.SIGTERM)
    lines = [line.split('"')[1] for line in service.ends().splitlines() if "HTTP/1.1" in line]
    expected = ["GET", "HEAD"]
    detailed = [f"{method} /health/detailed{slash} HTTP/1.1" for slash in ("", "/") for method in expected]
    assert lines == [*detailed, "POST /health/ready HTTP/1.1", "GET /work HTTP/1.1"]


def test_H11_on_sigterm_readiness_fails_first_and_no_request_is_lost(serve):
    service = serve(600)  # the second signal ends it
    answers = []
    slow = threading.Thread(target=lambda: answers.append(service.ask("/work?seconds=1")))
    slow.start()
    service.process.send_signal(signal.SIGTERM)
    service.waits_for("/health/ready", 503)
    assert service.ask("/health/live") == (200, b'{"status":"alive"}')
    assert service.ask("/health/startup")[0] == 200
    assert service.ask("/work") == (200, b'{"work":"done"}')  # requests are still taken
    service.process.send_signal(signal.SIGTERM)
    slow.join()
    assert answers == [(200, b'{"work":"done"}')]
    assert "lifespan over draining" in service.ends()


def test_H11_after_its_delay_the_signal_reaches_the_server(serve):
    service = serve(0.2)
    service.process.send_signal(signal.SIGTERM)
    assert "lifespan over draining" in service.ends()


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        ("/health", 200, False),
        ("/health/", 200, False),
        ("/health/live", 200, False),
        ("/health/ready", 503, False),
        ("/health/ready?exclude=redis", 503, False),
        ("/health/startup/", 200, False),
        ("/health/ready", 500, True),
        ("/health/ready", 405, True),
        ("/health/detailed", 200, True),
        ("/healthy", 200, True),
        ("/orders/health/live", 200, True),
        ("/work?next=/health/live", 200, True),
    ],
)
def test_H14_the_filter_takes_out_expected_answers_of_probes_only(path, status, kept):
    args = ("127.0.0.1:1", "GET", path, "1.1", status)
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', args, None)
    assert ProbeFilter("/health").filter(record) is kept
    below = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "", (*args[:2], "/api" + path, *args[3:]), None)
    assert ProbeFilter("/health", root_path="/api").filter(below) is kept


@pytest.mark.parametrize("args", [(), ("a",), None, ({"a": 1},), (1, 2, 3, 4, 5)])
def test_H14_records_of_another_shape_stay(args):
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, "text", args, None)
    assert ProbeFilter().filter(record)
