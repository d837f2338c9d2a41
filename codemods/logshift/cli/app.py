"""All commands, by click. What they do is done elsewhere; here options become arguments and results exit statuses.

0: nothing to do. 1: findings are left, or a diff is not empty. 2: the command or the configuration is wrong, or
a file cannot be written. 3: some files could not be analysed; the others were.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from logshift import __version__, apply, explain
from logshift.cli import check as check_
from logshift.cli.check import CLEAN, FINDINGS, USAGE, CheckArguments, complain
from logshift.config.find import settings_for
from logshift.config.load import Config, ConfigurationError
from logshift.config.settings import Settings
from logshift.discover import NoSuchPathError
from logshift.engine import analyse
from logshift.migrate import Migration, migrate
from logshift.report import document
from logshift.report import migration as migration_report
from logshift.report.style import Style
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
    try:
        return int(main.main(arguments, prog_name="logshift", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help(), err=True)
        return USAGE
    except click.ClickException as error:
        error.show()
        return USAGE
    except click.Abort:
        return 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="logshift")
def main() -> None:
    """Find every legacy logger, move it to the house pattern, prove that nothing else changed."""


def _check_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(check_.OPTIONS):
        kind: dict[str, Any] = {"is_flag": True}
        if option.choices:
            kind = {"type": click.Choice(option.choices), "default": option.default, "show_default": True}
        elif option.metavar:
            kind = {"metavar": option.metavar}
        command = click.option(option.flag, help=option.help, **kind)(command)
    return command


@main.command()
@_PATHS
@_check_options
def check(paths: tuple[str, ...], **options: Any) -> int:
    """Report legacy loggers, and which share follows the pattern. Changes nothing."""
    return check_.run(CheckArguments(paths=paths, **options))


@main.command("migrate")
@_PATHS
@click.option("--diff", is_flag=True, help="Print what would change, as a patch; write nothing.")
@click.option("--unsafe-fixes", is_flag=True, help="Make changes too that may change behaviour.")
@_FORMAT
@_CONFIG
def migrate_command(
    paths: tuple[str, ...], diff: bool, unsafe_fixes: bool, output_format: str, config: str | None
) -> int:
    """Move legacy loggers to the target. Every file is proved before any is written."""
    del unsafe_fixes  # the house logger stands for all that it replaces: there is no unsafe fix for it
    paths = paths or (".",)
    settings = settings_for(paths, config)
    if diff:
        done, status = _planned(paths, settings)
        if done is not None:
            text = migration_report.render_diff(done)
            click.echo(document.render(done.analysis, done) if output_format == "json" else text, nl=False)
            _say_kept(done)
            check_.report_unfinished(settings)
        return status
    return _with_journal(settings, lambda journal: _write(journal, paths, settings, output_format))


def _planned(paths: tuple[str, ...], settings: Settings) -> tuple[Migration | None, int]:
    try:
        analysis = analyse(paths, settings, progress=check_.progress_over_files)
    except NoSuchPathError as error:
        return None, complain(f"no such file or folder: {error}")
    done = migrate(analysis, progress=lambda groups: check_.progress(groups, "proving"))
    return done, check_.status(analysis)


def _say_kept(done: Migration) -> None:
    kept = sum(len(outcome.kept) for outcome in done.outcomes)
    for outcome in done.outcomes:
        if outcome.failed is not None:
            click.echo(f"logshift: {outcome.path} stays: {outcome.failed.proof}: {outcome.failed.detail}", err=True)
    if kept:
        click.echo(f"logshift: {kept} loggers would stay; `logshift explain PATH` says why", err=True)


def _with_journal(settings: Settings, work: Callable[[apply.Journal], int]) -> int:
    """Run `work` under the project's lock, after a run that was cut short has been put in order."""
    journal = apply.Journal(settings.root)
    try:
        with journal.locked():
            recovered = apply.recover(journal)
            if recovered is not None:
                what = "undone" if recovered.status == "open" else "completed"
                click.echo(f"logshift: run {recovered.run} was cut short; it has been {what}", err=True)
            return work(journal)
    except apply.BusyError as error:
        return complain(str(error))
    except apply.ChangedMeanwhileError as error:
        return complain(f"{error} changed while it was being migrated; nothing was written, run again")
    except apply.JournalError as error:
        return complain(str(error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return complain(f"cannot write: {place}{error.strerror}; every file is as it was")


def _write(journal: apply.Journal, paths: tuple[str, ...], settings: Settings, output_format: str) -> int:
    done, status = _planned(paths, settings)
    if done is None:
        return status
    run = None
    if done.changed:
        changes = [apply.Change(one.path, one.before, one.after) for one in done.changed if one.after is not None]
        run = apply.apply(journal, changes, settings.digest)
        after = analyse(paths, settings)
        status = check_.status(after)
    if output_format == "json":
        click.echo(document.render(done.analysis, done, run), nl=False)
    else:
        click.echo(migration_report.render(done, Style.for_stream(sys.stdout), run=run), nl=False)
    return status


@main.command()
@click.argument("arguments", nargs=-1, metavar="[RUN] [PATHS]...")
@click.option("--force", is_flag=True, help="Restore files even if they have changed since.")
@_CONFIG
def rollback(arguments: tuple[str, ...], force: bool, config: str | None) -> int:
    """Restore what a migration changed: bytes, permissions and times.

    RUN is a name that `logshift runs` lists; by default the last one that is not rolled back. With PATHS only
    files there are restored. A file that has changed since is left as it is.
    """
    settings = settings_for(tuple(path for path in arguments if os.path.exists(path)), config)
    return _with_journal(settings, lambda journal: _roll_back(journal, arguments, force=force))


def _roll_back(journal: apply.Journal, arguments: tuple[str, ...], *, force: bool) -> int:
    record, paths = _chosen(journal, arguments)
    if record is None:
        return complain("there is nothing to roll back" if not paths else f"no run and no file is called {paths[0]}")
    places = [os.path.abspath(path) for path in paths]
    wanted = lambda path: not places or any(path == one or path.startswith(one + os.sep) for one in places)  # noqa: E731
    done = apply.rollback(journal, record, force=force, wanted=wanted)
    refused = [one for one in done if one.refused is not None]
    click.echo(f"Run {record.run}: {len(done) - len(refused)} of {len(done)} files restored.")
    for one in refused:
        click.echo(f"logshift: {one.path} is left as it is: {one.refused}", err=True)
    if refused:
        click.echo(f"Hint: `logshift rollback {record.run} --force` restores it all the same.", err=True)
    return FINDINGS if refused else CLEAN


def _chosen(journal: apply.Journal, arguments: tuple[str, ...]) -> tuple[apply.Record | None, tuple[str, ...]]:
    known = {record.run: record for record in journal.runs()}
    if arguments and arguments[0] in known:
        return known[arguments[0]], arguments[1:]
    missing = [path for path in arguments if not os.path.exists(path)]
    if missing:
        return None, tuple(missing)
    open_runs = [record for record in known.values() if record.status == "committed"]
    return (open_runs[-1] if open_runs else None), arguments


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
        click.echo(json.dumps(listed, indent=2))
    elif not records:
        click.echo("No migration has been run here.")
    for record in records if output_format == "text" else ():
        restored = f", {len(record.restored)} restored" if record.restored else ""
        click.echo(f"{record.run}  {record.started}  {len(record.entries)} files{restored}  {record.status}")
    return CLEAN


@main.command("explain")
@click.argument("place", metavar="PATH[:LINE]")
@_CONFIG
def explain_command(place: str, config: str | None) -> int:
    """Say what a logger is, what is done with it, and what a migration would make of it."""
    path, _, number = place.rpartition(":")
    line = int(number) if path and number.isdigit() else None
    path = path if line is not None else place
    try:
        analysis = analyse([path], settings_for((path,), config))
    except NoSuchPathError:
        return complain(f"no such file: {path}")
    click.echo(explain.explain(analysis, line, Style.for_stream(sys.stdout)), nl=False)
    return check_.NOT_ANALYSED if analysis.unanalysed else CLEAN


@main.command()
@_FORMAT
def rules(output_format: str) -> int:
    """List the rules."""
    if output_format == "json":
        click.echo(json.dumps([{"code": r.code, "name": r.name, "what": r.what} for r in all_rules()], indent=2))
    else:
        for rule in all_rules():
            click.echo(f"{rule.code}  {rule.name:<26}{rule.what}")
    return CLEAN


@main.command("rule")
@click.argument("code")
def rule_command(code: str) -> int:
    """Show the page of one rule, by code or name."""
    page = explain.rule_page(code)
    if page is None:
        return complain(f"no rule is called {code}; `logshift rules` lists them")
    click.echo(page, nl=False)
    return CLEAN


@main.group("config")
def config_group() -> None:
    """Look at the configuration."""


@config_group.command()
@_CONFIG
def show(config: str | None) -> int:
    """Show the settings that hold here, and the file that they come from."""
    settings = settings_for((), config)
    click.echo(f"# from {settings.file or 'defaults: no configuration file speaks of logshift'}")
    click.echo(f"# project root: {settings.root}")
    click.echo(_as_toml(settings), nl=False)
    return CLEAN


@config_group.command()
@click.argument("file", required=False, type=click.Path())
def validate(file: str | None) -> int:
    """Check the configuration, and say what is wrong and where."""
    try:
        settings = settings_for((), file)
    except ConfigurationError as error:
        click.echo(str(error))
        return USAGE
    click.echo(f"{settings.file or 'no configuration file'}: no problem found")
    return CLEAN


@config_group.command()
def schema() -> int:
    """Print the JSON Schema of the configuration, or rather of the table `[tool.logshift]`."""
    click.echo(json.dumps(Config.model_json_schema(), indent=2))
    return CLEAN


def _as_toml(settings: Settings) -> str:
    lines = [
        f"src = {json.dumps(settings.src)}",
        f"exclude = {json.dumps(settings.exclude)}",
        f"extend-exclude = {json.dumps(settings.extend_exclude)}",
        f"respect-gitignore = {json.dumps(settings.respect_gitignore)}",
        f"keep-channels = {json.dumps(settings.keep_channels)}",
        "",
        "[target]",
        f"module = {json.dumps(settings.target.module)}",
        f"class = {json.dumps(settings.target.cls)}",
        f"import-style = {json.dumps(settings.target.import_style)}",
    ]
    if settings.target.components:
        lines += ["", "[target.components]"]
        lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in settings.target.components]
    for legacy in settings.legacy:
        lines += ["", "[[legacy]]", f"factory = {json.dumps(legacy.factory)}"]
        if legacy.channel is not None:
            lines.append(f"channel = {json.dumps(legacy.channel)}")
        if legacy.methods:
            lines.append("[legacy.methods]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in legacy.methods]
    return "\n".join(lines) + "\n"
