"""From TOML to `Settings`: every key checked before anything runs.

Unknown keys, wrong types and impossible values are errors that name file, line, column and the nearest right
key. Loaded only where there is a configuration to read and no compiled copy of it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import keyword
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from logshift.config.settings import DEFAULT_EXCLUDE, Legacy, Settings, TargetSettings
from logshift.config.toml_places import places
from logshift.frameworks import Contract
from logshift.frameworks._house_contract import CONTRACT
from logshift.frameworks.house import CLASS, MODULE


class ConfigurationError(Exception):
    """A configuration file that cannot be used; the message has one line for each problem."""


def _dotted(value: str) -> str:
    parts = value.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ValueError("must be a dotted Python name such as 'package.module.name'")
    return value


def _identifier(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError("must be a Python identifier")
    return value


Dotted = Annotated[str, AfterValidator(_dotted)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Component = Annotated[str, Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=lambda name: name.rstrip("_").replace("_", "-"),
    )


class ContractTable(_Table):
    """What the target's loggers can do; for a class other than the house logger."""

    methods: list[Identifier] = Field(default=sorted(CONTRACT.methods), description="Methods that exist.")
    attributes: list[Identifier] = Field(default=sorted(CONTRACT.attributes), description="Attributes that exist.")
    formatting: Literal["percent", "none"] = Field(
        default="percent", description="What positional arguments after the message are for."
    )
    fields: bool = Field(default=True, description="Whether any other keyword is a field of the event.")
    reserved: list[Identifier] = Field(
        default=sorted(CONTRACT.reserved), description="Keywords with a meaning of their own."
    )
    stands_for: list[Dotted] = Field(default=sorted(CONTRACT.stands_for), description="Types it can be passed as.")
    constructor: list[Literal["name", "via"]] = Field(
        default=["name", "via"], description="Keywords that the constructor takes beside the component."
    )


class TargetTable(_Table):
    """The class that loggers move to."""

    module: Dotted = Field(default=MODULE, description="The module to import the class from.")
    class_: Identifier = Field(default=CLASS, description="The class.")
    import_style: Literal["absolute", "relative"] = Field(
        default="absolute",
        description="How the import is written; relative where the target is in the same package.",
    )
    components: dict[str, Component] = Field(
        default={},
        description="Component by file: a path from the project's root, or a glob. Default: the file's stem.",
    )
    contract: ContractTable = Field(default=ContractTable(), description="What the target's loggers can do.")


class LegacyTable(_Table):
    """A helper class or wrapper function whose loggers are legacy too."""

    factory: Dotted = Field(..., description="The dotted path of the class or function that makes loggers.")
    kind: Literal["helper"] = Field(default="helper", description="What it is.")
    methods: dict[Identifier, Identifier] = Field(
        default={}, description="What each of its methods is called on the target, with the same arguments."
    )
    channel: str | None = Field(
        default=None, description="The label its events were reported under, kept as `channel`."
    )


class Config(_Table):
    """What logshift looks at, and what it keeps."""

    src: list[str] = Field(default=["src", "."], description="Folders that modules are imported from.")
    exclude: list[str] = Field(
        default=list(DEFAULT_EXCLUDE), description="What is never looked at; gitignore patterns."
    )
    extend_exclude: list[str] = Field(default=[], description="More patterns, beside the default ones.")
    respect_gitignore: bool = Field(default=True, description="Whether files that git ignores are left out.")
    keep_channels: bool = Field(
        default=True,
        description="Whether a structlog logger's name stays on its events, as the field `channel`.",
    )
    require_suppression_reason: bool = Field(
        default=False, description="Whether a suppression comment has to say why, as in `# logshift: ignore -- why`."
    )
    baseline: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Known findings, from the project's root. Default: `logshift-baseline.jsonl`, if it exists.",
    )
    ratchet: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Counts for `check --ratchet`, from the project's root. Default: `logshift-ratchet.jsonl`.",
    )
    target: TargetTable = Field(default=TargetTable(), description="The class that loggers move to.")
    legacy: list[LegacyTable] = Field(default=[], description="Helper classes and wrapper functions to migrate.")


