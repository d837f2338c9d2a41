"""The faults, and the scene that each is played in: traffic, the fault in its middle, its end, recovery, the audit.

In: stands and services that run. Out: a `Row` for the table. Nothing here knows what is right; `Row.broken` says which
promise does not hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faultlab.service import Service
from faultlab.stands import Model, Mood, Redis
from faultlab.traffic import Books, Traffic, audit

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Size:
    """How much traffic: conversations at once, and answers before, during and after the fault."""

    talkers: int = 6
    before: int = 12
    during: int = 40
    after: int = 24


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and how it is put right.

    Attributes:
        name: For the table.
        begin: Does it.
        end: Undoes it.
        forgets: Whether the store itself loses what it had, so that sessions are gone through no fault of ours.
        seen: Whether clients must notice, by an answer that is degraded or refused; what nobody sees tests nothing.
    """

    name: str
    begin: Act
    end: Act
    forgets: bool = False
    seen: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the traffic around one fault."""

    fault: str
    books: Books
    recovery: float | None
    forgets: bool = False
    seen: bool = True

    @property
    def noticed(self) -> int:
        """How many answers were not what they are in good times."""
        return self.books.degraded + self.books.refused.total() + self.books.gone

    @property
    def broken(self) -> list[str]:
        """The promises that do not hold."""
        books = self.books
        told = [f"{books.lost} requests lost"] * bool(books.lost)
        told += [f"{books.crashed} unhandled 500"] * bool(books.crashed)
        told += [f"{books.probes_failed} of {books.probes} live probes failed"] * bool(books.probes_failed)
        told += books.wrong[:3]
        if not self.forgets:
            told += [f"{books.gone} sessions not found"] * bool(books.gone)
            told += [f"session lost: {one}" for one in books.sessions_lost[:3]]
        told += ["nothing was answered correctly"] * (not books.correct)
        told += ["the fault was not noticed"] * (self.seen and not self.noticed)
        return told


def redis_faults(redis: Redis) -> list[Fault]:
    """Return what goes wrong with the storage."""

    def restart() -> None:
        redis.kill()
        redis.start()

    def restart_empty() -> None:
        redis.kill()
        redis.start_empty()

    def nothing() -> None:
        return

    return [
        Fault("Redis killed", redis.kill, redis.start),
        Fault("Redis restarted", restart, nothing, seen=False),
        Fault("Redis restarted without its data", restart_empty, nothing, forgets=True),
        Fault("Redis hangs (SIGSTOP)", redis.freeze, redis.thaw),
        Fault("Redis accepts, never answers", redis.be_a_hole, redis.start),
        Fault("Redis out of memory", redis.fill, redis.empty),
        Fault("Redis a read-only replica", redis.obey_nobody, redis.lead),
    ]


def model_faults(model: Model) -> list[Fault]:
    """Return what goes wrong with the language model."""

    def turn(mood: Mood) -> Act:
        def act() -> None:
            model.mood = mood

        return act

    return [Fault(f"LLM: {mood.value}", turn(mood), turn(Mood.ANSWER)) for mood in Mood if mood is not Mood.ANSWER]


async def play(fault: Fault, urls: Sequence[str], size: Size, *, verify_at: str | None = None) -> Row:
    """Play a scene: traffic at `urls`, the fault, recovery; then every session is read at `verify_at`."""
    traffic = Traffic(urls, talkers=size.talkers)
    traffic.start()
    await traffic.answers(size.before)
    await asyncio.to_thread(fault.begin)
    await traffic.answers(size.during)
    await asyncio.to_thread(fault.end)
    recovery = await traffic.recovered()
    await traffic.answers(size.after)
    await traffic.stop()
    await audit(traffic.books, verify_at or urls[0])
    return Row(fault.name, traffic.books, recovery, fault.forgets, fault.seen)


async def play_stop(name: str, leaving: Service, staying: Service, size: Size, act: Act) -> tuple[Row, list[str]]:
    """Play the end of one of two services under load; return the row, and what readiness said until the port closed."""
    traffic = Traffic((leaving.url, staying.url), talkers=size.talkers)
    traffic.start()
    await traffic.answers(size.before)
    watch = asyncio.create_task(_readiness(leaving))
    await traffic.answers(size.talkers)
    await asyncio.to_thread(act)
    await asyncio.to_thread(leaving.process.wait, 60)
    recovery = await traffic.recovered()
    await traffic.answers(size.after)
    await traffic.stop()
    said = await watch
    await audit(traffic.books, staying.url)
    return Row(name, traffic.books, recovery, seen=False), said


async def _readiness(service: Service) -> list[str]:
    """Return what readiness says until nobody listens, each change once."""
    from faultlab.client import Client, LostError, NotAcceptedError

    said: list[str] = []
    client = Client(service.url)
    while True:
        try:
            answer = await client.ask("GET", "/health/ready")
        except (LostError, NotAcceptedError):
            client.close()
            return [*said, "closed"]
        word = str(answer.status)
        if said[-1:] != [word]:
            said.append(word)
        await asyncio.sleep(0.01)
