"""What one log call costs: emitted, disabled, dirty, among threads, through foreign handlers; and the import.

    python bench/logger.py [--quick] [TABLE ...]

Tables: emit, disabled, dirty, delivery, threads, import. Rivals are structlog as its documentation makes it fastest
(filtering bound logger, bytes, orjson, no redaction), the same with the redaction processor that one writes first,
stdlib, stdlib with python-json-logger, its QueueHandler, and loguru; all write each event with one call to an open
``/dev/null``. ``pip install -e '.[bench]'`` brings them; a rival that is not there leaves its rows out.
"""

from __future__ import annotations

import argparse
import json
import logging
import logging.handlers
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from itertools import repeat
from pathlib import Path
from typing import Any

SOURCE = str(Path(__file__).resolve().parent.parent / "src")
sys.path.insert(0, SOURCE)

import structlog
from pairs import Command, compare
from redaction import DIRTY, NESTED, naive
from rounds import Case, Claim, measure, print_claims, print_times, ratio

from universal_framework.observability import node
from universal_framework.observability._lines import LineHandler
from universal_framework.observability._outputs import FileOutput
from universal_framework.observability._render import JsonLines
from universal_framework.observability._sinks import QueuedSink
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

BOUND = {"service": "checkout", "region": "eu-west-1", "release": "2026.11.2"}
THREADS = 4

_OURS = "ours: redaction, three bound fields, through the tree"
_FAST = "structlog, fastest: three bound fields, no redaction"
_NAIVE = "structlog, fastest, with a naive redaction processor"
_PLAIN = "stdlib, plain text"
_PYTHON_JSON = "stdlib with python-json-logger"
_LOGURU = "loguru, serialize=True"
_QUEUED = "stdlib, QueueHandler"


class Open:
    """The line sink of the first table: one ``os.write`` per line, as the rivals have it."""

    def __init__(self) -> None:
        self._fd = os.open(os.devnull, os.O_WRONLY | os.O_APPEND)

    def write(self, line: bytes) -> None:
        """Write one line."""
        os.write(self._fd, line)

    def flush(self, timeout: float | None = None) -> bool:
        """Nothing is held back."""
        return timeout is None or timeout >= 0

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)


class Ignoring(logging.Handler):
    """A handler of somebody else's that does nothing: what is left is what it costs to serve one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Do nothing."""


# -- contenders -------------------------------------------------------------------------------------------------------


def isolated(name: str, *handlers: logging.Handler, level: int = logging.INFO) -> logging.Logger:
    """Return a node with `handlers` and none above it."""
    logger = logging.getLogger(f"bench.{name}")
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers[:] = handlers
    return logger


def ours(name: str, sink: Any, *more: logging.Handler) -> Any:
    """Return the house logger in a tree of three levels, its handler at the top."""
    isolated(name, LineHandler(JsonLines(), sink), *more)
    return UniversalFrameworkLogger("orders", name=f"bench.{name}.api.orders").bind(**BOUND)


def by_structlog(*redact: Callable[..., Any], path: str = os.devnull) -> Any:
    """Return a structlog logger as its documentation makes it fastest.

    https://www.structlog.org/en/stable/performance.html
    """
    import orjson

    return structlog.wrap_logger(
        structlog.BytesLogger(Path(path).open("ab")),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *redact,  # after what makes text of exceptions
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        cache_logger_on_first_use=True,
    ).bind(**BOUND)


def redact_naively(_logger: object, _method: str, event_dict: Any) -> Any:
    """Redact every string of an event by eleven patterns: the processor that one writes first."""
    return naive(event_dict)


def text_stream(path: str = os.devnull) -> Any:
    """Return ``/dev/null``, or another file, opened as a log file is."""
    return Path(path).open("a", encoding="utf-8")


def by_stdlib(name: str, formatter: logging.Formatter, *more: logging.Handler) -> logging.Logger:
    """Return a stdlib logger that formats with `formatter`."""
    handler = logging.StreamHandler(text_stream())
    handler.setFormatter(formatter)
    return isolated(name, handler, *more)


