"""Code that is not migrated yet: a filter on its handlers, a processor in its structlog."""

import functools
import io
import logging
import sys

import pytest
import structlog

from universal_framework.observability.redaction import Mode, Policy, RedactionFilter, Redactor, redact_processor

MAIL = "jane.doe@example.com"
CARD = "4111 1111 1111 1111"


class Parameters:
    """Shows itself in two ways."""

    def __init__(self, mail):
        self.mail = mail

    def __str__(self):
        return f"to {self.mail}"

    def __repr__(self):
        return f"Parameters({self.mail!r})"


@pytest.fixture
def log():
    """Return a logger with a filtered handler, and what it wrote."""
    logger = logging.Logger("legacy")  # noqa: LOG001 - one nobody else has
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(RedactionFilter())
    logger.addHandler(handler)
    return logger, stream


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("plain %s", 1), "plain 1\n"),
        ((f"to {MAIL}",), "to [EMAIL_ADDRESS]\n"),
        (("to %s, %d times", MAIL, 3), "to [EMAIL_ADDRESS], 3 times\n"),
        (("to %(mail)s %(password)s", {"mail": MAIL, "password": "hunter2"}), "to [EMAIL_ADDRESS] [SECRET]\n"),
        (("card %d", 4111111111111111), "card [CREDIT_CARD]\n"),
        (("%s%s", "jane.doe@", "example.com"), "[EMAIL_ADDRESS]\n"),
        (("%s", {"token": "t1"}), "{'token': '[SECRET]'}\n"),
        ((ValueError(MAIL),), "[EMAIL_ADDRESS]\n"),
        (("%s", ValueError(MAIL)), "[EMAIL_ADDRESS]\n"),
        (("password=%s", "hunter2"), "password=[SECRET]\n"),
        (("%s", Parameters(MAIL)), "to [EMAIL_ADDRESS]\n"),
        (("%r", Parameters(MAIL)), "Parameters('[EMAIL_ADDRESS]')\n"),
    ],
)
def test_messages_and_arguments(log, args, expected):
    logger, stream = log
    logger.warning(*args)
    assert stream.getvalue() == expected


def test_a_format_that_does_not_fit_leaks_nothing(log, monkeypatch):
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    logger, stream = log
    logger.warning("to %s %s", MAIL)  # noqa: PLE1206
    assert MAIL not in stream.getvalue() + errors.getvalue()


def test_exceptions_with_causes_and_notes(log):
    logger, stream = log
    try:
        try:
            raise KeyError(CARD)
        except KeyError as error:
            problem = RuntimeError(f"for {MAIL}")
            problem.add_note("password=hunter2")
            raise problem from error
    except RuntimeError:
        logger.exception("failed", stack_info=True)
    text = stream.getvalue()
    assert "Traceback" in text
    assert "[EMAIL_ADDRESS]" in text
    assert "[CREDIT_CARD]" in text
    assert not any(secret in text for secret in (MAIL, "1111 1111", "hunter2\n"))


def test_clean_records_keep_their_exception():
    record = logging.LogRecord("n", 20, "p", 1, "fine %s", (1,), (ValueError, ValueError("x"), None))
    assert Redactor().record(record) is record


def test_extra_attributes(log):
    logger, stream = log
    logger.handlers[0].setFormatter(logging.Formatter("%(user)s %(api_key)s %(n)s"))
    logger.warning("x", extra={"user": MAIL, "api_key": "k1", "n": 7})
    assert stream.getvalue() == "[EMAIL_ADDRESS] [SECRET] 7\n"


def test_record_hands_on_a_copy():
    record = logging.LogRecord("n", 20, "p", 1, "to %s", (MAIL,), None)
    clean = Redactor().record(record)
    assert clean.getMessage() == "to [EMAIL_ADDRESS]"
    assert clean.msg == "to %s"
    assert record.args == (MAIL,)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters hand on other records from Python 3.12 on")
def test_other_handlers_see_the_record_as_it_was(log):
    logger, _ = log
    seen = []
    other = logging.Handler()
    other.emit = lambda record: seen.append(record.getMessage())
    logger.addHandler(other)
    logger.warning("to %s", MAIL)
    assert seen == [f"to {MAIL}"]


def test_records_that_break_the_filter_are_withheld(log):
    class Odd:
        def __str__(self):
            raise RuntimeError(MAIL)

    logger, stream = log
    logger.warning(Odd())
    assert "UNREADABLE" in stream.getvalue()
    assert MAIL not in stream.getvalue()


def test_structlog_processor():
    lines = []
    structlog.configure(
        processors=[redact_processor, structlog.processors.JSONRenderer()],
        logger_factory=lambda *_: type(
            "Sink", (), {"info": lambda _, text: lines.append(text), "error": lambda _, text: lines.append(text)}
        )(),
    )
    log = structlog.get_logger()
    log.info("to jane.doe@example.com", card=4111111111111111, nested={"password": "x"})
    try:
        raise ValueError(CARD)
    except ValueError:
        log.error("broken", exc_info=True)  # noqa: G201
    assert lines[0] == '{"card": "[CREDIT_CARD]", "nested": {"password": "[SECRET]"}, "event": "to [EMAIL_ADDRESS]"}'
    assert "Traceback" in lines[1]
    assert "1111" not in lines[1]


def test_structlog_processor_leaves_clean_events_alone():
    event = {"event": "fine", "n": 1}
    assert redact_processor(None, "info", event) is event
    keep = functools.partial(redact_processor, policy=Policy(modes={"EMAIL_ADDRESS": Mode.KEEP}))
    assert keep(None, "info", {"event": MAIL}) == {"event": MAIL}
