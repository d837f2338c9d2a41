"""Log events on their way to an OTLP collector.

In: events of the house logger and records of any other, through a handler or as the destination of
`configure_logging`; redacted before they are queued. Out: requests of the OTLP log data model, in batches, from a
thread of its own; a count of what was lost. Never: a wait or an exception in the caller, a queue without bound, a loss
without a word – it is counted, said on stderr, and told to the collector itself.

    router = OTLPRouter.of(config.monitoring)
    router.attach()                                     # beside what configure_logging writes to
    configure_logging(destination=OTLPOutput(collector))  # or in its place

What a collector cannot take now is offered again: after ``Retry-After`` where it asks for that, once; where nobody
answers, until `give_up` seconds have passed. Then, and where the answer is final, it is lost and counted.

Sources: https://opentelemetry.io/docs/specs/otel/logs/data-model/, https://opentelemetry.io/docs/specs/otlp/; sizes and
times are those of OpenTelemetry's batch processor, https://opentelemetry.io/docs/specs/otel/logs/sdk/.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from universal_framework.observability import _pipeline
from universal_framework.observability._event import Event
from universal_framework.observability._layouts import Otel, severity_number
from universal_framework.observability._lines import LineHandler
from universal_framework.observability._otlp import (
    LOGS,
    Answer,
    Collector,
    ExportError,
    Transport,
    collector_of,
    connect,
    message_class,
)
from universal_framework.observability._outputs import PATIENCE, Hindrance, Result
from universal_framework.observability._sinks import Limits, QueuedSink, SinkStats
from universal_framework.observability.configuration import notice_of

if TYPE_CHECKING:
    from universal_framework.config.models import MonitoringConfig

__all__ = ["Collector", "ExportError", "OTLPOutput", "OTLPRouter", "severity_number"]

#: Log events in a request at most, and their bytes as JSON unless one alone has more; collectors take 4 MiB.
BATCH_RECORDS: Final = 512
BATCH_BYTES: Final = 1 << 20

#: How long events are collected before they are sent together, in seconds.
BATCH_SECONDS: Final = 1.0

#: What waits for a collector at most.
QUEUE: Final = Limits(lines=20_000, bytes=16 << 20)

#: How deep a value is sent; receivers of protobuf refuse a whole request of which one value is too deep.
_DEPTH: Final = 12

_INT64: Final = 1 << 63

_SCOPE: Final = "universal_framework"


class OTLPOutput:
    """Sends lines of the layout ``otel`` to a collector, for a sink; a line of any other layout is sent as text.

    Args:
        collector: Where it is, and how it is spoken to.
        resource: What the service is; ``service.name`` by default as the configuration of logging has it.
        timeout: Seconds that a request may take.
        give_up: Seconds after which a batch that nobody took is lost.
        clock: Monotonic seconds.

    Raises:
        ValueError: The protocol needs what is not installed, or a certificate cannot be read.
    """

    #: How lines are to be laid out where nobody says otherwise, and how long they are collected.
    layout: Final = "otel"
    batch_seconds: Final = BATCH_SECONDS

    def __init__(
        self,
        collector: Collector,
        resource: Mapping[str, str] | None = None,
        *,
        timeout: float = 10.0,
        give_up: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"OTLP collector {collector.host}:{collector.port}"
        self._arguments = collector, dict(resource or {}), timeout, give_up
        self._resource = dict(resource or {})
        self._timeout, self._give_up = timeout, give_up
        self._clock = clock
        self._transport: Transport = connect(collector, LOGS)
        self._encode: Callable[[list[Record]], bytes] = _binary if self._transport.binary else _text
        self._silent_until = float("-inf")
        self._first: float | None = None  # when the batch was offered first
        self._refusals = 0
        self._rest = 0  # how many lines it has
        self._problem: ExportError | None = None
        self._sending = threading.Lock()
        self._aborted = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, self._arguments

    def write(self, lines: Sequence[bytes], patience: float = PATIENCE) -> Result:
        """Send a batch of `lines`; see `_outputs.Output`. It takes as long as a request may, whatever `patience` is."""
        del patience
        with self._sending:
            if self._aborted:
                return Result(0, Hindrance.GONE, ExportError("OTLP: given up"))
            if self._clock() < self._silent_until:
                return Result(0, Hindrance.FAILING, self._problem)
            count = min(self._rest, len(lines)) or _fitting(lines)
            if self._first is None:
                self._first = self._clock()
            records = [_record(line, self._resource) for line in lines[:count]]
            try:
                answer = self._transport.send(self._encode(records), self._timeout)
            except ExportError as error:
                return self._not_sent(count, error)
            self._forget_batch()
        return _partly(count, answer) if answer.rejected else Result(count)

    def _not_sent(self, count: int, error: ExportError) -> Result:
        """Keep the batch for another attempt, or give it up."""
        now = self._clock()
        self._silent_until = now + error.retry_after
        self._refusals += error.answered
        left = self._give_up - (now - (now if self._first is None else self._first))
        if error.retryable and self._refusals < 2 and error.retry_after < left:
            self._rest, self._problem = count, error
            return Result(0, Hindrance.FAILING, error)
        self._forget_batch()
        self._problem = error
        return Result(0, Hindrance.REFUSED, error, lost=count)

    def _forget_batch(self) -> None:
        self._first, self._refusals, self._rest, self._problem = None, 0, 0, None

    def abort(self) -> None:
        """Let the request fail that another thread waits for, and take no more until closed."""
        self._aborted = True
        self._transport.abort()

    def after_fork(self) -> None:
        """Forget, in a child, the parent's batch and its connection."""
        self._sending = threading.Lock()
        self._forget_batch()
        self._silent_until = float("-inf")
        self._aborted = False
        self._transport.after_fork()

    def close(self) -> None:
        """Let the connection go; it is made anew if there is more to send."""
        self._transport.close()
        self._aborted = False


