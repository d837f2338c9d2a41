"""Where the keys and values of a TOML document stand.

In: the text of a document that `tomllib` has accepted. Out: for every key, table and element, by its path from the
root, the 1-based line and column (in characters) at which its name and its value begin. Nothing is validated here:
`tomllib` has the word on that, but keeps no places. Grammar: https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class Places(NamedTuple):
    """Where a name begins, and where its value does; an element's name is its value, a table's value its name."""

    key: Place
    value: Place


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_QUOTED_KEY = re.compile(r'"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def locate(text: str) -> dict[Path, Places]:
    """Return where everything in the valid document `text` stands; the first place, where a table has several."""
    return _Reader(text).read()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._found: dict[Path, Places] = {}
        self._last: dict[Path, int] = {}  # of each array of tables, the index of the table being written

    def read(self) -> dict[Path, Places]:
        table: Path = ()
        self._pass(_FILLER)
        while self._at < len(self._text):
            if self._sees("["):
                table = self._header()
            else:
                self._pair(table)
            self._pass(_FILLER)
        return self._found

    def _header(self) -> Path:
        brackets = 2 if self._sees("[[") else 1
        self._at += brackets
        table: Path = ()
        keys = self._dotted_key()
        for depth, (key, at) in enumerate(keys, start=1):
            table = (*table, key)
            self._mark(table, at, at)
            if brackets == 2 and depth == len(keys):
                self._last[table] = self._last.get(table, -1) + 1
            if table in self._last:
                table = (*table, self._last[table])
                self._mark(table, at, at)
        self._at += brackets
        return table

    def _pair(self, table: Path) -> None:
        keys = self._dotted_key()
        self._at += 1  # the equals sign
        self._pass(_BLANK)
        for depth, (_, at) in enumerate(keys, start=1):
            path = (*table, *(key for key, _ in keys[:depth]))
            self._mark(path, at, self._at if depth == len(keys) else at)
        self._value((*table, *(key for key, _ in keys)))

    def _dotted_key(self) -> list[tuple[str, int]]:
        """Read a key: its parts, and where each begins."""
        parts = []
        while True:
            self._pass(_BLANK)
            at = self._at
            parts.append((self._simple_key(), at))
            self._pass(_BLANK)
            if not self._sees("."):
                return parts
            self._at += 1

    def _simple_key(self) -> str:
        if self._sees('"', "'"):
            quoted = self._pass(_QUOTED_KEY)
            return next(iter(tomllib.loads(f"{quoted} = 0")))
        return self._pass(_BARE)

    def _value(self, path: Path) -> None:
        if self._sees("["):
            self._array(path)
        elif self._sees("{"):
            self._inline_table(path)
        else:
            self._pass(_STRING if self._sees('"', "'") else _SCALAR)

    def _array(self, path: Path) -> None:
        self._at += 1
        self._pass(_FILLER)
        index = 0
        while not self._sees("]"):
            self._mark((*path, index), self._at, self._at)
            self._value((*path, index))
            self._separator()
            index += 1
        self._at += 1

    def _inline_table(self, path: Path) -> None:
        self._at += 1
        self._pass(_FILLER)
        while not self._sees("}"):
            self._pair(path)
            self._separator()
        self._at += 1

    def _separator(self) -> None:
        self._pass(_FILLER)
        if self._sees(","):
            self._at += 1
            self._pass(_FILLER)

    def _sees(self, *starts: str) -> bool:
        return self._text.startswith(starts, self._at)

    def _pass(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        return found.group()

    def _mark(self, path: Path, key: int, value: int) -> None:
        self._found.setdefault(path, Places(self._place(key), self._place(value)))

    def _place(self, at: int) -> Place:
        line = bisect_right(self._lines, at)
        return Place(line, at - self._lines[line - 1] + 1)
