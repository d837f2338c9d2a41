"""LS101.

https://docs.python.org/3/library/logging.html#logging.getLogger
"""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, bindings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the loggers that `logging.getLogger` makes here and that report events."""
    return bindings_of("stdlib", facts, view)


RULE = Rule(
    code="LS101",
    name="stdlib-logger",
    what="Finds loggers made by `logging.getLogger`, under any alias, that report events.",
    why=(
        "Events of such a logger pass by what the house logger does for every event: redaction, the audit trail, "
        "structured fields, the component."
    ),
    bad="""\
import logging

logger = logging.getLogger(__name__)


def ship(order: str) -> None:
    logger.info("shipping %s", order)
""",
    good="""\
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("orders")


def ship(order: str) -> None:
    logger.info("shipping %s", order)
""",
    safety=(
        "Safe where every use of the logger has the same meaning on the target: the logger keeps its place in the "
        "logging tree, so levels, handlers and filters set for its name keep working. An explicit name becomes "
        "`name=`. `logging` itself stays imported while anything uses it. Loggers that only configure – the root "
        'logger, `getLogger("httpx").setLevel(...)`, a `NullHandler` – are no finding.'
    ),
    check=check,
)
