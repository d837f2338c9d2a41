"""What differs between runs before and after a migration. Pure: runs in, differences out.

What varies between two runs of the same sources cannot be held against a migration: tests that pass only sometimes, the
changing part of a message, fields with times and ids, events that come and go. The runs before the migration say what
that is. A difference after it counts if every run after it shows it.

Events that structlog's default printed, where nothing configured it, may be missing: a logging tree that nobody
configures leaves out what is below a warning. Their places are told. Two things are the migration's own and no
difference: the field ``component`` that a target adds, and ``channel``, under which it keeps the label of a structlog
logger. A logger without a name, as structlog's default one, agrees with every name.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from logshift._record import NamedTuple
from logshift.trial.run import Event, Run

_ADDED = ("component", "channel")
#: Parts of a message: a UUID, a word – an id such as ``3f9a`` is one, whatever it begins with –, a number, blanks.
_TOKEN = re.compile(
    r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b|(?=\w*[^\W\d_])\w+|\d[\d.,:+_-]*|\w+|\s+|.", re.DOTALL
)
_MANY = 300  # parts of a message that are compared one by one, events of one place in one test
_RENAMED = "field."  # what the house logger puts before the name of a field that its output keeps for itself


_Place = tuple[str, int]


class LostTest(NamedTuple):
    """A test that passed before, and does not after."""

    name: str
    why: str


class Difference(NamedTuple):
    """Events of one place that are reported otherwise: changed, missing after the migration, or new with it."""

    what: tuple[str, ...]  # which parts differ; none where the event is missing or new
    before: Event | None
    after: Event | None
    place_before: str  # path:line
    place_after: str
    tests: tuple[str | None, ...]
    number: int


class Comparison(NamedTuple):
    """What differs, what does not, and what could not be told."""

    passed: int  # tests before
    failed: tuple[str, ...]  # tests that never pass before
    unstable: tuple[str, ...]
    lost: tuple[LostTest, ...]
    events: int  # before, of the first run
    places: int
    unstable_places: tuple[str, ...]
    silent_places: tuple[str, ...]  # of which nothing is shown: structlog's default alone printed their events
    differences: tuple[Difference, ...]
    status: tuple[int | None, int | None] | None  # exit statuses before and after, if they differ and nothing tells why

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.lost and not self.differences and self.status is None


#: Says which line of a file after the migration was which before it: path, line → line.
Lines = Callable[[str, int], int]


def compare(before: Sequence[Run], after: Sequence[Run], line_after: Lines) -> Comparison:
    """Compare the runs before a migration with those after it."""
    always = frozenset.intersection(*(run.passed for run in before))
    sometimes = frozenset.union(*(run.passed for run in before)) - always
    never = frozenset().union(*(run.tests for run in before)) - always - sometimes
    missing = [always - run.passed for run in after]
    lost = frozenset.intersection(*missing) if missing else frozenset()
    unstable = sometimes | (frozenset().union(*missing) - lost)
    lost_tests = tuple(LostTest(name, _why(name, after)) for name in sorted(lost))
    comparable = always - unstable
    learnt = _Learnt([_comparable(run, comparable) for run in before])
    found = [_differences(before[0], run, learnt, comparable, line_after) for run in after]
    differences = _in_all(found)
    return Comparison(
        passed=len(always),
        failed=tuple(sorted(never)),
        unstable=tuple(sorted(unstable)),
        lost=lost_tests,
        events=len(before[0].events),
        places=len({(event.path, event.line) for event in before[0].events}),
        unstable_places=_told(learnt.varying_places),
        silent_places=_told(_silent(before[0], after, line_after)),
        differences=differences,
        status=_status(before, after) if not lost_tests and not unstable else None,
    )


def _told(places: Iterable[_Place]) -> tuple[str, ...]:
    return tuple(f"{path}:{line}" for path, line in sorted(places))


def _silent(before: Run, after: Sequence[Run], line_after: Lines) -> set[_Place]:
    """Return the places that only reported by default, and do not report at all after the migration."""
    chosen = {(event.path, event.line) for event in before.events if not event.by_default}
    seen = {(event.path, event.line) for run in after for event in run.events}
    return {
        (event.path, event.line)
        for event in before.events
        if after and event.by_default and (event.path, line_after(event.path, event.line)) not in seen
    } - chosen


def _why(name: str, after: Sequence[Run]) -> str:
    return after[0].tests.get(name, "it did not run")


def _status(before: Sequence[Run], after: Sequence[Run]) -> tuple[int | None, int | None] | None:
    statuses = {run.status for run in before}
    if len(statuses) != 1 or any(run.status in statuses for run in after) or not after:
        return None
    if len({run.passed for run in (*before, *after)}) > 1:  # a test that passes now tells why
        return None
    return before[0].status, after[0].status


# -- what varies without a migration -------------------------------------------------------------------------------


def _alike(event: Event) -> tuple[object, ...]:
    """What events of one place have in common from run to run of the same sources."""
    names = tuple(name for name, _ in event.fields)
    return event.test, event.path, event.line, event.function, event.level, event.logger, event.exception, names


class _Learnt:
    """What the runs before the migration say of what varies, by place."""

    def __init__(self, runs: Sequence[Sequence[Event]]) -> None:
        self.varying_places: set[_Place] = set()  # events come and go
        self.fields: dict[_Place, set[str]] = defaultdict(set)
        self.messages: dict[_Place, set[str]] = defaultdict(set)
        first = _by_kind(runs[0])
        for run in runs[1:]:
            self._compare(first, _by_kind(run))

    def _compare(
        self, first: dict[tuple[object, ...], list[Event]], other: dict[tuple[object, ...], list[Event]]
    ) -> None:
        for kind in first.keys() | other.keys():
            mine, theirs = first.get(kind, []), other.get(kind, [])
            place = next((event.path, event.line) for event in (*mine, *theirs))
            if len(mine) != len(theirs):
                self.varying_places.add(place)
            only_mine, only_theirs = Counter(mine) - Counter(theirs), Counter(theirs) - Counter(mine)
            for one, another in zip(only_mine.elements(), only_theirs.elements(), strict=False):
                self._vary(place, one, another)

    def _vary(self, place: _Place, one: Event, other: Event) -> None:
        if one.message != other.message:
            self.messages[place].add(_common(one.message, other.message))
        pairs = zip(one.fields, other.fields, strict=True)
        self.fields[place].update(name for (name, value), (_, another) in pairs if value != another)

    def varies(self, event: Event) -> bool:
        """Say whether events of this place come and go."""
        return (event.path, event.line) in self.varying_places

    def message_agrees(self, before: Event, after: Event) -> bool:
        """Say whether a message is the one before, but for what varies."""
        if before.message == after.message:
            return True
        patterns = self.messages.get((before.path, before.line), ())
        return any(_matches(pattern, before.message) and _matches(pattern, after.message) for pattern in patterns)

    def field_agrees(self, before: Event, name: str) -> bool:
        """Say whether a field's value varies, so that another one is none to speak of."""
        return name in self.fields.get((before.path, before.line), ())


