"""For any message, arguments and fields: no call raises, no value is lost."""

from __future__ import annotations

import io
import logging
import pickle
import sys
from unittest import mock

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability._fields import CONTROLS, RECORD_KEYS
from universal_framework.observability.redaction import DEFAULT, Redactor
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

METHODS = ("debug", "info", "warning", "error", "critical", "exception", "msg", "log_info", "log_warning", "log_error")

#: `route` is one for all examples of a test; each example empties it.
one_route = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

#: What is redacted is another room's promise.
clean = Redactor(DEFAULT)

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=8)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
#: Names that something has a meaning for are as likely as all others.
names = st.one_of(
    st.sampled_from(
        sorted(RECORD_KEYS | {"event", "self", "method_name", "component", "level", "logger", "timestamp"})
    ),
    st.sampled_from(["field.name", "field.field.name", "field.level", "format_args", "positional_args", "log_level"]),
    st.text(min_size=1, max_size=8),
).filter(lambda name: name not in CONTROLS)
fields = st.dictionaries(names, values, max_size=5).filter(lambda given: clean.fields(given) is given)
#: Messages with and without places for arguments, right and wrong ones.
messages = st.one_of(
    st.lists(st.sampled_from(["%s", "%d", "%(a)s", "%%", "%", "x", " ", "{}", "%q", "%*d"]), max_size=5).map("".join),
    values,
)
arguments = st.lists(values, max_size=3).filter(lambda given: clean.value(given) is given)


class Odd:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __format__ = __repr__


@pytest.fixture(params=["tree", "structlog", "structlog through the tree"])
def route(request: pytest.FixtureRequest, tree):
    """Return a logger and a function that returns the values that came out, by name, and empties the sink."""
    captured: list[dict[str, object]] = []

    def keep(_: object, __: str, event: dict[str, object]) -> dict[str, object]:
        captured.append(dict(event))
        return event

    def out() -> list[dict[str, object]]:
        found = [*captured, *(vars(record) for record in tree.records)] if request.param == "tree" else [*captured]
        captured.clear()
        tree.records.clear()
        return found

    if request.param == "structlog":
        structlog.configure(
            processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(), keep,
                        structlog.processors.JSONRenderer(default=repr)],
            logger_factory=structlog.WriteLoggerFactory(io.StringIO()),
        )  # fmt: skip
    elif request.param == "structlog through the tree":
        structlog.configure(
            processors=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name,
                        structlog.stdlib.PositionalArgumentsFormatter(), keep, structlog.stdlib.render_to_log_kwargs],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )  # fmt: skip
    return tree.logger(), out


@one_route
@given(st.sampled_from(METHODS), messages | st.builds(Odd), arguments, fields, fields)
def test_no_call_raises_or_returns_anything(route, method, message, args, bound, given_fields) -> None:
    logger, out = route
    if method.startswith("log_"):
        args = []
    with mock.patch.object(sys, "stderr", io.StringIO()):
        assert getattr(logger.bind(**bound), method)(message, *args, **given_fields) is None
        assert logger.log(logging.INFO, message, *args, **given_fields) is None
    out()


@one_route
@given(values, st.sampled_from(["exc_info", "stack_info", "extra", "stacklevel"]))
def test_no_value_of_a_control_raises(route, value, name) -> None:
    logger, out = route
    with mock.patch.object(sys, "stderr", io.StringIO()):
        assert logger.info("x", **{name: value}) is None
    out()


@one_route
@given(fields, fields)
def test_every_field_is_found_under_its_name_or_a_renamed_one(route, bound, given_fields) -> None:
    logger, out = route
    logger.bind(**bound).info("the message", **given_fields)
    (seen,) = out()
    for name, value in {**bound, **given_fields}.items():
        possible = (name, f"field.{name}", f"field.field.{name}", f"field.field.field.{name}")
        assert any(seen.get(key) is value for key in possible), (name, value, seen)


@one_route
@given(
    (st.integers() | st.floats() | st.text() | st.lists(st.integers(), min_size=1) | st.binary(min_size=1)).filter(
        lambda given: clean.value(given) is given
    ),
    fields,
)
def test_a_message_that_its_argument_does_not_fit_keeps_both(route, argument, given_fields) -> None:
    logger, out = route
    logger.info("no place for any", argument, **given_fields)
    (seen,) = out()
    assert "no place for any" in (seen.get("msg"), seen.get("event"))
    assert any(held[0] is argument for held in seen.values() if isinstance(held, tuple) and len(held) == 1)


@given(fields, fields, st.lists(names, max_size=3))
def test_bound_fields_follow_the_algebra_of_mappings(one, other, keys) -> None:
    logger = UniversalFrameworkLogger("billing", name="app.module")
    both = logger.bind(**one).bind(**other)
    assert both == logger.bind(**{**one, **other})
    assert both._context == {**one, **other}
    assert both.new(**other) == logger.bind(**other)
    assert both.try_unbind(*keys)._context == {k: v for k, v in {**one, **other}.items() if k not in keys}
    assert both.unbind(*both._context) == logger
    assert logger.bind() == logger


@given(st.text(min_size=1), st.text(), st.sampled_from([None, "stdlib", "structlog"]), fields, st.integers(0, 5))
def test_pickling_and_back_is_the_identity(component, name, via, bound, protocol) -> None:
    logger = UniversalFrameworkLogger(component, name=name, via=via).bind(**bound)
    again = pickle.loads(pickle.dumps(logger, protocol))
    assert repr(again._context) == repr(logger._context)  # not every value is equal to itself: nan
    assert (again.component, again._node_name, again._via) == (component, name or "root", via)
    assert hash(again) == hash(logger)
    assert again == logger or again._context != pickle.loads(pickle.dumps(logger._context))


@settings(max_examples=30)
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join))
def test_a_child_of_a_child_is_the_child_of_both(path) -> None:
    logger = UniversalFrameworkLogger("billing", name="app.module").bind(user="ann")
    step_by_step = logger
    for part in path.split("."):
        step_by_step = step_by_step.getChild(part)
    assert step_by_step == logger.getChild(path)
