"""Sinks: finished lines go in, in any thread, also from a signal handler; they come out in order, each once.

`QueuedSink` is the usual one: a caller appends to a queue and goes on; one thread joins what has come up to a batch
and writes it every two milliseconds while there is something, and sleeps while there is nothing. `DirectSink` writes
in the caller's thread, before `write` returns.

Neither raises into its caller. What cannot be written is kept while there is room, then lost by the policy that was
chosen, counted, said once on stderr, and told in the log itself as soon as a line can be written there again.
"""

from __future__ import annotations

import enum
import logging
import os
import queue
import sys
import threading
import time
from _thread import get_ident, start_new_thread
from collections import deque
from collections.abc import Callable
from itertools import repeat
from typing import Final, NamedTuple

from universal_framework.observability import _exits
from universal_framework.observability._outputs import PATIENCE, Hindrance, Output, Result, writable

#: How long `close` waits for what is queued, in seconds.
CLOSE_SECONDS: Final = 5.0

#: How long lines are collected before they are written together, in seconds.
BATCH_SECONDS: Final = 0.002

#: Lines that the writer takes off the queue at a time.
_BATCH: Final = 16384

#: Where lines are collected for longer than that: how many are enough to go on, and how often that is looked at.
_ENOUGH: Final = 512
_GLANCE: Final = 0.02

#: Empty rounds before the writer goes to sleep: waking it costs a caller more than all the rest of a call.
_LINGER: Final = 5

#: Seconds between attempts on an output that fails: doubled each time, from the first to the second figure.
_BACKOFF: Final = (0.05, 1.0)

#: Seconds between two complaints on stderr about the same sink.
_COMPLAINT: Final = 60.0

#: How long a fork waits for the writer to come to rest, in seconds.
_REST: Final = 0.25


class WhenFull(enum.Enum):
    """What happens to a line for which the queue has no room."""

    DROP = "drop"  # it is lost and counted; the caller goes on at once
    BLOCK = "block"  # the caller waits for room, up to a limit; after that, as DROP until there is room again


class Limits(NamedTuple):
    """How much is kept in memory, and what happens beyond."""

    lines: int = 100_000
    bytes: int = 64 << 20
    when_full: WhenFull = WhenFull.DROP
    block_seconds: float = 1.0


class SinkStats(NamedTuple):
    """What a sink did in this process. `written` and `lost` count lines that callers handed over."""

    written: int
    lost: int
    queued: int
    queued_bytes: int
    last_error: str | None


#: What makes the line that says how many were lost, and why.
Notice = Callable[[int, str], bytes]


def plain_notice(lost: int, why: str) -> bytes:
    """Return the line that says what was lost, where nobody gave a layout for it."""
    return f"{lost} log lines were lost: {why}\n".encode("utf-8", "backslashreplace")


class _State(enum.Enum):
    DONE = 1  # nothing is left
    MORE = 2
    SLOW = 3  # the reader takes nothing for now
    STUCK = 4  # the output fails