def _by_kind(events: Iterable[Event]) -> dict[tuple[object, ...], list[Event]]:
    found: dict[tuple[object, ...], list[Event]] = defaultdict(list)
    for event in events:
        found[_alike(event)].append(event)
    return found


@cache
def _common(one: str, other: str) -> str:
    """Return a pattern for what two messages have in common."""
    mine, theirs = _TOKEN.findall(one), _TOKEN.findall(other)
    if len(mine) > _MANY or len(theirs) > _MANY:
        return ".*"
    pattern, at_mine, at_theirs = "", 0, 0
    for block in difflib.SequenceMatcher(None, mine, theirs, autojunk=False).get_matching_blocks():
        if (block.a > at_mine or block.b > at_theirs) and not pattern.endswith(".*"):
            pattern += ".*"
        pattern += re.escape("".join(mine[block.a : block.a + block.size]))
        at_mine, at_theirs = block.a + block.size, block.b + block.size
    return pattern


@cache
def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.DOTALL) is not None


# -- what a migration has changed ------------------------------------------------------------------------------------


def _differences(
    before: Run, after: Run, learnt: _Learnt, comparable: frozenset[str], line_after: Lines
) -> list[Difference]:
    """Return what differs between two runs, an entry for each place and kind of difference."""
    mine, theirs = _by_test(_comparable(before, comparable)), _by_test(_comparable(after, comparable))
    silent = {(event.path, event.line) for event in before.events} - {
        (event.path, event.line) for event in _as_before(after.events, line_after, before.events)
    }
    pairs: list[tuple[str | None, Event | None, Event | None]] = []
    for test in mine.keys() | theirs.keys():
        for one, other in _unmatched(mine[test], theirs[test], learnt, line_after):
            known = one if one is not None else other
            assert known is not None
            if (one is None or other is None) and _is_chance(known, one, learnt, silent, line_after, before):
                continue
            if other is None and known.by_default:
                continue
            pairs.append((test, one, other))
    return _gathered(pairs, learnt, line_after)


