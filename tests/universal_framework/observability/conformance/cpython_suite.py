"""Run CPython's own ``test_logging`` with something of ours in the place of stdlib's loggers.

``python cpython_suite.py stock|node|view`` prints one JSON object: how many tests ran, how often ours had a part in it,
and the last line of each failure by the test's name. ``node`` sets `LoggerNode` as logger class, which each test
undoes, so it is set again when a test begins. ``view`` lets ``logging.getLogger`` return a `UniversalFrameworkLogger`
on the node, but only to the module under test: the standard library itself goes on with nodes.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import unittest
from collections.abc import Callable

from test import test_logging

from universal_framework.observability.node import LoggerNode
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

taken = 0


def _before_each(prepare: Callable[[], None]) -> None:
    original = test_logging.BaseTest.setUp

    def set_up(self: unittest.TestCase) -> None:
        original(self)
        prepare()

    test_logging.BaseTest.setUp = set_up


def stock() -> None:
    """Change nothing."""


def node() -> None:
    """Let every logger be a `LoggerNode`, once a test's preparations are over."""
    original = LoggerNode.callHandlers

    def counted(self: LoggerNode, record: logging.LogRecord) -> None:
        global taken  # noqa: PLW0603
        taken += 1
        original(self, record)

    LoggerNode.callHandlers = counted
    _before_each(lambda: logging.setLoggerClass(LoggerNode))


def view() -> None:
    """Hand the tests views, one for each node as long as that lives."""
    original = logging.getLogger
    views: dict[logging.Logger, UniversalFrameworkLogger] = {}

    def get_logger(name: str | None = None) -> logging.Logger:
        found = original(name)
        of_a_test = sys._getframe(1).f_globals.get("__name__") == test_logging.__name__
        if not of_a_test or type(found) not in (logging.Logger, logging.RootLogger):
            return found
        if found not in views:
            views[found] = UniversalFrameworkLogger("conformance", name=found.name)
        global taken  # noqa: PLW0603
        taken += 1
        return views[found]

    logging.getLogger = get_logger


def main(way: str) -> None:
    {"stock": stock, "node": node, "view": view}[way]()
    suite = unittest.defaultTestLoader.loadTestsFromModule(test_logging)
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    failed = {
        test.id().partition("test_logging.")[2] or test.id(): text.strip().splitlines()[-1]
        for test, text in (*result.failures, *result.errors)
    }
    print(json.dumps({"ran": result.testsRun, "taken": taken, "failed": failed}))


if __name__ == "__main__":
    main(sys.argv[1])
