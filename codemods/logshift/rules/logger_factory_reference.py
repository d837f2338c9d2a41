"""LS105. A factory that travels."""

from __future__ import annotations

from logshift.model import Applicability, FileFacts
from logshift.rules import Found, Rule, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the places that hand a logger factory on without calling it."""
    for reference in facts.references:
        yield Found(
            span=reference.span,
            message=f"logger factory handed on: `{reference.factory}`",
            applicability=Applicability.MANUAL,
            reason=reference.reason,
            scope=reference.scope,
            canonical=reference.factory,
        )


RULE = Rule(
    code="LS105",
    name="logger-factory-reference",
    what="Finds `logging.getLogger` and its like stored, passed on or given as a default, without being called.",
    why="Wherever it is called later it makes a legacy logger, and no tool can see where that is.",
    bad="""\
import logging
from functools import partial

make_logger = partial(logging.getLogger, "orders")
""",
    good="""\
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("orders")
""",
    safety="Never fixed: the loggers it makes are not known here.",
    check=check,
)
