"""Real Redis servers, storages of both kinds on a clock that tests move, and a wire that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

import pytest
from pydantic import SecretStr

from universal_framework.config.models import RedisConfig
from universal_framework.contracts.state import Message, Role, UniversalWorkflowState
from universal_framework.observability.testing import capture_events
from universal_framework.redis import local_server
from universal_framework.redis._sessions import SessionLimits
from universal_framework.redis.memory_storage import MemorySessionStorage

#: What nobody but the servers may ever see.
CANARY = "cAnArY7f3b9e1d"
#: Longest that anything here may hang before it counts as unbounded; no test waits for it.
PATIENCE = 300


class Clock:
    """Seconds since 1970, at rest."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def events():
    """Keep what is logged; nothing that is logged may hold the canary."""
    with capture_events() as logs:
        yield logs
    assert CANARY not in str(list(logs))


@pytest.fixture(scope="session")
def local():
    """Return the server that most tests share, each with keys of its own."""
    pytest.importorskip("redis")
    if not local_server.available():
        pytest.skip("there is no redis-server")
    with local_server.LocalRedis() as server:
        yield server


@pytest.fixture
def server():
    """Start servers of a test's own, with options."""
    pytest.importorskip("redis")
    if not local_server.available():
        pytest.skip("there is no redis-server")
    with contextlib.ExitStack() as stack:

        def start(*options, **more):
            return stack.enter_context(local_server.LocalRedis(options=options, **more))

        yield start


@pytest.fixture
def section():
    """Return the section `[redis]` for an address, with little patience."""

    def make(url, **settings):
        settings = {"connection_timeout": 2.0, "retry_attempts": 2, "retry_delay": 0.01, **settings}
        return RedisConfig(url=SecretStr(url), **settings)

    return make


@pytest.fixture
def on():
    """Run `act(storage)` against Redis as `config` says; the storage is closed after it."""

    def run(config, act, *, clock=None, prefix="t:", **limits):
        from universal_framework.redis.connection import RedisConnectionAdapter
        from universal_framework.redis.session_storage import RedisSessionStorage

        async def inside():
            options = {"clock": clock} if clock else {}
            adapter = RedisConnectionAdapter(config)
            storage = RedisSessionStorage(adapter, limits=SessionLimits(**limits), key_prefix=prefix, **options)
            storage.adapter = adapter
            try:
                return await asyncio.wait_for(act(storage), PATIENCE)
            finally:
                await storage.aclose()

        return asyncio.run(inside())

    return run


@pytest.fixture(params=["memory", "redis"])
def stored(request, clock, on):
    """Run `act(storage)` against both kinds of storage; what is stored lasts for the test."""
    if request.param == "memory":
        kept = []

        def run(act, **limits):
            async def inside():
                if not kept:
                    kept.append(MemorySessionStorage(limits=SessionLimits(**limits), clock=clock))
                kept[0]._limits = SessionLimits(**limits)
                return await asyncio.wait_for(act(kept[0]), PATIENCE)

            return asyncio.run(inside())

        return run
    server, prefix = request.getfixturevalue("local"), f"{secrets.token_hex(6)}:"
    return lambda act, **limits: on(server.config(), act, clock=clock, prefix=prefix, **limits)


@pytest.fixture
def said():
    """Return a state with messages."""

    def make(session_id, *texts):
        messages = [Message(role=Role.USER, content=text) for text in texts]
        return UniversalWorkflowState(session_id=session_id, messages=messages)

    return make


class Wire:
    """A unix socket before a server's; `mood` is what becomes of the next exchange."""

    def __init__(self, path, upstream):
        self.path, self.upstream, self.mood, self.accepted, self.tasks = path, upstream, "pass", 0, set()

    async def __aenter__(self):
        self.server = await asyncio.start_unix_server(self.serve, self.path)
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        self.accepted += 1
        self.tasks.add(asyncio.current_task())
        there, back = await asyncio.open_unix_connection(self.upstream)
        try:
            while data := await reader.read(1 << 20):
                if self.mood == "silent":
                    await asyncio.Event().wait()
                back.write(data)
                answer = await there.read(1 << 20)
                if self.mood == "cut" and b"EVALSHA" in data:
                    self.mood = "pass"  # the server has done it, nobody hears of it
                    return
                writer.write(answer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            for one in (writer, back):
                one.close()
                with contextlib.suppress(OSError):
                    await one.wait_closed()


@pytest.fixture
def wire(tmp_path_factory):
    """Put a wire before a server; an async context manager."""

    def lay(server):
        return Wire(str(tmp_path_factory.mktemp("w") / "w.sock"), server.socket_path)

    return lay
