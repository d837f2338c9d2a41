"""What a probe costs, against a plain JSON route of FastAPI; and what it does while dependencies hang.

    python bench/health.py            # needs fastapi

The applications are called as a server would call them, without one: what a socket costs is the same for both. All
cases run in this one process, in rounds (`rounds.py`): ratios are within a round, medians over all rounds. The probes
over hung dependencies run on a real clock, seven times.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src")]

from fastapi import FastAPI
from rounds import Case, Claim, measure, print_claims, print_times, ratio
from starlette.types import ASGIApp, Message

from universal_framework.api.routes.health import HealthEndpoints, HealthFirst
from universal_framework.health.registry import Contributor, HealthRegistry
from universal_framework.observability.configuration import configure_logging
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

PLAIN = "a plain JSON route of FastAPI"
TIMEOUT = 0.5
SCENES = 7


def application(endpoints: HealthEndpoints | None = None, *, first: bool = False) -> FastAPI:
    """Return an application with a plain route, and the probes as routes or before everything."""
    app = FastAPI()

    @app.get("/plain")
    async def plain() -> dict[str, str]:
        return {"status": "alive"}

    if endpoints is not None and first:
        app.add_middleware(HealthFirst, endpoints=endpoints)
    elif endpoints is not None:
        app.include_router(endpoints.router())
    return app


def registry(check: Callable[[], Any], number: int = 5, **options: float) -> HealthRegistry:
    """Return a started registry of so many critical contributors."""
    made = HealthRegistry(
        Contributor(name=f"dependency_{index}", check=check, critical=True, **options) for index in range(number)
    )
    made.mark_started()
    return made


async def up() -> bool:
    """Be there."""
    return True


async def request(app: ASGIApp, path: str) -> int:
    """Send one request as Kubernetes does; return the status."""
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "state": {},
        "headers": [(b"host", b"10.0.0.1:8000"), (b"user-agent", b"kube-probe/1.31"), (b"accept", b"*/*")],
        "client": ("10.0.0.2", 40000), "server": ("10.0.0.1", 8000),
    }  # fmt: skip
    await app(scope, receive, send)
    return status


def repeated(app: ASGIApp, path: str) -> Case:
    """Return a case that sends so many requests, one after the other."""

    def case(turns: int) -> None:
        async def scene() -> None:
            for _ in range(turns):
                if await request(app, path) != 200:
                    raise SystemExit(f"{path} does not answer 200")

        asyncio.run(scene())

    return case


async def hung() -> tuple[list[float], int, float]:
    """Return when 50 probes over five hung dependencies were answered, how many calls that took, and one more probe."""
    calls = 0

    async def hang() -> None:
        nonlocal calls
        calls += 1
        await asyncio.get_running_loop().create_future()

    app = application(HealthEndpoints(registry(hang, timeout=TIMEOUT, fail_ttl=60.0)), first=True)
    begun = time.monotonic()

    async def probe() -> float:
        if await request(app, "/health/ready") != 503:
            raise SystemExit("a probe over hung dependencies does not answer 503")
        return time.monotonic() - begun

    answered = await asyncio.gather(*(probe() for _ in range(50)))
    again = time.monotonic()
    await probe()
    return list(answered), calls, time.monotonic() - again


def main() -> None:
    """Print times and claims."""
    endpoints = HealthEndpoints(registry(up, ok_ttl=1e6))
    routed, before = application(endpoints), application(endpoints, first=True)
    live, ready = "live, before everything (HealthFirst)", "ready over five cached results, before everything"
    samples = measure(
        {
            PLAIN: repeated(routed, "/plain"),
            live: repeated(before, "/health/live"),
            "live, as a route": repeated(routed, "/health/live"),
            ready: repeated(before, "/health/ready"),
            "ready over five cached results, as a route": repeated(routed, "/health/ready"),
        },
        turns=500,
        rounds=40,
    )
    print("Per request")
    print_times(samples)
    with configure_logging(destination=os.devnull):
        UniversalFrameworkLogger("bench").warning("warm")  # no service is asked before it ever logged
        scenes = [asyncio.run(hung()) for _ in range(SCENES)]
    last = sorted(max(answered) for answered, _, _ in scenes)
    again = statistics.median(once_more for _, _, once_more in scenes)
    calls = max(calls for _, calls, _ in scenes)
    print(f"\n50 probes at once over five hung dependencies, timeout of a check {TIMEOUT} s")
    print(f"  the last answered after {last[0]:.3f} to {last[-1]:.3f} s; one more after {again * 1e6:.0f} µs\n")
    print_claims(
        [
            Claim("live : plain route", ratio(samples, live, PLAIN), floor=0.4),
            Claim("live as a route : plain route", ratio(samples, "live, as a route", PLAIN)),
            Claim("ready over five cached results : plain route", ratio(samples, ready, PLAIN)),
            Claim(
                "last of 50 probes over five hung dependencies : timeout of a check",
                statistics.median(last) / TIMEOUT,
                floor=1 + 0.05 / TIMEOUT,
            ),
            Claim("calls of the five dependencies", float(calls), floor=5, unit=""),
        ]
    )


if __name__ == "__main__":
    main()
