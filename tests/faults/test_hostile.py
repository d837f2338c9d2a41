"""Bodies and bytes that nobody should send: never a 5xx of ours, always the envelope, never what the schema denies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from urllib.parse import urlsplit

import pytest
from faultlab.client import Answer, Client
from faultlab.traffic import CONVERSATION, EXECUTE, SESSIONS, fault_of_envelope

FULL = bool(os.environ.get("LOGSHIFT_FULL"))


# -- whatever the schema allows, and what it does not -----------------------------------------------------------------


@pytest.fixture(scope="module")
def begun(lab):
    """A real session, and a real job, so that generated requests get past the door."""

    async def scene():
        async with Client(lab.service.url) as client:
            first = await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})
            job = await client.ask("POST", f"{EXECUTE}-async", {"message": CONVERSATION[0]})
            return {"session_id": first.json()["session_id"], "job_id": job.json()["job_id"]}

    return asyncio.run(scene())


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore")  # of libraries below the generator
def test_no_request_of_the_schema_or_against_it_gets_a_5xx_or_an_answer_that_the_schema_denies(lab, begun):
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis.errors import Unsatisfiable

    schema = schemathesis.openapi.from_url(f"{lab.service.url}/openapi.json")
    accepted = schemathesis.checks.CHECKS.get_by_names(["positive_data_acceptance"])
    problems, statuses, numbers = [], set(), iter(range(1_000_000))

    def look(case):
        positive = case.meta is not None and case.meta.generation.mode is schemathesis.GenerationMode.POSITIVE
        if positive and next(numbers) % 2 and set(case.path_parameters or {}) <= set(begun) and case.method != "DELETE":
            case.path_parameters = {name: begun[name] for name in case.path_parameters or {}}
        answer = case.call()
        statuses.add(answer.status_code)
        meant = answer.status_code == 422 and answer.json()["error"]["code"] == "invalid_input"  # no schema says that
        try:
            case.validate_response(answer, excluded_checks=accepted if meant else [])
        except BaseExceptionGroup as error:
            problems.append(f"{case.method} {case.path}: {error.exceptions}")
        if answer.status_code >= 400:
            headers = {name.lower(): value for name, [value, *_] in answer.headers.items()}
            if fault := fault_of_envelope(Answer(answer.status_code, headers, answer.content, 0.0)):
                problems.append(f"{case.method} {case.path}: {fault}")

    for operation in schema.get_all_operations():
        for mode in schemathesis.GenerationMode:
            strategy = operation.ok().as_strategy(generation_mode=mode)

            @settings(
                max_examples=100 if FULL else 3, deadline=None, database=None, derandomize=not FULL,
                suppress_health_check=list(HealthCheck), phases=[Phase.generate],
            )  # fmt: skip
            @given(strategy)
            def run(case):
                look(case)

            with contextlib.suppress(Unsatisfiable):  # nothing is wrong that has no parameters
                run()
    assert "\n".join(problems) == ""
    assert {200, 404, 422} <= statuses


# -- bytes by hand ----------------------------------------------------------------------------------------------------

DEEP = b'{"message":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
CHUNKED = b"transfer-encoding: chunked\r\n"


def post(body, *, path=EXECUTE, kind="application/json", more=b"", length=None):
    """Return the bytes of a request."""
    size = len(body) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n".encode()
    sized = b"" if b"transfer-encoding" in more else f"content-length: {size}\r\n".encode()
    return head + sized + more + b"\r\n" + body


BYTES = {
    "nothing": b"\r\n\r\n",
    "no HTTP": b"\x00\x01\x02\x03" * 100 + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 300 + b"\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
    "no host": b"GET /api/workflow/phases HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /api/workflow/phases HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "a header of 100 KB": b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    "5,000 headers": b"GET / HTTP/1.1\r\nhost: x\r\n" + b"".join(b"x%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nhost: x\r\nx: a\x00b\r\n\r\n",
    "a path of 60 KB": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    "bytes in the path": b"GET /api/workflow/sessions/\xff\xfe%ff%00%0d%0a HTTP/1.1\r\nhost: x\r\n\r\n",
    "half an escape in the path": b"GET /api/workflow/sessions/%e2%82%zz HTTP/1.1\r\nhost: x\r\n\r\n",
    "a query of junk": b"GET /api/workflow/sessions?limit=%ff%00&&&=&limit=1e9 HTTP/1.1\r\nhost: x\r\n\r\n",
    "dots": b"GET /api/../../../etc/passwd HTTP/1.1\r\nhost: x\r\n\r\n",
    "an address as target": b"GET http://other/api/workflow/phases HTTP/1.1\r\nhost: x\r\n\r\n",
    "an unknown method": b"BREW /api/workflow/execute HTTP/1.1\r\nhost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "no body": post(b""),
    "no JSON": post(b"message=hi"),
    "half a document": post(b'{"message": "hi'),
    "two documents": post(b'{"message":"hi"}{"message":"ho"}'),
    "a BOM": post(b'\xef\xbb\xbf{"message":"hi"}'),
    "UTF-16": post('{"message":"hi"}'.encode("utf-16")),
    "invalid UTF-8": post(b'{"message":"\xc3\x28\xf0\x28\x8c\xbc"}'),
    "an overlong slash": post(b'{"message":"\xc0\xaf"}'),
    "NUL in the text": post(b'{"message":"a\\u0000b I need an email"}'),
    "a raw NUL": post(b'{"message":"a\x00b"}'),
    "a lone surrogate": post(b'{"message":"\\udc80"}'),
    "half a pair": post(b'{"message":"\\ud83d\\u0041"}'),
    "a lone surrogate as key": post(b'{"message":"hi","\\ud800":1}'),
    "NaN": post(b'{"message":NaN}'),
    "1e999": post(b'{"message":"hi","x":1e999}'),
    "5,000 digits": post(b'{"message":' + b"9" * 5_000 + b"}"),
    "deep": post(DEEP),
    "deep objects": post(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "a key twice": post(b'{"message":"hi","message":"ho"}'),
    "__proto__": post(b'{"message":"hi","__proto__":{"x":1}}'),
    "20,000 keys": post(json.dumps({f"k{n}": n for n in range(4_000)}).encode()),
    "an array": post(b"[]"),
    "a text": post(b'"hi"'),
    "only blanks": post(b'{"message":" \\t\\n "}'),
    "only controls": post(b'{"message":"\\u202e\\u200b\\ufeff\\u0007"}'),
    "a long message": post(json.dumps({"message": "a" * 60_000}).encode()),
    "many small words": post(json.dumps({"message": "a " * 2_000}).encode()),
    "a text that backtracks": post(json.dumps({"message": "Audience: " * 390}).encode()),
    "markup": post(b'{"message":"<script>alert(1)</script>{{7*7}}${jndi:ldap://x}%s%n\'; DROP TABLE x--"}'),
    "too much": post(b'{"message":"' + b"a" * 200_000 + b'"}'),
    "far too much, only said": post(b"", length=10**15),
    "a negative length": post(b"{}", length=-1),
    "a length that is none": b"POST /api/workflow/execute HTTP/1.1\r\nhost: x\r\ncontent-length: ten\r\n\r\n",
    "two lengths": post(b'{"message":"hi"}', more=b"content-length: 3\r\n"),
    "length and chunks": b"POST /api/workflow/execute HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "chunks of junk": post(b"zz\r\nhello\r\n0\r\n\r\n", more=CHUNKED),
    "chunks past the limit": post(b"10000\r\n" + b"a" * 65_536 + b"\r\n10000\r\n" + b"a" * 65_536, more=CHUNKED),
    "an encoding": post(b"\x1f\x8b\x08\x00", more=b"content-encoding: gzip\r\n"),
    "another type": post(b'{"message":"hi"}', kind="text/plain"),
    "a form": post(b"--b\r\n\r\n--b--", kind="multipart/form-data; boundary=b"),
    "a type of junk": post(b'{"message":"hi"}', kind='application/json;;;charset="'),
    "pipelined": b"GET /api/workflow/phases HTTP/1.1\r\nhost: x\r\n\r\n" * 5,
    "pipelined junk": post(b'{"message":"hi"}') + b"\x00junk\r\n\r\n" * 3,
    "an upgrade": b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: eA==\r\n\r\n",
    "100-continue": post(b'{"message":"hi"}', more=b"expect: 100-continue\r\n"),
    "a jobs id of junk": b"GET /api/workflow/jobs/%00%ff%0a HTTP/1.1\r\nhost: x\r\n\r\n",
    "requirements of junk": b"PUT /api/workflow/sessions/abcdef/requirements HTTP/1.1\r\nhost: x\r\n"
    b"content-type: application/json\r\ncontent-length: 19\r\n\r\n"
    b'{"topic":"\\u0000"}\n',
}  # fmt: skip


def exchanged(url, data):
    """Return what comes back until the connection ends, or nothing more comes for a while."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
        got = b""
        with contextlib.suppress(OSError):
            connection.settimeout(20 if data.strip() else 0.5)
            while part := connection.recv(65_536):
                got += part
                connection.settimeout(0.1)
        return got


