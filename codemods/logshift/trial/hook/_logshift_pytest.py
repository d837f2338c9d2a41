"""Tells the recorder which test is running, and which tests pass; in workers of pytest-xdist too.

A session inside a test – of a project that tests a plugin of its own, say – tells nothing: it is a part of that test.
"""

from __future__ import annotations

import os

import _logshift_recorder as recorder
import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_SESSION = "LOGSHIFT_TRIAL_SESSION"


def pytest_configure(config: Any) -> None:
    """Join the outermost session, or a worker of it."""
    worker = hasattr(config, "workerinput")
    if not worker and _SESSION in os.environ:
        return
    recorder.pytest_reports()
    config.pluginmanager.register(_Tests(), "logshift-trial-tests")
    if not worker:
        os.environ[_SESSION] = str(os.getpid())
        config.pluginmanager.register(_Outcomes(), "logshift-trial-outcomes")
        config.add_cleanup(lambda: os.environ.pop(_SESSION, None))


class _Tests:
    """In the process that runs the tests."""

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        before = recorder.enter(item.nodeid)
        yield
        recorder.enter(before)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        """Count what a shared fixture reports as its own: which test comes first may be chance."""
        if fixturedef.scope == "function":
            yield
            return
        before = recorder.enter(f"fixture {fixturedef.argname} ({fixturedef.scope})")
        yield
        recorder.enter(before)

    def pytest_sessionfinish(self) -> None:
        recorder.write_loaded()


class _Outcomes:
    """In the process that hears of every test."""

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome != "rerun":
            crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
            message = getattr(crash, "message", "") if report.failed else ""
            recorder.outcome(report.nodeid, report.when, report.outcome, str(message))
