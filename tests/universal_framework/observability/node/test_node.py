"""What code that is not migrated logs holds no secret, and nothing else is changed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import logging.handlers
import pickle
import queue
import traceback
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from universal_framework.observability import _delivery, _losses, _pipeline, _tree, node
from universal_framework.observability._lines import LineHandler
from universal_framework.observability._render import JsonLines
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

CARD = "4111 1111 1111 1111"
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3
MAIL = "ann.lee@mail.example.org"
SECRETS = (CARD, MAIL, "hunter2-very-long")


class Kept(logging.Handler):
    """A handler of somebody else's: keeps records, and what the usual formatter shows of them."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.shown: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.shown.append(self.format(record))

    def everything(self) -> str:
        """All that can be had of the records, as one text."""
        parts = [*self.shown]
        for record in self.records:
            parts.append(repr(vars(record)))
            if record.exc_info:
                parts.extend(traceback.format_exception(record.exc_info[1]))
                parts.append(repr(record.exc_info[1].args))
        return "\n".join(parts)


class Sink:
    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def flush(self, timeout: float | None = None) -> bool:
        return timeout is None

    def close(self) -> None: ...


@pytest.fixture
def installed() -> Iterator[None]:
    node.install()
    yield
    node.uninstall()


@pytest.fixture
def kept(installed: None) -> Kept:
    handler = Kept()
    logger = logging.getLogger("legacy")
    assert type(logger) is node.LoggerNode
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    return handler


def _clean(kept: Kept) -> None:
    shown = kept.everything()
    assert kept.records
    assert not [secret for secret in SECRETS if secret in shown], shown


# -- every channel ------------------------------------------------------------------------------------------------


def test_a_message_holds_no_secret(kept: Kept) -> None:
    logging.getLogger("legacy.a").info("paid with " + CARD)  # noqa: G003
    _clean(kept)
    assert kept.records[0].getMessage().startswith("paid with [")


def test_a_message_that_is_an_object_holds_no_secret(kept: Kept) -> None:
    logging.getLogger("legacy.a").info(ValueError(f"paid with {CARD}"))
    _clean(kept)


@pytest.mark.parametrize(
    "args",
    [(CARD,), ({"card": CARD},), (["x", {"to": MAIL}],), (ValueError(CARD),), (CARD.encode(),)],
    ids=["text", "mapping", "nested", "exception", "bytes"],
)
def test_an_argument_holds_no_secret(kept: Kept, args: tuple[object, ...]) -> None:
    logging.getLogger("legacy.a").warning("paid with %s", *args)
    _clean(kept)
    assert kept.records[0].getMessage().startswith("paid with ")


def test_a_mapping_of_arguments_is_redacted_by_name_and_still_fits(kept: Kept) -> None:
    logging.getLogger("legacy.a").info("%(user)s logs in with %(password)s", {"user": "ann", "password": SECRETS[2]})
    _clean(kept)
    assert kept.records[0].getMessage().startswith("ann logs in with [")


def test_a_secret_that_a_format_wants_as_a_number_does_not_cost_the_message(kept: Kept) -> None:
    logging.getLogger("legacy.a").info("card %d of %s", 4111111111111111, "ann")
    assert kept.records[0].getMessage() == "card [CREDIT_CARD] of ann"


def test_a_secret_that_only_message_and_arguments_make_together_is_found(kept: Kept) -> None:
    logging.getLogger("legacy.a").info("%s %s %s %s", *CARD.split())
    _clean(kept)


def test_extra_attributes_hold_no_secret(kept: Kept) -> None:
    extra = {"password": SECRETS[2], "order": {"to": MAIL}, "page": 2}
    logging.getLogger("legacy.a").info("x", extra=extra)
    _clean(kept)
    assert kept.records[0].page == 2
    assert extra["order"] == {"to": MAIL}


def test_an_exception_holds_no_secret_and_keeps_its_type_and_place(kept: Kept) -> None:
    def pay(card: str) -> None:
        raise LookupError(f"no card {card}")

    secret = CARD
    try:
        pay(secret)
    except LookupError:
        logging.getLogger("legacy.a").exception("failed")
    _clean(kept)
    kind, error, trace = kept.records[0].exc_info
    assert issubclass(kind, LookupError)
    assert kind.__name__ == "LookupError"
    assert str(error) == "no card [CREDIT_CARD]"
    assert [frame.name for frame in traceback.extract_tb(trace)][-1] == "pay"


