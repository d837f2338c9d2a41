"""What code written for `logging`, and code written for structlog, may ask of a logger: the house logger does it all.

38 habits of the one and 15 of the other, each a function that holds what its home library documents. Measured with
the same questions, structlog answers 27 and 14 of them as documented, loguru 6 and 6, picologging 18 and none. Each is
asked on every way that events can go: a bare tree with a handler of somebody else's, a tree with our own handler, and
an application that configured structlog, in three manners.
"""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import logging.config
import logging.handlers
import pickle
import queue
import unittest
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import structlog

from universal_framework.observability import _pipeline
from universal_framework.observability._lines import LineHandler
from universal_framework.observability._render import JsonLines

NAME = "app.module"


class Seen(NamedTuple):
    """One event as it came out."""

    message: str
    level: str
    exception: str
    stack: str
    function: str
    fields: dict[str, Any]


class Stage:
    """A logger, and what came of its calls."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.log = tree.logger(name=NAME)
        self.top = tree.top

    @property
    def events(self) -> list[Seen]:
        raise NotImplementedError

    @property
    def event(self) -> Seen:
        (event,) = self.events
        return event

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.events]

    def with_callers(self) -> None:
        """Let events say where they were reported."""


class Bare(Stage):
    """A handler of somebody else's."""

    @property
    def events(self) -> list[Seen]:
        return [_of_record(record) for record in self.tree.records]


class Lines(Stage):
    """Our own handler, and no other."""

    def __init__(self, tree: Any) -> None:
        super().__init__(tree)
        self.lines: list[bytes] = []
        self.write = self.lines.append
        self.top.handlers[:] = [LineHandler(JsonLines(), self)]

    def flush(self, timeout: float | None = None) -> bool:
        return timeout is None

    def close(self) -> None: ...

    def with_callers(self) -> None:
        _pipeline.install(_pipeline.Pipeline(caller=True))

    @property
    def events(self) -> list[Seen]:
        return [_seen(json.loads(line)) for line in self.lines]


class Structlog(Stage):
    """An application that configured structlog."""

    def __init__(self, application: Any) -> None:
        super().__init__(application.tree)
        self.application = application

    @property
    def events(self) -> list[Seen]:
        lines = self.application.stream.getvalue().splitlines()
        return [_seen(json.loads(line)) for line in lines] or [_of_record(record) for record in self.tree.records]


def _of_record(record: logging.LogRecord) -> Seen:
    known = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    return Seen(
        record.getMessage(),
        record.levelname.lower(),
        logging.Formatter().formatException(record.exc_info) if record.exc_info else "",
        record.stack_info or "",
        record.funcName,
        {key: value for key, value in vars(record).items() if key not in known},
    )


def _seen(event: dict[str, Any]) -> Seen:
    raised = event.pop("exception", "") or ""
    return Seen(
        str(event.pop("event")),
        event.pop("level"),
        raised if isinstance(raised, str) else _told(raised),
        event.pop("stack", ""),
        event.get("func_name") or event.get("caller", {}).get("function", ""),
        event,
    )


def _told(raised: dict[str, Any]) -> str:
    frames = "".join(f"  {frame['file']}, {frame['line']}, {frame['function']}\n" for frame in raised.get("frames", []))
    return f"Traceback\n{frames}{raised['type']}: {raised['message']}"


Probe = Callable[[Any, Any], None]
STDLIB: dict[str, Probe] = {}
STRUCTLOG: dict[str, Probe] = {}

_NO_RECORDS = "structlog renders and writes the events itself: nothing passes the tree"
_OWN_LEVELS = "structlog as it is configured has a level of its own and does not ask the tree"
_IN_A_DICT = "the application has its records carry structlog's event dict as their message"
_EXTRA = "what came from structlog keeps its keys: there, extra= is a field like any other"
_BETWEEN = "structlog knows its own levels only, and reports one between two of them at the lower"
_TRANSLATED = {
    "extra={...} becomes a field": _EXTRA,
    "LoggerAdapter(x, {...}).info": _EXTRA,
    "log(25) custom level": _BETWEEN,
}

