"""Connections, by uvicorn's HTTP/1.1: what cannot be read is answered with the envelope, and nobody holds one for ever.

In: bytes of anybody. Out: requests for the application; 400 `invalid_http`, 408 `head_timeout` for a head that does not
arrive, 503 `busy` where there are `most_connections` already. Who is answered before all of a body was read gets the
answer all the same: what still comes is thrown away for `LINGER_SECONDS`, for a connection that is closed with unread
bytes is reset, and the answer lost (RFC 9112, 9.6). Never: a connection without a request that is older than
`HEAD_SECONDS`, but for one that is kept alive, which has a limit of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from universal_framework.api.refusals import envelope, new_request_id, phrase

#: Seconds in which the head of a request must have arrived.
HEAD_SECONDS: Final = 10.0
#: Seconds in which a client may go on to send what is not read.
LINGER_SECONDS: Final = 2.0
#: Connections that wait to be accepted, and how many are accepted at one go.
BACKLOG: Final = 256

#: File descriptors that are not for connections: Redis, the language model, logs, and one go of accepting.
_RESERVED: Final = BACKLOG + 128
_FEWEST: Final = 32
_MOST: Final = 10_000


def most_connections() -> int:
    """Return how many connections there may be at once, by the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(_FEWEST, min(_MOST, soft - _RESERVED))


def allow_connections() -> None:
    """Raise this process's limit of open files to what that many connections need, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _RESERVED if hard == resource.RLIM_INFINITY else min(hard, _MOST + _RESERVED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Lingering:
    """A transport that, told to close, first lets the other side end what it sends."""

    def __init__(self, transport: asyncio.Transport, protocol: EnvelopedProtocol) -> None:
        self._transport = transport
        self._protocol = protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Close, now or soon."""
        if self._transport.is_closing() or self._protocol.lingers:
            return
        if not self._protocol.is_sent_to() or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._protocol.linger()

    def is_closing(self) -> bool:
        """Return whether nothing can be written any more."""
        return self._protocol.lingers or self._transport.is_closing()


class EnvelopedProtocol(H11Protocol):
    """HTTP/1.1 by h11; see the module."""

    lingers = False
    _waits: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        self._real = transport
        super().connection_made(_Lingering(transport, self))  # type: ignore[arg-type]
        if len(self.connections) > most_connections():
            self._refuse(503, "busy", "The service is busy. Please try again later.")
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Take bytes in, unless the connection is ending."""
        if self.lingers:
            return
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._wait_no_more()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request, as long as uvicorn's own limit says."""
        self._wait_no_more()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature; its words are its own
        """Answer what could not be read."""
        self._refuse(400, "invalid_http", "The request is not HTTP that can be read.")

    def _should_upgrade(self) -> bool:
        """Return that no other protocol is spoken; without uvicorn's advice to install one."""
        return False

    # -- the end of a connection --------------------------------------------------------------------------------------

    def is_sent_to(self) -> bool:
        """Return whether the client may still be sending what nobody will read."""
        return self.conn.their_state in {h11.SEND_BODY, h11.ERROR}

    def linger(self) -> None:
        """Say that nothing more will be said, and throw away what comes until the client has closed."""
        self.lingers = True
        self._wait_no_more()
        self._unset_keepalive_if_required()
        self._real.write_eof()
        self._real.resume_reading()
        self._waits = self.loop.call_later(LINGER_SECONDS, self._real.close)

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer, if nothing is being answered yet, and end the connection."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            request_id = new_request_id()
            body = envelope(code, detail, request_id)
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
                (b"x-request-id", request_id.encode()),
                (b"connection", b"close"),
                *([(b"retry-after", b"1")] if status == 503 else []),
            ]
            start = h11.Response(status_code=status, headers=headers, reason=phrase(status).encode())
            for event in (start, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Bound the time in which nothing is being answered and no whole head is there."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._wait_no_more()
        elif self._waits is None and not self.transport.is_closing():
            self._waits = self.loop.call_later(HEAD_SECONDS, self._late)

    def _wait_no_more(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _late(self) -> None:
        self._waits = None
        if self.transport.is_closing():
            return
        if self.conn.trailing_data[0]:
            self._refuse(408, "head_timeout", "The request did not arrive in time.")
        else:
            self.transport.close()
