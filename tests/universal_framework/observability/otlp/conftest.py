"""Real collectors on loopback: HTTP and gRPC, decoding what they get with the official messages."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import gzip
import importlib
import ipaddress
import json
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from universal_framework.observability.otlp_router import Collector, OTLPRouter


class Receiver:
    """What collectors have in common: what they got, what they answer next, and whether they answer at all."""

    def __init__(self):
        self.got, self.headers, self.replies = [], [], []
        self.answers = threading.Event()
        self.answers.set()
        self.arrived = threading.Condition()

    def took(self, headers, message):
        with self.arrived:
            self.headers.append({key.lower(): value for key, value in headers.items()})
            self.got.append(message)
            self.arrived.notify_all()
        self.answers.wait(60)
        return self.replies.pop(0) if self.replies else {}

    def wait(self, count=1):
        """Wait until so many requests have come."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, 60)
        return self.got

    @property
    def logs(self):
        """Return all log records as (resource, scope, record)."""
        return [
            (attributes(of_resource.resource.attributes), of_scope.scope.name, record)
            for request in self.got
            for of_resource in request.resource_logs
            for of_scope in of_resource.scope_logs
            for record in of_scope.log_records
        ]

    @property
    def bodies(self):
        return [record.body.string_value for _, _, record in self.logs]


def value_of(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [value_of(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return None if kind is None else getattr(value, kind)


def attributes(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


@pytest.fixture
def told():
    return attributes


def messages(signal):
    module = pytest.importorskip(f"opentelemetry.proto.collector.{signal}.v1.{signal}_service_pb2")
    name = f"Export{signal.capitalize()}Service"
    return getattr(module, f"{name}Request"), getattr(module, f"{name}Response")


def from_json(signal, body):
    """Decode OTLP/JSON, which has ids in hexadecimal where protobuf's own JSON has Base64."""
    document = json.loads(body)
    for of_resource in document.get("resourceLogs", ()):
        for of_scope in of_resource["scopeLogs"]:
            for record in of_scope["logRecords"]:
                for key in ("traceId", "spanId"):
                    if key in record:
                        record[key] = base64.b64encode(bytes.fromhex(record[key])).decode()
    return importlib.import_module("google.protobuf.json_format").ParseDict(document, messages(signal)[0]())


class HTTP(Receiver):
    def __init__(self, certificate=None, authority=None, port=0):
        super().__init__()
        self.connections = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                receiver.connections.append(self.request)
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                signal = self.path.rsplit("/", 1)[-1]
                binary = self.headers["content-type"] == "application/x-protobuf"
                message = messages(signal)[0].FromString(body) if binary else from_json(signal, body)
                reply = receiver.took({**self.headers, "path": self.path}, message)
                answer = b"" if binary else b"{}"
                if "rejected" in reply:
                    part = {"rejectedLogRecords": str(reply["rejected"]), "errorMessage": "too old"}
                    if signal == "metrics":
                        part = {"rejectedDataPoints": reply["rejected"]}
                    answer = json.dumps({"partialSuccess": part}).encode()
                    if binary:
                        parse = importlib.import_module("google.protobuf.json_format").Parse
                        answer = parse(answer, messages(signal)[1]()).SerializeToString()
                answer = reply.get("body", answer)
                with contextlib.suppress(OSError):
                    self.send_response(reply.get("status", 200))
                    for name, value in reply.get("headers", {}).items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            if authority:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(authority)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"http{'s' * bool(certificate)}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.answers.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class GRPC(Receiver):
    def __init__(self, certificate=None):
        super().__init__()
        self.grpc = grpc = pytest.importorskip("grpc")
        receiver = self

        class Services(grpc.GenericRpcHandler):
            def service(self, details):
                signal = "logs" if "logs" in details.method else "metrics"
                request, response = messages(signal)

                def export(message, context):
                    reply = receiver.took({**dict(context.invocation_metadata()), "path": details.method}, message)
                    if "code" in reply:
                        context.set_trailing_metadata(reply.get("metadata", ()))
                        context.abort(getattr(grpc.StatusCode, reply["code"]), "no: canary-4711")
                    answer = response()
                    if "rejected" in reply:
                        name = "rejected_log_records" if signal == "logs" else "rejected_data_points"
                        setattr(answer.partial_success, name, reply["rejected"])
                        answer.partial_success.error_message = "too old"
                    return answer

                return grpc.unary_unary_rpc_method_handler(
                    export, request_deserializer=request.FromString, response_serializer=response.SerializeToString
                )

        self.server = grpc.server(ThreadPoolExecutor(8))
        self.server.add_generic_rpc_handlers((Services(),))
        if certificate:
            both = certificate.read_bytes()
            port = self.server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(both, both)]))
        else:
            port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.endpoint = f"http{'s' * bool(certificate)}://127.0.0.1:{port}"

    def stop(self):
        self.answers.set()
        self.server.stop(None).wait()


@pytest.fixture
def start():
    """Start collectors for a protocol."""
    with contextlib.ExitStack() as stack:

        def start(protocol, certificate=None, **options):
            one = GRPC(certificate, **options) if protocol == "grpc" else HTTP(certificate, **options)
            one.protocol = protocol
            stack.callback(one.stop)
            return one

        yield start


@pytest.fixture(params=["http/json", "http/protobuf", "grpc"])
def collector(request, start):
    """A collector for each protocol."""
    return start(request.param)


@pytest.fixture
def route():
    """Start routers to collectors; closed at the end."""
    with contextlib.ExitStack() as stack:

        def route(to, **options):
            more = options.pop("more", {})
            endpoint, protocol = (to.endpoint, to.protocol) if isinstance(to, Receiver) else to
            router = OTLPRouter(Collector(endpoint, protocol, **more), **{"batch_seconds": 0.01, **options})
            stack.callback(router.close, 0.1)
            return router

        yield route


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
def eventually():
    """Wait until something is true."""

    def eventually(condition):
        until = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.005)

    return eventually
