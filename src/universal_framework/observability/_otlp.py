"""The way to an OTLP collector: one encoded request out, its answer in; over HTTP or gRPC.

In: a `Collector`, an encoded request, and the seconds that it may take. Out: how many items the collector rejected, or
`ExportError`, which says whether another attempt makes sense and when. Never: a log event – what is sent may be log
events –, a header's value in a message or a repr, a proxy, a redirect.

Sources: https://opentelemetry.io/docs/specs/otlp/ (which answers may be tried again, ``Retry-After``, partial success),
https://opentelemetry.io/docs/specs/otel/protocol/exporter/ (addresses, headers, certificates).
"""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import http.client
import importlib
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from universal_framework.config.models import MonitoringConfig

Tags = tuple[tuple[str, str], ...]

#: How a request is written and carried.
PROTOCOLS: Final = ("http/json", "http/protobuf", "grpc")

#: Answers over HTTP after which the same request may be sent again.
_AGAIN: Final = frozenset({429, 502, 503, 504})

#: Answers over gRPC after which it may; RESOURCE_EXHAUSTED only with a time to wait.
_AGAIN_GRPC: Final = frozenset(
    {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}
)

#: What is read of an answer at most, in bytes; it holds a number and a sentence.
_ANSWER: Final = 65536

#: The longest time that a collector may ask to be left alone, in seconds.
_LONGEST: Final = 3600.0

_FORKS: Final = "GRPC_ENABLE_FORK_SUPPORT"


class ExportError(Exception):
    """Something was not delivered.

    Attributes:
        retry_after: Seconds that the receiver asked to be left alone.
        retryable: Whether the same may be delivered later; false where the receiver will never take it.
        answered: Whether the receiver itself said so; false where nobody answered.
    """

    def __init__(
        self, problem: str, retry_after: float = 0.0, *, retryable: bool = True, answered: bool = False
    ) -> None:
        super().__init__(problem)
        self.retry_after = retry_after
        self.retryable = retryable
        self.answered = answered


class Answer(NamedTuple):
    """What a collector that took a request says of it: so many items `rejected`, and why."""

    rejected: int = 0
    message: str = ""


class Signal(NamedTuple):
    """A kind of telemetry: its HTTP path, its gRPC method, the module of its messages, what it calls rejected items."""

    name: str
    path: str
    method: str
    module: str
    messages: str
    rejected: str


def _signal(name: str, service: str, messages: str, rejected: str) -> Signal:
    package = f"opentelemetry.proto.collector.{name}.v1"
    return Signal(
        name, f"/v1/{name}", f"/{package}.{service}/Export", f"{package}.{name}_service_pb2", messages, rejected
    )


LOGS: Final = _signal("logs", "LogsService", "ExportLogsService", "rejected_log_records")
METRICS: Final = _signal("metrics", "MetricsService", "ExportMetricsService", "rejected_data_points")


@dataclass(frozen=True, slots=True)
class Collector:
    """Where a collector is, and how it is spoken to.

    Attributes:
        endpoint: ``http://host:4318`` or https, with a path before ``/v1/logs`` and its like if there is one; a path
            that ends with one of those is taken for the same. For gRPC ``http://host:4317``, or https for TLS.
        protocol: One of `PROTOCOLS`; all but ``http/json`` need the extra ``otlp``.
        headers: Sent along, e.g. for authorization; never told.
        compressed: Whether requests are compressed with gzip.
        certificate: A file with the certificates of authorities to trust, in place of the system's (PEM).
        client_certificate: A file with the certificate to show (PEM).
        client_key: A file with its key (PEM).

    Raises:
        ValueError: The endpoint is no such address, the protocol is unknown, a file cannot be read.
    """

    endpoint: str = "http://127.0.0.1:4318"
    protocol: str = "http/json"
    headers: Tags = field(default=(), repr=False)
    compressed: bool = True
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be used, without showing it: there may be a password in it."""
        try:
            parts = urlsplit(self.endpoint)
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or parts.username or parts.password or parts.query:
            raise ValueError("otlp_endpoint: write http://host:port or https://host:port; credentials go into a header")
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"otlp_protocol: must be one of {', '.join(PROTOCOLS)}")
        for name, value in self.headers:
            if not name.isascii() or not value.isprintable() or not name.isprintable() or set(name) & set(" :"):
                raise ValueError("otlp_headers: a name or value holds what no header may")
        if bool(self.client_certificate) != bool(self.client_key):
            raise ValueError("otlp_client_certificate and otlp_client_key go together")

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return self.endpoint.startswith("https:")

    @property
    def host(self) -> str:
        """The host's name."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """The port; by default that of the protocol."""
        return urlsplit(self.endpoint).port or (4317 if self.protocol == "grpc" else 443 if self.secure else 80)

    def path(self, signal: Signal) -> str:
        """Return the path that takes `signal`."""
        path = urlsplit(self.endpoint).path.rstrip("/")
        base, _, last = path.rpartition("/v1/")
        return (base if last in {"logs", "metrics", "traces"} and f"{base}/v1/{last}" == path else path) + signal.path


