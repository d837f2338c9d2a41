"""The application: files are written, or none are; and what was written can be taken back.

In: files before and after. Out: a run in the journal. A run that fails, is interrupted or killed is undone –
at once where it can be, by the next `migrate` or `rollback` where it cannot.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable

from logshift._record import NamedTuple
from logshift.apply import files
from logshift.apply.journal import BusyError, Entry, Journal, JournalError, Record

__all__ = [
    "BusyError",
    "Change",
    "ChangedMeanwhileError",
    "Journal",
    "JournalError",
    "Record",
    "Restored",
    "apply",
    "recover",
    "rollback",
]


class Change(NamedTuple):
    """What is to be written."""

    path: str
    before: bytes
    after: bytes


class ChangedMeanwhileError(Exception):
    """A file is not what it was when it was read."""


class Restored(NamedTuple):
    """What a rollback, or the undoing of a run, did with one file."""

    path: str
    refused: str | None  # why it was left as it is


def apply(journal: Journal, changes: Iterable[Change], config: str) -> str:
    """Write all `changes` as one run and return its name. The lock must be held.

    Raises:
        ChangedMeanwhileError: if a file has changed since it was read; nothing is written.
        OSError: if a file cannot be written; what was written is taken back.
    """
    prepared: list[tuple[Entry, bytes, bytes]] = []
    for change in changes:
        path = os.path.realpath(change.path)
        if files.digest_of(path) != files.digest(change.before):
            raise ChangedMeanwhileError(change.path)
        entry = Entry(
            journal.relative(path),
            files.digest(change.before),
            files.digest(change.after),
            files.state_of(path),
        )
        prepared.append((entry, change.before, change.after))
    run = journal.begin([(entry, before) for entry, before, _ in prepared], config)
    try:
        for entry, _, after in prepared:
            _replace_unchanged(journal.absolute(entry), entry, after, run)
        journal.close(run, "committed")
    except BaseException:  # a full disk, Ctrl-C: take back what was written, then let it be known
        with contextlib.suppress(OSError):
            _undo(journal, journal.read(run))
        raise
    return run


def _replace_unchanged(path: str, entry: Entry, after: bytes, run: str) -> None:
    if files.digest_of(path) != entry.before:
        raise ChangedMeanwhileError(entry.path)
    files.replace(path, after, run)


def recover(journal: Journal) -> Record | None:
    """Bring a run that was cut short to an end: undo a migration, complete a rollback. The lock must be held.

    Returns the run as it was found, or None if there was none.
    """
    record = journal.cut_short()
    if record is None:
        journal.forget_open()
        return None
    if record.status == "open":
        _undo(journal, record)
    else:
        places = {journal.absolute(entry) for entry in record.entries if entry.path in record.wanted}
        rollback(journal, record, force=False, wanted=places.__contains__)
    return record


def _undo(journal: Journal, record: Record) -> list[Restored]:
    done = [_restore(journal, record, entry, force=False) for entry in record.entries]
    for entry in record.entries:
        with contextlib.suppress(OSError):
            os.unlink(files.temporary_for(journal.absolute(entry), record.run))
    journal.close(record.run, "undone", left=[one.path for one in done if one.refused is not None])
    return done


def rollback(
    journal: Journal, record: Record, *, force: bool, wanted: Callable[[str], bool] | None = None
) -> list[Restored]:
    """Restore the files of a run that are `wanted`: bytes, permissions and times. The lock must be held.

    A file that has changed since the run is left as it is, unless `force` is set.
    """
    entries = [entry for entry in record.pending if wanted is None or wanted(journal.absolute(entry))]
    journal.reopen(record.run)
    journal.note(record.run, "rolling back", paths=[entry.path for entry in entries])
    done = []
    for entry in entries:
        restored = _restore(journal, record, entry, force=force)
        if restored.refused is None:
            journal.note(record.run, "restored", path=entry.path)
        done.append(restored)
    journal.close(record.run, "rolled back")
    return done


def _restore(journal: Journal, record: Record, entry: Entry, *, force: bool) -> Restored:
    path = journal.absolute(entry)
    try:
        now = files.digest_of(path)
        if now == entry.before:
            return Restored(entry.path, None)
        if now != entry.after and not force:
            return Restored(entry.path, "it has been deleted since" if now is None else "it has changed since")
        files.replace(path, journal.backup(record.run, entry), record.run, entry.state)
    except OSError as error:
        return Restored(entry.path, f"it cannot be written: {error.strerror}")
    except JournalError as error:
        return Restored(entry.path, str(error))
    return Restored(entry.path, None)
