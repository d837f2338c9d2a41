"""Traffic that keeps books: conversations side by side, and what became of each request.

In: addresses of services. Out: `Books` – how many requests were sent, answered correctly, degraded and marked, refused
with the envelope, lost, crashed, or wrong in any way; and for each session what was acknowledged. `audit` reads every
session back and says which are lost. A request counts once, at the client, after its whole answer was looked at.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from faultlab.client import Answer, Client, LostError, NotAcceptedError
from faultlab.stands import FROM_THE_MODEL

EXECUTE = "/api/workflow/execute"
SESSIONS = "/api/workflow/sessions"

CONVERSATION = (
    "I need an email about the office move",
    "Audience: all engineering staff. Tone: friendly. Key points: pack your desk by Thursday; "  # noqa: ISC004
    "labels are at reception; the new office opens on Monday",
    "That sounds good",
    "Yes, please write it now",
)

#: What a refusal may be: in the envelope, and – but for 409 of other kinds – with when to try again.
REFUSALS = frozenset({409, 429, 502, 503, 504})

#: Seconds that a client waits after a refusal; less than it is told, for there to be traffic.
PAUSE = 0.05


@dataclass(slots=True)
class Session:
    """What was acknowledged of a conversation, and how many writes nobody knows the end of."""

    session_id: str
    turn: int
    unknown: int = 0

    def agrees(self, turn: int) -> bool:
        """Return whether a stored session with so many turns has lost nothing and invented nothing."""
        return self.turn <= turn <= self.turn + self.unknown


@dataclass(slots=True)
class Books:
    """What became of requests and sessions."""

    sent: int = 0
    correct: int = 0
    degraded: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    gone: int = 0
    lost: int = 0
    crashed: int = 0
    wrong: list[str] = field(default_factory=list)
    probes: int = 0
    probes_failed: int = 0
    longest: float = 0.0
    sessions: dict[str, Session] = field(default_factory=dict)
    sessions_lost: list[str] = field(default_factory=list)
    well: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def answered(self) -> int:
        """How many requests have a whole answer."""
        return self.sent - self.lost


def fault_of_envelope(answer: Answer) -> str | None:
    """Return what is wrong with an error's shape; None where nothing is."""
    document = answer.json()
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or set(error) != {"code", "detail", "request_id"} or len(document) != 1:
        return f"{answer.status} without the envelope"
    if error["request_id"] != answer.headers.get("x-request-id"):
        return f"{answer.status} without its request's id"
    if answer.headers.get("content-type") != "application/json":
        return f"{answer.status} of another type than JSON"
    waits = answer.status in REFUSALS - {409} or error["code"] == "session_conflict"
    if waits and not answer.headers.get("retry-after", "").isdecimal():
        return f"{answer.status} without Retry-After"
    return None


def unmarked(body: dict[str, Any]) -> str | None:
    """Return the agent in whose place a simulation answered without a word about it."""
    marks = body["degraded"]
    strategy, email = body["strategy"], body["email"]
    if strategy is not None and FROM_THE_MODEL not in strategy["summary"] and "strategy_generator" not in marks:
        return "strategy_generator"
    if email is not None and FROM_THE_MODEL not in email["body"] and "email_generator" not in marks:
        return "email_generator"
    return None