#: By way: what is not asked there, because the application's own structlog answers it, and how.
NOT_ASKED = {
    "native": {
        **_TRANSLATED,
        "add/removeHandler, .handlers, hasHandlers": _NO_RECORDS,
        "add/removeFilter, .filters": _NO_RECORDS,
        "set .propagate / .disabled": _NO_RECORDS,
        "handle(record), makeRecord": _NO_RECORDS,
        "assertLogs(name) captures": _NO_RECORDS,
        "root handler (caplog) gets getMessage()": _NO_RECORDS,
        "patched Logger.callHandlers (Sentry) sees it": _NO_RECORDS,
        "setLogRecordFactory is honoured": _NO_RECORDS,
        "QueueHandler carries it": _NO_RECORDS,
        "a failing sink does not raise": _NO_RECORDS,
        '.level, setLevel("INFO"), getEffectiveLevel': _OWN_LEVELS,
        "logging.disable(CRITICAL)": _OWN_LEVELS,
        "dictConfig level by module name": _OWN_LEVELS,
        "level change after first use takes effect": _OWN_LEVELS,
    },
    "through_formatter": {
        **_TRANSLATED,
        "root handler (caplog) gets getMessage()": _IN_A_DICT,
        "patched Logger.callHandlers (Sentry) sees it": _IN_A_DICT,
    },
    "through_records": _TRANSLATED,
}


def stdlib(label: str) -> Callable[[Probe], Probe]:
    return lambda probe: STDLIB.setdefault(label, probe)


def of_structlog(label: str) -> Callable[[Probe], Probe]:
    return lambda probe: STRUCTLOG.setdefault(label, probe)


def _kaboom() -> ValueError:
    try:
        raise ValueError("kaboom")
    except ValueError as error:
        return error


def _has_traceback(event: Seen) -> None:
    assert "kaboom" in event.exception
    assert "Traceback" in event.exception
    assert "_kaboom" in event.exception


# -- code written for logging.Logger --------------------------------------------------------------------------------


@stdlib('info("a %s", x)')
def _(log: Any, stage: Stage) -> None:
    log.info("got %s and %d", "it", 7)
    assert stage.messages == ["got it and 7"]


@stdlib('info("%(k)s", {mapping})')
def _(log: Any, stage: Stage) -> None:
    log.info("user %(user)s", {"user": "ann"})
    assert stage.messages == ["user ann"]


@stdlib('info("100%") without args')
def _(log: Any, stage: Stage) -> None:
    log.info("100% {done}")
    assert stage.messages == ["100% {done}"]


@stdlib("info(non-str object)")
def _(log: Any, stage: Stage) -> None:
    log.info(ValueError("odd message"))
    log.info(42)
    assert "odd message" in stage.messages[0]
    assert stage.messages[1] == "42"


@stdlib("bad %-format does not raise")
def _(log: Any, stage: Stage) -> None:
    with stage.tree.stderr():
        log.info("%d items", "many")


@stdlib("extra={...} becomes a field")
def _(log: Any, stage: Stage) -> None:
    log.info("x", extra={"tenant": "t-1"})
    assert stage.event.fields["tenant"] == "t-1"


@stdlib("exc_info=True")
def _(log: Any, stage: Stage) -> None:
    try:
        raise _kaboom()
    except ValueError:
        log.error("x", exc_info=True)  # noqa: G201
    _has_traceback(stage.event)


@stdlib("exc_info=exception")
def _(log: Any, stage: Stage) -> None:
    log.error("x", exc_info=_kaboom())
    _has_traceback(stage.event)


@stdlib("exc_info=(type, value, tb)")
def _(log: Any, stage: Stage) -> None:
    error = _kaboom()
    log.error("x", exc_info=(type(error), error, error.__traceback__))
    _has_traceback(stage.event)


@stdlib("exc_info=True, no exception")
def _(log: Any, stage: Stage) -> None:
    log.error("still here", exc_info=True)  # noqa: LOG014
    assert stage.messages == ["still here"]


@stdlib("exception()")
def _(log: Any, stage: Stage) -> None:
    try:
        raise _kaboom()
    except ValueError:
        log.exception("x %s", 1)
    _has_traceback(stage.event)
    assert (stage.event.message, stage.event.level) == ("x 1", "error")


