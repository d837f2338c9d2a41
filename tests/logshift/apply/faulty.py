"""Run a command in this process and strike at a chosen point: ``faulty.py FAULT POINT NOTE COMMAND…``.

A point is a step that changes something in the working directory – a file opened for writing, renamed, removed, a
change of mode, a wait for the disk – and is struck just before it is taken. The interpreter's own audit events
(https://docs.python.org/3/library/audit_events.html) tell of all of them, so that no point is missed when the code
changes.

COMMAND: ``apply`` appends a line to every Python file as one run; ``rollback`` takes the last run back; ``cli …`` is
the command line.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import sys
import time
from typing import ClassVar

FAULT, POINT, NOTE, *COMMAND = sys.argv[1:]
ROOT = os.getcwd() + os.sep
STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.chown", "os.utime", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Strike:
    """How many points there have been, and whether one is being struck: what is done then is no point."""

    seen = 0
    busy = False
    on_disk: ClassVar[dict[int, int]] = {}  # by inode, how many bytes are safe


def here(path: object) -> bool:
    if isinstance(path, int):
        return path > 2
    try:
        return os.path.abspath(os.fsdecode(path)).startswith(ROOT)  # type: ignore[arg-type]
    except TypeError:
        return False


def step(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITING)
        if writes and here(path) and not isinstance(path, int):
            strike(opens=path)
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(path)  # type: ignore[arg-type]
                Strike.on_disk.setdefault(status.st_ino, status.st_size)
    elif event in STEPS and here(arguments[0]):
        strike()


def strike(*, opens: object = None, descriptor: int | None = None) -> None:
    """Count a point, and do what was asked for if it is the one."""
    if Strike.busy:
        return
    Strike.busy = True
    try:
        Strike.seen += 1
        if FAULT == "full" and Strike.seen >= int(POINT) and opens is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), opens)
        if Strike.seen != int(POINT):
            return
        if FAULT == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif FAULT == "torn":  # half of what was written since the last wait has reached the disk
            if descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode):
                status = os.fstat(descriptor)
                safe = min(Strike.on_disk.get(status.st_ino, 0), status.st_size)
                os.ftruncate(descriptor, safe + (status.st_size - safe) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        elif FAULT == "interrupt":
            signal.raise_signal(signal.SIGINT)
        elif FAULT == "wait":
            with open(NOTE, "w", encoding="utf-8"):
                pass
            while not os.path.exists(f"{NOTE}.go"):
                time.sleep(0.01)
    finally:
        Strike.busy = False


def synced(descriptor: int) -> None:
    strike(descriptor=descriptor)
    fsync(descriptor)
    status = os.fstat(descriptor)
    Strike.on_disk[status.st_ino] = status.st_size


def changes() -> list[tuple[str, bytes]]:
    found = [os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names if name.endswith(".py")]
    data = []
    for path in sorted(found):
        with open(path, "rb") as file:
            data.append((path, file.read()))
    return data


def work() -> int:
    if COMMAND[0] == "cli":
        from logshift.__main__ import main

        return main(COMMAND[1:])
    from logshift.apply import Change, Journal, apply, rollback

    journal = Journal(".")
    with journal.locked():
        if COMMAND[0] == "apply":
            apply(journal, [Change(path, data, data + b"# new\n") for path, data in changes()], "config")
        else:
            rollback(journal, journal.runs()[-1], force=False)
    return 0


signal.signal(signal.SIGINT, signal.default_int_handler)  # what was started in the background ignores it
fsync = os.fsync
os.fsync = synced
sys.addaudithook(step)
status = work()
if FAULT == "count":
    with open(NOTE, "w", encoding="utf-8") as file:
        file.write(str(Strike.seen))
raise SystemExit(status)
