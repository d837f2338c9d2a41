"""Faults of a real Redis in the middle of work: each ends in an error of ours, and what was acknowledged is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import threading

import pytest

pytest.importorskip("redis")

from universal_framework.contracts.state import UniversalWorkflowState
from universal_framework.errors import SessionConflictError, SessionNotFoundError, SessionStoreError
from universal_framework.redis.session_manager import SessionManagerImpl

from .conftest import CANARY

new = UniversalWorkflowState.new


def fails(code):
    return pytest.raises(SessionStoreError, match=code)


def one_more(state):
    return state.model_copy(update={"turn": state.turn + 1})


async def everything(store):
    """Return every operation, not yet begun."""
    state = new("s").model_copy(update={"version": 1})
    return [
        store.create(new("other"), owner="ann"), store.load("s", owner="ann"), store.save(state, owner="ann"),
        store.expire("s", owner="ann", seconds=60), store.delete("s", owner="ann"), store.list_ids(owner="ann"),
        store.ping(),
    ]  # fmt: skip


@contextlib.contextmanager
def hanging(server):
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def test_a_killed_server_is_an_error_and_a_new_one_is_found_again(server, on):
    redis = server()

    async def act(store):
        made = await store.create(new("s"), owner="ann")
        os.kill(redis.pid, signal.SIGKILL)
        redis._watcher.wait()
        for call in await everything(store):
            with fails("redis.(refused|closed)"):
                await call
        assert not await store.adapter.is_healthy()
        redis.start()
        assert await store.adapter.is_healthy()
        assert await store.load("s", owner="ann") is None  # it kept nothing
        with pytest.raises(SessionNotFoundError):
            await store.save(made, owner="ann")
        await store.create(new("s"), owner="ann")

    on(redis.config(), act)


def test_no_acknowledged_write_is_lost_with_the_server(server, on, tmp_path):
    redis = server(folder=tmp_path / "data")
    acknowledged = []

    async def write(store):
        manager = SessionManagerImpl(store)
        await manager.create(owner="ann", session_id="s")
        killer = asyncio.get_running_loop().call_later(0.2, os.kill, redis.pid, signal.SIGKILL)

        async def go_on():
            while True:
                acknowledged.append((await manager.update("s", one_more, owner="ann")).turn)

        with pytest.raises(SessionStoreError):
            await go_on()
        killer.cancel()

    async def read(store):
        return (await store.load("s", owner="ann")).turn

    on(redis.config(), write)
    redis._watcher.wait()
    redis.start()
    assert acknowledged == list(range(1, len(acknowledged) + 1))
    assert on(redis.config(), read) in (len(acknowledged), len(acknowledged) + 1)


def test_a_server_that_hangs_is_an_error_and_nothing_is_applied_twice_when_it_wakes(server, on, section):
    redis = server()

    async def act(store):
        manager = SessionManagerImpl(store)
        await manager.create(owner="ann", session_id="s")
        with hanging(redis), fails("redis.timeout"):
            await manager.update("s", one_more, owner="ann")
        made = await manager.update("s", one_more, owner="ann")  # the server knows the script
        with hanging(redis):
            with fails("redis.timeout"):  # sent three times, and read by the server when it wakes
                await store.save(one_more(made), owner="ann")
            with fails("redis.timeout"):
                await store.ping()
        while (read := await store.load("s", owner="ann")).version == made.version:  # noqa: ASYNC110 - a real server
            await asyncio.sleep(0.01)
        assert (read.turn, read.version) == (2, 3)

    on(section(redis.url, connection_timeout=0.2), act)


def test_somebody_who_accepts_and_never_answers_is_an_error_in_bounded_time(on, section, tmp_path):
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen(100)

        async def act(store):
            for call in await everything(store):
                with fails("redis.timeout"):
                    await call

        on(section(f"unix://{path}", connection_timeout=0.05, retry_attempts=1), act)


def test_the_deadline_ends_what_retries_would_prolong(on, section, tmp_path):
    from universal_framework.redis.connection import RedisConnectionAdapter

    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen(100)

        async def act():
            patient = section(f"unix://{path}", connection_timeout=3600.0, retry_attempts=100)
            async with RedisConnectionAdapter(patient, deadline=0.05) as adapter:
                with fails("redis.timeout"):
                    await adapter.run("x", lambda client: client.execute_command("PING"))

        asyncio.run(asyncio.wait_for(act(), 60))


def test_a_full_server_takes_no_write_but_sessions_can_be_read_and_forgotten(server, on):
    redis = server("--maxmemory-policy", "noeviction")

    async def act(store):
        made = await store.create(new("s"), owner="ann")
        await store.adapter.run("x", lambda client: client.execute_command("CONFIG", "SET", "maxmemory", "1"))
        for call in (store.create(new("t"), owner="ann"), store.save(one_more(made), owner="ann"), store.ping()):
            with fails("redis.oom"):
                await call
        assert not await store.adapter.is_healthy()
        assert await store.load("s", owner="ann") == made
        assert await store.list_ids(owner="ann") == ["s"]
        assert await store.expire("s", owner="ann", seconds=60)
        assert await store.delete("s", owner="ann")
        assert await store.load("s", owner="ann") is None
        await store.adapter.run("x", lambda client: client.execute_command("CONFIG", "SET", "maxmemory", "0"))
        await store.create(new("t"), owner="ann")

    on(redis.config(), act)


def test_a_replica_that_cannot_be_written_is_an_error(server, on):
    redis = server()

    async def act(store):
        made = await store.create(new("s"), owner="ann")
        await store.adapter.run("x", lambda client: client.execute_command("REPLICAOF", "127.0.0.1", "1"))
        for call in (store.save(made, owner="ann"), store.create(new("t"), owner="ann"), store.ping()):
            with fails("redis.readonly"):
                await call
        await store.adapter.run("x", lambda client: client.execute_command("REPLICAOF", "NO", "ONE"))
        assert await store.load("s", owner="ann") == made  # no write was half done

    on(redis.config(), act)


def test_a_wrong_password_is_an_error_without_the_password(server, on, section):
    redis = server("--requirepass", "right")
    where = redis.url.removeprefix("unix://")

    async def act(store):
        assert CANARY not in repr(store.adapter) + repr(vars(store.adapter))
        for call in await everything(store):
            with fails("redis.auth") as caught:
                await call
            assert CANARY not in f"{caught.value!r}{caught.value.__cause__}{caught.value.__context__}"

    async def right(store):
        await store.ping()

    on(section(f"unix://:{CANARY}@{where}"), act)
    on(section(redis.url), lambda store: everything_fails(store, "redis.auth"))
    on(section(f"unix://:right@{where}"), right)


async def everything_fails(store, code):
    for call in await everything(store):
        with fails(code):
            await call


def test_a_server_that_forgot_the_scripts_is_told_them_again(local, on):
    async def act(store):
        await store.create(new("forgot"), owner="ann")
        for _ in range(2):
            await store.adapter.run("x", lambda client: client.execute_command("SCRIPT", "FLUSH"))
            state = await store.load("forgot", owner="ann")
            await store.adapter.run("x", lambda client: client.execute_command("SCRIPT", "FLUSH"))
            await store.save(state, owner="ann")
        await store.adapter.run("x", lambda client: client.execute_command("SCRIPT", "FLUSH"))
        assert await store.delete("forgot", owner="ann")

    on(local.config(), act)


def test_a_write_whose_answer_was_lost_is_sent_again_and_applied_once(local, on, wire, section):
    """redis-py retries any command when the connection breaks: https://github.com/redis/redis-py/issues/2555."""

    async def act(store):
        lost = []

        async def once(call):
            laid.mood = "cut"
            answer = await call
            lost.append(laid.mood == "pass")
            return answer

        async with laid:
            for call in await everything(
                store
            ):  # so that the server knows the scripts, and it is no NOSCRIPT that is cut
                with contextlib.suppress(SessionNotFoundError):
                    await call
            assert (await once(store.create(new("s"), owner="cut"))).version == 1
            for turn in range(1, 6):
                state = await store.load("s", owner="cut")
                saved = await once(store.save(one_more(state), owner="cut"))
                assert (saved.turn, saved.version) == (turn, turn + 1)
            assert (await store.load("s", owner="cut")).turn == 5
            assert await once(store.expire("s", owner="cut", seconds=60))
            assert await once(store.delete("s", owner="cut"))
            assert not await store.delete("s", owner="cut")
            await store.aclose()
        assert lost == [True] * 8

    laid = wire(local)
    on(section(f"unix://{laid.path}"), act)


