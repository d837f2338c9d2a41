"""The name that was probably meant. Pure: a name and what is known go in, the nearest one or nothing comes out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CLOSE_ENOUGH = 0.6


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the member of `known` that is most like `name`, or None if none is like it; case does not count."""
    folded = {one.casefold(): one for one in known}
    found = difflib.get_close_matches(name.casefold()[:200], folded, n=1, cutoff=_CLOSE_ENOUGH)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question as a sentence, or an empty text."""
    found = nearest(name, known)
    return f'did you mean "{found}"?' if found else ""
