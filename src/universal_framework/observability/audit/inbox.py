"""Where the application's threads leave lines and the writer's thread finds them; and the ledger of what was lost.

In: lines from any thread, in microseconds. Out: batches, in order, for one thread. It knows no file. `reset` makes
everything new in place, for a forked child: a bound method that somebody kept must go on working there.
"""

from __future__ import annotations

import collections
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from universal_framework.observability.audit.errors import AuditError, words
from universal_framework.observability.audit.settings import Loss, Settings

_BATCH = 8192  # lines that the writer takes at once
CLOSED = "the audit log is closed"
NO_LINE = "a record that is not bytes"
BYTES: tuple[type, ...] = (bytes, bytearray, memoryview)

T = TypeVar("T")


class Ticket:
    """Somebody who waits until what was appended before is durable, or signed."""

    __slots__ = ("done", "error", "signs")

    def __init__(self, *, signs: bool = False) -> None:
        self.done = threading.Event()
        self.error: Exception | None = None
        self.signs = signs

    def settle(self, error: Exception | None) -> None:
        """Let whoever waits go on."""
        self.error = error
        self.done.set()


class Group(Ticket):
    """Lines that are committed together."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []


class Inbox:
    """The queue of lines (async), the group that gathers (commit), and who waits for what."""

    def __init__(self, settings: Settings, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._wake = wake  # starts the writer if there is none
        self.reset()

    def reset(self) -> None:
        """Begin as in a process that has written nothing yet."""
        self.queue: collections.deque[bytes] = collections.deque()
        self.tickets: collections.deque[Ticket] = collections.deque()
        self.bound = self._settings.queue_records
        self.asleep = True  # the writer waits to be woken, or has not begun
        self.closing = False
        self.deadline: float | None = None
        self.failing = ""  # why the disk refuses, while it does
        self.taken = 0  # lines that the writer took
        self.losses = Losses()
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._room = threading.Condition(threading.Lock())
        self._waiting = 0
        self._group = Group()

    # -- the application's side ------------------------------------------------------------------------------

    def ring(self) -> None:
        """Wake the writer."""
        self.asleep = False
        self._wake()
        self._bell.set()

    def wait_for_room(self, line: bytes) -> None:
        """Queue the line when there is room again; count it as lost when that takes too long or the disk refuses."""
        until = time.monotonic() + self._settings.full_wait_seconds
        self.ring()
        with self._room:
            self._waiting += 1
            while not self.closing and not self.failing and len(self.queue) >= self.bound:
                rest = until - time.monotonic()
                if rest <= 0 or not self._room.wait(rest):
                    break
            self._waiting -= 1
            if not self.closing and len(self.queue) < self.bound:
                self.queue.append(line)
                return
        self.losses.refuse(CLOSED if self.closing else self.failing or "the queue is full")

    def commit(self, line: bytes) -> None:
        """Return when the line is durable.

        Raises:
            AuditError: It could not be made so.
        """
        if not isinstance(line, BYTES):
            self.losses.refuse(NO_LINE)
            raise AuditError(f"{type(line).__name__}: the audit trail takes bytes; encode the line")
        while True:
            with self._lock:
                if self.closing:
                    break
                group = self._group
                accepted = len(group.lines) < self.bound
                if accepted:
                    group.lines.append(line)
            self.ring()
            group.done.wait()
            if accepted:
                if group.error is None:
                    return
                raise AuditError(
                    f"the record is not durable: {words(group.error)}; it is not in the audit trail: "
                    "make room or repair the disk, and append it again"
                ) from group.error
        self.losses.refuse(CLOSED)
        raise AuditError(f"{CLOSED}: the record was not written; open a log again")

    def wait(self, ticket: Ticket, timeout: float | None) -> bool:
        """Return whether everything appended before is what the ticket asks for, within `timeout` seconds."""
        with self._lock:
            if self.closing:
                return False
            self.tickets.append(ticket)
        self.ring()
        return ticket.done.wait(timeout) and ticket.error is None

    def close(self, deadline: float | None) -> bool:
        """Refuse what comes from now on; return False where that was done before."""
        with self._lock:
            if self.closing:
                return False
            self.deadline, self.closing = deadline, True
            self.bound = 0  # `append` takes the slow way, which refuses
        self._bell.set()
        return True

    @property
    def empty(self) -> bool:
        """Whether nothing waits for the writer."""
        return not (self.queue or self._group.lines or self.tickets)

    # -- the writer's side -------------------------------------------------------------------------------------

    def take_lines(self) -> list[bytes]:
        """Return the lines that wait, in order, as many as are good to take at once."""
        popleft = self.queue.popleft
        lines = [popleft() for _ in range(min(len(self.queue), _BATCH))]
        self.taken += len(lines)
        if self._waiting:
            with self._room:
                self._room.notify_all()
        return lines

    def take_group(self) -> Group:
        """Return the group that gathered; the next one gathers from now on."""
        with self._lock:
            group, self._group = self._group, Group()
        self.taken += len(group.lines)
        return group

    def take_tickets(self) -> list[Ticket]:
        """Return who waits now; what they appended is in the queue already."""
        return [self.tickets.popleft() for _ in range(len(self.tickets))]

    def fail(self, reason: str) -> None:
        """Say that the disk refuses, or no longer does: callers stop waiting for room then."""
        self.failing = reason
        if reason and self._waiting:
            with self._room:
                self._room.notify_all()

    def linger(self, seconds: float) -> None:
        """Let lines gather; only somebody who waits ends it."""
        self._bell.wait(seconds)
        self._bell.clear()

    def sleep(self, seconds: float) -> None:
        """Wait until something is to be done."""
        self.asleep = True
        if self.empty and not self.closing:
            self._bell.wait(min(seconds, threading.TIMEOUT_MAX))
        self.asleep = False
        self._bell.clear()


class Losses:
    """What was lost: counted at once, said once in a while, recorded in the trail when that can be written again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = 0
        self.refused = 0  # of those, lines that the writer never had
        self.reason = ""
        self._said = 0
        self._recorded = 0

    def add(self, lines: int, reason: str) -> None:
        """Count lines that the writer had."""
        if lines:
            with self._lock:
                self.total += lines
                self.reason = reason

    def refuse(self, reason: str) -> None:
        """Count a line that the writer never had."""
        with self._lock:
            self.total += 1
            self.refused += 1
            self.reason = reason

    @property
    def unsaid(self) -> int:
        """How many were not reported yet."""
        return self.total - self._said

    @property
    def unrecorded(self) -> int:
        """How many the trail does not know of yet."""
        return self.total - self._recorded

    def recorded(self, lines: int) -> None:
        """Note that the trail knows of so many more."""
        self._recorded += lines

    def say(self, listener: Callable[[Loss], None] | None) -> None:
        """Report what was not reported yet."""
        with self._lock:
            loss = Loss(self.unsaid, self.total, self.reason)
            self._said = self.total
        if loss.records:
            text = f"audit trail: {loss.records} records were lost ({loss.total} in all): {loss.reason}"
            tell(listener, loss, text)


def tell(listener: Callable[[T], None] | None, value: T, text: str) -> None:
    """Call the application's function; without one, write the text to standard error. Never raises."""
    try:
        if listener is not None:
            listener(value)
        elif sys.stderr is not None:
            sys.stderr.write(text + "\n")
    except Exception:  # noqa: BLE001, S110 - the application's function, or a broken stream: the trail goes on
        pass
