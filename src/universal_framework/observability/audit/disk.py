"""Every system call by which a trail changes something on a disk, and no decision.

In: paths and bytes. Out: `OSError` where the system refused. A test replaces this object to refuse, to tear, or to
forget what was not synced; nothing else of a trail touches files that it writes.

What a sync promises is the file system's affair (https://man7.org/linux/man-pages/man2/fdatasync.2.html); on macOS
only ``F_FULLFSYNC`` reaches the medium.
"""

from __future__ import annotations

import contextlib
import os
import sys

FILE_MODE = 0o640
KEY_MODE = 0o600
DIRECTORY_MODE = 0o750

#: How a file is called until it is whole and takes its place.
BESIDE = ".new"

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class Disk:
    """The disk as it is."""

    def make_directory(self, path: str) -> None:
        """Create a directory and those above it, where they are missing."""
        os.makedirs(path, DIRECTORY_MODE, exist_ok=True)

    def open_append(self, path: str) -> int:
        """Open a file, new or not, to write at its end; return the descriptor."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_FOLLOW, FILE_MODE)

    def write(self, descriptor: int, data: bytes) -> None:
        """Write all of `data`; when it raises, any part of it may stand in the file."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, descriptor: int) -> None:
        """Return when the file's data, and the length that leads to them, are on the medium."""
        if sys.platform == "darwin":
            import fcntl

            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file to `size` bytes."""
        os.ftruncate(descriptor, size)

    def close(self, descriptor: int) -> None:
        """Close a descriptor whose data were synced; that it reports an old error again changes nothing."""
        with contextlib.suppress(OSError):
            os.close(descriptor)

    def put(self, path: str, data: bytes, *, mode: int = FILE_MODE, durable: bool = False) -> None:
        """Put a whole file in place at once: readers see the old one or the new one."""
        beside = path + BESIDE
        try:
            self._write_file(beside, data, mode, durable=durable)
            self.rename(beside, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        if durable:
            self.sync_directory(os.path.dirname(path))

    def _write_file(self, path: str, data: bytes, mode: int, *, durable: bool) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_FOLLOW, mode)
        try:
            self.write(descriptor, data)
            if durable:
                self.sync(descriptor)
        finally:
            self.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in place of what has that name."""
        os.replace(old, new)

    def sync_file(self, path: str) -> None:
        """Return when a file that was written earlier is on the medium."""
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
        try:
            self.sync(descriptor)
        finally:
            self.close(descriptor)

    def sync_directory(self, path: str) -> None:
        """Return when the names in a directory are on the medium."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            self.close(descriptor)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)

    def erase(self, path: str) -> None:
        """Overwrite a file with zeros, then remove it.

        Best effort: a file system that copies on write, a journal or a flash disk may keep the old bytes.
        """
        with contextlib.suppress(FileNotFoundError):
            self._zero(os.open(path, os.O_WRONLY | _NO_FOLLOW))
            os.unlink(path)

    def replace_erasing(self, new: str, old: str) -> None:
        """Move `new` over `old`, if that was not done yet, and overwrite with zeros what `old` was."""
        descriptor = None
        if os.path.exists(new):
            descriptor = os.open(old, os.O_WRONLY | _NO_FOLLOW) if os.path.exists(old) else None
            try:
                self.rename(new, old)
                self.sync_directory(os.path.dirname(old))  # before the zeros: a power cut may undo the move
            except OSError:
                if descriptor is not None:
                    self.close(descriptor)
                raise
        else:
            self.sync_directory(os.path.dirname(old))
        if descriptor is not None:
            self._zero(descriptor)

    def _zero(self, descriptor: int) -> None:
        try:
            self.write(descriptor, bytes(os.fstat(descriptor).st_size))
            self.sync(descriptor)
        finally:
            self.close(descriptor)