def _restored(collector: Collector, resource: Mapping[str, str], timeout: float, give_up: float) -> OTLPOutput:
    return OTLPOutput(collector, resource, timeout=timeout, give_up=give_up)


def _partly(count: int, answer: Answer) -> Result:
    """Return what came of a batch of which the collector took a part: it does not say which."""
    lost = min(answer.rejected, count)
    said = _pipeline.current().text(answer.message[:200])
    error = ExportError(f"OTLP: the collector rejected {lost} of {count} log records: {said}", retryable=False)
    return Result(count - lost, Hindrance.REFUSED, error, lost)


def _fitting(lines: Sequence[bytes]) -> int:
    """Return how many of `lines` go into one request."""
    size = 0
    for count, line in enumerate(lines[:BATCH_RECORDS]):
        size += len(line)
        if size > BATCH_BYTES and count:
            return count
    return min(len(lines), BATCH_RECORDS)


class OTLPRouter:
    """Routes log events to a collector, beside whatever else becomes of them.

    Args:
        collector: Where it is, and how it is spoken to.
        service: The name of the service.
        resource: What else it is, by the names of https://opentelemetry.io/docs/specs/semconv/resource/.
        level: The lowest level that is routed.
        limits: How much waits at most, and what happens beyond: by default, it is lost and counted.
        batch_seconds: How long events are collected before they are sent together.
        timeout: Seconds that a request may take.
        give_up: Seconds after which a batch that nobody took is lost.

    Attributes:
        handler: What takes events; it can be added to any logger of `logging`.

    Raises:
        ValueError: The protocol needs what is not installed, or a certificate cannot be read.
    """

    def __init__(
        self,
        collector: Collector,
        *,
        service: str = "universal_framework",
        resource: Mapping[str, str] | None = None,
        level: int = logging.NOTSET,
        limits: Limits = QUEUE,
        batch_seconds: float = BATCH_SECONDS,
        timeout: float = 10.0,
        give_up: float = 30.0,
    ) -> None:
        named = {"service.name": service, **(resource or {})}
        self._output = OTLPOutput(collector, named, timeout=timeout, give_up=give_up)
        layout = Otel()
        self._sink = QueuedSink(self._output, limits, notice_of(layout), batch_seconds=batch_seconds)
        self.handler = LineHandler(layout, self._sink, level)
        self._attached: list[logging.Logger] = []

    @classmethod
    def of(cls, config: MonitoringConfig, *, level: int = logging.NOTSET) -> Self | None:
        """Return what ``[monitoring]`` asks for; None unless ``otlp_logs`` is set.

        Raises:
            ValueError: The protocol needs what is not installed, or a certificate cannot be read.
        """
        if not config.otlp_logs:
            return None
        return cls(collector_of(config), service=config.service_name, level=level, timeout=config.otlp_timeout)

    def attach(self, logger: logging.Logger | None = None) -> None:
        """Route what `logger` of the logging tree, by default its root, gets from now on."""
        node = logging.getLogger() if logger is None else logger
        node.addHandler(self.handler)
        self._attached.append(node)

    def route(self, record: logging.LogRecord) -> None:
        """Take in one record; what it holds is redacted."""
        self.handler.handle(record)

    def route_event(self, event: str, *, level: int = logging.INFO, **attributes: object) -> None:
        """Take in an event that is in no log; what it holds is redacted."""
        if level >= self.handler.level:
            pipeline = _pipeline.current()
            name, text, fields = logging.getLevelName(level), pipeline.text(event), pipeline.fields(attributes)
            self.handler.write(
                self.handler.layout.render(Event(time.time_ns(), level, name, None, _SCOPE, text, fields))
            )

    @property
    def pending(self) -> int:
        """Events that wait."""
        return self._sink.stats().queued

    @property
    def dropped(self) -> int:
        """Events that were lost: no room, no collector, refused."""
        return self._sink.stats().lost

    def stats(self) -> SinkStats:
        """Return how many events were delivered, lost and wait, and the last error."""
        return self._sink.stats()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was taken in is delivered or lost; False if `timeout` seconds did not suffice."""
        return self._sink.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Deliver what is queued within `timeout` seconds, give up the rest, and detach."""
        while self._attached:
            self._attached.pop().removeHandler(self.handler)
        self._sink.finish(timeout)
        self._output.abort()
        self._sink.close()
        self._output.abort()  # what comes late must not wait for a request

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


