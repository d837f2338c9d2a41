"""pytest's own fixtures see and change it as they do a logger of stdlib."""

from __future__ import annotations

import logging
from unittest import mock

import pytest

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("billing")


def test_caplog_sees_messages_levels_names_and_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    logger.bind(user="ann").info("paid %s", "twice", page=2)
    logger.debug("too low")
    assert caplog.record_tuples == [(__name__, logging.INFO, "paid twice")]
    assert (caplog.records[0].user, caplog.records[0].page, caplog.records[0].component) == ("ann", 2, "billing")
    assert caplog.records[0].funcName == "test_caplog_sees_messages_levels_names_and_fields"


def test_caplog_sets_its_level_by_the_name_of_its_module(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=__name__):
        assert logger.isEnabledFor(logging.DEBUG)
        logger.debug("seen")
    logger.debug("not seen")
    assert caplog.messages == ["seen"]


def test_caplog_sees_exceptions(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("kaboom")
    except ValueError:
        logger.exception("x")
    assert "ValueError: kaboom" in caplog.text


def test_caplog_does_not_see_what_does_not_propagate(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger, "propagate", False)
    assert logging.getLogger(__name__).propagate is False
    logger.error("unseen")
    monkeypatch.undo()
    assert logging.getLogger(__name__).propagate is True
    logger.error("seen")
    assert caplog.messages == ["seen"]


def test_monkeypatch_replaces_a_method_and_puts_it_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(logger, "error", lambda *args, **keywords: calls.append((args, keywords)))
    logger.error("patched", user="ann")
    monkeypatch.undo()
    logger.error("real")
    assert calls == [(("patched",), {"user": "ann"})]
    assert caplog.messages == ["real"]


def test_a_whole_logger_is_replaced_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = mock.create_autospec(logger, instance=True)
    monkeypatch.setitem(globals(), "logger", stand_in)
    logger.info("x", user="ann")
    stand_in.info.assert_called_once_with("x", user="ann")


def test_a_bad_format_does_not_reach_the_caller_under_pytest_either(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    # pytest's handler raises what stdlib's would print
    logger.error("%d items", "many")
    assert "TypeError: %d format" in capsys.readouterr().err
