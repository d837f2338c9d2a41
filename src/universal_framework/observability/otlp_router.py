"""Routing of telemetry records to an OTLP/HTTP collector.

Records are converted to the OTLP log data model (severity numbers as in the OpenTelemetry
specification), kept in a bounded queue, and exported in batches. Nothing here waits for the
collector while a request is served: :meth:`OTLPRouter.flush` runs between requests and at shutdown.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Any, Protocol

import httpx

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

SEVERITY_NUMBERS = {
    logging.DEBUG: 5,
    logging.INFO: 9,
    logging.WARNING: 13,
    logging.ERROR: 17,
    logging.CRITICAL: 21,
}
DEFAULT_MAX_QUEUE = 2048


def severity_number(level: int) -> int:
    """Return the OTLP severity of a level; a custom level counts as the next lower known one."""
    known = [number for floor, number in SEVERITY_NUMBERS.items() if floor <= level]
    return max(known, default=1)


class Exporter(Protocol):
    """Sends one OTLP payload."""

    async def export(self, payload: dict[str, Any]) -> None:
        """Send it; raise ``httpx.HTTPError`` when the collector does not take it."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class HTTPExporter:
    """Posts payloads as JSON to ``<endpoint>/v1/logs``."""

    def __init__(self, endpoint: str, *, timeout_seconds: float = 3.0) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/logs"
        self._client = httpx.AsyncClient(timeout=timeout_seconds, trust_env=False)

    async def export(self, payload: dict[str, Any]) -> None:
        response = await self._client.post(self._url, json=payload)
        response.raise_for_status()

    async def aclose(self) -> None:
        await self._client.aclose()


class OTLPRouter:
    """Collects records and exports them in batches; without an exporter it drops them silently."""

    def __init__(
        self,
        exporter: Exporter | None,
        *,
        service_name: str = "email-assistant",
        batch_size: int = 64,
        max_queue: int = DEFAULT_MAX_QUEUE,
    ) -> None:
        self.logger = UniversalFrameworkLogger("otlp_router", via="stdlib")
        self._exporter = exporter
        self._service_name = service_name
        self._batch_size = batch_size
        self._queue: deque[dict[str, Any]] = deque()
        self._max_queue = max_queue
        self._dropped = 0

    @property
    def pending(self) -> int:
        """Number of records waiting for export."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """Number of records lost because the queue was full or the collector refused them."""
        return self._dropped

    def route(self, record: logging.LogRecord) -> bool:
        """Queue a record of the standard library; return whether it was accepted."""
        if record.name == __name__:
            return False
        attributes = {"logger": record.name, "line": record.lineno, "function": record.funcName}
        return self._enqueue(
            body=record.getMessage(),
            level=record.levelno,
            seconds=record.created,
            attributes=attributes,
        )

    def route_event(self, event: str, *, level: int = logging.INFO, **attributes: Any) -> bool:
        """Queue an event of the service; return whether it was accepted."""
        return self._enqueue(body=event, level=level, seconds=time.time(), attributes=attributes)

    def _enqueue(self, *, body: str, level: int, seconds: float, attributes: dict[str, Any]) -> bool:
        if self._exporter is None:
            return False
        if len(self._queue) >= self._max_queue:
            self._dropped += 1
            self.logger.warning(
                "telemetry queue is full at %(limit)d records, %(dropped)d dropped so far",
                {"limit": self._max_queue, "dropped": self._dropped},
            )
            return False
        self._queue.append(self._to_otlp(body, level, seconds, attributes))
        if self.logger.isEnabledFor(logging.DEBUG):
            shown = ", ".join(f"{key}={value!r}" for key, value in sorted(attributes.items()))
            self.logger.debug("queued telemetry record %s (%s)", body, shown)
        return True

    def _to_otlp(self, body: str, level: int, seconds: float, attributes: dict[str, Any]) -> dict[str, Any]:
        return {
            "timeUnixNano": str(int(seconds * 1_000_000_000)),
            "severityNumber": severity_number(level),
            "severityText": logging.getLevelName(level),
            "body": {"stringValue": body},
            "attributes": [
                {"key": key, "value": {"stringValue": str(value)}} for key, value in sorted(attributes.items())
            ],
        }

    def _payload(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        service = {"key": "service.name", "value": {"stringValue": self._service_name}}
        return {
            "resourceLogs": [
                {
                    "resource": {"attributes": [service]},
                    "scopeLogs": [{"scope": {"name": __name__}, "logRecords": records}],
                }
            ]
        }

    async def flush(self) -> int:
        """Export everything that is queued; return how many records the collector took.

        A refused batch is dropped and counted: telemetry must never pile up in the service.
        """
        if self._exporter is None or not self._queue:
            return 0
        started = time.perf_counter()
        sent = 0
        while self._queue:
            size = min(self._batch_size, len(self._queue))
            batch = [self._queue.popleft() for _ in range(size)]
            try:
                await self._exporter.export(self._payload(batch))
            except httpx.HTTPStatusError as exc:
                self._dropped += size
                self.logger.error(
                    "collector answered %d, %d records dropped",
                    exc.response.status_code,
                    size,
                    extra={"otlp_status": exc.response.status_code, "otlp_batch": size},
                )
            except httpx.HTTPError:
                self._dropped += size
                self.logger.exception("export of %d telemetry records failed", size)
            else:
                sent += size
        elapsed_ms = (time.perf_counter() - started) * 1000
        self.logger.info("flushed %d telemetry records in %.1f ms", sent, elapsed_ms, extra={"otlp_sent": sent})
        return sent

    async def aclose(self) -> None:
        """Export what is left and release the exporter."""
        try:
            await self.flush()
        finally:
            if self._exporter is not None:
                await self._exporter.aclose()
