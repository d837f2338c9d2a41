"""What tests of several rooms share: nobody's environment, a small project, a command in this process."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from logshift.__main__ import main


class Told(NamedTuple):
    """What a command has said, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def told():
    """Return the type of what a command has said."""
    return Told


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
