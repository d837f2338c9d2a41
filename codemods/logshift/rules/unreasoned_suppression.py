"""LS902.

https://typescript-eslint.io/rules/ban-ts-comment/#allow-with-description
"""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, on_comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the suppression comments without a reason, where the configuration asks for one."""
    for one in view.comments:
        if view.require_reason and not one.written.reason and not one.written.wrong:
            yield on_comment(one, f"suppression without a reason: write `{one.written.text} -- why`")


RULE = Rule(
    code="LS902",
    name="unreasoned-suppression",
    what="Finds suppression comments without a reason, if `require-suppression-reason` is set.",
    why="Nobody can say later whether the exception still holds.",
    bad="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)  # logshift: ignore[LS104]
""",
    good="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)  # logshift: ignore[LS104] -- the start script reads it
""",
    safety="Never fixed: only a person knows the reason.",
    check=check,
    on_comments=True,
)
