"""Logging never raises into its caller, and says what it lost."""

# ruff: noqa: ARG002 - handlers, filters and hooks have the signatures that stdlib gives them

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Iterator
from unittest import TestCase, mock

from universal_framework.observability import _losses

METHODS = ("debug", "info", "warning", "error", "critical", "exception", "msg", "log_info", "log_error")

raises = TestCase().assertRaises


class Failing(logging.Handler):
    """Raises, as a handler of one's own does that forgets `handleError`."""

    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("disk full")


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__


def test_a_handler_that_raises_does_not_reach_the_caller(tree) -> None:
    tree.top.addHandler(Failing())
    for raise_exceptions in (True, False):
        logging.raiseExceptions = raise_exceptions
        for method in METHODS:
            with tree.stderr() as stderr:
                assert getattr(tree.logger(), method)("the message") is None
            assert bool(stderr.getvalue()) is raise_exceptions


def test_a_loss_is_said_with_reason_event_component_and_place(tree) -> None:
    tree.top.addHandler(Failing())
    with tree.stderr() as stderr:
        tree.logger("billing").info("the message")
    text = stderr.getvalue()
    assert text.startswith("--- Logging error ")
    assert "in component 'billing' ---" in text.splitlines()[0]
    assert "OSError: disk full" in text
    assert "\nEvent: 'the message'\n" in text
    place = text.splitlines()[-1]
    assert place.startswith(f"Called from: {__file__}:")
    assert place.endswith(" in test_a_loss_is_said_with_reason_event_component_and_place")


def test_losses_are_counted_even_where_they_are_not_said(tree) -> None:
    def number() -> int:
        with tree.stderr() as stderr:
            tree.logger().info("x")
        return int(stderr.getvalue().split()[3])

    tree.top.addHandler(Failing())
    before = number()
    logging.raiseExceptions = False
    tree.logger().info("x")
    logging.raiseExceptions = True
    assert number() == before + 2


def test_the_event_reaches_the_handlers_before_the_one_that_raises(tree) -> None:
    tree.top.addHandler(Failing())
    with tree.stderr():
        tree.logger().info("x")
    assert tree.messages == ["x"]


def test_what_stdlibs_handlers_fail_at_is_said_by_them(tree) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("disk full")

    tree.top.addHandler(logging.StreamHandler(Full()))
    with tree.stderr() as stderr:
        tree.logger().info("x")
    assert "--- Logging error ---" in stderr.getvalue()
    assert stderr.getvalue().count("OSError: disk full\n") == 1


def test_a_filter_that_raises_does_not_reach_the_caller(tree) -> None:
    def fail(record: logging.LogRecord) -> bool:
        raise ValueError("bad filter")

    for add in (tree.node.addFilter, tree.handler.addFilter):
        add(fail)
        with tree.stderr() as stderr:
            tree.logger().info("x")
        assert "ValueError: bad filter" in stderr.getvalue()
        tree.node.filters.clear()


def test_a_record_factory_that_raises_does_not_reach_the_caller(tree) -> None:
    def fail(*args: object, **keywords: object) -> None:
        raise ValueError("bad factory")

    logging.setLogRecordFactory(fail)
    with tree.stderr() as stderr:
        tree.logger().info("x")
    assert "ValueError: bad factory" in stderr.getvalue()


def test_values_that_cannot_be_shown_do_not_reach_the_caller(tree) -> None:
    tree.top.addHandler(logging.StreamHandler(io.StringIO()))
    for call, fields in [
        (("a %s", Unprintable()), {}),
        ((Unprintable(),), {}),
        ((Unprintable(), 1), {}),
        (("x",), {"user": Unprintable()}),
        (("x",), {"extra": {"user": Unprintable()}}),
        (("x",), {"extra": Unprintable()}),
    ]:
        for method in METHODS:
            if len(call) == 2 and method.startswith("log_"):
                continue
            with tree.stderr():
                assert getattr(tree.logger(), method)(*call, **fields) is None


def test_an_event_that_cannot_be_shown_is_named_by_its_type(tree) -> None:
    tree.top.addHandler(Failing())
    with tree.stderr() as stderr:
        tree.logger().info(Unprintable())
    assert "Event: <Unprintable whose repr raises RuntimeError>" in stderr.getvalue()


