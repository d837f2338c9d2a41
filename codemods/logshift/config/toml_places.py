"""Where each key of a TOML document stands.

In: the text of a document that `tomllib` has accepted. Out: for every key, table and element, by its path from the
root, the 1-based line and column at which its name – an element has none: its value – begins. `tomllib` keeps no
places; messages about a configuration need them. Grammar: https://toml.io/en/v1.0.0
"""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
Place = tuple[int, int]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_FILLER = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL)
_QUOTED_KEY = re.compile(r'"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


def places(text: str) -> dict[Path, Place]:
    """Return the place of every key of the valid TOML document `text`; the first one, where a table has several."""
    return _Walker(text).walk()


class _Walker:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, Place] = {}
        self.arrays: dict[Path, int] = {}

    def walk(self) -> dict[Path, Place]:
        table: Path = ()
        self._skip(_FILLER)
        while self.at < len(self.text):
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_FILLER)
        return self.found

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        table: Path = ()
        keys = self._keys()
        for depth, (key, at) in enumerate(keys):
            table = (*table, key)
            self._mark(table, at)
            if is_array and depth == len(keys) - 1:
                self.arrays[table] = self.arrays.get(table, -1) + 1
            if table in self.arrays:
                table = (*table, self.arrays[table])
                self._mark(table, at)
        self.at += 2 if is_array else 1
        return table

    def _pair(self, table: Path) -> None:
        path = table
        for key, at in self._keys():
            path = (*path, key)
            self._mark(path, at)
        self.at += 1  # =
        self._skip(_SPACE)
        self._value(path)

    def _keys(self) -> list[tuple[str, int]]:
        """Read a dotted key: its parts, and where each begins."""
        keys = []
        while True:
            self._skip(_SPACE)
            quoted = _QUOTED_KEY.match(self.text, self.at)
            found = quoted or _BARE.match(self.text, self.at)
            assert found is not None
            keys.append((_unquote(found.group()) if quoted else found.group(), self.at))
            self.at = found.end()
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _value(self, path: Path) -> None:
        if self.text.startswith("[", self.at):
            self._array(path)
        elif self.text.startswith("{", self.at):
            self._inline_table(path)
        else:
            self._skip(_STRING if self.text.startswith(('"', "'"), self.at) else _SCALAR)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        self._skip(_FILLER)
        while not self.text.startswith("]", self.at):
            self._mark((*path, index), self.at)
            self._value((*path, index))
            index += 1
            self._separator()
        self.at += 1

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        self._skip(_FILLER)
        while not self.text.startswith("}", self.at):
            self._pair(path)
            self._separator()
        self.at += 1

    def _separator(self) -> None:
        self._skip(_FILLER)
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_FILLER)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def _mark(self, path: Path, at: int) -> None:
        line = self.text.count("\n", 0, at) + 1
        self.found.setdefault(path, (line, at - self.text.rfind("\n", 0, at)))


def _unquote(text: str) -> str:
    import tomllib

    return next(iter(tomllib.loads(f"{text} = 0")))
