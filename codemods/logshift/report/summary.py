"""The figures of an analysis: how many loggers of which kind, and how many follow the pattern."""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.engine import Analysis, FileResult
from logshift.model import Binding, NameKind

#: Kinds of legacy logger, in the order in which they are told.
STDLIB = "logging.getLogger"
STRUCTLOG = "structlog()"
STRUCTLOG_MODULE = "structlog(__name__)"
STRUCTLOG_LITERAL = 'structlog("…")'
STRUCTLOG_COMPUTED = "structlog(…)"
HELPER = "helper"
KINDS = (STDLIB, STRUCTLOG, STRUCTLOG_MODULE, STRUCTLOG_LITERAL, STRUCTLOG_COMPUTED, HELPER)

_BY_NAME = {
    NameKind.NONE: STRUCTLOG,
    NameKind.MODULE: STRUCTLOG_MODULE,
    NameKind.LITERAL: STRUCTLOG_LITERAL,
    NameKind.COMPUTED: STRUCTLOG_COMPUTED,
}


class Counts(NamedTuple):
    """Loggers of one file, or of all: legacy ones by kind, and those that follow the pattern."""

    kinds: tuple[int, ...]
    compliant: int

    @property
    def legacy(self) -> int:
        """How many are to move."""
        return sum(self.kinds)

    @property
    def bindings(self) -> int:
        """How many there are. What only configures logging is not counted."""
        return self.legacy + self.compliant

    @property
    def percentage(self) -> float:
        """Which share follows the pattern, in percent; all of them where there are none."""
        return 100.0 * self.compliant / self.bindings if self.bindings else 100.0

    def __add__(self, other: object) -> Counts:
        assert isinstance(other, Counts)
        return Counts(
            tuple(a + b for a, b in zip(self.kinds, other.kinds, strict=True)),
            self.compliant + other.compliant,
        )


NOTHING = Counts((0,) * len(KINDS), 0)


def kind_of(binding: Binding, analysis: Analysis) -> str | None:
    """Return the kind of a legacy logger; None for one that follows the pattern or only configures."""
    if binding.configuration or binding.framework == analysis.target.framework.key:
        return None
    name = analysis.names.frameworks[binding.framework].name
    if name == "structlog":
        return _BY_NAME[binding.name.kind]
    return HELPER if name == "helper" else STDLIB


def count_file(file: FileResult, analysis: Analysis) -> Counts:
    """Count the loggers of one file."""
    kinds = dict.fromkeys(KINDS, 0)
    compliant = 0
    if not file.findings and analysis.project.is_exempt(file.facts.module, analysis.target):
        return NOTHING
    for binding in file.facts.bindings:
        kind = kind_of(binding, analysis)
        if kind is not None:
            kinds[kind] += 1
        elif binding.framework == analysis.target.framework.key:
            compliant += 1
    return Counts(tuple(kinds.values()), compliant)


def count(analysis: Analysis) -> Counts:
    """Count the loggers of all files."""
    total = NOTHING
    for file in analysis.files:
        total = total + count_file(file, analysis)
    return total


def configuring(analysis: Analysis) -> int:
    """Count the loggers that are only configured, which are neither legacy nor compliant."""
    return sum(binding.configuration for file in analysis.files for binding in file.facts.bindings)
