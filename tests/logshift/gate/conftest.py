"""Helpers for the tests of the gate: what `check` says as a value, and a project under git."""

from __future__ import annotations

import json

import pytest

MADE = "import logging\n\nlogger = logging.getLogger(__name__)\nlogger.info('x')\n"


@pytest.fixture
def made():
    """Return a module with one legacy logger."""
    return MADE


@pytest.fixture
def checked(logshift):
    """Check the working directory; return the JSON report with the exit status in it."""

    def run(*arguments):
        told = logshift("check", "--output-format", "json", *arguments)
        assert told.err == ""
        return json.loads(told.out) | {"status": told.status}

    return run


@pytest.fixture
def found(checked):
    """Check the working directory; return ``line CODE`` for each finding that counts, and for each suppressed one."""

    def run(*arguments):
        report = checked(*arguments)
        return [[f"{one['line']} {one['code']}" for one in report[kind]] for kind in ("findings", "suppressed")]

    return run


@pytest.fixture
def repository(project, git):
    """Make the working directory a repository with these files committed on `main`; return what runs git in it."""

    def make(files):
        root = project(files)

        def run(*arguments):
            done = git(root, "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments)
            assert done.returncode == 0, done.stderr
            return done.stdout.decode().strip()

        run("init", "-q", "-b", "main")
        run("add", "-A")
        run("commit", "-qm", "first")
        run.root = root
        return run

    return make
