"""How late the event loop is: a heartbeat that notices when it comes too late.

In: the loop, a threshold in seconds. Out: whether the last heartbeat was later than that, or the next one is overdue by
more. While the loop is blocked nobody answers at all; this is for the probe that gets through afterwards or in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

#: Seconds between two heartbeats.
INTERVAL = 0.25


class LoopLag:
    """Watches the loop that it is started on.

    Args:
        threshold: Seconds of lateness above which the loop counts as stalled.
        clock: Monotonic seconds.

    Raises:
        ValueError: The threshold is not a positive number of seconds.
    """

    def __init__(self, threshold: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        if not 0 < threshold < float("inf"):
            raise ValueError(f"liveness lag is {threshold!r}; it must be more than 0 seconds, or None for no threshold")
        self._threshold = threshold
        self._clock = clock
        self._due: float | None = None
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin with heartbeats on the running loop."""
        self.stop()
        self._next(asyncio.get_running_loop())

    def stop(self) -> None:
        """End them; nothing is late any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._due = None
        self._last = 0.0

    def seconds(self) -> float:
        """Return by how many seconds the loop is late, or was at the last heartbeat."""
        return 0.0 if self._due is None else max(self._last, self._clock() - self._due)

    def stalled(self) -> bool:
        """Return whether that is more than the threshold."""
        return self.seconds() > self._threshold

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is not None:
            self._last = max(0.0, self._clock() - self._due)
        self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = self._clock() + INTERVAL
        self._timer = loop.call_later(INTERVAL, self._beat, loop)
