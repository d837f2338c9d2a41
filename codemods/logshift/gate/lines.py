"""Files of one JSON object a line, sorted, so that git merges them line by line.

In and out: dictionaries of text and numbers. A line that two branches have written both is one line.
"""

from __future__ import annotations

import contextlib
import json
import os

from logshift.engine import shown
from logshift.gate import GateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeVar

    T = TypeVar("T")

_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")


def read(path: str, kind: type[T], types: Mapping[str, type], command: str) -> list[T]:
    """Return a value of `kind` for each line; `command` is what writes such a file.

    Raises:
        GateError: if the file is missing, or has a line that is none.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().split("\n")
    except FileNotFoundError:
        raise GateError(f"{shown(path)} does not exist; `logshift {command} create` makes it") from None
    except OSError as error:
        raise GateError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GateError(f"{shown(path)}: is not UTF-8; `logshift {command} create --force` makes it anew") from None
    found: dict[T, None] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            found[_value(line, kind, types, f"{shown(path)}:{number}", command)] = None
    return list(found)


def _value(line: str, kind: type[T], types: Mapping[str, type], place: str, command: str) -> T:
    if line.startswith(_CONFLICT):
        raise GateError(f"{place}: git left a conflict; keep the lines of both sides, then `logshift {command} update`")
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict) or {key: type(one) for key, one in value.items()} != dict(types):
        wanted = ", ".join(types)
        raise GateError(
            f"{place}: is not an object of {wanted}; `logshift {command} create --force` makes the file anew"
        )
    return kind(**value)


def write(path: str, rows: Iterable[dict[str, str | int]]) -> None:
    """Replace the file; a reader sees the old one or the new one.

    Raises:
        GateError: if it cannot be written.
    """
    text = "".join(json.dumps(row) + "\n" for row in rows)
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise GateError(f"{shown(path)}: cannot be written: {error.strerror}") from None