# -- events as the protocol has them --------------------------------------------------------------------------------

#: A log record in the terms of the layout ``otel``, with its resource: the one form that both encodings start from.
Record = dict[str, Any]


def _record(line: bytes, resource: Mapping[str, str]) -> Record:
    """Return a line as a record; one that is no record is the text of one."""
    try:
        record = json.loads(line)
        time_ns = int(record["Timestamp"])
    except (ValueError, TypeError, KeyError, RecursionError):
        record, time_ns = {"Body": line.decode("utf-8", "replace").rstrip("\n")}, time.time_ns()
    return {**record, "Timestamp": time_ns, "Resource": {**record.get("Resource", {}), **resource}}


def _grouped(records: Sequence[Record]) -> dict[tuple[tuple[str, str], ...], dict[str, list[Record]]]:
    """Return records by resource and by scope, as a request holds them; all that were given are of few of both."""
    groups: dict[tuple[tuple[str, str], ...], dict[str, list[Record]]] = {}
    for record in records:
        scope = record.get("InstrumentationScope", {}).get("Name", _SCOPE)
        groups.setdefault(tuple(record["Resource"].items()), {}).setdefault(scope, []).append(record)
    return groups


def _text(records: Sequence[Record]) -> bytes:
    """Return an ``ExportLogsServiceRequest`` as JSON."""
    request = [
        {
            "resource": {"attributes": _json_members(dict(resource))},
            "scopeLogs": [
                {"scope": {"name": name}, "logRecords": list(map(_json_record, own))} for name, own in scopes.items()
            ],
        }
        for resource, scopes in _grouped(records).items()
    ]
    return json.dumps({"resourceLogs": request}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _json_record(record: Record) -> dict[str, Any]:
    stamp = str(record["Timestamp"])
    shown = {
        "timeUnixNano": stamp,
        "observedTimeUnixNano": stamp,
        "severityNumber": record.get("SeverityNumber", 0),
        "severityText": record.get("SeverityText", ""),
        "body": _json_value(record.get("Body")),
        "attributes": _json_members(record.get("Attributes", {})),
    }
    if "TraceId" in record:
        shown["traceId"] = record["TraceId"]
    if "SpanId" in record:
        shown["spanId"] = record["SpanId"]
    if "TraceFlags" in record:
        shown["flags"] = int(record["TraceFlags"], 16)
    return shown


def _json_members(members: Mapping[str, Any], depth: int = _DEPTH) -> list[dict[str, Any]]:
    return [{"key": key, "value": _json_value(value, depth)} for key, value in members.items()]


def _json_value(value: Any, depth: int = _DEPTH) -> dict[str, Any]:
    """Return an ``AnyValue``; nothing is in that of None. Of 64 bits a reader of JSON may lose some: they are text."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if -_INT64 <= value < _INT64 else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if depth <= 0:
        return {"stringValue": json.dumps(value, ensure_ascii=False)}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _json_members(value, depth - 1)}}
    return {"arrayValue": {"values": [_json_value(member, depth - 1) for member in value]}}


def _binary(records: Sequence[Record]) -> bytes:
    """Return an ``ExportLogsServiceRequest`` as protobuf."""
    request = message_class(LOGS, "Request")()
    for resource, scopes in _grouped(records).items():
        of_resource = request.resource_logs.add()
        _put_members(of_resource.resource.attributes, dict(resource))
        for name, own in scopes.items():
            of_scope = of_resource.scope_logs.add()
            of_scope.scope.name = _encodable(name)
            for record in own:
                _put_record(of_scope.log_records.add(), record)
    encoded: bytes = request.SerializeToString()
    return encoded


def _put_record(to: Any, record: Record) -> None:
    to.time_unix_nano = to.observed_time_unix_nano = record["Timestamp"]
    to.severity_number = record.get("SeverityNumber", 0)
    to.severity_text = _encodable(record.get("SeverityText", ""))
    _put_value(to.body, record.get("Body"))
    _put_members(to.attributes, record.get("Attributes", {}))
    to.trace_id = bytes.fromhex(record.get("TraceId", ""))
    to.span_id = bytes.fromhex(record.get("SpanId", ""))
    to.flags = int(record.get("TraceFlags", "0"), 16)


def _put_members(to: Any, members: Mapping[str, Any], depth: int = _DEPTH) -> None:
    for key, value in members.items():
        member = to.add()
        member.key = _encodable(key)
        _put_value(member.value, value, depth)


def _put_value(to: Any, value: Any, depth: int = _DEPTH) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        to.bool_value = value
    elif isinstance(value, int) and -_INT64 <= value < _INT64:
        to.int_value = value
    elif isinstance(value, float):
        to.double_value = value
    elif isinstance(value, dict) and depth > 0:
        to.kvlist_value.SetInParent()
        _put_members(to.kvlist_value.values, value, depth - 1)
    elif isinstance(value, list) and depth > 0:
        to.array_value.SetInParent()
        for member in value:
            _put_value(to.array_value.values.add(), member, depth - 1)
    else:
        to.string_value = _encodable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _encodable(text: str) -> str:
    """Return `text` without halves of surrogate pairs, which UTF-8 has no bytes for."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
