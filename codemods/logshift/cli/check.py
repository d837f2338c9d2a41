"""`logshift check`: the command that hooks and gates run, so it starts without click.

In: the command line after ``check``. Out: an exit status. A command line that is not plain – ``--help``, an
unknown option, a wrong value – goes to click, which knows the same options from the same table.
"""

from __future__ import annotations

import os
import sys

from logshift._record import NamedTuple
from logshift.config.settings import BASELINE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TextIO, TypeVar

    T = TypeVar("T")

    from logshift.config.settings import Settings
    from logshift.engine import Analysis

CLEAN, FINDINGS, USAGE, NOT_ANALYSED = range(4)
INTERRUPTED = 130  # as shells have it: 128 and the number of the signal
#: The formats of a report, each of them a module of `logshift.report`; to add one, add both.
FORMATS = ("text", "full", "json", "json-lines", "sarif", "github", "gitlab", "junit", "markdown")
#: Runs on fewer files than this show no progress.
_LONG = 400


class Option(NamedTuple):
    """One option of `check`."""

    flag: str
    help: str
    choices: tuple[str, ...] = ()  # a value is one of these; none: the option is a switch, unless metavar is set
    metavar: str = ""
    default: str = ""
    is_share: bool = False  # a value is a figure between 0 and 100


# fmt: off
OPTIONS = (
    Option("--output-format", "How findings are told.", choices=FORMATS, default="text"),
    Option("--statistics", "Print the figures alone, for every file."),
    Option("--force-exclude", "Leave out excluded files even where they are named, as pre-commit does."),
    Option("--exit-zero", "Exit with 0 even if there are findings."),
    Option("--fail-under", "Fail if less than PCT percent of loggers follow the pattern, not for each finding.",
           metavar="PCT", is_share=True),
    Option("--baseline", "Findings in this file are known and do not fail.", metavar="FILE"),
    Option("--no-baseline", "Count known findings too."),
    Option("--ratchet", "Fail if a rule finds more in a component than the ratchet allows, not for each finding."),
    Option("--diff-base", "Count only findings on lines that the branch adds since it left REV.", metavar="REV"),
    Option("--config", "Use this configuration file.", metavar="FILE"),
)
# fmt: on


class CheckArguments(NamedTuple):
    """What `check` was asked for."""

    paths: tuple[str, ...] = ()
    output_format: str = "text"
    statistics: bool = False
    force_exclude: bool = False
    exit_zero: bool = False
    fail_under: float | None = None
    baseline: str | None = None
    no_baseline: bool = False
    ratchet: bool = False
    diff_base: str | None = None
    config: str | None = None


def parse_plain(arguments: Sequence[str]) -> CheckArguments | None:
    """Return what a plain command line asks for; None where click has to look at it."""
    known = {option.flag: option for option in OPTIONS}
    values: dict[str, object] = {}
    paths: list[str] = []
    todo = list(arguments)
    while todo:
        word = todo.pop(0)
        if word == "--":
            paths += todo
            break
        if not word.startswith("-") or word == "-":
            paths.append(word)
            continue
        flag, equals, value = word.partition("=")
        option = known.get(flag)
        if option is None:
            return None
        key = _key(flag)
        if not option.choices and not option.metavar:
            if equals:
                return None
            values[key] = True
            continue
        if not equals:
            if not todo:
                return None
            value = todo.pop(0)
        values[key] = value
    for one in OPTIONS:  # of an option that is given twice, the last value counts
        if one.choices and values.get(_key(one.flag), one.default) not in one.choices:
            return None
        if one.is_share and _key(one.flag) in values:
            share = as_share(str(values[_key(one.flag)]))
            if share is None:
                return None
            values[_key(one.flag)] = share
    return CheckArguments(paths=tuple(paths), **values)  # type: ignore[arg-type]


def as_share(text: str) -> float | None:
    """Return a share in percent; None where the text is none."""
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 100 else None


def _key(flag: str) -> str:
    return flag[2:].replace("-", "_")


class ReaderGoneError(Exception):
    """What is told on stdout has no reader any more, as in ``logshift check | head``."""


