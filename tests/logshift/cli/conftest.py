"""Helpers for the tests of the command line: a project, commands in this process, and commands as they are started."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NamedTuple

import pytest

from logshift.__main__ import main

MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
MANUAL = "from logging import *\n\nlogger = getLogger('x')\nlogger.info('a')\n"
BROKEN = "import logging\n\nlogger = logging.getLogger(\n"


class Told(NamedTuple):
    """What a command has said, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def environment(tmp_path_factory, monkeypatch):
    """Take away what a person's environment may say."""
    monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    for name in ("NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING", "PYTHONUTF8"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write files into the working directory, an empty project, and return it."""
    monkeypatch.chdir(tmp_path)

    def write(files):
        for name, content in {"pyproject.toml": "", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


@pytest.fixture
def sources():
    """Return sources: one that can be moved, one that a person has to look at, and one that is not Python."""
    return {"movable": MOVABLE, "manual": MANUAL, "broken": BROKEN, "clean": "x = 1\n"}


@pytest.fixture
def logshift(capfd):
    """Run a command in this process."""
    deep = sys.getrecursionlimit()
    capfd.readouterr()

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        sys.stdout.flush()
        return Told(status, *capfd.readouterr())

    yield run
    sys.setrecursionlimit(deep)


@pytest.fixture
def start():
    """Start a command as the shell does; what is not given is inherited or piped."""

    def run(*arguments, **settings):
        extra = settings.pop("extra", {})
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, **extra}} | settings
        return subprocess.Popen([sys.executable, "-P", "-m", "logshift", *map(str, arguments)], **settings)

    return run


@pytest.fixture
def process(start):
    """Run a command in a process of its own."""

    def run(*arguments, **settings):
        with start(*arguments, **settings) as started:
            out, err = started.communicate(timeout=120)
        decode = lambda data: None if data is None else data.decode("utf-8", "surrogateescape")  # noqa: E731
        return Told(started.returncode, decode(out), decode(err))

    return run
