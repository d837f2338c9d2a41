"""Every test starts from a clean logging tree and an unconfigured structlog, and leaves both as they were."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from _pytest.logging import LogCaptureHandler
from structlog.processors import CallsiteParameter

HERE = Path(__file__).resolve().parent


def _harness() -> Any:
    spec = importlib.util.spec_from_file_location("core_harness", HERE / "core" / "harness.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HARNESS = _harness()


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    structlog.reset_defaults()
    with HARNESS.preserved():
        yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def tree(_nothing_is_left_behind: None) -> Any:
    """The nodes below ``app``; see ``core/harness.py``."""
    return HARNESS.Tree()


class Configured:
    """An application that configured structlog, and what came out of it."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.stream = io.StringIO()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    @property
    def event(self) -> dict[str, Any]:
        """The one event there is."""
        (event,) = self.events
        return event

    def logger(self, component: str = "billing", **options: Any) -> Any:
        return self.tree.logger(component, **options)

    def configure(self, **changes: Any) -> None:
        raise NotImplementedError


class Native(Configured):
    """structlog alone, as its documentation recommends for production."""

    def configure(self, **changes: Any) -> None:
        structlog.configure(
            **{
                "processors": [
                    structlog.contextvars.merge_contextvars,
                    structlog.processors.add_log_level,
                    structlog.processors.CallsiteParameterAdder(
                        [CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO, CallsiteParameter.PATHNAME]
                    ),
                    structlog.processors.StackInfoRenderer(),
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
                "wrapper_class": structlog.make_filtering_bound_logger(logging.DEBUG),
                "logger_factory": structlog.WriteLoggerFactory(self.stream),
                "cache_logger_on_first_use": True,
                **changes,
            }
        )


class ThroughFormatter(Configured):
    """structlog in front of the tree, rendered by a formatter: https://www.structlog.org/en/stable/standard-library.html"""

    def configure(self, **changes: Any) -> None:
        formatter = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter)
        self.tree.top.addHandler(handler)
        structlog.configure(
            **{
                "processors": [
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.filter_by_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.PositionalArgumentsFormatter(),
                    structlog.processors.CallsiteParameterAdder(
                        [CallsiteParameter.FUNC_NAME, CallsiteParameter.LINENO, CallsiteParameter.PATHNAME]
                    ),
                    structlog.processors.StackInfoRenderer(),
                    structlog.processors.format_exc_info,
                    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
                ],
                "wrapper_class": structlog.stdlib.BoundLogger,
                "logger_factory": structlog.stdlib.LoggerFactory(),
                "cache_logger_on_first_use": True,
                **changes,
            }
        )


class ThroughRecords(Configured):
    """structlog in front of the tree, fields handed over as ``extra``: ``render_to_log_kwargs``."""

    def configure(self, **changes: Any) -> None:
        structlog.configure(
            **{
                "processors": [
                    structlog.contextvars.merge_contextvars,
                    structlog.stdlib.filter_by_level,
                    structlog.stdlib.PositionalArgumentsFormatter(),
                    structlog.stdlib.render_to_log_kwargs,
                ],
                "wrapper_class": structlog.stdlib.BoundLogger,
                "logger_factory": structlog.stdlib.LoggerFactory(),
                "cache_logger_on_first_use": True,
                **changes,
            }
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        known = vars(logging.makeLogRecord({})).keys()
        return [
            {
                "event": record.getMessage(),
                "level": record.levelname.lower(),
                "func_name": record.funcName,
                "lineno": record.lineno,
                "pathname": record.pathname,
                **({"exception": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}),
                **({"stack": record.stack_info} if record.stack_info else {}),
                **{key: value for key, value in vars(record).items() if key not in known and key != "message"},
            }
            for record in self.tree.records
        ]


FLAVOURS = {"native": Native, "through_formatter": ThroughFormatter, "through_records": ThroughRecords}


@pytest.fixture(params=FLAVOURS)
def configured(request: pytest.FixtureRequest, tree: Any) -> Configured:
    """An application that configured structlog, in each of the usual ways."""
    application: Configured = FLAVOURS[request.param](tree)
    application.configure()
    return application


@pytest.fixture
def native(tree: Any) -> Configured:
    """An application that configured structlog and nothing else."""
    application = Native(tree)
    application.configure()
    return application


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Take off the handlers that pytest puts on every node that does not propagate: they raise on bad formats."""
    tree = pyfuncitem.funcargs.get("tree")
    if tree is not None:
        tree.top.handlers[:] = [one for one in tree.top.handlers if not isinstance(one, LogCaptureHandler)]
    return (yield)
