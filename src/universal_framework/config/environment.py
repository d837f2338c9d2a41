"""What environment variables say about the configuration.

In: the environment, as a mapping. Out: settings by path, each with the variable that it comes from, and an issue for
every variable that cannot be meant. `UF__SECTION__KEY` reaches every key, `REDIS_URL` and `OPENAI_API_KEY` are the
names that everybody knows; the former is stronger. Never: a variable's value in an issue.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from universal_framework.config.issues import Issue, Origin, Path, Source, dotted, harmless
from universal_framework.config.models import SECTIONS
from universal_framework.config.suggest import nearest
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("environment")

PREFIX: Final = "UF__"
DELIMITER: Final = "__"
#: Variables known by other names, and what they set.
WELL_KNOWN: Final[Mapping[str, Path]] = {"REDIS_URL": ("redis", "url"), "OPENAI_API_KEY": ("llm", "api_key")}

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Kind(NamedTuple):
    """What a setting takes: `bool`, `int`, `float`, `str` or `list`; in words; which texts, when they are few."""

    name: str
    words: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """The value that a variable gives to the setting at `path`; with an issue there is none."""

    path: Path
    value: object
    source: Source
    issue: Issue | None = None


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the environment says: the values, the strongest last, and an issue for every variable that sets nothing."""

    values: tuple[Override, ...]
    unknown: tuple[Issue, ...]


def read_overrides(environ: Mapping[str, str]) -> Overrides:
    """Return the settings that `environ` gives; a well-known variable that is empty counts as unset."""
    values: list[Override] = []
    unknown: list[Issue] = []
    for variable, path, text in _variables(environ):
        source = Source(Origin.ENVIRONMENT, variable=variable)
        field = field_at(path)
        if field is None:
            unknown.append(_unknown(variable, path, source))
            continue
        try:
            values.append(Override(path, parse_text(text, kind_of(field)), source))
        except ValueError as error:
            values.append(Override(path, None, source, Issue("config.type", dotted(path), str(error), source)))
    logger.debug("environment_read", settings=[dotted(one.path) for one in values], unknown=len(unknown))
    return Overrides(tuple(values), tuple(unknown))


def parse_text(text: str, kind: Kind) -> object:
    """Return what `text`, from a variable, says as a value of `kind`.

    Raises:
        ValueError: it says none; the message tells what is expected, not what is there.
    """
    word = text.strip()
    match kind.name:
        case "bool" if word.lower() in _TRUE | _FALSE:
            return word.lower() in _TRUE
        case "int" if _WHOLE.fullmatch(word):
            return int(word)
        case "float" if _NUMBER.fullmatch(word) and math.isfinite(float(word)):
            return float(word)
        case "list":
            return [part.strip() for part in word.split(",") if part.strip()]
        case "str":
            return text
    state = "is empty; unset it or give" if not word else "must be"
    raise ValueError(f"{state} {kind.words}")


def section_model(name: object) -> type[BaseModel] | None:
    """Return the model of the section `name`, if there is one."""
    return SECTIONS.get(name) if isinstance(name, str) else None


def field_at(path: Path) -> FieldInfo | None:
    """Return the field that the setting at `path` fills, None if there is no such setting or it is a table."""
    if len(path) < 2:
        return None
    field: FieldInfo | None = None
    model: type[BaseModel] | None = section_model(path[0])
    rest = list(path[1:])
    while rest:
        field = None if model is None else model.model_fields.get(str(rest.pop(0)))
        if field is None:
            return None
        inner = _table_of(field)
        if inner is not None and rest:
            rest.pop(0)  # the name of a table within
        model = inner
    return field if model is None else None


def keys_at(path: Path) -> tuple[str, ...]:
    """Return the names that may stand in the table at `path`; none where any may."""
    if not path:
        return tuple(SECTIONS)
    model = section_model(path[0])
    if len(path) == 3 and model is not None:
        field = model.model_fields.get(str(path[1]))
        model = None if field is None else _table_of(field)
    elif len(path) != 1:
        return ()
    return () if model is None else tuple(model.model_fields)


def kind_of(field: FieldInfo) -> Kind:
    """Return what `field` takes."""
    for member in _members(field.annotation):
        if get_origin(member) is Literal:
            choices = tuple(str(one) for one in get_args(member))
            return Kind("str", "one of " + ", ".join(choices), choices)
        if get_origin(member) is tuple:
            one = next(_members(get_args(member)[0]))
            choices = tuple(one) if isinstance(one, type) and issubclass(one, StrEnum) else ()
            return Kind("list", f"a list of {', '.join(choices) or 'texts'}", choices)
        for type_, kind in _KINDS.items():
            if member is type_:
                return kind
    raise TypeError(f"a setting of a type that variables cannot give: {field.annotation}")


def variable_for(path: Path) -> str:
    """Return the variable that sets the key at `path`."""
    well_known = next((name for name, one in WELL_KNOWN.items() if one == path), None)
    return well_known or PREFIX + DELIMITER.join(str(part).upper() for part in path)


_KINDS: Final[Mapping[type, Kind]] = {
    bool: Kind("bool", "true or false"),
    int: Kind("int", "a whole number"),
    float: Kind("float", "a number"),
    str: Kind("str", "a text"),
    SecretStr: Kind("str", "a text"),
}


def _members(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of a type, without `None` and without what `Annotated` adds."""
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    elif hasattr(annotation, "__metadata__"):
        yield from _members(annotation.__origin__)
    elif annotation is not type(None):
        yield annotation


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    if get_origin(field.annotation) is not dict:
        return None
    model = get_args(field.annotation)[1]
    assert isinstance(model, type) and issubclass(model, BaseModel)
    return model


def _variables(environ: Mapping[str, str]) -> Iterable[tuple[str, Path, str]]:
    """Yield the variables that are ours, the weaker first."""
    for variable, path in WELL_KNOWN.items():
        if environ.get(variable):
            yield variable, path, environ[variable]
    for variable in sorted(environ):
        if variable.upper().startswith(PREFIX):
            parts = variable[len(PREFIX) :].split(DELIMITER)
            is_ours = variable.isupper()
            yield variable, tuple(part.lower() for part in parts) if is_ours else (), environ[variable]


def _unknown(variable: str, path: Path, source: Source) -> Issue:
    if not path:
        hint = f"write it in capitals: {harmless(variable.upper())}"
    else:
        closest = nearest(variable, _all_variables(path))
        hint = f"did you mean {closest}?" if closest else "universal-framework config show lists what can be set"
    return Issue("config.unknown_variable", "", "no setting has this name", source, hint)


def _all_variables(path: Path) -> Iterator[str]:
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            inner = _table_of(field)
            if inner is None:
                yield PREFIX + DELIMITER.join((section, key)).upper()
            elif len(path) > 2:
                for name in inner.model_fields:
                    yield PREFIX + DELIMITER.join((section, key, str(path[2]), name)).upper()
