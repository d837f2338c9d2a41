"""The API of a provider on loopback, which does with each connection what it is told; and what was logged."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
import threading

import pytest
from pydantic import SecretStr

from universal_framework.config.models import LLMProviderConfig
from universal_framework.contracts.llm import LLMRequest, Purpose

#: What nobody but the server may ever see.
KEY = "sk-cAnArY7f3b9e1dcAnArY7f3b9e1d"
PROMPT = "pRoMpTcAnArY write to Ada"
QUESTION = LLMRequest(
    purpose=Purpose.EMAIL, prompt=PROMPT, variables={"subject": "Hi", "audience": "Ada", "topic": "tea"}
)


def completion(text="Subject: Hi\n\nHello", **changes):
    """Return the body of an answer; `changes` go to its choice and its message."""
    message = {"role": "assistant", "content": text, **changes.pop("message", {})}
    return {
        "id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-4-0613",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message, **changes}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }  # fmt: skip


def reply(status=200, body=None, *, kind="application/json", **headers):
    """Return the bytes of a response."""
    data = body if isinstance(body, bytes) else json.dumps(completion() if body is None else body).encode()
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(data)}", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def refusal(status, code=None, **headers):
    """Return the bytes of an error; its words quote the key, as the real API's do."""
    error = {"message": f"Incorrect API key provided: {KEY}. {PROMPT}", "type": "x", "param": None, "code": code}
    if isinstance(code, tuple):
        error["code"], error["param"] = code
    return reply(status, {"error": error}, **headers)


HANG, RESET, DRIP, HALF = object(), object(), object(), object()


class Api:
    """A server on a real socket with a script; when it is used up, the last answer stays."""

    def __init__(self, stop):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = stop
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.script, self.asked, self.connections, self.errors = [reply()], [], 0, []
        threading.Thread(target=self._accept, daemon=True).start()

    def says(self, *script):
        self.script = list(script)

    def close(self):
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            head, _, rest = self._until(connection, b"", b"\r\n\r\n").partition(b"\r\n\r\n")
            names = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.decode().split("\r\n")[1:])
            }
            while len(rest) < int(names.get("content-length", 0)):
                rest += connection.recv(65_536)
            method, path, _ = head.decode().split(" ", 2)
            self.asked.append((method, path, names, json.loads(rest) if rest else None))
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self._answer(connection, answer)

    def _answer(self, connection, answer):
        if answer is HANG:
            self._stop.wait()
        elif answer is RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif answer is HALF:
            connection.sendall(reply()[:-20])
        elif answer is DRIP:
            for byte in reply():
                connection.sendall(bytes([byte]))
                if self._stop.wait(0.02):
                    return
        else:
            connection.sendall(answer)

    @staticmethod
    def _until(connection, data, mark):
        while mark not in data:
            part = connection.recv(65_536)
            if not part:
                raise ConnectionError
            data += part
        return data


@pytest.fixture
def api(monkeypatch):
    """The API; a client asks it directly, whatever proxies this machine has."""
    pytest.importorskip("openai")
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    server = Api(threading.Event())
    yield server
    server.close()


@pytest.fixture
def config(api):
    """Return the section for the API, with changes."""

    def config(**changes):
        return LLMProviderConfig(
            **{"base_url": api.url, "api_key": SecretStr(KEY), "timeout": 20.0, "max_retries": 0, **changes}
        )

    return config


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__(0)
        self.lines, self.records = [], []

    def emit(self, record):
        self.records.append(record)
        self.lines.append(logging.Formatter().format(record) + repr(record.__dict__))


@pytest.fixture
def logged():
    """Return everything that any logger says, of every level, with its fields and tracebacks."""
    root, handler = logging.getLogger(), _Kept()
    before = root.level
    root.addHandler(handler)
    root.setLevel(0)
    names = ("openai", "httpx", "httpx2", "httpcore", "httpcore2")
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def ask(config):
    """Return what a provider with these settings makes of a request, or the error that it raises."""
    from universal_framework.errors import LLMError
    from universal_framework.llm.providers import create_provider

    def ask(request=QUESTION, *, times=1, guard=60, check=False, remaining=lambda: None, **changes):
        async def body():
            provider = create_provider(config(**changes), remaining=remaining)
            results = []
            try:
                for _ in range(times):
                    try:
                        async with asyncio.timeout(guard):
                            results.append(await (provider.check() if check else provider.complete(request)))
                    except LLMError as error:
                        results.append(error)
            finally:
                await provider.aclose()
            return results

        results = asyncio.run(body())
        return results if times > 1 else results[0]

    return ask


@pytest.fixture(scope="session")
def steps():
    """Return how much work something is: CPU time, the least of three runs, in one process and never against a clock."""
    import time

    def steps(work):
        def once():
            begun = time.process_time_ns()
            work()
            return time.process_time_ns() - begun

        return min(once() for _ in range(3)) or 1

    return steps
