"""The audit trail against what people use: ``python bench/audit.py [--rounds N] [--events N]``.

async   `AuditLog.append` against the standard library's QueueHandler with a QueueListener and a FileHandler behind it
        (which hash, sign and sync nothing), one thread and four: what a caller waits, and events per
        second until everything is written out (ours: synced as well)
commit  `AuditLog.append` that returns when the line is on the disk, against the naive way: a lock, and for every record
        hash, write and fdatasync
verify  records and bytes per second, against hashing the same files with hashlib.sha256 in one go

Contenders run in turn in every round; ratios are taken within a round, their medians are reported. What a caller waits
is wall time, because waiting is what it is about; so is the commit table, because it is the disk that is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import logging.handlers
import os
import queue
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from universal_framework.observability.audit import AuditLog, stored
from universal_framework.observability.audit.verify import verify

LINE = json.dumps(
    {
        "timestamp": "2026-01-31T12:00:00.000000Z",
        "level": "info",
        "component": "user_service",
        "event": "user.role.changed",
        "actor": "admin-7",
        "target": "user-184467",
        "before": "viewer",
        "after": "owner",
        "request_id": "01J9Z3K7Q8W5E6R7T8Y9",
        "reason": "the request was approved by two owners of the account",
    }
).encode()


class Run(NamedTuple):
    """What one run took: events per second until all is written, CPU µs an event, and what a caller waited, in µs."""

    rate: float
    cpu: float
    p50: float
    p99: float
    p999: float
    longest: float


class Contender(NamedTuple):
    """What records one event, and what ends it (returning when everything is written)."""

    append: Callable[[], None]
    finish: Callable[[], None]


def ours(folder: str, durability: str) -> Contender:
    """Our trail."""
    log = AuditLog.open(folder, durability=durability, queue_records=100_000, full_wait_seconds=60.0)

    def finish() -> None:
        log.flush()
        stats = log.stats()
        assert stats.lost == 0
        assert stats.durable == stats.appended

    return Contender(lambda: log.append(LINE), finish)


def queue_handler(folder: str, _: str) -> Contender:
    """The standard library's way to keep writing off the caller's path."""
    target = logging.FileHandler(os.path.join(folder, "log"))
    records: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(records, target)
    logger = logging.Logger("bench", logging.INFO)  # noqa: LOG001 - nothing above it shall hear it
    logger.addHandler(logging.handlers.QueueHandler(records))
    listener.start()
    text = LINE.decode()

    def finish() -> None:
        listener.stop()
        target.close()

    return Contender(lambda: logger.info(text), finish)


def naive(folder: str, _: str) -> Contender:
    """A hash chain as it is usually written: everybody syncs under one lock."""
    descriptor = os.open(os.path.join(folder, "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    lock, tip = threading.Lock(), [bytes(32)]

    def append() -> None:
        with lock:
            tip[0] = hashlib.sha256(tip[0] + LINE).digest()
            os.write(descriptor, tip[0].hex().encode() + b" " + LINE + b"\n")
            os.fdatasync(descriptor)

    return Contender(append, lambda: os.close(descriptor))


def measure(make: Callable[[str, str], Contender], durability: str, threads: int, events: int) -> Run:
    """Let threads record `events` in all."""
    folder = tempfile.mkdtemp(prefix="bench-audit-")
    contender = make(folder, durability)
    spans: list[list[int]] = [[] for _ in range(threads)]
    gate = threading.Barrier(threads + 1)

    def work(waited: list[int]) -> None:
        append, clock = contender.append, time.perf_counter_ns
        gate.wait()
        for _ in range(events // threads):
            start = clock()
            append()
            waited.append(clock() - start)

    workers = [threading.Thread(target=work, args=(waited,)) for waited in spans]
    for worker in workers:
        worker.start()
    cpu = time.process_time()
    gate.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    contender.finish()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    shutil.rmtree(folder)
    waits = sorted(wait / 1000 for waited in spans for wait in waited)
    count = len(waits)
    at = [waits[int(count * share)] for share in (0.5, 0.99, 0.999)]
    return Run(count / seconds, cpu / count * 1e6, *at, waits[-1])


def pairs(
    durability: str, rival: Callable[[str, str], Contender], threads: int, events: int, rounds: int
) -> list[tuple[Run, Run]]:
    """Run both in turn, after one round that does not count."""
    found = [
        (measure(ours, durability, threads, events), measure(rival, "", threads, events)) for _ in range(rounds + 1)
    ]
    return found[1:]


def report(title: str, threads: int, names: tuple[str, str], found: list[tuple[Run, Run]]) -> None:
    """Print the medians of both, and the medians of their ratios."""
    for name, runs in zip(names, zip(*found, strict=True), strict=True):
        print(f"{title:<8}{threads:>3}  {name:<30}" + "".join(f"{column(runs, i):>12.2f}" for i in range(6)))
    ratios = [[mine[i] / theirs[i] for mine, theirs in found] for i in range(6)]
    print(f"{'':<8}{threads:>3}  {'ratio':<30}" + "".join(f"{statistics.median(r):>12.3f}" for r in ratios))


def column(runs: tuple[Run, ...], number: int) -> float:
    """Return the median of one figure."""
    return statistics.median(run[number] for run in runs)


def verifying(records: int, rounds: int) -> None:
    """Measure how fast a trail is verified, against a plain hash of its segments."""
    folder = tempfile.mkdtemp(prefix="bench-audit-")
    with AuditLog.open(folder, full_wait_seconds=60.0) as log:
        for _ in range(records):
            log.append(LINE)
    segments = stored.StoredLog(log.directory or "").segments()
    size = sum(os.path.getsize(segment.path) for segment in segments)
    rows = []
    for _ in range(rounds):
        start = time.process_time()
        assert verify(folder, [], [], time.time_ns()).intact
        middle = time.process_time()
        for segment in segments:
            hashlib.sha256(Path(segment.path).read_bytes()).digest()
        rows.append((middle - start, time.process_time() - middle))
    mine, plain = (statistics.median(row[i] for row in rows) for i in range(2))
    print(
        f"verify: {records / mine:,.0f} records/s, {size / mine / 1e6:,.0f} MB/s of CPU; sha256 of the same files: "
        f"{size / plain / 1e6:,.0f} MB/s; ratio of times {statistics.median(a / b for a, b in rows):.1f}"
    )
    shutil.rmtree(folder)


def main() -> None:
    """Run everything and print three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--events", type=int, default=60_000)
    arguments = parser.parse_args()
    print(f"{len(LINE)} bytes a line; medians of {arguments.rounds} rounds")
    heads = ("events/s", "CPU µs", "p50 µs", "p99 µs", "p99.9 µs", "max µs")
    print(f"{'mode':<8}{'thr':>3}  {'':<30}" + "".join(f"{head:>12}" for head in heads))
    for threads in (1, 4):
        found = pairs("async", queue_handler, threads, arguments.events, arguments.rounds)
        report("async", threads, ("AuditLog", "QueueHandler + QueueListener"), found)
    for threads in (1, 4):
        found = pairs("commit", naive, threads, max(arguments.events // 200, 50), arguments.rounds)
        report("commit", threads, ("AuditLog", "lock, write, fdatasync each"), found)
    verifying(arguments.events * 2, arguments.rounds)


if __name__ == "__main__":
    main()
