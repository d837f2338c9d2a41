"""Secrets of a service that has everything – a password at Redis, a key, a token, people in its messages – and faults.

Every channel through which anything leaves the process is kept and searched: log lines on standard output, standard
error, the audit trail, answers to errors, health for strangers and for the bearer of the token, metrics, what the
collector and the agent on loopback get, and the reports of `config check` and `config show`.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import re
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from faultlab.client import Client
from faultlab.service import Service, clean_environment
from faultlab.stands import Mood
from faultlab.traffic import CONVERSATION, EXECUTE, SESSIONS

FULL = bool(os.environ.get("LOGSHIFT_FULL"))

TOKEN = "cAnArYtOkEn1b7"
HEADER = "cAnArYhEaDeR=cAnArYvAlUe9"
OWNER = "cAnArYoWnEr.ada@people.example"
MAIL = "cAnArYmail.grace@people.example"
PHONE = "+49 30 901820 7455"
CARD = "4111 1111 1111 1111"
WORD = "cAnArYwOrD"

MESSAGES = (
    f"I need an email about {WORD} and {MAIL}",
    f"Topic: {WORD} move. Audience: {WORD} staff, {MAIL}. Tone: friendly. Key points: call {PHONE}; pay with {CARD}; {WORD}",
    *CONVERSATION[2:],
)


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(gzip.decompress(data) if self.headers["content-encoding"] == "gzip" else data)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    server.daemon_threads, server.got = True, []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def agent():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(0.2)
        yield udp


def datagrams(udp):
    got = []
    while True:
        try:
            got.append(udp.recv(65_536))
        except TimeoutError:
            return b"\n".join(got)


def forms(secret):
    """Return a secret as it is, and as URLs, base64 and hexadecimal digits have it."""
    raw = secret.encode()
    encoded = base64.b64encode(raw).decode().rstrip("=")[:-1]
    return {secret.lower(), quote(secret, safe="").lower(), encoded.lower(), raw.hex()}


def found(channels, secrets):
    """Return which secrets are in which channels, whatever the case of letters."""
    return [
        f"{secret} in {name}: …{text[max(0, at - 150) : at + 60]}…"
        for name, text in channels.items()
        for secret in secrets
        for form in forms(secret)
        if (at := text.lower().find(form)) >= 0
    ]


async def _driven(lab, service, ids):
    """Converse, and hurt everything meanwhile; return every answer that is an error, a probe or metrics."""
    told = []
    bearer = {"authorization": f"Bearer {TOKEN}"}

    async with Client(service.url) as client:

        async def look(*asked, **headers):
            answer = await client.ask(*asked, headers={"x-user": OWNER, **headers})
            told.append(f"{answer.status} {dict(answer.headers)} {answer.body.decode(errors='replace')}")
            return answer

        async def converse(*messages, session_id=None):
            for message in messages:
                body = {"message": message} | ({"session_id": session_id} if session_id else {})
                answer = await client.ask("POST", EXECUTE, body, {"x-user": OWNER})
                if answer.status != 200:
                    told.append(answer.body.decode())
                    continue
                session_id = answer.json()["session_id"]
                ids.add(session_id)
            return session_id

        async def probes():
            for path in ("", "/live", "/ready", "/startup", "/detailed", "/detailed?verbose"):
                for headers in ({}, bearer, {"authorization": "Bearer " + "x" * 9}):
                    await look("GET", f"/health{path}", None, **headers)
            await look("GET", "/metrics")

        session_id = await converse(*MESSAGES)
        await probes()
        for mood in (Mood.NO_ACCESS, Mood.SERVER_ERROR, Mood.PAGE, Mood.RESET):
            lab.model.mood = mood
            await converse(*MESSAGES[:2])
        await look("POST", "/api/workflow/intent", {"text": f"hmm {WORD} {MAIL}"})
        await asyncio.sleep(2.2)  # results of checks are that old at most
        await probes()
        lab.model.mood = Mood.ANSWER
        for body in ({WORD: MAIL}, {"message": WORD, "session_id": "../" + WORD}, {"message": WORD * 900}, [WORD]):
            await look("POST", EXECUTE, body)
        await look("GET", f"{SESSIONS}/{WORD}?token={TOKEN}")
        await look("GET", f"/{WORD}", None, cookie=WORD)
        for key in lab.redis.command("KEYS", "uf:session:*"):
            if lab.redis.command("TYPE", key) == b"hash":
                broken = f'{{"session_id": 7, "{WORD}": "{MAIL}", "messages": "{WORD}"}}'
                lab.redis.command("HSET", key, "body", broken)
        await look("POST", EXECUTE, {"message": MESSAGES[1], "session_id": session_id})
        lab.redis.fill()
        await look("POST", EXECUTE, {"message": MESSAGES[0]})
        lab.redis.empty()
        lab.redis.kill()
        await look("POST", EXECUTE, {"message": MESSAGES[0]})
        await asyncio.sleep(2.2)
        await probes()
        await asyncio.to_thread(lab.redis.start)
    return told


def reports(environ, folder):
    """Return what the command line tells about this configuration, right, and wrong in several ways."""
    wrong = {**environ, "REDIS_URL": environ["REDIS_URL"].replace("@", "x@")}
    odd = {**environ, "UF__REDIS__URL": f"{environ['REDIS_URL']}/no-number", "UF__LLM__API_KEY": "cAnArYkEy7 blank"}
    text = ""
    commands = (
        (("config", "show"), environ),
        (("config", "check", "--format", "json"), wrong),
        (("config", "check"), odd),
        (("config", "show", "--format", "json"), environ),
        (("config", "check"), environ),
        (("serve", "--port", "0"), wrong),
    )
    for command, variables in commands if FULL else commands[:3]:
        done = subprocess.run(
            [sys.executable, "-m", "universal_framework", *command],
            env={**clean_environment(), **variables}, cwd=folder, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        text += (done.stdout + done.stderr).decode()
    return text


def test_canaries_appear_in_no_channel_of_a_service_in_trouble(lab, collector, agent, tmp_path):
    environ = {
        **lab.environ,
        "UNIVERSAL_FRAMEWORK_HEALTH_TOKEN": TOKEN,
        "UF_LOG_LEVEL": "DEBUG",
        "UF__ENVIRONMENT__LOG_LEVEL": "DEBUG",
        "UF__MONITORING__DATADOG_ENABLED": "true",
        "UF__MONITORING__DOGSTATSD_ADDRESS": f"udp://127.0.0.1:{agent.getsockname()[1]}",
        "UF__MONITORING__METRICS_INTERVAL": "0.5",
        "UF__MONITORING__OTLP_LOGS": "true",
        "UF__MONITORING__OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "UF__MONITORING__OTLP_HEADERS": HEADER,
    }
    trail, ids = tmp_path / "trail", set()
    with Service(tmp_path / "service", environ, "--owner-header", "X-User", "--audit", str(trail)) as service:
        try:
            answers = asyncio.run(_driven(lab, service, ids))
        finally:
            lab.model.mood = Mood.ANSWER
        assert service.stop() == 0
    channels = {
        "standard output": service.logged,
        "standard error": service.told,
        "answers": "\n".join(answers),
        "audit trail": "".join(file.read_text(errors="replace") for file in trail.rglob("*") if file.is_file()),
        "collector": b"".join(collector.got).decode(errors="replace"),
        "agent": datagrams(agent).decode(errors="replace"),
        "command line": reports(environ, tmp_path),
    }
    assert [name for name, text in channels.items() if len(text) < 50] == []
    trouble = {"llm.auth", "redis.oom", "session_store_unavailable"}
    assert {word for word in trouble if word not in channels["standard output"]} == set()
    password = re.search(r":([^:@]+)@", lab.environ["REDIS_URL"])[1]
    secrets = [password, lab.environ["OPENAI_API_KEY"], TOKEN, HEADER.partition("=")[2], OWNER, MAIL, PHONE, CARD, WORD]
    assert found(channels, [*secrets, *ids]) == []
    assert len(found({"x": f"a {MAIL.upper()} {base64.b64encode(WORD.encode()).decode()}"}, [MAIL, WORD])) == 2
