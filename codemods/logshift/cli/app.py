"""All commands, by click. What they do is done elsewhere; here options become arguments and results exit statuses.

0: nothing to do. 1: findings are left, a figure does not hold, a diff is not empty, or a rollback leaves a file as it
is. 2: the command or the configuration is wrong, or a file cannot be written. 3: some files could not be analysed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from logshift import __version__, apply, explain
from logshift.cli import check as check_
from logshift.cli import gate as gate_
from logshift.cli import prove as prove_
from logshift.cli.check import (
    CLEAN,
    FINDINGS,
    INTERRUPTED,
    USAGE,
    CheckArguments,
    ReaderGoneError,
    complain,
    place_of,
    tell,
)
from logshift.config.find import roots_of, settings_for
from logshift.config.load import ConfigurationError, config_schema
from logshift.config.settings import Settings, TargetSettings
from logshift.discover import NoSuchPathError
from logshift.engine import analyse, shown
from logshift.gate import GateError
from logshift.migrate import Migration, migrate
from logshift.report import document, patch
from logshift.report import migration as migration_report
from logshift.report.style import Style
from logshift.report.text import unanalysed_line
from logshift.rules import all_rules

_PATHS = click.argument("paths", nargs=-1, type=click.Path())
_CONFIG = click.option("--config", metavar="FILE", help="Use this configuration file.")
_FORMAT = click.option(
    "--output-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it is told.",
)


def invoke(arguments: list[str]) -> int:
    """Run one command line and return its exit status."""
    if not arguments:
        click.echo(main.get_help(click.Context(main, info_name="logshift", **main.context_settings)), err=True)
        return USAGE
    try:
        return int(main.main(arguments, prog_name="logshift", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        return complain("interrupted", INTERRUPTED)
    except SystemExit as error:  # how click ends where nobody reads any more; with 1, which would mean "findings"
        raise ReaderGoneError from error
    except NoSuchPathError as error:
        return complain(f"no such file or folder: {error}")
    except (apply.BusyError, apply.JournalError, GateError) as error:
        return complain(str(error))


@click.group(
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="logshift")
def main() -> None:
    """Find every legacy logger, move it to the house pattern, prove that nothing else changed."""


# -- check -------------------------------------------------------------------------------------------------


class _Share(click.ParamType):  # type: ignore[type-arg]  # generic in some releases of click
    """A share in percent."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share; refuse what is none, in click's manner."""
        share = check_.as_share(str(value))
        if share is None:
            self.fail(f"{value!r} is not a figure between 0 and 100.", param, ctx)
        return share


_SHARE = _Share()


def _check_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(check_.OPTIONS):
        kind: dict[str, Any] = {"is_flag": True}
        if option.choices:
            kind = {"type": click.Choice(option.choices), "default": option.default, "show_default": True}
        elif option.metavar:
            kind = {"metavar": option.metavar, **({"type": _SHARE} if option.is_share else {})}
        command = click.option(option.flag, help=option.help, **kind)(command)
    return command