def _is_chance(
    known: Event, one: Event | None, learnt: _Learnt, silent: set[_Place], line_after: Lines, before: Run
) -> bool:
    """Say whether an event may be missing or new because events of its place come and go."""
    if one is not None:
        return learnt.varies(one) and (one.path, one.line) not in silent
    return any(
        path == known.path and line_after(path, line) == known.line for path, line in learnt.varying_places
    ) and bool(before.events)


def _as_before(events: Iterable[Event], line_after: Lines, before: Iterable[Event]) -> list[Event]:
    """Return the events after a migration with the lines that they had before it, as far as those can be told."""
    lines = {(event.path, line_after(event.path, event.line)): event.line for event in before}
    return [event._replace(line=lines.get((event.path, event.line), event.line)) for event in events]


def _comparable(run: Run, tests: frozenset[str]) -> list[Event]:
    """Return the events of a run but those of tests whose outcome says nothing."""
    return [event for event in run.events if event.test is None or event.test in tests or event.test not in run.tests]


def _by_test(events: Iterable[Event]) -> dict[str | None, list[Event]]:
    found: dict[str | None, list[Event]] = defaultdict(list)
    for event in events:
        found[event.test].append(event)
    return found


def _unmatched(
    mine: list[Event], theirs: list[Event], learnt: _Learnt, line_after: Lines
) -> list[tuple[Event | None, Event | None]]:
    """Return the events of one test that have no counterpart, in pairs where one became the other."""
    left = Counter(_canonical(event) for event in mine)
    originals = {_canonical(event): event for event in reversed(mine)}
    unmatched = []
    for event in theirs:
        match = next((form for form in _forms(event) if left[form]), None)
        if match is None:
            unmatched.append(event)
        else:
            left[match] -= 1
    remaining = [originals[form] for form, number in left.items() for _ in range(number)]
    rest = _Rest(remaining, unmatched)
    rest.pair(lambda one: (one.path, one.function, one.level), lambda one, other: not _parts(one, other, learnt))
    changed = rest.pair(lambda one: (one.path, line_after(one.path, one.line)), key_after=lambda o: (o.path, o.line))
    changed += rest.pair(lambda one: (one.message, one.level))
    return [*changed, *((one, None) for one in rest.mine), *((None, other) for other in rest.theirs)]