def test_a_lost_answer_after_others_have_written_is_no_conflict(local, on):
    """The write was applied, and others built on it: to say conflict would have it made again, a second time."""
    from universal_framework.redis import _scripts

    async def act(store):
        made = await store.create(new("s"), owner="late")
        arguments = ("0123456789abcdef", made.model_copy(update={"version": 2}).model_dump_json(), 1, 2)
        assert await store._on("save", _scripts.SAVE, "s", "late", *arguments) == 1
        state = await store.load("s", owner="late")
        for _ in range(20):
            state = await store.save(one_more(state), owner="late")
        assert await store._on("save", _scripts.SAVE, "s", "late", *arguments) == 1
        assert (await store.load("s", owner="late")).turn == 20
        assert await store._on("save", _scripts.SAVE, "s", "late", "f" * 16, *arguments[1:]) == 0

    on(local.config(), act)


def test_after_a_cancelled_call_the_next_answer_is_the_right_one(local, on, section):
    """https://github.com/redis/redis-py/issues/2624: answers that belong to somebody else."""

    async def act(store):
        for name in ("a", "b"):
            await store.create(new(name), owner="cancel")
        for step in range(40):
            task = asyncio.ensure_future(store.load("a", owner="cancel"))
            for _ in range(step % 13):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert (await store.load("b", owner="cancel")).session_id == "b"

    on(section(local.url, max_connections=1), act)


