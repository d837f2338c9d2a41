"""Time that jumps, requests without a server, and contributors that do as they are told."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from universal_framework.health.registry import Contributor

CANARY = "cAnArY7f3b9e1d"


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when everybody waits, and then at once."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0
        select = self._selector.select

        def jump(timeout=None):
            if timeout is None:  # nobody will ever wake anybody, unless another thread does
                return select(10)
            self.now += max(timeout, 0)
            return select(0)

        self._selector.select = jump

    def time(self):
        return self.now


@pytest.fixture
def virtually():
    """Run a coroutine function in virtual time."""

    def run(scene, *args):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(scene(*args))

    return run


@pytest.fixture
def ask():
    """Send one request to an ASGI application; return status, headers, body, and the body as JSON."""

    async def send_one(app, path, method="GET", headers=(), root_path=""):
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": root_path,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
        }  # fmt: skip
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return SimpleNamespace(
            status=sent[0]["status"],
            headers={name.decode(): value.decode() for name, value in sent[0]["headers"]},
            body=body,
            json=json.loads(body) if body.startswith(b"{") else None,
        )

    return send_one


class Dependency:
    """Something to depend on: counts its calls, and answers, raises or hangs as it is told."""

    def __init__(self, answer=True):
        self.answer = answer
        self.calls = self.running = self.most = 0

    async def __call__(self):
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.answer == "hang":
                await asyncio.get_running_loop().create_future()
            await asyncio.sleep(0)
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer
        finally:
            self.running -= 1


@pytest.fixture
def dependency():
    return Dependency


@pytest.fixture
def contributor():
    """Make a contributor of a check; critical unless told."""

    def make(name, check, **options):
        return Contributor(name=name, check=check, **{"critical": True, **options})

    return make
