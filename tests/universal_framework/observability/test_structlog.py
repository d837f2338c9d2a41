"""Where the application configured structlog, events go through its processors, as those of structlog's own do.

The behaviours are those that structlog documents for its bound loggers; each is asked of a logger in front of
structlog alone and of one in front of structlog in front of the tree (`configured` in ``conftest.py``).
"""

from __future__ import annotations

import io
import logging
import pickle
import sys
from collections import OrderedDict

import pytest
import structlog
from structlog.testing import capture_logs

from universal_framework.observability import _pipeline

METHODS = {
    "debug": "debug",
    "info": "info",
    "msg": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}


def _boom() -> ValueError:
    try:
        raise ValueError("kaboom")
    except ValueError as error:
        return error


def _has(event: dict[str, object], /, **expected: object) -> bool:
    return event.items() >= expected.items()


# -- code written for structlog -------------------------------------------------------------------------------


def test_fields_are_keys_of_the_event(configured) -> None:
    assert configured.logger().info("ev", key="value", basket=["a"]) is None
    assert _has(configured.event, event="ev", key="value", basket=["a"], level="info")


@pytest.mark.parametrize("method", METHODS)
def test_each_method_reports_at_its_level(configured, method: str) -> None:
    getattr(configured.logger(), method)("ev", key="value")
    assert _has(configured.event, event="ev", key="value", level=METHODS[method])


def test_bound_fields_are_keys_of_the_event(configured) -> None:
    configured.logger().bind(user="u-1").info("ev")
    assert _has(configured.event, user="u-1")


def test_bind_leaves_the_logger_it_is_called_on_alone(configured) -> None:
    logger = configured.logger()
    logger.bind(user="u-1")
    logger.info("ev")
    assert "user" not in configured.event


def test_unbind_try_unbind_and_new_leave_out_what_they_should(configured) -> None:
    logger = configured.logger().bind(a=1, b=2)
    logger.unbind("a").info("ev")
    logger.try_unbind("zz").new(c=3).info("ev")
    first, second = configured.events
    assert _has(first, b=2)
    assert "a" not in first
    assert _has(second, c=3)
    assert not second.keys() & {"a", "b"}


def test_arguments_and_fields_go_together(configured) -> None:
    configured.logger().info("a %s", "b", key="value")
    configured.logger().info("user %(user)s", {"user": "ann"}, key="value")
    assert [event["event"] for event in configured.events] == ["a b", "user ann"]
    assert all(_has(event, key="value") for event in configured.events)


def test_a_percent_sign_without_arguments_stays(configured) -> None:
    configured.logger().info("100% {done}")
    assert configured.event["event"] == "100% {done}"


def test_context_variables_are_merged(configured) -> None:
    with structlog.contextvars.bound_contextvars(request="r-1", key="context"):
        configured.logger().info("ev", key="call")
    configured.logger().info("ev")
    first, second = configured.events
    assert _has(first, request="r-1", key="call")
    assert "request" not in second


def test_capture_logs_sees_exactly_the_event(configured) -> None:
    logger = configured.logger()
    logger.info("before")  # a logger that was used already, under cache_logger_on_first_use
    with capture_logs() as entries:
        logger.bind(a=1).info("ev", b=2)
    logger.info("after")
    assert entries == [{"a": 1, "b": 2, "event": "ev", "log_level": "info"}]
    assert [event["event"] for event in configured.events] == ["before", "after"]


def test_get_context_is_what_was_bound(configured) -> None:
    assert structlog.get_context(configured.logger().bind(a=1)) == {"a": 1}


def test_the_level_that_counts_is_structlogs(configured) -> None:
    assert configured.logger().is_enabled_for(logging.INFO) is True
    assert configured.logger().isEnabledFor(logging.INFO) is True
    assert configured.logger().get_effective_level() == logging.DEBUG


@pytest.mark.parametrize(
    "name", ["name", "msg", "args", "level", "exc_text", "component", "logger", "lineno", "module"]
)
def test_a_field_of_any_name_reaches_the_output(configured, name: str) -> None:
    configured.logger().info("ev", **{name: "mine"})
    event = configured.event
    assert event["event"] == "ev"
    assert "mine" in (event.get(name), event.get(f"field.{name}"))


