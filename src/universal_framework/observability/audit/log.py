"""The trail as an application has it: `AuditLog`. Lines come in from any thread; one thread of ours writes them.

``async`` (the default): `append` puts the line into a queue and returns, microseconds; it never raises. What a power
cut can take is what came in the last `sync_seconds`; what a kill can take is what stands in the queue. ``commit``:
`append` returns when the line is on the disk, together with everybody's who waited (one sync serves a group), and
raises `AuditError` when that could not be. What is lost is counted, reported through `on_loss`, and recorded in the
trail itself as soon as that can be written again.

A child that was forked writes a log of its own, from its first line on (`os.register_at_fork`).
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Self

from universal_framework.observability.audit import stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import AuditError
from universal_framework.observability.audit.inbox import CLOSED, Inbox, Ticket, tell
from universal_framework.observability.audit.recover import AlarmError, recover
from universal_framework.observability.audit.settings import Durability, Loss, Settings, Stats
from universal_framework.observability.audit.trail import Shape
from universal_framework.observability.audit.writer import Writer


class AuditLog:
    """The audit trail of this process, below a directory that many processes may share.

    Open it with `AuditLog.open`; it is a context manager. Every method may be called from any thread.
    """

    def __init__(
        self,
        directory: str,
        settings: Settings,
        *,
        on_checkpoint: Callable[[str], None] | None = None,
        on_loss: Callable[[Loss], None] | None = None,
        on_alarm: Callable[[str], None] | None = None,
        clock: Callable[[], int] = time.time_ns,
        disk: Disk | None = None,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._commits = settings.durability is Durability.COMMIT
        self._on_checkpoint = on_checkpoint
        self._on_loss = on_loss
        self._on_alarm = on_alarm
        self._clock = clock
        self._disk = disk or Disk()
        self._inbox = Inbox(settings, self._ensure_writer)
        self._begin()

    def _begin(self) -> None:
        """Begin as in a process that has written nothing yet."""
        self._thread: threading.Thread | None = None
        self._thread_lock = threading.Lock()
        self._checkpoints = 0
        self._public_key: str | None = None
        self._alarms: list[str] = []
        self._writer = Writer(
            self._directory, self._settings, self._inbox, self._disk, self._clock, self._publish, self._say_losses
        )

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str],
        *,
        durability: str = "async",
        origin: str | None = None,
        segment_bytes: int = 64 << 20,
        checkpoint_every: int = 10_000,
        checkpoint_seconds: float = 10.0,
        heartbeat_seconds: float = 60.0,
        epoch_seconds: float = 900.0,
        sync_seconds: float = 1.0,
        retention_days: int = 90,
        queue_records: int = 100_000,
        full_wait_seconds: float = 0.25,
        on_checkpoint: Callable[[str], None] | None = None,
        on_loss: Callable[[Loss], None] | None = None,
        on_alarm: Callable[[str], None] | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Open a new log below `directory`, after putting in order what crashed processes left there.

        Args:
            directory: Where the logs of all processes of a service lie; made if missing.
            durability: ``async`` or ``commit``, see the module.
            origin: First part of the log's name, by default the host's; without white space and ``+``.
            segment_bytes: Size at which a segment ends (with the next full bundle of 256 records); midnight UTC ends
                one too.
            checkpoint_every: Records between two signed checkpoints, at most.
            checkpoint_seconds: Seconds between a record and the checkpoint that covers it, at most.
            heartbeat_seconds: Seconds of silence after which a record says that there was nothing to record.
            epoch_seconds: Seconds after which the signing key is replaced and the old one erased.
            sync_seconds: In async mode, how many seconds of records a power cut may take.
            retention_days: Days for which a record is kept at least; whole segments older than that are removed.
            queue_records: Lines that may wait for the writer.
            full_wait_seconds: How long `append` waits for room in a full queue before it counts its line as lost;
                it does not wait while the disk refuses.
            on_checkpoint: Called with every checkpoint (a signed note) once it is durable. Keep it off this machine.
            on_loss: Called when records were lost; without it, standard error says so.
            on_alarm: Called when a log here disagrees with what was signed; without it, standard error says so.
            clock: Nanoseconds since 1970, for the records' times and for retention.

        Raises:
            AuditError: A setting makes no sense, or the directory cannot be written.
        """
        try:
            promise = Durability(durability)
        except ValueError:
            raise AuditError(f"durability={durability!r}: choose 'async' or 'commit'") from None
        settings = Settings(
            durability=promise,
            origin=origin,
            segment_bytes=segment_bytes,
            checkpoint_every=checkpoint_every,
            checkpoint_seconds=checkpoint_seconds,
            heartbeat_seconds=heartbeat_seconds,
            epoch_seconds=epoch_seconds,
            sync_seconds=sync_seconds,
            retention_days=retention_days,
            queue_records=queue_records,
            full_wait_seconds=full_wait_seconds,
        )
        log = cls(
            os.path.abspath(os.fspath(directory)),
            settings,
            on_checkpoint=on_checkpoint,
            on_loss=on_loss,
            on_alarm=on_alarm,
            clock=clock,
        )
        log.start()
        return log

    def start(self) -> None:
        """Put crashed logs in order, make this process's own, start the writer.

        Raises:
            AuditError: The directory cannot be written.
        """
        try:
            self._disk.make_directory(self._directory)
            self._recover_others()
            self._writer.make_trail()
        except OSError as error:
            raise AuditError(
                f"{error.filename or self._directory}: no audit trail can be written here: {error.strerror}; "
                "name a directory that this process may write, on a disk with room"
            ) from error
        _open_logs.add(self)
        self._ensure_writer()

    # -- what applications call ----------------------------------------------------------------------------------

    def append(self, line: bytes) -> None:
        """Record one line; it needs no line break at its end.

        In async mode this never raises; a line for which there is no room is counted as lost.

        Raises:
            AuditError: In commit mode: the line could not be made durable, so it is not in the trail.
        """
        inbox = self._inbox
        if self._commits:
            inbox.commit(line)
            return
        queue = inbox.queue
        if len(queue) >= inbox.bound:
            inbox.wait_for_room(line)
            if inbox.closing:
                self._say_losses()
            return
        queue.append(line)
        if inbox.asleep:
            inbox.ring()

    def flush(self, timeout: float | None = None) -> bool:
        """Return True when every line appended before is on the disk; False after `timeout` seconds or an error."""
        return self._wait(Ticket(), timeout)

    def checkpoint(self, timeout: float | None = None) -> bool:
        """Return True when a signed checkpoint covers every line appended before; else False, as `flush`."""
        return self._wait(Ticket(signs=True), timeout)

    def _wait(self, ticket: Ticket, timeout: float | None) -> bool:
        if self._thread is None and not self._inbox.queue:  # a child that has recorded nothing
            return not self._inbox.closing
        return self._inbox.wait(ticket, timeout)

    def close(self, timeout: float | None = 30.0) -> None:
        """Write what is left, close the log with a last record and checkpoint, erase its key. Never raises.

        What cannot be written within `timeout` seconds is counted as lost, and reported.
        """
        if self._inbox.close(None if timeout is None else time.monotonic() + timeout) and self._inbox.queue:
            self._ensure_writer()  # a child that appended before it had a thread
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(None if timeout is None else timeout + 1.0)
        if thread is None or not thread.is_alive():
            self._inbox.losses.add(len(self._inbox.take_lines()), CLOSED)  # they came while it closed
        elif thread is not threading.current_thread():
            self._inbox.losses.add(self.stats().queued, "the disk did not answer in time")
        _open_logs.discard(self)
        self._say_losses()

    def stats(self) -> Stats:
        """Return what became of the lines so far."""
        inbox, writer, trail = self._inbox, self._writer, self._writer.trail
        durable = writer.durable_elsewhere + (trail.durable_lines if trail is not None else 0)
        lost = inbox.losses.total
        appended = inbox.taken + len(inbox.queue) + inbox.losses.refused
        return Stats(
            appended, durable, max(appended - durable - lost, 0), lost,
            self._checkpoints, writer.last_error, tuple(self._alarms),
        )  # fmt: skip

    @property
    def directory(self) -> str | None:
        """Where this process's log lies, once it has one."""
        trail = self._writer.trail
        return trail.log.directory if trail is not None else None

    @property
    def public_key(self) -> str | None:
        """The first key of this process's log, as a line that ``audit verify --public-key`` reads, once there is one.

        Kept off this machine, it lets anybody recognise a log that was signed anew.
        """
        return self._public_key

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- behind them -----------------------------------------------------------------------------------------------

    def _ensure_writer(self) -> None:
        if self._thread is not None:
            return
        with self._thread_lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="audit-trail", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # the interpreter ends, or the system has no thread left
                    self._writer.last_error = str(error)
                    self._inbox.asleep = True  # the next line tries again
                    return
                self._thread = thread
                _close_at_end(self)

    def _run(self) -> None:
        writer = self._writer
        try:
            while writer.turn():
                pass
        except Exception as error:  # noqa: BLE001 - the thread's border: nobody may wait for one who is gone
            self._inbox.close(None)
            writer.last_error = f"the audit writer stopped: {type(error).__name__}: {error}"
            writer.give_up(writer.last_error)

    def _recover_others(self) -> None:
        shape = Shape(self._settings.origin, self._settings.segment_bytes, self._settings.retention_days)
        for log in stored.logs_below(self._directory):
            if not os.path.lexists(log.path(stored.SIGNING_KEY)):
                continue
            try:
                recover(log, shape, self._disk, self._clock)
            except AlarmError as error:
                self._alarms.append(str(error))
                self._writer.alarms_to_record.append(str(error))
                tell(self._on_alarm, str(error), f"audit trail: {error}")
            except (OSError, AuditError) as error:  # not ours, or no room: the next to open this directory tries again
                self._writer.last_error = str(error)

    def _publish(self, checkpoint: bytes) -> None:
        self._checkpoints += 1
        trail = self._writer.trail
        if self._public_key is None and trail is not None:
            self._public_key = trail.public_key.text
        if self._on_checkpoint is not None:
            tell(self._on_checkpoint, checkpoint.decode(), "")

    def _say_losses(self) -> None:
        self._inbox.losses.say(self._on_loss)

    def _after_fork(self) -> None:
        """Forget what the parent holds; the first line of this process opens a log of its own."""
        closed, trail = self._inbox.closing, self._writer.trail
        if trail is not None:
            trail.abandon()
        self._inbox.reset()
        self._begin()
        if closed:
            self._inbox.close(None)


_open_logs: weakref.WeakSet[AuditLog] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for log in list(_open_logs):
        log._after_fork()


def _close_at_end(log: AuditLog) -> None:
    """Close the log when this process ends, also where `multiprocessing` ends it, which skips `atexit`."""
    multiprocessing = sys.modules.get("multiprocessing.util")
    if multiprocessing is not None:
        multiprocessing.Finalize(log, log.close, exitpriority=10)


@atexit.register
def _close_all() -> None:
    for log in list(_open_logs):
        log.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
