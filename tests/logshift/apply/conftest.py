"""Helpers for the tests of writing: a project on disk, the commands, and processes that meet with faults."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from logshift.__main__ import main
from logshift.apply import Change, Journal, apply

FAULTY = Path(__file__).with_name("faulty.py")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Keep compiled configurations away from the user's."""
    monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


class Files:
    """A folder of files, and what is in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files):
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def bytes(self):
        """Return the bytes of every file by path, those of the journal left out."""
        return {name: data for name, data in self.everything().items() if not name.startswith(".logshift/")}

    def everything(self):
        """Return the bytes of every file by path, and None for every folder."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes() if path.is_file() else None
            for path in self.root.rglob("*")
        }

    def strays(self):
        """Return what a run has left behind beside the files."""
        return sorted(name for name in self.bytes() if ".logshift" in name and name != ".logshift")

    @property
    def journal(self):
        return Journal(str(self.root))

    def change(self, *names, by=b"# new\n"):
        """Write a run that appends to the named files, all Python files by default; return its name."""
        chosen = names or sorted(name for name in self.bytes() if name.endswith(".py"))
        data = {name: (self.root / name).read_bytes() for name in chosen}
        changes = [Change(str(self.root / name), before, before + by) for name, before in data.items()]
        with self.journal.locked():
            return apply(self.journal, changes, "config")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Return the working directory, an empty project."""
    monkeypatch.chdir(tmp_path)
    return Files(tmp_path)


class Told(NamedTuple):
    """What a command has said, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def logshift(capfd):
    """Run a command in this process."""
    deep = sys.getrecursionlimit()
    capfd.readouterr()

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return Told(status, *capfd.readouterr())

    yield run
    sys.setrecursionlimit(deep)


@pytest.fixture
def faulty():
    """Run `apply`, `rollback` or a logshift command in a process of its own that meets with a fault."""

    def run(root, fault, point, *command, wait=True, note=None):
        arguments = [sys.executable, "-P", str(FAULTY), fault, str(point), str(note or "-"), *command]
        process = subprocess.Popen(
            arguments, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        if not wait:
            return process
        out, err = process.communicate(timeout=120)
        return Told(process.returncode, out, err)

    return run


@pytest.fixture
def points(faulty, tmp_path_factory):
    """Count the points at which a command could be struck."""

    def count(files, *command):
        copy = tmp_path_factory.mktemp("count") / "project"
        shutil.copytree(files.root, copy)
        note = copy.parent / "count"
        told = faulty(copy, "count", 0, *command, note=note)
        assert note.exists(), told
        return int(note.read_text())

    return count


KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else None


@pytest.fixture
def killed():
    """Return the exit status of a process that was killed."""
    if KILLED is None:
        pytest.skip("no SIGKILL here")
    return KILLED


@pytest.fixture
def until():
    """Wait until something is so."""

    def wait(condition):
        for _ in range(6000):
            if condition():
                return
            time.sleep(0.01)
        raise AssertionError("waited in vain")

    return wait


@pytest.fixture
def unprivileged(monkeypatch):
    """Return a project for a test that must not be the superuser's: nothing is forbidden to them."""
    if not hasattr(os, "geteuid"):
        pytest.skip("no POSIX permissions here")
    root = Path(tempfile.mkdtemp(prefix="logshift-"))  # not below pytest's own folder, which nobody else may enter
    superuser = os.geteuid() == 0
    nobody = 65534
    try:
        if superuser:
            os.chown(root, nobody, nobody)
            os.seteuid(nobody)
        monkeypatch.chdir(root)
        monkeypatch.setenv("LOGSHIFT_CACHE_DIR", str(root / "cache"))
        yield Files(root)
    finally:
        monkeypatch.chdir("/")
        if superuser:
            os.seteuid(0)
        for folder in [root, *root.rglob("*")]:
            if folder.is_dir() and not folder.is_symlink():
                folder.chmod(0o700)
        shutil.rmtree(root)