def received(connection):
    got = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65_536):
            got += part
    return got


def parsed(data):
    """Return status, headers and body of each answer in a stream of them."""
    answers = []
    while data.startswith(b"HTTP/1.1 "):
        head, _, data = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        size = int(headers.get("content-length", 0))
        answers.append((int(lines[0].split(" ")[1]), headers, data[:size]))
        data = data[size:]
    return answers, data


@pytest.mark.parametrize("name", BYTES)
def test_hostile_bytes_are_answered_with_the_envelope_or_not_at_all_and_never_with_a_5xx(lab, name):
    answers, rest = parsed(exchanged(lab.service.url, BYTES[name]))
    assert rest == b""
    for status, headers, body in answers:
        assert status < 500, body
        if status >= 400:
            assert fault_of_envelope(Answer(status, headers, body, 0.0)) is None, body
    assert answers or name == "nothing"


def test_after_all_that_the_service_is_well_and_has_crashed_nowhere(lab):
    async def scene():
        async with Client(lab.service.url) as client:
            return (await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})).status

    assert asyncio.run(scene()) == 200
    assert "request_crashed" not in lab.service.logged
    assert "workflow_crashed" not in lab.service.logged
    assert "Traceback" not in lab.service.told


def test_bodies_that_drip_or_never_end_hold_up_nobody(lab):
    slow = [
        socket.create_connection((urlsplit(lab.service.url).hostname, urlsplit(lab.service.url).port))
        for _ in range(40)
    ]
    for number, one in enumerate(slow):
        one.sendall(post(b"", more=CHUNKED) if number % 2 else post(b'{"mess', length=500))
        one.sendall(b"1\r\n{\r\n" if number % 2 else b"a")

    async def scene():
        async with Client(lab.service.url) as client:
            return [(await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})).status for _ in range(5)]

    assert asyncio.run(scene()) == [200] * 5
    last = slow[0]
    last.settimeout(60)
    answers, _ = parsed(received(last))  # after BODY_SECONDS
    assert [status for status, _, _ in answers] == [408]
    for one in slow:
        one.close()


