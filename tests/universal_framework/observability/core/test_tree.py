"""Events go into the logging tree as stdlib's own do: whatever listens there sees no difference."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import logging.handlers
import queue
from unittest import TestCase, mock

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

raises = TestCase().assertRaises

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "msg": logging.INFO,
}


def _what_stdlib_records(call) -> dict[str, object]:
    """Return the attributes of the record that stdlib's own logger makes of `call`."""
    records = []
    node = logging.Logger("app.module", logging.DEBUG)  # noqa: LOG001 - one that nobody else knows
    node.handle = records.append
    call(node)
    return vars(records[0])


# -- levels -------------------------------------------------------------------------------------------------


def test_each_method_reports_at_its_level(tree) -> None:
    for method, level in LEVELS.items():
        assert getattr(tree.logger(), method)("x") is None
        assert tree.records[-1].levelno == level


def test_log_takes_any_level(tree) -> None:
    logging.addLevelName(25, "NOTICE")
    tree.logger().log(25, "x %s", 1)
    tree.logger().log(3, "too low")
    tree.top.setLevel(1)
    tree.logger().log(3, "y")
    tree.logger().log(70, "z")
    assert [record.levelname for record in tree.records] == ["NOTICE", "Level 3", "Level 70"]
    assert tree.messages == ["x 1", "y", "z"]


def test_log_takes_the_name_of_a_level(tree) -> None:
    logging.addLevelName(25, "Notice")
    for given in ("INFO", "warning", "Notice"):
        tree.logger().log(given, "x")
    assert [record.levelname for record in tree.records] == ["INFO", "WARNING", "Notice"]


def test_log_with_what_is_no_level_says_so_and_does_not_raise(tree) -> None:
    for level in (None, "loud", 2.5, object(), "x"):
        with tree.stderr() as stderr:
            assert tree.logger().log(level, "the message") is None
        assert "level must be an integer such as logging.INFO" in stderr.getvalue()
        assert "the message" in stderr.getvalue()
    assert tree.records == []


def test_what_is_below_the_level_is_not_reported(tree) -> None:
    tree.node.setLevel(logging.ERROR)
    for method, level in LEVELS.items():
        getattr(tree.logger(), method)("x")
        assert bool(tree.records) is (level >= logging.ERROR)
        tree.records.clear()


def test_a_level_set_later_takes_effect(tree) -> None:
    logger = tree.logger()
    logger.debug("first")
    logger.setLevel("INFO")
    logger.debug("second")
    tree.node.setLevel(logging.DEBUG)
    logger.debug("third")
    assert tree.messages == ["first", "third"]


def test_a_level_between_the_standard_ones_is_respected(tree) -> None:
    tree.node.setLevel(25)
    tree.logger().log(24, "below")
    tree.logger().log(25, "at")
    assert tree.messages == ["at"]


def test_logging_disable_silences_it(tree) -> None:
    logging.disable(logging.ERROR)
    tree.logger().error("quiet")
    tree.logger().critical("loud")
    assert not tree.logger().isEnabledFor(logging.ERROR)
    logging.disable(logging.NOTSET)
    tree.logger().debug("again")
    assert tree.messages == ["loud", "again"]


def test_a_disabled_node_is_silent(tree) -> None:
    tree.logger().disabled = True
    tree.logger().critical("muted")
    tree.logger().disabled = False
    tree.logger().info("heard")
    assert tree.messages == ["heard"]


# -- the record ---------------------------------------------------------------------------------------------


def test_a_record_is_stdlibs_own_and_has_the_component(tree) -> None:
    def call(logger: logging.Logger) -> None:
        logger.warning("a %s", "b", extra={"tenant": "acme"}, stack_info=False)

    expected = _what_stdlib_records(call)
    call(tree.logger("billing"))
    got = dict(vars(tree.record))
    assert got.pop("component") == "billing"
    volatile = {"created", "msecs", "relativeCreated"}
    assert got.keys() == expected.keys()
    assert {k: v for k, v in got.items() if k not in volatile} == {
        k: v for k, v in expected.items() if k not in volatile
    }


def test_fields_are_attributes_of_the_record(tree) -> None:
    basket = ["apples"]
    tree.logger().info("paid", user="ann", basket=basket)
    assert (tree.record.user, tree.record.component) == ("ann", "billing")
    assert tree.record.basket is basket


def test_what_is_said_nearer_to_the_call_wins(tree) -> None:
    tree.logger().bind(a="bound", b="bound", c="bound").info("x", extra={"b": "extra", "c": "extra"}, c="call")
    assert (tree.record.a, tree.record.b, tree.record.c) == ("bound", "extra", "call")


def test_an_event_that_brings_its_own_component_keeps_it(tree) -> None:
    # code that passed extra={"component": …} before it had this logger still reaches its dashboards
    tree.logger("billing").info("x", extra={"component": "ledger"})
    tree.logger("billing").info("x", component="ledger")
    assert [record.component for record in tree.records] == ["ledger", "ledger"]