class _Rest:
    """Events before and after that have no counterpart so far."""

    def __init__(self, mine: list[Event], theirs: list[Event]) -> None:
        self.mine, self.theirs = mine, theirs

    def pair(
        self,
        key: Callable[[Event], object],
        agree: Callable[[Event, Event], bool] = lambda _one, _other: True,
        *,
        key_after: Callable[[Event], object] | None = None,
    ) -> list[tuple[Event | None, Event | None]]:
        """Take out and return pairs with equal keys that agree; of very many with one key, the first are tried."""
        by_key: dict[object, list[Event]] = defaultdict(list)
        for event in self.mine:
            by_key[key(event)].append(event)
        pairs: list[tuple[Event | None, Event | None]] = []
        rest = []
        for other in self.theirs:
            free = by_key[(key_after or key)(other)]
            at = next((index for index, one in enumerate(free[:_MANY]) if agree(one, other)), None)
            if at is None:
                rest.append(other)
            else:
                pairs.append((free.pop(at), other))
        self.mine, self.theirs = [event for events in by_key.values() for event in events], rest
        return pairs


def _canonical(event: Event) -> Event:
    return event._replace(test=None, line=0, by_default=False)


def _forms(event: Event) -> Iterable[Event]:
    """Yield what an event may have been before the migration gave it what is its own."""
    event = _canonical(event)
    fields = tuple((name.removeprefix(_RENAMED), value) for name, value in event.fields)
    for added in ((), *((name,) for name in _ADDED), _ADDED):
        kept = tuple(sorted(field for field in fields if field[0] not in added))
        loggers = [event.logger, None]
        if "channel" in added:
            loggers += [value[1:-1] for name, value in fields if name == "channel"]
        for logger in loggers:
            yield event._replace(fields=kept, logger=logger)


def _parts(one: Event, other: Event, learnt: _Learnt) -> tuple[str, ...]:
    """Return the names of the parts in which an event after the migration differs from one before it."""
    fields = dict(one.fields)
    others = {
        name.removeprefix(_RENAMED): value for name, value in other.fields if name in fields or name not in _ADDED
    }
    channel = dict(other.fields).get("channel", "''")[1:-1]
    parts = [
        (one.level != other.level, "level"),
        (None not in (one.logger, other.logger) and one.logger not in (other.logger, channel), "logger"),
        (not learnt.message_agrees(one, other), "message"),
        (one.exception != other.exception, "exception"),
        (one.function != other.function, "function"),
        (one.path != other.path, "file"),
    ]
    differing = [
        f"field {name}"
        for name in sorted(fields.keys() | others.keys())
        if fields.get(name) != others.get(name)
        and not (name in fields and name in others and learnt.field_agrees(one, name))
    ]
    return (*(name for differs, name in parts if differs), *differing)


def _gathered(
    pairs: Iterable[tuple[str | None, Event | None, Event | None]], learnt: _Learnt, line_after: Lines
) -> list[Difference]:
    """Return one difference for all pairs of the same places that differ in the same parts."""
    found: dict[tuple[object, ...], list[tuple[str | None, Event | None, Event | None]]] = defaultdict(list)
    for test, one, other in pairs:
        what = _parts(one, other, learnt) if one is not None and other is not None else ()
        before = f"{one.path}:{one.line}" if one is not None else ""
        if other is not None:
            after = f"{other.path}:{other.line}"
        else:
            assert one is not None
            after = f"{one.path}:{line_after(one.path, one.line)}"
        found[(before, after, one is None, other is None, what)].append((test, one, other))
    return [
        Difference(
            key[4],  # type: ignore[arg-type]
            cases[0][1],
            cases[0][2],
            str(key[0]),
            str(key[1]),
            tuple(sorted({test for test, _, _ in cases}, key=lambda test: test or "")),
            len(cases),
        )
        for key, cases in sorted(found.items(), key=lambda item: str(item[0]))
    ]


def _in_all(found: Sequence[list[Difference]]) -> tuple[Difference, ...]:
    """Return the differences that every run after the migration shows."""
    if not found:
        return ()

    def key(one: Difference) -> tuple[object, ...]:
        return one.what, one.place_before, one.place_after, one.before is None, one.after is None

    common = set.intersection(*({key(one) for one in run} for run in found))
    return tuple(one for one in found[0] if key(one) in common)
