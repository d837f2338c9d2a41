"""How many requests one caller may make: never more than the limit within any window, whatever the timing.

In: a caller's name, a clock. Out: yes or no, and when to come back. A window is counted in `SLICES` slices; a slice
leaves the count when all of it is older than the window, so the count is never too low, and at most one slice too high.
Memory: `SLICES` + 1 numbers for each caller, and a bounded number of callers; who was longest away is forgotten first.
Counts live in one process. Never: I/O, a wait.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

#: Into how many parts a window is cut.
SLICES: Final = 60
#: How many callers are remembered.
MOST_CALLERS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a caller is told.

    Attributes:
        allowed: Whether the request may go on.
        remaining: How many more are allowed at present.
        reset: Seconds until the count of the caller is nil.
        retry_after: Seconds after which the next request is allowed; 0 where it is now.
    """

    allowed: bool
    remaining: int
    reset: float
    retry_after: float


@dataclass(slots=True)
class _Count:
    """The requests of one caller: [slice, how many], the oldest first."""

    slices: deque[list[int]] = field(default_factory=deque)
    total: int = 0


class RateLimiter:
    """Counts requests by caller.

    Args:
        limit: Requests of one caller within a window.
        window: Its length in seconds.
        clock: Monotonic seconds.
        most_callers: How many callers are remembered.
    """

    def __init__(
        self,
        limit: int,
        window: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_callers: int = MOST_CALLERS,
    ) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._width = window / SLICES
        self._most = most_callers
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def __len__(self) -> int:
        return len(self._counts)

    def take(self, caller: str) -> Verdict:
        """Count a request of `caller`, unless that is one too many."""
        now = self._clock()
        here = math.floor(now / self._width)
        count = self._counts.get(caller)
        if count is None:
            count = self._counts[caller] = _Count()
            if len(self._counts) > self._most:
                self._counts.popitem(last=False)
        self._counts.move_to_end(caller)
        self._forget(count, here)
        if count.total >= self.limit:
            return Verdict(False, 0, self._gone(count.slices[-1][0], now), self._gone(count.slices[0][0], now))
        if count.slices and count.slices[-1][0] >= here:
            count.slices[-1][1] += 1
        else:
            count.slices.append([here, 1])
        count.total += 1
        remaining = self.limit - count.total
        wait = self._gone(count.slices[0][0], now) if remaining == 0 else 0.0
        return Verdict(True, remaining, self._gone(count.slices[-1][0], now), wait)

    def _forget(self, count: _Count, here: int) -> None:
        while count.slices and count.slices[0][0] + SLICES < here:
            count.total -= count.slices.popleft()[1]

    def _gone(self, number: int, now: float) -> float:
        """Return the seconds until a slice counts no more."""
        return max(0.0, (number + SLICES + 1) * self._width - now)


def caller_of(owner: str | None, address: str | None) -> str:
    """Return who a request counts for: its owner where one is known, else its address; of IPv6 the network of 64 bits.

    >>> caller_of(None, "2001:db8:1:2:3:4:5:6")
    'net 2001:db8:1:2::/64'
    """
    if owner is not None:
        return f"owner {owner}"
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return f"peer {address}"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"net {parsed.ipv4_mapped}"
        return f"net {ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"net {parsed}"
