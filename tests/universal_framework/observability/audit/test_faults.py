"""Disks that refuse: nothing acknowledged is lost, the application goes on, and the loss is reported."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from universal_framework.observability.audit import AuditError, stored


def drive(log, count=120):
    """Append, count what was acknowledged and refused; in commit mode each by itself."""
    acknowledged, refused = [], []
    for i in range(count):
        line = b'{"n":%d,"pad":"%s"}' % (i, b"x" * (i % 50))
        try:
            log.append(line)
            acknowledged.append(line)
        except AuditError:
            refused.append(line)
    return acknowledged, refused


def operations_of_a_life(faulty_log, durability):
    log = faulty_log(durability)
    log.start()
    before = log.disk.operations
    drive(log)
    log.close()
    return before, log.disk.operations


@pytest.mark.campaign
@pytest.mark.parametrize("durability", ["commit", "async"])
def test_refused_at_any_operation_nothing_acknowledged_is_lost(
    faulty_log, judge, lines_of, findings_of, full, durability, tmp_path
):
    start, end = operations_of_a_life(faulty_log, durability)
    chance = random.Random(11)
    numbers = range(start, end) if full else sorted(chance.sample(range(start, end), min(25, end - start)))
    for number in numbers:
        shutil.rmtree(tmp_path / "trail", ignore_errors=True)
        log = faulty_log(durability)
        log.start()
        error = chance.choice([OSError(28, "No space left on device"), OSError(5, "Input/output error")])
        log.disk.refuse = dict.fromkeys(range(number, number + chance.choice([1, 2, 5])), error)
        acknowledged, refused = drive(log)
        log.close()
        stats = log.stats()
        found = lines_of(tmp_path / "trail")
        if durability == "commit":
            assert stats.lost == len(refused)
            assert found == acknowledged, number
        else:
            assert len(found) == stats.durable == 120 - stats.lost
        assert sum(loss.records for loss in log.losses) == stats.lost
        assert not findings_of(judge(tmp_path / "trail")), (number, log.disk.names[number])


def test_while_the_disk_refuses_everything_the_application_goes_on(faulty_log, until, lines_of, judge):
    log = faulty_log("commit")
    log.start()
    log.append(b'{"n":0}')
    log.disk.always = OSError(5, "Input/output error")
    for _ in range(5):
        with pytest.raises(AuditError, match="Input/output error"):
            log.append(b'{"n":"lost"}')
    log.disk.always = None
    log.append(b'{"n":1}')
    log.close()
    assert lines_of(log.directory) == [b'{"n":0}', b'{"n":1}']
    assert log.stats().lost == 5
    said = [o for s in stored.StoredLog(log.directory).segments() for o in stored.own_records(s.read()[0], s.first)]
    assert sum(o.number_of("lost") for o in said) == 5
    assert judge(os.path.dirname(log.directory)).intact


def test_closing_on_a_dead_disk_ends_and_counts_what_is_left(faulty_log):
    log = faulty_log()
    log.start()
    log.disk.always = OSError(5, "Input/output error")
    for i in range(10):
        log.append(b'{"n":%d}' % i)
    log.close(timeout=0.1)
    assert log.stats().lost == 10
    assert sum(loss.records for loss in log.losses) == 10
    assert "Input/output error" in log.losses[-1].reason


# -- real refusals of a real kernel, in a process of its own -----------------------------------------------------

# Numbers of acknowledged and refused lines go through shared memory: a report by write() would be refused as well.
CHILD = """
import json, mmap, os, resource, struct, sys
from universal_framework.observability.audit import AuditError, AuditLog
directory, board, durability, count, limit = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
shared = mmap.mmap(os.open(board, os.O_RDWR), 1 << 16)
log = AuditLog.open(directory, durability=durability, segment_bytes=6000, checkpoint_every=40, checkpoint_seconds=0.02,
                    epoch_seconds=0.1, sync_seconds=0.02, queue_records=100, full_wait_seconds=0.01,
                    on_loss=lambda loss: shared.__setitem__(slice(8, 16), struct.pack("<q", loss.total)))
log.append(b'{"n":-1}')
log.flush(10)
shared[0:1] = b"R"
sys.stdin.readline()
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
for i in range(count):
    if limit and i == count * 2 // 3:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        log.append(b'{"n":%d,"pad":"%s"}' % (i, b"x" * 60))
        shared[100 + i] = 1
    except AuditError:
        shared[100 + i] = 2
