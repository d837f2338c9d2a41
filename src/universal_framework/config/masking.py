"""Values as they may be shown. Pure: a value goes in, what everybody may see of it comes out."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from pydantic import SecretStr

from universal_framework.observability.redaction import redact

HIDDEN = "***"


def masked(path: tuple[str | int, ...], value: object) -> object:
    """Return `value`, of the setting at `path`, without its secrets: an address keeps scheme, host, port and path."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return masked_url(secret) if path[-1] == "url" else HIDDEN
    if isinstance(value, str):
        return redact(value)
    return [masked(path, one) for one in value] if isinstance(value, list | tuple) else value


def masked_url(url: str) -> str:
    """Return an address without user, password and parameters."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return HIDDEN
    user = f"{HIDDEN}@" if parts.username or parts.password else ""
    host = f"[{host}]" if ":" in host else host
    parameters = f"?{HIDDEN}" if parts.query else ""
    return f"{parts.scheme}://{user}{host}{'' if port is None else f':{port}'}{parts.path}{parameters}"


def toml_value(value: object) -> str:
    """Write a masked value as TOML does."""
    return "(not set)" if value is None else json.dumps(value, ensure_ascii=False)
