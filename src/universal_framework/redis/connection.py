"""The service's connection to Redis."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from universal_framework.config.settings import StorageSettings

REQUEST_RETRIES = 1


def open_connection(settings: StorageSettings) -> Redis:
    """Return a client; it connects on its first command and reconnects once when a command fails."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": settings.timeout_seconds,
        "socket_connect_timeout": settings.timeout_seconds,
        "retry": Retry(NoBackoff(), REQUEST_RETRIES),
    }
    if settings.socket:
        return Redis(unix_socket_path=settings.socket, **options)
    return Redis.from_url(settings.url, **options)