def test_an_exhausted_pool_is_an_error_in_bounded_time_and_the_probe_is_not_starved(local, on, section):
    async def act(store):
        held, enough = asyncio.Event(), asyncio.Event()

        async def hold(client):
            connection = await client.connection_pool.get_connection()
            held.set()
            await enough.wait()
            await client.connection_pool.release(connection)

        task = asyncio.ensure_future(store.adapter.run("x", hold))
        await held.wait()
        with fails("redis.timeout"):
            await store.load("s", owner="ann")
        assert await store.adapter.is_healthy()
        enough.set()
        await task
        assert await store.load("s", owner="ann") is None

    on(section(local.url, max_connections=1, connection_timeout=0.3, retry_attempts=100), act)


HOSTILE = {
    "no JSON": {"body": "{"},
    "no text": {"body": b'\xff\xfe{"session_id": "s"}'},
    "no state": {"body": "[]"},
    "another's": {"body": '{"session_id": "t"}'},
    "a later form": {"body": '{"session_id": "s", "schema_version": 2}'},
    "too deep": {"body": '{"session_id": "s", "context_data": {"x": ' + "[" * 100_000 + "]" * 100_000 + "}}"},
    "too long": {"body": "x" * (9 * 1024 * 1024)},
    "no version": {"v": "-1"},
    "endless version": {"v": "9" * 400},
    "no time": {"born": "now"},
    "a pickle": {"body": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94."},
    "a secret": {"body": '{"session_id": "s", "turn": "' + CANARY + '"}'},
}  # fmt: skip


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE)
def test_what_is_stored_and_unreadable_is_an_error_and_no_state(local, on, fields):
    async def act(store):
        await store.create(new("s"), owner="hostile")
        key = await only_key(store, "t:v1:*:s:s", "hostile")
        await store.adapter.run("x", lambda client: client.execute_command("HSET", key, *pairs(fields)))
        with pytest.raises(SessionStoreError) as caught:
            await store.load("s", owner="hostile")
        assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
        await store.create(new("fine"), owner="hostile")
        assert await store.load("fine", owner="hostile")
        for name in ("s", "fine"):
            await store.adapter.run(
                "x", lambda client, name=name: client.execute_command("DEL", key.replace(":s:s", f":s:{name}"))
            )

    on(local.config(), act)


