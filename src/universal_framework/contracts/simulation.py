"""Whether the present task is to do without a language model.

A fallback runs with this set, in coroutines and threads alike; an LLM provider asks `simulating` before each call and
answers from its simulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_simulating: ContextVar[bool] = ContextVar("simulating", default=False)


def simulating() -> bool:
    """Return whether no language model may be called."""
    return _simulating.get()


@contextmanager
def simulation() -> Iterator[None]:
    """Let nothing inside call a language model."""
    token = _simulating.set(True)
    try:
        yield
    finally:
        _simulating.reset(token)