def test_the_record_factory_is_used(tree) -> None:
    def factory(*args: object, **keywords: object) -> logging.LogRecord:
        record = logging.LogRecord(*args, **keywords)
        record.tenant = "acme"
        return record

    logging.setLogRecordFactory(factory)
    tree.logger().info("x")
    assert tree.record.tenant == "acme"


def test_a_name_that_the_record_factory_has_taken_is_renamed(tree) -> None:
    def factory(*args: object, **keywords: object) -> logging.LogRecord:
        record = logging.LogRecord(*args, **keywords)
        record.tenant = record.component = "factory's"
        return record

    logging.setLogRecordFactory(factory)
    tree.logger().info("x", tenant="mine", user="ann")
    record = vars(tree.record)
    assert (record["tenant"], record["field.tenant"]) == ("factory's", "mine")
    assert (record["component"], record["field.component"]) == ("factory's", "billing")
    assert record["user"] == "ann"


def test_a_key_error_of_another_kind_is_no_renaming_matter(tree) -> None:
    def factory(*args: object, **keywords: object) -> logging.LogRecord:
        raise KeyError("user")

    logging.setLogRecordFactory(factory)
    with tree.stderr() as stderr:
        tree.logger().info("x", user="ann")
    assert "KeyError: 'user'" in stderr.getvalue()


def test_a_finished_record_can_be_handed_in(tree) -> None:
    logger = tree.logger()
    logger.handle(logger.makeRecord("app.module", 20, "f.py", 1, "made %s", ("by hand",), None))
    logger.callHandlers(logger.makeRecord("app.module", 20, "f.py", 1, "called", (), None, func="f", sinfo="stack"))
    assert tree.messages == ["made by hand", "called"]


def test_it_filters_a_record_as_its_node_does(tree) -> None:
    record = tree.logger().makeRecord("app.module", 20, "f.py", 1, "secret", (), None)
    assert tree.logger().filter(record)
    tree.node.addFilter(lambda record: "secret" not in record.getMessage())
    assert not tree.logger().filter(record)


# -- who listens --------------------------------------------------------------------------------------------


def test_a_handler_added_to_it_is_heard_beside_those_above(tree) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    tree.logger().addHandler(handler)
    tree.logger().info("to both")
    tree.logger().removeHandler(handler)
    tree.logger().info("to one")
    assert stream.getvalue() == "to both\n"
    assert tree.messages == ["to both", "to one"]


def test_without_propagation_only_its_own_handlers_hear(tree) -> None:
    stream = io.StringIO()
    tree.logger().addHandler(logging.StreamHandler(stream))
    tree.logger().propagate = False
    tree.logger().info("here only")
    assert stream.getvalue() == "here only\n"
    assert tree.records == []


def test_a_filter_of_the_node_decides(tree) -> None:
    tree.logger().addFilter(lambda record: "secret" not in record.getMessage())
    tree.logger().info("a %s thing", "secret")
    tree.logger().info("a known thing")
    assert tree.messages == ["a known thing"]


def test_a_filter_of_the_node_sees_and_changes_the_fields(tree) -> None:
    def shorten(record: logging.LogRecord) -> bool:
        record.user = record.user[:1]
        return True

    tree.node.addFilter(shorten)
    tree.logger().info("x", user="ann")
    assert tree.record.user == "a"


def test_a_filter_of_the_handler_decides(tree) -> None:
    tree.handler.addFilter(lambda record: record.component == "refunds")
    tree.logger("billing").info("one")
    tree.logger("refunds").info("two")
    assert tree.messages == ["two"]


def test_the_level_of_the_handler_decides(tree) -> None:
    tree.handler.setLevel(logging.ERROR)
    tree.logger().info("too low")
    tree.logger().error("high enough")
    assert tree.messages == ["high enough"]


def test_assert_logs_sees_it(tree) -> None:
    case = TestCase()
    with case.assertLogs("app.module", "INFO") as got:
        tree.logger().info("captured %s", "me")
    assert got.output == ["INFO:app.module:captured me"]
    with case.assertLogs(tree.logger(), "INFO") as got:
        tree.logger().info("by the logger itself")
    assert got.output == ["INFO:app.module:by the logger itself"]
    with case.assertNoLogs("app.module", "ERROR"):
        tree.logger().warning("not an error")


def test_a_queue_handler_carries_it_with_its_fields(tree) -> None:
    carried: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    tree.top.addHandler(logging.handlers.QueueHandler(carried))
    tree.logger().bind(user="ann").info("queued %s", "up")
    record = carried.get_nowait()
    assert (record.getMessage(), record.user, record.component) == ("queued up", "ann", "billing")


