"""The journal: what each run was about to do, written down before it does it.

A run has a folder of its own below ``.logshift/runs``: the original bytes of every file it changes, and
``journal.jsonl``, one JSON object for each step, each synced to the disk before the step is taken. A journal
that does not end in ``committed`` or ``undone`` is of a run that was cut short – or of one that is still going,
which holds the lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from logshift import __version__
from logshift._record import NamedTuple
from logshift.apply import files
from logshift.apply.files import State

FOLDER = ".logshift"
_JOURNAL = "journal.jsonl"
_OPEN = "open"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-(\d{4,})")
#: A `check` that looks whether a run is at work holds the lock for a moment; that is no other run.
_PATIENCE_S = 0.5


class BusyError(Exception):
    """Another run is at work in this project."""


class JournalError(Exception):
    """The journal of a run cannot be read, or does not hold what was asked for."""


class Status(str, Enum):
    """How far a run has come."""

    OPEN = "open"
    COMMITTED = "committed"
    UNDONE = "undone"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    UNREADABLE = "unreadable"

    __str__ = str.__str__


_CUT_SHORT = (Status.OPEN, Status.ROLLING_BACK)


class Entry(NamedTuple):
    """One file of a run."""

    path: str  # relative to the project's root, with "/"; absolute outside it
    before: str  # SHA-256
    after: str
    state: State


class Record(NamedTuple):
    """What a journal says of one run."""

    run: str
    started: str
    tool: str
    config: str
    entries: tuple[Entry, ...]
    status: Status
    restored: frozenset[str]  # paths that a rollback has restored
    wanted: frozenset[str]  # paths that the last rollback was asked for

    @property
    def pending(self) -> tuple[Entry, ...]:
        """The files that a rollback would restore."""
        return tuple(entry for entry in self.entries if entry.path not in self.restored)


class Journal:
    """The runs of one project."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.folder = os.path.join(self.root, FOLDER)

    @property
    def exists(self) -> bool:
        """Whether there has been a run, or the place is taken."""
        return os.path.lexists(self.folder)

    # -- the lock -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock.

        Raises:
            BusyError: if another process holds it.
            OSError: if the folder cannot be written.
        """
        self._make_folder()
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            raise BusyError(
                f"another logshift run is changing files in {self.root}; try again when it has ended"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Say whether a run is at work now. Nothing is changed."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError:  # somebody else's, and not for us to read
            return True
        try:
            return _is_held(descriptor)
        finally:
            os.close(descriptor)

    def _make_folder(self) -> None:
        os.makedirs(os.path.join(self.folder, "runs"), exist_ok=True)
        ignore = os.path.join(self.folder, ".gitignore")
        if not os.path.exists(ignore) or os.path.getsize(ignore) == 0:
            with open(ignore, "w", encoding="utf-8") as file:
                file.write("# Backups and journals of logshift; not for version control.\n*\n")

    # -- one run --------------------------------------------------------------------------------------------

    def begin(self, entries: list[tuple[Entry, bytes]], config: str) -> Record:
        """Write down a run and the original bytes of its files. The lock must be held."""
        now = datetime.now(UTC)
        run = f"{now:%Y%m%dT%H%M%SZ}-{max(map(_number, self._names()), default=0) + 1:04d}"
        folder = self._run_folder(run)
        os.makedirs(os.path.join(folder, "before"))
        try:
            for number, (entry, data) in enumerate(entries):
                path = self._backup(run, number)
                files.write_synced(path, data)
                os.chmod(path, entry.state.mode & 0o777)  # whoever may read the file may roll it back
            files.sync_folder(os.path.join(folder, "before"))
            self._append(
                run,
                step="begin",
                started=now.isoformat(timespec="seconds"),
                tool=__version__,
                config=config,
                files=[
                    {
                        "path": entry.path,
                        "before": entry.before,
                        "after": entry.after,
                        "mode": entry.state.mode,
                        "accessed_ns": entry.state.accessed_ns,
                        "modified_ns": entry.state.modified_ns,
                    }
                    for entry, _ in entries
                ],
            )
            self.reopen(run)
        except BaseException:  # nothing has been changed yet: leave no trace, a full disk has no room for one
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self.read(run)

    def note(self, run: str, step: str, **details: Any) -> None:
        """Write down a step of a run."""
        self._append(run, step=step, **details)

    def close(self, run: str, status: Status, **details: Any) -> None:
        """Write down the last step of a run."""
        self._append(run, step=status.value, **details)
        self.forget_open()

    def forget_open(self) -> None:
        """Remove the mark that a run is going on."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, _OPEN))

    def reopen(self, run: str) -> None:
        """Mark a run as going on: by its migration, or by a rollback."""
        files.write_synced(os.path.join(self.folder, _OPEN), run.encode())

    def backup(self, record: Record, entry: Entry) -> bytes:
        """Return the original bytes of a file.

        Raises:
            JournalError: if they are missing or not what they were.
        """
        try:
            with open(self.place_of_backup(record, entry), "rb") as file:
                data = file.read()
        except OSError as error:
            raise JournalError(f"its stored original cannot be read: {error.strerror}") from None
        if files.digest(data) != entry.before:
            raise JournalError("its stored original has been altered")
        return data

    def place_of_backup(self, record: Record, entry: Entry) -> str:
        """Return where the original bytes of a file lie."""
        return self._backup(record.run, record.entries.index(entry))

    def sweep(self) -> None:
        """Remove what a run left that died before its journal began: it has changed nothing. Hold the lock."""
        for name in self._names():
            if not self._has_begun(name):
                shutil.rmtree(self._run_folder(name), ignore_errors=True)

    def _append(self, run: str, **step: Any) -> None:
        path = os.path.join(self._run_folder(run), _JOURNAL)
        with open(path, "ab+") as file:
            _cut_torn_line(file)
            file.write(json.dumps(step).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    # -- all runs ---------------------------------------------------------------------------------------------

    def runs(self) -> list[Record]:
        """Return every run, oldest first; those whose journal never began are left out."""
        return [self._record(name) for name in self._names() if self._has_begun(name)]

    def read(self, run: str) -> Record:
        """Return what is known of one run.

        Raises:
            JournalError: if there is none of that name, or its journal cannot be read.
        """
        if run not in self._names() or not self._has_begun(run):
            raise JournalError(f"no run is called {run!r}; `logshift runs` lists them")
        record = self._record(run)
        if record.status is Status.UNREADABLE:
            raise JournalError(
                f"the journal of run {run} cannot be read; the originals of its files are in "
                f"{os.path.join(self._run_folder(run), 'before')}: when all is in order, remove that run's folder"
            )
        return record

    def cut_short(self) -> Record | None:
        """Return the run that did not come to its end, if there is one. Nobody may hold the lock.

        Raises:
            JournalError: if there is one and its journal cannot be read.
        """
        found = next((record for record in self.runs() if record.status in _CUT_SHORT), None)
        if found is None and (marked := self._marked()) is not None:
            self.read(marked)
        return found

    def _marked(self) -> str | None:
        """Return the run that is marked as going on, if the mark is whole and the run has begun."""
        try:
            with open(os.path.join(self.folder, _OPEN), encoding="utf-8", errors="replace") as file:
                run = file.read()
        except OSError:
            return None
        return run if _RUN_ID.fullmatch(run) and self._has_begun(run) else None

    def _names(self) -> list[str]:
        """Return the names of all run folders, oldest first, whether or not their journal has begun."""
        folder = os.path.join(self.folder, "runs")
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted((name for name in names if _RUN_ID.fullmatch(name)), key=_number)

    def _has_begun(self, run: str) -> bool:
        """Say whether the journal has its first line; before that, nothing has been done."""
        try:
            with open(os.path.join(self._run_folder(run), _JOURNAL), "rb") as file:
                return file.readline().endswith(b"\n")
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def _record(self, run: str) -> Record:
        try:
            return _read_steps(run, self._steps(run))
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            nothing: frozenset[str] = frozenset()
            return Record(run, "", "", "", (), Status.UNREADABLE, nothing, nothing)

    def _steps(self, run: str) -> list[dict[str, Any]]:
        with open(os.path.join(self._run_folder(run), _JOURNAL), "rb") as file:
            # a line without an end was cut short while it was written: the step was not taken
            return [json.loads(line) for line in file if line.endswith(b"\n")]

    # -- places -----------------------------------------------------------------------------------------------

    def absolute(self, entry: Entry) -> str:
        """Return where the file of an entry lies."""
        return os.path.normpath(os.path.join(self.root, entry.path))

    def relative(self, path: str) -> str:
        """Return the path to write down for a file, given its real one."""
        return os.path.relpath(path, self.root).replace(os.sep, "/") if self.holds(path) else path

    def holds(self, path: str) -> bool:
        """Say whether a real path lies in the project."""
        return path.startswith(self.root.rstrip(os.sep) + os.sep)

    @property
    def _lock(self) -> str:
        return os.path.join(self.folder, "lock")

    def _run_folder(self, run: str) -> str:
        return os.path.join(self.folder, "runs", run)

    def _backup(self, run: str, number: int) -> str:
        return os.path.join(self._run_folder(run), "before", f"{number:05d}")


def _number(run: str) -> int:
    found = _RUN_ID.fullmatch(run)
    return int(found.group(1)) if found is not None else 0


def _read_steps(run: str, steps: list[dict[str, Any]]) -> Record:
    begin = steps[0]
    entries = tuple(
        Entry(one["path"], one["before"], one["after"], State(one["mode"], one["accessed_ns"], one["modified_ns"]))
        for one in begin["files"]
    )
    status = Status.OPEN
    restored: set[str] = set()
    wanted: frozenset[str] = frozenset()
    for step in steps[1:]:
        if step["step"] == "restored":
            restored.add(step["path"])
            continue
        status = Status(step["step"])
        wanted = frozenset(step["paths"]) if status is Status.ROLLING_BACK else wanted
    if status is Status.ROLLED_BACK and len(restored) < len(entries):
        status = Status.COMMITTED  # in part: what is left can still be rolled back
    return Record(run, begin["started"], begin["tool"], begin["config"], entries, status, frozenset(restored), wanted)


def _is_held(descriptor: int) -> bool:
    """Say whether another process holds the lock on an open file."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return True
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _cut_torn_line(file: BinaryIO) -> None:
    """Remove what a process that died while writing has left of its last line."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
