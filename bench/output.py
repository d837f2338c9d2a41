"""What a line costs its caller, its delivery, its layout and the import: ``python bench/output.py [--rounds N]``.

Each claim runs beside a named rival in the same process, in turn, so that a busy machine slows both alike; the figure
to quote is the median of the ratios, round by round. CPU time, except for the delays that callers see, which are what
a wall clock shows.
"""

from __future__ import annotations

import argparse
import functools
import logging
import logging.handlers
import os
import queue
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pairs import Command, compare

from universal_framework.observability._event import Event
from universal_framework.observability._layouts import Console, Ecs, Otel
from universal_framework.observability._outputs import FileOutput
from universal_framework.observability._sinks import DirectSink, QueuedSink

LINE = (
    b'{"timestamp":"2026-11-22T21:01:00.526625Z","level":"info","component":"billing",' + b'"k":"v",' * 12 + b'"n":1}\n'
)
Write = Callable[[bytes], object]

#: Lines of one round, fewer than the queue holds: what is measured is the call, not the policy.
COUNT = 20_000


# -- contenders: each gives a function that takes a line, and one that waits until all is out ----------------------


@contextmanager
def queued(folder: Path) -> Iterator[tuple[Write, Callable[[], object]]]:
    """Ours."""
    sink = QueuedSink(FileOutput(folder / "queued.log"))
    yield sink.write, sink.flush
    sink.close()


@contextmanager
def direct(folder: Path) -> Iterator[tuple[Write, Callable[[], object]]]:
    """Ours, without a thread."""
    sink = DirectSink(FileOutput(folder / "direct.log"))
    yield sink.write, sink.flush
    sink.close()


