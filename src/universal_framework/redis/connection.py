"""The service's connection to Redis: one client for the process, and what goes wrong with it in our words.

In: the section `[redis]`. Out: answers, or a `SessionStoreError` that names the operation and a code of
`config.checks.redis_server` within a bounded time: `redis_client` retries as configured, and a deadline over all
tries ends what still waits. Never: an address, a password, a key or words of the server in an error, a log or a repr.

The adapter belongs to the event loop that uses it; `aclose()` ends it. redis-py is loaded on first use.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import SecretStr, ValidationError

from universal_framework.config.checks.redis_server import classify
from universal_framework.config.models import RedisConfig
from universal_framework.config.redis_client import redis_client
from universal_framework.errors import SessionStoreError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("redis_connection")

T = TypeVar("T")

#: The longest pause between two tries, in seconds, that `redis_client` makes.
_LONGEST_PAUSE: Final = 30.0
_PROBE_SECONDS: Final = 5
#: What the commands of a script were refused for, in the words of Redis 6; Redis 7 says it in front.
_IN_SCRIPT: Final = re.compile(r"-(OOM|READONLY|NOREPLICAS|NOPERM)\b|(?:script can't run this command)")
_CODES: Final = {
    "OOM": "redis.oom",
    "READONLY": "redis.readonly",
    "NOREPLICAS": "redis.no_replicas",
    "NOPERM": "redis.permission",
    None: "redis.permission",
}
_HINT: Final = "`universal-framework config check` tells what to do"


class Script:
    """A Lua script, by its text and by the digest that a server knows it by."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # the server's own name for it


class RedisConnectionAdapter:
    """One shared client, and a second, small one without retries for probes, so that traffic cannot starve them."""

    def __init__(self, config: RedisConfig | None = None, *, deadline: float | None = None) -> None:
        """Take `config`, or the address in the variable REDIS_URL; connect to nothing yet.

        Args:
            config: The section `[redis]`.
            deadline: Seconds that one operation may take with all its retries; by default what the section amounts to.
        """
        self._config = config
        self._deadline = deadline
        self._loop: asyncio.AbstractEventLoop | None = None
        self._clients: dict[str, Any] = {}
        self._closed = False
        self._healthy: bool | None = None
        self._probe_key = f"uf:probe:{secrets.token_hex(8)}"

    def __repr__(self) -> str:
        state = "closed" if self._closed else "connected" if self._clients else "idle"
        return f"<{type(self).__name__} {state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def run(self, operation: str, command: Callable[[Any], Awaitable[T]]) -> T:
        """Return what `command` gets from the shared client.

        Raises:
            SessionStoreError: It does not get an answer, or none that can be used.
        """
        config = self._section()
        deadline = budget(config) if self._deadline is None else self._deadline
        return await self._guarded(operation, lambda: command(self._client("shared", config)), deadline)

    async def script(self, operation: str, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Return what a script answers, as bytes, numbers and lists of them; sent again in full where it is unknown.

        All `keys` must share one hash tag where the server is a cluster. The script may be run twice: a connection that
        breaks before the answer is retried.
        """
        from redis.exceptions import NoScriptError

        async def ask(client: Any) -> Any:
            rest = (len(keys), *keys, *arguments)
            try:
                return await client.execute_command("EVALSHA", script.digest, *rest, NEVER_DECODE=True)
            except NoScriptError:
                return await client.execute_command("EVAL", script.text, *rest, NEVER_DECODE=True)

        return await self.run(operation, ask)

    async def ping(self) -> None:
        """Return when the server answers and takes a write; PING alone succeeds on one that is full or a replica.

        Where `redis.read_only_check` is set, nothing is written.

        Raises:
            SessionStoreError: It does not, within `redis.connection_timeout`.
        """
        config = self._section()

        async def ask(client: Any) -> None:
            if config.read_only_check:
                await client.execute_command("PING")
            else:
                await client.execute_command("SET", self._probe_key, "1", "EX", _PROBE_SECONDS)

        await self._guarded("ping", lambda: ask(self._client("probe", config)), config.connection_timeout)

    async def is_healthy(self) -> bool:
        """Return whether `ping` succeeds; the log says when that changes."""
        try:
            await self.ping()
        except SessionStoreError as problem:
            if self._healthy is not False:
                logger.warning("redis_unhealthy", problem=str(problem))
            self._healthy = False
        else:
            if self._healthy is False:
                logger.info("redis_healthy_again")
            self._healthy = True
        return self._healthy

    async def aclose(self) -> None:
        """Close every connection; a second call does nothing."""
        self._closed = True
        clients, self._clients = self._clients, {}
        if self._loop is not asyncio.get_running_loop():
            return
        for client in clients.values():
            try:
                async with asyncio.timeout(1):
                    await client.aclose()
            except Exception as problem:  # noqa: BLE001 - nothing can be done about it, and the next one is to be closed
                logger.warning("redis_close_failed", error_type=type(problem).__name__)

    def _section(self) -> RedisConfig:
        if self._config is None:
            url = os.environ.get("REDIS_URL", "")
            if not url:
                raise SessionStoreError(
                    "no Redis server is configured; set REDIS_URL, or redis.url in the configuration"
                )
            try:
                self._config = RedisConfig(url=SecretStr(url))
            except ValidationError as problem:
                words = problem.errors(include_input=False)[0]["msg"]
                raise SessionStoreError(f"REDIS_URL {words}") from None
        return self._config

    def _client(self, role: str, config: RedisConfig) -> Any:
        if self._closed:
            raise SessionStoreError("the connection to Redis was closed; the service is shutting down")
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._clients = loop, {}  # connections of another loop are of no use, and not ours to close
        if role not in self._clients:
            probe = role == "probe"
            # redis-py checks a new connection within its own handshake: where the server refuses both (no password,
            # still loading), it connects again from there, ever deeper, and leaves the sockets open.
            changes: dict[str, Any] = {"health_check_interval": 0, **({"max_connections": 2} if probe else {})}
            self._clients[role] = redis_client(config.model_copy(update=changes), retries=0 if probe else None)
        return self._clients[role]

    async def _guarded(self, operation: str, ask: Callable[[], Awaitable[T]], deadline: float) -> T:
        try:
            import redis.exceptions as redis_errors
        except ImportError:
            raise SessionStoreError("the package redis is not installed: pip install redis") from None
        try:
            async with asyncio.timeout(deadline):
                return await ask()
        except (redis_errors.RedisError, redis_errors.RedisClusterException, OSError, UnicodeError) as problem:
            code, kind = code_of(problem), type(problem).__name__
        logger.error("redis_failed", operation=operation, code=code, error_type=kind)
        raise SessionStoreError(f"{operation} failed: {code}; {_HINT}")


def code_of(problem: BaseException) -> str:
    """Return the code for what went wrong, also within a script, where Redis 6 wraps the server's words."""
    words = str(problem)
    found = _IN_SCRIPT.search(words) if "script" in words else None
    return _CODES[found[1]] if found else classify(problem)


def budget(config: RedisConfig) -> float:
    """Return the seconds that an operation may take: its tries, and the longest pauses between them."""
    tries = config.retry_attempts + 1
    cap = max(_LONGEST_PAUSE, config.retry_delay)
    pauses = sum(min(cap, config.retry_delay * 2.0 ** min(number, 16)) for number in range(1, tries))
    return config.connection_timeout * tries + pauses
