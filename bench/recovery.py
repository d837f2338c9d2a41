"""What recovery costs: per guarded call, against a bare await and interlock's pipeline; per metric, against a client.

    python bench/recovery.py            # needs interlock-cb and prometheus-client

All cases run in this one process, in rounds (`rounds.py`): ratios are within a round. What is timed is CPU of one
thread on one event loop, for calls that succeed, of an agent that does nothing or only lets others run once; nothing
contends for a lock. The books are those of a small state, a dict with one table. interlock's pipeline keeps no books
and has no fallback: it is the nearest that there is, not the same.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")]

import prometheus_client
from interlock import CircuitBreaker, CircuitBreakerStrategy, Config, Pipeline, TimeoutStrategy
from prometheus_client import CollectorRegistry
from rounds import Case, Claim, measure, print_claims, print_times, ratio

from universal_framework.observability._metrics import Aggregate
from universal_framework.observability.production_monitoring import ProductionMonitor
from universal_framework.workflow.production_error_recovery import (
    CircuitBreakerState,
    CircuitOpen,
    ProductionErrorRecovery,
)

STATE: dict[str, Any] = {"session_id": "s", "context_data": {"topic": "tea"}}


async def agent(_state: object) -> dict[str, Any]:
    """Do nothing, as agents do not."""
    return STATE


async def waiting(_state: object) -> dict[str, Any]:
    """Let others run once, as real agents do."""
    await asyncio.sleep(0)
    return STATE


def repeated(function: Callable[[], Awaitable[object]]) -> Case:
    """Return a case that awaits `function` so many times, in a loop of its own."""

    def case(turns: int) -> None:
        async def scene() -> None:
            for _ in range(turns):
                await function()

        asyncio.run(scene())

    return case


def cases() -> dict[str, Case]:
    """Return the contenders."""
    breaker = CircuitBreakerState()
    refusing = CircuitBreakerState(timeout=1e6)
    for _ in range(5):
        refusing.record_failure()
    recovery = ProductionErrorRecovery({"error_recovery": {"enabled": True}})
    recovery.register("agent")
    monitor = ProductionMonitor({"exporter": "prometheus", "performance_logging": False})
    watched = ProductionErrorRecovery({"error_recovery": {"enabled": True}}, listeners=(monitor,))
    watched.register("agent")
    theirs = CircuitBreaker(name="agent", config=Config())
    pipeline = Pipeline(CircuitBreakerStrategy(CircuitBreaker(name="pipeline", config=Config())), TimeoutStrategy(30.0))

    async def refused() -> None:
        try:
            await refusing.call(agent, STATE)
        except CircuitOpen:
            return

    return {
        "bare await": repeated(lambda: agent(STATE)),
        "our circuit": repeated(lambda: breaker.call(agent, STATE)),
        "our circuit, refused": repeated(refused),
        "interlock's circuit": repeated(lambda: theirs.call_async(agent, STATE)),
        "our guard: circuit, timeout, counts": repeated(lambda: recovery.call("agent", agent, STATE)),
        "our guard with the state's books": repeated(lambda: recovery.execute_with_recovery("agent", agent, STATE)),
        "our guard with books and metrics": repeated(lambda: watched.execute_with_recovery("agent", agent, STATE)),
        "interlock's pipeline: circuit, timeout": repeated(lambda: pipeline.call(agent, STATE)),
        "our guard with books, of an agent that waits": repeated(
            lambda: recovery.execute_with_recovery("agent", waiting, STATE)
        ),
        "interlock's pipeline: circuit, timeout, of an agent that waits": repeated(
            lambda: pipeline.call(waiting, STATE)
        ),
    }


def looped(function: Callable[[], object]) -> Case:
    """Return a case that calls `function` so many times."""

    def case(turns: int) -> None:
        for _ in range(turns):
            function()

    return case


def metrics() -> None:
    """Print what a metric costs."""
    aggregate = Aggregate()
    counter = aggregate.series("agent.executions", (("agent", "a"),))
    sums = aggregate.series("agent.tokens", (("agent", "a"),))
    durations = aggregate.series("agent.duration", (("agent", "a"),), "histogram")
    registry = CollectorRegistry()
    theirs = prometheus_client.Counter("c", "c", ["agent"], registry=registry).labels("a")
    histogram = prometheus_client.Histogram("h", "h", ["agent"], registry=registry).labels("a")
    monitor = ProductionMonitor({"exporter": "prometheus", "performance_logging": False})
    samples = measure(
        {
            "our counter, bound, by one, without a lock": looped(counter.inc),
            "our counter, bound, by any number, with a lock": looped(sums.add),
            "our histogram, bound": looped(lambda: durations.observe(0.3)),
            "prometheus_client's counter, bound": looped(theirs.inc),
            "prometheus_client's histogram, bound": looped(lambda: histogram.observe(0.3)),
            "record_agent_execution, with alerts": looped(
                lambda: monitor.record_agent_execution("a", 0.3, success=True)
            ),
        },
        turns=5000,
        rounds=30,
    )
    print("\nPer recorded metric, safe between threads")
    print_times(samples)
    theirs_bound = "prometheus_client's counter, bound"
    by_one = ratio(samples, "our counter, bound, by one, without a lock", theirs_bound)
    by_any = ratio(samples, "our counter, bound, by any number, with a lock", theirs_bound)
    durations_ratio = ratio(samples, "our histogram, bound", "prometheus_client's histogram, bound")
    print_claims(
        [
            Claim("counter by one, without a lock : prometheus_client's", by_one, floor=0.5),
            Claim("counter by any number, with a lock : prometheus_client's", by_any, floor=0.5),
            Claim("histogram : prometheus_client's", durations_ratio, floor=0.5),
        ]
    )


def main() -> None:
    """Print times and claims."""
    samples = measure(cases(), turns=2000, rounds=30)
    print("Per successful call of an agent that does nothing")
    print_times(samples)
    pipeline = "interlock's pipeline: circuit, timeout"
    claims = [
        Claim("circuit : bare await", ratio(samples, "our circuit", "bare await"), floor=5.0),
        Claim("circuit : interlock's circuit", ratio(samples, "our circuit", "interlock's circuit")),
        Claim(
            "guard : interlock's pipeline", ratio(samples, "our guard: circuit, timeout, counts", pipeline), floor=0.6
        ),
        Claim(
            "guard with books : interlock's pipeline",
            ratio(samples, "our guard with the state's books", pipeline),
            floor=0.6,
        ),
        Claim(
            "guard with books and metrics : interlock's pipeline",
            ratio(samples, "our guard with books and metrics", pipeline),
        ),
        Claim(
            "guard with books : interlock's pipeline, of an agent that waits",
            ratio(samples, "our guard with books, of an agent that waits", f"{pipeline}, of an agent that waits"),
            floor=0.6,
        ),
    ]
    print_claims(claims)
    metrics()


if __name__ == "__main__":
    main()
