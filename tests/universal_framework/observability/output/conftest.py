"""Sinks that are closed again, outputs to try them on, and programs that end in all the ways a program can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from universal_framework.observability import _sinks
from universal_framework.observability._event import Event
from universal_framework.observability._outputs import FileOutput, StreamOutput

ROOT = Path(__file__).resolve().parents[4]

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


@pytest.fixture
def sink() -> Iterator[Callable[..., Any]]:
    """Make sinks, by default queued ones to a file; close them at the end."""
    made = []

    def make(target: Any, *, direct: bool = False, **options: Any) -> Any:
        output = target if hasattr(target, "write") else _output(target)
        limits = {key: options.pop(key) for key in list(options) if key in _sinks.Limits._fields}
        if "when_full" in limits:
            limits["when_full"] = _sinks.WhenFull(limits["when_full"])
        kind = _sinks.DirectSink if direct else _sinks.QueuedSink
        made.append(kind(output, _sinks.Limits(**limits), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def _output(target: Any) -> Any:
    return StreamOutput(target) if isinstance(target, int) else FileOutput(target)


class Pipe:
    """A pipe, the reading end of which is read by a thread, or by nobody until it is told to."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        self._parts: list[bytes] = []
        self._thread: threading.Thread | None = None

    def read(self) -> None:
        """Begin to read."""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while part := os.read(self.reading, 65536):
            self._parts.append(part)

    def lines(self) -> list[bytes]:
        """Close the writing end and return all that came."""
        os.close(self.writing)
        self.writing = -1
        self._thread.join()
        return b"".join(self._parts).splitlines(keepends=True)

    def close(self) -> None:
        for fd in (self.writing, self.reading):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    one = Pipe()
    yield one
    one.close()


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Any]:
    """Run a program in an interpreter of its own; return how it ended, and the lines of ``app.log``."""

    def run(source: str, *, kill: int = 0, expect: int = 0, environment: Any = None, through: Any = ()) -> Any:
        script = tmp_path / "program.py"
        script.write_text(_PRELUDE + textwrap.dedent(source))
        process = subprocess.Popen(
            [*through, sys.executable, "-W", "error", str(script)],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        if kill:
            process.stdout.readline()  # it says that it is ready
            process.send_signal(kill)
        out, err = process.communicate(timeout=60)
        assert process.returncode == expect, err.decode()
        log = tmp_path / "app.log"
        return Ended(out, err.decode(), log.read_bytes().splitlines(keepends=True) if log.exists() else [])

    return run


class Ended:
    """How a program ended."""

    def __init__(self, out: bytes, err: str, lines: list[bytes]) -> None:
        self.out, self.err, self.lines = out, err, lines


_PRELUDE = """\
import atexit, os, resource, signal, sys, threading, time
from universal_framework.observability._outputs import FileOutput, StreamOutput, Rotation
from universal_framework.observability._sinks import DirectSink, Limits, QueuedSink, WhenFull

def queued(path="app.log", **options):
    return QueuedSink(FileOutput(path), **options)

"""

SIGTERM = signal.SIGTERM


@pytest.fixture
def event() -> Callable[..., Event]:
    """Make an event."""

    def make(message: str = "order created", **changes: Any) -> Event:
        values: dict[str, Any] = {
            "time_ns": 1_795_381_260_526_625_296,
            "level": 20,
            "level_name": "INFO",
            "component": "billing",
            "logger": "app.orders",
            "message": message,
            "fields": {},
        }
        return Event(**{**values, **changes})

    return make