def _chained(text: str, how: str) -> BaseException:
    if how == "group":
        return ExceptionGroup("several", [ValueError("fine"), KeyError(text)])
    try:
        try:
            raise KeyError(text)
        except KeyError as inner:
            if how == "cause":
                raise RuntimeError("outer") from inner
            if how == "context":
                raise RuntimeError("outer")  # noqa: B904
            noted = RuntimeError("outer")
            noted.add_note(text)
            raise noted from None
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize("how", ["cause", "context", "group", "note"])
def test_causes_groups_and_notes_hold_no_secret(kept: Kept, how: str) -> None:
    error = _chained(CARD, how)
    before = "".join(traceback.format_exception(error))
    logging.getLogger("legacy.a").error("failed", exc_info=error)
    _clean(kept)
    assert "[CREDIT_CARD]" in kept.shown[0]
    assert "".join(traceback.format_exception(error)) == before


def test_a_source_line_with_a_secret_is_not_quoted(kept: Kept) -> None:
    try:
        raise ValueError("4111 1111 1111 1111")
    except ValueError:
        logging.getLogger("legacy.a").exception("failed")
    _clean(kept)
    assert "ValueError: [CREDIT_CARD]" in kept.shown[0]


def test_a_stack_holds_no_secret(kept: Kept) -> None:
    logging.getLogger("legacy.a").info("x", stack_info=len("4111 1111 1111 1111") > 0)
    _clean(kept)
    assert kept.records[0].stack_info.startswith("Stack (most recent call last)")


