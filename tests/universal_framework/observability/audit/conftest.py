"""What the tests of the audit trail share: logs made in a blink, judged, tampered with; disks that refuse and forget."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from universal_framework.observability.audit import AuditLog, records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.trail import Shape, Trail
from universal_framework.observability.audit.verify import verify

ROOT = Path(__file__).resolve().parents[4]
DAY_NS = 86_400 * 10**9
START_NS = 1_760_000_000 * 10**9

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


class Crash(BaseException):
    """The machine stops here."""


class FaultyDisk(Disk):
    """A disk that refuses at chosen operations, or stops, and knows which bytes were never synced."""

    def __init__(self):
        self.operations = 0
        self.names = []
        self.refuse = {}  # number of an operation -> OSError or Crash
        self.always = None  # an OSError for every operation from now on
        self.chance = random.Random(0)
        self._durable = {}  # inode -> bytes on the medium

    def _step(self, name):
        number, self.operations = self.operations, self.operations + 1
        self.names.append(name)
        error = self.refuse.get(number) or self.always
        if error is not None:
            raise error

    def make_directory(self, path):
        self._step("mkdir")
        super().make_directory(path)

    def open_append(self, path):
        self._step("open")
        return super().open_append(path)

    def write(self, descriptor, data):
        try:
            self._step("write")
        except BaseException:
            super().write(descriptor, data[: self.chance.randint(0, len(data))])
            raise
        super().write(descriptor, data)

    def sync(self, descriptor):
        self._step("sync")
        super().sync(descriptor)
        found = os.fstat(descriptor)
        self._durable[found.st_ino] = found.st_size

    def truncate(self, descriptor, size):
        self._step("truncate")
        super().truncate(descriptor, size)
        inode = os.fstat(descriptor).st_ino
        self._durable[inode] = min(self._durable.get(inode, 0), size)

    def rename(self, old, new):
        self._step("rename")
        super().rename(old, new)

    def sync_directory(self, path):
        self._step("fsync")
        super().sync_directory(path)

    def remove(self, path):
        self._step("unlink")
        super().remove(path)

    def cut_power(self, directory, chance):
        """Lose what was not synced: files end somewhere between, with zeros or torn bytes at their ends."""
        for folder, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(folder, name)
                found = os.stat(path)
                kept = self._durable.get(found.st_ino, 0)
                if found.st_size <= kept:
                    continue
                size = chance.randint(kept, found.st_size)
                with open(path, "r+b") as file:
                    file.truncate(size)
                    if chance.random() < 0.3:
                        blank = chance.randint(kept, size)
                        file.seek(blank)
                        file.write(bytes(size - blank))


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now=START_NS):
        self.now = now

    def __call__(self):
        self.now += 1000
        return self.now

    def days(self, number):
        self.now += int(number * DAY_NS)


@pytest.fixture
def faults():
    return SimpleNamespace(Crash=Crash, FaultyDisk=FaultyDisk, Clock=Clock, DAY_NS=DAY_NS, START_NS=START_NS)


@pytest.fixture(scope="session")
def full():
    """Whether campaigns run at full size."""
    return FULL


def line(number, size=40):
    return json.dumps({"n": number, "event": "user.login", "pad": "x" * (number % size)}).encode()


def make_closed_log(directory, count=700, *, every=90, segment_bytes=9_000, days=90, clock=None, evolve_at=()):
    """Write a closed log of `count` lines quickly, in one thread; return it, its checkpoints and its first key."""
    trail = Trail.create(str(directory), Shape("test.example/app", segment_bytes, days), Disk(), clock or Clock())
    texts = [trail.log.bytes_of(stored.CHECKPOINT)]
    key = trail.public_key
    for start in range(0, count, every):
        trail.write([line(i) for i in range(start, min(start + every, count))])
        trail.sync()
        if start // every in evolve_at:
            trail.evolve_key()
            trail.sync()
        texts.append(trail.checkpoint())
    texts.append(trail.seal())
    return SimpleNamespace(
        log=trail.log, texts=texts, key=key, directory=Path(trail.log.directory), origin=trail.origin
    )


@pytest.fixture
def closed_log(tmp_path):
    """Make closed logs below the test's directory."""
    return lambda *args, **kwargs: make_closed_log(tmp_path / "trail", *args, **kwargs)


