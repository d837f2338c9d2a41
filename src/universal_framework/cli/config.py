"""``universal-framework config``: options become arguments, a report becomes words and an exit status.

0: the configuration is valid, or was shown. 1: it is not, but the service would start in safe mode. 2: the command is
wrong. 78: it is not, and the service would refuse to start. Findings go to standard output, the summary to standard
error.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable

import click

from universal_framework.config.issues import Issue, Source, ValidationReport, dotted
from universal_framework.config.masking import toml_value
from universal_framework.config.production_validator import ProductionConfigValidator, Setting
from universal_framework.config.startup import EX_CONFIG

OK, INVALID = 0, 1

_FILE = click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=str))
_FORMAT = click.option(
    "--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How it is told.",
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Check and show the configuration of a service; print its schema.

    FILE is the configuration; else the variable UNIVERSAL_FRAMEWORK_CONFIG names it, else it is config/production.toml,
    or config/staging.toml where UF__ENVIRONMENT__NAME says so. Variables UF__SECTION__KEY are stronger than the file.
    """


@main.command()
@_FILE
@click.option("--offline", is_flag=True, help="Ask neither Redis nor the provider of the language model.")
@click.option(
    "--deadline", type=click.FloatRange(0.1, 600), default=30.0, show_default=True, help="Seconds for asking."
)
@_FORMAT
def check(file: str | None, *, offline: bool, deadline: float, output_format: str) -> None:
    """Say what is wrong with the configuration, where, and what to do about it."""
    validator = ProductionConfigValidator(file, online=not offline, deadline=deadline)
    report = asyncio.run(validator.validate_configuration())
    if output_format == "json":
        click.echo(json.dumps(_document(report), indent=2, ensure_ascii=False))
    else:
        _tell(report)
    sys.stdout.flush()
    raise SystemExit(OK if report.valid else EX_CONFIG if validator.fail_closed else INVALID)


@main.command()
def schema() -> None:
    """Print the JSON Schema of the file, for editors and linters."""
    from universal_framework.config.schema import schema_text

    click.echo(schema_text(), nl=False)


@main.command()
@_FILE
@_FORMAT
def show(file: str | None, output_format: str) -> None:
    """Show every value in effect and where it comes from. Secrets are masked."""
    examination = ProductionConfigValidator(file, online=False).examine()
    settings = list(examination.settings())
    if output_format == "json":
        rows = [{"path": dotted(one.path), "value": one.shown, "source": one.source.as_dict()} for one in settings]
        click.echo(json.dumps({"version": 1, "settings": rows}, indent=2, ensure_ascii=False))
    else:
        _list(settings)
        for issue in examination.report.issues:
            _tell_issue(issue, err=True)
    sys.stdout.flush()
    raise SystemExit(OK if examination.report.valid else EX_CONFIG if examination.fail_closed else INVALID)


def _document(report: ValidationReport) -> dict[str, object]:
    issues = [issue.as_dict() for issue in report.issues]
    return {"version": 1, "valid": report.valid, "file": report.path, "issues": issues, "skipped": list(report.skipped)}


def _tell(report: ValidationReport) -> None:
    for issue in report.issues:
        _tell_issue(issue)
    for what in report.skipped:
        click.echo(f"skipped: {what}", err=True)
    errors, warnings = len(report.errors), len(report.issues) - len(report.errors)
    verdict = "valid" if report.valid else "invalid"
    counts = f"{errors} error{'s'[: errors != 1]}, {warnings} warning{'s'[: warnings != 1]}"
    click.echo(f"{report.path}: {verdict}: {counts}", err=True)


def _tell_issue(issue: Issue, *, err: bool = False) -> None:
    warning = "warning: " if issue.severity.value == "warning" else ""
    about = f"{issue.path}: " if issue.path else ""
    click.echo(f"{issue.source}: {warning}{about}{issue.message} [{issue.code}]", err=err)
    if issue.hint:
        click.echo(f"    hint: {issue.hint}", err=err)


def _list(settings: Iterable[Setting]) -> None:
    rows = [(dotted(one.path), toml_value(one.shown), _told(one.source)) for one in settings]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for path, value, source in rows:
        click.echo(f"{path:<{widths[0]}} = {value:<{widths[1]}}  # {source}")


def _told(source: Source) -> str:
    """Return a source in words; of a text with a reference, the variable too."""
    referred = f" (${{{source.variable}}})" if source.file is not None and source.variable else ""
    return f"{source}{referred}".replace(os.linesep, " ")