def json_formatter() -> logging.Formatter:
    """Return python-json-logger's quickest formatter."""
    from pythonjsonlogger.orjson import OrjsonFormatter

    return OrjsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")


PLAIN = "%(asctime)s %(levelname)s %(name)s %(message)s"


def by_loguru(path: str = os.devnull) -> Any:
    """Return loguru with JSON lines."""
    import loguru

    loguru.logger.remove()
    loguru.logger.add(text_stream(path), level="INFO", serialize=True)
    return loguru.logger.bind(**BOUND)


def _has(*modules: str) -> bool:
    return all(find_spec(module) is not None for module in modules)


# -- what is called ---------------------------------------------------------------------------------------------------


def fields_case(logger: Any) -> Case:
    """One clean event with four fields."""

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.info(
                "order created",
                request_id="01J9Z3K7Q8W5E6R7T8Y9",
                user_id=184467,
                path="/api/v1/orders",
                duration_ms=12.75,
            )

    return case


def extra_case(logger: logging.Logger) -> Case:
    """Report the same as stdlib takes it, bound fields included."""

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.info(
                "order created",
                extra={
                    **BOUND,
                    "request_id": "01J9Z3K7Q8W5E6R7T8Y9",
                    "user_id": 184467,
                    "path": "/api/v1/orders",
                    "duration_ms": 12.75,
                },
            )

    return case


def text_case(logger: logging.Logger) -> Case:
    """Report the same as text."""

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.info(
                "order created request_id=%s user_id=%d path=%s duration_ms=%s",
                "01J9Z3K7Q8W5E6R7T8Y9",
                184467,
                "/api/v1/orders",
                12.75,
            )

    return case


def event_case(logger: Any, event: Mapping[str, Any]) -> Case:
    """Return an event of any kind; its fields are made anew each time, as an application does."""
    name = event["event"]
    fields = {key: value for key, value in event.items() if key != "event"}

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.info(name, **fields)

    return case


def debug_case(logger: Any) -> Case:
    """Return a call that reports nothing, with two fields."""

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.debug("order created", request_id="01J9Z", user_id=184467)

    return case


def debug_text_case(logger: logging.Logger) -> Case:
    """Return a call that reports nothing, with two arguments."""

    def case(turns: int) -> None:
        for _ in repeat(None, turns):
            logger.debug("order created %s %s", "01J9Z", 184467)

    return case


def floor_case() -> Case:
    """Return the least that a Python function with keywords can do: a dict, a clock, an encoder, a write."""
    import orjson

    write, dumps, now, option = os.write, orjson.dumps, time.time_ns, orjson.OPT_APPEND_NEWLINE
    fd = os.open(os.devnull, os.O_WRONLY)

    class Floor:
        def info(self, event: str, **fields: object) -> None:
            write(fd, dumps({"ts": now(), "level": "info", "event": event, **fields}, None, option))

    return fields_case(Floor())


# -- tables -----------------------------------------------------------------------------------------------------------


class Scale:
    """How much is done."""

    def __init__(self, *, quick: bool) -> None:
        self.rounds = 7 if quick else 31
        self.turns = 500 if quick else 2_000
        self.calls = 1_000 if quick else 2_500  # of one thread
        self.pairs = 5 if quick else 15


def emit(scale: Scale) -> list[Claim]:
    """Report a clean event."""
    flat = {"floor: def info(**kw), dict, clock, orjson, write; nothing else": floor_case()}
    flat[_OURS] = fields_case(ours("emit", Open()))
    flat[_FAST] = fields_case(by_structlog())
    flat[_NAIVE] = fields_case(by_structlog(redact_naively))
    flat[_PLAIN] = text_case(by_stdlib("plain", logging.Formatter(PLAIN)))
    if _has("pythonjsonlogger"):
        flat[_PYTHON_JSON] = extra_case(by_stdlib("json", json_formatter()))
    if _has("loguru"):
        flat[_LOGURU] = fields_case(by_loguru())
    samples = measure(flat, turns=scale.turns, rounds=scale.rounds)
    print_times(samples)
    claims = [
        Claim("clean event, to structlog's fast path without redaction", ratio(samples, _OURS, _FAST), 0.75, 0.6),
        Claim("clean event, to structlog with naive redaction", ratio(samples, _OURS, _NAIVE), 0.12, 0.1),
        Claim("clean event, to stdlib in plain text", ratio(samples, _OURS, _PLAIN)),
        Claim("naive redaction alone: structlog with it, to structlog without", ratio(samples, _NAIVE, _FAST)),
    ]
    rivals = [rival for rival in (_PYTHON_JSON, _LOGURU) if rival in samples]
    return claims + [Claim(f"clean event, to {rival}", ratio(samples, _OURS, rival)) for rival in rivals]


