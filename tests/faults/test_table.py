"""The rows of the fault table: what goes wrong behind the service or around it, in the middle of traffic."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter

import pytest
from faultlab import scenes
from faultlab.client import Answer, Client
from faultlab.service import clean_environment
from faultlab.stands import Mood
from faultlab.traffic import CONVERSATION, EXECUTE, SESSIONS, Books, Session, fault_of_envelope, unmarked

FULL = bool(os.environ.get("LOGSHIFT_FULL"))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="prlimit and filters of sockets are Linux's")

REDIS = (
    "Redis killed",
    "Redis restarted",
    "Redis restarted without its data",
    "Redis hangs (SIGSTOP)",
    "Redis accepts, never answers",
    "Redis out of memory",
    "Redis a read-only replica",
)
ALL = tuple(mood for mood in Mood if mood is not Mood.ANSWER)
MODEL = tuple(f"LLM: {mood.value}" for mood in (ALL if FULL else (Mood.HANG, Mood.BUSY, Mood.PAGE, Mood.RESET)))


def play(lab, fault, service=None):
    try:
        return asyncio.run(scenes.play(fault, [(service or lab.service).url], lab.size, verify_at=lab.service.url))
    finally:
        lab.redis.thaw()


@pytest.mark.parametrize("name", REDIS)
def test_whatever_becomes_of_redis_everything_is_answered_and_nothing_acknowledged_is_lost(lab, name):
    fault = next(one for one in scenes.redis_faults(lab.redis) if one.name == name)
    row = play(lab, fault)
    assert row.broken == []
    assert set(row.books.refused) <= {503}
    assert row.books.degraded == 0


@pytest.mark.parametrize("name", MODEL)
def test_whatever_becomes_of_the_language_model_everything_is_answered_and_marked(lab, name):
    fault = next(one for one in scenes.model_faults(lab.model) if one.name == name)
    row = play(lab, fault)
    assert row.broken == []
    assert row.books.refused.total() == 0


@LINUX
def test_a_full_disk_under_log_and_trail_is_nobody_elses_trouble(lab, another, tmp_path):
    log, trail = tmp_path / "log.jsonl", tmp_path / "trail"
    service = another("--log-file", str(log), "--audit", str(trail))
    row = play(lab, scenes.Fault("disk full", service.fill_disk, service.empty_disk, seen=False), service)
    assert row.broken == []
    assert row.noticed == 0
    assert service.stop() == 0
    assert "File too large" in service.told
    lines = log.read_text()
    assert '"service_stopped"' in lines
    created = lines.count('"action":"session_created"') + lines.count('"action": "session_created"')
    assert created >= len(row.books.sessions)
    command = [sys.executable, "-m", "universal_framework", "audit", "verify", str(trail)]
    verified = subprocess.run(command, env=clean_environment(), capture_output=True, check=False, timeout=120)
    assert verified.returncode == 0, verified.stdout
    recorded = "".join(file.read_text() for file in trail.rglob("*.jsonl"))
    assert recorded.count('"session_created"') >= len(row.books.sessions)


@pytest.mark.campaign
def test_a_log_that_takes_nothing_from_the_start_and_a_folder_that_goes_away(lab, another, tmp_path):
    if not FULL:
        pytest.skip("at full size only: two services more")
    row = play(lab, scenes.Fault("log never writable", int, int, seen=False), another("--log-file", "/dev/full"))
    assert row.broken == []
    folder = tmp_path / "logs"
    folder.mkdir()
    service = another("--log-file", str(folder / "log.jsonl"))

    def take_away():
        folder.rename(tmp_path / "taken")
        folder.touch()

    def put_back():
        folder.unlink()
        folder.mkdir()

    assert play(lab, scenes.Fault("log folder gone", take_away, put_back, seen=False), service).broken == []
    assert service.stop() == 0
    assert '"service_stopped"' in (folder / "log.jsonl").read_text()


# -- two services -----------------------------------------------------------------------------------------------------


async def _race(urls, rounds):
    """Send each message of conversations to two services at once; return the answers, and whether turns add up."""
    one, two = (Client(url) for url in urls)
    seen, agree = Counter(), True
    for _ in range(rounds):
        answer = await one.ask("POST", EXECUTE, {"message": CONVERSATION[0]})
        session_id, turn = answer.json()["session_id"], 1
        for message in CONVERSATION[1:]:
            body = {"message": message, "session_id": session_id}
            both = await asyncio.gather(*(client.ask("POST", EXECUTE, body) for client in (one, two)))
            seen.update(answer.status for answer in both)
            turn += sum(answer.status == 200 for answer in both)
            stored = (await two.ask("GET", f"{SESSIONS}/{session_id}")).json()
            agree = agree and stored["turn"] == turn and stored["message_count"] == 2 * turn
    one.close()
    two.close()
    return seen, agree


def test_of_two_services_on_one_redis_each_message_is_answered_once_or_refused(lab, second):
    seen, agree = asyncio.run(_race([lab.service.url, second.url], 40 if FULL else 6))
    assert set(seen) <= {200, 409}
    assert seen[200] >= sum(seen.values()) / 2
    assert agree


# -- the end of a service ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("time", range(3 if FULL else 1))
def test_H11_sigterm_under_load_loses_no_request_and_readiness_fails_first(lab, second, time):
    row, said = asyncio.run(scenes.play_stop("SIGTERM", second, lab.service, lab.size, second.tell_to_stop))
    assert row.broken == []
    assert second.process.returncode == 0
    assert said[-2:] == ["503", "closed"]


async def _in_the_door(service, number):
    """Have so many requests stand in the backlog of a service that is told to stop before it sees one of them."""
    service.process.send_signal(19)  # SIGSTOP
    clients = [Client(service.url) for _ in range(number)]
    asked = [asyncio.ensure_future(one.ask("POST", EXECUTE, {"message": CONVERSATION[0]})) for one in clients]
    await asyncio.sleep(0.2)
    service.tell_to_stop()
    service.process.send_signal(18)  # SIGCONT
    return await asyncio.gather(*asked, return_exceptions=True)


@LINUX
def test_who_stands_in_the_door_and_who_is_connected_is_heard_at_the_end(lab, another):
    service = another("--drain-seconds", "0")

    async def scene():
        async with Client(service.url) as kept, Client(service.url) as silent:
            assert (await kept.ask("GET", "/health/live")).status == 200
            await silent._connection()
            answers = await _in_the_door(service, 20)
            last = await kept.ask("GET", "/api/workflow/phases")
            late = await silent.ask("GET", "/api/workflow/phases")
            return answers, last, late

    answers, last, late = asyncio.run(scene())
    assert [getattr(one, "status", one) for one in answers] == [200] * 20
    assert [one.headers["connection"] for one in (*answers, last, late)] == ["close"] * 22
    assert service.process.wait(60) == 0


@pytest.mark.campaign
def test_a_service_that_is_killed_takes_no_acknowledged_session_with_it(lab, another):
    if not FULL:
        pytest.skip("at full size only: one service more")
    victim = another()
    row, _ = asyncio.run(scenes.play_stop("SIGKILL", victim, lab.service, lab.size, victim.process.kill))
    assert row.books.sessions_lost == []
    assert row.books.crashed == 0
    assert row.books.lost <= lab.size.talkers + 1


# -- the books can tell -----------------------------------------------------------------------------------------------


def test_the_books_tell_what_is_wrong():
    assert Session("s", 2, 1).agrees(3)
    assert not Session("s", 2, 1).agrees(1)
    assert not Session("s", 2).agrees(3)
    simulated = {"strategy": {"summary": "made up"}, "email": None, "degraded": []}
    assert unmarked(simulated) == "strategy_generator"
    assert unmarked({**simulated, "degraded": ["strategy_generator"]}) is None
    bare = Answer(500, {"content-type": "text/plain"}, b"Internal Server Error", 0.0)
    assert fault_of_envelope(bare) == "500 without the envelope"
    body = b'{"error":{"code":"c","detail":"d","request_id":"r"}}'
    headers = {"content-type": "application/json", "x-request-id": "r"}
    assert fault_of_envelope(Answer(503, headers, body, 0.0)) == "503 without Retry-After"
    assert fault_of_envelope(Answer(503, {**headers, "retry-after": "1"}, body, 0.0)) is None
    bad = Books(correct=1, lost=1, crashed=1, sessions_lost=["s"], wrong=["w"])
    assert len(scenes.Row("x", bad, None).broken) == 5
