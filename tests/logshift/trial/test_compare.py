"""Runs in, differences out: what varies anyway is no difference, and nothing else is forgiven."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logshift.trial.compare import compare
from logshift.trial.run import Event, Run

SAME_LINE = lambda path, line: line  # noqa: E731, ARG005


def event(message="done", **parts):
    values = {"test": "t", "level": 20, "logger": "app", "fields": (), "exception": None, "path": "app.py", "line": 3,
              "function": "work"}  # fmt: skip
    return Event(message=message, **{**values, **parts})


def run(*events, tests=("t",), failed=(), status=0):
    outcomes = dict.fromkeys(tests, "") | dict.fromkeys(failed, "why")
    return Run(status, "", outcomes, tuple(events), True, frozenset(), frozenset(), 1, ())


def kinds(before, after, line_after=SAME_LINE):
    found = compare(before, after, line_after)
    return [
        ("missing" if one.after is None else "new" if one.before is None else one.what) for one in found.differences
    ]


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["a 1", "a 2", "b"]),
        level=st.sampled_from([10, 30]),
        line=st.integers(1, 3),
        fields=st.sampled_from([(), (("x", "1"),)]),
        test=st.sampled_from(["t", None]),
    ),
    max_size=8,
)


@given(EVENTS)
def test_a_run_does_not_differ_from_itself(events):
    assert compare([run(*events)] * 2, [run(*events)], SAME_LINE).is_same


@given(EVENTS, st.data())
def test_an_event_that_is_missing_or_new_is_told(events, data):
    events.append(event("only one", line=9))
    other = data.draw(st.permutations([one for one in events if one.line != 9]))
    assert kinds([run(*events)] * 2, [run(*other)]) == ["missing"]
    assert kinds([run(*other)] * 2, [run(*events)]) == ["new"]


def test_every_part_of_an_event_counts():
    for name, value in {
        "level": 30,
        "logger": "b",
        "message": "x",
        "exception": "E",
        "function": "f",
        "path": "b.py",
    }.items():
        (what,) = kinds([run(event())] * 2, [run(event()._replace(**{name: value}))])
        assert what == ("file" if name == "path" else name,)
    assert kinds([run(event(fields=(("a", "1"),)))], [run(event(fields=(("a", "2"), ("b", "1"))))]) == [
        ("field a", "field b")
    ]


def test_component_and_channel_are_the_migration_s_own_and_no_other_field():
    before = [run(event(logger="label"))]
    added = (("channel", "'label'"), ("component", "'app'"))
    assert kinds(before, [run(event(fields=added))]) == []
    assert kinds(before, [run(event(fields=(("channel", "'other'"),)))]) == [("logger",)]
    assert kinds(before, [run(event(logger="label", fields=(*added, ("x", "1"))))]) == [("field x",)]


def test_component_of_the_event_s_own_is_compared():
    before = [run(event(fields=(("component", "'mine'"),)))]
    assert kinds(before, [run(event(fields=(("component", "'app'"),)))]) == [("field component",)]


def test_logger_without_a_name_agrees_with_every_name():
    assert kinds([run(event(logger=None))], [run(event())]) == []
    assert kinds([run(event())], [run(event(logger=None))]) == []


def test_varying_part_of_a_message_is_learnt_by_place_and_the_rest_is_compared():
    before = [run(event("took 1.5 s for id a1")), run(event("took 11.25 s for id b2"))]
    assert kinds(before, [run(event("took 7 s for id c3"))]) == []
    assert kinds(before, [run(event("took 7 s by id c3"))]) == [("message",)]
    assert kinds([run(event("took 1 s")), run(event("took 1 s"))], [run(event("took 2 s"))]) == [("message",)]


def test_varying_field_may_have_any_value_and_must_be_there():
    before = [run(event(fields=(("at", value), ("n", "1")))) for value in ("1.0", "2.0")]
    assert kinds(before, [run(event(fields=(("at", "3"), ("n", "1"))))]) == []
    assert kinds(before, [run(event(fields=(("at", "3"), ("n", "2"))))]) == [("field n",)]
    assert kinds(before, [run(event(fields=(("n", "1"),)))]) == [("field at",)]


def test_events_that_come_and_go_may_but_not_for_ever():
    before = [run(event(), event()), run(event())]
    assert kinds(before, [run(event(), event(), event())]) == []
    assert kinds(before, [run()]) == ["missing"]


def test_difference_counts_if_every_run_after_shows_it():
    assert kinds([run(event())], [run(), run(event())]) == []
    assert kinds([run(event())], [run(), run()]) == ["missing"]


def test_events_of_unstable_tests_say_nothing():
    before = [run(event()), run(event("other"), tests=(), failed=("t",))]
    found = compare(before, [run()], SAME_LINE)
    assert found.unstable == ("t",)
    assert found.is_same
    assert found.unstable_places == ()


def test_changed_event_is_told_with_both_lines():
    (one,) = compare([run(event())], [run(event("x", line=5))], lambda _, line: line + 2).differences
    assert (one.place_before, one.place_after, one.what) == ("app.py:3", "app.py:5", ("message",))
    (one,) = compare([run(event())], [run()], lambda _, line: line + 2).differences
    assert (one.place_before, one.place_after) == ("app.py:3", "app.py:5")


def test_what_the_default_prints_may_be_missing_and_its_silent_places_are_told():
    by_default = event(by_default=True)
    found = compare([run(by_default)], [run()], SAME_LINE)
    assert (found.differences, found.silent_places) == ((), ("app.py:3",))
    assert compare([run(by_default)], [run(event())], SAME_LINE).silent_places == ()
    assert kinds([run(by_default)], [run(event("x"))]) == [("message",)]


def test_many_events_of_one_test_find_their_counterparts():
    before = [event(f"n {n}", fields=(("at", str(run_)),)) for run_ in (1,) for n in range(2000)]
    again = [one._replace(fields=(("at", "2"),)) for one in before]
    missing = [event(f"m {n}", line=7, function="f") for n in range(1000)]
    after = [one._replace(fields=(("at", "3"),)) for one in before]
    found = compare([run(*missing, *before), run(*missing, *again)], [run(*after)], SAME_LINE)
    assert [(one.place_before, one.number) for one in found.differences] == [("app.py:7", 1000)]


def test_exit_status_counts_where_no_test_tells_why():
    assert compare([run()], [run(status=2)], SAME_LINE).status == (0, 2)
    assert compare([run(tests=(), failed=("t",), status=1)], [run()], SAME_LINE).status is None
    assert compare([run(), run(status=2)], [run(status=2)], SAME_LINE).status is None
    assert compare([run()], [run(tests=(), failed=("t",), status=1)], SAME_LINE).status is None
