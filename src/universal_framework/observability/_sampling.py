"""Sampling: of events that come by the thousand, one in so many is kept.

In: a level and a message. Out: whether the event is kept. The choice is a count, not chance: of events under one rule
the first is kept, and every n-th after it, so two runs that report the same keep the same. The audit trail is asked
before; what goes there is never left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping


class Sampler:
    """Keeps one event in n: by its message, or else by its level; all where no rule speaks of either.

    Args:
        levels: n by the number of a level; that level and no other.
        events: n by the message of an event as it was written, before its arguments are put in.
    """

    def __init__(self, levels: Mapping[int, int], events: Mapping[str, int]) -> None:
        self._levels = {level: (itertools.count(), rate) for level, rate in levels.items()}
        self._events = {event: (itertools.count(), rate) for event, rate in events.items()}

    def __call__(self, level: int, event: str) -> bool:
        """Say whether the event is kept."""
        rule: tuple[Iterator[int], int] | None = self._events.get(event) or self._levels.get(level)
        return rule is None or next(rule[0]) % rule[1] == 0
