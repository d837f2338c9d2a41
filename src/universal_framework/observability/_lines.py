"""The house's own handler: it takes finished lines from the house logger, and records from everybody else.

In: bytes that a `UniversalFrameworkLogger` has rendered and redacted already, or a `logging.LogRecord` of any other
logger. Out: lines in a sink. It is the one handler for which the house logger makes no record.
"""

from __future__ import annotations

import logging
from typing import Any

from universal_framework.observability import _losses, _messages, _pipeline, _thrown
from universal_framework.observability._event import Event, Layout, Sink
from universal_framework.observability._fields import RECORD_KEYS


class LineHandler(logging.Handler):
    """Writes each event as one line of `layout` to `sink`."""

    def __init__(self, layout: Layout, sink: Sink, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.layout = layout
        self.sink = sink
        self.write = sink.write
        self.is_json = hasattr(layout, "line")  # rendered from the parts of a call, without an event

    def createLock(self) -> None:
        """Make none: a sink orders its lines itself, and a lock held over a write stalls all other threads."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record; what fails is told by `logging.Handler.handleError`."""
        try:
            self.write(self.layout.render(event_of(record)))
        except RecursionError:  # as in logging.StreamHandler.emit: nobody can handle that here
            raise
        except Exception:  # noqa: BLE001 - a handler never raises into the code that logs
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say what was lost; stdlib's own way would show the record as it is, secrets included."""
        _losses.say(record.name, record.msg)

    def flush(self) -> None:
        """Wait until what was handed over is written."""
        self.sink.flush()

    def close(self) -> None:
        """Flush, and close the sink."""
        self.sink.close()
        super().close()


def event_of(record: logging.LogRecord) -> Event:
    """Return what a record says, redacted."""
    pipeline = _pipeline.current()
    fields = {key: value for key, value in record.__dict__.items() if key not in RECORD_KEYS}
    component = fields.pop("component", None)
    return Event(
        time_ns=int(record.created * 1_000_000_000),
        level=record.levelno,
        level_name=record.levelname,
        component=None if component is None else str(component),
        logger=record.name,
        message=pipeline.text(_messages.text_of(record.msg, record.args, pipeline)),
        fields=pipeline.fields(fields),
        thrown=_thrown_of(record, pipeline),
        stack=pipeline.trace(record.stack_info) if record.stack_info else None,
        path=record.pathname if pipeline.caller else "",
        line=record.lineno,
        function=record.funcName or "",
    )


def _thrown_of(record: logging.LogRecord, pipeline: Any) -> Any:
    if record.exc_info and record.exc_info[1] is not None:
        return _thrown.of(record.exc_info[1], pipeline)
    if record.exc_text:  # a record that came through a queue or a socket
        return _thrown.of_text(pipeline.trace(record.exc_text))
    return None
