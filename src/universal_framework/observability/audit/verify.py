"""Is a trail what was written? Reads a directory, believes nothing in it, and says what was altered and where.

In: a directory; checkpoints and public keys that were kept elsewhere. Out: findings (each with file, line, byte and
record), and limits: what cannot be excluded without something from outside. Every byte of a closed log is covered:
records and tiles by the signed roots, checkpoints and keys by their one spelling and the chain of keys.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from universal_framework.observability.audit import records, stored
from universal_framework.observability.audit.errors import MalformedError, UnreadableError
from universal_framework.observability.audit.findings import Anchor, Finding, Report, Subject
from universal_framework.observability.audit.judge import Judge
from universal_framework.observability.audit.note import PublicKey, SignedCheckpoint
from universal_framework.observability.audit.reading import Reading, named_keys
from universal_framework.observability.audit.records import Own
from universal_framework.observability.audit.stored import StoredLog


def verify(
    directory: str, checkpoints: Sequence[SignedCheckpoint], public_keys: Sequence[PublicKey | bytes], now_ns: int
) -> Report:
    """Judge all logs of a directory.

    A public key is one with the name of its log, or 32 bytes that the only log, or one of them, must have used.

    Raises:
        UnreadableError: There is no log, or something cannot be read.
    """
    logs = stored.logs_below(directory)
    if not logs and not checkpoints and not public_keys:
        raise UnreadableError(f"{directory}: no audit log is here")
    try:
        anchors, complaints = _neighbours_say(logs)
        judged = [Judge(log, checkpoints, public_keys, anchors, now_ns).report() for log in logs]
    except OSError as error:
        raise UnreadableError(f"{error.filename or directory}: cannot be read: {error.strerror}") from error
    there = {report.origin for report in judged}
    findings = [c for c in complaints if c.file not in there] if os.path.normpath(directory) != _only(logs) else []
    findings += [
        Finding(Subject.LOG, "the log of the checkpoint that was kept elsewhere is not here", origin)
        for origin in sorted({c.checkpoint.origin for c in checkpoints} - there)
    ]
    for key in public_keys:
        if isinstance(key, PublicKey) and key.name not in there:
            findings.append(
                Finding(Subject.LOG, "the log of the public key that was kept elsewhere is not here", key.name)
            )
        elif isinstance(key, bytes) and not any(_used(log, key) for log in logs):
            findings.append(Finding(Subject.LOG, "no log here was signed with the public key", directory))
    return Report(tuple(judged), tuple(findings))


def _only(logs: Sequence[StoredLog]) -> str:
    return os.path.normpath(logs[0].directory) if len(logs) == 1 else ""


def _neighbours_say(logs: Sequence[StoredLog]) -> tuple[dict[str, list[Anchor]], list[Finding]]:
    """Return what first records say of other logs, by name, and what to find where such a log is not here."""
    anchors: dict[str, list[Anchor]] = {}
    for log in logs:
        start = _first_record(log)
        for row in start.rows_of("neighbours") if start is not None else ():
            origin, size, root = row.get("origin"), row.get("size"), row.get("root")
            if isinstance(origin, str) and isinstance(size, int) and isinstance(root, str):
                known = Anchor(size, _unhex(root), f"the first record of {log.name}")
                anchors.setdefault(origin, []).append(known)
    missing = [
        Finding(Subject.LOG, f"{known[0].source} knows this log with {known[0].size} records; it is not here", origin)
        for origin, known in anchors.items()
    ]
    return anchors, missing


def _unhex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _first_record(log: StoredLog) -> Own | None:
    segments = log.segments()
    if segments and segments[0].first == 0:
        with open(segments[0].path, "rb") as file:
            return records.parse(file.readline(records.MAX_BYTES + 1).rstrip(b"\n"), 0)
    try:
        return next((records.parse(e.line, 0) for e in log.pruned().evidence if e.number == 0), None)
    except MalformedError:
        return None


def _used(log: StoredLog, key: bytes) -> bool:
    return any(named.key == key for _, named in named_keys(Reading(log).read().own))
