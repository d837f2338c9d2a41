"""Bytes leave the process whole and in order, whatever the system calls make of them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability import _outputs
from universal_framework.observability._outputs import FileOutput, Hindrance, Rotation, StreamOutput

EXAMPLES = settings(
    max_examples=500 if os.environ.get("LOGSHIFT_FULL") else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

LINES = st.lists(
    st.integers(0, 9).flatmap(lambda digit: st.integers(0, 9000).map(lambda size: b"%d" % digit * size + b"\n")),
    max_size=30,
)

#: What the system makes of one call: how much it takes of what is offered, or an error.
FATES = st.lists(st.one_of(st.floats(0.01, 1.0), st.sampled_from([errno.EAGAIN, errno.ENOSPC, errno.EIO])), max_size=40)


class System:
    """Stands for ``os.write``, and does to each call what it is told; then all goes well."""

    def __init__(self, fates: list[float | int]) -> None:
        self.fates = list(fates)
        self.calls: list[bytes] = []
        self.taken = b""

    def write(self, _fd: int, data: bytes) -> int:
        self.calls.append(data)
        fate = self.fates.pop(0) if self.fates else 1.0
        if isinstance(fate, int):
            raise OSError(fate, os.strerror(fate))
        count = max(int(len(data) * fate), 1)
        self.taken += data[:count]
        return count


def _all_of(output: StreamOutput, lines: list[bytes]) -> None:
    left = list(lines)
    for _ in range(200):
        left = left[output.write(left).lines :]
        if not left:
            return
    raise AssertionError("it never ends")


@pytest.mark.parametrize("kind", ["pipe", "file"])
@EXAMPLES
@given(lines=LINES, fates=FATES)
def test_partial_writes_and_errors_neither_lose_nor_repeat_a_byte(kind, lines, fates, tmp_path_factory) -> None:
    system = System(fates)
    reading, writing = os.pipe()
    fd = writing if kind == "pipe" else os.open(os.devnull, os.O_WRONLY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_outputs.os, "write", system.write)
        _all_of(StreamOutput(fd), lines)
    for one in {reading, writing, fd}:
        os.close(one)
    assert system.taken == b"".join(lines)


@EXAMPLES
@given(lines=LINES)
def test_a_line_that_a_pipe_takes_in_one_piece_is_never_in_two(lines) -> None:
    system = System([])
    reading, writing = os.pipe()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_outputs.os, "write", system.write)
        _all_of(StreamOutput(writing), lines)
    os.close(reading)
    os.close(writing)
    assert all(len(call) <= _outputs._PIPE for call in system.calls)
    short = [line for line in lines if len(line) <= _outputs._PIPE]
    whole = Counter(line for call in system.calls for line in call.splitlines(keepends=True) if line.endswith(b"\n"))
    assert not Counter(short) - whole


def test_several_processes_share_a_pipe_and_no_line_is_torn(pipe) -> None:
    program = textwrap.dedent(
        """
        import sys
        from universal_framework.observability._outputs import StreamOutput
        from universal_framework.observability._sinks import QueuedSink
        sink = QueuedSink(StreamOutput(1))
        for number in range(2000):
            sink.write((f"{sys.argv[1]} {number} " + sys.argv[1] * (number * 7 % 4000)).encode() + b"\\n")
        sink.close()
        """
    )
    pipe.read()
    source = str(Path(_outputs.__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, name], stdout=pipe.writing, env={**os.environ, "PYTHONPATH": source}
        )
        for name in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    lines = pipe.lines()
    for name in "abc":
        own = [line for line in lines if line.startswith(name.encode())]
        assert own == [(f"{name} {number} " + name * (number * 7 % 4000)).encode() + b"\n" for number in range(2000)]
    assert len(lines) == 6000


def test_a_pipe_that_does_not_block_gets_everything(pipe) -> None:
    os.set_blocking(pipe.writing, False)
    output = StreamOutput(pipe.writing)
    lines = [b"%d " % number + b"x" * (number * 37 % 9000) + b"\n" for number in range(300)]
    result = output.write(lines, 0.0)
    assert result.hindrance is Hindrance.SLOW
    pipe.read()
    left = lines[result.lines :]
    while left:
        left = left[output.write(left).lines :]
    assert pipe.lines() == lines


def test_a_reader_that_went_is_told_from_one_that_is_slow(pipe) -> None:
    os.close(pipe.reading)
    pipe.reading = -1
    assert StreamOutput(pipe.writing).write([b"x\n"]).hindrance is Hindrance.GONE


def test_a_closed_descriptor_is_gone() -> None:
    fd = os.open(os.devnull, os.O_WRONLY)
    os.close(fd)
    assert StreamOutput(fd).write([b"x\n"]).hindrance is Hindrance.GONE


def test_a_full_disk_is_not_final() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    fd = os.open("/dev/full", os.O_WRONLY)
    result = StreamOutput(fd).write([b"x\n"])
    os.close(fd)
    assert (result.lines, result.hindrance) == (0, Hindrance.FAILING)
    assert result.error.errno == errno.ENOSPC


def test_standard_output_that_was_put_aside_gets_text(capsys) -> None:
    assert StreamOutput("stdout").write(["zwölf\n".encode()]).lines == 1
    assert capsys.readouterr().out == "zwölf\n"


def test_standard_output_that_is_closed_is_gone(monkeypatch) -> None:
    import io

    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert StreamOutput("stdout").write([b"x\n"]).hindrance is Hindrance.GONE


class Times:
    """A clock and a timer that stand until they are moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def times() -> Times:
    return Times()