class _Sink:
    """What both kinds share: the queue, its bounds, and one attempt to write what is in it."""

    def __init__(self, output: Output, limits: Limits, notice: Notice) -> None:
        self._output, self._limits, self._notice = output, limits, notice
        self._queue: deque[bytes] = deque()
        self._append = self._queue.append
        self._max_bytes, self._room = limits.bytes, limits.lines
        self._begin()
        _exits.watch(self)

    def _begin(self) -> None:
        self._bytes = 0  # taken and not yet out
        self._held: list[bytes] = []  # off the queue and not yet out, in order
        self._out = 0  # lines that left `_held`, written or lost
        self._written = self._lost = self._untold = 0
        self._telling = 0  # how many losses the line in `_held` tells of, if it is such a line
        self._told_why = ""
        self._last_error: str | None = None
        self._complained = float("-inf")
        self._waits = True  # BLOCK: until a wait was in vain
        self._writing = threading.RLock()
        self._counting = threading.RLock()
        self._writer = 0  # the thread that is writing
        self._closed = False
        self._gave_up = False  # at the end: nobody waits a second time

    # -- what callers use -----------------------------------------------------------------------------------

    write: Callable[[bytes], None]

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was taken is written; False if `timeout` seconds did not suffice.

        Without `timeout` it waits as long as lines go out, and returns False when the output fails.
        """
        return self._drain(timeout)

    def close(self) -> None:
        """Write what is queued, for at most five seconds, and let go of the output.

        A line that comes later, because somebody still had this sink in hand, is written nevertheless.
        """
        if not self._closed:
            self._closed = True
            self.finish(CLOSE_SECONDS)
            _exits.forget(self)
            if self._writing.acquire(timeout=0.1):  # else a thread is stuck in a write, for good
                self._output.close()
                self._writing.release()

    def stats(self) -> SinkStats:
        """Return what was written, lost, and is still to be written, and the last error."""
        held = 0 if self._telling else len(self._held)
        return SinkStats(self._written, self._lost, len(self._queue) + held, max(self._bytes, 0), self._last_error)

    def finish(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds, and give the rest up for lost."""
        if not self._drain(timeout) and (self._queue or self._held):
            ours = self._writing.acquire(timeout=0.1)
            self._give_up()
            if ours:
                self._writing.release()

    # -- writing ----------------------------------------------------------------------------------------------

    def _drain(self, timeout: float | None) -> bool:
        """Write, in this thread, until nothing is left or `timeout` is over."""
        if self._writer == get_ident():  # a signal handler, or a finaliser, inside of a write
            return False  # the outer call finds the line in the queue
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            state = self._write_here(PATIENCE, deadline)
            left = float("inf") if deadline is None else deadline - time.monotonic()
            if state is _State.DONE or left <= 0 or (state is _State.STUCK and deadline is None):
                return state is _State.DONE
            if state is _State.STUCK:
                time.sleep(min(left, _BACKOFF[0]))

    def _write_here(self, patience: float, deadline: float | None = None) -> _State:
        """Write, in this thread, until nothing is left or the output takes no more."""
        timeout = -1 if deadline is None else max(deadline - time.monotonic(), 0.0)
        if not self._writing.acquire(timeout=timeout):
            return _State.SLOW
        try:
            state = self._attempt(patience)
            while state is _State.MORE and (deadline is None or time.monotonic() < deadline):
                state = self._attempt(patience)
        finally:
            self._writing.release()
        return _State.MORE if state is _State.DONE and self._queue else state

    def _write_through(self) -> None:
        """Write what is queued, before returning if that is possible in ``limits.block_seconds``."""
        if self._writer == get_ident():  # as in `_drain`
            return
        seconds = self._limits.block_seconds if self._waits else 0.0
        state = self._write_here(seconds, time.monotonic() + seconds)
        while state is _State.MORE:
            state = self._write_here(0.0, time.monotonic())
        self._waits = state is _State.DONE
        if self._closed:
            self._output.close()  # it opened itself again

    def _attempt(self, patience: float) -> _State:
        """Offer the output what there is, once."""
        with self._writing:
            outer, self._writer = self._writer, get_ident()
            try:
                return self._offer(patience)
            except Exception as error:  # noqa: BLE001 - out of memory, an output of somebody else's: nothing is lost yet
                self._note(f"{type(error).__name__}: {error}")
                return _State.STUCK
            finally:
                self._writer = outer

    def _offer(self, patience: float) -> _State:
        if not self._held:
            waiting = self._queue
            take = waiting.popleft
            self._held = [take() for _ in repeat(None, min(len(waiting), _BATCH))]
            self._measure()
        if self._held:
            result = self._output.write(self._held, patience)
            self._settle(result)
            if result.hindrance is Hindrance.SLOW:
                return _State.MORE if result.lines else _State.SLOW
            if result.hindrance is not None:
                stuck = self._held and result.hindrance is not Hindrance.REFUSED
                return _State.STUCK if stuck else _State.MORE if self._held or self._queue else _State.DONE
        if self._untold and not self._held and not self._queue:
            self._tell()
        return _State.MORE if self._held or self._queue else _State.DONE

    def _settle(self, result: Result) -> None:
        """Account for what is out, and for what never will be."""
        if self._telling:
            self._settle_notice(result)
        elif result.lines or result.lost:
            self._written += result.lines
            self._waits = True
            self._let_go(result.lines + result.lost)
            if result.lost:
                self._lose(result.lost, _described(result.error))
        if result.hindrance is Hindrance.GONE and self._held:
            lost = len(self._held)
            self._let_go(lost)
            self._lose(lost, _described(result.error))
        if result.error is not None and result.hindrance is not Hindrance.SLOW:
            self._note(_described(result.error))

    def _settle_notice(self, result: Result) -> None:
        if result.lines:
            with self._counting:
                self._untold -= self._telling
        if result.lines or result.lost or result.hindrance is Hindrance.GONE:
            self._telling = 0
            self._let_go(1)

    def _let_go(self, count: int) -> None:
        held = self._held
        size = sum(map(len, held if count == len(held) else held[:count]))
        self._held = [] if count == len(held) else held[count:]
        self._out += count
        self._bytes -= size
        self._measure()

    def _measure(self) -> None:
        self._room = self._limits.lines - len(self._held)

    def _give_up(self) -> None:
        """Lose what is left: there is no later."""
        self._gave_up = True
        abort = getattr(self._output, "abort", None)  # of outputs that can be stuck for long
        if abort is not None:
            abort()
        held, self._held = self._held, []
        lost = 0 if self._telling else len(held)
        self._telling = 0
        while self._queue:
            self._queue.popleft()
            lost += 1
        self._bytes = 0
        self._out += lost
        if lost:
            self._lose(lost, self._last_error or "the reader did not keep up")
            self._complained = float("-inf")
        if self._untold:
            self._complain()

    # -- losses -----------------------------------------------------------------------------------------------

    def _refuse(self, line: bytes) -> None:
        """Do with `line`, for which there is no room, what the policy says."""
        self._bytes -= len(line)
        limits = self._limits
        if limits.when_full is WhenFull.BLOCK and self._waits and self._writer != get_ident():
            deadline, pause = time.monotonic() + limits.block_seconds, 0.0005
            while time.monotonic() < deadline:
                if self._admit(line):
                    return
                time.sleep(pause)
                pause = min(pause * 2, 0.01)
            self._waits = False
        if not self._admit(line):
            self._lose(1, self._full())

    def _full(self) -> str:
        return f"the queue was full ({self._limits.lines} lines or {self._limits.bytes} bytes)"

    def _admit(self, line: bytes) -> bool:
        with self._counting:
            size = self._bytes + len(line)
            empty = not self._queue and not self._held  # a line longer than the bound goes through alone
            if not empty and (size > self._limits.bytes or len(self._queue) >= self._room):
                return False
            self._bytes = size
            self._append(line)
        return True

    def _lose(self, count: int, why: str) -> None:
        with self._counting:
            self._lost += count
            self._untold += count
            self._told_why = why

    def _tell(self) -> None:
        """Put a line that tells of losses where the next attempt finds it."""
        self._telling = self._untold
        line = self._notice(self._telling, self._told_why)
        self._bytes += len(line)
        self._held = [line]
        self._measure()

    def _note(self, error: str) -> None:
        self._last_error = error
        self._complain()

    def _complain(self) -> None:
        """Say on stderr what is wrong, once a minute at most."""
        now = time.monotonic()
        if now - self._complained < _COMPLAINT:
            return
        self._complained = now
        lost = f"{self._lost} lines lost so far" if self._lost else "lines are kept while there is room"
        _say(f"logging to {self._output.name}: {self._told_why or self._last_error}; {lost}\n")

    # -- forks --------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Nothing: callers write themselves."""

    def after_fork_in_parent(self) -> None:
        """Nothing: callers write themselves."""

    def after_fork_in_child(self) -> None:
        """Begin anew: what is queued is the parent's, and so is whoever holds a lock."""
        closed = self._closed
        self._queue.clear()
        self._begin()
        self._closed = closed
        self._max_bytes = self._limits.bytes
        self._measure()
        self._output.after_fork()