@main.command()
@_PATHS
@_check_options
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Report legacy loggers, and which share follows the pattern. Changes nothing.

    Findings in the baseline, logshift-baseline.jsonl if there is one, are known and do not fail; nor do those that a
    comment suppresses, as in `# logshift: ignore[LS101] -- reason`. Both are counted.

    A file without the words that making a logger takes is not parsed, so syntax errors in it are not looked for. One
    that is not text is reported as not analysed.
    """
    return check_.run(CheckArguments(paths=paths, **options))


# -- migrate -----------------------------------------------------------------------------------------------


@main.command("migrate")
@_PATHS
@click.option("--diff", is_flag=True, help="Print what would change, as a patch; write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Make changes too that may change behaviour.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if findings are left.")
@_FORMAT
@_CONFIG
def migrate_command(
    paths: tuple[str, ...], diff: bool, unsafe_fixes: bool, exit_zero: bool, output_format: str, config: str | None
) -> int:
    """Move legacy loggers to the target. Every file is proved before any is written."""
    paths = paths or (".",)
    settings = _settings_of_one(paths, config)
    if diff:
        return _show_diff(paths, settings, output_format, config, unsafe_fixes=unsafe_fixes, exit_zero=exit_zero)
    journal = apply.Journal(settings.root)
    done = (
        None if journal.exists else _planned(paths, settings, unsafe_fixes=unsafe_fixes)
    )  # where nothing is to move, no folder is made
    run = None
    try:
        if done is None or done.changed:
            with _in_order(journal, place_of(settings, config)) as recovered:
                if done is None or recovered is not None:
                    done = _planned(paths, settings, unsafe_fixes=unsafe_fixes)
                if done.changed:
                    run = _write(journal, done)
        if output_format == "json":
            tell(document.render(done.analysis, done, run))
        else:
            undo = _undo(run, done, journal, config) if run is not None else None
            tell(migration_report.render(done, Style.for_stream(sys.stdout), undo=undo))
        return check_.status(done.analysis if run is None else analyse(paths, settings), exit_zero=exit_zero)
    except KeyboardInterrupt:
        if run is None or done is None:
            raise
        undo = _undo(run, done, journal, config)
        return complain(f"interrupted after every file had been written; `{undo}` restores them", INTERRUPTED)


def _settings_of_one(paths: tuple[str, ...], config: str | None) -> Settings:
    """Return the settings of the project that holds all `paths`: what is written has one journal."""
    if config is None and len(roots := roots_of(paths)) > 1:
        told = ", ".join(shown(root) for root in roots)
        raise _Complaint(f"the paths lie in several projects ({told}); name those of one, or say --config")
    return settings_for(paths, config)


def _planned(paths: tuple[str, ...], settings: Settings, *, unsafe_fixes: bool) -> Migration:
    analysis = analyse(paths, settings, progress=check_.progress_over_files)
    return migrate(analysis, unsafe_fixes=unsafe_fixes, progress=lambda groups: check_.progress(groups, "proving"))


def _undo(run: str, done: Migration, journal: apply.Journal, config: str | None) -> str:
    """Return the command that takes a run back, to be given where the person stands."""
    command = f"logshift rollback {run}{place_of(done.analysis.settings, config)}"
    places = [os.path.realpath(one.path) for one in done.changed]
    if config is None or all(journal.holds(place) for place in places):
        return command
    common = os.path.commonpath([os.path.dirname(place) for place in places])
    return f"{command} {shlex.quote(os.path.relpath(common))}"


def _show_diff(
    paths: tuple[str, ...],
    settings: Settings,
    output_format: str,
    config: str | None,
    *,
    unsafe_fixes: bool,
    exit_zero: bool,
) -> int:
    done = _planned(paths, settings, unsafe_fixes=unsafe_fixes)
    tell(document.render(done.analysis, done) if output_format == "json" else patch.render(done))
    style = Style.for_stream(sys.stderr)
    for one in done.analysis.unanalysed:
        click.echo(f"logshift: {unanalysed_line(one, style)}", err=True)
    for outcome in done.outcomes:
        if outcome.failed is not None:
            why = f"{outcome.failed.proof}: {outcome.failed.detail}"
            click.echo(f"logshift: {shown(outcome.path)} stays: {why}", err=True)
    if kept := sum(len(outcome.kept) for outcome in done.outcomes):
        loggers = "1 logger" if kept == 1 else f"{kept} loggers"
        click.echo(f"logshift: {loggers} would stay; `logshift explain PATH` says why", err=True)
    for note in done.notes:
        click.echo(f"logshift: note: {note}", err=True)
    check_.report_unfinished(settings, config)
    return check_.status(done.analysis, exit_zero=exit_zero)


def _write(journal: apply.Journal, done: Migration) -> str:
    """Write the files, all or none, and return the name of the run."""
    changes = [apply.Change(one.path, one.before, one.after) for one in done.changed if one.after is not None]
    known = {record.run for record in journal.runs()}
    try:
        return apply.apply(journal, changes, done.analysis.settings.digest)
    except apply.ChangedMeanwhileError as error:
        raise _Complaint(f"{error} changed while it was being migrated; nothing was written, run again") from error
    except KeyboardInterrupt:
        written = [record.run for record in journal.runs() if record.run not in known]
        if written and journal.read(written[-1]).status is apply.Status.COMMITTED:  # it came just too late
            return written[-1]
        complain("interrupted; every file is as it was")
        raise click.exceptions.Exit(INTERRUPTED) from None
    except OSError as error:
        raise _Complaint(f"cannot write: {_told(error)}; every file is as it was") from error


class _Complaint(click.ClickException):
    """Why nothing was done; not the fault of the command line, so without its usage."""

    def show(self, file: Any = None) -> None:
        del file
        complain(self.message)


def _told(error: OSError) -> str:
    return f"{shown(error.filename)}: {error.strerror}" if isinstance(error.filename, str) else str(error.strerror)


@contextlib.contextmanager
def _in_order(journal: apply.Journal, place: str, *, force: bool = False) -> Iterator[apply.Recovered | None]:
    """Hold the project's lock, after a run that was cut short has been put in order.

    `place` is what a command needs to find the project again from the working directory.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(journal.locked())
            recovered = apply.recover(journal, force=force)
        except apply.UnfinishedError as error:
            raise _unfinished(error, place) from error
        except OSError as error:
            raise _Complaint(f"cannot write: {_told(error)}") from error
        if recovered is not None:
            what = "undone" if recovered.record.status is apply.Status.OPEN else "completed"
            click.echo(f"logshift: run {recovered.record.run} was cut short; it has been {what}", err=True)
            _say_refused(recovered.files)
        try:
            yield recovered
        except apply.UnfinishedError as error:
            raise _unfinished(error, place) from error


