"""Helpers for the tests of the command line: a project, commands in this process, and commands as they are started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MOVABLE = "import logging\n\nlogger = logging.getLogger(__name__)\n\n\ndef run(n):\n    logger.info('run %d', n)\n"
MANUAL = "from logging import *\n\nlogger = getLogger('x')\nlogger.info('a')\n"
BROKEN = "import logging\n\nlogger = logging.getLogger(\n"


@pytest.fixture
def sources():
    """Return sources: one that can be moved, one that a person has to look at, and one that is not Python."""
    return {"movable": MOVABLE, "manual": MANUAL, "broken": BROKEN, "clean": "x = 1\n"}


@pytest.fixture
def start():
    """Start a command as the shell does; what is not given is inherited or piped."""

    def run(*arguments, **settings):
        extra = settings.pop("extra", {})
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": {**os.environ, **extra}} | settings
        return subprocess.Popen([sys.executable, "-P", "-m", "logshift", *map(str, arguments)], **settings)

    return run


@pytest.fixture
def process(start, told):
    """Run a command in a process of its own."""

    def run(*arguments, **settings):
        with start(*arguments, **settings) as started:
            out, err = started.communicate(timeout=120)
        decode = lambda data: None if data is None else data.decode("utf-8", "surrogateescape")  # noqa: E731
        return told(started.returncode, decode(out), decode(err))

    return run