def collector_of(config: MonitoringConfig) -> Collector:
    """Return the collector that ``[monitoring]`` describes.

    Raises:
        ValueError: It cannot be used.
    """
    return Collector(
        config.otlp_endpoint,
        config.otlp_protocol,
        config.otlp_header_pairs,
        config.otlp_compression == "gzip",
        config.otlp_certificate,
        config.otlp_client_certificate,
        config.otlp_client_key,
    )


class Transport(Protocol):
    """What carries requests of one signal to one collector; used by one thread at a time."""

    binary: bool
    """Whether requests are protobuf messages; else they are JSON."""

    def send(self, request: bytes, seconds: float, /) -> Answer:
        """Hand over one request within `seconds`.

        Raises:
            ExportError: The collector did not take it.
        """

    def abort(self) -> None:
        """Let the request that another thread is sending fail."""

    def after_fork(self) -> None:
        """Forget, in a child, the parent's connection."""

    def close(self) -> None:
        """Let the connection go; the next request makes another."""


def connect(collector: Collector, signal: Signal) -> Transport:
    """Return the way to a collector; nothing is opened yet.

    Raises:
        ValueError: The protocol needs what is not installed, or a file of certificates cannot be read.
    """
    return _Grpc(collector, signal) if collector.protocol == "grpc" else _Http(collector, signal)


def message_class(signal: Signal, kind: str) -> Any:
    """Return the class of a request or a response.

    Raises:
        ValueError: The messages are not installed.
    """
    return getattr(_extra(signal.module), f"{signal.messages}{kind}")


def _extra(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"otlp_protocol: {module.partition('.')[0]} is not installed; "
            "pip install 'logshift[otlp]', or set otlp_protocol to http/json"
        ) from error


def _answer(signal: Signal, body: bytes, *, binary: bool) -> Answer:
    """Return what a body says; one that cannot be read is of something before the collector, and says nothing."""
    return _binary_answer(signal, body) if binary else _json_answer(signal, body)


def _binary_answer(signal: Signal, body: bytes) -> Answer:
    from google.protobuf.message import DecodeError

    try:
        part = message_class(signal, "Response").FromString(body).partial_success
    except DecodeError:
        return Answer()
    return Answer(max(getattr(part, signal.rejected), 0), part.error_message)


