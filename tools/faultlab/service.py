"""``universal-framework serve`` as a process: started, watched, limited, ended."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

ROOT = Path(__file__).parents[2]

#: Patience that suits a table: limits are short, so that a fault is over in seconds; what they mean is docs/service.md.
QUICK = {
    "UF__ENVIRONMENT__NAME": "staging",
    "UF__MONITORING__DATADOG_ENABLED": "false",
    "UF__SECURITY__RATE_LIMIT_REQUESTS": "1000000",
    "UF__SECURITY__REQUEST_TIMEOUT": "6",
    "UF__REDIS__CONNECTION_TIMEOUT": "0.5",
    "UF__REDIS__RETRY_ATTEMPTS": "1",
    "UF__REDIS__RETRY_DELAY": "0.05",
    "UF__LLM__TIMEOUT": "1",
    "UF__LLM__MAX_RETRIES": "1",
    "UF__ERROR_RECOVERY__CIRCUIT_BREAKER_TIMEOUT": "1",
    "UF__ERROR_RECOVERY__WAIT_MAX": "1",
}


def clean_environment() -> dict[str, str]:
    """Return the variables of a machine on which nobody has configured anything."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("UF_", "UNIVERSAL_", "OTEL_", "DD_"))
        and not name.lower().endswith("_proxy")
        and name not in {"REDIS_URL", "OPENAI_API_KEY"}
    }
    return {**kept, "PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


class Service:
    """One process, and the files that hold what it says.

    Args:
        folder: Where those files go; one for each service.
        environ: Variables, over a clean environment.
        arguments: Of the command.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str], *arguments: str) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        drain = () if "--drain-seconds" in arguments else ("--drain-seconds", "0.5")
        command = [sys.executable, "-m", "universal_framework", "serve", "--port", "0", "--log-format", "json"]
        self.process = subprocess.Popen(
            [*command, *drain, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env={**clean_environment(), **environ},
            cwd=folder,
        )
        self._kept = [self._keep(self.process.stdout, "stdout"), self._keep(self.process.stderr, "stderr")]
        self.url = ""

    def _keep(self, pipe: IO[bytes] | None, name: str) -> threading.Thread:
        """Write what comes out of a pipe to a file: a limit on the files of the service must not be one on these."""

        def copy() -> None:
            with open(self.folder / name, "wb", buffering=0) as file:
                while pipe is not None and (data := os.read(pipe.fileno(), 65_536)):
                    file.write(data)

        (self.folder / name).touch()
        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        return thread

    def __enter__(self) -> Self:
        self.wait_until_it_listens()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._ended(60)

    def _ended(self, seconds: float) -> int:
        status = self.process.wait(seconds)
        for thread in self._kept:
            thread.join(20)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return status

    def wait_until_it_listens(self, seconds: float = 90.0) -> None:
        """Return when the port is open.

        Raises:
            RuntimeError: It ended, or did not come so far.
        """
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < deadline:
            if "Serving on " in self.told:
                self.url = self.told.split("Serving on ")[1].split()[0]
                return
            time.sleep(0.02)
        raise RuntimeError(f"the service does not start: {self.told}")

    @property
    def told(self) -> str:
        """What it wrote to standard error."""
        return (self.folder / "stderr").read_text(errors="replace")

    @property
    def logged(self) -> str:
        """What it wrote to standard output."""
        return (self.folder / "stdout").read_text(errors="replace")

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * resource.getpagesize()

    def fill_disk(self) -> None:
        """Let every write to a file fail from now on (EFBIG), as a full disk does."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, hard))

    def empty_disk(self) -> None:
        """Let writes succeed again."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def tell_to_stop(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 60.0) -> int:
        """Send SIGTERM and return the exit status."""
        self.tell_to_stop()
        return self._ended(seconds)
