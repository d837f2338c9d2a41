"""Replacing one file's bytes so that a reader sees the old ones or the new ones, never a part of either."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib

from logshift._record import NamedTuple


class State(NamedTuple):
    """What is remembered of a file besides its bytes: permissions and times."""

    mode: int
    accessed_ns: int
    modified_ns: int


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(path: str) -> str | None:
    """Return the SHA-256 of a file's bytes; None if there is no such file."""
    try:
        with open(path, "rb") as file:
            return digest(file.read())
    except FileNotFoundError:
        return None


def state_of(path: str) -> State:
    """Return a file's permissions and times."""
    status = os.stat(path)
    return State(status.st_mode & 0o7777, status.st_atime_ns, status.st_mtime_ns)


def temporary_for(path: str, run: str) -> str:
    """Return the name under which a run writes a file before it takes the place of `path`.

    It is short whatever the file's name: that may be as long as names can be.
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".logshift-{run}-{zlib.crc32(os.fsencode(name)):08x}")


def write_synced(path: str, data: bytes) -> None:
    """Write a file and wait until its bytes are on the disk. A new one is its owner's alone to read."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    with open(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace(path: str, data: bytes, run: str, state: State | None = None) -> None:
    """Put `data` in the place of the file at `path`, keeping its permissions and owner.

    With `state`, permissions and times are set to what it says.

    Raises:
        OSError: if it cannot be done; the file is then as it was.
    """
    temporary = temporary_for(path, run)
    try:
        write_synced(temporary, data)
        move(temporary, path, state)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def move(source: str, path: str, state: State | None = None) -> None:
    """Put the file `source` in the place of the one at `path`, as `replace` does; it needs no room on the disk.

    Raises:
        OSError: if it cannot be done; the file at `path` is then as it was.
    """
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(path)
        if hasattr(os, "chown"):
            with contextlib.suppress(OSError):  # only the superuser may give a file away
                os.chown(source, status.st_uid, status.st_gid)
        os.chmod(source, status.st_mode & 0o7777)  # after the owner, whose change takes bits away
    if state is not None:
        os.chmod(source, state.mode)
        os.utime(source, ns=(state.accessed_ns, state.modified_ns))
    os.replace(source, path)
    sync_folder(os.path.dirname(path))


def sync_folder(folder: str) -> None:
    """Wait until the entries of a folder are on the disk, where the system can say so."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder or os.curdir, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