class DirectSink(_Sink):
    """Writes each line before `write` returns.

    Where the output fails, lines are kept within the limits and offered again with the next one. A reader that does
    not keep up holds a caller for ``limits.block_seconds`` at most, and not again until it reads.
    """

    def __init__(self, output: Output, limits: Limits | None = None, notice: Notice = plain_notice) -> None:
        super().__init__(output, limits or Limits(), notice)

    def write(self, line: bytes) -> None:
        """Take one line, and write it."""
        if self._writing.acquire(blocking=False):
            # Nearly always: nobody else is writing, and nothing is left from before.
            try:
                if not (self._writer or self._queue or self._held or self._untold or self._closed):
                    self._write_alone(line)
                    if not self._queue:  # else a signal handler has left a line
                        return
                    line = b""
            finally:
                self._writing.release()
        if line and not self._admit(line):
            self._lose(1, self._full())
        self._write_through()

    def _write_alone(self, line: bytes) -> None:
        self._writer = get_ident()
        try:
            result = self._output.write((line,), self._limits.block_seconds if self._waits else 0.0)
        except Exception as error:  # noqa: BLE001 - an output of somebody else's
            result = Result(0, Hindrance.FAILING, error)
        finally:
            self._writer = 0
        if result.lines and result.error is None:
            self._written += 1
            self._waits = True
            return
        self._held = [line]
        self._bytes += len(line)
        self._settle(result)
        self._waits = result.hindrance is None


