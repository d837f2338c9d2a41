"""The command line's front door: `check` goes straight to its room, everything else through click."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DEEP = 30_000  # frames; real sources nest deeper than the default allows


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    return _guarded(lambda: _command(arguments))


def _command(arguments: list[str]) -> int:
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEP))
    if arguments[:1] == ["check"]:
        from logshift.cli import check

        plain = check.parse_plain(arguments[1:])
        if plain is not None:
            return check.run(plain)
    from logshift.cli import app

    return app.invoke(arguments)


def _guarded(command: Callable[[], int]) -> int:
    """Turn what can go wrong at the border of the process into a message and an exit status."""
    try:
        status = command()
        if sys.stdout is not None:
            sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        return _without_reader()
    except Exception as error:  # noqa: BLE001 - the process's border: an exit status of 1 would mean "findings"
        kind = type(error).__name__  # the classes themselves are not worth importing
        if kind == "ReaderGoneError":
            return _without_reader()
        if kind == "ConfigurationError":
            return _say(str(error), 2, prefix="")
        if not _is_somewhere():
            return _say("the working directory does not exist any more; go to one that does", 2)
        import traceback

        return _say(f"{traceback.format_exc()}logshift: this is a defect of logshift; please report it", 2, prefix="")
    return status


def _is_somewhere() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _say(message: str, status: int, prefix: str = "logshift: ") -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"{prefix}{message}\n")
    return status


def _without_reader() -> int:
    """End quietly where nobody reads any more, as in ``logshift check | head``; what is buffered goes nowhere.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141  # as shells have it: 128 and the number of the signal


def run() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names that are not text, terminals that lack a dash
    raise SystemExit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
