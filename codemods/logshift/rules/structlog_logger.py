"""LS102.

https://www.structlog.org/en/stable/api.html#structlog.get_logger
"""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, bindings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the loggers that structlog makes here."""
    return bindings_of("structlog", facts, view)


RULE = Rule(
    code="LS102",
    name="structlog-logger",
    what="Finds loggers made by `structlog.get_logger` and its relatives, at any place and under any alias.",
    why=(
        "Each module that picks its own logger, and each function that makes another one, is a place where redaction "
        "and audit can be missed, and where a name is bound on one path and missing on the next."
    ),
    bad="""\
import structlog

logger = structlog.get_logger(__name__)


def classify(text: str) -> None:
    debug_logger = structlog.get_logger("intent_debug")
    debug_logger.info("classifying", length=len(text))
""",
    good="""\
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("intents")


def classify(text: str) -> None:
    logger.info("classifying", length=len(text), channel="intent_debug")
""",
    safety=(
        "Safe where every use of the logger has the same meaning on the target. Several loggers of a module become "
        "one; a name that differs from the component stays on its events as the field `channel`."
    ),
    check=check,
)
