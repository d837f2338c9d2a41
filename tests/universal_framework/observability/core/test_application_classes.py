"""An application's own logger class (`logging.setLoggerClass`) is kept and called, custom levels work."""

# ruff: noqa: ARG002, ARG005 - handlers, filters and hooks have the signatures that stdlib gives them

from __future__ import annotations

import logging
import sys
from unittest import TestCase

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

raises = TestCase().assertRaises
raises_saying = TestCase().assertRaisesRegex

NOTICE = 25


class FatalLogger(logging.Logger):
    """Fails on warnings, as Pelican's does: https://docs.getpelican.com/en/stable/publish.html (--fatal)."""

    def warning(self, *args: object, stacklevel: int = 1, **keywords: object) -> None:
        super().warning(*args, stacklevel=stacklevel + 1, **keywords)
        raise RuntimeError("warning encountered")


class Recording(logging.Logger):
    """Notes which of its hooks were called."""

    def __init__(self, name: str, level: int = logging.NOTSET) -> None:
        super().__init__(name, level)
        self.called: list[str] = []

    def isEnabledFor(self, level: int) -> bool:
        self.called.append("isEnabledFor")
        return super().isEnabledFor(level)

    def makeRecord(self, *args: object, **keywords: object) -> logging.LogRecord:
        self.called.append("makeRecord")
        return super().makeRecord(*args, **keywords)

    def handle(self, record: logging.LogRecord) -> None:
        self.called.append("handle")
        super().handle(record)

    def filter(self, record: logging.LogRecord) -> object:
        self.called.append("filter")
        return super().filter(record)

    def callHandlers(self, record: logging.LogRecord) -> None:
        self.called.append("callHandlers")
        super().callHandlers(record)


def _logger(tree, cls: type[logging.Logger], name: str = "app.own", **options: object) -> UniversalFrameworkLogger:
    logging.setLoggerClass(cls)
    return tree.logger(name=name, **options)


def test_a_class_installed_before_or_after_the_logger_was_made_is_that_of_its_node(tree) -> None:
    early = tree.logger(name="app.early")
    late = _logger(tree, FatalLogger, "app.late")
    for logger in (early, late):
        logger.info("x")
        assert type(logging.getLogger(logger.name)) is FatalLogger


def test_a_node_that_was_made_before_the_class_was_installed_stays_what_it_is(tree) -> None:
    node = logging.getLogger("app.before")
    _logger(tree, FatalLogger, "app.before").warning("does not raise")
    assert logging.getLogger("app.before") is node
    assert tree.messages == ["does not raise"]


def test_a_class_that_raises_on_purpose_raises(tree) -> None:
    logger = _logger(tree, FatalLogger)
    logger.info("fine")
    with raises_saying(RuntimeError, "warning encountered"):
        logger.warning("a %s", "b", user="ann")
    record = tree.records[-1]
    assert (record.getMessage(), record.user, record.component) == ("a b", "ann", "billing")
    assert record.funcName == "test_a_class_that_raises_on_purpose_raises"


def test_the_class_gets_the_callers_stacklevel(tree) -> None:
    def helper(method: str) -> None:
        with raises(RuntimeError):
            getattr(tree.logger(name="app.own"), method)("x", stacklevel=2)

    _logger(tree, FatalLogger)
    helper("warning")
    helper("warn")
    assert [record.funcName for record in tree.records] == ["test_the_class_gets_the_callers_stacklevel"] * 2


def test_every_way_to_its_level_methods_gets_the_callers_place(tree) -> None:
    class Plain(logging.Logger):
        def _log(self, *args: object, **keywords: object) -> None:
            keywords["stacklevel"] = keywords.get("stacklevel", 1) + 1
            super()._log(*args, **keywords)

    import asyncio

    logger = _logger(tree, Plain)

    async def here() -> None:
        logger.info("x")
        logger.log(NOTICE, "x")
        logger.exception("x")  # noqa: LOG004
        logger.log_info("x")
        logger.log_agent_execution("planner")
        logging.LoggerAdapter(logger, {}).info("x")
        logger._log(NOTICE, "x", ())
        await logger.ainfo("x")
        await logger.aexception("x")

    asyncio.run(here())
    assert [record.funcName for record in tree.records] == ["here"] * 9


