"""Merged tables become checked sections, and what is wrong with them becomes issues.

In: what was loaded. Out: the model of every section that is valid, and an issue for everything else, at its place.
Every section stands for itself, so that a mistake in one hides nothing in another. Never: a value in a message;
pydantic's own words are used only where they hold none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from universal_framework.config.environment import Kind, field_at, keys_at, kind_of, variable_for
from universal_framework.config.issues import DEFAULT, Issue, Path, Source, dotted
from universal_framework.config.loader import Loaded
from universal_framework.config.models import SECTIONS
from universal_framework.config.suggest import did_you_mean, nearest

_TYPE_ERRORS = ("_type", "_parsing", "_from_float", "_string", "_attributes_type")
#: Of keys that must fit with another, which one that is.
_RELATED = {
    "max_session_age_hours": "session_timeout_hours",
    "sentinels": "sentinel_service",
    "minimum_calls": "sliding_window",
    "otlp_client_key": "otlp_client_certificate",
}
_RANGE_ERRORS = frozenset({
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number", "multiple_of",
    "string_too_short", "string_too_long", "too_long", "too_short", "int_parsing_size",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections that are valid, by name, and what is wrong with the others."""

    valid: Mapping[str, BaseModel]
    issues: tuple[Issue, ...]


def validate_sections(loaded: Loaded) -> Sections:
    """Check every section for itself."""
    valid: dict[str, BaseModel] = {}
    issues = [_unknown_section(name, loaded) for name in loaded.tables if name not in SECTIONS]
    for name, model in SECTIONS.items():
        found = loaded.tables.get(name, {})
        if not isinstance(found, Mapping):
            issues.append(_not_a_table(name, loaded))
            continue
        try:
            section = model.model_validate(found)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            issues += [issue for one in details if (issue := _issue(name, one, found, loaded)) is not None]
        else:
            if not loaded.is_broken((name,)):
                valid[name] = section
    return Sections(valid, tuple(issues))


def _unknown_section(name: str, loaded: Loaded) -> Issue:
    owners = [section for section, model in SECTIONS.items() if name in model.model_fields]
    hint = did_you_mean(name, SECTIONS) or (f"it belongs into [{owners[0]}]" if owners else "")
    return Issue("config.unknown_key", dotted((name,)), "unknown section", loaded.source_of_key((name,)), hint)


def _not_a_table(name: str, loaded: Loaded) -> Issue:
    first = next(iter(SECTIONS[name].model_fields))
    return Issue(
        "config.type",
        name,
        "must be a table",
        loaded.source_of_value((name,)),
        f"write [{name}] and below it {first} = …",
    )


def _issue(section: str, error: ErrorDetails, found: Mapping[str, Any], loaded: Loaded) -> Issue | None:
    """Return what pydantic found as an issue; None where the value has one already."""
    path: Path = (section, *error["loc"])
    kind = error["type"]
    if loaded.is_broken(path):
        return None
    if kind == "extra_forbidden":
        return _unknown_key(path, loaded)
    if kind == "missing":
        hint = f"set {variable_for(path)}, or write it into [{section}]"
        return Issue("config.missing", dotted(path), "is required", loaded.source_of_key(path[:-1]), hint)
    source = _source(path, loaded)
    if "." in kind:  # a code of ours, with words of ours
        return Issue(kind, dotted(path), error["msg"], source, _hint(kind))
    if kind in ("literal_error", "enum"):
        return _not_a_choice(path, _value_at(found, path[1:]), source)
    if kind.endswith(_TYPE_ERRORS):
        return Issue("config.type", dotted(path), f"must be {_expected(path)}", source, _quoted(path, found))
    code = "config.range" if kind in _RANGE_ERRORS else "config.value"
    return Issue(
        code, dotted(path), error["msg"].replace("Input should", "must").replace("String should", "must"), source
    )


def _source(path: Path, loaded: Loaded) -> Source:
    """Return where a wrong value comes from; of a default, where the value that it does not fit with comes from."""
    if path in loaded.entries or not isinstance(path[-1], str):
        return loaded.source_of_value(path)
    related = (*path[:-1], _RELATED.get(path[-1], ""))
    if related in loaded.entries or len(path) != 2:
        return loaded.source_of_value(related)
    return DEFAULT


def _unknown_key(path: Path, loaded: Loaded) -> Issue:
    name = str(path[-1])
    hint = did_you_mean(name, keys_at(path[:-1]))
    if not hint:
        elsewhere = [section for section, model in SECTIONS.items() if name in model.model_fields]
        hint = f"it belongs into [{elsewhere[0]}]" if elsewhere else ""
    return Issue("config.unknown_key", dotted(path), "unknown key", loaded.source_of_key(path), hint)


def _not_a_choice(path: Path, value: object, source: Source) -> Issue:
    is_member = isinstance(path[-1], int)
    field = field_at(path[:-1] if is_member else path)
    assert field is not None
    kind = kind_of(field)
    if is_member:
        kind = Kind("str", "one of " + ", ".join(kind.choices), kind.choices)
    if not isinstance(value, str):
        return Issue("config.type", dotted(path), f"must be {kind.words}", source)
    close = nearest(value, kind.choices)
    return Issue(
        "config.value", dotted(path), f"must be {kind.words}", source, f'did you mean "{close}"?' if close else ""
    )


def _expected(path: Path) -> str:
    field = field_at(path)
    return "a table" if field is None else kind_of(field).words


def _quoted(path: Path, found: Mapping[str, Any]) -> str:
    """Return the hint for a value that would do without its quotes."""
    field = field_at(path)
    value = _value_at(found, path[1:])
    if field is None or not isinstance(value, str):
        return ""
    kind = kind_of(field).name
    is_number = kind in ("int", "float") and _is_number(value)
    return "write it without quotes" if is_number or (kind == "bool" and value in ("true", "false")) else ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _value_at(table: Any, path: Path) -> object:
    for part in path:
        if isinstance(table, Mapping):
            table = table.get(part)
        elif isinstance(table, list | tuple) and isinstance(part, int) and part < len(table):
            table = table[part]
        else:
            return None
    return table


def _hint(code: str) -> str:
    return {
        "redis.url": "a Redis address is redis://[user:password@]host[:port][/database]",
        "llm.api_key": "set OPENAI_API_KEY to a key of the provider",
        "config.production_debug": "remove it, or set environment.name to staging",
        "error_recovery.window": "raise sliding_window, or lower minimum_calls",
        "security.session_limits": "a session cannot be idle for longer than it may live",
    }.get(code, "")


def values(section: BaseModel) -> Iterator[tuple[Path, object]]:
    """Yield the values of a section by path below it; of tables within, those that were given."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from (
                    ((name, key, own), getattr(inner, own))
                    for own in type(inner).model_fields
                    if own in inner.model_fields_set
                )
        else:
            yield (name,), value