def load(path: str) -> Settings | None:
    """Return the settings in the file at `path`; None for a ``pyproject.toml`` without a ``[tool.logshift]``.

    Raises:
        ConfigurationError: if the file cannot be read, is not TOML, or says something it may not.
    """
    data, text, document = _read(path)
    prefix = ("tool", "logshift") if os.path.basename(path) == "pyproject.toml" else ()
    table: Any = document
    for key in prefix:
        if not isinstance(table, dict) or key not in table:
            return None
        table = table[key]
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        known = places(text)
        details = sorted(error.errors(include_url=False), key=lambda one: _nearest(known, prefix + _location(one)))
        raise ConfigurationError("\n".join(_problem(path, known, prefix, one) for one in details)) from None
    return _settings(config, path, hashlib.sha256(data).hexdigest()[:16])


def config_schema() -> str:
    """Return the JSON Schema of ``[tool.logshift]``, as text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def _read(path: str) -> tuple[bytes, str, dict[str, Any]]:
    try:
        data = Path(path).read_bytes()
        text = data.decode("utf-8-sig")  # Windows editors begin a file with a byte order mark
        return data, text, tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigurationError(f"{shown(path)}:{line}:{column}: not UTF-8, which TOML has to be") from None
    except tomllib.TOMLDecodeError as error:
        reason, _, at = str(error).rpartition(" (at ")
        found = re.fullmatch(r"line (\d+), column (\d+)\)", at)
        end = (text.count("\n") + 1, len(text) - text.rfind("\n"))
        line, column = map(int, found.groups()) if found else end
        raise ConfigurationError(f"{shown(path)}:{line}:{column}: not valid TOML: {reason}") from None


def _settings(config: Config, path: str, digest: str) -> Settings:
    contract = config.target.contract
    return Settings(
        root=os.path.dirname(path),
        file=path,
        src=tuple(config.src),
        exclude=tuple(config.exclude),
        extend_exclude=tuple(config.extend_exclude),
        respect_gitignore=config.respect_gitignore,
        keep_channels=config.keep_channels,
        require_suppression_reason=config.require_suppression_reason,
        baseline=config.baseline,
        ratchet=config.ratchet,
        target=TargetSettings(
            module=config.target.module,
            cls=config.target.class_,
            import_style=config.target.import_style,
            components=tuple(config.target.components.items()),
            contract=Contract(
                methods=frozenset(contract.methods),
                attributes=frozenset(contract.attributes),
                formatting=contract.formatting,
                fields=contract.fields,
                reserved=frozenset(contract.reserved),
                stands_for=frozenset(contract.stands_for),
                constructor=frozenset(contract.constructor),
            ),
        ),
        legacy=tuple(
            Legacy(factory=one.factory, methods=tuple(one.methods.items()), channel=one.channel)
            for one in config.legacy
        ),
        digest=digest,
    )


def _problem(path: str, known: dict[Any, Any], prefix: tuple[str, ...], detail: Any) -> str:
    location = _location(detail)
    line, column = _nearest(known, prefix + location)
    key = ".".join(str(part) for part in location) or ".".join(prefix)
    where = f"{shown(path)}:{line}:{column}"
    if detail["type"] == "extra_forbidden":
        near = _suggestion(location)
        return f"{where}: unknown key `{key}`" + (f"; did you mean `{near}`?" if near else "")
    if detail["type"] == "missing":
        return f"{where}: `{key}` is missing"
    if detail["type"] in ("model_type", "dict_type"):
        return f"{where}: `{key}`: must be a table"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{where}: `{key}`: {message[0].lower()}{message[1:]}"


def _location(detail: Any) -> tuple[Any, ...]:
    return tuple(part for part in detail["loc"] if part != "[key]")


def _nearest(known: dict[Any, Any], path: tuple[Any, ...]) -> tuple[int, int]:
    while path and path not in known:
        path = path[:-1]
    return known.get(path, (1, 1))  # type: ignore[no-any-return]


def _suggestion(location: tuple[Any, ...]) -> str | None:
    model: Any = Config
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        field = next((f for f in model.model_fields.values() if f.alias == part), None)
        model = {"target": TargetTable, "legacy": LegacyTable, "contract": ContractTable}.get(part, model)
        if field is None:
            return None
    names = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(str(location[-1]), names, n=1, cutoff=0.5)
    return near[0] if near else None


def shown(path: str) -> str:
    """Return `path` as people read it: relative where it is below the working directory."""
    relative = os.path.relpath(path)
    return path if relative.split(os.sep, 1)[0] == os.pardir else relative
