"""What is wrong with a configuration, and what the check of it all says.

In: findings of the rooms that read, merge, validate and connect. Out: immutable values that name the place – file, line
and column, or the environment variable – what is expected and what to do. Never: a value that somebody configured; a
secret may stand in any of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from universal_framework.observability.redaction import redact

Path = tuple[str | int, ...]

_LONGEST = 80


class Severity(StrEnum):
    """How bad it is: an error makes a configuration invalid, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Origin(StrEnum):
    """Where a value can come from, the strongest first."""

    ARGUMENT = "argument"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a place in a file (line and column count from 1), a variable, a call, a default."""

    origin: Origin
    file: str | None = None
    line: int | None = None
    column: int | None = None
    variable: str | None = None

    def __str__(self) -> str:
        if self.file is None:
            return self.origin.value if self.variable is None else f"env {self.variable}"
        place = "" if self.line is None else f":{self.line}:{self.column}"
        return f"{shown_path(self.file)}{place}"

    def as_dict(self) -> dict[str, Any]:
        """Return the parts that are known, as JSON has them."""
        parts = {"file": self.file, "line": self.line, "column": self.column, "variable": self.variable}
        return {"origin": self.origin.value, **{name: value for name, value in parts.items() if value is not None}}


DEFAULT = Source(Origin.DEFAULT)
ARGUMENT = Source(Origin.ARGUMENT)


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong: a stable code, the key it is about, words without values, and where it stands."""

    code: str
    path: str
    message: str
    source: Source = DEFAULT
    hint: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        about = f"{self.path}: " if self.path else ""
        return f"{self.source}: {about}{self.message} [{self.code}]"

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "path": self.path,
            "message": self.message,
            "hint": self.hint,
            "source": self.source.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All that one check of a configuration found. `report["valid"]` and its like answer as the plan's dictionary."""

    issues: tuple[Issue, ...] = ()
    skipped: tuple[str, ...] = ()
    path: str | None = None

    @property
    def valid(self) -> bool:
        """Whether nothing found is an error."""
        return not any(issue.severity is Severity.ERROR for issue in self.issues)

    @property
    def errors(self) -> tuple[str, ...]:
        """What makes the configuration invalid, a line for each."""
        return tuple(str(issue) for issue in self.issues if issue.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but probably not meant, a line for each; then what could not be checked."""
        found = tuple(str(issue) for issue in self.issues if issue.severity is Severity.WARNING)
        return found + tuple(f"skipped: {what}" for what in self.skipped)

    @property
    def recommendations(self) -> tuple[str, ...]:
        """What to do about it: the hints of the issues, each once."""
        return tuple(dict.fromkeys(issue.hint for issue in self.issues if issue.hint))

    def as_dict(self) -> dict[str, Any]:
        """Return exactly the four keys of the plan's result, of new lists."""
        return {
            "valid": self.valid,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "recommendations": list(self.recommendations),
        }

    def __getitem__(self, key: str) -> Any:
        return self.as_dict()[key]

    def codes(self) -> tuple[str, ...]:
        """Return the code of every issue, in their order."""
        return tuple(issue.code for issue in self.issues)


def dotted(path: Iterable[str | int]) -> str:
    """Write a path as `redis.sentinels[0]`; parts that nobody can read, or that look secret, are made harmless."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{harmless(part)}"
    return text


def harmless(text: str) -> str:
    """Return somebody's text fit for one line of a report: redacted, printable, not too long."""
    clean = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in str(redact(text)))
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"


def shown_path(path: str) -> str:
    """Return `path` as people would type it here: relative where it lies below the working directory."""
    try:
        relative = os.path.relpath(path)
    except (ValueError, OSError):  # another drive; a working directory that is gone
        return path
    return path if relative.startswith("..") else relative


class ConfigurationError(ValueError):
    """The configuration cannot be used; the report says why, without a value."""

    def __init__(self, report: ValidationReport) -> None:
        super().__init__("\n".join(("the configuration is invalid:", *report.errors)))
        self.report = report