def test_dict_config_reaches_it_by_the_name_of_the_module(tree) -> None:
    stream = io.StringIO()
    logger = tree.logger(name="app.configured")
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(levelname)s %(component)s %(funcName)s %(message)s"}},
            "handlers": {"own": {"class": "logging.StreamHandler", "stream": stream, "formatter": "short"}},
            "loggers": {"app": {"level": "ERROR"}, "app.configured": {"handlers": ["own"], "level": "INFO"}},
        }
    )
    logger.debug("too low")
    logger.info("high enough")
    tree.logger().warning("too low for app")
    assert stream.getvalue() == "INFO billing test_dict_config_reaches_it_by_the_name_of_the_module high enough\n"


def test_dict_config_changes_the_level_of_a_logger_in_use(tree) -> None:
    tree.logger().info("before")
    logging.config.dictConfig({"version": 1, "incremental": True, "loggers": {"app": {"level": "ERROR"}}})
    tree.logger().info("too low")
    tree.logger().error("high enough")
    assert tree.messages == ["before", "high enough"]


def test_dict_config_does_not_disable_a_logger_that_nobody_used_yet(tree) -> None:
    logger = tree.logger(name="app.late")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    logger.critical("heard")
    assert not logger.disabled


def test_a_formatter_finds_fields_in_braces_and_percents(tree) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("{component}/{user}: {message}", style="{"))
    tree.logger().addHandler(handler)
    tree.logger().info("paid %d", 7, user="ann")
    assert stream.getvalue() == "billing/ann: paid 7\n"


def test_patched_call_handlers_sees_it(tree) -> None:
    # what Sentry's integration does: https://docs.sentry.io/platforms/python/integrations/logging/
    seen, original = [], logging.Logger.callHandlers

    def patched(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append((self.name, record.getMessage(), record.user))
        original(self, record)

    with mock.patch.object(logging.Logger, "callHandlers", patched):
        tree.logger().error("to the tracker %s", 1, user="ann")
    assert seen == [("app.module", "to the tracker 1", "ann")]
    assert tree.messages == ["to the tracker 1"]


def test_patched_make_record_sees_it(tree) -> None:
    # what ddtrace does, to put the ids of the trace on every record
    original = logging.Logger.makeRecord

    def patched(self: logging.Logger, *args: object, **keywords: object) -> logging.LogRecord:
        record = original(self, *args, **keywords)
        record.trace_id = 7
        return record

    with mock.patch.object(logging.Logger, "makeRecord", patched):
        tree.logger().error("x")
    assert tree.record.trace_id == 7


def test_a_patched_node_is_called_as_the_call_was_written(tree) -> None:
    with mock.patch.object(logging.getLogger("app.module"), "info") as info:
        tree.logger().bind(user="ann").info("x %s", 1, exc_info=True)
    info.assert_called_once_with("x %s", 1, exc_info=True)
    with mock.patch.object(logging.Logger, "error") as error:
        tree.logger().error("y")
    error.assert_called_once_with("y")
    assert tree.records == []


def test_fields_reach_a_patched_node_as_extra(tree) -> None:
    with mock.patch.object(logging.getLogger("app.module"), "info") as info:
        tree.logger().info("x", user="ann")
    assert info.call_args.kwargs["extra"] == {"component": "billing", "user": "ann"}


def test_a_logger_adapter_around_it_works(tree) -> None:
    adapter = logging.LoggerAdapter(tree.logger().bind(user="ann"), {"tenant": "acme"})
    adapter.info("a %s", "b")
    adapter.log(25, "c")
    adapter.setLevel(logging.ERROR)
    adapter.warning("too low")
    first, second = tree.records
    assert (first.getMessage(), first.tenant, first.user, first.component) == ("a b", "acme", "ann", "billing")
    assert second.levelno == 25
    assert (adapter.name, adapter.getEffectiveLevel()) == ("app.module", logging.ERROR)
    assert adapter.isEnabledFor(logging.ERROR)
    assert adapter.hasHandlers()


def test_a_json_formatter_of_the_common_kind_gets_every_field(tree) -> None:
    known = vars(logging.makeLogRecord({})).keys()
    tree.logger().bind(page=2).info("paid %s", "twice", user="ann", extra={"tenant": "acme"})
    line = {key: value for key, value in vars(tree.record).items() if key not in known}
    assert json.dumps(line) == '{"component": "billing", "page": 2, "tenant": "acme", "user": "ann"}'


# -- ways ---------------------------------------------------------------------------------------------------


def test_each_way_leads_into_the_tree_where_there_is_no_structlog(tree) -> None:
    with mock.patch.dict("sys.modules", {"structlog": None, "structlog.contextvars": None}):
        for via in (None, "stdlib", "structlog"):
            tree.logger(via=via).info("x", via=str(via))
            assert tree.logger(via=via).isEnabledFor(logging.INFO)
    assert [record.via for record in tree.records] == ["None", "stdlib", "structlog"]


def test_the_same_node_obtained_by_name_sees_the_same_events(tree) -> None:
    stream = io.StringIO()
    logging.getLogger("app.module").addHandler(logging.StreamHandler(stream))
    UniversalFrameworkLogger("billing", name="app.module").info("from the view")
    logging.getLogger("app.module").info("from the node")
    assert stream.getvalue() == "from the view\nfrom the node\n"
