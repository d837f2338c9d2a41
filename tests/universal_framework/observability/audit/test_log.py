"""What an application is promised: order, durability, what becomes of a full queue, of a fork, of the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from universal_framework.observability.audit import AuditError, AuditLog, stored
from universal_framework.observability.audit.records import Kind


def own(directory):
    log = stored.StoredLog(str(directory))
    return [o for s in log.segments() for o in stored.own_records(s.read()[0], s.first)]


@pytest.mark.parametrize("durability", ["async", "commit"])
def test_what_is_appended_stands_there_byte_for_byte_in_order(open_log, lines_of, judge, make_line, durability):
    log = open_log(durability=durability)
    lines = [make_line(i) for i in range(300)]
    for line in lines:
        log.append(line)
    assert log.flush(10)
    assert lines_of(log.directory) == lines
    assert log.stats()[:4] == (300, 300, 0, 0)
    log.close()
    assert lines_of(log.directory) == lines
    assert judge(os.path.dirname(log.directory)).intact
    assert [o.kind for o in own(log.directory)] == [Kind.START, Kind.CLOSED]


@pytest.mark.parametrize("durability", ["async", "commit"])
def test_many_threads_lose_nothing_and_each_keeps_its_order(open_log, lines_of, judge, durability):
    log = open_log(durability=durability, segment_bytes=20_000, checkpoint_every=100)

    def work(name):
        for i in range(200):
            log.append(json.dumps({"thread": name, "n": i}).encode())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    found = [json.loads(line) for line in lines_of(log.directory)]
    for name in range(4):
        assert [row["n"] for row in found if row["thread"] == name] == list(range(200))
    assert judge(os.path.dirname(log.directory), [t.encode() for t in log.heard.checkpoints]).intact


def test_flush_waits_for_everything_that_was_appended_before(open_log):
    log = open_log(full_wait_seconds=30.0)
    for i in range(40_000):
        log.append(b'{"n":%d}' % i)
    assert log.flush(60)
    assert log.stats().durable == 40_000


def test_in_commit_mode_a_returned_append_is_on_the_disk(open_log, lines_of, make_line):
    log = open_log(durability="commit")
    for i in range(20):
        log.append(make_line(i))
        assert lines_of(log.directory) == [make_line(n) for n in range(i + 1)]
        assert log.stats().durable == i + 1


def test_every_checkpoint_that_is_told_verifies_and_grows(open_log, judge, make_line):
    log = open_log()
    for i in range(5):
        log.append(make_line(i))
        assert log.checkpoint(10)
    live = judge(os.path.dirname(log.directory), [t.encode() for t in log.heard.checkpoints])
    assert live.intact
    assert live.logs[0].state is stored.State.LIVE
    log.close()
    told = [t.encode() for t in log.heard.checkpoints]
    assert len(told) == 7 == log.stats().checkpoints
    assert judge(os.path.dirname(log.directory), told).intact


def test_a_listener_that_raises_harms_nobody(open_log, judge, make_line):
    log = open_log(on_checkpoint=lambda _: 1 / 0)
    log.append(make_line(1))
    assert log.checkpoint(10)
    log.close()
    assert judge(os.path.dirname(log.directory)).intact


def test_lines_that_cannot_stand_in_a_trail_are_bent_and_what_is_no_line_is_counted(open_log, lines_of, judge):
    log = open_log()
    for value in (
        b'{"a":\n1}\n',
        b'{"audit_trail":"key"}',
        b"x" * 70_000,
        bytearray(b"{}"),
        memoryview(b"[]"),
        "text",
        None,
    ):
        log.append(value)
    log.close()
    first, second, third, *others = lines_of(log.directory)
    assert first == b'{"a": 1}'
    assert json.loads(second) == {"audit_trail": "key"}
    assert json.loads(third)["audit_truncated"] == 70_000
    assert others == [b"{}", b"[]"]
    assert (log.stats().lost, log.stats().durable) == (2, 5)
    assert sum(loss.records for loss in log.heard.losses) == 2
    assert judge(os.path.dirname(log.directory)).intact


def test_a_full_queue_counts_what_it_cannot_take_and_the_trail_says_so(faulty_log, until, lines_of, judge):
    log = faulty_log(queue_records=50, full_wait_seconds=0.0)
    log.start()
    log.disk.always = OSError(28, "No space left on device")
    for i in range(400):
        log.append(b'{"n":%d}' % i)
    until(lambda: log.losses)
    log.disk.always = None
    until(lambda: log.flush(1))
    log.append(b'{"n":"last"}')
    log.close()
    stats = log.stats()
    assert stats.appended == 401 == stats.durable + stats.lost
    assert stats.lost >= 300
    assert sum(loss.records for loss in log.losses) == stats.lost
    assert len(lines_of(log.directory)) == stats.durable
    said = [o for o in own(log.directory) if o.kind is Kind.LOSS]
    assert sum(o.number_of("lost") for o in said) == stats.lost
    assert judge(os.path.dirname(log.directory)).intact


def test_a_busy_writer_is_waited_for_so_that_nothing_is_lost(open_log, lines_of):
    log = open_log(queue_records=20, full_wait_seconds=30.0)
    for i in range(5000):
        log.append(b'{"n":%d}' % i)
    log.close()
    assert log.stats()[:4] == (5000, 5000, 0, 0)
    assert len(lines_of(log.directory)) == 5000


def test_after_closing_nothing_is_written_and_it_is_said(open_log, lines_of):
    log = open_log()
    log.append(b"{}")
    log.close()
    log.close()
    log.append(b"{}")
    assert log.stats().lost == 1
    assert log.heard.losses[0].reason == "the audit log is closed"
    assert not log.flush(1)
    committing = open_log(durability="commit")
    with pytest.raises(AuditError, match="takes bytes"):
        committing.append("text")
    committing.close()
    with pytest.raises(AuditError, match="closed"):
        committing.append(b"{}")


def test_silence_is_recorded_too(open_log, until, judge):
    log = open_log(heartbeat_seconds=0.02, checkpoint_seconds=0.01)
    until(lambda: sum(o.kind is Kind.HEARTBEAT for o in own(log.directory)) >= 3)
    log.close()
    assert judge(os.path.dirname(log.directory), [t.encode() for t in log.heard.checkpoints]).intact


def test_keys_change_and_old_ones_are_gone(open_log, until, judge, make_line):
    log = open_log(epoch_seconds=0.03, checkpoint_seconds=0.01, durability="commit")
    seen = set()
    for i in range(400):
        log.append(make_line(i))
        path = os.path.join(log.directory, stored.SIGNING_KEY)
        with open(path, "rb") as file:
            seen.add(file.read())
        assert os.stat(path).st_mode & 0o777 == 0o600
        if len(seen) > 3:
            break
    log.close()
    assert sum(o.kind is Kind.KEY for o in own(log.directory)) >= 3
    left = b"".join(p.read_bytes() for p in __import__("pathlib").Path(log.directory).rglob("*") if p.is_file())
    assert not any(key.split()[1] in left for key in seen)
    from universal_framework.observability.audit import note

    told = [t.encode() for t in log.heard.checkpoints]
    assert judge(os.path.dirname(log.directory), told, [note.parse_public_key(log.public_key)]).intact


def test_a_removed_directory_is_noticed_and_a_new_log_begun(open_log, until, make_line, lines_of, judge):
    import shutil

    log = open_log(checkpoint_seconds=0.02)
    log.append(make_line(0))
    assert log.checkpoint(10)
    before = log.directory
    shutil.rmtree(before)
    log.append(make_line(1))
    until(lambda: log.checkpoint(1) and log.directory != before)
    log.append(make_line(2))
    log.close()
    assert lines_of(log.directory) == [make_line(1), make_line(2)]
    assert judge(os.path.dirname(log.directory)).intact


@pytest.mark.parametrize(
    "setting",
    [
        {"durability": "maybe"},
        {"origin": "two words"},
        {"origin": ""},
        {"segment_bytes": 0},
        {"queue_records": True},
        {"checkpoint_seconds": 0},
        {"retention_days": -1},
        {"full_wait_seconds": -1},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(tmp_path, setting):
    with pytest.raises(AuditError, match=next(iter(setting))):
        AuditLog.open(tmp_path, **setting)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError, match=r"file.*name a directory"):
        AuditLog.open(tmp_path / "file" / "trail")


FORKING = """
import os, sys
from universal_framework.observability.audit import AuditLog
log = AuditLog.open(sys.argv[1], durability=sys.argv[2])
append = log.append
append(b'{"who":"parent","n":0}')
child = os.fork()
if child == 0:
    for i in range(50):
        append(b'{"who":"child","n":%d}' % i)
    grandchild = os.fork()
    if grandchild == 0:
        append(b'{"who":"grandchild"}')
        sys.exit(0)
    os.waitpid(grandchild, 0)
    sys.exit(0)