def pairs(fields):
    return [part for pair in fields.items() for part in pair]


async def only_key(store, pattern, owner):
    from universal_framework.redis._sessions import tag_of

    wanted = pattern.replace("*", "{" + tag_of(owner) + "}")
    assert await store.adapter.run("x", lambda client: client.execute_command("EXISTS", wanted)) == 1
    return wanted


def test_a_key_of_another_type_is_an_error(local, on):
    async def act(store):
        await store.create(new("s"), owner="types")
        key = await only_key(store, "t:v1:*:s:s", "types")
        await store.adapter.run("x", lambda client: client.execute_command("DEL", key))
        await store.adapter.run("x", lambda client: client.execute_command("RPUSH", key, "x"))
        with fails("redis.unusable"):
            await store.load("s", owner="types")
        with fails("redis.unusable"):
            await store.save(new("s"), owner="types")

    on(local.config(), act)


def test_redis_itself_ends_sessions_and_indexes(local, on, clock):
    async def act(store):
        state = await store.create(new("s"), owner="ttl")
        key = await only_key(store, "t:v1:*:s:s", "ttl")

        async def left(name):
            return await store.adapter.run("x", lambda client: client.execute_command("PTTL", name))

        assert 90_000 < await left(key) <= 100_000
        assert 90_000 < await left(key.replace(":s:s", ":ids")) <= 100_000
        clock.now += 40
        await store.save(state, owner="ttl")
        assert 90_000 < await left(key) <= 100_000  # slides
        clock.now += 90
        await store.load("s", owner="ttl")
        assert 10_000 < await left(key) <= 20_000  # but not beyond the age
        await store.expire("s", owner="ttl", seconds=5)
        assert 0 < await left(key) <= 5_000

    on(local.config(), act, clock=clock, idle_seconds=100, age_seconds=150)


def test_the_index_of_an_owner_is_bounded(local, on, clock):
    async def act(store):
        for number in range(30):
            clock.now += 1
            await store.create(new(f"{number:02}"), owner="many")
        assert await store.list_ids(owner="many", limit=100) == [f"{number:02}" for number in range(29, 19, -1)]
        index = await only_key(store, "t:v1:*:ids", "many")

        async def count():
            return await store.adapter.run("x", lambda client: client.execute_command("ZCARD", index))

        assert await count() == 10
        clock.now += 1
        await store.load("03", owner="many")  # unlisted, alive, and listed again
        assert (await store.list_ids(owner="many", limit=1)) == ["03"]
        clock.now += 99
        await store.create(new("new"), owner="many")
        clock.now += 1
        await store.load("new", owner="many")
        assert await count() == 1

    on(local.config(), act, clock=clock, idle_seconds=100, listed_per_owner=10)


def test_sessions_that_redis_evicted_are_not_listed(local, on):
    async def act(store):
        for name in ("a", "s"):
            await store.create(new(name), owner="evict")
        key = await only_key(store, "t:v1:*:s:s", "evict")
        await store.adapter.run("x", lambda client: client.execute_command("DEL", key))
        assert await store.list_ids(owner="evict") == ["a"]
        index = key.replace(":s:s", ":ids")
        assert await store.adapter.run("x", lambda client: client.execute_command("ZCARD", index)) == 1

    on(local.config(), act)


def test_a_cluster_keeps_what_belongs_to_an_owner_in_one_slot(server, on, section):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    if port > 55_000:
        port -= 20_000  # the nodes' own bus is at port + 10000
    redis = server("--cluster-enabled", "yes", "--port", str(port), "--cluster-config-file", "nodes.conf")

    async def prepare(store):
        slots = [str(slot) for slot in range(16384)]
        await store.adapter.run("x", lambda client: client.execute_command("CLUSTER", "ADDSLOTS", *slots))
        while b"cluster_state:ok" not in await store.adapter.run(  # noqa: ASYNC110 - a real server
            "x", lambda client: client.execute_command("CLUSTER", "INFO", NEVER_DECODE=True)
        ):
            await asyncio.sleep(0.02)

    async def act(store):
        for name in ("a", "b{x}", "c"):
            state = await store.create(new(name), owner="ann")
            await store.save(state, owner="ann")
        assert len(await store.list_ids(owner="ann")) == 3
        assert await store.delete("c", owner="ann")
        await store.ping()
        with pytest.raises(SessionConflictError):
            await store.save(state.model_copy(update={"session_id": "a"}), owner="ann")

    on(section(redis.url), prepare)
    on(section(f"redis://127.0.0.1:{port}", cluster=True), act)


