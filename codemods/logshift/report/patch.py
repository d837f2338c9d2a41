"""The planned changes as a patch for ``git apply`` and ``patch``.

In: the files before and after. Out: bytes, since a patch quotes each file in the file's own encoding and with its
own line ends. https://git-scm.com/docs/diff-format, and for names with special characters core.quotePath in
https://git-scm.com/docs/git-config
"""

from __future__ import annotations

import difflib
import os

from logshift.migrate import Migration, Outcome

_ESCAPES = {0x07: "a", 0x08: "b", 0x09: "t", 0x0A: "n", 0x0B: "v", 0x0C: "f", 0x0D: "r", 0x22: '"', 0x5C: "\\"}


def render(migration: Migration) -> bytes:
    """Return the changes of all files; nothing where nothing changes."""
    return b"".join(_patch(outcome) for outcome in migration.changed)


def _patch(outcome: Outcome) -> bytes:
    assert outcome.after is not None
    path = os.path.relpath(outcome.path)
    name = os.fsencode((outcome.path if path.split(os.sep, 1)[0] == os.pardir else path).replace(os.sep, "/"))
    lines = difflib.diff_bytes(
        difflib.unified_diff, _lines(outcome.before), _lines(outcome.after), _name(b"a/" + name), _name(b"b/" + name)
    )
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """Return the lines as patches know them: a form feed or a lone carriage return ends none."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _name(name: bytes) -> bytes:
    """Return a name as git writes it: in quotes where it has to be, ended by a tab where it holds a space."""
    try:
        plain = name.decode("utf-8").isprintable() and not set(name) & set(_ESCAPES)
    except UnicodeDecodeError:
        plain = False
    if plain:
        return name + b"\t" if b" " in name else name
    return b'"' + b"".join(_escaped(byte) for byte in name) + b'"'


def _escaped(byte: int) -> bytes:
    if byte in _ESCAPES:
        return b"\\" + _ESCAPES[byte].encode()
    return bytes([byte]) if 0x20 <= byte < 0x7F else b"\\%03o" % byte
