"""The application: files are written, or none are; and what was written can be taken back.

In: files before and after. Out: a run in the journal. A run that fails, is interrupted or killed is undone –
at once where it can be, by the next `migrate` or `rollback` where it cannot.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from logshift._record import NamedTuple
from logshift.apply import files
from logshift.apply.journal import BusyError, Entry, Journal, JournalError, Record, Status

__all__ = [
    "BusyError",
    "Change",
    "ChangedMeanwhileError",
    "Journal",
    "JournalError",
    "Record",
    "Recovered",
    "Restored",
    "Status",
    "UnfinishedError",
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
    refused: str | None = None  # why it was left as it is
    again: bool = False  # whether trying again may help: the disk was full, the folder not writable, …


class Recovered(NamedTuple):
    """A run that was cut short, as it was found, and what has been done about its files."""

    record: Record
    files: tuple[Restored, ...]


class UnfinishedError(Exception):
    """A run could be neither completed nor undone; the journal still holds it, so that it can be tried again."""

    def __init__(self, run: str, left: Iterable[Restored]) -> None:
        told = "; ".join(f"{one.path}: {one.refused}" for one in left)
        super().__init__(f"run {run} is neither done nor undone ({told})")


def apply(journal: Journal, changes: Iterable[Change], config: str) -> str:
    """Write all `changes` as one run and return its name. The lock must be held.

    Raises:
        ChangedMeanwhileError: if a file has changed since it was read; nothing is written.
        OSError: if a file cannot be written; what was written has been taken back.
        UnfinishedError: if that could not be taken back either.
    """
    prepared: list[tuple[Entry, bytes, bytes]] = []
    for change in changes:
        path = os.path.realpath(change.path)
        state = files.state_of(path)
        if files.digest_of(path) != files.digest(change.before):
            raise ChangedMeanwhileError(change.path)
        entry = Entry(journal.relative(path), files.digest(change.before), files.digest(change.after), state)
        prepared.append((entry, change.before, change.after))
    record = journal.begin([(entry, before) for entry, before, _ in prepared], config)
    try:
        for entry, _, after in prepared:
            _replace_unchanged(journal.absolute(entry), entry, after, record.run)
        journal.close(record.run, Status.COMMITTED)
    except BaseException as error:  # a full disk, Ctrl-C: take back what was written, then let it be known
        done = _take_back(journal, record)
        if left := [one for one in done if one.again]:
            raise UnfinishedError(record.run, left) from error
        with contextlib.suppress(OSError):  # the files are as they were; the next run will write that down
            _close_undone(journal, record, done)
        raise
    return record.run


def _replace_unchanged(path: str, entry: Entry, after: bytes, run: str) -> None:
    if files.digest_of(path) != entry.before:
        raise ChangedMeanwhileError(entry.path)
    files.replace(path, after, run)


def recover(journal: Journal, *, force: bool = False) -> Recovered | None:
    """Bring a run that was cut short to an end: undo a migration, complete a rollback. The lock must be held.

    Returns None if there was none. What has changed since is left as it is.

    Raises:
        JournalError: if its journal cannot be read.
        UnfinishedError: if a file cannot be written now.
        OSError: if the journal cannot be written now.
    """
    record = journal.cut_short()
    if record is None:
        journal.forget_open()
        journal.sweep()
        return None
    if record.status is Status.ROLLING_BACK:
        return Recovered(record, rollback(journal, record, force=force, wanted=record.wanted))
    done = _take_back(journal, record, trusted=force)
    if left := [one for one in done if one.again]:
        raise UnfinishedError(record.run, left)
    _close_undone(journal, record, done)
    return Recovered(record, done)


def _take_back(journal: Journal, record: Record, *, trusted: bool = True) -> tuple[Restored, ...]:
    done = tuple(_restore(journal, record, entry, force=False, trusted=trusted) for entry in record.entries)
    _remove_temporaries(journal, record)
    return done


def _remove_temporaries(journal: Journal, record: Record) -> None:
    for entry in record.entries:
        with contextlib.suppress(OSError):
            os.unlink(files.temporary_for(journal.absolute(entry), record.run))


def _close_undone(journal: Journal, record: Record, done: Iterable[Restored]) -> None:
    journal.close(record.run, Status.UNDONE, left=[one.path for one in done if one.refused is not None])


def rollback(
    journal: Journal, record: Record, *, force: bool, wanted: Iterable[str] | None = None, named: bool = False
) -> tuple[Restored, ...]:
    """Restore the files of a run: bytes, permissions and times. The lock must be held.

    `wanted` are paths of its entries; all by default. A file that has changed since the run is left as it is,
    and so is one outside the project – a journal may come with files that somebody else has made – unless
    `force` is set or a person has `named` the place.

    Raises:
        OSError: if the journal cannot be written; the next `recover` goes on.
    """
    chosen = {entry.path for entry in record.entries} if wanted is None else set(wanted)
    entries = [entry for entry in record.pending if entry.path in chosen]
    journal.reopen(record.run)
    journal.note(record.run, Status.ROLLING_BACK.value, paths=[entry.path for entry in entries])
    done = []
    for entry in entries:
        restored = _restore(journal, record, entry, force=force, trusted=force or named)
        if restored.refused is None:
            journal.note(record.run, "restored", path=entry.path)
        done.append(restored)
    _remove_temporaries(journal, record)
    journal.close(record.run, Status.ROLLED_BACK)
    return tuple(done)


def _restore(journal: Journal, record: Record, entry: Entry, *, force: bool, trusted: bool) -> Restored:
    path = journal.absolute(entry)
    try:
        now = files.digest_of(path)
        if now == entry.before:
            return Restored(entry.path)
        if now != entry.after and not force:
            return Restored(entry.path, "it has been deleted since" if now is None else "it has changed since")
        if not trusted and not journal.holds(os.path.realpath(os.path.dirname(path)) + os.sep):
            return Restored(entry.path, "it lies outside the project; --force restores it", again=True)
        original = journal.backup(record, entry)
        if force:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        _put_back(journal, record, entry, original)
    except OSError as error:
        return Restored(entry.path, f"it cannot be written: {error.strerror}", again=True)
    except JournalError as error:
        return Restored(entry.path, str(error))
    return Restored(entry.path)


def _put_back(journal: Journal, record: Record, entry: Entry, original: bytes) -> None:
    """Write the original, or where there is no room for another copy of it, move the stored one."""
    path = journal.absolute(entry)
    try:
        files.replace(path, original, record.run, entry.state)
    except OSError as error:
        try:
            files.move(journal.place_of_backup(record, entry), path, entry.state)
        except OSError:
            raise error from None
