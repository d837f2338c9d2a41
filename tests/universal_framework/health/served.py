"""A service for the tests: probes, a slow request, and a drain of a given length. Run with port and seconds."""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvicorn
from fastapi import FastAPI

from universal_framework.api.routes.health import health_router
from universal_framework.health.access_log import without_probe_lines
from universal_framework.health.draining import draining_on_signal
from universal_framework.health.registry import HealthRegistry

registry = HealthRegistry()


@contextlib.asynccontextmanager
async def lifespan(app):
    with without_probe_lines():
        async with registry.serving():
            with draining_on_signal(registry, delay=float(sys.argv[2])):
                yield
    print("lifespan over", registry.lifecycle.value, flush=True)


app = FastAPI(lifespan=lifespan)
app.include_router(health_router(registry))


@app.get("/work")
async def work(seconds: float = 0):
    await asyncio.sleep(seconds)
    return {"work": "done"}


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]))
