"""CPython's own tests of `logging` pass with our classes in the place of stdlib's."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import universal_framework

HERE = Path(__file__).resolve().parent

#: Tests that a view cannot pass, because it is a view; nobody's code can tell in any other way.
DEVIATIONS = {
    "ChildLoggerTest.test_child_loggers": "getChild() returns a new view; the test asks for the same object, not an equal one",
    "LogRecordFactoryTest.test_logrecord_class": "wants a handler's filter to raise into the caller; a house logger never does",
    "LoggerTest.test_pickling": "a pickled view comes back as another view that is equal to it",
    "LoggerTest.test_root_logger_aliases": "a view on the root is not the root",
    "MiscTestCase.test__all__": "the runner puts a function of its own in the place of logging.getLogger",
}


def _has_suite() -> bool:
    try:
        return importlib.util.find_spec("test.test_logging") is not None
    except ModuleNotFoundError:
        return False


pytestmark = pytest.mark.skipif(
    not _has_suite(),
    reason="this interpreter came without its own tests; Debian has them in the package libpython3-testsuite",
)


@cache
def _ran(way: str, folder: str) -> dict[str, Any]:
    source = str(Path(universal_framework.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, str(HERE / "cpython_suite.py"), way],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the suite leaves its files."""
    return str(tmp_path_factory.mktemp("cpython"))


def _new_failures(way: str, folder: str) -> dict[str, str]:
    stock, ours = _ran("stock", folder), _ran(way, folder)
    assert stock["ran"] == ours["ran"] > 150
    return {name: text for name, text in ours["failed"].items() if name not in stock["failed"]}


def test_with_our_node_class_nothing_fails_that_does_not_fail_anyway(folder: str) -> None:
    assert _new_failures("node", folder) == {}
    assert _ran("node", folder)["taken"] > 100


def test_with_views_for_loggers_only_what_a_view_cannot_do_fails(folder: str) -> None:
    failures = _new_failures("view", folder)
    unexplained = {name: text for name, text in failures.items() if name not in DEVIATIONS}
    assert unexplained == {}
    assert _ran("view", folder)["taken"] > 100


def test_each_listed_deviation_is_one(folder: str) -> None:
    assert set(DEVIATIONS) - set(_new_failures("view", folder)) == set()
