"""LS103. Home-made helpers, as the configuration names them."""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, bindings_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the loggers that a configured helper class or function makes here."""
    return bindings_of("helper", facts, view)


RULE = Rule(
    code="LS103",
    name="helper-logger",
    what="Finds loggers made by the helper classes and wrapper functions that `[[tool.logshift.legacy]]` names.",
    why="A helper hides which library reports the event, so nobody can say what happens to the data in it.",
    bad="""\
from helpers import SessionFlowLogger

flow = SessionFlowLogger()


def open_session(session_id: str) -> None:
    flow.flow_info("session opened", session=session_id)
""",
    good="""\
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

flow = UniversalFrameworkLogger("sessions")


def open_session(session_id: str) -> None:
    flow.log_info("session opened", session=session_id)
""",
    safety=(
        "Safe where every method that is called is mapped in the configuration, or exists on the target under the "
        "same name."
    ),
    check=check,
)
