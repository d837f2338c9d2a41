"""What stands behind the service: a real Redis server that can be hurt, and a language model on loopback that can fail.

In: what is to go wrong. Out: that, until it is healed. Both are at addresses that stay the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import threading
import time
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from universal_framework.redis.local_server import LocalRedis

#: The name of a plan or an e-mail that this model wrote, so that a simulation's is told from it.
FROM_THE_MODEL = "from the model"


def free_port() -> int:
    """Return a port of loopback that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Redis:
    """The real server with a password, on a port, with data that outlives its death."""

    def __init__(self, folder: Path, password: str) -> None:
        self._data = folder / "redis"
        self._password = password
        self._port = free_port()
        options = ("--bind", "127.0.0.1", "--port", str(self._port), "--requirepass", password)
        self._server = LocalRedis(folder=self._data, options=options)
        self._hung: socket.socket | None = None

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thaw()
        self._close_hung()
        self._server.stop()

    @property
    def url(self) -> str:
        """The address, with the password."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def command(self, *words: str | int) -> Any:
        """Return the answer to a command."""
        import redis

        with redis.Redis.from_url(self.url, socket_timeout=20) as client:
            return client.execute_command(*words)

    def kill(self) -> None:
        """End the server as the kernel does where memory is short."""
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while self._server.running and time.monotonic() < deadline:
            time.sleep(0.005)

    def start(self) -> None:
        """Start it again, at the same address, with its data."""
        self._close_hung()
        self._server.start()

    def start_empty(self) -> None:
        """Start it again without its data."""
        for file in self._data.glob("appendonly*"):
            shutil.rmtree(file) if file.is_dir() else file.unlink()
        self.start()

    def freeze(self) -> None:
        """Let it hang: connections are accepted by the kernel, nothing is answered."""
        if self._server.pid is not None:
            os.kill(self._server.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._server.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._server.pid, signal.SIGCONT)

    def be_a_hole(self) -> None:
        """Put something in its place that accepts and never answers."""
        self.kill()
        hole = socket.socket()
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", self._port))
        hole.listen(1000)
        self._hung = hole

    def fill(self) -> None:
        """Let it refuse all writes for want of memory."""
        self.command("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.command("CONFIG", "SET", "maxmemory", 1)

    def empty(self) -> None:
        """Give it memory again."""
        self.command("CONFIG", "SET", "maxmemory", 0)

    def obey_nobody(self) -> None:
        """Make it a replica, which takes no writes, of a server that is not there."""
        self.command("REPLICAOF", "127.0.0.1", free_port())

    def lead(self) -> None:
        """Make it a primary again."""
        self.command("REPLICAOF", "NO", "ONE")

    def _close_hung(self) -> None:
        if self._hung is not None:
            self._hung.close()
            self._hung = None


class Mood(StrEnum):
    """What a language model does with a question."""

    ANSWER = "answers"
    HANG = "hangs"
    SERVER_ERROR = "500"
    BUSY = "429 with Retry-After"
    PAGE = "a page of HTML"
    BROKEN = "broken JSON"
    NO_ACCESS = "401"
    RESET = "resets connections"


class Model:
    """OpenAI's API on loopback, in a thread of its own, as far as it is asked."""

    def __init__(self, key: str) -> None:
        self.mood = Mood.ANSWER
        self.asked = 0
        self._key = key
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self._port}/v1"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = head.lower().partition("content-length:")[2].partition("\r\n")[0].strip()
                body = await reader.readexactly(int(length or 0))
                self.asked += 1
                if self.mood is Mood.HANG:
                    await reader.read()  # until the other side gives up
                    return
                if self.mood is Mood.RESET:
                    raw = writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                writer.write(self._reply(head, body))
                await writer.drain()

    def _reply(self, head: str, body: bytes) -> bytes:
        match self.mood:
            case Mood.SERVER_ERROR:
                return _http(500, self._refusal("server_error"))
            case Mood.BUSY:
                return _http(429, self._refusal("rate_limit_exceeded"), ("retry-after: 30",))
            case Mood.NO_ACCESS:
                return _http(401, self._refusal("invalid_api_key"))
            case Mood.PAGE:
                return _http(200, b"<html><h1>Please sign in</h1></html>", kind="text/html")
            case Mood.BROKEN:
                return _http(200, b'{"id": "c", "choices": [{"mess')
            case _ if head.startswith("GET"):
                return _http(200, {"id": "gpt-4", "object": "model", "created": 1, "owned_by": "x"})
            case _:
                return _http(200, _completion(body))

    def _refusal(self, code: str) -> dict[str, Any]:
        """Return an error whose words quote the key, as the real API's do."""
        return {"error": {"message": f"Incorrect API key provided: {self._key}", "type": "x", "code": code}}


def _completion(body: bytes) -> dict[str, Any]:
    asked = json.dumps(json.loads(body)["messages"])
    if "Name the intent" in asked:
        text = "provide_details"
    elif "Begin with a line 'Subject" in asked:
        text = f"Subject: The move\n\nHello all, {FROM_THE_MODEL}."
    else:
        text = f"Subject: The move\nSummary: {FROM_THE_MODEL}\n- one\n- two"
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4", "choices": [choice], "usage": usage,
    }  # fmt: skip


def _http(
    status: int, document: dict[str, Any] | bytes, headers: tuple[str, ...] = (), *, kind: str = "application/json"
) -> bytes:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    lines = (f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(data)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
