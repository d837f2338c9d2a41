"""What one event is once it has been reported: the value that layouts render.

In: what the house logger, or a `logging.LogRecord` of any other logger, says. Out: an immutable value with
everything in it already redacted. A layout adds nothing to it and takes nothing from it but form.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Protocol

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Frame(NamedTuple):
    """One entry of a traceback; no locals."""

    path: str
    line: int
    function: str
    code: str


class Thrown(NamedTuple):
    """An exception as it is told: its type, its text, where it was raised, and what caused it."""

    type: str
    message: str
    frames: tuple[Frame, ...]
    cause: Thrown | None = None
    is_context: bool = False  # raised while `cause` was handled, not `from` it
    group: tuple[Thrown, ...] = ()


class Event(NamedTuple):
    """One event, redacted."""

    time_ns: int
    level: int
    level_name: str
    component: str | None  # None for a record of a logger that is not the house's
    logger: str
    message: str
    fields: Mapping[str, object]
    thrown: Thrown | None = None
    stack: str | None = None
    path: str = ""  # the caller, where the configuration asks for it
    line: int = 0
    function: str = ""


class Layout(Protocol):
    """How an event becomes a line, newline included."""

    def render(self, event: Event) -> bytes:
        """Return the line; never raises, whatever the fields hold."""


class Sink(Protocol):
    """Where lines go."""

    def write(self, line: bytes) -> None:
        """Take one line, newline included; never raises, never blocks for long unless its policy says so."""

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was taken is written; False if `timeout` seconds did not suffice."""

    def close(self) -> None:
        """Flush, and let go of the file."""