def test_its_hooks_are_called_once_and_in_order(tree) -> None:
    logger = _logger(tree, Recording)
    logger.info("x", user="ann")
    hooks = ["isEnabledFor", "makeRecord", "handle", "filter", "callHandlers"]
    assert logger.called == hooks
    assert (tree.record.user, tree.record.funcName) == ("ann", "test_its_hooks_are_called_once_and_in_order")


def test_its_hooks_are_asked_by_the_loggers_own_methods(tree) -> None:
    logger = _logger(tree, Recording)
    record = logger.makeRecord("app.own", 20, "f.py", 1, "x", (), None)
    assert logger.isEnabledFor(20)
    logger.filter(record)
    logger.handle(record)
    assert logger.called == ["makeRecord", "isEnabledFor", "filter", "handle", "filter", "callHandlers"]


def test_what_its_hooks_raise_passes_through(tree) -> None:
    for hook in ("makeRecord", "handle", "filter", "callHandlers", "isEnabledFor", "findCaller", "_log"):

        def fail(self: logging.Logger, *args: object, hook: str = hook, **keywords: object) -> None:
            raise RuntimeError(f"{hook} on purpose")

        name = f"app.fails_in_{hook}"
        logger = _logger(tree, type("Failing", (logging.Logger,), {hook: fail}), name.lower())
        with raises_saying(RuntimeError, f"{hook} on purpose"):
            logger.error("x")


def test_what_a_handler_raises_does_not(tree) -> None:
    # Celery gives every node of a process a class of its own: a full disk must not stop its tasks
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    for cls in (FatalLogger, Recording):
        logger = _logger(tree, cls, f"app.{cls.__name__}")
        logger.addHandler(Failing())
        with tree.stderr() as stderr:
            assert logger.info("the message") is None
            assert logger.warning("the message") is None  # raised before the class came to its own raising
        assert stderr.getvalue().count("OSError: disk full") == 2
        assert "Event: 'the message'" in stderr.getvalue()


def test_a_handler_that_logs_to_such_a_class_for_ever_ends_and_is_said_once(tree) -> None:
    class Recursive(logging.Handler):
        calls = 0

        def emit(self, record: logging.LogRecord) -> None:
            Recursive.calls += 1
            logger.info("again")
            logger.info("and again")

    logger = _logger(tree, Recording)
    tree.top.handlers[:] = [Recursive()]
    with tree.stderr() as stderr:
        assert logger.info("x") is None
    assert stderr.getvalue().count("--- Logging error") == 1
    assert Recursive.calls < sys.getrecursionlimit()


def test_a_class_that_finds_callers_its_own_way_does(tree) -> None:
    class Anonymous(logging.Logger):
        def findCaller(self, stack_info: bool = False, stacklevel: int = 1) -> tuple[str, int, str, None]:
            return "somewhere.py", 1, "someone", None

    _logger(tree, Anonymous).info("x", user="ann")
    assert (tree.record.pathname, tree.record.funcName, tree.record.user) == ("somewhere.py", "someone", "ann")


def test_fields_and_reserved_names_reach_its_methods_as_extra(tree) -> None:
    class Keeping(logging.Logger):
        def info(self, msg: str, *args: object, **keywords: object) -> None:
            self.seen = (msg, args, keywords.pop("extra"), sorted(keywords))

    logger = _logger(tree, Keeping).bind(page=2)
    with tree.stderr() as stderr:
        logger.info("a %s", "b", user="ann", name="n", extra={"tenant": "acme"}, exc_info=True)  # noqa: LOG014
    fields = {"component": "billing", "page": 2, "tenant": "acme", "user": "ann", "field.name": "n"}
    assert logger.seen == ("a %s", ("b",), fields, ["exc_info"])
    assert stderr.getvalue() == ""


def test_a_name_that_the_record_factory_has_taken_is_renamed_for_it_too(tree) -> None:
    def factory(*args: object, **keywords: object) -> logging.LogRecord:
        record = logging.LogRecord(*args, **keywords)
        record.component = record.tenant = "factory's"
        return record

    logging.setLogRecordFactory(factory)
    logger = _logger(tree, FatalLogger)
    with raises_saying(RuntimeError, "warning encountered"):
        logger.warning("x", tenant="mine")
    record = vars(tree.record)
    assert (record["tenant"], record["field.tenant"], record["field.component"]) == ("factory's", "mine", "billing")