@pytest.fixture
def make_line():
    return line


@pytest.fixture
def judge():
    """Judge a directory; checkpoints as bytes, keys as values."""
    from universal_framework.observability.audit import note

    def judged(directory, checkpoints=(), keys=(), now=START_NS):
        outside = [note.parse_checkpoint(text) for text in checkpoints]
        return verify(str(directory), outside, list(keys), now)

    return judged


@pytest.fixture
def findings_of():
    def all_findings(report):
        return [f for log in report.logs for f in log.findings] + list(report.findings)

    return all_findings


@pytest.fixture
def lines_of():
    """All lines of the application in the logs of a directory, log by log."""

    def application_lines(directory):
        found = []
        for log in stored.logs_below(str(directory)):
            for segment in log.segments():
                found += [x for x in segment.read()[0] if not x.startswith(records.PREFIX)]
        return found

    return application_lines


@pytest.fixture
def open_log(tmp_path):
    """Open logs below the test's directory and close them at its end; losses and checkpoints are kept."""
    opened = []

    def open_one(directory=None, **kwargs):
        heard = SimpleNamespace(losses=[], checkpoints=[], alarms=[])
        kwargs.setdefault("on_loss", heard.losses.append)
        kwargs.setdefault("on_checkpoint", heard.checkpoints.append)
        kwargs.setdefault("on_alarm", heard.alarms.append)
        log = AuditLog.open(directory or tmp_path / "trail", **kwargs)
        log.heard = heard
        opened.append(log)
        return log

    yield open_one
    for log in opened:
        log.close(timeout=5)


@pytest.fixture
def faulty_log(tmp_path):
    """Like `open_log`, on a disk that can be told to refuse."""
    from universal_framework.observability.audit.settings import Durability, Settings

    opened = []

    def open_one(durability="async", **kwargs):
        settings = {
            "origin": None, "segment_bytes": 4096, "checkpoint_every": 50, "checkpoint_seconds": 0.05,
            "heartbeat_seconds": 60.0, "epoch_seconds": 900.0, "sync_seconds": 0.05, "retention_days": 90,
            "queue_records": 1000, "full_wait_seconds": 0.05, **kwargs,
        }  # fmt: skip
        disk = FaultyDisk()
        losses = []
        log = AuditLog(
            str(tmp_path / "trail"),
            Settings(durability=Durability(durability), **settings),
            on_loss=losses.append,
            disk=disk,
        )
        log.disk, log.losses = disk, losses
        opened.append(log)
        return log

    yield open_one
    for log in opened:
        log.disk.always, log.disk.refuse = None, {}
        log.close(timeout=5)


@pytest.fixture
def until():
    """Wait for something that another thread brings about."""

    def wait(condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.005)

    return wait


@pytest.fixture
def start_python(tmp_path):
    """Start a Python program of its own; its text is given, and its arguments."""
    started = []
    number = itertools.count()

    def start(program, *arguments, **kwargs):
        path = tmp_path / f"program{next(number)}.py"
        path.write_text(program)
        command = [*kwargs.pop("before", ()), sys.executable, str(path), *map(str, arguments)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def data():
    """The folder with the data that is not part of the project."""
    folder = Path(os.environ.get("LOGSHIFT_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; LOGSHIFT_DATA names the folder with the golden vectors")
    return folder


@pytest.fixture
def copied(tmp_path):
    """Copy a directory to a fresh place."""
    number = itertools.count()

    def copy(source):
        target = tmp_path / f"copy{next(number)}"
        shutil.copytree(source, target)
        return target

    return copy
