"""What a judgement of a trail consists of. Values only."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from universal_framework.observability.audit.stored import State


class Subject(str, Enum):
    """What a finding is about."""

    RECORD = "record"
    TILE = "tile"
    CHECKPOINT = "checkpoint"
    KEY = "key"
    FILE = "file"
    TRUNCATED = "truncated"
    RETENTION = "retention"
    LOG = "log"


class Finding(NamedTuple):
    """Something that is not as it was written, and where: file below the directory, line (from 1), byte, record."""

    kind: Subject
    message: str
    file: str
    line: int | None = None
    offset: int | None = None
    record: int | None = None
    length: int = 1


class LogReport(NamedTuple):
    """What was found out about one log. `records` counts from 0; those below `minimum` were pruned."""

    directory: str
    origin: str
    state: State
    records: int
    minimum: int
    signed: int
    public_key: str
    findings: tuple[Finding, ...]
    limits: tuple[str, ...]
    notes: tuple[str, ...]


class Report(NamedTuple):
    """What was found out about a directory; `findings` are those that belong to no log that is there."""

    logs: tuple[LogReport, ...]
    findings: tuple[Finding, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not any(log.findings for log in self.logs)


class Anchor(NamedTuple):
    """What is known of a log from elsewhere: its size and root at some time, and who says so."""

    size: int
    root: bytes
    source: str
