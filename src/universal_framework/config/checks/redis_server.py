"""Whether the Redis server that is configured can be used.

In: the section. Out: findings, each with one of a closed set of codes: `redis.auth`, `.permission`, `.refused`,
`.dns`, `.timeout`, `.tls`, `.closed`, `.db_index`, `.readonly`, `.oom`, `.no_replicas`, `.loading`, `.version`,
`.sdk_missing`, `.unusable`. PING alone proves little – a server that is full or has lost its replicas answers it – so
a key of our own is written, read and deleted, unless `read_only_check` forbids it. Never: the address, or words of
the server, in a finding.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from universal_framework.config.checks.finding import Finding, error, warning
from universal_framework.config.models import RedisConfig
from universal_framework.config.redis_client import RedisClient, redis_client

Sleep = Callable[[float], Awaitable[None]]

OLDEST_VERSION: Final = 6
#: Seconds that the written key lives if nobody deletes it.
_PROBE_SECONDS: Final = 5
_TRANSIENT: Final = frozenset({"redis.refused", "redis.dns", "redis.timeout", "redis.closed", "redis.loading"})
_URL: Final = ("redis", "url")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "redis.auth": ("the server refuses the user or the password", "check the credentials in the address"),
    "redis.permission": ("the user may not run the commands that sessions need", "grant it: ACL SETUSER … +@all ~*"),
    "redis.refused": ("nobody listens at the address", "check host and port, or start the server"),
    "redis.dns": ("the host has no address", "check the name of the host"),
    "redis.timeout": ("no answer within redis.connection_timeout", "check host, port, firewall, and TLS"),
    "redis.tls": ("no trusted TLS connection", "check the certificate, or give ssl_ca_certs in the address"),
    "redis.closed": ("the server hangs up", "does the port speak TLS? then use rediss://"),
    "redis.db_index": ("the server has no database of this number", "use a lower number, as in /0"),
    "redis.readonly": ("the server is a replica that cannot be written to", "use the address of the primary"),
    "redis.oom": ("the server is full: it refuses to write", "raise maxmemory, or set an eviction policy"),
    "redis.no_replicas": ("the server refuses to write: too few replicas", "see min-replicas-to-write of the server"),
    "redis.loading": ("the server is still loading its data", "wait until it is ready"),
    "redis.unusable": ("the server does not keep what is written", "check what stands behind the address"),
}  # fmt: skip


async def check_redis(config: RedisConfig, *, sleep: Sleep = asyncio.sleep) -> tuple[Finding, ...]:
    """Try the server, again after a pause with jitter where waiting may help; return what is wrong with it."""
    try:
        from redis.backoff import ExponentialWithJitterBackoff
    except ImportError:
        hint = "pip install redis"
        return (error("redis.sdk_missing", _URL, "the package redis is not installed", hint),)
    backoff = ExponentialWithJitterBackoff(base=config.retry_delay or 0.001, cap=max(config.retry_delay, 30.0))
    found = await _try(config)
    for attempt in range(1, config.retry_attempts + 1):
        if not any(one.code in _TRANSIENT for one in found):
            break
        await sleep(backoff.compute(attempt) if config.retry_delay else 0.0)
        found = await _try(config)
    return found


async def _try(config: RedisConfig) -> tuple[Finding, ...]:
    from redis.exceptions import RedisError

    client: RedisClient = redis_client(config, retries=0)
    try:
        await client.execute_command("PING")
        found = [] if config.cluster else await _about_server(client)
        if not config.read_only_check:
            found += await _about_writing(client)
        return tuple(found)
    except (RedisError, OSError) as problem:
        return (_finding(classify(problem)),)
    finally:
        await client.aclose()


async def _about_server(client: RedisClient) -> list[Finding]:
    """Return what the server says about itself that is wrong; one that says nothing is not doubted."""
    from redis.exceptions import NoPermissionError

    try:
        info: Any = await client.execute_command("INFO")
    except NoPermissionError:
        hint = "grant it: ACL SETUSER … +info"
        return [warning("redis.permission", _URL, "the user may not ask for INFO: role and version are unknown", hint)]
    found = []
    major = str(info.get("redis_version", "")).partition(".")[0]
    if major.isdigit() and int(major) < OLDEST_VERSION:
        words = f"the server is older than Redis {OLDEST_VERSION}"
        found.append(error("redis.version", _URL, words, f"use Redis {OLDEST_VERSION} or later"))
    if info.get("role") == "slave" and info.get("slave_read_only", 1):
        found.append(_finding("redis.readonly"))
    return found


async def _about_writing(client: RedisClient) -> list[Finding]:
    key, value = f"uf:probe:{secrets.token_hex(8)}", secrets.token_hex(8)
    try:
        await client.execute_command("SET", key, value, "NX", "EX", _PROBE_SECONDS)
        kept = await client.execute_command("GET", key)
        await client.execute_command("DEL", key)
    except _answers() as problem:
        return [_finding(classify(problem))]
    return [] if kept == value else [_finding("redis.unusable")]


def _answers() -> type[Exception]:
    from redis.exceptions import ResponseError

    return ResponseError


def classify(problem: BaseException) -> str:
    """Return the code for what went wrong, from the types of the errors and the first word of the server's answer."""
    from redis import exceptions as redis_errors

    chain = tuple(_chain(problem))
    by_type: tuple[tuple[str, tuple[type[BaseException], ...]], ...] = (
        ("redis.tls", (ssl.SSLError,)),
        ("redis.dns", (socket.gaierror,)),
        ("redis.refused", (ConnectionRefusedError, FileNotFoundError)),
        ("redis.auth", (redis_errors.AuthenticationError, redis_errors.AuthenticationWrongNumberOfArgsError)),
        ("redis.permission", (redis_errors.NoPermissionError, PermissionError)),
        ("redis.timeout", (TimeoutError, redis_errors.TimeoutError)),
        ("redis.loading", (redis_errors.BusyLoadingError,)),
        ("redis.readonly", (redis_errors.ReadOnlyError,)),
        ("redis.oom", (redis_errors.OutOfMemoryError,)),
    )
    for code, types in by_type:
        if any(isinstance(one, types) for one in chain):
            return code
    words = str(problem).lower()
    if "db index" in words or "invalid db" in words:
        return "redis.db_index"
    if "noauth" in words or "wrongpass" in words:
        return "redis.auth"
    if "noreplicas" in words or "not enough good replicas" in words:
        return "redis.no_replicas"
    return "redis.closed" if isinstance(problem, redis_errors.ConnectionError | OSError) else "redis.unusable"


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    for _ in range(8):
        if problem is None:
            return
        yield problem
        problem = problem.__cause__ or problem.__context__


def _finding(code: str) -> Finding:
    message, hint = _WORDS[code]
    return error(code, _URL, message, hint)
