"""Suppression comments against what the rules find: what each holds, and what it holds no more.

In: the comments of a file and the places of findings. Out: which comment suppresses which finding, and for the
comments themselves what the last rules (LS901 and on) have to say. Loaded only for a file that has such comments.
"""

from __future__ import annotations

import time

from logshift._record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from logshift.model import Span, Suppression
    from logshift.rules import Rule


class Comment(NamedTuple):
    """A suppression comment, and what came of it."""

    written: Suppression
    codes: frozenset[str]  # of the rules that it is about
    unknown: tuple[str, ...]  # what it names that is no rule, or none that can be suppressed
    expired: bool
    held: frozenset[str] = frozenset()  # codes of the findings that it is about, whether or not it still holds

    def is_about(self, code: str, place: Span) -> bool:
        """Say whether the comment is about a finding."""
        holds = self.written.holds
        return not self.written.wrong and code in self.codes and holds.start <= place.start < holds.end


def today() -> str:
    """Return the day, the same all over the world, as YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def comments(written: Iterable[Suppression], rules: tuple[Rule, ...]) -> list[Comment]:
    """Return the comments, with the rules that they are about."""
    day = today()
    known = {word: rule.code for rule in rules if not rule.on_comments for word in (rule.code, rule.name)}
    found = []
    for one in written:
        codes = (
            frozenset(known[word] for word in one.rules if word in known) if one.rules else frozenset(known.values())
        )
        unknown = tuple(word for word in one.rules if word not in known)
        found.append(Comment(one, codes, unknown, expired=bool(one.until) and one.until < day))
    return found


def holding(found: Iterable[Comment], code: str, place: Span) -> Comment | None:
    """Return the comment that suppresses a finding: of several the one that is about least."""
    about = [one for one in found if not one.expired and one.is_about(code, place)]
    return min(about, key=lambda one: one.written.holds.end - one.written.holds.start, default=None)


def used(found: Iterable[Comment], places: Iterable[tuple[str, Span]]) -> tuple[Comment, ...]:
    """Return the comments with the findings that each is about; several may be about one."""
    places = list(places)
    return tuple(
        one._replace(held=frozenset(code for code, place in places if one.is_about(code, place))) for one in found
    )
