"""Calling an agent, whatever it is: coroutine function, plain function, partial, callable object, Runnable.

In: what was given as agent. Out: its result, awaited. Plain functions run in threads of their own (`Threads`), with
the caller's context variables, and never in asyncio's default executor, which name resolution shares.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from enum import Enum
from types import FunctionType, MethodType
from typing import Any, NamedTuple


class Way(Enum):
    """How an agent is called."""

    AWAITED = "awaited"
    THREAD = "thread"


class Agent(NamedTuple):
    """An agent and how it is called."""

    function: Callable[..., Any]
    way: Way


def agent_of(candidate: object) -> Agent:
    """Return how `candidate` is called.

    Raises:
        TypeError: It cannot be called, or it streams: a generator has no one result that could be guarded.
    """
    if type(candidate) is FunctionType and candidate.__code__.co_flags & inspect.CO_COROUTINE:
        return Agent(candidate, Way.AWAITED)  # nearly all of them
    invoke = getattr(candidate, "ainvoke", None)
    if callable(invoke) and not isinstance(candidate, FunctionType | MethodType):
        return Agent(invoke, Way.AWAITED)
    if not callable(candidate):
        raise TypeError(f"an agent is a function, a callable object or has ainvoke; {type(candidate).__name__} is not")
    function: Any = candidate
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, FunctionType | MethodType | type):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - its code is looked at, not called
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        name = getattr(candidate, "__qualname__", type(candidate).__name__)
        raise TypeError(f"{name} is a generator: streaming cannot be guarded; collect it and return the result")
    awaited = inspect.iscoroutinefunction(function)
    return Agent(candidate, Way.AWAITED if awaited else Way.THREAD)


class Saturated(Exception):  # noqa: N818 - a state, as CircuitOpen
    """All threads for plain functions are taken."""


class Threads:
    """Threads for plain functions: at most so many at once, one for each call, none that the process waits for.

    A thread cannot be cancelled. When its caller stops waiting – timeout, cancellation – the function runs on,
    side effects and all; its result is thrown away, and until it ends it counts as `abandoned` and takes a place.

    Args:
        limit: How many may run at once; beyond that calls are refused, not queued.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._running = 0
        self._abandoned = 0

    @property
    def running(self) -> int:
        """Threads at work."""
        return self._running

    @property
    def abandoned(self) -> int:
        """Threads at work for nobody."""
        return self._abandoned

    async def run(self, function: Callable[[], Any]) -> Any:
        """Return the result of `function` from a thread.

        Raises:
            Saturated: All threads are taken.
            BaseException: What `function` raises.
        """
        with self._lock:
            if self._running >= self.limit:
                raise Saturated(f"all {self.limit} threads are taken, {self._abandoned} by calls that timed out")
            self._running += 1
        job = _Job(self, function)
        threading.Thread(target=job, name="agent", daemon=True).start()
        try:
            result, error = await job.done
        except asyncio.CancelledError:
            self._abandon(job)
            raise
        if error is not None:
            raise error
        return result

    def _abandon(self, job: _Job) -> None:
        with self._lock:
            if not job.finished:
                job.abandoned = True
                self._abandoned += 1

    def _finish(self, job: _Job) -> None:
        with self._lock:
            job.finished = True
            self._running -= 1
            self._abandoned -= job.abandoned


class _Job:
    """One call in its thread."""

    def __init__(self, threads: Threads, function: Callable[[], Any]) -> None:
        self.done: asyncio.Future[tuple[Any, BaseException | None]] = asyncio.get_running_loop().create_future()
        self.abandoned = self.finished = False
        self._threads = threads
        self._function = function
        self._context = contextvars.copy_context()

    def __call__(self) -> None:
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = self._context.run(self._function), None
        except BaseException as error:  # noqa: BLE001 - raised again in the caller
            outcome = None, error
        self._threads._finish(self)
        try:
            self.done.get_loop().call_soon_threadsafe(self._deliver, outcome)
        except RuntimeError:
            return  # the loop is closed: nobody waits

    def _deliver(self, outcome: tuple[Any, BaseException | None]) -> None:
        if not self.done.done():
            self.done.set_result(outcome)


async def invoke(agent: Agent, threads: Threads, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what `agent` gives; an awaitable from a plain function is awaited too."""
    if agent.way is Way.AWAITED:
        return await agent.function(*args, **kwargs)
    result = await threads.run(functools.partial(agent.function, *args, **kwargs))
    return await result if inspect.isawaitable(result) else result
