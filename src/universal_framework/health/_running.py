"""One run of a check: it ends in its time, whatever the check does.

In: a check – a coroutine function, a plain function, a callable object. Out: a result, and the exception where there
was one. A coroutine function runs on the event loop, where its clients live; a plain function runs in a thread of its
own. A check that does not heed its cancellation, and a thread, is left behind; at most `ABANDONED` of them, then the
check is not begun again until one of them has ended. What nobody can help is a coroutine that blocks the event loop,
for then nobody can answer either: the run fails as soon as the loop is free, whatever the check says by then. Give such
a check as a plain function, or through `isolated`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, NamedTuple

from universal_framework.health.model import PASSED, CheckResult, Problem, Status, failed
from universal_framework.health.problems import problem_of
from universal_framework.workflow._agents import Saturated, Threads, agent_of, invoke

#: What a check may return: a result, or shorter, where True and None mean pass and False means fail.
Verdict = CheckResult | Status | bool | None
Check = Callable[[], Awaitable[Verdict]] | Callable[[], Verdict]

#: How many runs that do not end may be left behind.
ABANDONED: Final = 3


class Run(NamedTuple):
    """How a run ended: its result, the seconds until then, and what was raised."""

    result: CheckResult
    seconds: float
    error: BaseException | None = None


class Runner:
    """Runs one check, again and again.

    Args:
        check: What is run.
        timeout: Seconds that a run may take.

    Raises:
        TypeError: The check cannot be called, or is a generator.
    """

    def __init__(self, check: Check, timeout: float) -> None:
        self._agent = agent_of(check)
        self._timeout = timeout
        self._threads = Threads(ABANDONED + 1)  # those left behind, and one at work
        self._left_behind: set[asyncio.Task[Verdict]] = set()

    async def run(self) -> Run:
        """Return how the check ends, or that it did not."""
        begun = time.monotonic()
        if self._is_stuck():
            return Run(failed(Problem.STUCK), 0.0)
        watched = _Watched(functools.partial(invoke, self._agent, self._threads, (), {}))
        task = asyncio.get_running_loop().create_task(_awaited(watched))
        try:
            await asyncio.wait({task}, timeout=self._timeout)
        except asyncio.CancelledError:
            self._leave(task)
            raise
        seconds = time.monotonic() - begun
        if not task.done():
            self._leave(task)
            return Run(failed(Problem.TIMEOUT), seconds)
        run = _outcome(task, seconds)
        return Run(failed(Problem.BLOCKED_LOOP), seconds) if watched.longest > self._timeout else run

    def _is_stuck(self) -> bool:
        """Return whether too many runs have not ended; those that might be moved to are told once more to end."""
        loop = asyncio.get_running_loop()
        self._left_behind = {task for task in self._left_behind if task.get_loop() is loop}
        if len(self._left_behind) < ABANDONED:
            return self._threads.abandoned >= ABANDONED
        for task in self._left_behind:
            task.cancel()
        return True

    def _leave(self, task: asyncio.Task[Verdict]) -> None:
        task.cancel()
        self._left_behind.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Verdict]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that asyncio does not say that nobody did


def isolated(check: Callable[[], Coroutine[Any, Any, Verdict]]) -> Callable[[], Verdict]:
    """Return a coroutine function as a plain one, which runs in a thread on an event loop of its own.

    For checks that may block. Their clients must not be shared with the service's loop.
    """

    def run() -> Verdict:
        return asyncio.run(check())

    return run


def _outcome(task: asyncio.Task[Verdict], seconds: float) -> Run:
    if task.cancelled():
        return Run(failed(Problem.CANCELLED), seconds)
    error = task.exception()
    if error is not None:
        problem = Problem.STUCK if isinstance(error, Saturated) else problem_of(error)
        return Run(failed(problem), seconds, error)
    return Run(_result(task.result()), seconds)


def _result(verdict: object) -> CheckResult:
    if isinstance(verdict, CheckResult):
        return verdict
    if verdict is None or verdict is True:
        return PASSED
    if verdict is False:
        return failed(Problem.NEGATIVE)
    if isinstance(verdict, Status):
        return PASSED if verdict is Status.PASS else CheckResult(verdict, Problem.NEGATIVE)
    return failed(Problem.INVALID_RESULT)


async def _awaited(watched: _Watched) -> Any:
    return await watched


class _Watched:
    """An awaitable that knows for how many seconds it held the event loop at most."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._begin = begin
        self.longest = 0.0

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = self._begin()
        step: Callable[[Any], Any] = coroutine.send
        given: Any = None
        with contextlib.closing(coroutine):
            while True:
                begun = time.monotonic()
                try:
                    waits_for = step(given)
                except StopIteration as end:
                    return end.value
                finally:
                    self.longest = max(self.longest, time.monotonic() - begun)
                try:
                    given = yield waits_for
                    step = coroutine.send
                except BaseException as error:  # noqa: BLE001 - a cancellation, handed on
                    step, given = coroutine.throw, error
