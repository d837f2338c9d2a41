"""Events can be looked at in tests, whoever reports them and however logging is configured."""

from __future__ import annotations

import logging
import re
import threading
from unittest import mock

import pytest
import structlog

from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.testing import capture_events
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

house = UniversalFrameworkLogger("billing", name="app.orders")
plain = logging.getLogger("app.plain")

pytest_plugins = ["pytester"]


def test_events_are_dicts(tmp_path) -> None:
    with capture_events() as events:
        house.info("paid %s", "twice", user=7)
        plain.warning("slow", extra={"path": "/x"})
    assert events == [
        {"event": "paid twice", "level": "info", "component": "billing", "logger": "app.orders", "user": 7},
        {"event": "slow", "level": "warning", "logger": "app.plain", "path": "/x"},
    ]
    house.info("after")
    assert events.messages == ["paid twice", "slow"]


@pytest.mark.parametrize("configured", [False, True])
def test_it_works_with_and_without_a_configuration(tmp_path, configured) -> None:
    handle = configure_logging(level="ERROR", destination=tmp_path / "app.log") if configured else None
    with capture_events() as events:
        house.debug("seen", secret_plan=1)
    if handle is not None:
        handle.close()
    assert events.messages == ["seen"]
    assert logging.getLogger().level == logging.WARNING


def test_the_level_can_be_left_alone() -> None:
    logging.getLogger().setLevel(logging.ERROR)
    with capture_events(level=None) as events:
        house.info("too low")
    with capture_events("INFO") as more:
        house.debug("too low")
        house.info("seen")
    assert (events.messages, more.messages) == ([], ["seen"])
    with pytest.raises(ValueError, match="level must be one of CRITICAL"), capture_events("LOUD"):
        pass


def test_a_logger_that_does_not_propagate_is_heard() -> None:
    node = logging.getLogger("app.alone")
    node.propagate = False
    with capture_events() as events:
        node.error("x")
    assert events.messages == ["x"]
    assert node.handlers == []


