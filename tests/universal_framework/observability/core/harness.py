"""What the core tests stand on: a clean piece of the logging tree, and nothing outside the standard library.

The modules beside this one import neither pytest nor anything else from a package index, so that ``run.py`` can
execute them with an interpreter that has none. A test takes at most one argument, ``tree``.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from unittest import mock

from universal_framework.observability import _losses
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

NAME = "app.module"


class Records(logging.Handler):
    """Keeps what it is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class Tree:
    """The nodes below ``app``: they report everything, to a handler of their own and to nobody above."""

    name = NAME

    def __init__(self) -> None:
        _losses._heard.clear()  # each test hears of its own losses
        self.handler = Records()
        self.top = logging.getLogger("app")
        self.top.propagate = False
        self.top.setLevel(logging.DEBUG)
        self.top.addHandler(self.handler)

    @property
    def records(self) -> list[logging.LogRecord]:
        return self.handler.records

    @property
    def record(self) -> logging.LogRecord:
        """The one record there is."""
        (record,) = self.records
        return record

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    @property
    def node(self) -> logging.Logger:
        return logging.getLogger(NAME)

    def logger(self, component: str = "billing", **options: object) -> UniversalFrameworkLogger:
        return UniversalFrameworkLogger(component, **{"name": NAME, **options})

    @staticmethod
    @contextlib.contextmanager
    def stderr() -> Iterator[io.StringIO]:
        """Catch what is written to stderr."""
        with mock.patch.object(sys, "stderr", io.StringIO()) as stream:
            yield stream


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Put back everything of `logging` that is common to a process."""
    manager, root = logging.Logger.manager, logging.getLogger()
    nodes = dict(manager.loggerDict)
    states = [(node, dict(vars(node))) for node in (root, *nodes.values()) if isinstance(node, logging.Logger)]
    lists = [(held, held[:]) for _, state in states for held in (state["handlers"], state["filters"])]
    methods = {name: value for name, value in vars(logging.Logger).items() if not name.startswith("__")}
    names = [(held, dict(held)) for held in (logging._levelToName, logging._nameToLevel)]
    common = logging.getLoggerClass(), logging.getLogRecordFactory(), logging.raiseExceptions, manager.disable
    try:
        yield
    finally:
        for name in vars(logging.Logger).keys() - methods.keys():
            if not name.startswith("__"):
                delattr(logging.Logger, name)
        for name, value in methods.items():
            if vars(logging.Logger)[name] is not value:
                setattr(logging.Logger, name, value)
        manager.loggerDict.clear()
        manager.loggerDict.update(nodes)
        for node, state in states:
            vars(node).clear()
            vars(node).update(state)
        for held, content in lists:
            held[:] = content
        for held, content in names:
            held.clear()
            held.update(content)
        logging.setLoggerClass(common[0])
        logging.setLogRecordFactory(common[1])
        logging.raiseExceptions = common[2]
        manager.disable = common[3]
        manager._clear_cache()


@contextlib.contextmanager
def fresh_tree() -> Iterator[Tree]:
    with preserved():
        yield Tree()
