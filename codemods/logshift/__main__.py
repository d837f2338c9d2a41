"""The command line's front door: `check` goes straight to its room, everything else through click."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_DEEP = 30_000  # frames; real sources nest deeper than the default allows


def main(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEP))
    if arguments[:1] == ["check"]:
        from logshift.cli import check

        plain = check.parse_plain(arguments[1:])
        if plain is not None:
            return _guarded(lambda: check.run(plain))
    from logshift.cli import app

    return _guarded(lambda: app.invoke(arguments))


def _guarded(command: Callable[[], int]) -> int:
    """Turn what can go wrong at the border of the process into a message and an exit status."""
    try:
        status = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("logshift: interrupted\n")
        return 130
    except BrokenPipeError:  # the reader has gone, e.g. `logshift check | head`
        sys.stdout = None
        return 141
    except Exception as error:
        if type(error).__name__ == "ConfigurationError":
            sys.stderr.write(f"{error}\n")
            return 2
        raise
    return status


def run() -> None:
    """Run the command line of this process."""
    raise SystemExit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