def test_wrong_controls_do_not_reach_the_caller(tree) -> None:
    class Odd:
        def __bool__(self) -> bool:
            raise RuntimeError("no truth")

    for keywords in ({"stacklevel": "high"}, {"stacklevel": None}, {"exc_info": Odd()}, {"stack_info": Odd()}):
        with tree.stderr() as stderr:
            assert tree.logger().info("x", **keywords) is None
        assert "--- Logging error" in stderr.getvalue()


def test_an_exc_info_that_is_none_of_stdlibs_forms_does_not_reach_the_caller(tree) -> None:
    tree.top.addHandler(logging.StreamHandler(io.StringIO()))
    for exc_info in ("text", ("a",), (1, 2, 3), object(), ValueError):
        with tree.stderr():
            assert tree.logger().info("x", exc_info=exc_info) is None


@contextlib.contextmanager
def _stderr(stream: object) -> Iterator[None]:
    with mock.patch.object(sys, "stderr", stream):
        yield


def test_a_broken_stderr_does_not_reach_the_caller(tree) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("disk full")

    closed = io.StringIO()
    closed.close()
    tree.top.addHandler(Failing())
    tree.top.addHandler(logging.StreamHandler(closed))
    for stream in (None, closed, Full(), object()):
        with _stderr(stream):
            for method in METHODS:
                assert getattr(tree.logger(), method)("x") is None


def test_a_stderr_that_logs_does_not_recurse(tree) -> None:
    class Logging(io.StringIO):
        written = 0

        def write(self, text: str) -> int:
            Logging.written += 1
            tree.logger().error(text)
            return len(text)

    tree.top.addHandler(Failing())
    with _stderr(Logging()):
        tree.logger().info("x")
    assert Logging.written == 1


def test_a_handler_that_logs_twice_for_ever_ends_and_is_said_once(tree) -> None:
    """Were each level to swallow the recursion error, the second call of each would start all over."""

    class Recursive(logging.Handler):
        calls = 0

        def emit(self, record: logging.LogRecord) -> None:
            Recursive.calls += 1
            tree.logger().info("again")
            tree.logger().info("and again")

    tree.top.handlers[:] = [Recursive()]
    with tree.stderr() as stderr:
        assert tree.logger().info("x") is None
    assert stderr.getvalue().count("--- Logging error") == 1
    assert "RecursionError" in stderr.getvalue()
    assert len(stderr.getvalue().splitlines()) < 200
    assert Recursive.calls < sys.getrecursionlimit()


def test_a_handler_that_logs_to_another_logger_is_no_recursion(tree) -> None:
    class Reporting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tree.logger("reports", name="app.other").info("sent %s", record.getMessage())

    tree.node.addHandler(Reporting())
    with tree.stderr() as stderr:
        tree.logger().info("x")
    assert sorted(tree.messages) == ["sent x", "x"]
    assert stderr.getvalue() == ""


def test_what_ends_the_program_is_let_through(tree) -> None:
    for error in (KeyboardInterrupt, SystemExit, GeneratorExit):

        class Interrupted(logging.Handler):
            def emit(self, record: logging.LogRecord, error: type[BaseException] = error) -> None:
                raise error

        tree.node.handlers[:] = [Interrupted()]
        with raises(error):
            tree.logger().info("x")


def test_the_exception_being_handled_is_still_the_callers_afterwards(tree) -> None:
    tree.top.addHandler(Failing())
    error, handled = ValueError("kaboom"), None
    try:
        raise error
    except ValueError:
        with tree.stderr():
            tree.logger().exception("x")
        handled = sys.exc_info()[1]
    assert handled is error
    assert error.__context__ is None


def test_a_place_that_goes_on_losing_is_heard_of_ten_times_and_then_counted(tree) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    tree.top.handlers[:] = [Failing()]
    before = _losses.count()
    with tree.stderr() as stderr:
        for _ in range(25):
            tree.logger().info("x")
        tree.logger().info("another place")
    assert stderr.getvalue().count("--- Logging error") == 11
    assert _losses.count() - before == 26


def test_what_was_lost_is_told_without_its_secrets(tree) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("cannot send to ann@example.org")

    tree.top.handlers[:] = [Failing()]
    with tree.stderr() as stderr:
        tree.logger().info("mail for bob@example.org")
    assert "cannot send to" in stderr.getvalue()
    assert "mail for" in stderr.getvalue()
    assert "@example.org" not in stderr.getvalue()
