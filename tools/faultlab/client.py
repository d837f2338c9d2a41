"""An HTTP client that knows whether it was answered.

In: requests. Out: an `Answer`, or one of two ends without one that libraries hide behind retries: `NotAcceptedError` –
nobody took the connection, so nothing was asked – and `LostError` – the connection was there, the request was sent, and
no whole answer came. Never: a second try.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

#: Seconds after which an answer counts as never given; above every limit of the service under test.
PATIENCE = 60.0


class LostError(Exception):
    """A request that was sent has no answer."""


class NotAcceptedError(Exception):
    """Nobody listens, so nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the body; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Client:
    """One connection at a time, kept alive as long as the server keeps it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request and return its answer.

        Raises:
            LostError: There is none.
            NotAcceptedError: There is no connection.
        """
        data = b"" if body is None else json.dumps(body).encode()
        told = {"host": f"{self._host}:{self._port}", "content-length": str(len(data)), **(headers or {})}
        if body is not None:
            told["content-type"] = "application/json"
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        loop = asyncio.get_running_loop()
        reader, writer = await self._connection()
        begun = loop.time()
        try:
            async with asyncio.timeout(PATIENCE):
                writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)
                await writer.drain()
                status, known, got = await _answer(reader, method)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            self.close()
            raise LostError(type(error).__name__) from error
        if known.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, known, got, loop.time() - begun)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is not None and self._writer is not None:
            await asyncio.sleep(0)  # an end that has arrived is seen, as pools of connections do
            if not self._reader.at_eof() and not self._writer.is_closing():
                return self._reader, self._writer
            self.close()
        try:
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        except OSError as error:
            raise NotAcceptedError(type(error).__name__) from error
        return self._reader, self._writer

    def close(self) -> None:
        """End the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def _answer(reader: asyncio.StreamReader, method: str) -> tuple[int, dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    pairs = (line.partition(":") for line in lines[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if method == "HEAD" or status in {204, 304}:
        return status, headers, b""
    if "transfer-encoding" in headers:
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return status, headers, body
    return status, headers, await reader.readexactly(int(headers["content-length"]))