def disabled(scale: Scale) -> list[Claim]:
    """Call what reports nothing."""
    logger, fast = ours("disabled", Open()), by_structlog()
    cases = {
        "ours, two arguments": debug_text_case(logger),
        "stdlib, two arguments": debug_text_case(by_stdlib("disabled_plain", logging.Formatter(PLAIN))),
        "ours, two fields": debug_case(logger),
        "structlog, two fields, to a method that does nothing": debug_case(fast),
    }
    if _has("loguru"):
        cases["loguru, two fields"] = debug_case(by_loguru())
    samples = measure(cases, turns=scale.turns * 5, rounds=scale.rounds)
    print_times(samples)
    same = ratio(samples, "ours, two arguments", "stdlib, two arguments")
    nothing = ratio(samples, "ours, two fields", "structlog, two fields, to a method that does nothing")
    return [
        Claim("disabled call, to the same call of stdlib's", same, 1.1),
        Claim("disabled call with fields, to structlog's method that does nothing", nothing),
    ]


def dirty(scale: Scale) -> list[Claim]:
    """Report nested events, without secrets and with seven."""
    ours_here, fast, with_naive = ours("dirty", Open()), by_structlog(), by_structlog(redact_naively)
    cases = {
        f"{event}: {name}": event_case(logger, values)
        for event, values in (("nested", NESTED), ("dirty", DIRTY))
        for name, logger in (("ours", ours_here), ("naive", with_naive), ("no redaction", fast))
    }
    samples = measure(cases, turns=max(scale.turns // 5, 50), rounds=scale.rounds)
    print_times(samples)
    return [
        Claim("nested event with seven secrets, to naive", ratio(samples, "dirty: ours", "dirty: naive"), 0.4),
        Claim("nested event without secrets, to naive", ratio(samples, "nested: ours", "nested: naive")),
        Claim("nested event without secrets, to no redaction", ratio(samples, "nested: ours", "nested: no redaction")),
    ]


def delivery(scale: Scale) -> list[Claim]:
    """Report a clean event with and without a handler of somebody else's beside ours."""
    node.install()
    try:
        legacy_alone = isolated("node_alone", LineHandler(JsonLines(), Open()))
        legacy_foreign = isolated("node_foreign", Ignoring())
    finally:
        node.uninstall()
    cases = {
        "ours, own handler": fields_case(ours("own", Open())),
        "ours, own handler and a foreign one": fields_case(ours("both", Open(), Ignoring())),
        "stdlib, own handler and a foreign one": text_case(
            by_stdlib("plain_both", logging.Formatter(PLAIN), Ignoring())
        ),
        "structlog, fastest, which no foreign handler sees": fields_case(by_structlog()),
        "LoggerNode, a foreign handler": text_case(legacy_foreign),
        "stdlib, a foreign handler": text_case(isolated("foreign", Ignoring())),
        "LoggerNode, our handler": text_case(legacy_alone),
    }
    if _has("pythonjsonlogger"):
        cases["stdlib with python-json-logger"] = text_case(by_stdlib("json_text", json_formatter()))
    samples = measure(cases, turns=scale.turns, rounds=scale.rounds)
    print_times(samples)

    def told(text: str, one: str, other: str) -> Claim:
        return Claim(text, ratio(samples, one, other))

    claims = [
        told("a foreign handler beside ours", "ours, own handler and a foreign one", "ours, own handler"),
        told(
            "ours with a foreign handler, to stdlib with one",
            "ours, own handler and a foreign one",
            "stdlib, own handler and a foreign one",
        ),
        told(
            "LoggerNode, to stdlib, with a foreign handler",
            "LoggerNode, a foreign handler",
            "stdlib, a foreign handler",
        ),
    ]
    if _has("pythonjsonlogger"):
        rival = "stdlib with python-json-logger"
        claims.append(told(f"LoggerNode with our handler, to {rival}", "LoggerNode, our handler", rival))
    return claims


# -- threads ----------------------------------------------------------------------------------------------------------

Rig = tuple[Any, Callable[[], object]]


@contextmanager
def our_rig(path: str) -> Iterator[Rig]:
    """Ours as `configure_logging` makes it: callers queue, one thread writes."""
    sink = QueuedSink(FileOutput(Path(path)))
    yield ours("threads", sink), sink.flush
    sink.close()


@contextmanager
def structlog_rig(path: str) -> Iterator[Rig]:
    """Yield structlog's fastest, which writes under a lock."""
    yield by_structlog(path=path), lambda: None


@contextmanager
def queue_rig(path: str) -> Iterator[Rig]:
    """Yield stdlib's way to keep writing away from callers."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    target = logging.StreamHandler(text_stream(path))
    target.setFormatter(json_formatter() if _has("pythonjsonlogger") else logging.Formatter(PLAIN))
    listener = logging.handlers.QueueListener(waiting, target)
    listener.start()
    logger = isolated("queue", logging.handlers.QueueHandler(waiting))

    class WithFields:
        def info(self, event: str, **fields: object) -> None:
            logger.info(event, extra={**BOUND, **fields})

    yield WithFields(), lambda: _until(waiting.empty)
    listener.stop()


@contextmanager
def loguru_rig(path: str) -> Iterator[Rig]:
    """Yield loguru, which renders and writes under a lock."""
    yield by_loguru(path), lambda: None


@contextmanager
def _file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield str(Path(folder) / "service.log")


@contextmanager
def _pipe() -> Iterator[str]:
    """Yield the path of a pipe that a process of its own reads, as a container's standard output is."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "pipe")
        os.mkfifo(path)
        keep = os.open(path, os.O_RDWR)  # so that neither end waits for the other to open
        reader = subprocess.Popen(["cat", path], stdout=subprocess.DEVNULL)  # noqa: S607 - wherever cat lies
        try:
            yield path
        finally:
            reader.kill()
            reader.wait()
            os.close(keep)


@contextmanager
def _nowhere() -> Iterator[str]:
    yield os.devnull


def _until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.001)


def _delays(rig: Rig, calls: int) -> list[int]:
    """Return the nanoseconds that each call of four threads took, sorted."""
    logger, drain = rig
    gate = threading.Barrier(THREADS)
    found: list[list[int]] = [[] for _ in range(THREADS)]

    def work(mine: list[int]) -> None:
        clock, info = time.perf_counter_ns, logger.info
        gate.wait()
        for number in range(calls):
            begun = clock()
            info("order created", request_id="01J9Z3K7Q8W5E6R7T8Y9", user_id=number, path="/api/v1/orders", ms=12.75)
            mine.append(clock() - begun)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    drain()
    return sorted(delay for mine in found for delay in mine)


def _milliseconds(nanoseconds: list[float]) -> float:
    return statistics.median(nanoseconds) / 1e6


def threads(scale: Scale) -> list[Claim]:
    """Report from four threads at once, to what services write to; a wall clock shows what the caller waits."""
    claims = []
    for place, opened in {"a file": _file, "a pipe": _pipe, "/dev/null": _nowhere}.items():
        claims += _threads(scale, place, opened)
    return claims


def _threads(scale: Scale, place: str, opened: Callable[[], AbstractContextManager[str]]) -> list[Claim]:
    makers = {"ours, queued": our_rig, _FAST: structlog_rig, _QUEUED: queue_rig}
    if _has("loguru"):
        makers[_LOGURU] = loguru_rig
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
    figures: dict[str, dict[str, list[float]]] = {name: {share: [] for share in shares} for name in makers}
    for turn in range(scale.rounds + 1):
        for name, maker in makers.items():
            with opened() as path, maker(path) as rig:
                delays = _delays(rig, scale.calls)
            for share, part in shares.items():
                if turn:  # the first warms up
                    figures[name][share].append(delays[min(int(len(delays) * part), len(delays) - 1)])
    print(f"  {'one call, µs, to ' + place:<62}" + "".join(f"{share:>12}" for share in shares))
    for name, row in figures.items():
        print(f"  {name:<62}" + "".join(f"{statistics.median(values) / 1000:>12,.1f}" for values in row.values()))
    mine = figures["ours, queued"]

    def against(rival: str, share: str) -> float:
        return statistics.median(one / other for one, other in zip(mine[share], figures[rival][share], strict=True))

    floor = 0.2 if place != "/dev/null" else None  # where writing costs nothing, nobody waits for it
    told = f"of a call, four threads, {place}"
    return [
        Claim(f"p99 {told}, to structlog's fast path", against(_FAST, "p99"), floor),
        Claim(f"p99.9 {told}, to structlog's fast path", against(_FAST, "p99.9"), floor),
        Claim(f"p99 {told}, to stdlib's QueueHandler", against(_QUEUED, "p99")),
        Claim(f"p99.9 {told} (the plan: < 5 ms)", _milliseconds(mine["p99.9"]), 5, 0.5, "ms"),
        Claim(f"slowest call of a round, four threads, {place}", _milliseconds(mine["max"]), unit="ms"),
    ]


# -- import -----------------------------------------------------------------------------------------------------------


def imports(scale: Scale) -> list[Claim]:
    """Import the logger in a process of its own; the figures hold an interpreter's start on both sides."""

    def command(statement: str) -> Command:
        code = f"import sys; sys.path.insert(0, {SOURCE!r}); {statement}"
        return Command(statement, [sys.executable, "-c", code], str(Path(__file__).parent))

    mine = command("import universal_framework.observability.unified_logger")
    claims = []
    for module, floor in (("structlog", 1.0), ("logging", None), ("loguru", None)):
        if _has(module):
            ours_s, theirs_s, figure = compare(mine, command(f"import {module}"), scale.pairs)
            print(f"  ours {ours_s * 1000:.1f} ms, {module} {theirs_s * 1000:.1f} ms of CPU, whole processes")
            claims.append(Claim(f"import, to {module}", figure, floor))
    return claims


TABLES: dict[str, Callable[[Scale], list[Claim]]] = {
    "emit": emit,
    "disabled": disabled,
    "dirty": dirty,
    "delivery": delivery,
    "threads": threads,
    "import": imports,
}


def _check() -> None:
    """See that what is measured does what is claimed: the line has its fields, and no secret."""
    lines: list[bytes] = []

    class Keeping(Open):
        def write(self, line: bytes) -> None:
            lines.append(line)

    logger = ours("check", Keeping())
    fields_case(logger)(1)
    event_case(logger, DIRTY)(1)
    clean, redacted = map(json.loads, lines)
    if clean.items() < {"path": "/api/v1/orders", **BOUND}.items() or "4111" in str(redacted):
        sys.exit(f"bench/logger.py: the house logger does not do what is to be measured: {lines!r}")


def main() -> None:
    """Print the tables that were asked for, and whether every floor holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--quick", action="store_true", help="fewer rounds: for a look, not for a page")
    arguments = parser.parse_args()
    unknown = set(arguments.tables) - TABLES.keys()
    if unknown:
        parser.error(f"no such table: {', '.join(sorted(unknown))}; there are {', '.join(TABLES)}")
    _check()
    claims = []
    for name in arguments.tables or TABLES:
        print(f"\n{name}")
        found = TABLES[name](Scale(quick=arguments.quick))
        print_claims(found)
        claims += found
    missed = [claim.text for claim in claims if claim.verdict == "NOT MET"]
    floors = sum(claim.floor is not None for claim in claims)
    print(f"\n{floors - len(missed)} of {floors} floors hold" + "".join(f"\n  not met: {text}" for text in missed))


if __name__ == "__main__":
    main()