# -- a storage that holds what it should not --------------------------------------------------------------------------

STORED = {
    "no JSON": lambda redis, key: redis.command("HSET", key, "body", b"\xff\x00{"),
    "another shape": lambda redis, key: redis.command("HSET", key, "body", '{"session_id": 5, "phase": "lunch"}'),
    "another session": lambda redis, key: redis.command("HSET", key, "body", '{"session_id": "somebody-elses"}'),
    "a later version": lambda redis, key: redis.command(
        "HSET", key, "body", '{"schema_version": 99, "session_id": "x"}'
    ),
    "a huge value": lambda redis, key: redis.command("HSET", key, "body", b"a" * 9_000_000),
    "no number as version": lambda redis, key: redis.command("HSET", key, "v", "x"),
    "no times": lambda redis, key: redis.command("HSET", key, "born", "x", "used", "y"),
    "no body": lambda redis, key: redis.command("HDEL", key, "body"),
    "another type": lambda redis, key: (redis.command("DEL", key), redis.command("SET", key, "text")),
}


@pytest.mark.parametrize("name", STORED)
def test_a_stored_session_that_somebody_broke_is_refused_with_the_envelope(lab, name):
    async def scene():
        async with Client(lab.service.url) as client:
            known = set(lab.redis.command("KEYS", "uf:session:*"))
            session_id = (await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})).json()["session_id"]
            keys = set(lab.redis.command("KEYS", "uf:session:*")) - known
            key = next(one for one in keys if lab.redis.command("TYPE", one) == b"hash")
            STORED[name](lab.redis, key)
            body = {"message": CONVERSATION[1], "session_id": session_id}
            asked = [
                await client.ask("POST", EXECUTE, body),
                await client.ask("GET", f"{SESSIONS}/{session_id}"),
                await client.ask("DELETE", f"{SESSIONS}/{session_id}"),
            ]
            lab.redis.command("DEL", key)
            return asked

    answers = asyncio.run(scene())
    for answer in answers:
        assert answer.status in {204, 404, 503}, answer.body
        if answer.status != 204:
            assert fault_of_envelope(answer) is None
    assert answers[0].status != 200
    asyncio.run(_settled(lab))


async def _settled(lab):
    """Wait until circuits that the last test opened are closed again."""
    async with Client(lab.service.url) as client:
        for _ in range(200):
            if (await client.ask("POST", EXECUTE, {"message": CONVERSATION[0]})).status == 200:
                return
            await asyncio.sleep(0.05)
