"""Every argument of `logging.Logger` and of structlog's bound loggers works; every other keyword is a field."""

from __future__ import annotations

import asyncio
import logging
import sys
from types import MappingProxyType
from unittest import TestCase

raises_saying = TestCase().assertRaisesRegex

RECORD_NAMES = sorted({*vars(logging.makeLogRecord({})), "message", "asctime"})
ORDINARY_NAMES = ("event", "msg_", "self", "method_name", "component_", "user", "cls", "keywords", "node", "fields")
METHODS = ("debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "msg")


def _boom() -> ValueError:
    try:
        raise ValueError("kaboom")
    except ValueError as error:
        return error


# -- the message ----------------------------------------------------------------------------------------------


def test_messages_are_formatted_as_stdlib_formats_them(tree) -> None:
    odd = ValueError("odd %s")
    for call, message in [
        (("plain",), "plain"),
        (("got %s and %d", "it", 7), "got it and 7"),
        (("user %(user)s", {"user": "ann"}), "user ann"),
        (("user %(user)s", MappingProxyType({"user": "ann"})), "user ann"),
        (("a mapping: %s", {}), "a mapping: {}"),
        (("100% {done}",), "100% {done}"),
        (("100%% of %s", "it"), "100% of it"),
        ((42,), "42"),
        ((None,), "None"),
        ((odd,), "odd %s"),
        ((odd, "twice"), "odd twice"),
        ((b"bytes",), "b'bytes'"),
        (("a tuple: %s", (1, 2)), "a tuple: (1, 2)"),
        (("%s %s", "ä", "\N{SNOWMAN}"), "ä \N{SNOWMAN}"),
        (("",), ""),
    ]:
        for method in METHODS:
            getattr(tree.logger(), method)(*call)
        tree.logger().log(logging.INFO, *call)
        assert set(tree.messages) == {message}, call
        assert len(tree.messages) == len(METHODS) + 1
        tree.records.clear()


def test_fields_and_arguments_go_together(tree) -> None:
    tree.logger().info("a %s", "b", key="value")
    assert (tree.record.getMessage(), tree.record.key) == ("a b", "value")


def test_a_message_that_its_arguments_do_not_fit_is_the_handlers_business_as_in_stdlib(tree) -> None:
    stream_handler = logging.StreamHandler()
    tree.top.addHandler(stream_handler)
    for call in [("%d items", "many"), ("%s and %s", "one"), ("no place", 1), ("%(user)s", "ann"), ("%y", 1), ("%", 1)]:
        with tree.stderr() as stderr:
            stream_handler.setStream(sys.stderr)
            assert tree.logger().info(*call) is None
        assert (tree.records[-1].msg, tree.records[-1].args) == (call[0], call[1:])
        assert "--- Logging error ---" in stderr.getvalue()  # logging.Handler.handleError
        assert f"Message: {call[0]!r}" in stderr.getvalue()


def test_a_lone_event_or_msg_keyword_is_the_message(tree) -> None:
    tree.logger().info(event="paid", user="ann")
    tree.logger().error(msg="refunded")
    tree.logger().log(logging.INFO, event="logged")
    tree.logger().log_info(message="said", user="ann")
    assert tree.messages == ["paid", "refunded", "logged", "said"]
    assert not hasattr(tree.records[0], "event")
    assert "field.msg" not in vars(tree.records[1])


def test_an_event_or_msg_keyword_beside_a_message_is_a_field(tree) -> None:
    tree.logger().info("paid", event="checkout", msg="thanks")
    assert tree.record.getMessage() == "paid"
    assert (tree.record.event, vars(tree.record)["field.msg"]) == ("checkout", "thanks")


def test_of_two_lone_messages_the_event_is_the_message(tree) -> None:
    tree.logger().info(event="paid", msg="thanks")
    assert (tree.record.getMessage(), vars(tree.record)["field.msg"]) == ("paid", "thanks")


def test_no_message_at_all_is_no_error(tree) -> None:
    for method in METHODS:
        assert getattr(tree.logger(), method)(user="ann") is None
    tree.logger().log(logging.INFO)
    assert set(tree.messages) == {"None"}


# -- fields ---------------------------------------------------------------------------------------------------


def test_a_field_that_a_record_has_a_name_for_is_renamed(tree) -> None:
    for name in RECORD_NAMES:
        if name in ("exc_info", "stack_info"):
            continue  # these mean something; see below
        tree.logger().info("the message", **{name: "mine"})
        record = vars(tree.records[-1])
        assert record[f"field.{name}"] == "mine"
        assert record.get(name) != "mine"
        assert tree.records[-1].getMessage() == "the message"


def test_any_other_field_keeps_its_name(tree) -> None:
    for name in ORDINARY_NAMES:
        for method in (*METHODS, "log_info", "log_warning", "log_error"):
            getattr(tree.logger(), method)("the message", **{name: "mine"})
            assert vars(tree.records[-1])[name] == "mine"
            assert tree.records[-1].getMessage() == "the message"


def test_log_takes_fields_called_like_its_parameters(tree) -> None:
    tree.logger().log(logging.INFO, "x", level="high", msg="m", args="a", method="post")
    record = vars(tree.record)
    assert (record["level"], record["method"]) == ("high", "post")
    assert (record["field.msg"], record["field.args"]) == ("m", "a")


def test_names_of_a_record_are_renamed_in_bound_fields_and_extra_too(tree) -> None:
    # stdlib raises KeyError: "Attempt to overwrite 'name' in LogRecord"
    tree.logger().bind(name="bound", module="bound").info("x", extra={"module": "extra", "message": "m", "exc_info": 1})
    record = vars(tree.record)
    assert (record["field.name"], record["field.module"], record["field.message"]) == ("bound", "extra", "m")
    assert record["field.exc_info"] == 1
    assert record["exc_info"] is None


def test_renaming_loses_no_field_that_has_the_new_name_already(tree) -> None:
    tree.logger().info("x", name=1, **{"field.name": 2, "field.field.name": 3})
    record = vars(tree.record)
    assert (record["field.name"], record["field.field.name"], record["field.field.field.name"]) == (2, 3, 1)


def test_extra_that_is_no_mapping_is_a_field(tree) -> None:
    for extra in ("text", ["a"], 0):
        tree.logger().info("x", extra=extra)
        assert tree.records[-1].extra == extra
    tree.logger().info("x", extra=None)
    assert not hasattr(tree.records[-1], "extra")


def test_the_callers_own_mappings_stay_as_they_are(tree) -> None:
    extra, fields = {"name": 1}, {"msg": 2, "stacklevel": 1}
    tree.logger().info("x", extra=extra, **fields)
    assert (extra, fields) == ({"name": 1}, {"msg": 2, "stacklevel": 1})


# -- exceptions and stacks --------------------------------------------------------------------------------------


def test_exc_info_is_what_stdlib_makes_of_it(tree) -> None:
    error = _boom()
    triple = (ValueError, error, error.__traceback__)
    for given, expected in [
        (error, triple),
        (triple, triple),
        (True, (None, None, None)),  # outside of an except clause
        (1, (None, None, None)),
        (False, False),
        (None, None),
        ((None, None, None), (None, None, None)),
    ]:
        tree.logger().error("x", exc_info=given)
        assert tree.records[-1].exc_info == expected, given


def test_exc_info_true_is_the_exception_being_handled(tree) -> None:
    error = ValueError("kaboom")
    try:
        raise error
    except ValueError:
        tree.logger().error("x", exc_info=True)
    assert tree.record.exc_info == (ValueError, error, error.__traceback__)
    assert "kaboom" in logging.Formatter().format(tree.record)


def test_an_exception_that_counts_as_false_is_reported_all_the_same(tree) -> None:
    class EmptyError(Exception):
        def __len__(self) -> int:
            return 0

    error = EmptyError()
    tree.logger().error("x", exc_info=error)
    tree.logger()._log(logging.ERROR, "y", (), exc_info=error)
    assert [record.exc_info[1] for record in tree.records] == [error, error]


def test_exception_brings_the_exception_being_handled(tree) -> None:
    error, another = ValueError("kaboom"), _boom()
    try:
        raise error
    except ValueError:
        tree.logger().exception("x %s", 1)
        tree.logger().exception("x", exc_info=False)
        tree.logger().exception("x", exc_info=another)
        tree.logger().exception(event="lone", user="ann")
    first, without, other, lone = tree.records
    assert (first.getMessage(), first.levelno, first.exc_info[1]) == ("x 1", logging.ERROR, error)
    assert without.exc_info is False
    assert other.exc_info[1] is another
    assert (lone.getMessage(), lone.exc_info[1], lone.user) == ("lone", error, "ann")


def test_exception_outside_of_an_exception_is_an_error_without_one(tree) -> None:
    tree.logger().exception("x")
    assert (tree.record.levelno, tree.record.exc_info) == (logging.ERROR, (None, None, None))


def test_stack_info_shows_the_callers_stack(tree) -> None:
    tree.logger().info("x", stack_info=True)
    lines = tree.record.stack_info.splitlines()
    assert lines[0] == "Stack (most recent call last):"
    assert lines[-1].strip() == 'tree.logger().info("x", stack_info=True)'
    assert "in test_stack_info_shows_the_callers_stack" in lines[-2]
    assert not tree.record.stack_info.endswith("\n")


def test_no_stack_without_stack_info(tree) -> None:
    tree.logger().info("x")
    tree.logger().info("x", stack_info=False)
    assert [record.stack_info for record in tree.records] == [None, None]


# -- from coroutines ----------------------------------------------------------------------------------------------


def test_each_method_has_an_async_variant(tree) -> None:
    async def main() -> None:
        for method in METHODS:
            assert await getattr(tree.logger(), f"a{method}")("a %s", "b", user="ann") is None
        await tree.logger().alog(25, "a %s", "b", user="ann")

    asyncio.run(main())
    levels = [10, 20, 30, 30, 40, 50, 50, 40, 20, 25]
    by_level = [(record.levelno, record.getMessage(), record.user) for record in tree.records]
    assert by_level == [(level, "a b", "ann") for level in levels]


def test_aexception_keeps_the_exception_being_handled(tree) -> None:
    async def main() -> ValueError:
        try:
            raise ValueError("kaboom")
        except ValueError as error:
            await tree.logger().aexception("x")
            await tree.logger().aerror("y", exc_info=True)
            return error

    error = asyncio.run(main())
    assert [record.exc_info[1] for record in tree.records] == [error, error]


def test_the_async_variants_take_lone_messages_and_wrong_levels_too(tree) -> None:
    async def main() -> None:
        await tree.logger().ainfo(event="paid", user="ann")
        await tree.logger().ainfo()
        await tree.logger().alog("loud", "x")

    with tree.stderr() as stderr:
        asyncio.run(main())
    assert tree.messages == ["paid", "None"]
    assert "level must be an integer" in stderr.getvalue()


# -- what custom level methods stand on ---------------------------------------------------------------------------


def test_log_without_asking_takes_stdlibs_arguments_and_fields(tree) -> None:
    error = _boom()
    tree.node.setLevel(logging.CRITICAL)
    tree.logger().bind(user="ann")._log(
        25, "a %s", ("b",), exc_info=error, extra={"tenant": "acme"}, stack_info=True, stacklevel=1, page=2
    )
    record = tree.record
    assert (record.levelno, record.getMessage(), record.exc_info[1]) == (25, "a b", error)
    assert (record.user, record.tenant, record.page, record.component) == ("ann", "acme", 2, "billing")
    assert record.stack_info.startswith("Stack")


def test_log_without_asking_takes_arguments_in_any_form_that_percent_takes(tree) -> None:
    for args, message in [
        ((), "%s"),
        (("b",), "b"),
        (None, "%s"),
        (["b"], "['b']"),
        ("b", "b"),
        ({"k": 1}, "{'k': 1}"),
    ]:
        tree.logger()._log(logging.INFO, "%s", args)
        assert tree.messages[-1] == message
