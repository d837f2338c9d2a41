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
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from logshift import __version__
from logshift._record import NamedTuple
from logshift.apply import files
from logshift.apply.files import State

FOLDER = ".logshift"
_JOURNAL = "journal.jsonl"
_OPEN = "open"
_RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")


class BusyError(Exception):
    """Another run is at work in this project."""


class JournalError(Exception):
    """The journal of a run cannot be read."""


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
    status: str  # "open", "committed", "undone", "rolling back", "rolled back"
    restored: frozenset[str]  # paths that a rollback has restored
    wanted: frozenset[str]  # paths that the last rollback was asked for

    @property
    def pending(self) -> tuple[Entry, ...]:
        """The files that a rollback would restore."""
        return tuple(entry for entry in self.entries if entry.path not in self.restored)


class Journal:
    """The runs of one project."""

    def __init__(self, root: str) -> None:
        self.root = os.path.abspath(root)
        self.folder = os.path.join(self.root, FOLDER)

    # -- the lock -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the project's lock.

        Raises:
            BusyError: if another process holds it.
            OSError: if the folder cannot be written.
        """
        self._make_folder()
        try:
            with FileLock(os.path.join(self.folder, "lock"), timeout=0):
                yield
        except Timeout:
            raise BusyError(
                f"another logshift run is changing files in {self.root}; try again when it has ended"
            ) from None

    def is_locked(self) -> bool:
        """Say whether a run is at work now."""
        path = os.path.join(self.folder, "lock")
        if not os.path.exists(path):
            return False
        try:
            with FileLock(path, timeout=0):
                return False
        except (Timeout, OSError):
            return True

    def _make_folder(self) -> None:
        os.makedirs(os.path.join(self.folder, "runs"), exist_ok=True)
        ignore = os.path.join(self.folder, ".gitignore")
        if not os.path.exists(ignore):
            with open(ignore, "w", encoding="utf-8") as file:
                file.write("# Backups and journals of logshift; not for version control.\n*\n")

    # -- one run --------------------------------------------------------------------------------------------

    def begin(self, entries: list[tuple[Entry, bytes]], config: str) -> str:
        """Write down a run and the original bytes of its files; return the run's name."""
        now = datetime.now(UTC)
        run = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        folder = self._run_folder(run)
        os.makedirs(os.path.join(folder, "before"))
        try:
            for number, (_, data) in enumerate(entries):
                files.write_synced(self._backup(run, number), data)
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
            files.write_synced(os.path.join(self.folder, _OPEN), run.encode())
        except BaseException:  # nothing has been changed yet: leave no trace, a full disk has no room for one
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return run

    def note(self, run: str, step: str, **details: Any) -> None:
        """Write down a step of a run."""
        self._append(run, step=step, **details)

    def close(self, run: str, step: str, **details: Any) -> None:
        """Write down the last step of a run."""
        self._append(run, step=step, **details)
        self.forget_open()

    def forget_open(self) -> None:
        """Remove the mark that a run is going on."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.folder, _OPEN))

    def reopen(self, run: str) -> None:
        """Mark a run as being changed again, by a rollback."""
        files.write_synced(os.path.join(self.folder, _OPEN), run.encode())

    def backup(self, run: str, entry: Entry) -> bytes:
        """Return the original bytes of a file.

        Raises:
            JournalError: if they are missing or not what they were.
        """
        record = self.read(run)
        number = [one.path for one in record.entries].index(entry.path)
        try:
            with open(self._backup(run, number), "rb") as file:
                data = file.read()
        except OSError as error:
            raise JournalError(f"the original of {entry.path} cannot be read: {error.strerror}") from None
        if files.digest(data) != entry.before:
            raise JournalError(f"the stored original of {entry.path} has been altered")
        return data

    def _append(self, run: str, **step: Any) -> None:
        path = os.path.join(self._run_folder(run), _JOURNAL)
        with open(path, "ab+") as file:
            _cut_torn_line(file)
            file.write(json.dumps(step, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    # -- all runs ---------------------------------------------------------------------------------------------

    def runs(self) -> list[Record]:
        """Return every run, oldest first; those whose journal never began are left out."""
        folder = os.path.join(self.folder, "runs")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [record for name in names if _RUN_ID.fullmatch(name) and (record := self._record(name)) is not None]

    def read(self, run: str) -> Record:
        """Return what is known of one run.

        Raises:
            JournalError: if there is none of that name.
        """
        record = self._record(run) if _RUN_ID.fullmatch(run) else None
        if record is None:
            raise JournalError(f"no run is called {run!r}; `logshift runs` lists them")
        return record

    def cut_short(self) -> Record | None:
        """Return the run that did not come to its end, if there is one. Nobody may hold the lock."""
        return next((record for record in self.runs() if record.status in ("open", "rolling back")), None)

    def has_open_run(self) -> bool:
        """Say, at the cost of one look at the disk, whether a run is going on or was cut short."""
        return os.path.exists(os.path.join(self.folder, _OPEN))

    def _record(self, run: str) -> Record | None:
        steps = self._steps(run)
        if not steps or steps[0].get("step") != "begin":
            return None
        begin = steps[0]
        entries = tuple(
            Entry(
                one["path"],
                one["before"],
                one["after"],
                State(one["mode"], one["accessed_ns"], one["modified_ns"]),
            )
            for one in begin["files"]
        )
        status = "open"
        restored: set[str] = set()
        wanted: frozenset[str] = frozenset()
        for step in steps[1:]:
            name = step["step"]
            wanted = frozenset(step["paths"]) if name == "rolling back" else wanted
            if name == "restored":
                restored.add(step["path"])
            elif name in ("committed", "undone", "rolling back", "rolled back"):
                status = name
        if status == "rolled back" and len(restored) < len(entries):
            status = "committed"  # in part: what is left can still be rolled back
        return Record(
            run,
            begin["started"],
            begin["tool"],
            begin["config"],
            entries,
            status,
            frozenset(restored),
            wanted,
        )

    def _steps(self, run: str) -> list[dict[str, Any]]:
        steps = []
        try:
            with open(os.path.join(self._run_folder(run), _JOURNAL), "rb") as file:
                for line in file:
                    if not line.endswith(b"\n"):
                        break  # cut short while it was written: the step was not taken
                    steps.append(json.loads(line.decode("utf-8", "surrogateescape")))
        except FileNotFoundError:
            return []
        except ValueError:
            raise JournalError(f"the journal of run {run} cannot be read") from None
        return steps

    # -- places -----------------------------------------------------------------------------------------------

    def absolute(self, entry: Entry) -> str:
        """Return where the file of an entry lies."""
        return os.path.normpath(os.path.join(self.root, entry.path))

    def relative(self, path: str) -> str:
        """Return the path to write down for a file."""
        absolute = os.path.abspath(path)
        inside = absolute.startswith(self.root.rstrip(os.sep) + os.sep)
        return os.path.relpath(absolute, self.root).replace(os.sep, "/") if inside else absolute

    def _run_folder(self, run: str) -> str:
        return os.path.join(self.folder, "runs", run)

    def _backup(self, run: str, number: int) -> str:
        return os.path.join(self._run_folder(run), "before", f"{number:05d}")


def _cut_torn_line(file: BinaryIO) -> None:
    """Remove what a process that died while writing has left of its last line."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    if whole != end:
        file.truncate(whole)