def _json_answer(signal: Signal, body: bytes) -> Answer:
    first, *rest = signal.rejected.split("_")
    try:
        part = json.loads(body or b"{}").get("partialSuccess") or {}
        return Answer(
            max(int(part.get(first + "".join(map(str.capitalize, rest)), 0)), 0), str(part.get("errorMessage", ""))
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        return Answer()


def seconds_of(header: str | None) -> float:
    """Return what ``Retry-After`` asks for – seconds or a date, RFC 9110, 10.2.3 –, an hour at most."""
    text = (header or "").strip()
    if text.isdecimal():
        return min(float(text), _LONGEST)
    try:
        wanted = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
    return min(max(wanted, 0.0), _LONGEST)


# -- HTTP ---------------------------------------------------------------------------------------------------------


class _Http:
    """A connection that is kept, and made anew where the collector has closed it."""

    def __init__(self, collector: Collector, signal: Signal) -> None:
        self.binary = collector.protocol == "http/protobuf"
        if self.binary:
            message_class(signal, "Request")
        self._collector = collector
        self._signal = signal
        self._path = collector.path(signal)
        kind = "application/x-protobuf" if self.binary else "application/json"
        self._headers = {**dict(collector.headers), "Content-Type": kind}
        if collector.compressed:
            self._headers["Content-Encoding"] = "gzip"
        self._context = _tls(collector) if collector.secure else None
        self._connection: http.client.HTTPConnection | None = None

    def send(self, request: bytes, seconds: float, /) -> Answer:
        body = gzip.compress(request, compresslevel=1) if self._collector.compressed else request
        reused = self._connection is not None
        with _limited(self, seconds) as limit:
            try:
                try:
                    status, wait, answer = self._ask(body, seconds)
                except (ConnectionError, http.client.RemoteDisconnected, http.client.BadStatusLine):
                    if not reused or limit.over:
                        raise
                    self.close()  # it was kept for too long
                    status, wait, answer = self._ask(body, seconds)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                problem = "no answer in time" if limit.over else _described(error)
                raise ExportError(f"OTLP: {problem}") from error
        if limit.over:  # what was read ends where the socket was shut down
            raise ExportError("OTLP: no answer in time")
        if not 200 <= status < 300:
            problem = f"OTLP: the collector answered {status}"
            raise ExportError(problem, wait, retryable=status in _AGAIN, answered=True)
        return _answer(self._signal, answer, binary=self.binary)

    def _ask(self, body: bytes, seconds: float) -> tuple[int, float, bytes]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connected(max(seconds, 0.001))
        elif connection.sock is not None:
            connection.sock.settimeout(max(seconds, 0.001))
        connection.request("POST", self._path, body, self._headers)
        response = connection.getresponse()
        answer = response.read(_ANSWER)
        if response.will_close or not response.isclosed():
            self.close()
        return response.status, seconds_of(response.getheader("Retry-After")), answer

    def _connected(self, seconds: float) -> http.client.HTTPConnection:
        to = self._collector
        if self._context is None:
            return http.client.HTTPConnection(to.host, to.port, timeout=seconds)
        return http.client.HTTPSConnection(to.host, to.port, timeout=seconds, context=self._context)

    def abort(self) -> None:
        """Shut the socket down: whoever waits for it gets an error."""
        connection = self._connection
        sock = None if connection is None else connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # past TLS, which would wait for the other side

    def after_fork(self) -> None:
        """Close the child's copy of the socket, without a word on it: the parent is speaking."""
        connection, self._connection = self._connection, None
        sock = None if connection is None else connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                os.close(sock.detach())

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _tls(collector: Collector) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=collector.certificate)
        if collector.client_certificate:
            context.load_cert_chain(collector.client_certificate, collector.client_key)
    except OSError as error:  # ssl's own errors are such
        raise ValueError(f"otlp_certificate: the files cannot be used: {_described(error)}") from error
    return context


