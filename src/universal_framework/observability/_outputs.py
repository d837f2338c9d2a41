"""Where bytes leave the process: files that other processes append to as well, pipes that they share, streams.

In: finished lines. Out: how many of them are out, whole, and what stands in the way of the rest. An output never
raises, never splits a line that a pipe takes in one piece, and never keeps a line: what is not out is still its
caller's, who offers it again or counts it as lost.

A file is opened with ``O_APPEND``, so that several processes and threads need no lock
(https://pubs.opengroup.org/onlinepubs/9699919799/functions/write.html). To a pipe at most ``PIPE_BUF`` bytes go in
one piece (4,096 on Linux), because more may be mixed with what others write.
"""

from __future__ import annotations

import enum
import errno
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Protocol

#: What one system call carries to anything but a pipe, in bytes; a longer line goes alone.
_CHUNK: Final = 4 << 20

_PIPE: Final = int(getattr(select, "PIPE_BUF", 512))

#: How long one attempt waits for a reader, in seconds. The caller tries again as long as it likes.
PATIENCE: Final = 0.1

#: How often a file is asked whether it is still where it was, in seconds.
_LOOK: Final = 1.0

_GONE: Final = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN})

_STANDARD: Final = {"stdout": 1, "stderr": 2}


class Hindrance(enum.Enum):
    """Why lines are not out, in the sense of what to do about it."""

    SLOW = "the reader does not keep up"
    FAILING = "it cannot be written for now"
    GONE = "nobody is there to read it"
    REFUSED = "the reader will never take these, but may take others"


class Result(NamedTuple):
    """What came of an attempt: `lines` are out, whole; the rest is not, because of `error`.

    Of the rest, so many as `lost` will never be out; the others are offered again.
    """

    lines: int
    hindrance: Hindrance | None = None
    error: Exception | None = None
    lost: int = 0


class Output(Protocol):
    """A place that lines go to."""

    name: str

    def write(self, lines: Sequence[bytes], patience: float = PATIENCE) -> Result:
        """Write `lines`, the first of which is the first that the last call left.

        Waits up to `patience` seconds, each time, for a reader that does not keep up.
        """

    def after_fork(self) -> None:
        """Forget, in a child, what the parent was in the middle of."""

    def close(self) -> None:
        """Let go; the output opens itself again if it is written to."""


class Rotation(NamedTuple):
    """When a file is put aside, and how many of those are kept.

    A file is put aside as ``<path>.<UTC time>`` by the thread that writes; no caller waits for it.
    """

    max_bytes: int | None = None
    daily: bool = False  # at midnight UTC
    keep: int = 7


class StreamOutput:
    """An open file descriptor, which stays its owner's, or one of the standard streams.

    A standard stream is looked up at each write: what ``contextlib.redirect_stdout``, a notebook or a test put in
    its place gets the lines as text.
    """

    def __init__(self, stream: int | str) -> None:
        self.name = stream if isinstance(stream, str) else f"fd {stream}"
        self._stream = stream
        self._begun = 0

    def write(self, lines: Sequence[bytes], patience: float = PATIENCE) -> Result:
        """Write `lines`; see `Output`."""
        fd = self._stream
        if isinstance(fd, str):
            stream = getattr(sys, fd)
            if stream is not getattr(sys, f"__{fd}__"):
                return _to_text(stream, lines)
            fd = _STANDARD[fd]
            if stream is None:
                return Result(0, Hindrance.GONE, OSError(errno.EBADF, "the process has none"))
        try:
            mode = os.fstat(fd).st_mode
        except OSError as error:
            return Result(0, _hindrance(error), error)
        piped = not (stat.S_ISREG(mode) or stat.S_ISCHR(mode))
        result, self._begun = _put(fd, lines, self._begun, patience if piped else None)
        return result

    def after_fork(self) -> None:
        """Forget the line that the parent is in the middle of."""
        self._begun = 0

    def close(self) -> None:
        """Do nothing: the descriptor is its owner's."""


