"""LS901.

https://docs.astral.sh/ruff/rules/unused-noqa/
"""

from __future__ import annotations

from logshift.model import FileFacts
from logshift.rules import Found, Rule, View, on_comment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def check(facts: FileFacts, view: View) -> Iterator[Found]:
    """Yield the suppression comments, or the codes in them, that are about no finding."""
    for one in view.comments:
        if one.written.wrong:
            continue
        if not one.held:
            yield on_comment(one, f"unused suppression: nothing is found here that `{one.written.text}` is about")
        elif one.written.rules and (idle := sorted(one.codes - one.held)):
            yield on_comment(one, f"unused suppression: no {', '.join(idle)} is found here")


RULE = Rule(
    code="LS901",
    name="unused-suppression",
    what="Finds suppression comments that suppress nothing, and codes in them that nothing is found of.",
    why=(
        "The comment outlives what it was written for, and would hide the next logger that is made in its place "
        "without anybody having decided so."
    ),
    bad="""\
def ship(order: str) -> None:
    print("shipping", order)  # logshift: ignore[LS104] -- the start script reads it
""",
    good="""\
def ship(order: str) -> None:
    print("shipping", order)
""",
    safety="Never fixed: take the comment, or the code in it, away.",
    check=check,
    on_comments=True,
)