@contextmanager
def system_call(folder: Path) -> Iterator[tuple[Write, Callable[[], object]]]:
    """The floor of all that write at once: one ``os.write`` for each line, and no care at all."""
    fd = os.open(folder / "floor.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    yield lambda line: os.write(fd, line), lambda: None
    os.close(fd)


@contextmanager
def locked_stream(folder: Path) -> Iterator[tuple[Write, Callable[[], object]]]:
    """What stdlib's StreamHandler and structlog's WriteLogger do with a finished line: lock, write, flush."""
    lock = threading.RLock()
    with open(folder / "stream.log", "a") as stream:
        line = LINE.decode()

        def write(_: bytes) -> None:
            with lock:
                stream.write(line)
                stream.flush()

        yield write, lambda: None


@contextmanager
def queue_handler(folder: Path) -> Iterator[tuple[Write, Callable[[], object]]]:
    """The standard library's way: QueueHandler in front of a thread with a FileHandler."""
    waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
    handler = logging.handlers.QueueHandler(waiting)  # type: ignore[arg-type]
    file = logging.FileHandler(folder / "handler.log")
    listener = logging.handlers.QueueListener(waiting, file)  # type: ignore[arg-type]
    listener.start()
    text = LINE.decode().rstrip()

    def write(_: bytes) -> None:
        handler.handle(logging.LogRecord("app", 20, "app.py", 1, text, (), None))

    def wait() -> None:
        while not waiting.empty():
            time.sleep(0.001)

    yield write, wait
    listener.stop()
    file.close()


CONTENDERS = {
    "QueuedSink": queued,
    "DirectSink": direct,
    "os.write": system_call,
    "lock, write, flush (StreamHandler)": locked_stream,
    "QueueHandler, QueueListener": queue_handler,
}


# -- measures -----------------------------------------------------------------------------------------------------


def caller_cost(rounds: int) -> dict[str, list[float]]:
    """Return nanoseconds of the calling thread's CPU for each line, by contender and round."""
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, contender in CONTENDERS.items():
                with contender(Path(folder)) as (write, wait):
                    write(LINE)
                    wait()
                    before = time.thread_time_ns()
                    for _ in range(COUNT):
                        write(LINE)
                    found[name].append((time.thread_time_ns() - before) / COUNT)
                    wait()
    return found


def delivery_cost(rounds: int) -> dict[str, list[float]]:
    """Return nanoseconds of CPU of all threads for each line, until it is in the file."""
    found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, contender in CONTENDERS.items():
                with contender(Path(folder)) as (write, wait):
                    write(LINE)
                    wait()
                    before = time.process_time_ns()
                    for _ in range(COUNT):
                        write(LINE)
                    wait()
                    found[name].append((time.process_time_ns() - before) / COUNT)
    return found


def delays(rounds: int, threads: int = 4) -> dict[str, list[list[int]]]:
    """Return the wall nanoseconds of every call of four threads, by contender and round."""
    found: dict[str, list[list[int]]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, contender in CONTENDERS.items():
                with contender(Path(folder)) as (write, wait):
                    found[name].append(_delays_of(write, threads))
                    wait()
    return found


def _delays_of(write: Write, threads: int) -> list[int]:
    taken: list[list[int]] = [[] for _ in range(threads)]

    def report(own: list[int]) -> None:
        for _ in range(COUNT // threads):
            before = time.perf_counter_ns()
            write(LINE)
            own.append(time.perf_counter_ns() - before)

    running = [threading.Thread(target=report, args=(own,)) for own in taken]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sorted(delay for own in taken for delay in own)


def layout_cost(rounds: int) -> dict[str, list[float]]:
    """Return nanoseconds of CPU for each rendering of one event."""
    import structlog

    from universal_framework.observability._render import JsonLines

    fields = {"request_id": "01JD3M5T8Q", "user_id": 4711, "path": "/orders", "duration_ms": 12.5}
    event = Event(time.time_ns(), 20, "INFO", "billing", "app.orders", "order created", fields)
    stamp, renderer = structlog.processors.TimeStamper("iso"), structlog.dev.ConsoleRenderer(colors=True)
    as_json = structlog.processors.JSONRenderer()

    def theirs(render: Callable[..., object]) -> Callable[[], object]:
        known = {"level": "info", "component": "billing", "logger": "app.orders", "event": "order created", **fields}
        return lambda: render(None, "info", stamp(None, "info", dict(known)))

    ours = {"json": JsonLines(), "console": Console(colours=True), "ecs": Ecs("shop"), "otel": Otel("shop")}
    layouts: dict[str, Callable[[], object]] = {
        **{name: functools.partial(layout.render, event) for name, layout in ours.items()},
        "structlog ConsoleRenderer": theirs(renderer),
        "structlog JSONRenderer": theirs(as_json),
    }
    found: dict[str, list[float]] = {name: [] for name in layouts}
    for _ in range(rounds):
        for name, render in layouts.items():
            before = time.thread_time_ns()
            for _ in range(2000):
                render()
            found[name].append((time.thread_time_ns() - before) / 2000)
    return found


# -- tables -------------------------------------------------------------------------------------------------------


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def _table(title: str, found: dict[str, list[float]], rival: str, *, unit: str = "ns") -> None:
    print(f"\n{title}\n{'':<38}{unit:>10}   x {rival}")
    for name, rounds in found.items():
        print(f"{name:<38}{statistics.median(rounds):>10.0f}{_ratio(rounds, found[rival]):>8.2f}")


def _delay_table(found: dict[str, list[list[int]]]) -> None:
    rival = "QueueHandler, QueueListener"
    print(f"\nDelay of one call, four threads, microseconds\n{'':<38}{'p50':>9}{'p99':>9}{'p99.9':>9}{'max':>9}")
    for name, rounds in found.items():
        marks = [
            statistics.median(delays[min(int(len(delays) * part), len(delays) - 1)] for delays in rounds) / 1000
            for part in (0.5, 0.99, 0.999, 1.0)
        ]
        print(f"{name:<38}" + "".join(f"{mark:>9.1f}" for mark in marks))
    ratio = _ratio(
        *([float(delays[int(len(delays) * 0.99)]) for delays in found[one]] for one in ("QueuedSink", rival))
    )
    print(f"p99 of QueuedSink is {ratio:.2f} x that of {rival}")


def _imports(pairs: int) -> None:
    def command(name: str, code: str) -> Command:
        return Command(name, [sys.executable, "-c", code], os.getcwd())

    ours = command("configuration", "import universal_framework.observability.configuration")
    theirs = command("structlog", "import structlog")
    bare = command("nothing", "")
    one, other, ratio = compare(ours, theirs, pairs)
    _, nothing, _ = compare(bare, bare, pairs)
    print(f"\nImport, ms of CPU with the interpreter ({nothing * 1000:.0f})")
    print(f"configuration {one * 1000:.0f}, structlog {other * 1000:.0f}, ratio {ratio:.2f}")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    _table("CPU of the calling thread for a line", caller_cost(rounds), "QueueHandler, QueueListener")
    _table("CPU of all threads for a line, until it is in the file", delivery_cost(rounds), "os.write")
    _delay_table(delays(rounds))
    _table("CPU of rendering an event of four fields", layout_cost(rounds), "structlog JSONRenderer")
    _imports(rounds)


if __name__ == "__main__":
    main()
