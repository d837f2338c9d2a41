"""Much of one thing: many sessions, and one conversation that does not end.

In: a service and the Redis behind it. Out: figures, which say for themselves whether anything grows that should not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from faultlab.client import Client
from faultlab.service import Service
from faultlab.stands import Redis
from faultlab.traffic import CONVERSATION, EXECUTE, Books, Session, audit

#: What is said over and over once there is an e-mail, and starts the next one.
CHANGES = ("Please make it formal instead", "Make it shorter", "Please mention the canteen", "I need another email")


@dataclass(frozen=True, slots=True)
class Many:
    """What became of many sessions: acknowledged, lost, stored; CPU and memory of the service for each."""

    acknowledged: int
    lost: int
    stored: int
    cpu_seconds: float
    grown_bytes: int


@dataclass(frozen=True, slots=True)
class Long:
    """What became of a long conversation, by tenths of it: bytes stored and CPU seconds per turn."""

    turns: int
    stored_bytes: tuple[int, ...]
    cpu_per_turn: tuple[float, ...]
    messages: int


async def many_sessions(service: Service, redis: Redis, number: int, *, talkers: int = 8) -> Many:
    """Begin so many conversations side by side, then read each of them back."""
    books = Books()
    redis.command("CONFIG", "SET", "appendfsync", "everysec")  # nothing is killed here, and disks are slow
    before, cpu, memory = _keys(redis), service.cpu_seconds, service.resident_bytes
    left = iter(range(number))

    async def talk() -> None:
        async with Client(service.url) as client:
            for _ in left:
                answer = await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})
                if answer.status == 200:
                    session_id = answer.json()["session_id"]
                    books.sessions[session_id] = Session(session_id, 1)

    await asyncio.gather(*(talk() for _ in range(talkers)))
    await audit(books, service.url)
    used, grown = service.cpu_seconds - cpu, service.resident_bytes - memory
    redis.command("CONFIG", "SET", "appendfsync", "always")
    return Many(len(books.sessions), len(books.sessions_lost), len(_keys(redis) - before), used, grown)


def _keys(redis: Redis) -> set[bytes]:
    """Return the keys of all stored sessions."""
    _, keys = redis.command("SCAN", 0, "MATCH", "uf:session:*", "COUNT", 10_000_000, "TYPE", "hash")
    return {bytes(key) for key in keys}


async def long_conversation(service: Service, redis: Redis, turns: int) -> Long:
    """Go on in one conversation for so many turns, the longest allowed messages among them."""
    session_id, total = "", 0
    sizes: list[int] = []
    times: list[float] = []
    async with Client(service.url) as client:
        known = _keys(redis)
        tenth, cpu = max(1, turns // 10), service.cpu_seconds
        for turn in range(turns):
            later = CHANGES[turn % len(CHANGES)]
            if turn % 5 == 0:
                later += f": mention number {turn} " + "and the whole story again, " * 120
            message = CONVERSATION[turn] if turn < len(CONVERSATION) else later
            body = {"message": message} | ({"session_id": session_id} if session_id else {})
            answer = await client.ask("POST", EXECUTE, body)
            if answer.status != 200:
                raise AssertionError(f"turn {turn}: {answer.status} {answer.body!r}")
            session_id = answer.json()["session_id"]
            if (turn + 1) % tenth == 0:
                sizes.append(max(redis.command("HSTRLEN", key, "body") for key in _keys(redis) - known))
                times.append((service.cpu_seconds - cpu) / tenth)
                cpu = service.cpu_seconds
        view = (await client.ask("GET", f"/api/workflow/sessions/{session_id}")).json()
        total = view["turn"]
    return Long(total, tuple(sizes), tuple(times), view["message_count"])