@pytest.mark.parametrize("name", ["self", "event", "method_name", "_record", "_from_structlog"])
def test_names_that_structlogs_signatures_claim_are_fields_too(configured, name: str) -> None:
    configured.logger().bind(**{name: "bound"}).info("ev")
    configured.logger().info("ev", **{name: "mine"})
    assert [event[f"field.{name}"] for event in configured.events] == ["bound", "mine"]
    assert [event["event"] for event in configured.events] == ["ev", "ev"]


def test_an_exception_and_fields_go_together(configured) -> None:
    configured.logger().error("ev", exc_info=_boom(), key="value")
    assert "ValueError: kaboom" in configured.event["exception"]
    assert _has(configured.event, key="value")


@pytest.mark.parametrize("exc_info", [True, 1])
def test_the_exception_being_handled_is_reported(configured, exc_info: object) -> None:
    try:
        raise ValueError("kaboom")
    except ValueError:
        configured.logger().error("ev", exc_info=exc_info)
        configured.logger().exception("ev")
    assert ["kaboom" in event["exception"] for event in configured.events] == [True, True]


def test_exc_info_outside_of_an_exception_is_no_error(configured) -> None:
    configured.logger().error("ev", exc_info=True)
    configured.logger().exception("ev")
    configured.logger().error("ev", exc_info=False)
    assert [event["event"] for event in configured.events] == ["ev"] * 3


def test_stack_info_shows_the_callers_stack(configured) -> None:
    configured.logger().info("ev", stack_info=True)
    assert configured.event["stack"].splitlines()[-1].strip() == 'configured.logger().info("ev", stack_info=True)'


def test_a_bound_logger_pickles(configured) -> None:
    pickle.loads(pickle.dumps(configured.logger().bind(a=1))).info("ev")
    assert _has(configured.event, a=1, event="ev")


def test_a_lone_event_or_msg_keyword_is_the_message(configured) -> None:
    configured.logger().info(event="one", key="value")
    configured.logger().info(msg="two", key="value")
    assert [event["event"] for event in configured.events] == ["one", "two"]


def test_the_domain_events_are_reported(configured) -> None:
    configured.logger().log_session_event("s-1", "created", phase="draft")
    configured.logger().log_agent_execution("planner", success=False)
    first, second = configured.events
    assert _has(
        first,
        event="session_event",
        session_id=_pipeline.current().session_hash("s-1"),
        event_type="created",
        phase="draft",
        level="info",
    )
    assert _has(second, event="agent_execution", agent="planner", success=False, level="error")


# -- structlog's current configuration, per call ----------------------------------------------------------------


def test_a_level_changed_after_first_use_takes_effect(configured) -> None:
    logger = configured.logger()
    logger.info("first")
    if type(configured).__name__ == "Native":
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    else:
        configured.tree.top.setLevel(logging.ERROR)
    logger.info("second")
    logger.error("third")
    assert [event["event"] for event in configured.events] == ["first", "third"]
    assert not logger.isEnabledFor(logging.INFO)
    assert logger.get_effective_level() == logging.ERROR


