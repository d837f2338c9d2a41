"""Who called the logger: the first frame that belongs to neither logging nor this package.

In: the running stack. Out: what a ``LogRecord`` calls ``pathname, lineno, funcName`` and, where asked for, a
rendered stack. The rule is the standard library's of Python 3.11 and later: frames of the logging machinery
do not count, and ``stacklevel`` counts the frames that do.
"""

from __future__ import annotations

import io
import logging
import sys
import traceback
from os.path import normcase
from types import CodeType, FrameType
from typing import NamedTuple

#: Modules of ours whose frames stand between a caller and a sink set their ``__name__`` to this value once
#: they are loaded. structlog decides by that name which frames are not the application's
#: (``CallsiteParameterAdder``, ``structlog.stdlib.LoggerFactory``), and offers no other way to be told.
#: https://www.structlog.org/en/stable/api.html#structlog.processors.CallsiteParameterAdder
TRANSPARENT = "structlog.transparent.universal_framework"

_LOGGING_FILE = normcase(logging.addLevelName.__code__.co_filename)


class Caller(NamedTuple):
    """Where a log call stands in the source."""

    path: str
    line: int
    function: str
    stack: str | None


def find_caller(stacklevel: int, *, with_stack: bool) -> Caller:
    """Return the place of the log call, `stacklevel` - 1 application frames further out.

    A level beyond the outermost frame gives the outermost one, as the standard library does.
    """
    frame = calling_frame(stacklevel)
    code = frame.f_code
    stack = _render_stack(frame) if with_stack else None
    return Caller(code.co_filename, frame.f_lineno, code.co_name, stack)


def calling_frame(stacklevel: int) -> FrameType:
    """Return the frame that holds the log call, or the one `stacklevel` - 1 application frames further out."""
    frame: FrameType = sys._getframe(1)
    remaining = stacklevel
    while True:
        if not _is_machinery(frame):
            remaining -= 1
            if remaining <= 0:
                break
        if frame.f_back is None:
            break
        frame = frame.f_back
    return frame


def own_frames() -> int:
    """Return how many frames of ours stand between the caller of this function and the log call.

    The standard library counts them as the application's, so a ``stacklevel`` given to it must too.
    """
    frame: FrameType | None = sys._getframe(1)
    count = 0
    while frame is not None and _is_machinery(frame):
        count += frame.f_globals.get("__name__") == TRANSPARENT
        frame = frame.f_back
    return count


def encloses_twice(code: CodeType) -> bool:
    """Say whether a call of `code` is running inside another one."""
    running = 0
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and running < 2:
        running += frame.f_code is code
        frame = frame.f_back
    return running == 2


def is_of_logging(code: CodeType | None) -> bool:
    """Say whether `code` was defined in stdlib's ``logging``."""
    return code is not None and normcase(code.co_filename) == _LOGGING_FILE


def _is_machinery(frame: FrameType) -> bool:
    if frame.f_globals.get("__name__") == TRANSPARENT:
        return True
    filename = normcase(frame.f_code.co_filename)
    return filename == _LOGGING_FILE or ("importlib" in filename and "_bootstrap" in filename)


def _render_stack(frame: FrameType) -> str:
    text = io.StringIO()
    text.write("Stack (most recent call last):\n")
    traceback.print_stack(frame, file=text)
    return text.getvalue().removesuffix("\n")


__name__ = TRANSPARENT  # last: what is defined above keeps its true ``__module__``
