"""After a crash: the log opens, what was whole is kept, what was torn lies beside it and is named, what contradicts alarms."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability.audit import records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.merkle import leaf_hashes
from universal_framework.observability.audit.records import Kind
from universal_framework.observability.audit.recover import AlarmError, recover
from universal_framework.observability.audit.trail import Shape, Trail

SHAPE = Shape("test.example", 4000, 90)


@pytest.fixture
def crashed(tmp_path, faults, make_line):
    """A log that was left: `signed` lines under a checkpoint, then `more`; nobody writes it."""

    def leave(signed=20, more=5, directory=tmp_path / "trail"):
        trail = Trail.create(str(directory), SHAPE, Disk(), faults.Clock())
        trail.write([make_line(i) for i in range(signed)])
        trail.sync()
        trail.checkpoint()
        trail.write([make_line(i) for i in range(signed, signed + more)])
        trail.sync()
        trail.abandon()
        return trail.log

    return leave


def last_segment(log):
    return log.segments()[-1].path


def recovered(log, faults):
    return recover(log, SHAPE, Disk(), faults.Clock())


def own(log):
    return [o for s in log.segments() for o in stored.own_records(s.read()[0], s.first)]


def test_a_crashed_log_is_judged_as_it_lies_and_closed_by_the_next_to_open(
    crashed, faults, judge, open_log, lines_of, make_line
):
    log = crashed()
    report = judge(log.directory)
    assert report.intact
    assert "not covered by a checkpoint" in report.logs[0].limits[0]
    open_log().close()
    assert log.state() is stored.State.CLOSED
    assert [o.kind for o in own(log)][-2:] == [Kind.RECOVERED, Kind.CLOSED]
    assert judge(os.path.dirname(log.directory)).intact
    assert lines_of(log.directory) == [make_line(i) for i in range(25)]
    assert not os.path.exists(log.path(stored.SIGNING_KEY))


# After PostgreSQL's list of broken ends of a WAL (src/test/recovery/t/039_end_of_wal.pl), for lines.
BROKEN_ENDS = {
    "half a line": b'{"n": 99, "ev',
    "a line without its end": b'{"n": 99}',
    "zeros": bytes(300),
    "zeros in a line": b'{"n":' + bytes(20) + b'9}\n{"n":100}\n',
    "half a line, zeros, a whole line": b'{"n"' + bytes(100) + b'\n{"n":100}\n',
    "a line that is too long": b"x" * 70_000 + b"\n",
    "a single byte": b"{",
}


@pytest.mark.parametrize("name", BROKEN_ENDS)
def test_a_torn_tail_is_moved_aside_and_said(crashed, faults, judge, lines_of, make_line, name):
    log, torn = crashed(), BROKEN_ENDS[name]
    with open(last_segment(log), "ab") as file:
        file.write(torn)
    assert recovered(log, faults).torn_bytes == len(torn)
    (record,) = [o for o in own(log) if o.kind is Kind.RECOVERED]
    (row,) = record.rows_of("torn")
    assert log.bytes_of(row["file"]) == torn
    assert row["bytes"] == len(torn)
    assert judge(log.directory).intact
    assert lines_of(log.directory) == [make_line(i) for i in range(25)]


def test_what_was_moved_aside_is_guarded_as_well(crashed, faults, judge, findings_of):
    log = crashed()
    with open(last_segment(log), "ab") as file:
        file.write(b"half")
    recovered(log, faults)
    (name,) = os.listdir(log.path(stored.TORN))
    with open(log.path(stored.TORN, name), "wb") as file:
        file.write(b"hafl")
    assert [f.file for f in findings_of(judge(log.directory))] == [f"torn/{name}"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 10**6))
def test_cut_anywhere_behind_the_last_checkpoint_whole_records_stay(
    crashed, faults, judge, lines_of, make_line, cut, tmp_path
):
    shutil.rmtree(tmp_path / "cut", ignore_errors=True)
    log = crashed(20, 8, tmp_path / "cut")
    path = last_segment(log)
    signed = sum(len(make_line(i)) + 1 for i in range(20)) + len(log.segments()[0].read()[0][0]) + 1
    size = signed + cut % (os.path.getsize(path) - signed + 1)
    os.truncate(path, size)
    whole = log.segments()[0].read()[0][1:]
    recovered(log, faults)
    assert judge(log.directory).intact
    assert lines_of(log.directory) == whole
    assert len(whole) >= 20


def test_a_signed_record_that_is_gone_stops_the_log_and_alarms(crashed, faults, open_log, judge, findings_of):
    log = crashed()
    os.truncate(last_segment(log), 200)
    before = {name: log.bytes_of(name) for name in os.listdir(log.directory) if os.path.isfile(log.path(name))}
    with pytest.raises(AlarmError, match="missing"):
        recovered(log, faults)
    opened = open_log()
    assert "missing" in opened.heard.alarms[0]
    assert opened.stats().alarms == tuple(opened.heard.alarms)
    opened.close()
    own_log = stored.StoredLog(opened.directory)
    assert [o.kind for o in own(own_log)] == [Kind.START, Kind.ALARM, Kind.CLOSED]
    assert before == {name: log.bytes_of(name) for name in before}
    assert findings_of(judge(os.path.dirname(log.directory)))


def test_a_signed_record_that_was_altered_stops_the_log_and_alarms(crashed, faults, make_line):
    log = crashed()
    with open(last_segment(log), "r+b") as file:
        data = file.read().replace(make_line(7), make_line(7).replace(b"login", b"logon"))
        file.seek(0)
        file.write(data)
    with pytest.raises(AlarmError, match="not those that were signed"):
        recovered(log, faults)


@pytest.mark.parametrize("data", [None, b"", b"junk", b"ed25519-seed " + b"00" * 32 + b"\n"])
def test_without_its_key_a_log_is_not_continued(crashed, faults, data):
    log = crashed()
    path = log.path(stored.SIGNING_KEY)
    if data is None:
        os.unlink(path)
        assert recovered(log, faults) is None
        return
    with open(path, "wb") as file:
        file.write(data)
    with pytest.raises(AlarmError, match="key"):
        recovered(log, faults)


def test_an_unfinished_checkpoint_is_moved_aside(crashed, faults, judge):
    log = crashed()
    history = log.bytes_of(stored.HISTORY)
    with open(log.path(stored.HISTORY), "ab") as file:
        file.write(history[-150:-20])
    assert judge(log.directory).intact
    recovered(log, faults)
    assert judge(log.directory).intact


@pytest.mark.parametrize("name", ["tile/0", "checkpoint"])
@pytest.mark.parametrize("change", ["removed", "emptied", "zeroed"])
def test_what_can_be_recomputed_is_recomputed(crashed, faults, judge, name, change):
    log = crashed()
    path = log.path(*name.split("/"))
    size = os.path.getsize(path)
    if change == "removed":
        os.unlink(path)
    else:
        with open(path, "wb") as file:
            file.write(bytes(size) if change == "zeroed" else b"")
    assert judge(log.directory).intact
    recovered(log, faults)
    assert judge(log.directory).intact


def test_hashes_that_a_power_cut_took_are_made_again(crashed, faults, judge):
    log = crashed(700, 30)
    assert len(log.segments()) > 2
    last = log.segments()[-1].first
    os.truncate(log.path("tile", "0"), last * 32)
    os.truncate(log.path("tile", "1"), last // 256 * 32)
    assert judge(log.directory).intact
    recovered(log, faults)
    assert judge(log.directory).intact


def test_hashes_that_somebody_cut_off_are_made_again_from_the_records(crashed, faults, judge):
    log = crashed(700, 30)
    os.truncate(log.path("tile", "0"), 100 * 32)
    recovered(log, faults)
    assert judge(log.directory).intact


def test_a_whole_segment_behind_a_torn_one_is_moved_aside(crashed, faults, judge):
    log = crashed(20, 5)
    first = last_segment(log)
    with open(first, "ab") as file:
        file.write(b'{"torn')
    with open(log.path(stored.SEGMENTS, stored.segment_name(256)), "wb") as file:
        file.write(b'{"never":"known"}\n')
    recovered(log, faults)
    assert judge(log.directory).intact
    assert len(os.listdir(log.path(stored.TORN))) == 2


def crash_points(trail_directory, faults, work, disk, chance):
    """Run `work` on a disk that stops at one operation after another, until it does not stop any more."""
    number = 0
    while True:
        shutil.rmtree(trail_directory, ignore_errors=True)
        faulty = disk()
        faulty.refuse = {number: faults.Crash()}
        try:
            work(faulty)
        except faults.Crash:
            faulty.refuse = {}
            yield number, faulty
            number += 1
            continue
        return


@pytest.mark.campaign
@pytest.mark.parametrize("power", [False, True])
def test_stopped_at_any_operation_nothing_acknowledged_is_lost(
    tmp_path, faults, judge, lines_of, full, power, make_line
):
    """Every operation of a life with rotation, a change of keys, checkpoints and a close; killed, or without power."""
    import random

    directory = tmp_path / "trail"
    acknowledged, texts, trails = [], [], []

    def life(disk):
        acknowledged.clear()
        texts.clear()
        trail = Trail.create(str(directory), SHAPE, disk, faults.Clock())
        trails.append(trail)
        for start in range(0, 840, 60):
            lines = [make_line(i) for i in range(start, start + 60)]
            trail.write(lines)
            trail.sync()
            acknowledged.extend(lines)
            if start in (60, 480):
                trail.evolve_key()
            text = trail.checkpoint()
            texts.append(text)
        texts.append(trail.seal())

    chance = random.Random(7)
    for number, disk in crash_points(directory, faults, life, faults.FaultyDisk, chance):
        if trails:
            trails.pop().abandon()
        if not full and chance.random() < 0.75:
            continue
        directory.mkdir(exist_ok=True)
        if power:
            disk.cut_power(directory, chance)
        logs = [log for log in stored.logs_below(str(directory)) if os.path.lexists(log.path("signing-key"))]
        if logs and not power:
            assert judge(directory).intact, number
        for log in logs:
            recover(log, SHAPE, Disk(), faults.Clock())
        if stored.logs_below(str(directory)):
            report = judge(directory, texts)
            assert report.intact, (number, disk.names[-3:], report)
            found = lines_of(directory)
            assert found[: len(acknowledged)] == acknowledged, number
            assert {log.state for log in report.logs} == {stored.State.CLOSED}
        else:
            assert not acknowledged


def test_stopped_again_while_recovering_it_is_recovered_all_the_same(
    tmp_path, faults, judge, crashed, lines_of, make_line
):
    number = 0
    while True:
        directory = tmp_path / f"again{number}"
        log = crashed(20, 5, directory)
        with open(last_segment(log), "ab") as file:
            file.write(b'{"torn')
        disk = faults.FaultyDisk()
        disk.refuse = {number: faults.Crash()}
        try:
            recover(log, SHAPE, disk, faults.Clock())
        except faults.Crash:
            recovered(log, faults)
            assert judge(log.directory).intact, number
            assert lines_of(log.directory) == [make_line(i) for i in range(25)]
            shutil.rmtree(directory)
            number += 1
            continue
        assert number > 10
        return


def test_leaf_hashes_are_of_the_exact_bytes(crashed, faults, make_line):
    log = crashed()
    assert split(log)[1:21] == leaf_hashes([make_line(i) for i in range(20)])


def split(log):
    data = log.hashes(0, 0, 21)
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def test_a_log_that_somebody_writes_is_left_alone(tmp_path, faults):
    trail = Trail.create(str(tmp_path / "trail"), SHAPE, Disk(), faults.Clock())
    assert recovered(trail.log, faults) is None
    assert trail.log.state() is stored.State.LIVE
    trail.seal()
    assert recovered(trail.log, faults) is None


def test_own_records_of_a_recovered_log_are_lines_as_all_others(crashed, faults):
    log = crashed()
    recovered(log, faults)
    for segment in log.segments():
        for number, line in enumerate(segment.read()[0], segment.first):
            assert line.startswith(b"{")
            assert not line.startswith(records.PREFIX) or records.parse(line, number) is not None
