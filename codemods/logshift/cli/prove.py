"""`logshift prove`: the command line of a trial. Options in, an exit status out; the trial itself is `logshift.trial`.

0: the same tests pass and the same events are reported. 1: something differs. 2: the command line or the configuration
is wrong, or there is no room for the copy. 3: the test command fails before the migration, or shows nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Self

import click

from logshift import trial
from logshift.cli import check
from logshift.config.settings import Settings
from logshift.engine import shown
from logshift.migrate import Migration
from logshift.report import document
from logshift.report import trial as trial_report
from logshift.report.style import Style
from logshift.trial.run import Run

SAME, DIFFERENT, USAGE, HINDERED = range(4)
_WORDS = "logshift.test-command"


class ProveCommand(click.Command):
    """A command whose line ends with another one, behind ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep what is behind the first ``--`` apart."""
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_WORDS] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show what is behind ``--`` too."""
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


def test_command(context: click.Context) -> tuple[str, ...]:
    """Return the command that runs the tests.

    Raises:
        click.UsageError: if there is none.
    """
    words: tuple[str, ...] = context.meta[_WORDS]
    if not words:
        raise click.UsageError("say the command that runs your tests after `--`, as in `-- python -m pytest`", context)
    return words


def run(
    migration: Migration,
    paths: tuple[str, ...],
    words: tuple[str, ...],
    *,
    runs: int,
    timeout: float | None,
    events: bool,
    keep: bool,
    output_format: str,
) -> int:
    """Try a migration that is planned, print the report, and return the exit status."""
    settings = migration.analysis.settings
    command = trial.Command(words, os.path.realpath(os.getcwd()), timeout, events, _helpers(settings))
    try:
        done = None
        if migration.changed:
            place = trial.place_of(settings.root, paths)
            with _ended_by_signals(), _Progress() as progress:
                done = trial.attempt(migration, command, place, runs=runs, progress=progress, keep=keep)
    except (trial.CannotCopyError, trial.CannotStartError) as error:
        return check.complain(str(error))
    except OSError as error:
        where = f"{shown(error.filename)}: " if isinstance(error.filename, str) else ""
        return check.complain(
            f"cannot make a copy: {where}{error.strerror}; your files are as they were. "
            "TMPDIR may name a folder with more room"
        )
    if output_format == "json":
        check.tell(document.render(migration.analysis, migration, trial=done, command="prove"))
    else:
        style = Style.for_stream(sys.stdout)
        nothing = "Nothing to prove: the migration changes no file.\n"
        check.tell(nothing if done is None else trial_report.render(done, style))
    if done is None:
        return SAME
    if done.comparison is None:
        return HINDERED
    return SAME if done.comparison.is_same else DIFFERENT


def _helpers(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return modules and classes of helpers that are migrated away: who calls one is the caller."""
    split = [legacy.factory.rpartition(".") for legacy in settings.legacy]
    return tuple((module, name) for module, _, name in split if module)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let what ends this process end it as Ctrl-C does, so that the copy is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Progress:
    """Says on stderr what is going on: a line for each run, and on a terminal how far it is."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._label = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wipe()

    def copying(self, folder: str) -> None:
        self._say(f"copying {shown(folder)}")

    def started(self, when: str, number: int) -> None:
        self._label = f"{when} the migration, run {number}"
        self.tick(0, 0.0)

    def tick(self, tests: int, seconds: float) -> None:
        if self._live:
            self._wipe()
            sys.stderr.write(f"logshift: {self._label}: {tests} tests, {seconds:.0f} s")
            sys.stderr.flush()

    def ended(self, run: Run, seconds: float) -> None:
        ended = "took too long" if run.status is None else f"exit status {run.status}"
        told = f"{len(run.passed)} of {len(run.tests)} tests pass, " if run.tests else ""
        self._say(f"{self._label}: {told}{len(run.events)} events, {ended}, {seconds:.0f} s")

    def _say(self, line: str) -> None:
        self._wipe()
        if sys.stderr is not None:
            sys.stderr.write(f"logshift: {line}\n")

    def _wipe(self) -> None:
        if self._live:
            sys.stderr.write("\r\033[K")
