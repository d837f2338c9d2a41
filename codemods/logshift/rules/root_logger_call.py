"""LS104.

https://docs.python.org/3/library/logging.html#module-level-functions
"""

from __future__ import annotations

from logshift.model import Applicability, FileFacts, Reason
from logshift.rules import Found, Rule, View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the calls that report an event through the root logger."""
    for call in facts.root_calls:
        yield Found(
            span=call.span,
            message=f"event through the root logger: `{call.function}`",
            applicability=Applicability.MANUAL,
            reason=Reason.ROOT_LOGGER,
            scope=call.scope,
            canonical=call.function,
        )


RULE = Rule(
    code="LS104",
    name="root-logger-call",
    what="Finds events reported through the root logger: `logging.info(...)` and `logging.getLogger().info(...)`.",
    why=(
        "The event belongs to no component and no level can be set for it; the first such call also configures the "
        "root logger as a side effect."
    ),
    bad="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)
""",
    good="""\
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("orders")


def ship(order: str) -> None:
    logger.info("shipping %s", order)
""",
    safety="Never fixed: the name under which the event appears would change, and `basicConfig` might not run.",
    check=check,
)
