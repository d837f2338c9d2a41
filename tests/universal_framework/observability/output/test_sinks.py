"""What callers hand over comes out, each line once and in order; what does not is counted and said."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from universal_framework.observability import _sinks
from universal_framework.observability._outputs import FileOutput, StreamOutput

BOTH = pytest.mark.parametrize("direct", [False, True], ids=["queued", "direct"])


@BOTH
def test_lines_of_many_threads_come_out_once_and_in_the_order_of_each(tmp_path, sink, direct) -> None:
    one = sink(tmp_path / "app.log", direct=direct)

    def report(name: int) -> None:
        for number in range(3000):
            one.write(b"%d %d\n" % (name, number))

    threads = [threading.Thread(target=report, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.flush(30)
    lines = (tmp_path / "app.log").read_bytes().splitlines()
    for name in range(4):
        assert [line for line in lines if line.startswith(b"%d " % name)] == [
            b"%d %d" % (name, number) for number in range(3000)
        ]
    assert one.stats() == _sinks.SinkStats(12000, 0, 0, 0, None)


def test_a_direct_line_is_there_when_write_returns(tmp_path, sink) -> None:
    one = sink(tmp_path / "app.log", direct=True)
    for number in range(50):
        one.write(b"%d\n" % number)
        assert (tmp_path / "app.log").read_bytes().endswith(b"%d\n" % number)


@BOTH
def test_a_signal_handler_may_log(tmp_path, sink, direct) -> None:
    one = sink(tmp_path / "app.log", direct=direct)
    handled, numbers = [], itertools.count()

    def handler(number: int, frame: object) -> None:
        mine = next(numbers)  # one handler may interrupt another
        handled.append(mine)
        one.write(b"signal %d\n" % mine)

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        count = 0
        while len(handled) < 100:
            one.write(b"main %d\n" % count)
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert one.flush(30)
    lines = (tmp_path / "app.log").read_bytes().splitlines()
    signals = [b"signal %d" % number for number in range(len(handled))]
    assert sorted(line for line in lines if line.startswith(b"signal")) == sorted(signals)
    assert [line for line in lines if line.startswith(b"main")] == [b"main %d" % n for n in range(count)]


def test_the_writer_sleeps_while_there_is_nothing(tmp_path, sink) -> None:
    one = sink(tmp_path / "app.log")
    one.write(b"x\n")
    assert one.flush(10)
    deadline = time.monotonic() + 10
    while not one._asleep and time.monotonic() < deadline:
        time.sleep(0.01)
    assert one._asleep
    one.write(b"y\n")
    assert one.flush(10)


def test_a_line_that_comes_while_the_writer_falls_asleep_keeps_it_awake(tmp_path, sink) -> None:
    one = sink(tmp_path / "app.log")
    one._queue.append(b"x\n")  # a caller that has appended, and has not asked yet whether the writer sleeps
    asleep = threading.Thread(target=one._sleep_until_woken)
    asleep.start()
    asleep.join(10)
    woke = not asleep.is_alive()
    one._signal.put(None)
    assert woke


# -- a reader that does not keep up -------------------------------------------------------------------------------


def _lost_by_notice(lines: list[bytes]) -> int:
    return sum(int(found.group(1)) for line in lines if (found := re.match(rb"(\d+) log lines were lost", line)))


@pytest.mark.parametrize("limit", [{"lines": 50}, {"bytes": 4000}], ids=["lines", "bytes"])
def test_a_full_queue_drops_what_is_new_and_says_how_many(pipe, sink, limit) -> None:
    one = sink(pipe.writing, **limit)
    sent = [b"%06d %s\n" % (number, b"x" * 60) for number in range(5000)]
    for line in sent:
        one.write(line)
    stats = one.stats()
    assert stats.lost > 0
    assert stats.queued <= limit.get("lines", 5000)
    assert stats.queued_bytes <= limit.get("bytes", 1 << 20)
    pipe.read()
    assert one.flush(30)
    one.write(b"last\n")
    one.close()
    lines = pipe.lines()
    kept = [line for line in lines if line in set(sent)]
    assert kept == sorted(kept)
    assert len(kept) + one.stats().lost == len(sent)
    assert _lost_by_notice(lines) == one.stats().lost
    assert one.stats().written == len(kept) + 1


def test_blocking_loses_nothing_while_the_reader_reads(pipe, sink) -> None:
    one = sink(pipe.writing, lines=20, when_full="block", block_seconds=60.0)
    pipe.read()
    sent = [b"%06d %s\n" % (number, b"x" * 400) for number in range(3000)]
    for line in sent:
        one.write(line)
    one.close()
    assert pipe.lines() == sent


def test_blocking_gives_up_once_and_not_for_every_line(pipe, sink, monkeypatch) -> None:
    one = sink(pipe.writing, lines=5, when_full="block", block_seconds=0.05)
    waits = []
    sleep = time.sleep
    monkeypatch.setattr(_sinks.time, "sleep", lambda seconds: (waits.append(threading.get_ident()), sleep(seconds)))
    for number in range(3000):
        one.write(b"%06d %s\n" % (number, b"x" * 400))
    waited = waits.count(threading.get_ident())
    assert one.stats().lost > 2000
    assert 0 < waited < 200
    pipe.read()
    assert one.flush(30)
    assert one._waits
    one.close()
    pipe.lines()


def test_a_line_longer_than_the_queue_goes_through_alone(tmp_path, sink) -> None:
    one = sink(tmp_path / "app.log", bytes=100)
    long = b"x" * 1000 + b"\n"
    one.write(long)
    assert one.flush(10)
    assert (tmp_path / "app.log").read_bytes() == long


def test_flush_says_that_it_did_not_manage(pipe, sink) -> None:
    one = sink(pipe.writing)
    for _ in range(100):
        one.write(b"x" * 4000 + b"\n")
    assert one.flush(0.3) is False
    pipe.read()
    assert one.flush(30) is True
    one.close()
    assert len(pipe.lines()) == 100


@BOTH
def test_a_reader_that_never_comes_holds_nobody_for_ever(pipe, sink, direct, monkeypatch, capfd) -> None:
    monkeypatch.setattr(_sinks, "CLOSE_SECONDS", 0.2)
    one = sink(pipe.writing, direct=direct, block_seconds=0.1)
    for _ in range(100):
        one.write(b"x" * 4000 + b"\n")
    one.close()
    stats = one.stats()
    assert stats.written + stats.lost == 100
    assert stats.lost > 0
    assert f"{stats.lost} lines lost" in capfd.readouterr().err


# -- an output that fails -----------------------------------------------------------------------------------------


@BOTH
def test_a_reader_that_went_costs_lines_but_raises_nothing(pipe, sink, direct, capfd) -> None:
    one = sink(pipe.writing, direct=direct)
    os.close(pipe.reading)
    pipe.reading = -1
    for _ in range(100):
        one.write(b"x\n")
    one.flush(10)
    stats = one.stats()
    assert (stats.written, stats.lost, stats.queued) == (0, 100, 0)
    assert "Broken pipe" in stats.last_error
    assert capfd.readouterr().err.count("Broken pipe") == 1


class Failing:
    """An output that fails while it is told to."""

    name = "somewhere"

    def __init__(self, path: object) -> None:
        self.output = FileOutput(path)
        self.error: Exception | None = None

    def write(self, lines, patience=0.1):
        if self.error is not None:
            raise self.error
        return self.output.write(lines, patience)

    def after_fork(self) -> None:
        self.output.after_fork()

    def close(self) -> None:
        self.output.close()


@BOTH
def test_an_output_that_raises_is_tried_again_and_said_once(tmp_path, sink, direct, capfd) -> None:
    output = Failing(tmp_path / "app.log")
    one = sink(output, direct=direct)
    output.error = ZeroDivisionError("a bug")
    for number in range(100):
        one.write(b"%d\n" % number)
    assert one.flush(0.2) is False
    assert one.stats().last_error == "ZeroDivisionError: a bug"
    output.error = None
    assert one.flush(10) is True
    assert (tmp_path / "app.log").read_bytes() == b"".join(b"%d\n" % number for number in range(100))
    assert capfd.readouterr().err.count("a bug") == 1


@BOTH
def test_nothing_is_said_where_logging_was_told_not_to(tmp_path, sink, direct, capfd, monkeypatch) -> None:
    import logging

    monkeypatch.setattr(logging, "raiseExceptions", False)
    output = Failing(tmp_path / "app.log")
    output.error = OSError(5, "bad disk")
    one = sink(output, direct=direct)
    one.write(b"x\n")
    one.flush(0.1)
    assert capfd.readouterr().err == ""
    output.error = None


def test_a_full_disk_keeps_lines_until_there_is_room_and_no_line_is_torn(program) -> None:
    ended = program(
        """
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        sink = queued()
        for number in range(2000):
            sink.write(b"%06d %s\\n" % (number, b"x" * 30))
        assert not sink.flush(0.5)
        stats = sink.stats()
        assert stats.lost == 0 and stats.queued > 0 and "File too large" in stats.last_error, stats
        with open("app.log", "ab") as other:
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert sink.flush(20)
        """
    )
    assert ended.lines == [b"%06d %s\n" % (number, b"x" * 30) for number in range(2000)]
    assert ended.err.count("File too large") == 1


def test_a_line_torn_by_a_full_disk_is_written_again_where_others_wrote_behind_it(program) -> None:
    ended = program(
        """
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1003, hard))
        sink = queued()
        for number in range(200):
            sink.write(b"%09d\\n" % number)
        assert not sink.flush(0.3)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        """,
    )
    assert [line for line in ended.lines if len(line) == 10] == [b"%09d\n" % number for number in range(200)]
    ended = program(
        """
        import subprocess
        os.unlink("app.log")
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        sink = DirectSink(FileOutput("app.log"), Limits(block_seconds=0.01))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1003, hard))
        for number in range(200):
            sink.write(b"%09d\\n" % number)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        with open("app.log", "ab") as other:
            other.write(b"another process\\n")
        assert sink.flush(5)
        """,
    )
    assert [line for line in ended.lines if len(line) == 10] == [b"%09d\n" % number for number in range(200)]


def test_a_disk_that_stays_full_to_the_end_is_said_with_the_number_of_lines(program) -> None:
    ended = program(
        """
        from universal_framework.observability import _exits
        _exits.EXIT_SECONDS = 0.3
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        sink = queued()
        for number in range(200):
            sink.write(b"%09d\\n" % number)
        """,
    )
    assert len(ended.lines) == 100
    assert "100 lines lost" in ended.err


def test_lines_are_written_where_no_thread_can_be_started(tmp_path, sink, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_sinks, "start_new_thread", refuse)
    one = sink(tmp_path / "app.log")
    one.write(b"1\n")
    one.write(b"2\n")
    assert (tmp_path / "app.log").read_bytes() == b"1\n2\n"


@BOTH
def test_a_line_that_comes_after_the_end_is_written(tmp_path, sink, direct) -> None:
    one = sink(tmp_path / "app.log", direct=direct)
    one.write(b"1\n")
    one.close()
    one.write(b"2\n")
    one.close()
    one.write(b"3\n")
    assert (tmp_path / "app.log").read_bytes() == b"1\n2\n3\n"
    open_now = [
        os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    ]
    assert str(tmp_path / "app.log") not in open_now


def test_a_sink_that_is_closed_leaves_no_thread(tmp_path, sink) -> None:
    one = sink(tmp_path / "app.log")
    one.write(b"x\n")
    one.close()
    assert not one._running


def test_stderr_is_a_sink_like_any_other(sink, capfd, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    one = sink(StreamOutput("stderr"))
    one.write(b"to stderr\n")
    assert one.flush(10)
    assert "to stderr" in capfd.readouterr().err


def test_a_line_of_a_signal_handler_within_a_direct_write_does_not_wait_for_the_next(tmp_path, sink) -> None:
    class Interrupted(Failing):
        def write(self, lines, patience=0.1):
            if lines[0] == b"outer\n":
                one.write(b"inner\n")
            return super().write(lines, patience)

    one = sink(Interrupted(tmp_path / "app.log"), direct=True)
    one.write(b"outer\n")
    assert sorted((tmp_path / "app.log").read_bytes().splitlines()) == [b"inner", b"outer"]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EINTR", "EAGAIN", "EBADF"])
def test_an_error_of_any_write_costs_no_line(program, tmp_path, error) -> None:
    (tmp_path / "app.log").touch()
    ended = program(
        """
        sink = queued()
        for number in range(300):
            sink.write(b"%d\\n" % number)
            if number % 10 == 0:
                assert sink.flush(20) or sink.flush(20)
        assert sink.flush(20)
        print(sink.stats().last_error)
        """,
        through=[
            "strace",
            "-f",
            "-o",
            os.devnull,
            "-P",
            str(tmp_path / "app.log"),
            "-e",
            f"inject=write:error={error}:when=3+4",
        ],
    )
    assert (b"None" in ended.out) is (error in {"EINTR", "EAGAIN"})
    assert ended.lines == [b"%d\n" % number for number in range(300)]


def test_a_disk_without_room_keeps_lines_until_somebody_makes_some(tmp_path, sink, capfd) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode:
        pytest.skip("no disk can be mounted here; see the tests with RLIMIT_FSIZE")
    try:
        (folder / "filler").write_bytes(b"x" * 40960)
        one = sink(folder / "app.log")
        sent = [b"%05d %s\n" % (number, b"x" * 94) for number in range(500)]
        for line in sent:
            one.write(line)
        assert one.flush(0.5) is False
        assert "No space left" in one.stats().last_error
        (folder / "filler").unlink()
        assert one.flush(20) is True
        one.close()
        assert (folder / "app.log").read_bytes() == b"".join(sent)
        assert one.stats().lost == 0
    finally:
        subprocess.run(["umount", folder], check=True)
