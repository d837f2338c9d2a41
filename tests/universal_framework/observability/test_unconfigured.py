"""Where nobody configured anything, it behaves as stdlib does; each case is a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import universal_framework.observability.unified_logger as module

SOURCE = Path(module.__file__).resolve().parents[2]

HOUSE = """
import logging, sys; sys.path.insert(0, {source!r})
from universal_framework.observability.unified_logger import UniversalFrameworkLogger
logger = UniversalFrameworkLogger("billing")
"""
STDLIB = """
import logging, sys
# as many lines as above
logger = logging.getLogger(__name__)
"""


def _run(program: str, *options: str, stdlib: bool = False) -> tuple[str, str, int]:
    head = STDLIB if stdlib else HOUSE.format(source=str(SOURCE))
    done = subprocess.run(
        [sys.executable, *options, "-c", head + program], capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout, done.stderr, done.returncode


EVERY_LEVEL = """
for method in ("debug", "info", "warning", "error", "critical"):
    getattr(logger, method)("a %s of %d", method, 1)
try:
    raise ValueError("kaboom")
except ValueError:
    logger.exception("caught")
"""

PROGRAMS = {
    "nothing configured": EVERY_LEVEL,
    "basicConfig": "logging.basicConfig(level=logging.INFO)\n" + EVERY_LEVEL,
    "basicConfig with a format": (
        "logging.basicConfig(format='%(levelname)s:%(name)s:%(funcName)s:%(message)s', stream=sys.stdout)\n"
        + EVERY_LEVEL
    ),
    "last resort lowered": "logging.lastResort.setLevel(0)\nlogger.setLevel(0)\n" + EVERY_LEVEL,
    "no last resort": "logging.lastResort = None\n" + EVERY_LEVEL,
    "a null handler": "logger.addHandler(logging.NullHandler())\n" + EVERY_LEVEL,
    "a level of its own": "logger.setLevel('ERROR')\n" + EVERY_LEVEL,
    "disabled": "logging.disable(logging.ERROR)\n" + EVERY_LEVEL,
    "bad arguments": "logging.raiseExceptions = False\nlogger.warning('%d', 'x')\nlogger.warning('after')\n",
    "no stderr": "sys.stderr = None\n" + EVERY_LEVEL + "\nprint('alive')",
    "at exit": "import atexit\natexit.register(lambda: logger.warning('bye'))\n",
    "in a thread": "import threading\nthreading.Thread(target=lambda: logger.warning('hi')).start()\n",
    "in a child process": "import os\nif os.fork():\n    os.wait()\nelse:\n    logger.warning('child'); os._exit(0)\n",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_it_writes_what_stdlib_writes(program: str) -> None:
    assert _run(program) == _run(program, stdlib=True)


def test_the_comparison_compares_something() -> None:
    out, err, status = _run(PROGRAMS["nothing configured"])
    assert (out, status) == ("", 0)
    lines = err.splitlines()
    assert lines[:4] == ["a warning of 1", "a error of 1", "a critical of 1", "caught"]
    assert lines[-1] == "ValueError: kaboom"
    assert "info" not in err


def test_an_imported_structlog_that_nobody_configured_changes_nothing() -> None:
    program = "import structlog, structlog.testing\n" + EVERY_LEVEL
    assert _run(program) == _run(program, stdlib=True)


def test_via_structlog_loads_structlog_where_nobody_did() -> None:
    program = (
        "assert 'structlog' not in sys.modules\n"
        "logger = UniversalFrameworkLogger('billing', via='structlog')\n"
        "logger.info('the message', key='value')\n"
    )
    out, err, status = _run(program)
    assert "the message" in out
    assert "key=value" in out
    assert (err, status) == ("", 0)


def test_a_closed_stderr_is_survived_where_stdlib_is_not() -> None:
    # logging.Handler.handleError passes on the ValueError of the closed file
    program = "sys.stderr.close()\n" + EVERY_LEVEL + "\nprint('alive')"
    assert _run(program)[0] == "alive\n"
    assert _run(program, stdlib=True)[0] == ""


def test_a_logger_of_main_is_called_main() -> None:
    assert _run("print(logger.name)") == ("__main__\n", "", 0)


def test_dev_mode_finds_nothing_to_complain_about() -> None:
    out, err, status = _run("logger.info('x', user='ann')\nlogger.bind(a=1).warn('w')\n", "-X", "dev", "-W", "error")
    assert (out, err, status) == ("", "w\n", 0)


def test_events_pickled_in_one_process_and_reported_in_another_keep_their_fields() -> None:
    import pickle

    logger = module.UniversalFrameworkLogger("billing", name="shop.orders").bind(user="ann")
    program = (
        f"import pickle\nlogger = pickle.loads({pickle.dumps(logger)!r})\n"
        "logging.basicConfig(format='%(name)s %(component)s %(user)s %(message)s', stream=sys.stdout)\n"
        "logger.warning('x')\n"
    )
    assert _run(program)[0] == "shop.orders billing ann x\n"
