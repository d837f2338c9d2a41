"""Exporters: points of metrics on the wire, for a Datadog agent, an OTLP collector or a Prometheus scrape.

In: points, as `_metrics` gives them, and seconds that sending may take. Out: datagrams, one request, or text;
`ExportError` where they could not be handed over. The standard library only, except where protobuf is asked for.

Sources: DogStatsD datagrams, https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/ (version 1.1); OTLP,
https://opentelemetry.io/docs/specs/otlp/; Prometheus text format 0.0.4,
https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from universal_framework.observability._alerts import Alert
from universal_framework.observability._metrics import BOUNDS, Point, Tags
from universal_framework.observability._otlp import METRICS, Collector, ExportError, Transport, connect, message_class

__all__ = ["DogStatsD", "ExportError", "Exporter", "Otlp", "OtlpGrpc", "OtlpHttp", "prometheus_text"]

#: What an Ethernet frame carries of a datagram, and what a Unix socket does by default.
_UDP_BYTES: Final = 1432
_UDS_BYTES: Final = 8192

_TAG: Final = re.compile(r"[^\w.:/-]")
_QUANTILES: Final = ((0.5, "median"), (0.95, "95percentile"), (0.99, "99percentile"))


class Exporter(Protocol):
    """Where points go."""

    def send(self, points: Sequence[Point], seconds: float, /) -> None:
        """Hand over `points` within `seconds`.

        Raises:
            ExportError: They were not delivered.
        """

    def alert(self, alert: Alert, seconds: float, /) -> None:
        """Tell of an alert, where there is a way to; raises as `send`."""


class DogStatsD:
    """Datagrams to a Datadog agent.

    Args:
        address: ``udp://host:port`` or ``unix:///path``.
        tags: On every line.

    Raises:
        ValueError: The address is neither.
    """

    def __init__(self, address: str = "udp://127.0.0.1:8125", tags: Tags = ()) -> None:
        parts = urlsplit(address)
        if parts.scheme == "unix" and parts.path:
            self._family, self._target, self._most = socket.AF_UNIX, parts.path, _UDS_BYTES
        elif parts.scheme == "udp" and parts.hostname and parts.port:
            self._family, self._most = socket.AF_INET, _UDP_BYTES
            self._target = (parts.hostname, parts.port)  # type: ignore[assignment]
        else:
            raise ValueError("dogstatsd_address: write udp://host:port or unix:///path")
        self._tags = tags

    def send(self, points: Sequence[Point], seconds: float, /) -> None:
        """Hand over `points`; a datagram that nobody receives is not noticed on UDP."""
        self._write([line for point in points for line in self._lines(point)], seconds)

    def alert(self, alert: Alert, seconds: float, /) -> None:
        """Send an event and a service check."""
        word = "began" if alert.begins else "ended"
        title = f"{alert.kind.value} {word}: {_plain(alert.agent)}"
        text = f"{alert.value:.4g} against {alert.threshold:.4g}"
        tags = _dogstatsd_tags((*self._tags, ("agent", alert.agent)))
        level = "error" if alert.begins else "success"
        event = f"_e{{{len(title.encode())},{len(text)}}}:{title}|{text}|t:{level}{tags}"
        check = f"_sc|universal_framework.{alert.kind.value}|{2 if alert.begins else 0}{tags}"
        self._write([event, check], seconds)

    def _lines(self, point: Point) -> Iterator[str]:
        tags = _dogstatsd_tags((*self._tags, *point.tags))
        if point.kind != "histogram":
            yield f"{point.name}:{_number(point.value)}|{'g' if point.kind == 'gauge' else 'c'}{tags}"
            return
        yield f"{point.name}.count:{point.count}|c{tags}"
        yield f"{point.name}.sum:{_number(point.value)}|c{tags}"
        for share, name in _QUANTILES:
            yield f"{point.name}.{name}:{_number(point.quantile(share))}|g{tags}"

    def _write(self, lines: Iterable[str], seconds: float) -> None:
        try:
            with socket.socket(self._family, socket.SOCK_DGRAM) as sender:
                sender.settimeout(max(seconds, 0.001))
                sender.connect(self._target)
                for datagram in _packed(lines, self._most):
                    sender.send(datagram)
        except OSError as error:
            raise ExportError(f"DogStatsD: {type(error).__name__}: {error.strerror or error}") from error


def _packed(lines: Iterable[str], most: int) -> Iterator[bytes]:
    """Return as few datagrams as hold `lines`, none longer than `most` unless one line is."""
    packet: list[bytes] = []
    size = 0
    for line in lines:
        encoded = line.encode()
        if packet and size + 1 + len(encoded) > most:
            yield b"\n".join(packet)
            packet, size = [], 0
        packet.append(encoded)
        size += len(encoded) + 1
    if packet:
        yield b"\n".join(packet)


def _plain(text: str) -> str:
    return _TAG.sub("_", text)[:200]


def _dogstatsd_tags(tags: Tags) -> str:
    return "|#" + ",".join(f"{_plain(name)}:{_plain(value)}" for name, value in tags) if tags else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


class Otlp:
    """One request to an OTLP collector for each delivery, of delta temporality.

    Args:
        collector: Where it is, and how it is spoken to.
        resource: What the service is, e.g. ``service.name``.

    Attributes:
        rejected: How many points the collector said that it does not take.

    Raises:
        ValueError: The protocol needs what is not installed.
    """

    def __init__(self, collector: Collector, resource: Tags = ()) -> None:
        self._transport: Transport = connect(collector, METRICS)
        self._resource = resource
        self._since = time.time_ns()
        self._silent_until = 0.0
        self.rejected = 0

    def send(self, points: Sequence[Point], seconds: float, /) -> None:
        """Hand over `points`; what a collector accepts in part counts as delivered, as the protocol has it."""
        waiting = self._silent_until - time.monotonic()
        if waiting > 0:
            raise ExportError("OTLP: the collector asked to wait", waiting)
        now = time.time_ns()
        try:
            self.rejected += self._transport.send(self._encoded(points, now), seconds).rejected
        except ExportError as error:
            self._silent_until = time.monotonic() + error.retry_after
            raise
        finally:
            self._transport.close()  # the next delivery is far away
        self._since = now

    def alert(self, alert: Alert, seconds: float, /) -> None:
        """Do nothing: an alert is a log event, and logs have their own way."""

    def after_fork(self) -> None:
        """Forget the parent's connection."""
        self._transport.after_fork()

    def _encoded(self, points: Sequence[Point], now: int) -> bytes:
        message = self.message(points, now)
        if not self._transport.binary:
            return json.dumps(message).encode()
        from google.protobuf.json_format import ParseDict

        encoded: bytes = ParseDict(message, message_class(METRICS, "Request")()).SerializeToString()
        return encoded

    def message(self, points: Sequence[Point], now: int) -> dict[str, Any]:
        """Return an ``ExportMetricsServiceRequest`` as JSON has it; times are nanoseconds since 1970."""
        times = {"startTimeUnixNano": str(self._since), "timeUnixNano": str(now)}
        metrics: dict[tuple[str, str], dict[str, Any]] = {}
        for point in points:
            metric = metrics.setdefault((point.name, point.kind), _otlp_metric(point))
            data = metric["sum" if point.kind == "count" else point.kind]
            data["dataPoints"].append({"attributes": _attributes(point.tags), **times, **_otlp_value(point)})
        scope = {"scope": {"name": "universal_framework"}, "metrics": list(metrics.values())}
        resource = {"attributes": _attributes(self._resource)}
        return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}