def _unfinished(error: apply.UnfinishedError, place: str) -> _Complaint:
    return _Complaint(f"{error}; `logshift rollback{place}` tries again")


# -- prove --------------------------------------------------------------------------------------------------


@main.command("prove", cls=prove_.ProveCommand)
@_PATHS
@click.option(
    "--runs", type=click.IntRange(1), default=2, show_default=True, help="Run so often before, and at most after."
)
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="End a run that takes longer."
)
@click.option("--no-events", is_flag=True, help="Compare tests alone, not what is logged.")
@click.option("--keep", is_flag=True, help="Leave the scratch copy, and say where it is.")
@click.option("--unsafe-fixes", is_flag=True, help="Try changes too that may change behaviour.")
@_FORMAT
@_CONFIG
@click.pass_context
def prove_command(
    context: click.Context,
    paths: tuple[str, ...],
    runs: int,
    timeout: float | None,
    no_events: bool,
    keep: bool,
    unsafe_fixes: bool,
    output_format: str,
    config: str | None,
) -> int:
    """Run your tests before and after a migration, in a scratch copy, and say what differs.

    COMMAND runs the tests, as in `logshift prove src -- python -m pytest`. The same tests must pass, and the same
    events be reported: level, logger, message, fields, exception, function. Your files are only read.

    Exit status: 0 the same; 1 something differs; 2 as ever; 3 the command fails before the migration, or shows
    nothing of it.
    """
    words = prove_.test_command(context)
    paths = paths or (".",)
    planned = _planned(paths, _settings_of_one(paths, config), unsafe_fixes=unsafe_fixes)
    return prove_.run(
        planned,
        paths,
        words,
        runs=runs,
        timeout=timeout,
        events=not no_events,
        keep=keep,
        output_format=output_format,
    )


# -- baseline and ratchet ----------------------------------------------------------------------------------

_BASELINE = click.option("--baseline", metavar="FILE", help="The baseline, if it is not the configured one.")
_FORCE = click.option("--force", is_flag=True, help="Replace the file that is there.")


@main.group("baseline", no_args_is_help=False)
def baseline_group() -> None:
    """Keep the findings that are known, one a line. They do not fail `check`.

    An entry is a file and a fingerprint, which stays when lines move, text is reformatted or the file renamed.
    """


@baseline_group.command("create")
@_PATHS
@_FORCE
@_BASELINE
@_CONFIG
def baseline_create(paths: tuple[str, ...], force: bool, baseline: str | None, config: str | None) -> int:
    """Write every finding of today into a new baseline."""
    paths = paths or (".",)
    return gate_.create_baseline(paths, _settings_of_one(paths, config), baseline, force=force)


@baseline_group.command("update")
@_PATHS
@_BASELINE
@_CONFIG
def baseline_update(paths: tuple[str, ...], baseline: str | None, config: str | None) -> int:
    """Take in what is new, take out what is found no more."""
    paths = paths or (".",)
    return gate_.update_baseline(paths, _settings_of_one(paths, config), baseline)


@baseline_group.command("prune")
@_PATHS
@_BASELINE
@_CONFIG
def baseline_prune(paths: tuple[str, ...], baseline: str | None, config: str | None) -> int:
    """Take out what is found no more; nothing is added."""
    paths = paths or (".",)
    return gate_.prune_baseline(paths, _settings_of_one(paths, config), baseline)


@main.group("ratchet", no_args_is_help=False)
def ratchet_group() -> None:
    """Keep how many findings each rule may have in each component, for `check --ratchet`. It may only fall."""


@ratchet_group.command("create")
@_PATHS
@_FORCE
@_CONFIG
def ratchet_create(paths: tuple[str, ...], force: bool, config: str | None) -> int:
    """Write the counts of today into a new ratchet."""
    paths = paths or (".",)
    return gate_.create_ratchet(paths, _settings_of_one(paths, config), force=force)


