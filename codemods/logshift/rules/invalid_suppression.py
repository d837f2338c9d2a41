"""LS904.

https://docs.astral.sh/ruff/rules/invalid-rule-code/
"""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, on_comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the comments that mean to suppress something and do not, and unknown codes in others."""
    for one in view.comments:
        if one.written.wrong:
            yield on_comment(one, f"`{one.written.text}` suppresses nothing: {one.written.wrong}")
        elif one.unknown:
            names = ", ".join(f"`{word}`" for word in one.unknown)
            yield on_comment(one, f"no rule that can be suppressed is called {names}; `logshift rules` lists them")


RULE = Rule(
    code="LS904",
    name="invalid-suppression",
    what="Finds comments that mean to suppress something and cannot: unknown codes, a wrong date, the wrong place.",
    why="Whoever wrote it believes that the finding is suppressed.",
    bad="""\
import logging


def ship(order: str) -> None:
    # logshift: ignore[LS104] -- the start script reads it
    logging.info("shipping %s", order)
""",
    good="""\
import logging


def ship(order: str) -> None:
    logging.info("shipping %s", order)  # logshift: ignore[LS104] -- the start script reads it
""",
    safety="Never fixed: only a person knows what was meant.",
    check=check,
    on_comments=True,
)
