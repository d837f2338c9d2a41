"""``universal-framework audit``: options become arguments, results become words and an exit status.

0: the trail is what was written. 1: it was altered, or what was asked for cannot be proven with it. 2: the command is
wrong, or asks for what is not there. 3: it cannot be read. Findings go to standard output, notes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import NoReturn, ParamSpec

import click

from universal_framework.observability.audit import export as export_
from universal_framework.observability.audit import findings, keys, note, prove, prune, records, stored
from universal_framework.observability.audit import verify as verify_
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import AuditError, MalformedError, RefusedError, UnreadableError
from universal_framework.observability.audit.stored import StoredLog

OK, ALTERED, USAGE, UNREADABLE = 0, 1, 2, 3

_P = ParamSpec("_P")

_DIR = click.argument("directory", metavar="DIR", type=click.Path(path_type=str))
_LOG = click.option("--log", "name", metavar="NAME", help="Of several logs, this one (its folder or its origin).")
_FORMAT = click.option(
    "--output-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How it is told.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Verify, show, export, prove and prune audit trails.

    DIR is one log, or the directory in which the processes of a service have their logs.
    """


def _guarded(command: Callable[_P, int]) -> Callable[_P, NoReturn]:
    """Turn what went wrong into a message and an exit status."""

    @wraps(command)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> NoReturn:
        try:
            status = command(*args, **kwargs)
        except RefusedError as error:
            status = _complain(error, USAGE)
        except MalformedError as error:
            status = _complain(error, ALTERED)
        except (UnreadableError, AuditError) as error:
            status = _complain(error, UNREADABLE)
        except BrokenPipeError:
            raise
        except OSError as error:
            status = _complain(f"{error.filename or ''}: {error.strerror}", UNREADABLE)
        sys.stdout.flush()
        raise SystemExit(status)

    return guarded


def _complain(what: object, status: int) -> int:
    click.echo(f"universal-framework: {what}", err=True)
    return status


# -- verify ----------------------------------------------------------------------------------------------------


@main.command()
@_DIR
@click.option(
    "--checkpoint", "checkpoints", metavar="FILE", multiple=True, help="Checkpoints that were kept elsewhere."
)
@click.option(
    "--public-key", "public_keys", metavar="FILE", multiple=True, help="Public keys that were kept elsewhere."
)
@_FORMAT
@_guarded
def verify(directory: str, checkpoints: tuple[str, ...], public_keys: tuple[str, ...], output_format: str) -> int:
    """Say whether a trail is what was written; if not, what was altered and where.

    Without a checkpoint that was kept on another machine, nobody can exclude that the end was cut off; verify says so.
    FILE holds one checkpoint or many, one after another; or public keys, as lines name+id+base64 or in PEM form.
    """
    outside = [c for path in checkpoints for c in _read_checkpoints(path)]
    trusted = [k for path in public_keys for k in _read_public_keys(path)]
    report = verify_.verify(directory, outside, trusted, time.time_ns())
    if output_format == "json":
        click.echo(json.dumps(_document(report), indent=2, ensure_ascii=False))
    else:
        _tell(report)
    return OK if report.intact else ALTERED


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror}") from error


def _read_checkpoints(path: str) -> Sequence[note.SignedCheckpoint]:
    data = _read(path)
    history = note.parse_history(data)
    if history.problem is not None or not history.checkpoints or history.end != len(data):
        raise RefusedError(f"{path}: not a file of signed checkpoints; give what on_checkpoint was called with")
    return history.checkpoints


def _read_public_keys(path: str) -> list[note.PublicKey | bytes]:
    data = _read(path)
    try:
        if b"-----BEGIN" in data:
            return [keys.public_from_pem(data)]
        found: list[note.PublicKey | bytes] = [
            note.parse_public_key(line) for line in data.decode().splitlines() if line.strip()
        ]
    except (MalformedError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path}: {error}") from error
    if not found:
        raise RefusedError(f"{path}: holds no public key")
    return found


def _tell(report: findings.Report) -> None:
    for log in report.logs:
        for finding in log.findings:
            click.echo(f"{_place(log, finding)} {finding.message}")
    for finding in report.findings:
        click.echo(f"{finding.file}: {finding.message}")
    for log in report.logs:
        for remark in log.notes:
            click.echo(f"{log.directory}: note: {remark}", err=True)
    for log in report.logs:
        verdict = "altered" if log.findings else "intact"
        pruned = f", {log.minimum} of them pruned" if log.minimum else ""
        click.echo(f"{log.origin}: {verdict}, {log.state.value}, {log.records} records{pruned}, {log.signed} signed")
    for limit in dict.fromkeys(limit for log in report.logs for limit in log.limits):
        concerned = sum(limit in log.limits for log in report.logs)
        click.echo(f"Cannot be excluded ({concerned} of {len(report.logs)} logs): {limit}.")
    found = len(report.findings) + sum(len(log.findings) for log in report.logs)
    click.echo(f"{found} findings in {len(report.logs)} logs." if found else f"No findings in {len(report.logs)} logs.")