def test_a_file_that_was_moved_is_made_again(tmp_path, times) -> None:
    path = tmp_path / "app.log"
    output = FileOutput(path, timer=times)
    output.write([b"1\n"])
    path.rename(tmp_path / "app.log.1")
    output.write([b"2\n"])  # it looks once a second at most
    times.now += 1.1
    output.write([b"3\n"])
    output.close()
    assert (tmp_path / "app.log.1").read_bytes() == b"1\n2\n"
    assert path.read_bytes() == b"3\n"


def test_a_file_that_was_truncated_goes_on_at_its_beginning(tmp_path) -> None:
    path = tmp_path / "app.log"
    output = FileOutput(path)
    output.write([b"1\n"])
    os.truncate(path, 0)
    output.write([b"2\n"])
    output.close()
    assert path.read_bytes() == b"2\n"


def test_lines_are_kept_while_the_folder_is_gone(tmp_path, times) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    output = FileOutput(folder / "app.log", timer=times)
    (folder / "app.log").unlink()
    folder.rmdir()
    times.now += 1.1
    result = output.write([b"1\n"])
    assert (result.lines, result.hindrance) == (0, Hindrance.FAILING)
    folder.mkdir()
    times.now += 1.1
    assert output.write([b"1\n"]).lines == 1
    output.close()
    assert (folder / "app.log").read_bytes() == b"1\n"


def test_a_file_is_put_aside_at_its_size_and_old_ones_go(tmp_path, times) -> None:
    path = tmp_path / "app.log"
    output = FileOutput(path, Rotation(max_bytes=100, keep=3), clock=times, timer=times)
    for number in range(100):
        times.now += 1
        output.write([b"%09d\n" % number])
    output.close()
    aside = sorted(tmp_path.glob("app.log.*"))
    assert len(aside) == 3
    assert b"".join(one.read_bytes() for one in [*aside, path]) == b"".join(b"%09d\n" % n for n in range(60, 100))


def test_files_put_aside_within_one_second_do_not_overwrite_each_other(tmp_path, times) -> None:
    path = tmp_path / "app.log"
    output = FileOutput(path, Rotation(max_bytes=10, keep=1000), clock=times, timer=times)
    for number in range(30):
        output.write([b"%09d\n" % number])
    output.close()
    aside = sorted(tmp_path.glob("app.log.*"))
    assert b"".join(one.read_bytes() for one in [*aside, path]) == b"".join(b"%09d\n" % n for n in range(30))


def test_a_file_is_put_aside_at_midnight_utc(tmp_path, times) -> None:
    path = tmp_path / "app.log"
    output = FileOutput(path, Rotation(daily=True), clock=times, timer=times)
    output.write([b"monday\n"])
    output.write([b"monday\n"])
    times.now += 86400
    output.write([b"tuesday\n"])
    output.close()
    (aside,) = tmp_path.glob("app.log.*")
    assert (aside.read_bytes(), path.read_bytes()) == (b"monday\nmonday\n", b"tuesday\n")


def test_files_of_others_are_not_taken_for_old_ones(tmp_path, times) -> None:
    names = ["app.log.1", "app.log.gz", "app.log.20231114", "app.logger.20231114T000000", "other.20231114T000000"]
    for name in names:
        (tmp_path / name).write_bytes(b"theirs\n")
    output = FileOutput(tmp_path / "app.log", Rotation(max_bytes=1, keep=0), clock=times, timer=times)
    for _ in range(4):
        output.write([b"x\n"])
    output.close()
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "app.log"])


def test_processes_that_put_the_same_file_aside_lose_nothing(tmp_path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from universal_framework.observability._outputs import FileOutput, Rotation
        output = FileOutput("app.log", Rotation(max_bytes=2000, keep=100000))
        for number in range(1500):
            assert output.write([f"{sys.argv[1]} {number}\\n".encode()]).lines == 1
        """
    )
    source = str(Path(_outputs.__file__).parents[2])
    processes = [
        subprocess.Popen([sys.executable, "-c", program, name], cwd=tmp_path, env={**os.environ, "PYTHONPATH": source})
        for name in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    lines = [line for one in tmp_path.iterdir() for line in one.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{name} {number}" for name in "abc" for number in range(1500))


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        FileOutput(tmp_path / "missing" / "app.log")


def test_a_fifo_without_a_reader_does_not_hang(tmp_path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="No such device"):
        FileOutput(tmp_path / "fifo")