@ratchet_group.command("update")
@_PATHS
@_CONFIG
def ratchet_update(paths: tuple[str, ...], config: str | None) -> int:
    """Lower the counts to those of today; where there is more than allowed, exit with 1 and raise nothing."""
    paths = paths or (".",)
    return gate_.update_ratchet(paths, _settings_of_one(paths, config))


# -- rollback and runs -------------------------------------------------------------------------------------


@main.command()
@click.argument("arguments", nargs=-1, metavar="[RUN] [PATHS]...")
@click.option("--force", is_flag=True, help="Restore files even if they have changed since.")
@_CONFIG
def rollback(arguments: tuple[str, ...], force: bool, config: str | None) -> int:
    """Restore what a migration changed: bytes, permissions and times.

    RUN is a name that `logshift runs` lists; by default the last one that is not rolled back. With PATHS only
    files there are restored. A file that has changed since is left as it is. A run that was cut short is put in
    order first; without RUN and PATHS, that is all.
    """
    settings = _settings_of_one(tuple(path for path in arguments if os.path.exists(path)), config)
    journal = apply.Journal(settings.root)
    place = place_of(settings, config)
    if not journal.exists:
        return _nothing_there(arguments)
    with _in_order(journal, place, force=force) as recovered:
        if recovered is not None and arguments in ((), (recovered.record.run,)):
            return FINDINGS if any(one.refused for one in recovered.files) else CLEAN
        record, wanted = _chosen(journal, arguments)
        if record is None:
            return _nothing_there(arguments)
        if record.status is not apply.Status.COMMITTED:
            tell(f"Run {record.run} is {record.status}: there is nothing to roll back.\n")
            return CLEAN
        try:
            done = apply.rollback(journal, record, force=force, wanted=wanted, named=wanted is not None)
        except OSError as error:
            raise _Complaint(
                f"cannot write: {_told(error)}; `logshift rollback{place}` goes on where this one had to stop"
            ) from error
    if not done:
        tell(f"Run {record.run}: these files are restored already.\n")
        return CLEAN
    restored = sum(one.refused is None for one in done)
    tell(f"Run {record.run}: {restored} of {len(done)} file{'' if len(done) == 1 else 's'} restored.\n")
    if restored == len(done):
        return CLEAN
    _say_refused(done)
    click.echo(
        f"Hint: `logshift rollback {record.run}{place} --force` restores what has changed all the same.", err=True
    )
    return USAGE if any(one.again for one in done) else FINDINGS


def _say_refused(done: tuple[apply.Restored, ...]) -> None:
    for one in done:
        if one.refused is not None:
            click.echo(f"logshift: {one.path} is left as it is: {one.refused}", err=True)


def _nothing_there(arguments: tuple[str, ...]) -> int:
    if arguments:
        return complain(f"no run is called {arguments[0]}, and no run has changed a file there")
    tell("There is nothing to roll back.\n")
    return CLEAN


def _chosen(journal: apply.Journal, arguments: tuple[str, ...]) -> tuple[apply.Record | None, list[str] | None]:
    """Return the run that is meant and those of its files that are, all if None."""
    records = {record.run: record for record in journal.runs()}
    named = records.get(arguments[0]) if arguments else None
    if named is not None and len(arguments) == 1:
        return journal.read(named.run), None
    places = [os.path.realpath(path) for path in arguments[named is not None :]]
    for record in [named] if named is not None else reversed(records.values()):
        if record.status is not apply.Status.COMMITTED:
            continue
        if not places:
            return record, None
        wanted = [
            entry.path
            for entry in (record.entries if named is not None else record.pending)
            if any(_is_at(journal.absolute(entry), place) for place in places)
        ]
        if wanted:
            return record, wanted
    return None, None


def _is_at(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip(os.sep) + os.sep)


@main.command()
@_FORMAT
@_CONFIG
def runs(output_format: str, config: str | None) -> int:
    """List the migrations of this project, the last one at the end."""
    records = apply.Journal(settings_for((), config).root).runs()
    if output_format == "json":
        listed = [
            {
                "run": one.run,
                "started": one.started,
                "status": one.status,
                "files": [e.path for e in one.entries],
            }
            for one in records
        ]
        tell(json.dumps(listed, indent=2) + "\n")
    elif not records:
        tell("No migration has been run here.\n")
    for record in records if output_format == "text" else ():
        number = len(record.entries)
        restored = f", {len(record.restored)} restored" if record.restored else ""
        files = f"{number} file{'' if number == 1 else 's'}{restored}"
        tell(f"{record.run}  {record.started or '?':<25}  {files}  {record.status}\n")
    return CLEAN