def test_TLS(local, on, section, tmp_path):
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def act(store):
        async def serve(reader, writer):
            there, back = await asyncio.open_unix_connection(local.socket_path)
            with contextlib.suppress(OSError):
                while data := await reader.read(1 << 20):
                    back.write(data)
                    writer.write(await there.read(1 << 20))
            for one in (writer, back):
                one.close()

        async with await asyncio.start_server(serve, "127.0.0.1", store.port, ssl=context):
            await store.ping()
            await store.create(new("s"), owner="tls")
            assert await store.delete("s", owner="tls")
            await store.aclose()

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def there(store):
        store.port = port
        await act(store)

    on(section(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}"), there)


def make_certificate(folder):
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(host, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def test_H8_one_client_serves_the_process(local, on):
    async def act(store):
        await asyncio.gather(*(store.load(str(number), owner="ann") for number in range(20)))
        await asyncio.gather(*(store.ping() for _ in range(50)))
        adapter = store.adapter
        assert set(adapter._clients) == {"shared", "probe"}
        pools = [client.connection_pool for client in adapter._clients.values()]
        assert len(pools[1]._available_connections) <= 2
        await store.aclose()
        assert adapter._clients == {}
        assert not any(one.is_connected for pool in pools for one in pool._available_connections)

    on(local.config(), act)
    assert threading.active_count() < 50


def test_H8_the_plans_call_without_arguments(local, monkeypatch):
    from universal_framework.redis.connection import RedisConnectionAdapter

    async def healthy():
        async with RedisConnectionAdapter() as adapter:
            return await adapter.is_healthy()

    monkeypatch.delenv("REDIS_URL", raising=False)
    assert asyncio.run(healthy()) is False
    monkeypatch.setenv("REDIS_URL", f"http://{CANARY}")
    assert asyncio.run(healthy()) is False
    monkeypatch.setenv("REDIS_URL", local.url)
    assert asyncio.run(healthy()) is True


def test_the_log_says_once_that_health_changed(server, on, events):
    redis = server()

    async def act(store):
        for _ in range(3):
            assert await store.adapter.is_healthy()
        os.kill(redis.pid, signal.SIGKILL)
        redis._watcher.wait()
        for _ in range(3):
            assert not await store.adapter.is_healthy()
        redis.start()
        for _ in range(3):
            assert await store.adapter.is_healthy()

    on(redis.config(), act)
    assert [one["event"] for one in events if "healthy" in one["event"]] == ["redis_unhealthy", "redis_healthy_again"]


def test_nothing_is_written_where_only_reading_is_allowed(local, on, section):
    async def act(store):
        before = await store.adapter.run("x", lambda client: client.execute_command("DBSIZE"))
        await store.ping()
        assert await store.adapter.run("x", lambda client: client.execute_command("DBSIZE")) == before

    on(section(f"{local.url}?db=7", read_only_check=True), act)


def test_H2_a_probe_is_one_try_and_one_connection(section, tmp_path):
    from universal_framework.redis.connection import RedisConnectionAdapter

    path, accepted = str(tmp_path / "s.sock"), []

    async def hang_up(_, writer):
        accepted.append(1)
        writer.close()

    async def act():
        async with (
            await asyncio.start_unix_server(hang_up, path),
            RedisConnectionAdapter(section(f"unix://{path}", retry_attempts=5)) as adapter,
        ):
            assert not await adapter.is_healthy()
            assert len(accepted) == 1
            with fails("redis.closed"):
                await adapter.run("x", lambda client: client.execute_command("PING"))
            assert len(accepted) > 6

    asyncio.run(act())
