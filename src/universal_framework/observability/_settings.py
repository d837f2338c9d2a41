"""What logging can be told: one frozen, typed value, checked when it is made.

In: keyword arguments, a TOML file, environment variables. Out: a `LoggingConfig` in which every setting is valid, or
one error that names each setting that is not, where it stands, what it may be, and the name that was probably meant.
Nothing is opened or changed here, and no error or repr shows a key.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

from universal_framework.observability import _unredacted

if TYPE_CHECKING:
    from universal_framework.observability._outputs import Output
    from universal_framework.observability.redaction import Policy

#: Each environment variable begins with this; the rest is the setting's name in capitals.
PREFIX: Final = "UF_LOG_"

FORMATS: Final = ("auto", "json", "console", "ecs", "otel")

_SHORTEST_KEY: Final = 16

Check = Callable[[object], str | None]


class ConfigurationError(ValueError):
    """The configuration of logging is wrong; what held before still holds."""


# -- checks: a value goes in, what it should have been comes out, or None ---------------------------------------


def level_number(level: object) -> int | None:
    """Return the number of a level given by name, in whatever case, or by number; None if it is neither."""
    if isinstance(level, bool):
        return None
    if isinstance(level, str):
        names = logging.getLevelNamesMapping()
        text = level.strip()
        return int(text) if text.isdigit() else names.get(text, names.get(text.upper()))
    return level if isinstance(level, int) and level >= 0 else None


def _level(value: object) -> str | None:
    if level_number(value) is not None:
        return None
    names = ", ".join(name for name, number in logging.getLevelNamesMapping().items() if number % 10 == 0 and number)
    close = _close(str(value).upper(), logging.getLevelNamesMapping())
    return f"one of {names} or a number{close}"


def _one_of(*allowed: str) -> Check:
    def check(value: object) -> str | None:
        return None if value in allowed else f"one of {', '.join(allowed)}{_close(str(value), allowed)}"

    return check


def _whole(least: int) -> Check:
    def check(value: object) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return None
        return f"a whole number, {least} or more"

    return check


def _number(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
        return None
    return "a number above 0"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _optional(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _text(value: object) -> str | None:
    return None if isinstance(value, str) and value.strip() else "a text that is not empty"


def _path(value: object) -> str | None:
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return None if isinstance(text, str) and text.strip() and "\0" not in text else "a path"


def _destination(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None if value >= 0 else "stdout, stderr, fd:<number>, or a path"
    if isinstance(value, str) and value.startswith("fd:"):
        return None if value[3:].isdigit() else "fd:<number>, e.g. fd:3"
    if is_output(value):
        return None
    if _path(value) is not None:
        return "stdout, stderr, fd:<number>, or a path"
    return None


def is_output(value: object) -> bool:
    """Say whether `value` is an output itself, such as `otlp_router.OTLPOutput`, not the name of one."""
    return all(callable(getattr(value, name, None)) for name in ("write", "after_fork", "close"))


def _named(what: str, check: Check) -> Check:
    """Check a mapping from names to what `check` asks for."""

    def checked(value: object) -> str | None:
        if not isinstance(value, Mapping):
            return f"a table from {what} to a value"
        for key, member in value.items():
            if not isinstance(key, str) or not key:
                return f"a table from {what}, not from {key!r}"
            problem = check(member)
            if problem is not None:
                return f"{problem}, for {key!r}"
        return None

    return checked


def _modules(value: object) -> str | None:
    problem = _named("the names of modules", _level)(value)
    if problem is None and isinstance(value, Mapping) and "root" in value:
        return "a table without 'root': that is the setting level"
    return problem


def _level_rates(value: object) -> str | None:
    problem = _named("levels", _whole(1))(value)
    if problem is None and isinstance(value, Mapping):
        return next((wrong for wrong in map(_level, value) if wrong), None)
    return problem


def _key(value: object) -> str | None:
    if isinstance(value, bytes | str) and len(_key_bytes(value)) >= _SHORTEST_KEY:
        return None
    return f"{_SHORTEST_KEY} bytes or more, e.g. of python -c 'import secrets; print(secrets.token_hex(32))'"


def _key_bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _policy(value: object) -> str | None:
    if value is None:
        return None
    from universal_framework.observability.redaction import Policy

    return None if isinstance(value, Policy) else "a redaction.Policy; in TOML and in the environment it cannot be set"


def _part(cls: type) -> Check:
    return lambda value: None if isinstance(value, cls) else f"a table of {', '.join(_names(cls))}"


# -- the values -------------------------------------------------------------------------------------------------


def _setting(default: Any, check: Check, about: str, *, secret: bool = False) -> Any:
    metadata = {"check": check, "about": about, "secret": secret}
    if isinstance(default, Mapping):
        return field(default_factory=lambda: MappingProxyType({}), metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)


class _Checked:
    """What the values below have in common: they check and freeze themselves, and can be sent to another process."""

    _name = ""

    def __post_init__(self) -> None:
        own: Any = self
        problems = []
        for one in fields(own):
            value = getattr(self, one.name)
            cls = _PARTS.get(one.name)
            if cls is not None and isinstance(value, Mapping):
                value = cls.from_mapping(value)
            if isinstance(value, Mapping):
                value = MappingProxyType(dict(value))
            object.__setattr__(self, one.name, value)
            expected = one.metadata["check"](value)
            if expected is not None:
                problems.append(_problem(self._name + one.name, value, expected, secret=one.metadata["secret"]))
        if problems:
            raise ConfigurationError("\n".join(problems))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """Make one from a table; `where` it stands is part of every error.

        Raises:
            ConfigurationError: if a key is unknown or a value is wrong.
        """
        known = _names(cls)
        there_are = f"; there are {', '.join(known)}"
        problems = [
            f"{where}{cls._name}{key}: no such setting{_close(str(key), known) or there_are}"
            for key in values
            if key not in known
        ]
        try:
            made = cls(**{key: value for key, value in values.items() if key in known})
        except ConfigurationError as error:
            problems += [where + line for line in str(error).splitlines()]
        if problems:
            raise ConfigurationError("\n".join(problems))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        own: Any = self
        return _restore, (type(self), {one.name: _thawed(getattr(self, one.name)) for one in fields(own)})


@dataclass(frozen=True, slots=True)
class AuditConfig(_Checked):
    """What goes to the audit trail, and how long it stays there."""

    _name = "audit."

    directory: str | os.PathLike[str] | None = _setting(None, _optional(_path), "The folder that holds the trail.")
    durability: str = _setting(
        "async",
        _one_of("async", "commit"),
        "`async` returns at once; `commit` returns when the record is on the disk, and waits for that.",
    )
    level: int | str | None = _setting(
        None,
        _optional(_level),
        "Events of this level and above go to the trail too; without it, only those that are reported as audit events.",
    )
    retention_days: int = _setting(90, _whole(1), "How many days records are kept.")


@dataclass(frozen=True, slots=True)
class SamplingConfig(_Checked):
    """Of which events only one in n is kept; never of those that go to the audit trail."""

    _name = "sampling."

    levels: Mapping[str, int] = _setting({}, _level_rates, "n by level, e.g. `DEBUG = 10`.")
    events: Mapping[str, int] = _setting(
        {}, _named("messages", _whole(1)), "n by message, which goes before level, e.g. `cache_hit = 100`."
    )


_PARTS: Final[Mapping[str, type[AuditConfig | SamplingConfig]]] = {"audit": AuditConfig, "sampling": SamplingConfig}


@dataclass(frozen=True, slots=True)
class LoggingConfig(_Checked):
    """How a process logs. Every setting is checked when the value is made.

    Raises:
        ConfigurationError: if a setting is wrong; it names all that are.
    """

    level: int | str = _setting("INFO", _level, "Events below this level are not reported.")
    levels: Mapping[str, int | str] = _setting({}, _modules, 'Levels of modules, e.g. `"urllib3" = "WARNING"`.')
    format: str = _setting(
        "auto",
        _one_of(*FORMATS),
        "`json`, `console` (for people), `ecs` (Elastic Common Schema), `otel` (OpenTelemetry's log data model);"
        " `auto` is `console` on a terminal and `json` elsewhere.",
    )
    destination: str | int | os.PathLike[str] | Output = _setting(
        "stdout",
        _destination,
        "`stdout`, `stderr`, `fd:3` or a file's path. A file that is moved away is made again."
        " In code, an `OTLPOutput` too.",
    )
    durability: str = _setting(
        "queued",
        _one_of("queued", "direct"),
        "`queued` hands lines to a thread; `direct` writes each before the call returns.",
    )
    queue_lines: int = _setting(100_000, _whole(1), "How many lines wait at most.")
    queue_bytes: int = _setting(64 << 20, _whole(1), "How many bytes wait at most.")
    when_full: str = _setting(
        "drop",
        _one_of("drop", "block"),
        "What happens to a line without room: `drop` loses and counts it, `block` waits for room first.",
    )
    block_seconds: float = _setting(
        1.0, _number, "How long `block` waits; after a wait in vain it drops until there is room."
    )
    rotate_bytes: int | None = _setting(None, _optional(_whole(1)), "Put a file aside when it has this size.")
    rotate_daily: bool = _setting(False, _switch, "Put a file aside at midnight UTC.")
    rotate_keep: int = _setting(7, _whole(0), "How many files put aside are kept.")
    caller: bool = _setting(False, _switch, "Whether events say file, line and function of the call.")
    service: str | None = _setting(None, _optional(_text), "The service's name, for `ecs` and `otel`.")
    redaction: Policy | None = _setting(None, _policy, "A `redaction.Policy` in the place of the default one; in code.")
    audit: AuditConfig = _setting(AuditConfig(), _part(AuditConfig), "The audit trail; see below.")
    sampling: SamplingConfig = _setting(SamplingConfig(), _part(SamplingConfig), "What is left out; see below.")
    budget_ms: float = _setting(5.0, _number, "A log call that takes longer is said once.")
    capture_warnings: bool = _setting(False, _switch, "Whether `warnings` are reported, by the logger `py.warnings`.")
    session_key: bytes | str | None = _setting(
        None,
        _optional(_key),
        "The key of the hashes that stand for session ids; without it they differ from process to process.",
        secret=True,
    )

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Read the table ``[logging]`` of a file.

        Raises:
            ConfigurationError: if the file cannot be read, has no such table, or a setting is wrong.
        """
        import tomllib

        name = os.fspath(path)
        try:
            with open(path, "rb") as file:
                document = tomllib.load(file)
        except OSError as error:
            raise ConfigurationError(f"{name}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name}: is not TOML: {error}") from error
        table = document.get("logging")
        if not isinstance(table, dict):
            raise ConfigurationError(f"{name}: there is no table [logging]{_close('logging', document)}")
        return cls.from_mapping(table, f"{name}: logging.")

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None, base: LoggingConfig | None = None) -> LoggingConfig:
        """Read ``UF_LOG_LEVEL``, ``UF_LOG_AUDIT_DIRECTORY`` and so on, over what `base` says.

        A table is written as ``UF_LOG_LEVELS="urllib3=WARNING,app.db=DEBUG"``; an empty variable counts as not set.

        Raises:
            ConfigurationError: if a variable with the prefix is unknown, or a value is wrong.
        """
        base = LoggingConfig() if base is None else base
        given = os.environ if environment is None else environment
        known = variables()
        values: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {}
        problems = []
        for name, text in given.items():
            if not name.startswith(PREFIX) or not text.strip():
                continue
            if name == _unredacted.VARIABLE:
                if text.strip().lower() not in {"on", "off"}:
                    problems.append(f"{name}: must be on or off, not {text.strip()!r}")
                continue
            if name not in known:
                problems.append(f"{name}: no such setting{_close(name, known)}")
                continue
            part, setting = known[name]
            try:
                value = _parsed(text.strip(), setting)
            except ValueError as error:
                problems.append(f"{name}: {error}")
                continue
            expected = setting.metadata["check"](value)
            if expected is not None:
                problems.append(_problem(name, value, expected, secret=setting.metadata["secret"]))
            (parts.setdefault(part, {}) if part else values)[setting.name] = value
        if problems:
            raise ConfigurationError("\n".join(problems))
        values.update((part, dataclasses.replace(getattr(base, part), **inner)) for part, inner in parts.items())
        return dataclasses.replace(base, **values)


