"""How a trail is written, and what is told of it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from universal_framework.observability.audit import note
from universal_framework.observability.audit.errors import AuditError


class Durability(str, Enum):
    """What `AuditLog.append` promises when it returns."""

    ASYNC = "async"
    COMMIT = "commit"


class Loss(NamedTuple):
    """Records that did not get into the trail: how many since the last report, in all, and why."""

    records: int
    total: int
    reason: str


class Stats(NamedTuple):
    """What became of the lines of this process: ``appended == durable + queued + lost`` once nothing moves."""

    appended: int  #: lines handed over
    durable: int  #: lines known to be on the disk
    queued: int  #: lines on the way there
    lost: int  #: lines that are not in the trail, and were reported
    checkpoints: int  #: checkpoints signed
    last_error: str  #: the last thing that went wrong, or nothing
    alarms: tuple[str, ...]  #: logs here that disagree with what was signed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a trail is written; `AuditLog.open` says what each means. Checked when it is made."""

    durability: Durability
    origin: str | None
    segment_bytes: int
    checkpoint_every: int
    checkpoint_seconds: float
    heartbeat_seconds: float
    epoch_seconds: float
    sync_seconds: float
    retention_days: int
    queue_records: int
    full_wait_seconds: float

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            AuditError: A value is out of its range; the message names it.
        """
        if self.origin is not None and not note.is_name(self.origin):
            raise AuditError(f"origin={self.origin!r}: the name of a log has neither white space nor '+'")
        for name in ("segment_bytes", "checkpoint_every", "queue_records", "retention_days"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise AuditError(f"{name}={value!r}: choose a whole number of 1 or more")
        for name in ("checkpoint_seconds", "heartbeat_seconds", "epoch_seconds", "sync_seconds"):
            if not getattr(self, name) > 0:
                raise AuditError(f"{name}={getattr(self, name)!r}: choose more than 0 seconds; float('inf') is never")
        if not self.full_wait_seconds >= 0:
            raise AuditError(f"full_wait_seconds={self.full_wait_seconds!r}: choose 0 seconds or more")
