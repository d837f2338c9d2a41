"""The moments at which a process leaves, or becomes two: what is queued must be written before.

In: the sinks that are open. Out: calls to them before and after `os.fork`, when the interpreter ends, and when
SIGTERM arrives – the last only where the application left that signal to its default action, which is then taken, so
that whoever waits for the process sees that it was terminated.

What ends a process without a word – SIGKILL, ``os._exit``, ``os.exec*`` – cannot be seen here: what was reported
since the last batch is lost then.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import threading
import time
from typing import Any, Final, Protocol

#: How long the end of the process waits for a slow reader or a full disk, in seconds, all sinks together.
EXIT_SECONDS: Final = 5.0


class Leaving(Protocol):
    """What the moments are told to."""

    def flush(self, timeout: float | None = None) -> bool:
        """Write what is queued."""

    def finish(self, timeout: float) -> None:
        """Write what is queued, and from now on each line at once: no thread will run any more."""

    def before_fork(self) -> None:
        """Come to rest."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew, with nothing queued: that is the parent's."""


_open: dict[int, Leaving] = {}


def watch(sink: Leaving) -> None:
    """Tell `sink` of those moments from now on."""
    _open[id(sink)] = sink
    _take_sigterm()


def forget(sink: Leaving) -> None:
    """Tell `sink` no more."""
    _open.pop(id(sink), None)
    if not _open:
        _release_sigterm()


def _hook() -> None:
    atexit.register(_finish_all)
    # Before threads that are no daemons are joined. Child processes of multiprocessing run these and no atexit.
    register: Any = getattr(threading, "_register_atexit", None)
    if register is not None:
        with contextlib.suppress(RuntimeError):  # the interpreter is ending already
            register(_flush_all)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
        )


def _all() -> list[Leaving]:
    return list(_open.values())


def _flush_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for sink in _all():
        sink.flush(max(deadline - time.monotonic(), 0.0))


def _finish_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    for sink in _all():
        sink.finish(max(deadline - time.monotonic(), 0.0))


def _before_fork() -> None:
    for sink in _all():
        sink.before_fork()


def _after_fork_in_parent() -> None:
    for sink in _all():
        sink.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for sink in _all():
        sink.after_fork_in_child()


# -- SIGTERM ------------------------------------------------------------------------------------------------


def _take_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _release_sigterm() -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _on_sigterm(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of a signal handler
    _flush_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


_hook()