def variables() -> dict[str, tuple[str, dataclasses.Field[Any]]]:
    """Return, for each environment variable, the part that its setting belongs to ("" for none), and the setting."""
    found = {}
    for one in fields(LoggingConfig):
        if one.name in _PARTS:
            for inner in fields(_PARTS[one.name]):
                found[f"{PREFIX}{one.name}_{inner.name}".upper()] = one.name, inner
        elif one.name != "redaction":
            found[f"{PREFIX}{one.name}".upper()] = "", one
    return found


def _parsed(text: str, setting: dataclasses.Field[Any]) -> object:
    """Return what the text of an environment variable means, by the type of its setting."""
    kind = str(setting.type)
    if kind.startswith("Mapping"):
        return dict(_pair(item) for item in text.split(",") if item.strip())
    if kind == "bool":
        if text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        raise ValueError(f"must be one of {', '.join(sorted(_TRUE | _FALSE))}, not {text!r}")
    if kind in {"int", "int | None", "float"}:
        try:
            return float(text) if kind == "float" else int(text)
        except ValueError:
            raise ValueError(f"must be a number, not {text!r}") from None
    return text


_TRUE: Final = {"1", "true", "yes", "on"}
_FALSE: Final = {"0", "false", "no", "off"}


def _pair(item: str) -> tuple[str, object]:
    key, equals, value = (part.strip() for part in item.rpartition("="))
    if not equals or not key:
        raise ValueError(f"must be name=value, name=value, …; there is no name and value in {item!r}")
    return key, int(value) if value.isdigit() else value


