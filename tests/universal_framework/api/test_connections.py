"""Connections of clients that are slow, silent, many, or do not stop to send."""

from __future__ import annotations

import json
import resource
import socket

import pytest

from universal_framework.api import protocol


@pytest.fixture
def connect(shared_service):
    """Open a connection to a service."""
    opened = []

    def to(service=shared_service):
        host, port = service.url.removeprefix("http://").split(":")
        opened.append(socket.create_connection((host, int(port)), 30))
        return opened[-1]

    yield to
    for one in opened:
        one.close()


def received(connection):
    answer = b""
    while chunk := connection.recv(65536):
        answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n"])
def test_a_connection_without_a_request_is_not_kept(connect, sent):
    connection = connect()
    connection.sendall(sent)
    head, body = received(connection)  # which ends when the service closes; it never did
    if sent:
        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["error"]["code"] == "head_timeout"
    else:
        assert head == b""


def test_more_connections_than_files_may_be_open_do_not_end_the_service(serve, connect, becomes):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2_048), hard))
    service = serve()
    resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (500, 500))
    try:
        silent = [connect(service) for _ in range(700)]
        refused = silent[-1]
        refused.settimeout(30)
        assert received(refused)[0].startswith(b"HTTP/1.1 503 ")
        for one in silent[:400]:
            one.close()

        def answers():
            probe = connect(service)
            probe.sendall(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return received(probe)[0].startswith(b"HTTP/1.1 200 ")

        assert becomes(answers)
        assert service.logged.count("out of system resource") < 10  # a busy loop closes late; it is said, not for ever
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("framing", ["content-length: 8000000", "transfer-encoding: chunked"])
def test_a_client_that_goes_on_sending_still_gets_its_answer(connect, framing):
    connection = connect()
    head = f"POST /api/workflow/execute HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
    chunk = b"a" * 8_000 if "length" in framing else b"1f40\r\n" + b"a" * 8_000 + b"\r\n"
    connection.sendall(head.encode() + chunk * 900)  # all of it, before anything is read
    head, body = received(connection)
    assert head.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["error"]["code"] == "body_too_large"


def test_nonsense_after_the_answer_is_no_crash(shared_service, connect):
    connection = connect()
    connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 404 ")
    connection.sendall(b"NONSENSE\r\n\r\n")
    received(connection)
    assert "Fatal error" not in shared_service.logged


def test_a_service_has_room_for_its_own_files():
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert protocol.most_connections() < soft
