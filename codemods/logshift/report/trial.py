"""The report of a trial for people: what differs, by test and by place, and what it does not say."""

from __future__ import annotations

import logging

from logshift.report.style import Style
from logshift.trial import Event, Trial
from logshift.trial.compare import Comparison, Difference

_FEW = 3
_MANY = 50
_LAST = 15  # lines of what a command has said


def render(trial: Trial, style: Style) -> str:
    """Return what `prove` prints."""
    sections = [_tail(trial, style)]
    if trial.comparison is not None:
        sections += [_lost(trial.comparison, style), _differences(trial.comparison, style)]
        sections.append(_unstable(trial.comparison))
    sections.append([f"note: {note}" for note in trial.notes])
    sections.append(_result(trial, style))
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _tail(trial: Trial, style: Style) -> list[str]:
    if trial.comparison is not None and not _is_unexplained(trial.comparison):
        return []
    return [style.dim(f"  | {line}") for line in trial.tail.splitlines()[-_LAST:]]


def _is_unexplained(comparison: Comparison) -> bool:
    return comparison.status is not None or (comparison.passed > 0 and len(comparison.lost) == comparison.passed)


def _lost(comparison: Comparison, style: Style) -> list[str]:
    lines = []
    for test in comparison.lost[:_MANY]:
        why = " ".join(test.why.split())
        lines.append(f"{style.strong(test.name)} {style.red('lost')} {why[:160]}{'…' if len(why) > 160 else ''}")
    return [*lines, *_more(len(comparison.lost), "test")]


def _differences(comparison: Comparison, style: Style) -> list[str]:
    lines: list[str] = []
    for one in comparison.differences[:_MANY]:
        place = one.place_before or one.place_after
        lines.append(f"{style.strong(place + _moved(one))} {style.red(_kind(one))} {_told(one)}")
        tests = [test or "outside of tests" for test in one.tests]
        more = f" and {len(tests) - _FEW} more" if len(tests) > _FEW else ""
        lines.append(style.dim(f"    {one.number} × in {', '.join(tests[:_FEW])}{more}"))
    return [*lines, *_more(len(comparison.differences), "difference")]


def _moved(one: Difference) -> str:
    if not one.place_before or one.place_after == one.place_before:
        return ""
    (path, _, _), (new_path, _, line) = one.place_before.rpartition(":"), one.place_after.rpartition(":")
    return f" → {line if path == new_path else one.place_after}"


def _more(number: int, what: str) -> list[str]:
    left = number - _MANY
    return [f"… and {left} more {what}{'' if left == 1 else 's'} (--output-format json has all)"] if left > 0 else []


def _kind(one: Difference) -> str:
    return "missing" if one.after is None else "new" if one.before is None else "changed"


def _told(one: Difference) -> str:
    if one.before is None or one.after is None:
        event = one.before or one.after
        assert event is not None
        return describe(event)
    return "; ".join(f"{part}: {value(one.before, part)} → {value(one.after, part)}" for part in one.what)


def describe(event: Event) -> str:
    """Return an event in a line."""
    fields = " ".join(f"{name}={field}" for name, field in event.fields)
    thrown = f" ({event.exception})" if event.exception else ""
    told = f"{logging.getLevelName(event.level)} {event.logger or '-'} {event.message!r}{thrown} {fields}".rstrip()
    return told if len(told) <= 200 else told[:199] + "…"


def value(event: Event, part: str) -> str:
    """Return one part of an event, as `Difference.what` calls it."""
    name = part.removeprefix("field ")
    if name != part:
        return dict(event.fields).get(name, "none")
    told: dict[str, object] = {
        "level": logging.getLevelName(event.level), "file": event.path, "message": repr(event.message),
        "logger": event.logger, "exception": event.exception, "function": event.function,
    }  # fmt: skip
    return str(told[part] or "none")


def _unstable(comparison: Comparison) -> list[str]:
    lines = [f"{test} is unstable and not compared" for test in comparison.unstable[:_MANY]]
    lines += _more(len(comparison.unstable), "unstable test")
    if comparison.unstable_places:
        lines.append(
            f"{_some(comparison.unstable_places)}: now and then there are events or none; their number is not compared"
        )
    if comparison.silent_places:
        lines.append(
            f"{_some(comparison.silent_places)}: structlog's default alone prints these events, where nothing "
            "configures it; afterwards the logging tree, where nothing configures that, leaves them out: nothing is "
            "shown of them"
        )
    return lines


def _some(places: tuple[str, ...]) -> str:
    more = f" and {len(places) - _FEW} more" if len(places) > _FEW else ""
    return f"{', '.join(places[:_FEW])}{more}"


def _result(trial: Trial, style: Style) -> list[str]:
    lines = [f"The copy is in {trial.kept}."] if trial.kept else []
    comparison = trial.comparison
    if comparison is None:
        return [*lines, style.red(f"Nothing is proved: {trial.hindered}.")]
    tests = f"{_number(comparison.passed, 'test')} before: {comparison.passed - len(comparison.lost)} pass after"
    parts = [f"{len(comparison.lost)} lost"]
    if comparison.unstable:
        parts.append(f"{len(comparison.unstable)} unstable")
    if comparison.failed:
        parts.append(f"{len(comparison.failed)} that fail before are left out")
    if comparison.passed or comparison.failed or comparison.unstable:
        lines.append(f"{tests}, {', '.join(parts)}.")
    if trial.events_compared:
        differing = sum(one.number for one in comparison.differences)
        places = f" at {_number(len(comparison.differences), 'place')}" if differing else ""
        events = f"{_number(comparison.events, 'event')} of {_number(comparison.places, 'place')}"
        lines.append(f"{events} before: {differing or 'none'} {'differ' if differing != 1 else 'differs'}{places}.")
    else:
        lines.append("Events were not compared.")
    if comparison.status is not None:
        before, after = (f"exit status {one}" if one is not None else "no end" for one in comparison.status)
        lines.append(f"The command: {before} before, {after} after.")
    files = f"{len(trial.loaded)} of {_number(len(trial.changed), 'changed file')} imported"
    runs = f"{_number(trial.before, 'run')} before, {trial.after} after; {files}."
    verdict = style.green("Same") if comparison.is_same else style.red("Different")
    return [*lines, f"{verdict}: {runs}"]


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