def test_threads_are_heard() -> None:
    with capture_events() as events:
        threads = [
            threading.Thread(target=lambda name=name: [house.info("x", name=name, i=i) for i in range(200)])
            for name in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(events) == 800
    for name in range(4):
        assert [one["i"] for one in events if one["field.name"] == name] == list(range(200))


def test_exceptions_have_type_and_message() -> None:
    with capture_events() as events:
        try:
            raise ValueError("bad")
        except ValueError:
            house.exception("failed")
            plain.error("failed too", exc_info=True, stack_info=True)
    assert [one["exception"] for one in events] == [{"type": "ValueError", "message": "bad"}] * 2
    assert "Stack (most recent call last)" in events[1]["stack"]


def test_fields_called_like_the_keys_of_an_event_keep_apart() -> None:
    with capture_events() as events:
        house.info("x", level="gold", logger="mine")
    assert (events[0]["level"], events[0]["field.level"], events[0]["field.logger"]) == ("info", "gold", "mine")


def test_blocks_can_be_nested() -> None:
    with capture_events() as outer:
        house.info("1")
        with capture_events() as inner:
            house.info("2")
        house.info("3")
    assert (outer.messages, inner.messages) == (["1", "2", "3"], ["2"])


def test_a_message_that_its_arguments_do_not_fit_is_captured() -> None:
    with capture_events() as events:
        logging.getLogger().handlers[:] = logging.getLogger().handlers[-1:]  # pytest's own would raise
        plain.error("%d items", "many")
    assert "%d items" in events.messages[0]


# -- structlog ------------------------------------------------------------------------------------------------------


def test_structlog_alone_is_heard(native) -> None:
    with capture_events() as events:
        structlog.get_logger("s").bind(user=1).warning("direct", page=2)
        native.logger(via=None).info("house", page=3)
    first, second = events
    assert (first["event"], first["level"], first["user"], first["page"]) == ("direct", "warning", 1, 2)
    assert (second["event"], second["level"], second["page"]) == ("house", "info", 3)
    assert len(native.events) == 2
    structlog.get_logger("s").info("after")
    assert len(events) == 2


def test_structlog_in_front_of_the_tree_is_heard_once(configured) -> None:
    with capture_events() as events:
        configured.tree.top.addHandler(logging.NullHandler())
        structlog.get_logger("app.module").bind(user=1).warning("direct", page=2)
    assert [(one["event"], one["level"], one["user"], one["page"]) for one in events] == [("direct", "warning", 1, 2)]


def test_structlog_that_renders_before_the_tree_is_heard_with_its_fields(tree) -> None:
    structlog.configure(
        processors=[structlog.stdlib.add_log_level, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logging.getLogger("app.quiet").setLevel(logging.ERROR)
    with capture_events() as events:
        structlog.get_logger("app.module").warning("rendered", page=2)
        structlog.get_logger("app.quiet").warning("too low", page=2)
        logging.getLogger("app.quiet").error("plain")
    assert [(one["event"], one.get("page")) for one in events] == [("rendered", 2), ("plain", None)]


# -- assertions -----------------------------------------------------------------------------------------------------


@pytest.fixture
def events():
    with capture_events() as captured:
        house.info("paid", user=7, amount=3.0)
        house.error("failed", user=8)
    return captured


def test_what_was_logged_is_found_and_returned(events) -> None:
    assert events.assert_logged("paid")["user"] == 7
    assert events.assert_logged("paid", level="info", user=mock.ANY, amount=pytest.approx(3.0000001))
    assert events.assert_logged(re.compile("^fail"), component="billing")
    assert events.assert_logged(user=8)["event"] == "failed"
    assert len(events.matching(component="billing")) == 2
    events.assert_not_logged("refunded")
    events.assert_not_logged("paid", user=8)


def test_what_was_not_logged_is_shown_with_what_comes_closest(events) -> None:
    with pytest.raises(AssertionError) as caught:
        events.assert_logged("paid", user=9, currency="EUR")
    assert str(caught.value).splitlines() == [
        "'paid' with user=9, currency='EUR' was not logged. The closest event:",
        "  info: 'paid' component='billing' logger='app.orders' user=7 amount=3.0",
        "  differs in",
        "    user: expected 9, is 7",
        "    currency: expected 'EUR', is missing",
        "All events:",
        "  1. info: 'paid' component='billing' logger='app.orders' user=7 amount=3.0",
        "  2. error: 'failed' component='billing' logger='app.orders' user=8",
    ]


def test_silence_is_told_apart_from_another_event() -> None:
    with capture_events() as events:
        pass
    with pytest.raises(AssertionError, match="'paid' was not logged; nothing was"):
        events.assert_logged("paid")


def test_what_should_not_have_been_logged_is_shown(events) -> None:
    with pytest.raises(AssertionError, match=r"'failed' was logged:\n  1. error: 'failed'"):
        events.assert_not_logged("failed")


@pytest.mark.parametrize(
    "report",
    [
        lambda: plain.warning("mail to ann.smith@example.org"),
        lambda: plain.warning("mail to %s", "ann.smith@example.org"),
        lambda: plain.warning("mail", extra={"to": {"deep": ["ann.smith@example.org"]}}),
        lambda: plain.warning("mail", exc_info=ValueError("to ann.smith@example.org")),
        lambda: plain.warning("login", extra={"password": "hunter2"}),
    ],
    ids=["message", "argument", "nested", "exception", "name"],
)
def test_a_secret_of_another_logger_is_found_and_not_shown(report) -> None:
    with capture_events() as events:
        plain.warning("harmless")
        report()
    with pytest.raises(AssertionError) as caught:
        events.assert_no_secrets()
    assert "ann.smith" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "2. " in str(caught.value)
    assert "app.plain" in str(caught.value)


def test_events_of_the_house_logger_hold_none() -> None:
    with capture_events() as events:
        house.bind(password="hunter2").warning(
            "mail to %s", "ann.smith@example.org", to=["ann.smith@example.org"], api_key="x" * 20
        )
        try:
            raise ValueError("ann.smith@example.org")
        except ValueError:
            house.exception("failed for ann.smith@example.org")
    events.assert_no_secrets()
    assert "ann.smith" not in str(events)
    assert "hunter2" not in str(events)


# -- the plugin -----------------------------------------------------------------------------------------------------


def test_the_fixture_captures_a_test(pytester) -> None:
    pytester.makepyfile(
        """
        from universal_framework.observability.unified_logger import UniversalFrameworkLogger
        logger = UniversalFrameworkLogger("billing")

        def test_passes(uf_logs):
            logger.debug("paid", user=7)
            uf_logs.assert_logged("paid", user=7)
            uf_logs.assert_no_secrets()

        def test_is_fresh(uf_logs):
            assert uf_logs == []

        def test_fails(uf_logs):
            logger.debug("paid", user=7)
            uf_logs.assert_logged("refunded")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*'refunded' was not logged. The closest event:*"])


def test_the_plugin_costs_nothing_until_it_is_used(pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = sorted(name for name in sys.modules if name.startswith("universal_framework"))
            assert ours == [
                "universal_framework", "universal_framework.observability",
                "universal_framework.observability.pytest_plugin",
            ]
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