class Traffic:
    """Conversations side by side, until `stop`.

    Args:
        urls: Of the services; a talker goes on with the next one where nobody listens.
        talkers: How many conversations run at once.
        by_model: Whether answers come from `stands.Model`, so that those of a simulation are recognised.
    """

    def __init__(self, urls: Sequence[str], *, talkers: int = 6, by_model: bool = True) -> None:
        self.books = Books()
        self._urls = tuple(urls)
        self._by_model = by_model
        self._talkers = talkers
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._talk(number)) for number in range(self._talkers)]
        self._tasks.append(loop.create_task(self._probe()))

    async def answers(self, number: int, seconds: float = 60.0) -> None:
        """Return when so many requests more have their answers, or after some time."""
        goal = self.books.answered + number
        deadline = asyncio.get_running_loop().time() + seconds
        while self.books.answered < goal and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - simple
            await asyncio.sleep(0.01)

    async def recovered(self, seconds: float = 60.0) -> float:
        """Return after how many seconds a plan was made and stored as it should be.

        Raises:
            TimeoutError: None was.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.books.well.clear()
        async with asyncio.timeout(seconds):
            await self.books.well.wait()
        return loop.time() - begun

    async def stop(self) -> None:
        """Let every request under way be answered, then end."""
        self._stopping = True
        await asyncio.gather(*self._tasks)

    # -- a conversation -----------------------------------------------------------------------------------------------

    async def _talk(self, number: int) -> None:
        order = itertools.cycle((*self._urls[number % len(self._urls) :], *self._urls[: number % len(self._urls)]))
        client = Client(next(order))
        session: Session | None = None
        while not self._stopping:
            step = 0 if session is None else session.turn % len(CONVERSATION)
            if step == 0:
                session = None
            try:
                answer = await self._ask(client, CONVERSATION[step], session)
            except NotAcceptedError:
                client.close()
                client = Client(next(order))
                await asyncio.sleep(PAUSE)
                continue
            session = self._entered(answer, session)
            if answer is None or answer.status != 200:
                await asyncio.sleep(PAUSE)
        client.close()

    async def _ask(self, client: Client, message: str, session: Session | None) -> Answer | None:
        body = {"message": message} | ({"session_id": session.session_id} if session else {})
        try:
            answer = await client.ask("POST", EXECUTE, body)
        except NotAcceptedError:
            raise
        except LostError:
            self.books.sent += 1
            self.books.lost += 1
            return None
        self.books.sent += 1
        self.books.longest = max(self.books.longest, answer.seconds)
        return answer

    def _entered(self, answer: Answer | None, session: Session | None) -> Session | None:
        """Enter an answer; return the session to go on with."""
        books = self.books
        if answer is not None and answer.status == 200:
            return self._entered_success(answer.json(), session)
        if session is not None:
            session.unknown += 1
        if answer is None:
            return session
        if answer.status == 500:
            books.crashed += 1
        elif answer.status == 404 and session is not None:
            books.gone += 1
            return None
        elif answer.status in REFUSALS:
            books.refused[answer.status] += 1
        else:
            books.wrong.append(f"status {answer.status}")
        if fault := fault_of_envelope(answer):
            books.wrong.append(fault)
        return session

    def _entered_success(self, body: Any, session: Session | None) -> Session | None:
        books = self.books
        known = Session("", 0) if session is None else session
        if not isinstance(body, dict) or not body.get("reply") or not known.agrees(body.get("turn", 0) - 1):
            books.wrong.append(f"turn {body.get('turn') if isinstance(body, dict) else None} after {known}")
            return None
        if self._by_model and (agent := unmarked(body)):
            books.wrong.append(f"{agent} is simulated and not marked")
        elif body["degraded"] or "safe_mode" in body["warnings"]:
            books.degraded += 1
        else:
            books.correct += 1
            if body["turn"] == 2:  # which needs both the storage and the language model
                books.well.set()
        after = Session(body["session_id"], body["turn"])
        books.sessions[after.session_id] = after
        return after

    async def _probe(self) -> None:
        """Ask for liveness all the time: no fault of a dependency may have the process restarted."""
        clients = [Client(url) for url in self._urls]
        while not self._stopping:
            for client in clients:
                try:
                    answer = await client.ask("GET", "/health/live")
                except NotAcceptedError:
                    continue
                except LostError:
                    self.books.probes_failed += 1
                    continue
                self.books.probes += 1
                self.books.probes_failed += answer.status != 200
            await asyncio.sleep(0.1)
        for client in clients:
            client.close()


async def audit(books: Books, url: str, *, tries: int = 100) -> None:
    """Read every acknowledged session back, and enter those that are not there, or not as they were acknowledged."""
    async with Client(url) as client:
        for session in books.sessions.values():
            for _ in range(tries):
                answer = await client.ask("GET", f"{SESSIONS}/{session.session_id}")
                if answer.status in {200, 404}:
                    break
                await asyncio.sleep(PAUSE)
            view = answer.json()
            if answer.status != 200 or not session.agrees(view["turn"]):
                books.sessions_lost.append(f"{session}: {answer.status} {view}")
