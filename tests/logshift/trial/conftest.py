"""Small projects with tests of their own, and the command that tries a migration of them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

JOBS = """\
import logging

logger = logging.getLogger(__name__)


def work(n):
    logger.info("work %d", n, extra={"n": n})
    if not n:
        logger.warning("nothing to do")
    return n
"""
TESTS = """\
from app.jobs import work


def test_says_what_it_does(caplog):
    caplog.set_level("INFO")
    work(1)
    assert "work 1" in caplog.text


def test_warns(caplog):
    assert work(0) == 0
"""


@pytest.fixture
def sources():
    """Return a package with a legacy logger, and its tests."""
    return {"app/__init__.py": "", "app/jobs.py": JOBS, "tests/test_jobs.py": TESTS}


@pytest.fixture(autouse=True)
def inner(tmp_path_factory, monkeypatch):
    """Give the tested projects the runtime, none of our plugins, and a folder for scratch copies; return that."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("PYTHONPATH", f".{os.pathsep}{ROOT / 'src'}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return folder


@pytest.fixture
def prove(logshift, inner):
    """Try a migration; return the exit status, the JSON report's part on it, and what was said."""

    def run(*arguments, command=(sys.executable, "-m", "pytest", "-q")):
        told = logshift("prove", *arguments, "--output-format", "json", "--", *command)
        assert "--keep" in arguments or list(inner.iterdir()) == []
        trial = json.loads(told.out)["trial"] if told.out else None
        return told.status, trial, told.err

    return run