def _place(log: findings.LogReport, finding: findings.Finding) -> str:
    place = os.path.join(log.directory, finding.file)
    if finding.line is not None:
        place += f":{finding.line}"
    return f"{place}: byte {finding.offset}:" if finding.offset is not None else f"{place}:"


def _document(report: findings.Report) -> dict[str, object]:
    logs = [
        {
            "directory": log.directory,
            "origin": log.origin,
            "state": log.state.value,
            "intact": not log.findings,
            "records": log.records,
            "pruned": log.minimum,
            "signed": log.signed,
            "public_key": log.public_key,
            "findings": [_finding(finding) for finding in log.findings],
            "cannot_be_excluded": list(log.limits),
            "notes": list(log.notes),
        }
        for log in report.logs
    ]
    return {"version": 1, "intact": report.intact, "logs": logs, "findings": [_finding(f) for f in report.findings]}


def _finding(finding: findings.Finding) -> dict[str, object]:
    return {
        "kind": finding.kind.value,
        "message": finding.message,
        "file": finding.file,
        "line": finding.line,
        "byte": finding.offset,
        "record": finding.record,
        "records": finding.length,
    }


# -- show ------------------------------------------------------------------------------------------------------


@main.command()
@_DIR
@_LOG
@_FORMAT
@_guarded
def show(directory: str, name: str | None, output_format: str) -> int:
    """Show the logs of a directory: state, records, period, newest checkpoint, public key. Verifies nothing."""
    rows = [_summary(log) for log in _logs(directory, name)]
    if output_format == "json":
        click.echo(json.dumps({"version": 1, "logs": rows}, indent=2, ensure_ascii=False))
        return OK
    for row in rows:
        click.echo(f"{row['origin']}")
        for key, value in row.items():
            if key not in ("origin", "checkpoint"):
                click.echo(f"  {key}: {value}")
        click.echo("  checkpoint:")
        for line in str(row["checkpoint"]).splitlines():
            click.echo(f"    {line}".rstrip())
    return OK


def _summary(log: StoredLog) -> dict[str, object]:
    segments = log.segments()
    own: list[records.Own] = []
    end = 0
    for segment in segments:
        lines = segment.read()[0]
        own += stored.own_records(lines, segment.first)
        end = segment.first + len(lines)
    checkpoint = (log.bytes_of(stored.CHECKPOINT) or b"").decode(errors="replace")
    size = sum(os.path.getsize(segment.path) for segment in segments)
    return {
        "origin": checkpoint.partition("\n")[0] or log.name,
        "directory": log.directory,
        "state": log.state().value,
        "records": end,
        "first kept record": segments[0].first if segments else end,
        "from": records.rfc3339(own[0].time_ns) if own else "",
        "to": records.rfc3339(own[-1].time_ns) if own else "",
        "segments": len(segments),
        "bytes": size,
        "losses": sum(record.number_of("lost") for record in own if record.kind is records.Kind.LOSS),
        "public key": (log.bytes_of(stored.PUBLIC_KEY) or b"").decode(errors="replace").strip(),
        "checkpoint": checkpoint,
    }


def _logs(directory: str, name: str | None) -> list[StoredLog]:
    logs = stored.logs_below(directory)
    if not logs:
        raise UnreadableError(f"{directory}: no audit log is here")
    if name is None:
        return logs
    chosen = [log for log in logs if name in (log.name, _origin(log))]
    if not chosen:
        raise RefusedError(f"{directory}: has no log {name!r}; audit show names those that are there")
    return chosen


def _origin(log: StoredLog) -> str:
    return (log.bytes_of(stored.CHECKPOINT) or b"").partition(b"\n")[0].decode(errors="replace")


def _one_log(directory: str, name: str | None) -> StoredLog:
    logs = _logs(directory, name)
    if len(logs) > 1:
        raise RefusedError(f"{directory}: has {len(logs)} logs; name one with --log, audit show lists them")
    return logs[0]


# -- export ----------------------------------------------------------------------------------------------------