@stdlib("stack_info=True")
def _(log: Any, stage: Stage) -> None:
    log.info("x", stack_info=True)
    assert "File " in stage.event.stack


@stdlib("stacklevel=2 moves the caller")
def _(log: Any, stage: Stage) -> None:
    def helper() -> None:
        log.info("x", stacklevel=2)

    def outer_function() -> None:
        helper()

    stage.with_callers()
    outer_function()
    assert stage.event.function == "outer_function"


@stdlib("warn/fatal/critical")
def _(log: Any, stage: Stage) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.warn("w1")  # noqa: G010
        log.fatal("f1")
        log.critical("c1")
    assert stage.messages == ["w1", "f1", "c1"]


@stdlib("log(level, msg, *args)")
def _(log: Any, stage: Stage) -> None:
    log.log(logging.WARNING, "n %s", 5)
    assert (stage.event.message, stage.event.level) == ("n 5", "warning")


@stdlib("log(25) custom level")
def _(log: Any, stage: Stage) -> None:
    logging.addLevelName(25, "NOTICE")
    log.log(25, "custom")
    assert (stage.event.message, stage.event.level) == ("custom", "notice")


@stdlib(".name")
def _(log: Any, stage: Stage) -> None:
    assert log.name == NAME


@stdlib('.level, setLevel("INFO"), getEffectiveLevel')
def _(log: Any, stage: Stage) -> None:
    log.setLevel("INFO")
    log.debug("hidden")
    assert (log.level, log.getEffectiveLevel(), stage.events) == (20, 20, [])


@stdlib("isEnabledFor")
def _(log: Any, stage: Stage) -> None:
    assert log.isEnabledFor(logging.INFO) is True


@stdlib("add/removeHandler, .handlers, hasHandlers")
def _(log: Any, stage: Stage) -> None:
    handler = logging.handlers.BufferingHandler(10)
    log.addHandler(handler)
    log.info("to both")
    assert handler in log.handlers
    assert log.hasHandlers()
    assert len(handler.buffer) == 1
    assert stage.messages == ["to both"]
    log.removeHandler(handler)
    assert handler not in log.handlers


@stdlib("add/removeFilter, .filters")
def _(log: Any, stage: Stage) -> None:
    def harmless(record: logging.LogRecord) -> bool:
        return "private" not in record.getMessage()

    log.addFilter(harmless)
    log.info("private thing")
    assert harmless in log.filters
    log.removeFilter(harmless)
    log.info("for all")
    assert stage.messages == ["for all"]


@stdlib("set .propagate / .disabled")
def _(log: Any, stage: Stage) -> None:
    log.propagate = False
    log.addHandler(logging.NullHandler())
    log.info("kept here")
    log.propagate = True
    log.disabled = True
    log.info("muted")
    log.disabled = False
    log.info("heard")
    assert stage.messages == ["heard"]


@stdlib(".parent .root .manager")
def _(log: Any, stage: Stage) -> None:
    assert log.parent is stage.top
    assert log.root is logging.getLogger()
    assert log.manager is logging.Logger.manager


@stdlib("getChild() is the same kind")
def _(log: Any, stage: Stage) -> None:
    child = log.getChild("child")
    child.info("from child")
    assert (child.name, type(child)) == (f"{NAME}.child", type(log))
    assert stage.messages == ["from child"]


@stdlib("handle(record), makeRecord")
def _(log: Any, stage: Stage) -> None:
    log.handle(log.makeRecord(NAME, 20, "f.py", 1, "made %s", ("by hand",), None))
    assert stage.messages == ["made by hand"]


@stdlib("isinstance(x, logging.Logger)")
def _(log: Any, stage: Stage) -> None:
    assert isinstance(log, logging.Logger)


@stdlib("LoggerAdapter(x, {...}).info")
def _(log: Any, stage: Stage) -> None:
    logging.LoggerAdapter(log, {"adapted": "yes"}).info("a %s", "b")
    assert (stage.event.message, stage.event.fields["adapted"]) == ("a b", "yes")


@stdlib("pickle round trip")
def _(log: Any, stage: Stage) -> None:
    pickle.loads(pickle.dumps(log)).info("pickled")
    assert stage.messages == ["pickled"]