class FileOutput:
    """A file by its path: opened to append, opened again when it was moved away, put aside on request.

    Raises:
        OSError: if the file cannot be opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rotation: Rotation | None = None,
        *,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = os.path.abspath(path)
        self._rotation = rotation
        self._clock, self._timer = clock, timer
        self._fd = -1
        self._begun = 0
        self._rest_until = 0.0
        self._open()

    def _open(self) -> None:
        # A FIFO nobody reads would block open() for ever; a regular file takes no notice of O_NONBLOCK.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
        fd = os.open(self.name, flags, 0o666)
        found = os.fstat(fd)
        self.close()
        self._fd, self._begun = fd, 0
        self._identity = found.st_dev, found.st_ino
        self._regular = stat.S_ISREG(found.st_mode)
        self._looked = self._timer()
        self._day = self._today() if not found.st_size else int(found.st_mtime // 86400)

    def write(self, lines: Sequence[bytes], patience: float = PATIENCE) -> Result:
        """Write `lines`; see `Output`."""
        misplaced = self._be_where_the_name_is()
        if misplaced is not None and not self._is_reachable():
            return Result(0, Hindrance.FAILING, misplaced)
        if self._begun and self._regular:
            self._begun = _mended(self._fd, self._begun)
        result, self._begun = _put(self._fd, lines, self._begun, None if self._regular else patience)
        if result.hindrance is None:
            return result._replace(error=misplaced)
        # Somebody may make room by removing the very file: look again before the next attempt. And whatever is
        # wrong with a descriptor, a file can be opened again.
        self._looked = float("-inf")
        if result.hindrance is Hindrance.GONE and self._regular:
            self.close()
            return result._replace(hindrance=Hindrance.FAILING)
        return result

    def _be_where_the_name_is(self) -> OSError | None:
        """Open the file, look whether it was moved away, put it aside: what is due. Return what went wrong."""
        try:
            if self._fd < 0:
                self._open()
            elif self._regular:
                if self._rotation is not None and not self._begun and self._is_due(self._rotation):
                    self._put_aside(self._rotation)
                if self._timer() - self._looked >= _LOOK:
                    self._looked = self._timer()
                    if self._was_moved():
                        self._open()
        except OSError as error:
            self._rest_until = self._timer() + _LOOK
            return error
        return None

    def _is_reachable(self) -> bool:
        """Say whether what is written to the open file can be found by some name."""
        return self._fd >= 0 and os.fstat(self._fd).st_nlink > 0

    def _was_moved(self) -> bool:
        try:
            found = os.stat(self.name)
        except FileNotFoundError:
            return True
        return (found.st_dev, found.st_ino) != self._identity

    # -- putting a file aside -------------------------------------------------------------------------------

    def _today(self) -> int:
        return int(self._clock() // 86400)

    def _is_due(self, rotation: Rotation) -> bool:
        if self._timer() < self._rest_until:  # it went wrong a moment ago
            return False
        if rotation.daily and self._today() != self._day:
            return True
        return rotation.max_bytes is not None and os.fstat(self._fd).st_size >= rotation.max_bytes

    def _put_aside(self, rotation: Rotation) -> None:
        """Rename the file, unless another process is doing or has done it."""
        with _lock_of(self._fd) as ours:
            if not ours:
                return
            if not self._was_moved():
                if not os.fstat(self._fd).st_size:
                    self._day = self._today()
                    return
                os.rename(self.name, self._free_name())
            self._open()
        self._remove_old(rotation.keep)

    def _free_name(self) -> str:
        stamp = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y%m%dT%H%M%S")
        name, number = f"{self.name}.{stamp}", 0
        while os.path.lexists(name):
            number += 1
            name = f"{self.name}.{stamp}-{number:06d}"
        return name

    def _remove_old(self, keep: int) -> None:
        folder, base = os.path.split(self.name)
        aside = sorted(name for name in os.listdir(folder) if _is_stamped(name, base))
        for name in aside[: max(len(aside) - keep, 0)]:
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:  # another process was faster
                continue

    def after_fork(self) -> None:
        """Open the file anew: position and lock of the parent's descriptor are one with the parent's."""
        self._begun = 0
        try:
            self._open()
        except OSError:
            self._looked = float("-inf")

    def close(self) -> None:
        """Close the file."""
        fd, self._fd = self._fd, -1
        self._begun = 0
        if fd >= 0:
            os.close(fd)


def _is_stamped(name: str, base: str) -> bool:
    stamp = name.removeprefix(base + ".")
    day, _, rest = stamp.partition("T")
    return stamp != name and len(day) == 8 and day.isdigit() and rest[:6].isdigit()


class _lock_of:  # noqa: N801 - used as a function
    """Hold the advisory lock of an open file; False where somebody else holds it."""

    def __init__(self, fd: int) -> None:
        # The lock belongs to the open file, which the rotation is about to close: hold it by a second descriptor.
        self._fd = os.dup(fd)

    def __enter__(self) -> bool:
        try:
            import fcntl
        except ImportError:  # where there is none, files that are open cannot be renamed by others either
            return True
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks
            return True
        return True

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _put(fd: int, lines: Sequence[bytes], begun: int, patience: float | None) -> tuple[Result, int]:
    """Write `lines`, the first `begun` bytes of which are out; return the result, and the bytes begun after it.

    With `patience`, `fd` is a pipe or the like: no piece is longer than ``PIPE_BUF``, nor written before there is room.
    """
    piece = _CHUNK if patience is None else _PIPE
    out = 0
    while out < len(lines):
        data, count = _joined(lines, out, begun, piece)
        written, error = _push(fd, data) if patience is None else _push_to_pipe(fd, data, patience)
        if error is None:
            out, begun = out + count, 0
            continue
        done, begun = _whole(lines, out, begun + written)
        return Result(done, _hindrance(error), error), begun
    return Result(out), 0


def _mended(fd: int, begun: int) -> int:
    """Return how much of a line begun need not be written again: none of it if others wrote behind it since."""
    try:
        if os.lseek(fd, 0, os.SEEK_CUR) == os.fstat(fd).st_size:
            return begun
        os.write(fd, b"\n")
    except OSError:
        return begun
    return 0


def _joined(lines: Sequence[bytes], first: int, begun: int, piece: int) -> tuple[bytes, int]:
    """Return as many whole lines from `first` on as fit into `piece` bytes, but at least one; and how many."""
    if first == 0 and not begun and piece == _CHUNK and len(lines) <= 16384:
        data = b"".join(lines)  # nearly always: everything fits
        if len(data) <= piece:
            return data, len(lines)
    size, end = len(lines[first]) - begun, first + 1
    while end < len(lines) and size + len(lines[end]) <= piece:
        size += len(lines[end])
        end += 1
    data = b"".join(lines[first:end]) if end > first + 1 else lines[first]
    return (data[begun:] if begun else data), end - first


def _whole(lines: Sequence[bytes], first: int, written: int) -> tuple[int, int]:
    """Return how many lines are out after `written` bytes from line `first` on, and the bytes begun of the next."""
    while first < len(lines) and written >= len(lines[first]):
        written -= len(lines[first])
        first += 1
    return first, written


def _push(fd: int, data: bytes) -> tuple[int, OSError | None]:
    """Write `data`; return how much of it is out, and what stopped the rest."""
    written = 0
    try:
        while written < len(data):
            written += os.write(fd, data[written:] if written else data)
    except OSError as error:
        return written, error
    return written, None


def _push_to_pipe(fd: int, data: bytes, patience: float) -> tuple[int, OSError | None]:
    """Do as `_push` does, but never wait longer than `patience` for room for a piece."""
    written = 0
    try:
        while written < len(data):
            if not writable(fd, patience):
                return written, BlockingIOError(errno.EAGAIN, "the reader does not keep up")
            # Another process may have taken the room: then a descriptor that blocks waits for the reader.
            written += os.write(fd, data[written : written + _PIPE])
    except OSError as error:
        return written, error
    return written, None


def writable(fd: int, seconds: float) -> bool:
    """Say whether `fd` takes ``PIPE_BUF`` bytes without blocking, after waiting up to `seconds` for it."""
    poll = getattr(select, "poll", None)
    if poll is None:  # Windows
        return True
    asked = poll()
    asked.register(fd, select.POLLOUT)
    return bool(asked.poll(seconds * 1000))  # also when nobody reads any more: writing says so


def _hindrance(error: OSError) -> Hindrance:
    if isinstance(error, BlockingIOError):
        return Hindrance.SLOW
    return Hindrance.GONE if error.errno in _GONE else Hindrance.FAILING


_text_lock = threading.RLock()


def _to_text(stream: Any, lines: Sequence[bytes]) -> Result:
    try:
        text = b"".join(lines).decode("utf-8", "backslashreplace")
        with _text_lock:
            stream.write(text)
            stream.flush()
    except Exception as error:  # noqa: BLE001 - whatever the object raises: closed, read-only, no text
        return Result(0, Hindrance.GONE, error)
    return Result(len(lines))
