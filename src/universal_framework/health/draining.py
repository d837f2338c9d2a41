"""SIGTERM says drain first, and passes on to the server later.

In: a registry, a delay in seconds. Out: on the first signal readiness fails at once; after the delay, in which load
balancers notice and requests are still served, the handler that was there before gets the signal – the server's, which
stops. A second signal is passed on at once. For the inside of a lifespan: uvicorn has its handlers in place by then.

    async with registry.serving():
        with draining_on_signal(registry, delay=5.0):
            yield
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final, Protocol

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("health")

_Handler = Callable[[int, FrameType | None], object] | int | None

#: What is drained on, unless it is said: what orchestrators send.
SIGNALS: Final = (signal.SIGTERM,)


class Drained(Protocol):
    """What can be told that no more traffic is wanted."""

    def drain(self) -> None:
        """Let readiness fail."""
        ...


@contextlib.contextmanager
def draining_on_signal(
    registry: Drained, *, delay: float, signals: tuple[signal.Signals, ...] = SIGNALS
) -> Iterator[None]:
    """Drain `registry` on a signal, and pass it on `delay` seconds later; inside, on the running loop.

    Outside the main thread, where Python allows no handlers, this does nothing: whoever runs the loop calls `drain`.

    Raises:
        ValueError: `delay` is not a number of seconds.
        RuntimeError: There is no running event loop.
    """
    if not 0 <= delay < math.inf:
        raise ValueError(f"delay is {delay!r}; it must be >= 0 seconds")
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread():
        logger.info("drain_signals_unavailable", hint="handlers can be set in the main thread only; call drain()")
        yield
        return
    placed: dict[signal.Signals, tuple[_Relay, _Handler]] = {}
    for number in signals:
        before = signal.getsignal(number)
        relay = _Relay(loop, registry, delay, before)
        signal.signal(number, relay)
        placed[number] = relay, before
    try:
        yield
    finally:
        for number, (relay, before) in placed.items():
            relay.close()
            if signal.getsignal(number) is relay and before is not None:
                signal.signal(number, before)


class _Relay:
    """A handler that keeps a signal for a while."""

    def __init__(self, loop: asyncio.AbstractEventLoop, registry: Drained, delay: float, before: _Handler) -> None:
        self._loop = loop
        self._registry = registry
        self._delay = delay
        self._before = before
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal, in the main thread, between any two instructions: only tell the loop."""
        try:
            self._loop.call_soon_threadsafe(self._pass_on if self._asked else self._begin, number)
        except RuntimeError:  # the loop is closed
            self._pass_on(number)
        self._asked = True

    def _begin(self, number: int) -> None:
        self._registry.drain()
        self._timer = self._loop.call_later(self._delay, self._pass_on, number)

    def _pass_on(self, number: int) -> None:
        self.close()
        if callable(self._before):
            self._before(number, None)
        elif self._before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    def close(self) -> None:
        """Pass nothing on any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
