"""structlog's own ways to find the caller find the application's code, not this package's."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading

import pytest
import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder, JSONRenderer
from structlog.testing import capture_logs

METHODS = (
    "debug",
    "info",
    "msg",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "fatal",
    "log_info",
    "log_error",
)
ASYNC_METHODS = ("adebug", "ainfo", "amsg", "awarning", "awarn", "aerror", "aexception", "acritical", "afatal")


def _line_above() -> int:
    return inspect.currentframe().f_back.f_lineno - 1


def _place(event: dict[str, object]) -> tuple[object, object]:
    return event["pathname"], event["func_name"]


# -- calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_the_caller_of_each_method(configured, method: str) -> None:
    def here() -> int:
        getattr(configured.logger(), method)("ev")
        return _line_above()

    line = here()
    assert _place(configured.event) == (__file__, "here")
    assert configured.event["lineno"] == line


def test_the_caller_of_methods_with_a_level_or_more_arguments(configured) -> None:
    def here() -> None:
        configured.logger().log(25, "ev")
        configured.logger()._log(25, "ev", ())
        configured.logger().log_session_event("s-1", "created")
        configured.logger().log_agent_execution("planner")
        configured.logger().bind(a=1).getChild("part").info("ev")
        logging.LoggerAdapter(configured.logger(), {}).info("ev")

    here()
    assert [_place(event) for event in configured.events] == [(__file__, "here")] * 6


@pytest.mark.skipif(not hasattr(CallsiteParameter, "QUAL_MODULE"), reason="structlog older than 26.1")
def test_the_qualified_module_of_the_caller(native) -> None:
    native.configure(processors=[CallsiteParameterAdder([CallsiteParameter.QUAL_MODULE]), JSONRenderer()])
    native.logger().info("ev")
    assert native.event["qual_module"] == __name__


def test_the_caller_of_a_call_whose_arguments_do_not_fit(configured) -> None:
    def here() -> None:
        configured.logger().info("%d items", "many")

    here()
    assert _place(configured.event) == (__file__, "here")


@pytest.mark.parametrize("method", METHODS)
def test_stacklevel_moves_the_caller(configured, method: str) -> None:
    def outer(stacklevel: int) -> None:
        helper(stacklevel)

    def helper(stacklevel: int) -> None:
        getattr(configured.logger(), method)("ev", stacklevel=stacklevel)

    for stacklevel in (1, 2, 3):
        outer(stacklevel)
    assert [event["func_name"] for event in configured.events] == [
        "helper",
        "outer",
        "test_stacklevel_moves_the_caller",
    ]
    assert all("stacklevel" not in event for event in configured.events)


def test_stacklevel_leaves_nothing_behind(native) -> None:
    def helper() -> None:
        native.logger().info("ev", stacklevel=2)
        native.logger().info("ev")

    helper()
    assert [event["func_name"] for event in native.events] == ["test_stacklevel_leaves_nothing_behind", "helper"]


def test_the_caller_where_structlog_hands_over_to_the_tree(tree) -> None:
    # structlog.stdlib.LoggerFactory's own logger class finds it, by the names of modules
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    assert type(tree.node).findCaller.__module__ == "structlog.stdlib"

    def helper() -> int:
        tree.logger().info("ev")
        tree.logger().info("ev", stacklevel=2)
        tree.logger(via="stdlib").info("ev")
        tree.logger(via="stdlib").info("ev", stacklevel=2)

    helper()
    here = "test_the_caller_where_structlog_hands_over_to_the_tree"
    assert [record.funcName for record in tree.records] == ["helper", here, "helper", here]


# -- coroutines ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ASYNC_METHODS)
def test_the_awaiting_function_is_the_caller(configured, method: str) -> None:
    async def here() -> int:
        await getattr(configured.logger(), method)("a %s", "b", key="value")
        return _line_above()

    async def main() -> int:
        return await here()

    line = asyncio.run(main())
    event = configured.event
    assert _place(event) == (__file__, "here")
    assert event["lineno"] == line
    assert (event["event"], event["key"]) == ("a b", "value")
    expected = {"awarn": "warning", "aexception": "error", "afatal": "critical", "amsg": "info"}
    assert event["level"] == expected.get(method, method[1:])


def test_alog_reports_at_its_level(configured) -> None:
    async def here() -> None:
        await configured.logger().alog(logging.WARNING, "ev")
        await configured.logger().alog(25, "ev")

    asyncio.run(here())
    assert [(event["level"], event["func_name"]) for event in configured.events] == [
        ("warning", "here"),
        ("info", "here"),
    ]


def test_stacklevel_moves_the_awaiting_caller(configured) -> None:
    async def helper() -> None:
        await configured.logger().ainfo("ev", stacklevel=2)

    async def caller() -> None:
        await helper()

    asyncio.run(caller())
    assert configured.event["func_name"] == "caller"
    assert "stacklevel" not in configured.event


@pytest.mark.parametrize("method", ["aexception", "aerror", "awarning"])
def test_the_exception_being_handled_survives_the_change_of_threads(configured, method: str) -> None:
    async def main() -> None:
        try:
            raise ValueError("kaboom")
        except ValueError:
            await getattr(configured.logger(), method)("ev", **({} if method == "aexception" else {"exc_info": True}))

    asyncio.run(main())
    assert "ValueError: kaboom" in configured.event["exception"]
    assert "in main" in configured.event["exception"]


def test_aexception_outside_of_an_exception_is_no_error(configured) -> None:
    async def main() -> None:
        await configured.logger().aexception("ev")

    asyncio.run(main())
    assert configured.event["event"] == "ev"
    assert configured.event.get("exception") in (None, "NoneType: None", "MISSING")  # stdlib's and structlog 24's words


@pytest.mark.skipif(
    not hasattr(structlog.contextvars, "_ASYNC_CALLING_THREAD"), reason="structlog older than 25.5 names its own thread"
)
def test_processors_run_in_another_thread_and_know_the_callers(native) -> None:
    # https://www.structlog.org/en/stable/getting-started.html#asyncio: a slow sink must not hold up the loop
    threads = []

    def note(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        threads.append(threading.get_ident())
        return event

    native.configure(processors=[note, CallsiteParameterAdder([CallsiteParameter.THREAD]), JSONRenderer()])

    async def main() -> None:
        await native.logger().ainfo("ev")

    asyncio.run(main())
    assert threads != [threading.get_ident()]
    assert native.event["thread"] == threading.get_ident()


def test_context_variables_are_those_of_the_coroutine(configured) -> None:
    async def one(request: str) -> None:
        structlog.contextvars.bind_contextvars(request=request)
        await asyncio.sleep(0)
        await configured.logger().ainfo("ev", asked=request)

    async def main() -> None:
        await asyncio.gather(*(one(f"r-{number}") for number in range(20)))

    asyncio.run(main())
    assert len(configured.events) == 20
    assert all(event["request"] == event["asked"] for event in configured.events)


def test_a_structlog_that_keeps_its_callers_elsewhere_gets_the_events_all_the_same(
    native, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the two variables are private to structlog: where they are, callers are right; where not, nothing is lost
    monkeypatch.delattr(structlog.contextvars, "_ASYNC_CALLING_STACK")
    monkeypatch.delattr(structlog.contextvars, "_ASYNC_CALLING_THREAD", raising=False)

    async def main() -> None:
        native.logger().info("one", stacklevel=2)
        await native.logger().ainfo("two", key="value")

    asyncio.run(main())
    one, two = native.events
    assert (one["event"], one["stacklevel"], two["event"], two["key"]) == ("one", 2, "two", "value")


def test_the_async_variants_take_a_lone_message(configured) -> None:
    async def main() -> None:
        await configured.logger().ainfo(event="one", key="value")
        await configured.logger().aerror(msg="two")

    asyncio.run(main())
    assert [event["event"] for event in configured.events] == ["one", "two"]


def test_capture_logs_sees_the_async_variants(native) -> None:
    async def main() -> None:
        await native.logger().bind(a=1).ainfo("ev", b=2)

    with capture_logs() as entries:
        asyncio.run(main())
    assert entries == [{"a": 1, "b": 2, "event": "ev", "log_level": "info"}]


def test_the_async_variants_never_raise(configured, tree) -> None:
    def fail(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        raise ValueError("bad processor")

    async def main() -> None:
        await configured.logger().ainfo("%d items", "many")
        structlog.configure(processors=[fail])
        assert await configured.logger().ainfo("the message") is None
        assert await configured.logger().alog("loud", "the level") is None

    with tree.stderr() as stderr:
        asyncio.run(main())
    assert configured.event["event"] == "%d items"
    assert "ValueError: bad processor" in stderr.getvalue()
    assert "Event: 'the message'" in stderr.getvalue()
    assert "level must be an integer" in stderr.getvalue()


def test_a_cancelled_coroutine_is_cancelled(native) -> None:
    release = threading.Event()

    def wait(_: object, __: str, event: dict[str, object]) -> str:
        release.wait(10)
        return "{}"

    native.configure(processors=[wait])

    async def main() -> None:
        task = asyncio.ensure_future(native.logger().ainfo("ev"))
        await asyncio.sleep(0)
        task.cancel()
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_an_async_method_of_the_applications_own_is_awaited(native) -> None:
    class Own(structlog.make_filtering_bound_logger(logging.INFO)):
        async def ainfo(self, event: str, **fields: object) -> object:
            await asyncio.sleep(0)
            return self.info(f"own: {event}", **fields)

    native.configure(wrapper_class=Own)

    async def main() -> None:
        await native.logger().ainfo("ev", level="mine")

    asyncio.run(main())
    assert (native.event["event"], native.event["field.level"]) == ("own: ev", "mine")


def test_a_wrapper_class_without_async_methods_is_called_as_it_is(native) -> None:
    native.configure(wrapper_class=structlog.BoundLogger)

    async def main() -> None:
        await native.logger().ainfo("ev")
        await native.logger().aexception("ev")

    asyncio.run(main())
    assert [event["event"] for event in native.events] == ["ev", "ev"]


def test_a_wrapper_class_whose_every_method_is_awaited_works(tree) -> None:
    # deprecated by structlog, and in use: https://www.structlog.org/en/stable/api.html#structlog.stdlib.AsyncBoundLogger
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.AsyncBoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )

    async def here() -> None:
        await tree.logger().info("one", key="value")
        await tree.logger().ainfo("two", key="value")

    asyncio.run(here())
    assert [(record.getMessage(), record.key) for record in tree.records] == [("one", "value"), ("two", "value")]
    assert tree.records[0].funcName == "here"


def test_an_exception_is_found_although_its_report_is_awaited(tree) -> None:
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.AsyncBoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )

    async def here() -> None:
        try:
            raise ValueError("kaboom")
        except ValueError:
            await tree.logger().exception("one")
            await tree.logger().error("two", exc_info=True)

    asyncio.run(here())
    assert [str(record.exc_info[1]) for record in tree.records] == ["kaboom", "kaboom"]
