"""One configuration out of arguments, the environment, a file and defaults.

In: a document, the environment, what the caller gives. Out: the merged tables, by path where every value comes from,
and what is wrong so far. Precedence: arguments, `UF__…` variables, well-known variables, the file, defaults; key by
key, so that a value that is replaced is not asked for. Never: a connection, a validation of values, a change of what
came in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from universal_framework.config.environment import field_at, kind_of, parse_text, read_overrides, variable_for
from universal_framework.config.interpolation import InterpolationError, expand
from universal_framework.config.issues import ARGUMENT, Issue, Origin, Path, Source, dotted, harmless
from universal_framework.config.toml_loader import Document
from universal_framework.config.toml_places import Places

#: The variable that names the file.
FILE_VARIABLE: Final = "UNIVERSAL_FRAMEWORK_CONFIG"
#: No setting is deeper; below that, tables are told as one unknown key.
_DEEPEST: Final = 8
_ENVIRONMENTS: Final = ("production", "staging")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The absolute path of the file to read; `named` where somebody named it, so that it must exist."""

    path: str
    named: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and its source; with an `issue` there is no value. `literal`: what of a text the file itself says."""

    value: object
    source: Source
    issue: Issue | None = None
    literal: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """The merged tables, the entry behind every value by path, what is wrong so far, and where the file has things."""

    tables: Mapping[str, Any]
    entries: Mapping[Path, Entry]
    issues: tuple[Issue, ...]
    document: Document
    places: Mapping[Path, Places]

    def is_broken(self, path: Path) -> bool:
        """Return whether the value at `path` has an issue already, so that nothing more can be said about it."""
        return any(entry.issue is not None and path[: len(at)] == at for at, entry in self.entries.items())

    def source_of_key(self, path: Path) -> Source:
        """Return where the name of `path` stands, or that of the nearest table above it."""
        return self._source(path, 0)

    def source_of_value(self, path: Path) -> Source:
        """Return where the value of `path` comes from, or the nearest table above it."""
        return self._source(path, 1)

    def _source(self, path: Path, which: int) -> Source:
        for length in range(len(path), 0, -1):
            entry = self.entries.get(path[:length])
            if entry is not None and entry.source.origin is not Origin.FILE:
                return entry.source
            if path[:length] in self.places:
                line, column = self.places[path[:length]][which]
                return Source(Origin.FILE, self.document.path, line, column)
        return Source(Origin.FILE, self.document.path)


def choose_file(explicit: str | None, environ: Mapping[str, str]) -> Chosen:
    """Return the file that was given, else the one that the environment names, else that of the environment's name."""
    named = explicit or environ.get(FILE_VARIABLE)
    if named:
        return Chosen(os.path.abspath(named), named=True)
    name = environ.get(variable_for(("environment", "name")), "").strip()
    file = f"{name if name in _ENVIRONMENTS else _ENVIRONMENTS[0]}.toml"
    return Chosen(os.path.abspath(os.path.join("config", file)), named=False)


def combine(document: Document, environ: Mapping[str, str], arguments: Mapping[str, Any]) -> Loaded:
    """Merge all sources; the issues of a value are told only where nothing stronger replaces it."""
    places = document.places()
    overrides = read_overrides(environ)
    entries = dict(_of_file(document, environ, places))
    entries |= {one.path: Entry(one.value, one.source, one.issue) for one in overrides.values}
    entries |= {path: Entry(value, ARGUMENT) for path, value in _leaves(arguments)}
    issues = (*overrides.unknown, *(entry.issue for entry in entries.values() if entry.issue is not None))
    return Loaded(_tables(entries), entries, issues, document, places)


def _of_file(
    document: Document, environ: Mapping[str, str], places: Mapping[Path, Places]
) -> Iterator[tuple[Path, Entry]]:
    for path, value in _leaves(document.tables):
        at = places.get(path)
        place = (None, None) if at is None else at.value
        source = Source(Origin.FILE, document.path, *place)
        yield path, _expanded(path, value, source, environ)


def _expanded(path: Path, value: object, source: Source, environ: Mapping[str, str]) -> Entry:
    """Return the entry of a value of the file, with the references in its texts replaced."""
    try:
        if isinstance(value, list):
            texts = [expand(one, environ).text if isinstance(one, str) else one for one in value]
            return Entry(texts, source)
        if not isinstance(value, str):
            return Entry(value, source)
        expanded = expand(value, environ)
    except InterpolationError as error:
        hint = harmless(error.hint)
        return Entry(None, source, Issue(f"config.{error.code}", dotted(path), str(error), source, hint))
    if not expanded.variables:
        return Entry(expanded.text, source, literal=expanded.literal)
    source = replace(source, variable=expanded.variables[0])
    field = field_at(path)
    try:
        typed = expanded.text if field is None else parse_text(expanded.text, kind_of(field))
    except ValueError as error:
        hint = f"see the variable {source.variable}"
        return Entry(None, source, Issue("config.type", dotted(path), str(error), source, hint))
    return Entry(typed, source, literal=expanded.literal)


def _leaves(tables: Mapping[str, Any], above: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield everything that is not a table, and the tables that are empty or too deep, by path."""
    for key, value in tables.items():
        path = (*above, key)
        if isinstance(value, Mapping) and value and len(path) < _DEEPEST:
            yield from _leaves(value, path)
        else:
            yield path, value


def _tables(entries: Mapping[Path, Entry]) -> dict[str, Any]:
    """Write the entries as nested tables; where a table is no table, that stays, to be told."""
    root: dict[str, Any] = {}
    for path, entry in entries.items():
        table: Any = root
        for part in path[:-1]:
            table = table.setdefault(part, {}) if isinstance(table, dict) else None
        if isinstance(table, dict) and entry.issue is None:
            table[path[-1]] = entry.value
    return root