def _described(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{type(error).__name__}: {error.reason or 'TLS failed'}"
    why = getattr(error, "strerror", None)
    return f"{type(error).__name__}: {why}" if why else type(error).__name__


class _Limit:
    """Lets a request fail that takes longer than it may: a socket's timeout begins anew with each byte."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._done = False
        self.over = False

    def end(self) -> None:
        if not self._done:
            self.over = True
            self._transport.abort()


@contextmanager
def _limited(transport: Transport, seconds: float) -> Iterator[_Limit]:
    limit = _Limit(transport)
    timer = threading.Timer(seconds, limit.end)
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no thread can be started at the end of the interpreter
        timer.start()
    try:
        yield limit
    finally:
        limit._done = True
        timer.cancel()


# -- gRPC ---------------------------------------------------------------------------------------------------------


class _Grpc:
    """A channel, made at the first request of a process.

    gRPC can be used in a forked child only if `GRPC_ENABLE_FORK_SUPPORT` was set when it was loaded; it is set here
    where nobody loaded gRPC before. https://github.com/grpc/grpc/blob/master/doc/fork_support.md
    """

    binary = True

    def __init__(self, collector: Collector, signal: Signal) -> None:
        loaded = "grpc" in sys.modules
        if not loaded:
            os.environ.setdefault(_FORKS, "1")
        self._forks = os.environ.get(_FORKS, "").lower() in {"1", "true", "yes", "y", "on", "t"}
        message_class(signal, "Request")
        self._grpc = _extra("grpc")
        self._collector = collector
        self._signal = signal
        self._metadata = tuple((name.lower(), value) for name, value in collector.headers)
        self._credentials = self._with_tls() if collector.secure else None
        self._channel: Any = None
        self._call: Any = None
        self._unusable = False

    def _with_tls(self) -> Any:
        to = self._collector
        try:
            root, key, chain = (_content(path) for path in (to.certificate, to.client_key, to.client_certificate))
        except OSError as error:
            raise ValueError(f"otlp_certificate: the files cannot be used: {_described(error)}") from error
        return self._grpc.ssl_channel_credentials(root, key, chain)

    def send(self, request: bytes, seconds: float, /) -> Answer:
        if self._unusable:
            raise ExportError(f"OTLP: gRPC cannot be used after a fork; set {_FORKS}=1", retryable=False)
        grpc = self._grpc
        if self._channel is None:
            self._channel = self._opened()
            self._export = self._channel.unary_unary(self._signal.method)
        packing = grpc.Compression.Gzip if self._collector.compressed else grpc.Compression.NoCompression
        call = self._call = self._export.future(
            request, timeout=max(seconds, 0.001), metadata=self._metadata, compression=packing
        )
        try:
            body = call.result()
        except grpc.FutureCancelledError as error:
            raise ExportError("OTLP: given up") from error
        except grpc.RpcError as error:
            raise _of_status(error) from None  # its text holds what the other side said
        finally:
            self._call = None
        return _answer(self._signal, body, binary=True)

    def _opened(self) -> Any:
        to = self._collector
        target = f"[{to.host}]:{to.port}" if ":" in to.host else f"{to.host}:{to.port}"
        options = (
            ("grpc.enable_http_proxy", 0),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 5000),
        )
        if self._credentials is None:
            return self._grpc.insecure_channel(target, options)
        return self._grpc.secure_channel(target, self._credentials, options)

    def abort(self) -> None:
        """Cancel the call that another thread waits for."""
        call = self._call
        if call is not None:
            call.cancel()

    def after_fork(self) -> None:
        """Leave the channel to the parent; closing it here would wait for threads that the child does not have."""
        self._unusable = self._channel is not None and not self._forks
        self._channel = self._call = None

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _content(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def _of_status(error: Any) -> ExportError:
    """Return a failed call as what it means."""
    name = error.code().name
    wait = _retry_delay(error.trailing_metadata() or ())
    again = name in _AGAIN_GRPC or (name == "RESOURCE_EXHAUSTED" and wait is not None)
    alone = name in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"} and wait is None
    return ExportError(f"OTLP: the call ended with {name}", wait or 0.0, retryable=again, answered=not alone)


def _retry_delay(metadata: Any) -> float | None:
    """Return the seconds of a ``google.rpc.RetryInfo`` among the details of a status, if there is one.

    The messages are of another distribution, so the two fields that matter are read by number.
    https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
    """
    details = next((value for key, value in metadata if key == "grpc-status-details-bin"), None)
    if details is None:
        return None
    from google.protobuf.any_pb2 import Any as Packed
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.message import DecodeError

    try:
        for packed in map(Packed.FromString, _members(details, 3)):
            if packed.type_url.endswith("/google.rpc.RetryInfo"):
                delay = Duration.FromString(b"".join(_members(packed.value, 1)))
                return float(min(max(delay.seconds + delay.nanos / 1e9, 0.0), _LONGEST))
    except (DecodeError, TypeError):
        return None
    return None


def _members(message: bytes, number: int) -> Iterator[bytes]:
    """Yield the embedded messages of the field `number`."""
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.unknown_fields import UnknownFieldSet

    for one in UnknownFieldSet(Empty.FromString(message)):
        if one.field_number == number and isinstance(one.data, bytes):
            yield one.data