@main.command("explain")
@click.argument("place", metavar="PATH[:LINE[:COLUMN]]")
@_CONFIG
def explain_command(place: str, config: str | None) -> int:
    """Say what a logger is, what is done with it, and what a migration would make of it."""
    path, line = _place(place)
    analysis = analyse([path], settings_for((path,), config))
    tell(explain.explain(analysis, line, Style.for_stream(sys.stdout)))
    return check_.NOT_ANALYSED if analysis.unanalysed else CLEAN


def _place(text: str) -> tuple[str, int | None]:
    """Take apart what was copied from a report: a path, a line and a column. A path may hold colons too."""
    path = text.removesuffix(":")
    numbers: list[int] = []
    while not os.path.exists(path) and (found := re.fullmatch(r"(.+):(\d+)", path, re.DOTALL)) and len(numbers) < 2:
        path = found.group(1)
        numbers.insert(0, int(found.group(2)))
    return (path, numbers[0]) if numbers else (text, None)


# -- rules and configuration -------------------------------------------------------------------------------


@main.command()
@_FORMAT
def rules(output_format: str) -> int:
    """List the rules."""
    if output_format == "json":
        tell(json.dumps([{"code": r.code, "name": r.name, "what": r.what} for r in all_rules()], indent=2) + "\n")
    else:
        for rule in all_rules():
            tell(f"{rule.code}  {rule.name:<26}{rule.what}\n")
    return CLEAN


@main.command("rule")
@click.argument("code")
def rule_command(code: str) -> int:
    """Show the page of one rule, by code or name."""
    page = explain.rule_page(code)
    if page is None:
        return complain(f"no rule is called {code}; `logshift rules` lists them")
    tell(page)
    return CLEAN


@main.group("config", no_args_is_help=False)
def config_group() -> None:
    """Look at the configuration."""


@config_group.command()
@_CONFIG
def show(config: str | None) -> int:
    """Show the settings that hold here, and the file that they come from."""
    settings = settings_for((), config)
    tell(f"# from {settings.file or 'defaults: no configuration file speaks of logshift'}\n")
    tell(f"# project root: {settings.root}\n")
    tell(_as_toml(settings))
    return CLEAN


@config_group.command()
@click.argument("file", required=False, type=click.Path())
def validate(file: str | None) -> int:
    """Check the configuration, and say what is wrong and where."""
    try:
        settings = settings_for((), file)
    except ConfigurationError as error:
        tell(f"{error}\n")
        return USAGE
    tell(f"{settings.file or 'no configuration file'}: no problem found\n")
    return CLEAN


@config_group.command()
def schema() -> int:
    """Print the JSON Schema of the configuration, or rather of the table `[tool.logshift]`."""
    tell(config_schema())
    return CLEAN


def _as_toml(settings: Settings) -> str:
    """Return the settings as a ``logshift.toml`` that gives them again."""
    target = settings.target
    lines = [
        f"src = {_toml(settings.src)}",
        f"exclude = {_toml(settings.exclude)}",
        f"extend-exclude = {_toml(settings.extend_exclude)}",
        f"respect-gitignore = {_toml(settings.respect_gitignore)}",
        f"keep-channels = {_toml(settings.keep_channels)}",
        f"require-suppression-reason = {_toml(settings.require_suppression_reason)}",
        *([f"baseline = {_toml(settings.baseline)}"] if settings.baseline is not None else []),
        *([f"ratchet = {_toml(settings.ratchet)}"] if settings.ratchet is not None else []),
        "",
        "[target]",
        f"module = {_toml(target.module)}",
        f"class = {_toml(target.cls)}",
        f"import-style = {_toml(target.import_style)}",
    ]
    if target.components:
        lines += ["", "[target.components]"]
        lines += [f"{_toml(key)} = {_toml(value)}" for key, value in target.components]
    if target.contract != TargetSettings().contract:
        lines += ["", "[target.contract]"]
        lines += [
            f"{name.replace('_', '-')} = {_toml(sorted(value) if isinstance(value, frozenset) else value)}"
            for name, value in zip(target.contract._fields, target.contract, strict=True)
        ]
    for legacy in settings.legacy:
        lines += ["", "[[legacy]]", f"factory = {_toml(legacy.factory)}"]
        if legacy.channel is not None:
            lines.append(f"channel = {_toml(legacy.channel)}")
        if legacy.methods:
            lines.append("[legacy.methods]")
            lines += [f"{_toml(key)} = {_toml(value)}" for key, value in legacy.methods]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a string, a list of strings or a switch as TOML, which takes JSON's spelling but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
