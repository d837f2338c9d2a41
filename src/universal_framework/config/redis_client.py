"""A Redis client that does what the configuration says.

In: the section. Out: a client, not yet connected, that waits, retries and checks its connections as configured; whoever
asks for it closes it with `aclose()`. redis-py is loaded here and nowhere above. Why nothing is left to its defaults:
they differ between constructors; `Redis(…)` retries ten times, `from_url(…)` never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from universal_framework.config.models import RedisConfig

if TYPE_CHECKING:
    from redis.asyncio.retry import Retry

CLIENT_NAME: Final = "universal-framework"
_LONGEST_DELAY: Final = 30.0


class RedisClient(Protocol):
    """What the clients of a server, of a cluster and of Sentinels have in common and the check asks for."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command and return the answer."""
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


def redis_client(config: RedisConfig, *, retries: int | None = None) -> Any:
    """Return the client for `config`; `retries` takes the place of `retry_attempts`, 0 where each try is looked at.

    Raises:
        ImportError: redis-py is not installed.
    """
    from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster, Sentinel

    attempts = config.retry_attempts if retries is None else retries
    options: dict[str, Any] = {
        "socket_connect_timeout": config.connection_timeout,
        "socket_timeout": config.connection_timeout,
        "health_check_interval": config.health_check_interval,
        "client_name": CLIENT_NAME,
        "decode_responses": True,
        "retry": _retry(config, attempts),
    }
    url = config.url.get_secret_value()
    if config.cluster:
        return RedisCluster.from_url(url, max_connections=config.max_connections, **options)
    if config.sentinel_service is not None:
        nodes = [_node(one) for one in config.sentinels]
        known = {key: value for key, value in options.items() if key.startswith("socket")}
        sentinel = Sentinel(nodes, sentinel_kwargs=known, **_of_url(url))  # type: ignore[no-untyped-call]

        class WatchedRedis(Redis):
            """The client of the primary; closes its connections to the Sentinels too."""

            async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's
                await super().aclose(close_connection_pool)
                for one in sentinel.sentinels:
                    await one.aclose()

        most = config.max_connections
        return sentinel.master_for(config.sentinel_service, WatchedRedis, max_connections=most, **options)
    pool = BlockingConnectionPool.from_url(
        url, max_connections=config.max_connections, timeout=config.connection_timeout, **options
    )
    return Redis.from_pool(pool)


def _retry(config: RedisConfig, attempts: int) -> Retry:
    from redis.asyncio.retry import Retry
    from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

    if not attempts or not config.retry_delay:
        return Retry(NoBackoff(), attempts)
    cap = max(_LONGEST_DELAY, config.retry_delay)
    return Retry(ExponentialWithJitterBackoff(base=config.retry_delay, cap=cap), attempts)


def _node(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _of_url(url: str) -> dict[str, Any]:
    """Return what the address says beside the host: user, password, database, TLS."""
    from redis.asyncio import SSLConnection
    from redis.asyncio.connection import parse_url

    parts: dict[str, Any] = dict(parse_url(url))
    encrypted = parts.pop("connection_class", None) is SSLConnection
    for key in ("host", "port", "path"):
        parts.pop(key, None)
    return {**parts, "ssl": True} if encrypted else parts
