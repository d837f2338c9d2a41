"""Much of one thing: 10,000 sessions, and a conversation of hundreds of turns."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

import pytest
from faultlab import campaigns

from universal_framework.api.leaving import refuse_newcomers
from universal_framework.cli.serve import _listening

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


@pytest.mark.campaign
def test_ten_thousand_sessions_are_all_there(lab):
    number = 10_000 if FULL else 150
    many = asyncio.run(campaigns.many_sessions(lab.service, lab.redis, number))
    assert (many.acknowledged, many.lost, many.stored) == (number, 0, number)
    assert many.grown_bytes < 20 * 1024 * 1024 + number * 4096


@pytest.mark.campaign
def test_a_conversation_may_go_on_for_hundreds_of_turns_and_stays_as_large_as_it_was(lab):
    turns = 400 if FULL else 60
    long = asyncio.run(campaigns.long_conversation(lab.service, lab.redis, turns))
    assert (long.turns, long.messages) == (turns, 20)
    assert long.stored_bytes[-1] < 1.5 * max(long.stored_bytes[2:5])
    assert max(long.stored_bytes) < 128 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="filters of sockets are Linux's")
def test_a_port_that_refuses_newcomers_still_lets_in_who_is_under_way():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as early:
        refuse_newcomers(listener)
        with contextlib.closing(socket.socket()) as late:
            late.settimeout(0.2)
            with pytest.raises(TimeoutError):
                late.connect(listener.getsockname())
        listener.settimeout(10)
        connection, _ = listener.accept()
        with connection:
            early.sendall(b"x")
            assert connection.recv(1) == b"x"


def test_answers_are_not_held_back_by_nagle():
    async def scene():
        accepted = asyncio.get_running_loop().create_future()

        async def serve(_, writer):
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listening("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(serve, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                without_delay = await accepted
                writer.close()
                return without_delay

    assert asyncio.run(scene())
