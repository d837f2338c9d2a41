"""A pytest plugin that runs structlog's own tests with the house logger in the place of structlog's.

Where a test asks structlog for a logger – by `get_logger`, `wrap_logger`, or by calling a bound logger's class –, it
gets a `UniversalFrameworkLogger`, and structlog is configured with what the test passed. structlog itself goes on with
its own classes: they are what the house logger reports through. Loaded by ``-p``; outcomes go as JSON to the file that
``CONFORMANCE_REPORT`` names.

structlog's tests are coroutines in part; running them here spares a dependency.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import types
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog import _native

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

report: dict[str, Any] = {"taken": 0, "passed": [], "failed": {}}


# -- the substitution -------------------------------------------------------------------------------------------------


def _ours(name: str, fields: dict[str, Any]) -> UniversalFrameworkLogger:
    report["taken"] += 1
    logger = UniversalFrameworkLogger("conformance", name=name)
    return logger.bind(**fields) if fields else logger


def _calling_test(depth: int = 2) -> str | None:
    name = str(sys._getframe(depth).f_globals.get("__name__"))
    return name if name.startswith("tests.") else None


def get_logger(*args: str, **fields: Any) -> UniversalFrameworkLogger:
    """Stand for `structlog.get_logger`."""
    return _ours(args[0] if args else _calling_test() or "tests", fields)


def wrap_logger(logger: Any, processors: Any = None, wrapper_class: Any = None, **options: Any) -> Any:
    """Stand for `structlog.wrap_logger`, as far as the tests use it."""
    given = {"processors": processors, "wrapper_class": wrapper_class}
    structlog.configure(
        logger_factory=lambda *_: logger, **{key: value for key, value in given.items() if value is not None}, **options
    )
    return _ours(getattr(logger, "name", "tests"), {})


def _construct(cls: type, logger: Any = None, processors: Any = None, context: Any = None, **rest: Any) -> Any:
    if _calling_test() is None:
        return object.__new__(cls)
    assert not rest
    structlog.configure(wrapper_class=cls, processors=processors or [], logger_factory=lambda *_: logger)
    return _ours(str(getattr(logger, "name", "tests")), dict(context))


def pytest_configure() -> None:
    """Substitute, before any test module is imported."""
    structlog.get_logger = structlog.stdlib.get_logger = get_logger
    structlog.wrap_logger = wrap_logger
    filtering = _native.LEVEL_TO_FILTERING_LOGGER.values()
    for cls in (structlog.stdlib.BoundLogger, structlog.stdlib.AsyncBoundLogger, *filtering):
        cls.__new__ = _construct
    sys.modules["pytest_asyncio"] = types.SimpleNamespace(fixture=_fixture)  # type: ignore[assignment]


# -- coroutines -------------------------------------------------------------------------------------------------------


def _fixture(**options: Any) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        def run(cl: Any) -> Any:
            return asyncio.run(function(cl))

        return pytest.fixture(**options)(run)

    return decorate


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine in a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


# -- the outcome ------------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Note how each test came out."""
    outcome = yield
    name = item.nodeid.removeprefix("tests/")
    if outcome.failed:
        lines = str(outcome.longreprtext).strip().splitlines()
        report["failed"][name] = next((line for line in reversed(lines) if line.startswith("E ")), lines[-1])
    elif outcome.when == "call" and outcome.passed:
        report["passed"].append(name)
    return outcome


def pytest_sessionfinish() -> None:
    """Write the outcomes."""
    Path(os.environ["CONFORMANCE_REPORT"]).write_text(json.dumps(report))