def run(arguments: CheckArguments) -> int:
    """Check the files and print the report; return the exit status."""
    from logshift.config.find import settings_for
    from logshift.discover import NoSuchPathError
    from logshift.engine import analyse

    paths = arguments.paths or (".",)
    settings = settings_for(paths, arguments.config)
    try:
        analysis = analyse(paths, settings, force_exclude=arguments.force_exclude, progress=progress_over_files)
    except NoSuchPathError as error:
        return complain(f"no such file or folder: {error}")
    held = _held(analysis, arguments, paths)
    if isinstance(held, str):
        return complain(held)
    analysis = held
    report_unfinished(settings, arguments.config)
    tell(_render(analysis, arguments))
    return status(analysis, exit_zero=arguments.exit_zero)


def _held(analysis: Analysis, arguments: CheckArguments, paths: tuple[str, ...]) -> Analysis | str:
    """Return the analysis as a gate sees it, or why there is none; the gate is loaded where there is one to hold."""
    settings = analysis.settings
    if arguments.baseline is not None and arguments.no_baseline:
        return "--baseline and --no-baseline exclude each other"
    has_baseline = not arguments.no_baseline and (
        arguments.baseline is not None
        or settings.baseline is not None
        or os.path.lexists(os.path.join(settings.root, BASELINE))
    )
    if not (has_baseline or arguments.ratchet or arguments.fail_under is not None or arguments.diff_base is not None):
        return analysis
    from logshift import gate

    asked = gate.Asked(
        paths,
        gate.baseline_file(settings, arguments.baseline) if has_baseline else None,
        gate.ratchet_file(settings) if arguments.ratchet else None,
        arguments.fail_under,
        arguments.diff_base,
    )
    try:
        return gate.hold(analysis, asked)
    except gate.GateError as error:
        return str(error)


def _render(analysis: Analysis, arguments: CheckArguments) -> str:
    from importlib import import_module

    names = {"json": "document", "json-lines": "json_lines"}
    name = arguments.output_format
    module = import_module(f"logshift.report.{names.get(name, name)}")
    if name not in ("text", "full"):
        rendered: str = module.render(analysis)
        return rendered
    from logshift.report.style import Style

    told: str = module.render(analysis, Style.for_stream(sys.stdout), statistics=arguments.statistics)
    return told


def status(analysis: Analysis, *, exit_zero: bool = False) -> int:
    """Return the exit status for what was found."""
    if analysis.unanalysed:
        return NOT_ANALYSED
    return FINDINGS if analysis.fails and not exit_zero else CLEAN


def tell(what: str | bytes) -> None:
    """Write a result to stdout, if there is one."""
    stdout: TextIO | None = sys.stdout  # None where the process was started without
    if stdout is None:
        return
    if isinstance(what, bytes):
        stdout.flush()
        stdout.buffer.write(what)
    else:
        stdout.write(what)


def complain(message: str, status: int = USAGE) -> int:
    """Say on stderr why nothing was done, and return the exit status that says so too."""
    if sys.stderr is not None:
        sys.stderr.write(f"logshift: {message}\n")
    return status


def place_of(settings: Settings, config: str | None) -> str:
    """Return what a command needs behind it to find the same project from the working directory; mostly nothing."""
    from logshift.config.find import settings_for

    if config is None and os.path.realpath(settings_for(()).root) == os.path.realpath(settings.root):
        return ""
    from shlex import join

    return " " + join([os.path.relpath(settings.root)] if config is None else ["--config", config])


def report_unfinished(settings: Settings, config: str | None) -> None:
    """Say on stderr if a migration was cut short; `check` itself changes nothing."""
    if not os.path.exists(os.path.join(settings.root, ".logshift", "open")):
        return
    from logshift.apply import Journal, JournalError

    journal = Journal(settings.root)
    try:
        record = None if journal.is_locked() else journal.cut_short()
    except JournalError as error:
        complain(str(error))
        return
    if record is not None:
        place = place_of(settings, config)
        complain(
            f"run {record.run} was cut short; `logshift rollback{place}` or the next `logshift migrate`"
            f"{' there' if place else ''} puts its files in order"
        )


def progress_over_files(files: tuple[str, ...]) -> Iterable[str]:
    """Yield the files, with a progress bar on stderr for a long run on a terminal."""
    return progress(files, "checking")


def progress(items: Sequence[T], label: str) -> Iterable[T]:
    """Yield the items, with a progress bar on stderr where there are many and somebody is looking."""
    if len(items) < _LONG or sys.stderr is None or not sys.stderr.isatty():
        return items
    import click

    def shown() -> Iterable[T]:
        with click.progressbar(items, label=label, file=sys.stderr) as bar:
            yield from bar

    return shown()
