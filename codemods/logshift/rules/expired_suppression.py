"""LS903: a waiver with an end, which a calendar keeps rather than somebody's memory."""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, on_comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the suppression comments whose last day is over and that something would still need."""
    for one in view.comments:
        if one.expired and one.held and not one.written.wrong:
            yield on_comment(one, f"suppression expired: it held until {one.written.until}")


RULE = Rule(
    code="LS903",
    name="expired-suppression",
    what="Finds suppression comments whose `until=` is over; what they suppressed counts again.",
    why="Somebody promised to be done by that day.",
    bad="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)  # logshift: ignore[LS104] until=2020-01-31 -- the script is replaced by then
""",
    good="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)  # logshift: ignore[LS104] until=9999-12-31 -- the script is replaced by then
""",
    safety="Never fixed: move the logger, or agree on another day. A day is over when it is over in UTC.",
    check=check,
    on_comments=True,
)
