"""A time limit for what a task awaits.

In: seconds, on the running loop. Out: a cancellation of the running task when they are over, and the word whether it
was this limit alone that wanted it. As `asyncio.timeout`, whose rules these are
(https://docs.python.org/3/library/asyncio-task.html#task-cancellation), without two coroutines for each call: they
cost a guarded call a quarter of its time.
"""

from __future__ import annotations

import asyncio


class Expiry:
    """A limit for the running task from now on, until `end`.

    Attributes:
        expired: Whether time was over before the end.

    Raises:
        RuntimeError: No task is running.
    """

    __slots__ = ("_cancelling", "_handle", "_task", "expired")

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a running task")
        self._task = task
        self._cancelling = task.cancelling()
        self.expired = False
        loop = task.get_loop()
        self._handle = loop.call_at(loop.time() + seconds, self._over)

    def _over(self) -> None:
        self.expired = True
        self._task.cancel()

    def end(self) -> bool:
        """Watch no longer; return whether a cancellation that has just arrived is of this limit and nobody else's.

        To be called once.
        """
        self._handle.cancel()
        return self.expired and self._task.uncancel() <= self._cancelling
