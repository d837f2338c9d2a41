"""What becomes of traffic when something fails, and what a turn of a conversation costs.

    python bench/service.py            # needs the extras service and openai; some minutes
    python bench/service.py --quick    # small: as in the tests
    python bench/service.py --growth   # only the many sessions and the long conversation

The real `universal-framework serve` runs as a process between a real Redis server and a language model on loopback;
clients keep books (`tools/faultlab`). Limits are short (`faultlab.service.QUICK`), so that a fault is over in seconds:
Redis gets 0.5 s, the model 1 s, circuits look again after 1 s. Counts are of requests, but for the column of sessions.
Recovery is the time from the end of the fault to the first plan that is made and stored as it should be.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "src"), os.path.join(ROOT, "tools")]

from faultlab import campaigns, scenes
from faultlab.service import QUICK, Service
from faultlab.stands import Model, Redis
from rounds import Claim, print_claims

KEY = "sk-live-0123456789abcdef"
HEAD = ("fault", "sent", "correct", "degraded", "refused", "gone", "lost", "500", "sessions", "lost", "recovery")


class Stage:
    """The stands, a service that outlives all faults, and the making of others."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack, self._number = folder, stack, 0
        self.redis = stack.enter_context(Redis(folder, "not-a-secret"))
        self.model = stack.enter_context(Model(KEY))
        self.service = self.another()

    def another(self, *arguments: str) -> Service:
        """Start a service."""
        self._number += 1
        environ = {
            **QUICK, "REDIS_URL": self.redis.url, "OPENAI_API_KEY": KEY, "UF__LLM__BASE_URL": self.model.url,
        }  # fmt: skip
        return self._stack.enter_context(Service(self._folder / f"service{self._number}", environ, *arguments))


def rows(stage: Stage, size: scenes.Size) -> Iterator[scenes.Row]:
    """Play every scene."""
    for fault in (*scenes.redis_faults(stage.redis), *scenes.model_faults(stage.model)):
        yield asyncio.run(scenes.play(fault, [stage.service.url], size))
    for name, arguments in (
        ("log disk full", ("--log-file", "{}/log.jsonl")),
        ("audit trail's disk full", ("--audit", "{}/trail")),
        ("log never writable (/dev/full)", ("--log-file", "/dev/full")),
    ):
        folder = tempfile.mkdtemp(dir=stage._folder)
        service = stage.another(*(argument.format(folder) for argument in arguments))
        always = "never" in name
        fault = scenes.Fault(
            name, int if always else service.fill_disk, int if always else service.empty_disk, seen=False
        )
        yield asyncio.run(scenes.play(fault, [service.url], size, verify_at=stage.service.url))
        service.stop()
    yield folder_gone(stage, size)
    for name, drain in (("SIGTERM, drains 0.5 s", "0.5"), ("SIGTERM, drains not at all", "0")):
        leaving = stage.another("--drain-seconds", drain)
        yield stopped(stage, name, leaving, leaving.tell_to_stop, size)
    victim = stage.another()
    yield stopped(stage, "SIGKILL", victim, victim.process.kill, size)


def folder_gone(stage: Stage, size: scenes.Size) -> scenes.Row:
    """Play the scene in which the log's folder is replaced by a file, as good as read-only also for root."""
    folder = Path(tempfile.mkdtemp(dir=stage._folder)) / "logs"
    folder.mkdir()
    service = stage.another("--log-file", str(folder / "log.jsonl"))

    def take_away() -> None:
        folder.rename(folder.parent / "taken")
        folder.touch()

    def put_back() -> None:
        folder.unlink()
        folder.mkdir()

    fault = scenes.Fault("log folder gone", take_away, put_back, seen=False)
    row = asyncio.run(scenes.play(fault, [service.url], size, verify_at=stage.service.url))
    service.stop()
    return row


def stopped(stage: Stage, name: str, leaving: Service, act: Callable[[], object], size: scenes.Size) -> scenes.Row:
    """Play the end of one of two services under load."""
    row, _ = asyncio.run(scenes.play_stop(name, leaving, stage.service, size, act))
    return row


def print_row(row: scenes.Row) -> None:
    """Print a line of the table, and what it breaks."""
    books = row.books
    refused = " ".join(f"{number}×{status}" for status, number in sorted(books.refused.items())) or "0"
    recovery = "" if row.recovery is None else f"{row.recovery:.1f} s"
    lost = f"({len(books.sessions_lost)})" if row.forgets else str(len(books.sessions_lost))
    cells = (
        row.fault, books.sent, books.correct, books.degraded, refused, books.gone, books.lost, books.crashed,
        len(books.sessions), lost, recovery,
    )  # fmt: skip
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def growth(stage: Stage, *, quick: bool) -> list[Claim]:
    """Print and return what many sessions and a long conversation cost."""
    number, turns = (300, 50) if quick else (10_000, 500)
    many = asyncio.run(campaigns.many_sessions(stage.service, stage.redis, number))
    print(
        f"\n{number} sessions: {many.acknowledged} acknowledged, {many.lost} lost, {many.stored} stored; "
        f"{many.cpu_seconds / number * 1000:.2f} ms of CPU to begin one and read it back"
    )
    long = asyncio.run(campaigns.long_conversation(stage.service, stage.redis, turns))
    print(
        f"a conversation of {long.turns} turns: {long.messages} messages kept; stored after each tenth "
        f"{', '.join(f'{size / 1024:.0f}' for size in long.stored_bytes)} KiB; CPU per turn "
        f"{', '.join(f'{seconds * 1000:.1f}' for seconds in long.cpu_per_turn)} ms\n"
    )
    return [
        Claim("sessions lost of those begun", float(many.lost + number - many.acknowledged), floor=0, unit=""),
        Claim("memory of the service per session begun", many.grown_bytes / number / 1024, unit="KiB"),
        Claim(
            "stored bytes, last tenth of the conversation : the largest before",
            long.stored_bytes[-1] / max(long.stored_bytes[:-1]),
            floor=1.25,
        ),
        Claim(
            "CPU per turn, second half of the conversation : first half",
            sum(long.cpu_per_turn[5:]) / sum(long.cpu_per_turn[:5]),
            floor=1.5,
        ),
    ]


def main() -> None:
    """Print the table and the claims; exit 1 where a promise does not hold."""
    quick = "--quick" in sys.argv[1:]
    size = scenes.Size(talkers=4, before=4, during=16, after=8) if quick else scenes.Size(12, 60, 200, 120)
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        stage = Stage(Path(folder), stack)
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
        for row in () if "--growth" in sys.argv[1:] else rows(stage, size):
            print_row(row)
            told = row.broken
            if row.fault == "SIGKILL":  # what was in flight in a killed process has no answer
                told = [one for one in told if "requests lost" not in one and "probes" not in one]
            broken += [f"{row.fault}: {one}" for one in told]
        print_claims(growth(stage, quick=quick))
        broken += [] if stage.service.stop() == 0 else ["the service did not end with 0"]
        broken += ["a traceback on standard error"] * ("Traceback" in stage.service.told)
    print("\n".join(broken) if broken else "\nall promises hold")
    raise SystemExit(1 if broken else 0)


if __name__ == "__main__":
    main()