class QueuedSink(_Sink):
    """Takes lines in no time, and writes them in a thread of its own.

    The thread starts with the first line, and again in a process that was forked. Where no thread can be started, as
    at the end of the interpreter, callers write themselves.
    """

    def __init__(
        self,
        output: Output,
        limits: Limits | None = None,
        notice: Notice = plain_notice,
        *,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self._batch_seconds = batch_seconds
        super().__init__(output, limits or Limits(), notice)

    def _begin(self) -> None:
        super()._begin()
        self._asleep = True  # the next line must wake the writer, or start it
        self._running = False
        self._direct = False  # callers write themselves
        self._leave = False
        self._signal: queue.SimpleQueue[None] = queue.SimpleQueue()  # re-entrant, unlike all other ways to wake
        self._flushes: deque[queue.SimpleQueue[bool]] = deque()
        self._awaited: list[tuple[int, queue.SimpleQueue[bool]]] = []
        self._starting = threading.Lock()

    def write(self, line: bytes) -> None:
        """Take one line."""
        # Nothing between the reading and the writing of the sum lets another thread run, as CPython with its lock
        # is made; where threads are free, the sum may be off by a few lines until the queue is empty again.
        self._bytes = size = self._bytes + len(line)
        if size > self._max_bytes or len(self._queue) >= self._room:
            self._refuse_or_write(line)
            return
        self._append(line)
        if self._asleep:
            self._wake()

    def _refuse_or_write(self, line: bytes) -> None:
        if self._direct:
            self._bytes -= len(line)
            if not self._admit(line):
                self._lose(1, self._full())
            self._write_through()
            return
        if self._asleep:
            self._wake()
        self._refuse(line)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was taken is written; False if `timeout` seconds did not suffice.

        Without `timeout` it waits as long as lines go out, and returns False when the output fails.
        """
        if not (self._running or self._queue or self._held):
            return True
        if self._direct:  # the end: a writer that is stuck for good must not hold the process
            seconds = CLOSE_SECONDS if timeout is None else timeout
            return self._drain(0.0 if self._gave_up else seconds)
        if self._writer == get_ident():
            return False
        answer: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._flushes.append(answer)
        self._wake()
        try:
            return answer.get() if timeout is None else self._answered(answer, timeout)
        except queue.Empty:
            return False

    def _answered(self, answer: queue.SimpleQueue[bool], timeout: float) -> bool:
        """Return what the writer says; a failure is not final while there is time."""
        deadline = time.monotonic() + timeout
        while not answer.get(timeout=max(deadline - time.monotonic(), 0.0)):
            self._flushes.append(answer)
            self._wake()
            time.sleep(min(max(deadline - time.monotonic(), 0.0), 0.01))
        return True

    def finish(self, timeout: float) -> None:
        """Write what is queued, for at most `timeout` seconds; from now on callers write themselves."""
        deadline = time.monotonic() + timeout
        flushed = self.flush(timeout)
        self._direct = True
        self._max_bytes = -1  # every line takes the long way from now on
        self._stop(max(deadline - time.monotonic(), _REST))
        if not flushed or self._queue or self._held:
            super().finish(max(deadline - time.monotonic(), 0.0))

    # -- the writer ---------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        self._asleep = False
        if self._running:
            self._signal.put(None)
        else:
            self._start()

    def _start(self) -> None:
        if not self._starting.acquire(blocking=False):
            return  # somebody is at it, or a signal handler interrupted just that
        try:
            if self._running:
                self._signal.put(None)
                return
            self._running, self._leave = True, False
            try:
                start_new_thread(self._run, ())
            except RuntimeError:  # the interpreter is ending, or the limit of threads is reached
                self._running, self._asleep = False, True
        finally:
            self._starting.release()
        if not self._running:
            self._write_through()

    def _run(self) -> None:
        """Write what comes, until told to leave. The body of the thread."""
        idle, pause = 0, _BACKOFF[0]
        while True:
            self._accept_flushes()
            state = self._attempt(PATIENCE)
            self._answer_flushes(state)
            if self._leave and state is not _State.MORE:
                break
            if state is _State.STUCK:
                self._sleep(pause)
                pause = min(pause * 2, _BACKOFF[1])
                continue
            pause = _BACKOFF[0]
            if state is not _State.DONE:  # a slow reader was waited for already
                idle = 0
                if state is _State.MORE and self._batch_seconds > BATCH_SECONDS and not self._held:
                    self._collect()
            elif idle < _LINGER:
                idle += 1
                self._collect()
            else:
                idle = 0
                self._sleep_until_woken()
        self._asleep, self._running = True, False
        if not self._leave and (self._queue or self._held):  # called back at the last moment
            self._wake()

    def _collect(self) -> None:
        """Let lines come together, for a while, until there are enough of them or somebody waits for them."""
        left = self._batch_seconds
        while left > 0 and not (self._flushes or self._awaited or self._leave):
            seconds = min(left, _GLANCE)
            left -= seconds
            if self._sleep(seconds) or len(self._queue) >= _ENOUGH:
                return

    def _sleep(self, seconds: float) -> bool:
        """Sleep; return whether somebody woke the thread."""
        try:
            self._signal.get(timeout=seconds)
        except queue.Empty:
            return False
        return True

    def _sleep_until_woken(self) -> None:
        self._asleep = True
        # A caller appends, then asks whether we sleep; we say that we sleep, then ask whether there is something.
        if not (self._queue or self._flushes or self._leave):
            if not self._held:
                self._bytes = 0
            self._signal.get()
        self._asleep = False

    def _accept_flushes(self) -> None:
        while self._flushes:
            answer = self._flushes.popleft()
            self._awaited.append((self._out + len(self._held) + len(self._queue), answer))

    def _answer_flushes(self, state: _State) -> None:
        if not self._awaited:
            return
        failed = state is _State.STUCK
        for target, answer in self._awaited:
            if self._out >= target or failed:
                answer.put(self._out >= target)
        self._awaited = [] if failed else [(target, answer) for target, answer in self._awaited if self._out < target]

    def _stop(self, timeout: float) -> None:
        """Make the thread end; it may not within `timeout` seconds, where it is stuck in a write."""
        self._leave = True
        deadline = time.monotonic() + timeout
        while self._running and time.monotonic() < deadline:
            self._signal.put(None)
            time.sleep(0.0005)

    # -- forks ----------------------------------------------------------------------------------------------------

    def before_fork(self) -> None:
        """Let the writer finish: a process with one thread forks without danger, and without a warning (3.12)."""
        if self._running and self._writer != get_ident():
            self._stop(_REST)

    def after_fork_in_parent(self) -> None:
        """Go on where something is left."""
        self._leave = self._direct
        if (self._queue or self._held) and not self._direct:
            self._wake()


def _described(error: Exception | None) -> str:
    return str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"


def _say(text: str) -> None:
    """Write `text` to stderr, past Python's buffers: they are locked while a signal handler runs in them."""
    try:
        if sys.stderr is None or not logging.raiseExceptions or not writable(2, 0.0):
            return
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:  # stderr itself is gone: there is nowhere left to say it
        return
