"""The trial: a project's own tests before and after the migration, in a scratch copy.

In: a migration that is planned and not written, and the command that runs the tests. Out: what differs in the tests
that pass and in the events that are reported. The project itself is only read. What varies anyway is learnt from
several runs before the migration; after it the command runs again only if something differs, to see if it always does.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from logshift._record import NamedTuple
from logshift.engine import shown
from logshift.migrate import Migration, Outcome
from logshift.trial.compare import Comparison, Lines, compare
from logshift.trial.run import CannotStartError, Command, Event, Run, run
from logshift.trial.scratch import Scratch, is_below, scratch_copy, snapshot

__all__ = ["CannotCopyError", "CannotStartError", "Command", "Comparison", "Event", "Place", "Trial", "attempt"]

_FEW = 5


class Place(NamedTuple):
    """Which folder is copied, and what else it is called."""

    folder: str
    names: tuple[str, ...] = ()


class Trial(NamedTuple):
    """What a trial has shown."""

    command: tuple[str, ...]
    before: int  # runs
    after: int
    seconds: float
    comparison: Comparison | None  # None where it did not come to a comparison
    hindered: str | None  # why it did not
    tail: str  # what the command has said last, where it failed
    events_compared: bool
    changed: tuple[str, ...]  # files that the migration changes
    loaded: tuple[str, ...]  # those of them that the command imports
    notes: tuple[str, ...]
    kept: str | None  # where the copy is, if it was to be kept


class CannotCopyError(Exception):
    """The project cannot be tried in a copy; what stands in the way."""


class Progress(Protocol):
    """Hears how a trial goes on."""

    def copying(self, folder: str) -> None:
        """The project is being copied."""

    def started(self, when: str, number: int) -> None:
        """A run has begun: the `number`-th `when` (before or after)."""

    def tick(self, tests: int, seconds: float) -> None:
        """So many tests of the run have ended, after so many seconds."""

    def ended(self, run: Run, seconds: float) -> None:
        """The run has ended."""


def place_of(root: str, paths: Sequence[str]) -> Place:
    """Return the folder to copy: the repository that holds the project, or the project.

    Raises:
        CannotCopyError: if that is no folder to copy, or the working directory lies outside of it.
    """
    here = os.path.realpath(os.getcwd())
    root = os.path.realpath(root)
    wanted = [os.path.realpath(path) for path in paths]
    if not all(is_below(path, root) for path in wanted):
        root = os.path.commonpath([here, *wanted])
    home = os.path.realpath(os.path.expanduser("~"))
    folder = root
    while os.path.dirname(folder) != folder and folder != home:
        if os.path.exists(os.path.join(folder, ".git")):
            root = folder
            break
        folder = os.path.dirname(folder)
    if root in (home, os.path.dirname(root)):
        raise CannotCopyError(f"{root} is too much to copy; run this in the folder of a project")
    if not is_below(here, root):
        raise CannotCopyError(f"the working directory lies outside the project; go to {shown(root)}")
    logical = os.environ.get("PWD", "")
    names: tuple[str, ...] = ()
    below = os.path.relpath(here, root)
    if os.path.isabs(logical) and os.path.realpath(logical) == here and logical != here:
        tail = "" if below == os.curdir else os.sep + below
        names = (logical.removesuffix(tail),) if logical.endswith(tail) else ()
    return Place(root, names)


def attempt(
    migration: Migration, command: Command, place: Place, *, runs: int, progress: Progress, keep: bool = False
) -> Trial:
    """Run the command before and after the migration, and compare.

    Raises:
        CannotCopyError: if a file that is to change is not in the copy.
        CannotStartError: if there is no such command.
        OSError: if there is no room for the copy.
    """
    trial = _Trial(migration, command, runs, progress)
    progress.copying(place.folder)
    as_it_was = snapshot(place.folder)
    with scratch_copy(place.folder, place.names, keep=keep) as copy:
        result = trial.run(copy)
        notes = (*copy.notes, *result.notes, *_touched(as_it_was, place.folder))
        return result._replace(notes=notes, kept=copy.root if keep else None)


def _touched(as_it_was: object, folder: str) -> list[str]:
    now = snapshot(folder)
    assert isinstance(as_it_was, dict)
    changed = sorted(path for path in as_it_was.keys() | now.keys() if as_it_was.get(path) != now.get(path))
    return [f"{_some(changed)} of the project changed meanwhile: by the tests, or by somebody else"] if changed else []


def _some(paths: Sequence[str]) -> str:
    told = ", ".join(shown(path) for path in paths[:_FEW])
    return f"{told} and {len(paths) - _FEW} more" if len(paths) > _FEW else told


class _Trial:
    """One trial on its way."""

    def __init__(self, migration: Migration, command: Command, runs: int, progress: Progress) -> None:
        self.migration, self.command, self.runs, self.progress = migration, command, runs, progress
        self.seconds = 0.0

    def run(self, copy: Scratch) -> Trial:
        """Run the command as often as it takes."""
        changed = {_target(outcome, copy): outcome for outcome in self.migration.changed}
        lines = _lines({copy.relative(path): outcome for path, outcome in changed.items()})
        before: list[Run] = []
        for number in range(self.runs):
            copy.renew()
            before.append(self._once(copy, "before", number + 1))
            hindered = self._hindered(before[-1], frozenset(map(copy.relative, changed)))
            if hindered is not None:
                return self._result(before, [], None, hindered, changed, copy)
        after: list[Run] = []
        comparison = compare(before, after, lines)
        for number in range(self.runs):
            copy.renew()
            _write(changed)
            after.append(self._once(copy, "after", number + 1))
            comparison = compare(before, after, lines)
            if comparison.is_same:
                break
        return self._result(before, after, comparison, None, changed, copy)

    def _once(self, copy: Scratch, when: str, number: int) -> Run:
        self.progress.started(when, number)
        seconds = 0.0

        def tick(tests: int, passed: float) -> None:
            nonlocal seconds
            seconds = passed
            self.progress.tick(tests, passed)

        done = run(self.command, copy, tick)
        self.seconds += seconds
        self.progress.ended(done, seconds)
        return done

    def _hindered(self, done: Run, changed: frozenset[str]) -> str | None:
        """Return why a run before the migration is nothing to compare with."""
        if done.status is None:
            return f"the command took longer than {self.command.timeout:g} seconds before the migration"
        if done.tests and not done.passed:
            return f"no test passes before the migration (exit status {done.status})"
        if not done.tests and done.status:
            return f"the command fails before the migration (exit status {done.status})"
        if not done.processes:
            if not self.command.events:
                return None
            return (
                "no event can be recorded: the command starts no Python, or one that ignores PYTHONPATH (-I, -E); "
                "--no-events compares without them"
            )
        if done.strayed:
            return f"the command imports {_some(sorted(done.strayed))} from the project itself, not from the copy"
        if done.told_loaded and not done.loaded & changed:
            return (
                f"the command imports none of the files that the migration changes ({_some(sorted(changed))}); if it "
                "tests an installed copy of them, put their folder on PYTHONPATH, or install the project as editable"
            )
        return None

    def _result(
        self,
        before: Sequence[Run],
        after: Sequence[Run],
        comparison: Comparison | None,
        hindered: str | None,
        changed: dict[str, Outcome],
        copy: Scratch,
    ) -> Trial:
        files = tuple(sorted(map(copy.relative, changed)))
        loaded = frozenset().union(*(one.loaded for one in before))
        last = (after or before)[-1]
        failed = hindered is not None or (comparison is not None and (comparison.lost or comparison.status))
        return Trial(
            command=self.command.words,
            before=len(before),
            after=len(after),
            seconds=round(self.seconds, 1),
            comparison=comparison,
            hindered=hindered,
            tail=last.tail if failed else "",
            events_compared=self.command.events and bool(before[0].processes),
            changed=files,
            loaded=tuple(file for file in files if file in loaded),
            notes=tuple(self._notes(before, after, files, loaded)),
            kept=None,
        )

    def _notes(
        self, before: Sequence[Run], after: Sequence[Run], files: Sequence[str], loaded: frozenset[str]
    ) -> list[str]:
        notes = list(self.migration.notes)
        module = self.migration.analysis.target.module
        if any(f"No module named '{module.partition('.')[0]}" in one.tail for one in after):
            notes.append(f"{module} cannot be imported where the command runs: install what brings it there")
        silent = [file for file in files if file not in loaded]
        if silent and any(one.told_loaded for one in before) and len(silent) < len(files):
            notes.append(f"the command does not import {_some(silent)}: nothing is shown of what changes there")
        if after and _nameless(after[0]) > _nameless(before[0]):
            notes.append("loggers of the target have no names: names are not compared where there is none")
        defects = dict.fromkeys(defect for one in (*before, *after) for defect in one.defects)
        notes += [f"the recorder had a problem: {defect}" for defect in list(defects)[:_FEW]]
        return notes


def _nameless(one: Run) -> int:
    return sum(event.logger is None for event in one.events)


def _target(outcome: Outcome, copy: Scratch) -> str:
    """Return where the copy has a file that the migration changes."""
    for path in (os.path.realpath(outcome.path), os.path.abspath(outcome.path)):
        target = copy.into_copy(path)
        stored = copy.pristine + target[len(copy.project) :]
        if target != path and os.path.isfile(stored):
            with open(stored, "rb") as file:
                if file.read() != outcome.before:
                    raise CannotCopyError(f"{shown(outcome.path)} changed while it was being copied; run this again")
            return target
    raise CannotCopyError(f"{shown(outcome.path)} is not in the copy of {shown(copy.original)}; leave it out")


def _write(changed: dict[str, Outcome]) -> None:
    for path, outcome in changed.items():
        assert outcome.after is not None
        with open(path, "wb") as file:
            file.write(outcome.after)


def _lines(changed: dict[str, Outcome]) -> Lines:
    """Return which line of a changed file is which after the migration."""
    maps: dict[str, Callable[[int], int]] = {}

    def line_after(path: str, line: int) -> int:
        if path not in changed:
            return line
        if path not in maps:
            maps[path] = _line_map(changed[path])
        return maps[path](line)

    return line_after


def _line_map(outcome: Outcome) -> Callable[[int], int]:
    assert outcome.after is not None
    matcher = difflib.SequenceMatcher(None, outcome.before.splitlines(), outcome.after.splitlines(), autojunk=False)
    lines: dict[int, int] = {}
    for _, first, last, to, end in matcher.get_opcodes():
        for line in range(first, last):
            lines[line + 1] = min(to + line - first, max(to, end - 1)) + 1
    return lambda line: lines.get(line, line)
