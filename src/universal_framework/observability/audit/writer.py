"""The thread that writes: takes what the inbox holds, and does what is due.

It alone touches its `Trail`. What a disk refuses never ends it: what could not be written stays (async) or is
handed back to whoever waits (commit), and the next turn tries again, less and less often. Only closing ends it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from universal_framework.observability.audit import records, stored
from universal_framework.observability.audit.disk import Disk
from universal_framework.observability.audit.errors import AuditError, words
from universal_framework.observability.audit.inbox import BYTES, NO_LINE, Inbox, Ticket
from universal_framework.observability.audit.prune import prune_closed, prune_live
from universal_framework.observability.audit.records import Kind
from universal_framework.observability.audit.settings import Durability, Settings
from universal_framework.observability.audit.trail import Shape, Trail

_REFUSALS = (OSError, AuditError)
_LINGER_S = 0.005  # how long lines gather in async mode; a busy writer does not linger
_BUSY_LINES = 2048
_SYNC_BYTES = 4 << 20  # not more than this waits in memory to be synced
_RETRY_S = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_CLOSING_RETRY_S = 0.05
_REPORT_S = 1.0
_CARE_S = 6 * 3600.0  # between two looks for what is older than the retention


class Writer:
    """One turn gathers, writes, syncs and signs, as far as each is due."""

    def __init__(
        self,
        directory: str,
        settings: Settings,
        inbox: Inbox,
        disk: Disk,
        clock: Callable[[], int],
        publish: Callable[[bytes], None],
        say_losses: Callable[[], None],
    ) -> None:
        self.trail: Trail | None = None
        self.last_error = ""
        self.durable_elsewhere = 0  # lines in logs of this process that are no longer the current one
        self.alarms_to_record: list[str] = []
        self._directory = directory
        self._settings = settings
        self._commits = settings.durability is Durability.COMMIT
        self._inbox = inbox
        self._disk = disk
        self._clock = clock
        self._publish = publish
        self._say_losses = say_losses
        self._tickets: list[tuple[int, Ticket]] = []  # who waits, and until how many lines were taken
        self._held: list[bytes] = []  # lines without a trail to hold them
        self._losses_in_flight = 0
        self._alarms_in_flight: list[str] = []
        self._failures = 0
        self._retry_at = self._sign_again_at = 0.0
        self._unsynced_bytes = 0
        now = time.monotonic()
        self._record_at = self._sync_at = self._sign_at = self._epoch_at = now
        self._said_at = now - _REPORT_S
        self._care_at = now - _CARE_S

    # -- one turn ----------------------------------------------------------------------------------------------

    def turn(self) -> bool:
        """Do what is due, then wait a little; return False when the log was closed."""
        inbox = self._inbox
        closing = inbox.closing
        for ticket in inbox.take_tickets():  # what was appended before it is in the queue by now
            self._tickets.append((inbox.taken + len(inbox.queue), ticket))
        patient = self._failures and time.monotonic() < self._retry_at and not (self._tickets or closing)
        busy = self._commit_group() if self._commits else not patient and self._write_queue(closing=closing)
        due = self._due_tickets()
        error = self._tend(due) if not self._failures else None
        for ticket in due:
            ticket.settle(self._refusal() or (error if ticket.signs else None))
        self._report(closing=closing)
        if closing and inbox.empty and not self._tickets and self._finish():
            return False
        self._pause(busy=bool(busy or self._tickets))
        return True

    def _due_tickets(self) -> list[Ticket]:
        """Return, once, the tickets of those all of whose lines were taken; while the disk refuses, all."""
        due = [ticket for target, ticket in self._tickets if target <= self._inbox.taken or self._failures]
        self._tickets = [(target, ticket) for target, ticket in self._tickets if ticket not in due]
        return due

    def _commit_group(self) -> bool:
        """Make the group durable that gathered, and let its callers go."""
        group = self._inbox.take_group()
        if not group.lines:
            return False
        error: Exception | None = None
        try:
            lines = self._admissible(group.lines)
            trail = self._current()
            trail.write(lines)
            trail.sync()
            self._worked()
        except _REFUSALS as refusal:
            error = refusal
            self.last_error = words(refusal)
            self._sign_again_at = time.monotonic() + 1.0
            self._drop()
            self._inbox.losses.add(len(group.lines), self.last_error)
        finally:
            group.settle(error)
        return True

    def _write_queue(self, *, closing: bool) -> bool:
        """Write the lines that wait; sync when somebody waits for that, when it is time, or when it is much."""
        lines = [] if self._failures and not closing else self._inbox.take_lines()
        self._held += self._admissible(lines)
        try:
            if self._held or self._failures:
                trail = self._current()
                held, self._held = self._held, []  # from here on they are the trail's
                self._unsynced_bytes += sum(map(len, held))
                trail.write(held)
            now = time.monotonic()
            late = now - self._sync_at >= self._settings.sync_seconds or self._unsynced_bytes >= _SYNC_BYTES
            asked = closing or any(target <= self._inbox.taken for target, _ in self._tickets)
            if self.trail is not None and self.trail.unsynced and (late or asked or self._failures):
                self.trail.sync()
                self._unsynced_bytes = 0
                self._sync_at = now
            if lines or self._failures:
                self._worked()
        except _REFUSALS as refusal:
            self._failed(refusal)
        return bool(lines)

    def _current(self) -> Trail:
        """Return the log to write to; a new one in a new process, or where somebody removed the old one.

        Raises:
            OSError: None can be made.
        """
        if self.trail is not None and not self.trail.attached():
            self._leave_trail()
        if self.trail is None:
            shape = Shape(self._settings.origin, self._settings.segment_bytes, self._settings.retention_days)
            self.trail = Trail.create(self._directory, shape, self._disk, self._clock)
            self._publish(self.trail.log.bytes_of(stored.CHECKPOINT) or b"")
        self._record_troubles(self.trail)
        return self.trail

    def make_trail(self) -> None:
        """Make this process's log.

        Raises:
            OSError: The directory cannot be written.
        """
        self._current()

    def _leave_trail(self) -> None:
        if self.trail is not None:
            self._held[:0] = self.trail.take_back()
            self.durable_elsewhere += self.trail.durable_lines
            self.trail.abandon()
            self.trail = None

    def _record_troubles(self, trail: Trail) -> None:
        """Let the trail itself say what was lost, and which neighbours are not as they were signed."""
        losses = self._inbox.losses
        lost = losses.unrecorded
        if lost:
            losses.recorded(lost)
            self._losses_in_flight += lost
            trail.write_own(Kind.LOSS, {"lost": lost, "total": losses.total, "reason": losses.reason})
        while self.alarms_to_record:
            self._alarms_in_flight.append(self.alarms_to_record.pop(0))
            trail.write_own(Kind.ALARM, {"reason": self._alarms_in_flight[-1][:2000]})

    def _drop(self) -> None:
        """Give up the lines of a group; what the trail said of itself along with them has to be said again."""
        if self.trail is not None:
            self.trail.drop()
            if not self.trail.attached():
                self._leave_trail()
        self._inbox.losses.recorded(-self._losses_in_flight)
        self.alarms_to_record[:0] = self._alarms_in_flight
        self._losses_in_flight, self._alarms_in_flight = 0, []

    def _admissible(self, lines: Sequence[bytes]) -> list[bytes]:
        if not lines:
            return []
        with contextlib.suppress(TypeError):
            if records.all_admissible(lines):
                return list(lines)
        good = [records.admissible(bytes(line)) for line in lines if isinstance(line, BYTES)]
        self._inbox.losses.add(len(lines) - len(good), NO_LINE)
        return good

    # -- what time brings ----------------------------------------------------------------------------------------

    def _tend(self, tickets: Sequence[Ticket]) -> Exception | None:
        """Beat, change keys, sign, prune, as each is due; return what went wrong."""
        try:
            if self.trail is not None:
                self._beat(self.trail)
                self._sign(self.trail, asked=any(ticket.signs for ticket in tickets))
                self._care(self.trail)
        except _REFUSALS as refusal:
            self.last_error = words(refusal)
            self._sign_again_at = time.monotonic() + 1.0
            if self._commits:
                self._drop()
            elif not (self.trail is None or self.trail.attached()):
                self._failed(refusal)
            return refusal
        return None

    def _beat(self, trail: Trail) -> None:
        now = time.monotonic()
        if now < self._sign_again_at:
            return
        if now - self._epoch_at >= self._settings.epoch_seconds:
            self._epoch_at = self._record_at = now
            trail.evolve_key()
            trail.sync()
        elif now - self._record_at >= self._settings.heartbeat_seconds:
            self._record_at = now
            trail.write_own(Kind.HEARTBEAT, {})
            trail.sync()

    def _sign(self, trail: Trail, *, asked: bool) -> None:
        now = time.monotonic()
        fresh = trail.position - trail.signed
        due = fresh >= self._settings.checkpoint_every or now - self._sign_at >= self._settings.checkpoint_seconds
        if not (asked or (due and fresh and now >= self._sign_again_at)):
            if not fresh:
                self._sign_at = now
            return
        if not trail.attached():
            raise FileNotFoundError(2, "the log's files were removed", trail.log.directory)
        trail.sync()
        self._unsynced_bytes = 0
        self._sync_at = self._sign_at = now
        text = trail.checkpoint()
        if text is not None:
            self._publish(text)

    def _care(self, trail: Trail) -> None:
        now = time.monotonic()
        if now - self._care_at < _CARE_S or not self._inbox.empty:
            return
        self._care_at = now
        try:
            prune_live(trail, self._settings.retention_days, self._clock())
            for log in stored.logs_below(self._directory):
                if log.name != trail.log.name:
                    prune_closed(log, None, self._clock(), self._disk)
        except AuditError as error:  # a log that is not as it was signed keeps its records
            self.last_error = str(error)

    # -- trouble -------------------------------------------------------------------------------------------------

    def _worked(self) -> None:
        self._failures = 0
        self._losses_in_flight, self._alarms_in_flight = 0, []
        self._record_at = time.monotonic()
        if self._inbox.failing:
            self._inbox.fail("")

    def _failed(self, refusal: Exception) -> None:
        self.last_error = words(refusal)
        self._retry_at = time.monotonic() + _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        self._inbox.fail(self.last_error)

    def _refusal(self) -> Exception | None:
        return OSError(0, self.last_error) if self._failures else None

    def _report(self, *, closing: bool) -> None:
        losses = self._inbox.losses
        if losses.unsaid and (closing or time.monotonic() - self._said_at >= _REPORT_S):
            self._said_at = time.monotonic()
            self._say_losses()

    def _pause(self, *, busy: bool) -> None:
        inbox, now = self._inbox, time.monotonic()
        if self._failures and inbox.closing:
            inbox.linger(_CLOSING_RETRY_S)
        elif self._failures:
            inbox.linger(max(self._retry_at - now, 0.001))
        elif self._commits or not busy:
            inbox.sleep(max(self._next_due() - now, 0.001))
        elif len(inbox.queue) < _BUSY_LINES:
            inbox.linger(_LINGER_S)

    def _next_due(self) -> float:
        settings, trail = self._settings, self.trail
        times = [self._record_at + settings.heartbeat_seconds, self._epoch_at + settings.epoch_seconds]
        if trail is not None and trail.unsynced:
            times.append(self._sync_at + settings.sync_seconds)
        if trail is not None and trail.position > trail.signed:
            times.append(max(self._sign_at + settings.checkpoint_seconds, self._sign_again_at))
        if self._inbox.losses.unsaid:
            times.append(self._said_at + _REPORT_S)
        return min(times)

    # -- the end -------------------------------------------------------------------------------------------------

    def _finish(self) -> bool:
        """Seal the log; return False while that cannot be done and there is time left."""
        inbox = self._inbox
        expired = inbox.deadline is not None and time.monotonic() >= inbox.deadline
        try:
            if self._held:
                trail = self._current()
                held, self._held = self._held, []
                trail.write(held)
            if self.trail is not None and (text := self.trail.seal()) is not None:
                self._publish(text)
        except _REFUSALS as refusal:
            self._failed(refusal)
            if not expired:
                return False
            self.give_up(self.last_error)
        return True

    def give_up(self, reason: str) -> None:
        """Count what is left as lost, and leave the log as a crash would."""
        inbox = self._inbox
        group = inbox.take_group()
        lines = len(self._held) + len(group.lines)
        while some := inbox.take_lines():
            lines += len(some)
        self._held.clear()
        if self.trail is not None:
            lines += self.trail.drop()
            self.trail.abandon()
        inbox.losses.add(lines, reason)
        for ticket in (group, *(ticket for _, ticket in self._tickets), *inbox.take_tickets()):
            ticket.settle(OSError(0, reason))
        self._say_losses()