def test_an_exception_whose_text_fails_is_withheld_and_the_event_is_not(kept: Kept) -> None:
    class Broken(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError(CARD)

    logging.getLogger("legacy.a").error("failed", exc_info=Broken(CARD))
    _clean(kept)


def test_a_record_made_by_hand_or_elsewhere_is_redacted(kept: Kept) -> None:
    text = f'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: {CARD}'
    record = logging.makeLogRecord({"name": "legacy.a", "levelno": 20, "msg": MAIL, "exc_text": text, "message": MAIL})
    logging.getLogger("legacy.a").handle(record)
    _clean(kept)
    assert record.msg == MAIL


def test_a_record_that_cannot_be_read_is_withheld_and_said(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord({"name": "legacy.a", "levelno": 20, "msg": CARD})
    del record.exc_info
    lost = next(_losses._losses)
    logging.getLogger("legacy.a").handle(record)
    assert next(_losses._losses) == lost + 2
    assert kept.records[0].getMessage() == "<record withheld>"
    assert "withheld" in capsys.readouterr().err


def test_what_a_filter_adds_is_redacted_too(kept: Kept) -> None:
    def add(record: logging.LogRecord) -> bool:
        record.user = MAIL
        return True

    logger = logging.getLogger("legacy.a")
    logger.addFilter(add)
    logger.info("x")
    _clean(kept)


def test_the_last_resort_shows_no_secret(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("alone")
    logger.propagate = False
    logger.warning("paid with %s", CARD)
    shown = capsys.readouterr().err
    assert "paid with [CREDIT_CARD]" in shown
    assert CARD not in shown


def test_a_queue_and_whoever_reads_it_get_no_secret(kept: Kept) -> None:
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logger = logging.getLogger("legacy.a")
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    try:
        raise ValueError(CARD)
    except ValueError:
        logger.exception("to %s", MAIL)
    sent = pickle.dumps(vars(waiting.get_nowait()))
    assert not [secret for secret in SECRETS if secret.encode() in sent]


# -- nothing else changes ---------------------------------------------------------------------------------------------


def test_a_clean_record_is_passed_on_as_it_is(kept: Kept) -> None:
    record = logging.getLogger("legacy.a").makeRecord("legacy.a", 20, "f.py", 1, "a %s", ("b",), None)
    logging.getLogger("legacy.a").handle(record)
    assert kept.records == [record]


def test_a_clean_exception_is_passed_on_as_it_is(kept: Kept) -> None:
    error = _chained("nothing to hide", "cause")
    logging.getLogger("legacy.a").error("failed", exc_info=error)
    assert kept.records[0].exc_info[1] is error


def test_arguments_that_do_not_fit_are_told_as_stdlib_tells_it(kept: Kept) -> None:
    stream = logging.StreamHandler(io.StringIO())
    told = []
    stream.handleError = told.append
    logging.getLogger("legacy").handlers[:] = [stream]
    logging.getLogger("legacy.a").info("%d items", "many")
    assert [(record.msg, record.args) for record in told] == [("%d items", ("many",))]


def test_the_caller_and_a_record_factory_are_stdlibs(kept: Kept) -> None:
    made = []

    def factory(*args: object, **keywords: object) -> logging.LogRecord:
        made.append(args[0])
        return logging.LogRecord(*args, **keywords)

    logging.setLogRecordFactory(factory)
    logging.getLogger("legacy.a").info("x")
    assert made == ["legacy.a"]
    assert kept.records[0].funcName == "test_the_caller_and_a_record_factory_are_stdlibs"


def test_a_patched_hook_is_called_and_sees_no_secret(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = logging.Logger.callHandlers

    def reporting(self: logging.Logger, record: logging.LogRecord) -> None:  # as Sentry does
        seen.append(record.getMessage())
        original(self, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", reporting)
    logging.getLogger("legacy.a").info("paid with %s", CARD)
    assert seen == ["paid with [CREDIT_CARD]"]
    _clean(kept)


def test_levels_of_handlers_and_nodes_that_do_not_propagate_hold(kept: Kept) -> None:
    kept.setLevel(logging.ERROR)
    logging.getLogger("legacy.a").warning("no")
    logging.getLogger("legacy.a").error("yes")
    inner = logging.getLogger("legacy.b")
    inner.propagate = False
    inner.addHandler(logging.NullHandler())
    inner.error("no")
    assert kept.shown == ["yes"]


def test_nodes_pickle_and_have_children_as_stdlibs_do(installed: None) -> None:
    logger = logging.getLogger("legacy.a")
    assert pickle.loads(pickle.dumps(logger)) is logger
    assert type(logger.getChild("b")) is node.LoggerNode


def test_one_record_serves_all_handlers(kept: Kept) -> None:
    other = Kept()
    logging.getLogger("legacy").addHandler(other)
    logging.getLogger("legacy.a").info("paid with %s", CARD)
    assert kept.records[0] is other.records[0]


# -- with our own handler and logger ----------------------------------------------------------------------------------


def test_our_handler_redacts_what_it_renders(kept: Kept) -> None:
    sink = Sink()
    logging.getLogger("legacy").addHandler(LineHandler(JsonLines(), sink))
    logging.getLogger("legacy.a").info("paid with %s", CARD, extra={"password": SECRETS[2]})
    event = json.loads(sink.lines[0])
    assert (event["event"], event["logger"]) == ("paid with [CREDIT_CARD]", "legacy.a")
    assert not [secret for secret in SECRETS if secret in str(event)]
    _clean(kept)


class _Counting:
    """The redactor, and how often it was given a message."""

    def __init__(self, pipeline: _pipeline.Pipeline) -> None:
        self.redactor = pipeline.redactor
        self.texts: list[str] = []

    def text(self, text: str) -> str:
        self.texts.append(text)
        return self.redactor.text(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self.redactor, name)


def test_our_handler_alone_is_not_preceded_by_another_look(installed: None) -> None:
    pipeline = _pipeline.Pipeline()
    counting = pipeline._redactor = _Counting(pipeline)
    before = _pipeline.install(pipeline)
    try:
        logger = logging.getLogger("legacy.a")
        logger.propagate = False
        logger.addHandler(LineHandler(JsonLines(), Sink()))
        logger.warning("nothing to hide here")
    finally:
        _pipeline.install(before)
    assert counting.texts.count("nothing to hide here") == 1


@pytest.mark.parametrize("method", ["debug", "info", "warning", "error", "critical", "exception", "log"])
def test_the_house_logger_takes_such_a_node_for_stdlibs(kept: Kept, method: str) -> None:
    legacy = logging.getLogger("legacy.a")
    assert _tree.is_bare(legacy)
    assert _tree.is_stock(legacy, method)
    assert _tree.own_method(legacy, method) is None


def test_the_house_logger_on_such_a_node_reports_once_and_without_secrets(kept: Kept) -> None:
    logger = UniversalFrameworkLogger("billing", name="legacy.a")
    logger.info("paid with %s", CARD, user=MAIL)
    _clean(kept)
    assert len(kept.records) == 1
    assert kept.records[0].component == "billing"


def test_a_filter_on_the_node_sees_the_house_loggers_events_and_adds_no_secret(kept: Kept) -> None:
    def add(record: logging.LogRecord) -> bool:
        record.user = MAIL
        return True

    logging.getLogger("legacy.a").addFilter(add)
    UniversalFrameworkLogger("billing", name="legacy.a").info("x")
    _clean(kept)


# -- installing -------------------------------------------------------------------------------------------------------


def test_loggers_that_exist_keep_their_class_until_they_are_adopted() -> None:
    handler = Kept()
    old = logging.getLogger("older")
    old.propagate = False
    old.addHandler(handler)
    node.install()
    try:
        assert type(old) is logging.Logger
        assert node.adopt() == []
        assert type(old) is node.LoggerNode
        assert isinstance(logging.getLogger(), node.LoggerNode)
        assert isinstance(logging.getLogger(), logging.RootLogger)
        old.warning(CARD)
        _clean(handler)
    finally:
        node.uninstall()
    assert type(old) is logging.Logger
    assert type(logging.getLogger()) is logging.RootLogger
    assert logging.getLoggerClass() is logging.Logger


def test_the_functions_of_logging_are_covered_once_the_root_is_adopted() -> None:
    handler = Kept()
    logging.getLogger().addHandler(handler)
    node.adopt()
    try:
        logging.warning("paid with %s", CARD)  # noqa: LOG015
    finally:
        node.uninstall()
        logging.getLogger().removeHandler(handler)
    _clean(handler)


def test_a_class_of_the_applications_own_keeps_its_methods() -> None:
    class Own(logging.Logger):
        def notice(self, msg: str, *args: object) -> None:
            self._log(25, msg, args)

        def callHandlers(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())
            super().callHandlers(record)

    seen: list[str] = []
    handler = Kept()
    logging.setLoggerClass(Own)
    older = logging.getLogger("own.older")
    node.install()
    node.install()
    try:
        newer = logging.getLogger("own.newer")
        node.adopt()
        for logger in (older, newer):
            logger.propagate = False
            logger.addHandler(handler)
            assert isinstance(logger, node.LoggerNode)
            assert isinstance(logger, Own)
            logger.notice("paid with %s", CARD)
    finally:
        node.uninstall()
    assert seen == ["paid with [CREDIT_CARD]"] * 2
    _clean(handler)
    assert logging.getLoggerClass() is Own
    assert type(older) is type(newer) is Own


def test_a_logger_whose_class_cannot_be_changed_is_named() -> None:
    class Slotted(logging.Logger):
        __slots__ = ("slot",)

    logging.getLogger().manager.setLoggerClass(Slotted)
    try:
        logging.getLogger("slotted")
    finally:
        logging.getLogger().manager.loggerClass = None
    try:
        assert node.adopt() in ([], ["slotted"])
    finally:
        node.uninstall()


# -- any record ---------------------------------------------------------------------------------------------------------

_clean_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9999, 9999) | st.sampled_from(["", "order created", "äöü", "100%"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "user"]), inner, max_size=3),
    max_leaves=6,
)


def _with_secret(value: object, secret: str) -> object:
    return [value, {"deep": secret}]


@given(value=_clean_values, msg=st.sampled_from(["x", "%s", "%r and 100%%", "a %(a)s"]))
def test_any_clean_record_is_the_same_record(value: object, msg: str) -> None:
    record = logging.LogRecord("n", 20, "f.py", 1, msg, (value,), None)
    record.field = value
    assert _delivery.without_secrets(record, _pipeline.current()) is record


@given(value=_clean_values, secret=st.sampled_from([CARD, TOKEN]), where=st.sampled_from(["args", "extra", "msg"]))
def test_no_secret_of_any_record_passes(value: object, secret: str, where: str) -> None:
    held = _with_secret(value, secret)
    record = logging.LogRecord(
        "n", 20, "f.py", 1, held if where == "msg" else "%s", (held,) if where == "args" else (value,), None
    )
    if where == "extra":
        record.field = held
    made = _delivery.without_secrets(record, _pipeline.current())
    assert made is not record
    assert secret not in repr(vars(made))
    with contextlib.suppress(TypeError, ValueError):
        assert secret not in made.getMessage()
    assert secret in repr(vars(record))
