"""Redis as it is: real servers that refuse, are full, are replicas, or speak TLS with a certificate nobody knows."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

pytest.importorskip("redis")

from universal_framework.config.checks.redis_server import check_redis
from universal_framework.config.models import RedisConfig
from universal_framework.config.redis_client import redis_client

from .conftest import CANARY, free_port


def codes(url, *, sleep=None, **settings):
    settings = {"connection_timeout": 2.0, "retry_attempts": 0, **settings}
    config = RedisConfig(url=SecretStr(url), **settings)
    options = {} if sleep is None else {"sleep": sleep}
    found = asyncio.run(check_redis(config, **options))
    assert CANARY not in str(found)
    return [one.code for one in found]


def ask(port, *command, password=None):
    async def run():
        config = RedisConfig(url=SecretStr(f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}"))
        client = redis_client(config)
        try:
            return await client.execute_command(*command)
        finally:
            await client.aclose()

    return asyncio.run(run())


def test_V10_a_server_that_keeps_what_is_written_is_fine_and_nothing_is_left(redis_server):
    port = redis_server()
    assert codes(f"redis://127.0.0.1:{port}/0") == []
    assert ask(port, "DBSIZE") == 0


def test_V10_a_full_server_answers_ping_and_is_found_out(redis_server):
    port = redis_server("--maxmemory", "1", "--maxmemory-policy", "noeviction")
    assert ask(port, "PING")
    assert codes(f"redis://127.0.0.1:{port}") == ["redis.oom"]
    assert codes(f"redis://127.0.0.1:{port}", read_only_check=True) == []


def test_V10_a_server_without_its_replicas_is_found_out(redis_server):
    port = redis_server("--min-replicas-to-write", "1")
    assert codes(f"redis://127.0.0.1:{port}") == ["redis.no_replicas"]


def test_V10_a_replica_is_found_out(redis_server):
    primary = redis_server()
    replica = redis_server("--replicaof", "127.0.0.1", str(primary))
    assert "redis.readonly" in codes(f"redis://127.0.0.1:{replica}")
    assert codes(f"redis://127.0.0.1:{replica}", read_only_check=True) == ["redis.readonly"]


def test_V11_credentials(redis_server):
    port = redis_server("--requirepass", CANARY)
    assert codes(f"redis://:{CANARY}@127.0.0.1:{port}") == []
    assert codes(f"redis://127.0.0.1:{port}") == ["redis.auth"]
    assert codes(f"redis://:{CANARY}x@127.0.0.1:{port}") == ["redis.auth"]
    ask(port, "ACL", "SETUSER", "reader", "on", f">{CANARY}", "~*", "+ping", "+client", "+hello", password=CANARY)
    assert codes(f"redis://reader:{CANARY}@127.0.0.1:{port}") == ["redis.permission", "redis.permission"]


def test_V11_nobody_there_no_such_host_no_such_database(redis_server, tmp_path):
    assert codes(f"redis://:{CANARY}@127.0.0.1:{free_port()}") == ["redis.refused"]
    assert codes(f"unix://{tmp_path}/none.sock") == ["redis.refused"]
    assert codes(f"redis://:{CANARY}@no-such-host.invalid") == ["redis.dns"]
    assert codes(f"redis://127.0.0.1:{redis_server()}/99") == ["redis.db_index"]


def test_V11_a_server_that_accepts_and_never_answers_or_hangs_up(listener):
    silent = listener(lambda _, stop: stop.wait())
    assert codes(f"redis://127.0.0.1:{silent}", connection_timeout=0.2) == ["redis.timeout"]
    gone = listener(lambda connection, _: connection.recv(1))
    assert codes(f"redis://127.0.0.1:{gone}") == ["redis.closed"]


def test_V11_tls(redis_server, tls_proxy, certificate):
    plain = redis_server("--requirepass", CANARY)
    secure = tls_proxy(plain)
    assert codes(f"rediss://:{CANARY}@127.0.0.1:{secure}?ssl_ca_certs={certificate}") == []
    assert codes(f"rediss://:{CANARY}@127.0.0.1:{secure}") == ["redis.tls"]
    assert codes(f"rediss://:{CANARY}@127.0.0.1:{plain}", connection_timeout=0.3)[0] in ("redis.tls", "redis.timeout")
    assert codes(f"redis://:{CANARY}@127.0.0.1:{secure}", connection_timeout=0.5)[0] in (
        "redis.closed",
        "redis.timeout",
    )


def test_V12_what_may_pass_is_tried_again_and_what_will_not_is_not(redis_server):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    url = f"redis://127.0.0.1:{free_port()}"
    assert codes(url, retry_attempts=4, retry_delay=2.0, sleep=sleep) == ["redis.refused"]
    assert len(slept) == 4
    assert all(0 <= one <= 32 for one in slept)
    assert len(set(slept)) > 1
    slept.clear()
    port = redis_server("--requirepass", "x")
    assert codes(f"redis://127.0.0.1:{port}", retry_attempts=4, sleep=sleep) == ["redis.auth"]
    assert slept == []


def test_V12_a_server_that_comes_back_in_time_is_fine(redis_server):
    port = free_port()

    async def sleep(seconds):
        redis_server(port=port)

    assert codes(f"redis://127.0.0.1:{port}", retry_attempts=1, sleep=sleep) == []


def test_V13_the_primary_that_sentinels_watch(redis_server, tmp_path):
    primary = redis_server()
    conf = tmp_path / "sentinel.conf"
    conf.write_text(f"sentinel monitor main 127.0.0.1 {primary} 1\n")
    sentinel = redis_server(sentinel=conf)
    settings = {"sentinel_service": "main", "sentinels": (f"127.0.0.1:{sentinel}",)}
    assert codes("redis://ignored:1/0", **settings) == []


def test_V13_a_unix_socket(redis_server, tmp_path):
    redis_server("--unixsocket", str(tmp_path / "r.sock"))
    assert codes(f"unix://{tmp_path}/r.sock?db=1") == []


def test_V9_the_client_is_closed_when_the_server_refuses(redis_server):
    port = redis_server("--requirepass", "x")
    for _ in range(5):
        assert codes(f"redis://127.0.0.1:{port}") == ["redis.auth"]
    assert ask(port, "CLIENT", "LIST", password="x").count(" fd=") == 1  # the one that asks