append(b'{"who":"parent","n":1}')
os.waitpid(child, 0)
silent = os.fork()
if silent == 0:
    os._exit(0)
os.waitpid(silent, 0)
append(b'{"who":"parent","n":2}')
"""

MULTIPROCESSING = """
import multiprocessing, sys
from universal_framework.observability.audit import AuditLog
def work(log, n):
    log.append(b'{"who":"child","n":%d}' % n)
if __name__ == "__main__":
    log = AuditLog.open(sys.argv[1], durability=sys.argv[2])
    log.append(b'{"who":"parent"}')
    children = [multiprocessing.get_context("fork").Process(target=work, args=(log, n)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""


@pytest.mark.parametrize("durability", ["async", "commit"])
def test_a_forked_child_writes_a_log_of_its_own(tmp_path, start_python, judge, lines_of, durability):
    process = start_python(FORKING, tmp_path / "t", durability)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    logs = stored.logs_below(str(tmp_path / "t"))
    by_log = sorted([json.loads(line)["who"] for line in lines_of(log.directory)] for log in logs)
    assert by_log == [["child"] * 50, ["grandchild"], ["parent"] * 3]
    assert judge(tmp_path / "t").intact
    assert {log.state() for log in logs} == {stored.State.CLOSED}


def test_children_of_multiprocessing_lose_nothing_at_their_end(tmp_path, start_python, judge, lines_of):
    process = start_python(MULTIPROCESSING, tmp_path / "t", "async")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(lines_of(tmp_path / "t")) == 3
    assert judge(tmp_path / "t").intact


ENDING = """
import sys
from universal_framework.observability.audit import AuditLog
log = AuditLog.open(sys.argv[1])
for i in range(5000):
    log.append(b'{"n":%d}' % i)
"""


def test_a_process_that_just_ends_loses_nothing(tmp_path, start_python, judge, lines_of):
    process = start_python(ENDING, tmp_path / "t")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert len(lines_of(tmp_path / "t")) == 5000
    assert judge(tmp_path / "t").logs[0].state is stored.State.CLOSED


def test_who_never_audits_never_loads_cryptography():
    program = (
        "import sys; from universal_framework.observability.audit import AuditLog;"
        "print([m for m in sys.modules if m.split('.')[0] in ('cryptography', 'click', 'pydantic', 'logging')])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_two_logs_of_one_process_do_not_disturb_each_other(open_log, judge, make_line):
    one, other = open_log(), open_log()
    one.append(make_line(1))
    other.append(make_line(2))
    one.close()
    other.close()
    assert one.directory != other.directory
    assert judge(os.path.dirname(one.directory)).intact
