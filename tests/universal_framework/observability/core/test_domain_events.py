"""The domain events: fixed names, fixed fields, fixed levels."""

from __future__ import annotations

import logging
from unittest import TestCase

from universal_framework.observability import _pipeline

raises = TestCase().assertRaises

_HASHED = _pipeline.current().session_hash("s-1")

# method, arguments, keywords → event, level, fields
EVENTS = [
    (
        "log_agent_execution",
        ("planner",),
        {},
        ("agent_execution", logging.INFO, {"agent": "planner", "duration_ms": None, "success": True}),
    ),
    (
        "log_agent_execution",
        ("planner",),
        {"duration_ms": 12.5, "success": False, "attempt": 2},
        (
            "agent_execution",
            logging.ERROR,
            {"agent": "planner", "duration_ms": 12.5, "success": False, "attempt": 2},
        ),
    ),
    (
        "log_workflow_transition",
        ("draft", "review"),
        {"turn": 3},
        ("workflow_transition", logging.INFO, {"from_phase": "draft", "to_phase": "review", "turn": 3}),
    ),
    (
        "log_session_event",
        ("s-1", "created"),
        {"phase": "draft"},
        ("session_event", logging.INFO, {"session_id": _HASHED, "event_type": "created", "phase": "draft"}),
    ),
    (
        "log_compliance_event",
        ("export",),
        {},
        ("compliance_event", logging.INFO, {"action": "export", "outcome": "success"}),
    ),
    (
        "log_compliance_event",
        ("export",),
        {"outcome": "refused", "reason": "consent"},
        ("compliance_event", logging.INFO, {"action": "export", "outcome": "refused", "reason": "consent"}),
    ),
    (
        "log_performance_metric",
        ("latency", 1.5),
        {},
        ("performance_metric", logging.INFO, {"metric": "latency", "value": 1.5, "unit": "ms"}),
    ),
    (
        "log_performance_metric",
        ("messages", 7),
        {"unit": "messages", "source": "history"},
        (
            "performance_metric",
            logging.INFO,
            {"metric": "messages", "value": 7, "unit": "messages", "source": "history"},
        ),
    ),
    ("log_info", ("saved",), {"turn": 3}, ("saved", logging.INFO, {"turn": 3})),
    ("log_warning", ("slow",), {"turn": 3}, ("slow", logging.WARNING, {"turn": 3})),
    ("log_error", ("failed",), {"turn": 3}, ("failed", logging.ERROR, {"turn": 3})),
]


def _fields(record: logging.LogRecord) -> dict[str, object]:
    known = vars(logging.makeLogRecord({})).keys() | {"message", "component"}
    return {key: value for key, value in vars(record).items() if key not in known}


def test_each_has_its_event_level_and_fields(tree) -> None:
    for method, arguments, keywords, (event, level, fields) in EVENTS:
        assert getattr(tree.logger(), method)(*arguments, **keywords) is None
        record = tree.records[-1]
        assert (record.getMessage(), record.levelno, _fields(record)) == (event, level, fields)
        assert record.component == "billing"


def test_each_brings_the_bound_fields(tree) -> None:
    for method, arguments, keywords, (_, _, fields) in EVENTS:
        getattr(tree.logger().bind(user="ann"), method)(*arguments, **keywords)
        assert _fields(tree.records[-1]) == {"user": "ann", **fields}


def test_a_session_is_told_apart_without_its_id(tree) -> None:
    logger = tree.logger()
    for session in ("s-1", "s-2", "s-1", _HASHED):
        logger.log_session_event(session, "created")
    first, second, third, hashed = (record.session_id for record in tree.records)
    assert first == third == hashed != second
    assert "s-1" not in first
    assert first.startswith("sid_")


def test_each_takes_its_arguments_by_name(tree) -> None:
    logger = tree.logger()
    logger.log_agent_execution(agent="planner")
    logger.log_workflow_transition(from_phase="a", to_phase="b")
    logger.log_session_event(session_id="s-1", event_type="created")
    logger.log_compliance_event(action="export")
    logger.log_performance_metric(metric="latency", value=1)
    logger.log_info(message="said")
    assert [record.getMessage() for record in tree.records] == [
        "agent_execution", "workflow_transition", "session_event", "compliance_event", "performance_metric", "said",
    ]  # fmt: skip


def test_each_takes_stdlibs_keywords_and_fields_of_any_other_name(tree) -> None:
    names = {"self": 1, "event": 2, "msg": 3, "level": 4, "args": 5, "fields": 6}
    expected = {"self": 1, "event": 2, "field.msg": 3, "level": 4, "field.args": 5, "fields": 6}
    for method, arguments, keywords, (event, _, fields) in EVENTS:
        getattr(tree.logger(), method)(*arguments, **keywords, **names, exc_info=True, stack_info=True)
        record = tree.records[-1]
        assert record.getMessage() == event
        assert _fields(record) == {**expected, **fields}
        assert record.exc_info == (None, None, None)
        assert record.stack_info


def test_a_message_keyword_beside_a_message_is_a_field(tree) -> None:
    tree.logger().log_info("saved", message="thanks")
    assert (tree.record.getMessage(), vars(tree.record)["field.message"]) == ("saved", "thanks")


def test_they_report_by_the_methods_that_a_test_may_have_patched(tree) -> None:
    from unittest import mock

    logger = tree.logger()
    with mock.patch.object(logger, "info") as info:
        logger.log_info("saved", turn=3)
        logger.log_session_event("s-1", "created")
    assert info.call_args_list == [
        mock.call("saved", turn=3),
        mock.call("session_event", session_id=_HASHED, event_type="created"),
    ]


def test_a_domain_event_without_what_it_is_about_is_a_mistake_of_the_program(tree) -> None:
    for method in ("log_agent_execution", "log_workflow_transition", "log_session_event", "log_performance_metric"):
        with raises(TypeError):
            getattr(tree.logger(), method)()