def test_a_class_from_before_stacklevel_is_called_as_it_can_be(tree) -> None:
    # stdlib's own signature up to Python 3.7
    class Old(logging.Logger):
        def _log(self, level, msg, args, exc_info=None, extra=None, stack_info=False) -> None:
            super()._log(level, f"old: {msg}", args, exc_info, extra, stack_info)

    _logger(tree, Old).info("a %s", "b", user="ann", stacklevel=2)
    assert (tree.record.getMessage(), tree.record.user) == ("old: a b", "ann")


def test_a_class_that_names_the_keywords_it_takes_gets_them(tree) -> None:
    class Naming(logging.Logger):
        def info(self, msg: str, *args: object, extra: object = None, stacklevel: int = 1) -> None:
            super().info(msg, *args, extra=extra, stacklevel=stacklevel + 1)

    _logger(tree, Naming).info("a %s", "b", user="ann")
    assert (tree.record.getMessage(), tree.record.user) == ("a b", "ann")
    assert tree.record.funcName == "test_a_class_that_names_the_keywords_it_takes_gets_them"


def test_a_class_that_takes_no_fields_is_called_and_their_loss_is_said(tree) -> None:
    class Narrow(logging.Logger):
        def info(self, msg: str, *args: object) -> None:
            super().info(msg, *args)

    logger = _logger(tree, Narrow)
    with tree.stderr() as stderr:
        logger.info("nothing to lose")
    assert stderr.getvalue() == ""
    with tree.stderr() as stderr:
        logger.info("the %s", "message", user="ann")
    assert "takes no fields: component, user left out" in stderr.getvalue()
    assert "Event: 'the %s'" in stderr.getvalue()
    assert tree.messages == ["nothing to lose", "the message"]


def test_a_way_to_find_callers_put_on_the_node_itself_is_used(tree) -> None:
    tree.node.findCaller = lambda stack_info=False, stacklevel=1: ("somewhere.py", 1, "someone", None)
    tree.logger().info("x")
    assert tree.record.funcName == "someone"


def test_a_handler_that_logs_to_such_a_class_gets_its_own_place(tree) -> None:
    class Reporting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            def report() -> None:
                with raises(RuntimeError):
                    reports.warning("sent")

            report()

    reports = _logger(tree, FatalLogger, "app.reports")
    tree.node.addHandler(Reporting())
    tree.logger().info("x")
    assert {record.getMessage(): record.funcName for record in tree.records}["sent"] == "report"


def test_a_method_put_on_the_node_itself_is_called(tree) -> None:
    original = tree.node.info

    def louder(msg: str, *args: object, **keywords: object) -> None:
        original(msg.upper(), *args, stacklevel=keywords.pop("stacklevel", 1) + 1, **keywords)

    tree.node.info = louder
    tree.logger().info("paid", user="ann")
    record = tree.record
    assert (record.getMessage(), record.user) == ("PAID", "ann")
    assert record.funcName == "test_a_method_put_on_the_node_itself_is_called"


def test_a_method_that_was_replaced_before_the_module_was_loaded_is_called(tree) -> None:
    # a tracer that patches logging.Logger at start-up comes before every application module
    import importlib
    import sys

    original = logging.Logger.info

    def traced(self: logging.Logger, msg: str, *args: object, **keywords: object) -> None:
        original(self, f"traced: {msg}", *args, **keywords)

    name = "universal_framework.observability"
    package = importlib.import_module(name)
    kept = {full: module for full, module in sys.modules.items() if full.rpartition(".")[0] == name}
    logging.Logger.info = traced
    try:
        for full in kept:
            del sys.modules[full]
        for neighbour in {full.removeprefix(f"{name}.").partition(".")[0] for full in kept}:
            delattr(package, neighbour)
        anew = importlib.import_module(f"{name}.unified_logger")
        assert anew not in kept.values()
        anew.UniversalFrameworkLogger("billing", name=tree.name).info("x")
    finally:
        sys.modules.update(kept)
        for full, module in kept.items():
            if "." not in full.removeprefix(f"{name}."):
                setattr(package, full.removeprefix(f"{name}."), module)
    assert tree.messages == ["traced: x"]


# -- levels and methods of the application's own ----------------------------------------------------------------