def test_processors_configured_later_are_used(configured) -> None:
    logger = configured.logger()
    logger.info("before")

    def mark(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        return {**event, "marked": True}

    structlog.configure(processors=[mark, *structlog.get_config()["processors"]])
    logger.info("after")
    assert [event.get("marked") for event in configured.events] == [None, True]


def test_after_reset_defaults_events_go_into_the_tree(native, tree) -> None:
    native.logger().info("before")
    structlog.reset_defaults()
    native.logger().info("after")
    assert [event["event"] for event in native.events] == ["before"]
    assert tree.messages == ["after"]


def test_an_application_that_configures_late_is_heard_from_then_on(tree) -> None:
    logger, stream = tree.logger(), io.StringIO()
    logger.info("before")
    structlog.configure(
        logger_factory=structlog.WriteLoggerFactory(stream), processors=[structlog.processors.JSONRenderer()]
    )
    logger.info("after")
    assert tree.messages == ["before"]
    assert stream.getvalue() == '{"event": "after"}\n'


def test_capture_logs_without_a_configuration_sees_events_and_leaves_none_behind(tree) -> None:
    # capture_logs marks structlog as configured for good: one test that uses it must not change all others.
    logger = tree.logger()
    with capture_logs() as entries:
        logger.info("captured", a=1)
    assert structlog.is_configured()
    logger.info("into the tree")
    assert entries == [{"event": "captured", "a": 1, "log_level": "info"}]
    assert tree.messages == ["into the tree"]


@pytest.mark.parametrize(
    "change",
    [
        {"processors": [structlog.processors.JSONRenderer()]},
        {"wrapper_class": structlog.make_filtering_bound_logger(logging.INFO)},
        {"context_class": OrderedDict},
        {"logger_factory": structlog.PrintLoggerFactory()},
        {"cache_logger_on_first_use": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_single_setting_is_a_configuration(tree, capsys: pytest.CaptureFixture[str], change) -> None:
    structlog.configure(**change)
    tree.logger().info("the message")
    assert "the message" in capsys.readouterr().out
    assert tree.records == []


# -- ways -------------------------------------------------------------------------------------------------------


def test_by_default_a_configured_structlog_gets_the_events(native, tree) -> None:
    native.logger().info("ev")
    assert native.event["event"] == "ev"
    assert tree.records == []


def test_via_stdlib_is_always_the_tree(native, tree) -> None:
    native.logger(via="stdlib").bind(user="ann").info("a %s", "b", page=2)
    with capture_logs() as entries:
        native.logger(via="stdlib").warning("not captured")
    assert entries == native.events == []
    assert tree.messages == ["a b", "not captured"]
    assert (tree.records[0].user, tree.records[0].page) == ("ann", 2)
    assert native.logger(via="stdlib").isEnabledFor(logging.DEBUG)


def test_via_structlog_is_always_structlog(tree, capsys: pytest.CaptureFixture[str]) -> None:
    assert not structlog.is_configured()
    tree.logger(via="structlog").info("the message", key="value")
    assert "the message" in capsys.readouterr().out
    assert tree.records == []


def test_the_two_ways_of_one_module_do_not_mix(native, tree) -> None:
    # what the codemod writes for a module that used both
    formerly_structlog, formerly_stdlib = native.logger("billing"), native.logger("billing", via="stdlib")
    formerly_structlog.info("one")
    formerly_stdlib.info("two")
    assert native.event["event"] == "one"
    assert tree.messages == ["two"]
    assert formerly_structlog != formerly_stdlib


def test_context_variables_reach_the_tree_too(tree) -> None:
    with structlog.contextvars.bound_contextvars(request="r-1", component="context", name="n"):
        tree.logger().info("x")
        tree.logger().info("x", request="call")
        tree.logger(via="stdlib").info("x")
    first, second, third = (vars(record) for record in tree.records)
    assert (first["request"], first["component"], first["field.name"]) == ("r-1", "billing", "n")
    assert second["request"] == "call"
    assert "request" not in third  # a former stdlib logger never had them


def test_a_logger_of_the_tree_stays_one_through_configuration_of_others(configured, tree) -> None:
    # structlog.stdlib.LoggerFactory installs a logger class of its own, for all nodes made from then on
    node_class = logging.getLoggerClass()

    def here() -> None:
        tree.logger(via="stdlib", name="app.made_later").info("x", user="ann")

    here()
    assert type(logging.getLogger("app.made_later")) is node_class
    assert (tree.record.funcName, tree.record.user) == ("here", "ann")


# -- code written for stdlib, in front of structlog ---------------------------------------------------------------


@pytest.mark.parametrize("level", [25, 31, 45, 5, 55, 50, 40, 30, 20, 10, 0, -1])
def test_a_level_between_the_standard_ones_is_reported_under_the_lower(configured, level: int) -> None:
    configured.tree.top.setLevel(1)
    configured.logger().log(level, "ev %s", 1)
    names = {50: "critical", 40: "error", 30: "warning", 20: "info", 10: "debug"}
    lower = min(50, max(10, level // 10 * 10))
    assert _has(configured.event, event="ev 1", level=names[lower])


def test_a_custom_level_method_reaches_structlog_with_fields(configured) -> None:
    logging.Logger.notice = lambda self, msg, *args, **keywords: self._log(25, msg, args, **keywords)
    configured.logger().bind(user="ann").notice("a %s", "b", page=2)
    assert _has(configured.event, event="a b", user="ann", page=2, level="info")
    assert not configured.event.keys() & {"extra", "stacklevel", "exc_info", "stack_info"}


def test_a_logger_adapter_reaches_structlog(configured) -> None:
    logging.LoggerAdapter(configured.logger(), {"tenant": "acme"}).info("a %s", "b")
    assert configured.event["event"] == "a b"
    assert "acme" in str(configured.event)


def test_extra_is_handed_to_the_processors_as_structlog_hands_it(native) -> None:
    # what came from structlog keeps its keys: there extra= is a field like any other
    native.logger().info("ev", extra={"tenant": "acme"})
    assert native.event["extra"] == {"tenant": "acme"}


@pytest.mark.parametrize(
    ("call", "kept"),
    [
        (("%d items", "many"), ["many"]),
        (("%s and %s", "one"), ["one"]),
        (("no place", 1), [1]),
        (("%(user)s", 7), [7]),
        (("%y", 1), [1]),
        (("100%", 1), [1]),
        (("no place", {}), [{}]),
        (("%(user)s", {"user": "ann"}, "bob"), [{"user": "ann"}, "bob"]),
    ],
)
def test_a_message_that_its_arguments_do_not_fit_goes_out_with_both(configured, call, kept) -> None:
    configured.logger().info(*call, key="value")
    event = configured.event
    assert _has(event, event=call[0], key="value")
    assert list(event["format_args"]) == kept


def test_unfit_arguments_displace_no_field(configured) -> None:
    configured.logger().info("%d items", "many", format_args="mine")
    configured.logger().bind(format_args="mine").info("%d items", "many")
    for event in configured.events:
        assert event["format_args"] == "mine"
        assert list(event["field.format_args"]) == ["many"]


def test_messages_that_only_stdlib_can_format_are_formatted(configured) -> None:
    from types import MappingProxyType

    configured.logger().info(ValueError("odd %s"), "message")
    configured.logger().info("user %(user)s", MappingProxyType({"user": "ann"}))
    assert [event["event"] for event in configured.events] == ["odd message", "user ann"]


def test_a_message_that_is_no_string_is_reported(native) -> None:
    native.logger().info(42)
    native.logger().info(None)
    native.logger().info()
    assert [event.get("event") for event in native.events] == [42, None, None]


# -- what processors overwrite --------------------------------------------------------------------------------


def test_a_field_that_a_processor_would_overwrite_is_renamed(native) -> None:
    for processor, name in [
        (structlog.processors.add_log_level, "level"),
        (structlog.stdlib.add_log_level_number, "level_number"),
        (structlog.processors.TimeStamper(), "timestamp"),
        (structlog.processors.TimeStamper(key="ts"), "ts"),
        (structlog.processors.CallsiteParameterAdder(), "process_name"),
        (structlog.processors.EventRenamer("message"), "message"),
        (structlog.stdlib.PositionalArgumentsFormatter(), "positional_args"),
    ]:
        structlog.configure(processors=[processor, structlog.processors.JSONRenderer()])
        native.logger().info("ev", **{name: "mine"})
        native.logger().bind(**{name: "bound"}).info("ev")
        called, bound = native.events[-2:]
        assert (called[f"field.{name}"], bound[f"field.{name}"]) == ("mine", "bound")
        assert called.get(name) != "mine"


def test_a_field_that_no_processor_overwrites_keeps_its_name(native) -> None:
    fields = dict.fromkeys(("level", "timestamp", "logger", "exception", "stack", "func_name", "message", "msg", "name", "args", "component", "positional_args", "module", "created", "log_level", "field.level"), "mine")  # fmt: skip
    structlog.configure(
        processors=[
            structlog.processors.MaybeTimeStamper(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
    native.logger().info("ev", **fields)
    native.logger().bind(**fields).info("ev")
    assert native.events == [{"event": "ev", **fields}] * 2


@pytest.mark.parametrize(
    "renderer", [structlog.processors.format_exc_info, structlog.processors.dict_tracebacks], ids=["text", "dicts"]
)
def test_a_field_called_exception_makes_room_for_the_exception_only(native, renderer) -> None:
    structlog.configure(processors=[renderer, structlog.processors.JSONRenderer()])
    try:
        raise ValueError("kaboom")
    except ValueError:
        native.logger().error("ev", exception="mine")
        native.logger().exception("ev", exception="mine")
        native.logger().bind(exception="bound").exception("ev")
    without, called, bound = native.events
    assert without["exception"] == "mine"
    assert (called["field.exception"], bound["field.exception"]) == ("mine", "bound")
    assert "kaboom" in str(called["exception"])


def test_a_field_called_stack_makes_room_for_the_stack_only(native) -> None:
    structlog.configure(processors=[structlog.processors.StackInfoRenderer(), structlog.processors.JSONRenderer()])
    native.logger().info("ev", stack="mine")
    native.logger().info("ev", stack="mine", stack_info=True)
    assert [event.get("field.stack") for event in native.events] == [None, "mine"]


def test_fields_called_exception_and_stack_keep_their_names_where_nobody_renders_those(native) -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer(default=repr)])
    native.logger().error("ev", exception="mine", stack="mine", exc_info=_boom(), stack_info=True)
    assert _has(native.event, exception="mine", stack="mine")


def test_capture_logs_keeps_a_field_called_log_level(native) -> None:
    with capture_logs() as entries:
        native.logger().info("ev", log_level="mine")
    assert entries == [{"event": "ev", "log_level": "info", "field.log_level": "mine"}]


# -- other people's classes -------------------------------------------------------------------------------------


def test_a_wrapper_class_of_the_applications_own_is_used(native) -> None:
    class Shouting(structlog.BoundLoggerBase):
        def info(self, event: str, **fields: object) -> object:
            return self._proxy_to_logger("info", event.upper(), **fields)

        def error(self, event: str, **fields: object) -> object:
            return self._proxy_to_logger("error", f"{event}!", **fields)

    native.configure(wrapper_class=Shouting)
    native.logger().bind(user="ann").info("ev", page=2)
    native.logger().exception("ev")  # it has no exception(): the method of its level is called
    assert [event["event"] for event in native.events] == ["EV", "ev!"]
    assert _has(native.events[0], user="ann", page=2)
    assert native.logger().isEnabledFor(logging.DEBUG)
    assert native.logger().get_effective_level() == 0


def test_the_generic_wrapper_that_answers_to_every_name_is_not_asked_questions(native, tree) -> None:
    # structlog.BoundLogger.__getattr__ makes an event of every method name, is_enabled_for included
    native.configure(wrapper_class=structlog.BoundLogger)
    assert native.logger().isEnabledFor(logging.DEBUG)
    assert native.logger().is_enabled_for(logging.DEBUG)
    assert native.logger().get_effective_level() == 0
    assert native.events == []
    native.logger().info("ev", key="value")
    native.logger().log(25, "ev", key="value")
    native.logger()._log(25, "ev", (), key="value")
    assert [_has(event, event="ev", key="value", level="info") for event in native.events] == [True] * 3


def test_the_generic_wrapper_in_front_of_the_tree_asks_the_node(tree) -> None:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    tree.node.setLevel(logging.ERROR)
    assert not tree.logger().isEnabledFor(logging.INFO)
    assert tree.logger().isEnabledFor(logging.ERROR)
    assert tree.logger().get_effective_level() == logging.ERROR
    tree.logger().exception("ev", key="value")
    assert (tree.record.levelno, tree.record.key) == (logging.ERROR, "value")


def test_a_factory_gets_the_name_of_the_node(native) -> None:
    names = []

    def factory(*args: object) -> structlog.WriteLogger:
        names.append(args)
        return structlog.WriteLogger(native.stream)

    native.configure(logger_factory=factory)
    native.logger(name="app.orders").info("ev")
    assert names == [("app.orders",)]


def test_a_factory_that_takes_no_arguments_is_called_without(native) -> None:
    native.configure(logger_factory=lambda: structlog.WriteLogger(native.stream))
    native.logger().info("ev")
    assert native.event["event"] == "ev"


def test_a_context_class_of_the_applications_own_is_used(native) -> None:
    class Context(dict):
        made = 0

        def __init__(self, *args: object, **keywords: object) -> None:
            Context.made += 1
            super().__init__(*args, **keywords)

    native.configure(context_class=Context)
    native.logger().bind(user="ann").info("ev")
    assert _has(native.event, user="ann")
    assert Context.made


def test_what_the_applications_logger_returns_is_returned(native) -> None:
    native.configure(logger_factory=structlog.ReturnLoggerFactory())
    assert '"event": "ev"' in native.logger().info("ev")


def test_arguments_for_the_tree_are_left_to_the_tree(tree) -> None:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_args_and_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    tree.logger().info("a %s", "b", name="n", positional_args="p")
    assert (tree.record.msg, tree.record.args) == ("a %s", ("b",))
    record = vars(tree.record)
    assert (record["field.name"], record["field.positional_args"]) == ("n", "p")


# -- never raises -------------------------------------------------------------------------------------------------


def _failing(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
    raise ValueError("bad processor")


@pytest.mark.parametrize("method", METHODS)
def test_a_processor_that_raises_does_not_reach_the_caller(configured, tree, method: str) -> None:
    structlog.configure(processors=[_failing])
    with tree.stderr() as stderr:
        assert getattr(configured.logger(), method)("the message", key="value") is None
        assert getattr(configured.logger(), method)("a %s", "b") is None
    assert "ValueError: bad processor" in stderr.getvalue()
    assert "Event: 'the message'" in stderr.getvalue()


def test_a_processor_that_drops_the_event_drops_it(configured, tree) -> None:
    def drop(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
    with tree.stderr() as stderr:
        configured.logger().info("x")
    assert stderr.getvalue() == ""
    assert configured.events == []


def test_a_failure_that_the_arguments_are_not_to_blame_for_is_not_tried_again(native, tree) -> None:
    calls = []

    def full(_: object, __: str, event: dict[str, object]) -> str:
        calls.append(event)
        raise OSError("disk full")

    structlog.configure(processors=[full])
    with tree.stderr():
        native.logger().info("a %s", "b")
    assert len(calls) == 1


@pytest.mark.parametrize("broken", ["wrapper_class", "logger_factory", "context_class"])
def test_a_broken_configuration_does_not_reach_the_caller(native, tree, broken: str) -> None:
    def fail(*args: object, **keywords: object) -> None:
        raise RuntimeError("broken configuration")

    native.configure(**{broken: fail})
    with tree.stderr() as stderr:
        native.logger().info("x")
        assert native.logger().isEnabledFor(logging.INFO) is True  # the node's answer
        assert native.logger().get_effective_level() == logging.DEBUG
    assert stderr.getvalue().count("RuntimeError: broken configuration") == 3


def test_a_field_that_cannot_be_shown_does_not_reach_the_caller(native, tree) -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    with tree.stderr():
        native.logger().info("the message", key=Unprintable())
        native.logger().info("a %s", Unprintable())
        native.logger().info("afterwards")
    assert native.events[-1]["event"] == "afterwards"


def test_a_processor_that_logs_for_ever_ends_and_is_said_once(native, tree) -> None:
    calls = []

    def recursive(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        calls.append(1)
        native.logger().info("again")
        native.logger().info("and again")
        return event

    structlog.configure(processors=[recursive])
    with tree.stderr() as stderr:
        assert native.logger().info("x") is None
    assert stderr.getvalue().count("--- Logging error") == 1
    assert len(calls) < 2 * sys.getrecursionlimit()