@stdlib("copy.deepcopy")
def _(log: Any, stage: Stage) -> None:
    copy.deepcopy(log).info("copied")
    assert stage.messages == ["copied"]


@stdlib("logging.disable(CRITICAL)")
def _(log: Any, stage: Stage) -> None:
    logging.disable(logging.CRITICAL)
    log.error("quiet please")
    logging.disable(logging.NOTSET)
    assert stage.events == []


@stdlib("dictConfig level by module name")
def _(log: Any, stage: Stage) -> None:
    logging.config.dictConfig({"version": 1, "incremental": True, "loggers": {"app": {"level": "ERROR"}}})
    log.info("too low")
    log.error("high enough")
    assert stage.messages == ["high enough"]


@stdlib("assertLogs(name) captures")
def _(log: Any, stage: Stage) -> None:
    with unittest.TestCase().assertLogs(NAME, "INFO") as got:
        log.info("captured %s", "me")
    assert "captured me" in got.output[0]


@stdlib("root handler (caplog) gets getMessage()")
def _(log: Any, stage: Stage) -> None:
    handler = logging.handlers.BufferingHandler(10)
    stage.top.addHandler(handler)
    log.warning("seen %s", "here")
    assert [record.getMessage() for record in handler.buffer] == ["seen here"]


@stdlib("patched Logger.callHandlers (Sentry) sees it")
def _(log: Any, stage: Stage) -> None:
    seen = []
    original = logging.Logger.callHandlers

    def patched(self: logging.Logger, record: logging.LogRecord) -> None:
        seen.append(record.getMessage())
        original(self, record)

    logging.Logger.callHandlers = patched
    log.error("to sentry %s", 1)
    assert seen == ["to sentry 1"]
    assert len(stage.events) == 1


@stdlib("setLogRecordFactory is honoured")
def _(log: Any, stage: Stage) -> None:
    made = []
    original = logging.getLogRecordFactory()

    def factory(*args: Any, **keywords: Any) -> logging.LogRecord:
        made.append(args[0])
        return original(*args, **keywords)

    logging.setLogRecordFactory(factory)
    log.info("x")
    assert made[0] == NAME
    assert len(stage.events) == 1


@stdlib("QueueHandler carries it")
def _(log: Any, stage: Stage) -> None:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stage.top.addHandler(logging.handlers.QueueHandler(waiting))
    log.info("queued %s", "up")
    assert "queued up" in waiting.get_nowait().getMessage()


@stdlib("a failing sink does not raise")
def _(log: Any, stage: Stage) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(f"disk full, so no {record.getMessage()}")

    stage.top.addHandler(Broken())
    with stage.tree.stderr() as stderr:
        log.info("x")
    assert "disk full" in stderr.getvalue()


@stdlib("unserialisable field does not raise")
def _(log: Any, stage: Stage) -> None:
    log.info("x", extra={"thing": object()})
    assert stage.messages == ["x"]


# -- code written for structlog -------------------------------------------------------------------------------------


@of_structlog("info(event, key=value)")
def _(log: Any, stage: Stage) -> None:
    log.info("ev", key="value-1")
    assert stage.event.fields["key"] == "value-1"


@of_structlog("bind().info")
def _(log: Any, stage: Stage) -> None:
    log.bind(user="u-1").info("ev")
    assert stage.event.fields["user"] == "u-1"


@of_structlog("bind does not mutate")
def _(log: Any, stage: Stage) -> None:
    log.bind(user="u-1")
    log.info("ev")
    assert "user" not in stage.event.fields


@of_structlog("unbind / try_unbind / new")
def _(log: Any, stage: Stage) -> None:
    bound = log.bind(a="aa-1", b="bb-2")
    bound.unbind("a").info("one")
    bound.try_unbind("zz").new(c="cc-3").info("two")
    one, two = (event.fields for event in stage.events)
    assert "a" not in one
    assert (one["b"], two["c"]) == ("bb-2", "cc-3")
    assert "b" not in two


