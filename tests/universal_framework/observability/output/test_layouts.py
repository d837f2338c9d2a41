"""No value can write anything but itself, and no layout raises."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import re
import traceback
import unicodedata
import uuid
from collections import deque
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from universal_framework.observability import _layouts, _thrown
from universal_framework.observability._event import Event
from universal_framework.observability._layouts import Console, Ecs, Otel, severity_number, wants_colours

EXAMPLES = settings(
    max_examples=500 if os.environ.get("LOGSHIFT_FULL") else 60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class Colour(enum.IntEnum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: int
    y: object


class Pair(NamedTuple):
    left: int
    right: int


CYCLE: list[object] = []
CYCLE.append(CYCLE)

DEEP: list[object] = []
for _ in range(2000):
    DEEP = [DEEP]

ODD = [
    Hostile(), {"a": Hostile()}, Colour.RED, Point(1, Hostile()), Pair(1, 2), CYCLE, DEEP, b"\xff\n", bytearray(b"x"),
    10**30, 10**5000, float("nan"), float("-inf"), "\ud800", {1: 2, None: 3, ("a",): 4}, {1, "a"}, frozenset(), deque([1]),
    uuid.UUID(int=7), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timedelta(1), decimal.Decimal("1.5"), Path("/tmp"), object,
    ValueError("x"), range(3), (n for n in "ab"), 1j, lambda: 0, memoryview(b"x"), type("Str", (str,), {})("x\n"),
]  # fmt: skip

#: Those that hypothesis can show where a test fails.
SHOWABLE = [odd for odd in ODD if not isinstance(odd, Hostile | dict | Point | list) and odd != 10**5000]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.sampled_from(SHOWABLE)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)

NAMES = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "component",
            "message",
            "log.level",
            "labels",
            "host",
            "http.request.method",
            "trace_id",
            "trace.id",
            "a.b",
            "a_b",
            "ecs.version",
            "Timestamp",
            "exception.type",
            "code.file.path",
            "@timestamp",
            "error.type",
        ]
    ),
)

THROWN = st.recursive(
    st.builds(_thrown.Thrown, st.text(), st.text(), st.just(())),
    lambda inner: st.builds(
        _thrown.Thrown,
        st.text(),
        st.text(),
        st.lists(st.builds(_thrown.Frame, st.text(), st.integers(0, 99), st.text(), st.text()), max_size=2).map(tuple),
        st.none() | inner,
        st.booleans(),
        st.lists(inner, max_size=2).map(tuple),
    ),
    max_leaves=4,
)

EVENTS = st.builds(
    Event,
    st.integers(0, 4_000_000_000 * 10**9),
    st.integers(0, 100),
    st.text(),
    st.none() | st.text(),
    st.text(),
    st.text(),
    st.dictionaries(NAMES, VALUES, max_size=6),
    st.none() | THROWN,
    st.none() | st.text(),
    st.text(),
    st.integers(0, 9),
    st.text(),
)


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), names
    return dict(pairs)


def _read(line: bytes) -> dict[str, object]:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return json.loads(line, object_pairs_hook=_pairs)


# -- for people -------------------------------------------------------------------------------------------------


@EXAMPLES
@given(event=EVENTS)
def test_no_text_can_end_a_line_of_the_console_or_command_the_terminal(event) -> None:
    text = Console(colours=False).render(event).decode()
    head, *below = text.removesuffix("\n").split("\n")
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", head)
    assert all(line.startswith("    ") for line in below)
    assert not below or event.thrown is not None or event.stack is not None
    commands = [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert commands == []
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@EXAMPLES
@given(event=EVENTS)
def test_colours_change_nothing_but_colour(event) -> None:
    coloured = Console(colours=True).render(event).decode()
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == Console(colours=False).render(event).decode()


@EXAMPLES
@given(value=st.text())
def test_a_value_cannot_forge_another_field(value) -> None:
    one = Event(0, 20, "INFO", None, "app", "paid", {"a": value, "b": 1})
    shown = Console(colours=False).render(one).decode().partition(" a=")[2].removesuffix(" b=1\n")
    if shown.startswith('"'):
        assert re.fullmatch(r'"([^"\\]|\\.)*"', shown)  # its quotes end where it ends
    else:
        assert not re.search(r"[\s=\"]", shown)


def test_a_line_of_the_console(event, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    fields = {
        "user": 7,
        "path": "/a b",
        "rate": 0.5,
        "tags": ["x", {"y": None}],
        "note": "",
        "ok": True,
        "at": uuid.UUID(int=7),
    }
    assert Console(colours=False).render(event(fields=fields)).decode() == (
        '2026-11-22 21:01:00.526 INFO     billing order created user=7 path="/a b" rate=0.5 '
        'tags=["x", {"y": null}] note="" ok=True at=00000000-0000-0000-0000-000000000007\n'
    )


def test_an_injected_line_stays_one_line(event) -> None:
    hostile = "x\n2026-11-22 21:01:00.526 INFO     billing paid\r\x1b[2K\x9b2J\u202egnp.exe"
    for line in (
        Console(colours=False).render(event(hostile, component=hostile, logger=hostile, fields={hostile: hostile})),
        Console(colours=True).render(event(hostile, fields={"a": {"b": hostile}})),
    ):
        assert line.count(b"\n") == 1
        assert b"\\n2026" in line
        assert "\u202e" not in line.decode()


def _raised() -> BaseException:
    try:
        try:
            raise KeyError("inner\x1b[31m\nsecond line")
        except KeyError as error:
            raise ValueError("outer") from error
    except ValueError as error:
        return error


class AsIs:
    def text(self, text: str) -> str:
        return text


def test_an_exception_on_the_console_reads_as_python_tells_it(event) -> None:
    error = _raised()
    error.__cause__.args = ("inner",)
    lines = Console(colours=False).render(event(thrown=_thrown.of(error, AsIs()))).decode().splitlines()
    told = [line.strip() for line in "".join(traceback.format_exception(error)).splitlines() if "^^" not in line]
    assert [line.strip() for line in lines[1:]] == told


def test_a_group_shows_its_members(event) -> None:
    group = ExceptionGroup("two", [ValueError("a"), ExceptionGroup("inner", [KeyError("b")])])
    text = Console(colours=False).render(event(thrown=_thrown.of(group, AsIs()))).decode()
    assert all(part in text for part in ("two (2 sub-exceptions)", "ValueError: a", "1 of 2", "KeyError: 'b'"))


@pytest.mark.parametrize(
    ("environment", "terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colour_is_as_no_color_and_force_color_say(environment, terminal, expected) -> None:
    assert wants_colours(environment, terminal=terminal) is expected


# -- for machines -------------------------------------------------------------------------------------------------


@EXAMPLES
@given(event=EVENTS)
def test_an_ecs_line_is_one_object_with_the_names_that_it_must_have(event) -> None:
    read = _read(Ecs("shop").render(event))
    assert list(read)[:4] == ["@timestamp", "log.level", "message", "ecs.version"]
    labels = read.get("labels", {})
    assert all(value is None or isinstance(value, str | int | float) for value in labels.values())
    assert not any(set(".*\\") & set(name) for name in labels)
    assert len(labels) + len(read) >= len(event.fields)


@EXAMPLES
@given(event=EVENTS)
def test_an_otel_line_is_one_object_with_the_names_of_the_data_model(event) -> None:
    read = _read(Otel("shop").render(event))
    assert read["Timestamp"] == str(event.time_ns)
    assert read.keys() <= {
        "Timestamp", "TraceId", "SpanId", "TraceFlags", "SeverityText", "SeverityNumber", "Body", "Resource",
        "InstrumentationScope", "Attributes",
    }  # fmt: skip
    assert len(read.get("Attributes", {})) >= len(event.fields) - 3


def test_ecs_puts_fields_where_the_schema_has_them(event) -> None:
    fields = {
        "http.request.method": "GET", "trace_id": "t1", "host": "h", "items": [1, {"a": 2}], "a.b": 1, "a_b": 2,
        "log.level": "mine", "component": "theirs",
    }  # fmt: skip
    read = _read(Ecs().render(event(fields=fields, path="/srv/app/orders.py", line=3, function="create")))
    assert read == {
        "@timestamp": "2026-11-22T21:01:00.526625Z",
        "log.level": "info",
        "message": "order created",
        "ecs.version": "8.17.0",
        "log.logger": "app.orders",
        "log.origin.file.name": "orders.py",
        "log.origin.file.line": 3,
        "log.origin.function": "create",
        "http.request.method": "GET",
        "trace.id": "t1",
        "labels": {
            "component": "billing", "host": "h", "items": '[1,{"a":2}]', "a_b": 1, "field_a_b": 2, "log_level": "mine",
            "field_component": "theirs",
        },
    }  # fmt: skip


def test_otel_puts_fields_where_the_data_model_has_them(event) -> None:
    fields = {
        "trace_id": "0AF7651916CD43DD8448EB211C80319C",
        "span_id": "not one",
        "items": [1, {"a": 2}],
        "component": "theirs",
    }
    read = _read(Otel("shop").render(event(fields=fields, level=30, level_name="WARNING")))
    assert read == {
        "Timestamp": "1795381260526625296",
        "SeverityText": "WARNING",
        "SeverityNumber": 13,
        "Body": "order created",
        "Resource": {"service.name": "shop"},
        "InstrumentationScope": {"Name": "app.orders"},
        "TraceId": "0af7651916cd43dd8448eb211c80319c",
        "Attributes": {
            "component": "billing", "span_id": "not one", "items": [1, {"a": 2}], "field.component": "theirs",
        },
    }  # fmt: skip


@pytest.mark.parametrize("layout", [Ecs(), Otel()], ids=["ecs", "otel"])
def test_exceptions_have_type_message_and_trace(layout, event) -> None:
    line = layout.render(event(thrown=_thrown.of(_raised(), AsIs())))
    read = _read(line)
    found = read.get("Attributes", read)
    prefix = "exception." if "Attributes" in read else "error."
    assert (found[prefix + "type"], found[prefix + "message"]) == ("ValueError", "outer")
    stack = found[prefix + ("stacktrace" if "Attributes" in read else "stack_trace")]
    assert stack.startswith("Traceback (most recent call last):\n  File ")
    assert stack.endswith("ValueError: outer")


def test_severities_are_in_the_range_that_the_data_model_gives_them() -> None:
    standard = {0: 0, 5: 1, 10: 5, 20: 9, 30: 13, 40: 17, 50: 21}
    assert {level: severity_number(level) for level in standard} == standard
    numbers = [severity_number(level) for level in range(1, 100)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, 25))


@pytest.mark.parametrize("layout", [Console(colours=False), Ecs(), Otel()], ids=["console", "ecs", "otel"])
@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_one_odd_value_does_not_cost_the_others(layout, odd, event) -> None:
    line = layout.render(event(fields={"first": "kept1", "odd": odd, "last": "kept2"})).decode()
    assert "kept1" in line
    assert "kept2" in line
    assert "order created" in line


@pytest.mark.parametrize("layout", [Ecs(), Otel()], ids=["ecs", "otel"])
def test_an_object_that_shows_a_secret_is_looked_through(layout, event) -> None:
    class Customer:
        def __repr__(self) -> str:
            return "<Customer ann.smith@example.org>"

    for field in (Customer(), {"deep": [Customer()]}):
        assert b"ann.smith" not in layout.render(event(fields={"customer": field}))
    assert b"ann.smith" not in Console(colours=False).render(event(fields={"customer": Customer()}))


def test_layouts_do_without_orjson(event, monkeypatch) -> None:
    import sys

    fields = {"a": [1, {"b": Hostile()}], "n": float("nan"), "s": "\ud800", "big": 10**30}
    monkeypatch.setitem(sys.modules, "orjson", None)
    _layouts._encode.cache_clear()
    try:
        assert _read(Otel().render(event(fields=fields)))["Attributes"]["a"][0] == 1
    finally:
        _layouts._encode.cache_clear()