@main.command()
@_DIR
@_LOG
@click.option("--since", metavar="TIME", help="Records from this time on (ISO 8601; UTC unless it says otherwise).")
@click.option("--until", metavar="TIME", help="Records before this time.")
@click.option("--output", metavar="FILE", help="Write to this file instead of standard output.")
@click.option(
    "--tiles", metavar="FOLDER", help="Write one whole log as a tiled log (C2SP tlog-tiles) into a new folder."
)
@click.option(
    "--output-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text: the exact lines. json: each with its log, number and time.",
)
@_guarded
def export(
    directory: str, name: str | None, since: str | None, until: str | None, output: str | None, tiles: str | None,
    output_format: str,
) -> int:  # fmt: skip
    """Write the records of a period, exactly as they were logged, log by log. Says so if the trail was altered."""
    if tiles is not None:
        log = _one_log(directory, name)
        click.echo(f"{export_.export_tiles(log, tiles)} records in {tiles}", err=True)
        return OK
    period = export_.Period(_time(since, export_.ALWAYS.since), _time(until, export_.ALWAYS.until))
    logs = _logs(directory, name)
    lines = (_line(record, output_format) for log in logs for record in export_.export(log, period))
    _write(lines, output)
    report = verify_.verify(directory, [], [], time.time_ns())
    if not report.intact:
        return _complain(f"{directory}: the trail was altered; see audit verify", ALTERED)
    return OK


def _time(text: str | None, default: int) -> int:
    if text is None:
        return default
    when = records.parse_time(text)
    if when is None:
        raise RefusedError(f"{text!r} is no time; write 2026-01-31 or 2026-01-31T12:00:00Z")
    return when


def _line(record: export_.Exported, output_format: str) -> bytes:
    if output_format == "text":
        return record.line + b"\n"
    document = {
        "log": record.origin,
        "number": record.number,
        "time": records.rfc3339(record.time_ns),
        "record": record.line.decode(errors="backslashreplace"),
    }
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _write(lines: Iterable[bytes], output: str | None) -> None:
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(lines)
        return
    with open(output, "wb") as file:
        file.writelines(lines)


# -- prove -----------------------------------------------------------------------------------------------------


@main.command("prove")
@_DIR
@_LOG
@click.option("--record", type=click.IntRange(0), help="Prove that the record with this number (from 0) is in the log.")
@click.option("--since-size", type=click.IntRange(1), help="Prove that the log began with what it was at this size.")
@click.option("--size", type=click.IntRange(1), help="As of the checkpoint of this size, instead of the newest.")
@_FORMAT
@_guarded
def prove_command(
    directory: str, name: str | None, record: int | None, since_size: int | None, size: int | None, output_format: str
) -> int:
    """Write a proof that needs no trust in this machine: that a record is in the log, or that the log only grew."""
    if (record is None) == (since_size is None):
        raise RefusedError("say what to prove: --record NUMBER or --since-size SIZE")
    log = _one_log(directory, name)
    if record is not None:
        data = prove.prove_inclusion(log, record, size)
        proof, word = prove.parse_inclusion(data), "record"
    else:
        data = prove.prove_consistency(log, since_size or 0, size)
        proof, word = prove.parse_consistency(data), "since_size"
    if output_format == "json":
        path = [step.hex() for step in proof.path]
        text = proof.checkpoint.note.encoded().decode()
        data = (
            json.dumps({"version": 1, word: proof.about, "path": path, "checkpoint": text}, indent=2) + "\n"
        ).encode()
    _write([data], None)
    return OK


# -- prune -----------------------------------------------------------------------------------------------------


@main.command("prune")
@_DIR
@_LOG
@click.option("--retention-days", type=click.IntRange(1), help="Keep records for longer than the logs promise.")
@_FORMAT
@_guarded
def prune_command(directory: str, name: str | None, retention_days: int | None, output_format: str) -> int:
    """Remove the records of closed logs that are older than their retention. Proofs about all others stay valid.

    A log that was altered is left as it is. Logs that are being written prune themselves.
    """
    status, rows = OK, []
    for log in _logs(directory, name):
        try:
            removed = prune.prune_closed(log, retention_days, time.time_ns(), Disk())
        except MalformedError as error:
            status = _complain(error, ALTERED)
            continue
        rows.append({"log": log.name, "segments": removed.segments, "records": removed.records})
        if output_format == "text" and removed.segments:
            click.echo(f"{log.name}: removed {removed.records} records in {removed.segments} segments")
    if output_format == "json":
        click.echo(json.dumps({"version": 1, "logs": rows}, indent=2))
    elif not any(row["segments"] for row in rows):
        click.echo("Nothing is old enough.")
    return status