shared[0:1] = b"D"
log.close(timeout=2)
stats = log.stats()
shared[16:48] = struct.pack("<qqqq", stats.appended, stats.durable, stats.queued, stats.lost)
shared[0:1] = b"E"
"""


class Child:
    def __init__(self, start_python, tmp_path, directory, durability, count=150, limit=0):
        self.count = count
        self.board = tmp_path / "board"
        self.board.write_bytes(bytes(1 << 16))
        self.process = start_python(CHILD, directory, self.board, durability, count, limit)
        self.wait_for(b"R")

    def wait_for(self, state):
        end = time.monotonic() + 60
        while self.board.read_bytes()[:1] != state:
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.01)

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def finish(self):
        self.go()
        _, errors = self.process.communicate(timeout=120)
        data = self.board.read_bytes()
        assert data[:1] == b"E", errors
        self.errors = errors
        self.acknowledged = [i for i in range(self.count) if data[100 + i] == 1]
        self.refused = [i for i in range(self.count) if data[100 + i] == 2]
        self.reported = int.from_bytes(data[8:16], "little")
        numbers = [int.from_bytes(data[at : at + 8], "little") for at in range(16, 48, 8)]
        self.appended, self.durable, self.queued, self.lost = numbers


def check(child, directory, durability, judge, lines_of, open_log, findings_of):
    """Whatever was refused: open again, and compare what is there with what was acknowledged."""
    open_log(directory).close()
    found = [json.loads(line)["n"] for line in lines_of(directory)]
    found.remove(-1)
    assert child.appended == child.durable + child.lost == child.count + 1
    assert child.reported == child.lost
    if durability == "commit":
        assert child.lost == len(child.refused)
        missing = set(child.acknowledged) - set(found)
        assert not missing, f"acknowledged and lost: {sorted(missing)}"
    else:
        assert len(found) >= child.durable - 1
    assert sorted(found) == found
    report = judge(directory, now=time.time_ns())
    assert not findings_of(report)


@pytest.mark.parametrize("durability", ["commit", "async"])
def test_a_limit_on_file_size_is_survived(start_python, tmp_path, judge, lines_of, open_log, findings_of, durability):
    child = Child(start_python, tmp_path, tmp_path / "t", durability, count=600, limit=3000)
    child.finish()
    assert child.lost > 0
    check(child, tmp_path / "t", durability, judge, lines_of, open_log, findings_of)


@pytest.mark.parametrize("durability", ["commit", "async"])
def test_a_full_disk_is_survived(start_python, tmp_path, judge, lines_of, open_log, findings_of, durability):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted by this user")
    try:
        child = Child(start_python, tmp_path, disk / "t", durability, count=3000)
        child.finish()
        assert child.lost > 0
        subprocess.run(["mount", "-o", "remount,size=10m", str(disk)], check=True)
        check(child, disk / "t", durability, judge, lines_of, open_log, findings_of)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


CALLS = ["write", "fdatasync", "fsync", "openat", "rename", "ftruncate", "unlink", "mkdir", "close"]


def strace():
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt install strace")
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("strace may not trace here: ptrace is forbidden")


@pytest.mark.campaign
@pytest.mark.parametrize("durability", ["commit", "async"])
def test_refused_at_any_system_call_nothing_acknowledged_is_lost(
    start_python, tmp_path, judge, lines_of, open_log, findings_of, full, durability
):
    """As Tessera's tests do: strace refuses the n-th call of a kind, for every kind and many n."""
    strace()
    chance = random.Random(13)
    plans = [(call, error, when) for call in CALLS for error in ("EIO", "ENOSPC") for when in ("1", "2", "3+7", "1+")]
    if not full:
        plans = chance.sample(plans, 5)
    for call, error, when in plans:
        directory = tmp_path / f"t-{call}-{error}-{when}"
        child = Child(start_python, tmp_path, directory, durability, count=80)
        tracer = subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-p", str(child.process.pid), "-e", f"trace={call}",
             "-e", f"inject={call}:error={error}:when={when}"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert "attached" in tracer.stderr.readline()
            child.finish()
        finally:
            tracer.send_signal(signal.SIGTERM)
            tracer.communicate()
        check(child, directory, durability, judge, lines_of, open_log, findings_of)