def _problem(name: str, value: object, expected: str, *, secret: bool) -> str:
    shown = "" if secret else f", not {_thawed(value)!r}"
    return f"{name}: must be {expected}{shown}"


def _names(cls: type) -> list[str]:
    return [one.name for one in fields(cls)]


def _close(name: str, known: Iterable[str]) -> str:
    import difflib  # only where something is wrong

    found = difflib.get_close_matches(name, list(known), n=1) or difflib.get_close_matches(
        name.replace("-", "_").lower(), list(known), n=1
    )
    return f"; did you mean {found[0]}?" if found else ""


def _thawed(value: object) -> object:
    return dict(value) if isinstance(value, MappingProxyType) else value


def _restore(cls: type[_Checked], values: Mapping[str, Any]) -> object:
    return cls(**values)


def table() -> list[tuple[str, str, str]]:
    """Return name, default and meaning of every setting, as the documentation shows them."""
    rows = []
    for one in fields(LoggingConfig):
        part = _PARTS.get(one.name)
        for inner in fields(part) if part is not None else (one,):
            name = f"{one.name}.{inner.name}" if part is not None else one.name
            rows.append((name, _shown_default(inner), inner.metadata["about"]))
    return rows


def _shown_default(setting: dataclasses.Field[Any]) -> str:
    default = setting.default
    if default is dataclasses.MISSING or default is None:
        return "none"
    return f"`{str(default).lower()}`" if isinstance(default, bool) else f"`{default}`"