class OtlpHttp(Otlp):
    """`Otlp` over HTTP, as JSON.

    Args:
        endpoint: ``http://host:4318``, with or without ``/v1/metrics``, or https.
        headers: Sent along, e.g. for authorization; never told.
        resource: What the service is.

    Raises:
        ValueError: The endpoint is no HTTP URL.
    """

    def __init__(self, endpoint: str, headers: Tags = (), resource: Tags = ()) -> None:
        super().__init__(Collector(endpoint, "http/json", headers), resource)


class OtlpGrpc(Otlp):
    """`Otlp` over gRPC.

    Args:
        endpoint: ``http://host:4317``, or https for TLS.
        headers: Sent along, e.g. for authorization; never told.
        resource: What the service is.

    Raises:
        ValueError: The endpoint is no such address, or gRPC is not installed.
    """

    def __init__(self, endpoint: str, headers: Tags = (), resource: Tags = ()) -> None:
        super().__init__(Collector(endpoint, "grpc", headers), resource)


def _otlp_metric(point: Point) -> dict[str, Any]:
    delta = 1
    if point.kind == "gauge":
        return {"name": point.name, "unit": "1", "gauge": {"dataPoints": []}}
    if point.kind == "count":
        data = {"dataPoints": [], "aggregationTemporality": delta, "isMonotonic": True}
        return {"name": point.name, "unit": "1", "sum": data}
    return {"name": point.name, "unit": "s", "histogram": {"dataPoints": [], "aggregationTemporality": delta}}


def _otlp_value(point: Point) -> dict[str, Any]:
    if point.kind != "histogram":
        return {"asDouble": point.value}
    counts = [str(number) for number in point.buckets]
    return {"count": str(point.count), "sum": point.value, "bucketCounts": counts, "explicitBounds": list(BOUNDS)}


def _attributes(tags: Tags) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in tags]


_HELP: Final = {"count": "How often.", "gauge": "How many now.", "histogram": "How long, in seconds."}
_TYPES: Final = {"count": "counter", "gauge": "gauge", "histogram": "histogram"}


def prometheus_text(points: Iterable[Point]) -> str:
    """Return the totals of all series in the text format that Prometheus scrapes."""
    families: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        families.setdefault((point.name, point.kind), []).append(point)
    lines: list[str] = []
    for (metric, kind), members in sorted(families.items()):
        name = metric.replace(".", "_") + {"count": "_total", "histogram": "_seconds"}.get(kind, "")
        lines += [f"# HELP {name} {metric}: {_HELP[kind]}", f"# TYPE {name} {_TYPES[kind]}"]
        for point in members:
            lines += _samples(name, point)
    return "\n".join([*lines, ""])


def _samples(name: str, point: Point) -> Iterator[str]:
    if point.kind != "histogram":
        yield f"{name}{_labels(point.tags)} {point.value!r}"
        return
    seen = 0
    for bound, number in zip((*BOUNDS, math.inf), point.buckets, strict=True):
        seen += number
        yield f"{name}_bucket{_labels((*point.tags, ('le', '+Inf' if bound == math.inf else repr(bound))))} {seen}"
    yield f"{name}_sum{_labels(point.tags)} {point.value!r}"
    yield f"{name}_count{_labels(point.tags)} {point.count}"


def _labels(tags: Tags) -> str:
    escaped = [(name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for name, value in tags]
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}" if tags else ""
