"""``pathname``, ``lineno`` and ``funcName`` are the caller's, however the event was reported."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import sys
import tempfile
from pathlib import Path

METHODS = (
    "debug", "info", "warning", "warn", "error", "critical", "fatal", "exception", "msg",
    "log_info", "log_warning", "log_error",
)  # fmt: skip


def _line_above() -> int:
    return inspect.currentframe().f_back.f_lineno - 1


def _place(record: logging.LogRecord) -> tuple[str, str, int]:
    return record.pathname, record.funcName, record.lineno


def test_of_every_method(tree) -> None:
    def here(method: str) -> int:
        getattr(tree.logger(), method)("x")
        return _line_above()

    for method in METHODS:
        line = here(method)
        assert _place(tree.records[-1]) == (__file__, "here", line), method
    assert tree.records[-1].module == "test_callers"
    assert tree.records[-1].filename == "test_callers.py"


def test_of_the_methods_with_a_level_or_more_arguments(tree) -> None:
    def here(method: str, *args: object) -> int:
        getattr(tree.logger(), method)(*args)
        return _line_above()

    for call in [
        ("log", 25, "x"),
        ("_log", 25, "x", ()),
        ("log_agent_execution", "planner"),
        ("log_workflow_transition", "a", "b"),
        ("log_session_event", "s-1", "created"),
        ("log_compliance_event", "export"),
        ("log_performance_metric", "latency", 1.5),
    ]:
        line = here(*call)
        assert _place(tree.records[-1]) == (__file__, "here", line), call


def test_of_a_bound_logger_and_of_a_child(tree) -> None:
    tree.logger().bind(a=1).info("x")
    first = _line_above()
    tree.logger().getChild("part").info("x")
    second = _line_above()
    here = "test_of_a_bound_logger_and_of_a_child"
    assert [_place(record) for record in tree.records] == [(__file__, here, first), (__file__, here, second)]


def test_through_a_logger_adapter(tree) -> None:
    def here() -> None:
        adapter = logging.LoggerAdapter(tree.logger(), {})
        adapter.info("x")
        adapter.log(25, "x")
        adapter.exception("x")
        adapter._log(25, "x", ())

    here()
    assert [record.funcName for record in tree.records] == ["here"] * 4


def test_from_a_coroutine(tree) -> None:
    async def inner() -> None:
        tree.logger().info("sync")
        await tree.logger().ainfo("async")
        await tree.logger().alog(25, "async")
        await tree.logger().aexception("async")

    async def outer() -> None:
        await inner()

    asyncio.run(outer())
    assert [_place(record)[:2] for record in tree.records] == [(__file__, "inner")] * 4


def test_from_a_lambda_a_comprehension_and_a_partial(tree) -> None:
    report = lambda: tree.logger().info("x")  # noqa: E731 - the lambda is the point
    report()
    list(map(tree.logger().info, ["x"]))
    functools.partial(tree.logger().info, "x")()
    here = "test_from_a_lambda_a_comprehension_and_a_partial"
    assert [record.funcName for record in tree.records] == ["<lambda>", here, here]


def test_stacklevel_counts_the_callers_frames(tree) -> None:
    def outer(stacklevel: int, method: str) -> None:
        middle(stacklevel, method)

    def middle(stacklevel: int, method: str) -> None:
        inner(stacklevel, method)

    def inner(stacklevel: int, method: str) -> None:
        getattr(tree.logger(), method)("x", stacklevel=stacklevel)

    here = "test_stacklevel_counts_the_callers_frames"
    for method in METHODS:
        names = ["inner", "inner", "inner", "middle", "outer", here]
        for stacklevel, name in zip((-1, 0, 1, 2, 3, 4), names, strict=True):
            outer(stacklevel, method)
            assert tree.records[-1].funcName == name, (method, stacklevel)


def test_stacklevel_agrees_with_stdlib(tree) -> None:
    def wrapper(logger: logging.Logger, stacklevel: int) -> None:
        logger.info("x", stacklevel=stacklevel)

    for stacklevel in range(1, 60):
        for logger in (tree.logger(), tree.node):
            wrapper(logger, stacklevel)
        ours, stdlibs = tree.records[-2:]
        assert (ours.pathname, ours.funcName) == (stdlibs.pathname, stdlibs.funcName)


def test_stacklevel_leaves_out_the_import_system_as_stdlib_does(tree) -> None:
    source = "def report(logger):\n    logger.info('x', stacklevel=2)\n\nreport(house)\nreport(stdlibs)\n"
    deeper = "house.info('y', stacklevel=2); stdlibs.info('y', stacklevel=2)\n"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module_that_logs.py").write_text(
            f"import builtins\nhouse, stdlibs = builtins.loggers_of_a_test\n{source}{deeper}"
        )
        sys.path.insert(0, folder)
        builtins = sys.modules["builtins"]
        builtins.loggers_of_a_test = tree.logger(), tree.node
        try:
            __import__("module_that_logs")
        finally:
            del builtins.loggers_of_a_test, sys.modules["module_that_logs"]
            sys.path.remove(folder)
    here = "test_stacklevel_leaves_out_the_import_system_as_stdlib_does"
    assert [record.funcName for record in tree.records] == ["<module>", "<module>", here, here]


def test_a_stacklevel_beyond_the_outermost_frame_is_the_outermost(tree) -> None:
    tree.logger().info("x", stacklevel=10_000)
    outermost = inspect.stack()[-1]
    assert (tree.record.pathname, tree.record.funcName) == (outermost.filename, outermost.function)


def test_stacklevel_from_a_coroutine(tree) -> None:
    async def helper() -> None:
        await tree.logger().ainfo("x", stacklevel=2)

    async def caller() -> None:
        await helper()

    asyncio.run(caller())
    assert tree.record.funcName == "caller"


def test_stacklevel_moves_the_stack_that_is_shown(tree) -> None:
    def helper() -> None:
        tree.logger().info("x", stacklevel=2, stack_info=True)

    helper()
    assert tree.record.stack_info.splitlines()[-1].strip() == "helper()"


def test_a_custom_level_method_moves_it_by_stacklevel_as_in_stdlib(tree) -> None:
    def notice(self: logging.Logger, msg: str, *args: object, **keywords: object) -> None:
        if self.isEnabledFor(25):
            keywords["stacklevel"] = keywords.get("stacklevel", 1) + 1
            self._log(25, msg, args, **keywords)

    logging.Logger.notice = notice
    tree.logger().notice("x")
    tree.node.notice("x")
    here = "test_a_custom_level_method_moves_it_by_stacklevel_as_in_stdlib"
    assert [record.funcName for record in tree.records] == [here, here]


def test_find_caller_says_the_same(tree) -> None:
    def helper() -> tuple[object, ...]:
        return tree.logger().findCaller(False, 2)

    path, line, function, stack = tree.logger().findCaller()
    here = _line_above()
    assert (path, line, function, stack) == (__file__, here, "test_find_caller_says_the_same", None)
    assert helper()[2] == "test_find_caller_says_the_same"
    assert tree.logger().findCaller(stack_info=True)[3].startswith("Stack")
