"""The end of a server's connections without the loss of a request: what was let in is answered.

A server that closes its port and then every idle connection loses what is on its way: connections that the kernel has
taken and the server has not, requests that have arrived and were not read. So, in order: nobody new is let in; who
stands in the door comes in; idle connections get a last call; then the idle ones are closed, none with bytes unread.

In: uvicorn's server, its listening sockets, and how long the last call may take. Out: nothing; afterwards the server's
own shutdown has only what is idle, or being answered. What HTTP/1.1 cannot tell apart stays: a request that is under
way in the network while an idle connection is closed (RFC 9112, 9.5); for those is the time of draining before.
"""

from __future__ import annotations

import asyncio
import ctypes
import select
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from universal_framework.observability.unified_logger import UniversalFrameworkLogger

if TYPE_CHECKING:
    import uvicorn

logger = UniversalFrameworkLogger("serve")

#: Seconds in which connections that are idle may still ask; each is told in the answer that it ends.
LAST_CALL: Final = 0.25
#: Seconds that connections which have never asked get at most, and those of which half a request is there.
LONGEST_CALL: Final = 1.0

_SO_ATTACH_FILTER: Final = 26  # <asm-generic/socket.h>
#: Classic BPF over the TCP header: drop what has SYN and not ACK, so that handshakes under way are finished.
_NO_SYN: Final = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


async def last_call(server: uvicorn.Server, listeners: Sequence[socket.socket]) -> None:
    """Let nobody new in, and return when no connection waits to be heard."""
    until = asyncio.get_running_loop().time() + LONGEST_CALL
    for listener in listeners:
        refuse_newcomers(listener)
    await asyncio.sleep(0 if server.force_exit else LAST_CALL)
    await _let_in(server, listeners)
    while not server.force_exit and _somebody_waits(server, until):  # noqa: ASYNC110 - connections tell nobody
        await asyncio.sleep(0.005)


def refuse_newcomers(listener: socket.socket) -> None:
    """Let the kernel answer no new handshake on a socket, where it can; those under way are finished."""
    if sys.platform != "linux" or listener.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in _NO_SYN))
    program = struct.pack("HP", len(_NO_SYN), ctypes.addressof(code))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError as error:
        logger.debug("listener_without_filter", errno=error.errno)


async def _let_in(server: uvicorn.Server, listeners: Iterable[socket.socket]) -> None:
    """Take the connections that the kernel has already accepted, then close the port."""
    loop = asyncio.get_running_loop()
    waiting: list[socket.socket] = []
    for listener in listeners:
        waiting += _backlog(listener)
    for one in server.servers:
        one.close()
    for connection in waiting:
        await loop.connect_accepted_socket(_protocol_of(server), connection)


def _backlog(listener: socket.socket) -> list[socket.socket]:
    taken: list[socket.socket] = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return taken
        connection.setblocking(False)
        taken.append(connection)


def _protocol_of(server: uvicorn.Server) -> Callable[[], asyncio.Protocol]:
    def made() -> asyncio.Protocol:
        kind: Any = server.config.http_protocol_class
        protocol: asyncio.Protocol = kind(
            config=server.config, server_state=server.server_state, app_state=server.lifespan.state
        )
        return protocol

    return made


def _somebody_waits(server: uvicorn.Server, until: float) -> bool:
    """Return whether, before `until`, a connection has never asked or has sent bytes that nobody has read."""
    if asyncio.get_running_loop().time() >= until:
        return False
    connections: list[Any] = list(server.server_state.connections)
    idle = [one for one in connections if one.cycle is None or one.cycle.response_complete]
    return any(one.cycle is None for one in idle) or _any_readable(one.transport for one in idle)


def _any_readable(transports: Iterable[asyncio.Transport]) -> bool:
    poll = select.poll()
    for transport in transports:
        file = transport.get_extra_info("socket")
        if file is not None and file.fileno() >= 0:
            poll.register(file.fileno(), select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))