@of_structlog("%-args and kwargs together")
def _(log: Any, stage: Stage) -> None:
    log.info("a %s", "b", key="value-1")
    assert (stage.event.message, stage.event.fields["key"]) == ("a b", "value-1")


@of_structlog("await ainfo / aexception")
def _(log: Any, stage: Stage) -> None:
    async def main() -> None:
        await log.ainfo("async ev", key="value-1")
        try:
            raise _kaboom()
        except ValueError:
            await log.aexception("async exc")

    asyncio.run(main())
    first, second = stage.events
    assert (first.message, first.fields["key"]) == ("async ev", "value-1")
    _has_traceback(second)


@of_structlog("contextvars.bind_contextvars merged")
def _(log: Any, stage: Stage) -> None:
    with structlog.contextvars.bound_contextvars(request="r-1"):
        log.info("ev")
    log.info("outside")
    inside, outside = (event.fields for event in stage.events)
    assert inside["request"] == "r-1"
    assert "request" not in outside


@of_structlog("testing.capture_logs")
def _(log: Any, stage: Stage) -> None:
    with structlog.testing.capture_logs() as logs:
        log.bind(a=1).info("ev", b=2)
    assert logs == [{"a": 1, "b": 2, "event": "ev", "log_level": "info"}]


@of_structlog("structlog.get_context")
def _(log: Any, stage: Stage) -> None:
    assert structlog.get_context(log.bind(a=1)) == {"a": 1}


@of_structlog("is_enabled_for / get_effective_level")
def _(log: Any, stage: Stage) -> None:
    assert log.bind().is_enabled_for(20) is True
    assert log.bind().get_effective_level() == logging.DEBUG


@of_structlog("fields called name / msg / args")
def _(log: Any, stage: Stage) -> None:
    log.info("ev", name="n-1", msg="m-1", args="a-1")
    assert {"n-1", "m-1", "a-1"} <= set(map(str, stage.event.fields.values()))
    assert stage.event.message == "ev"


@of_structlog("field called level")
def _(log: Any, stage: Stage) -> None:
    log.info("ev", level="l-1")
    assert "l-1" in stage.event.fields.values()
    assert stage.event.level == "info"


@of_structlog("exc_info=exception with kwargs")
def _(log: Any, stage: Stage) -> None:
    log.error("ev", exc_info=_kaboom(), key="value-1")
    _has_traceback(stage.event)
    assert stage.event.fields["key"] == "value-1"


@of_structlog("bound logger pickles")
def _(log: Any, stage: Stage) -> None:
    pickle.loads(pickle.dumps(log.bind(a="aa-1"))).info("ev")
    assert stage.event.fields["a"] == "aa-1"


@of_structlog("level change after first use takes effect")
def _(log: Any, stage: Stage) -> None:
    log.info("first")
    stage.top.setLevel(logging.ERROR)
    log.info("second")
    assert stage.messages == ["first"]


# -- the table --------------------------------------------------------------------------------------------------------

EVERY = {**STDLIB, **STRUCTLOG}


@pytest.fixture(autouse=True)
def _the_pipeline_is_put_back() -> Iterator[None]:
    before = _pipeline.current()
    yield
    _pipeline.install(before)


def test_the_table_is_complete() -> None:
    assert (len(STDLIB), len(STRUCTLOG)) == (38, 15)
    assert not [label for labels in NOT_ASKED.values() for label in labels if label not in EVERY]


@pytest.mark.parametrize("label", EVERY)
def test_on_a_bare_tree(tree: Any, label: str) -> None:
    stage = Bare(tree)
    EVERY[label](stage.log, stage)


@pytest.mark.parametrize("label", EVERY)
def test_with_our_handler(tree: Any, label: str) -> None:
    stage = Lines(tree)
    EVERY[label](stage.log, stage)


@pytest.mark.parametrize("label", EVERY)
@pytest.mark.parametrize("configured", NOT_ASKED, indirect=True)
def test_with_structlog_configured(configured: Any, request: pytest.FixtureRequest, label: str) -> None:
    stage = Structlog(configured)
    way = request.node.callspec.params["configured"]
    if label in NOT_ASKED[way]:
        pytest.skip(NOT_ASKED[way][label])
    EVERY[label](stage.log, stage)