def test_a_method_that_the_class_adds_is_called_on_the_node(tree) -> None:
    class WithNotice(logging.Logger):
        def notice(self, msg: str, *args: object, **keywords: object) -> None:
            if self.isEnabledFor(NOTICE):
                self._log(NOTICE, msg, args, stacklevel=2, **keywords)

    logging.addLevelName(NOTICE, "NOTICE")
    logger = _logger(tree, WithNotice)
    logger.notice("a %s", "b")
    record = tree.record
    assert (record.levelname, record.getMessage(), record.name) == ("NOTICE", "a b", "app.own")
    assert record.funcName == "test_a_method_that_the_class_adds_is_called_on_the_node"
    assert logger.bind(user="ann").notice.__self__ is logging.getLogger("app.own")


def test_an_attribute_that_the_class_adds_is_the_nodes(tree) -> None:
    class WithTenant(logging.Logger):
        tenant = "acme"

    logger = _logger(tree, WithTenant)
    assert logger.tenant == "acme"
    logging.getLogger("app.own").tenant = "other"
    assert logger.tenant == "other"


def test_a_level_method_put_on_logging_logger_reports_with_component_and_fields(tree) -> None:
    # https://docs.python.org/3/howto/logging.html#custom-levels – what libraries do all the same
    def trace(self: logging.Logger, msg: str, *args: object, **keywords: object) -> None:
        if self.isEnabledFor(5):
            self._log(5, msg, args, **keywords)

    logging.addLevelName(5, "TRACE")
    logging.Logger.trace = trace
    logger = tree.logger().bind(user="ann")
    logger.trace("too low")
    tree.top.setLevel(5)
    logger.trace("a %s", "b", page=2)
    record = tree.record
    assert (record.levelname, record.getMessage()) == ("TRACE", "a b")
    assert (record.user, record.page, record.component) == ("ann", 2, "billing")


def test_a_level_method_that_goes_by_log_does_too(tree) -> None:
    logging.Logger.notice = lambda self, msg, *args, **keywords: self.log(NOTICE, msg, *args, **keywords)
    tree.logger().bind(user="ann").notice("a %s", "b", page=2)
    assert (tree.record.levelno, tree.record.user, tree.record.page) == (NOTICE, "ann", 2)


def test_a_level_method_on_logging_logger_reaches_the_applications_own_log(tree) -> None:
    class Shouting(logging.Logger):
        def _log(self, level: int, msg: str, args: object, **keywords: object) -> None:
            super()._log(level, f"shouted: {msg}", args, **keywords)

    logging.Logger.notice = lambda self, msg, *args, **keywords: self._log(NOTICE, msg, args, **keywords)
    _logger(tree, Shouting).notice("a %s", "b", user="ann")
    assert (tree.record.getMessage(), tree.record.user) == ("shouted: a b", "ann")


def test_a_replaced_method_of_logging_logger_is_called(tree) -> None:
    original = logging.Logger.info

    def marked(self: logging.Logger, msg: str, *args: object, **keywords: object) -> None:
        original(self, f"marked: {msg}", *args, **keywords)

    logging.Logger.info = marked
    tree.logger().info("a %s", "b", user="ann")
    assert (tree.record.getMessage(), tree.record.user) == ("marked: a b", "ann")


def test_a_subclass_that_changes_nothing_of_this_costs_nothing(tree) -> None:
    class Harmless(logging.Logger):
        def helper(self) -> int:
            return 1

    logger = _logger(tree, Harmless)

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    logger.addHandler(Broken())
    with tree.stderr():
        assert logger.error("does not raise") is None
    assert logger.helper() == 1


def test_attributes_put_on_a_logger_are_those_of_all_loggers_of_that_name(tree) -> None:
    logger = tree.logger()
    logger.info("used before")
    logger.tenant = "acme"
    assert logging.getLogger(tree.name).tenant == "acme"
    assert tree.logger().tenant == "acme"
    assert logger.tenant == "acme"
    logging.getLogger(tree.name).region = "eu"
    assert tree.logger().region == "eu"
    del logger.tenant
    assert not hasattr(logging.getLogger(tree.name), "tenant")


def test_a_class_that_counts_its_own_frame_finds_the_caller(tree) -> None:
    class Counting(logging.Logger):
        def info(self, msg: object, *args: object, **keywords: object) -> None:
            keywords.setdefault("stacklevel", 2)
            super().info(msg, *args, **keywords)

        def plainly(self, msg: object) -> None:
            super().info(msg)

    logger = _logger(tree, Counting, "app.counting")
    logger.info("x")
    logger.info("y", stacklevel=1)
    logger.plainly("z")
    assert [record.funcName for record in tree.records] == [
        "test_a_class_that_counts_its_own_frame_finds_the_caller",
        "info",
        "plainly",
    ]
