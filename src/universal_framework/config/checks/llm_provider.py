"""Whether the provider of the language model takes the key and has the model.

In: the section, and today's date for models that are being shut down. Out: findings of a closed set of codes:
`llm.auth`, `.scope`, `.forbidden`, `.model`, `.model_retiring`, `.rate_limit`, `.quota`, `.not_the_api`,
`.unreachable`, `.sdk_missing`. One small request that costs nothing, `models.retrieve`, the way the service itself
will go: through the SDK. Never: words of the provider in a finding – they quote the key.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, Final

from universal_framework.config.checks.finding import Finding, error, warning
from universal_framework.config.models import LLMProviderConfig

if TYPE_CHECKING:
    import openai

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
#: Days before the end of a model in which it is told.
NOTICE_DAYS: Final = 60
_KEY: Final = ("llm", "api_key")
_MODEL: Final = ("llm", "model")
_BASE_URL: Final = ("llm", "base_url")

_NOT_THE_API = error(
    "llm.not_the_api", _BASE_URL, "what answers is not the provider's API", "check llm.base_url, proxies and portals"
)


async def check_llm(config: LLMProviderConfig, *, today: dt.date | None = None) -> tuple[Finding, ...]:
    """Ask the provider for the model, once; return what is wrong. Simulation needs nobody."""
    if config.provider == "simulation" or config.api_key is None:
        return ()
    try:
        import openai
    except ImportError:
        hint = "pip install 'logshift[openai]'"
        return (error("llm.sdk_missing", ("llm", "provider"), "the package openai is not installed", hint),)
    transport = openai.DefaultAsyncHttpxClient(follow_redirects=False)  # a key goes where it is sent, nowhere else
    client = openai.AsyncOpenAI(
        api_key=config.api_key.get_secret_value(),
        base_url=config.base_url or DEFAULT_BASE_URL,
        timeout=config.timeout,
        max_retries=0,
        http_client=transport,
    )
    try:
        model: object = await client.models.retrieve(config.model)
    except openai.APIStatusError as problem:
        return (_of_status(problem.status_code, _code_of(problem)),)
    except openai.OpenAIError as problem:
        return (_unusable(problem),)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return (_NOT_THE_API,)
    finally:
        await client.close()
    return tuple(_of_model(model, today or dt.datetime.now(dt.UTC).date()))


def _of_status(status: int, code: str) -> Finding:
    """Return the verdict on an answer that is no model: the table of the documentation."""
    match status, code:
        case ((401 | 403), "missing_scope" | "insufficient_permissions"):
            return warning("llm.scope", _KEY, "the key is genuine but may not look at models", "grant it model.read")
        case 401, _:
            return error("llm.auth", _KEY, "the provider does not know the key", "set OPENAI_API_KEY to a valid key")
        case 403, _:
            hint = "check the account, its project and its region"
            return error("llm.forbidden", _KEY, "the provider refuses this account, project or region", hint)
        case 404, _:
            hint = "set llm.model to a model that the key may use"
            return error("llm.model", _MODEL, "the provider has no such model for this key", hint)
        case 429, "insufficient_quota":
            return error("llm.quota", _KEY, "the account has no quota left", "check plan and billing at the provider")
        case 429, _:
            hint = "fewer requests, or a higher limit"
            return warning("llm.rate_limit", _KEY, "the key is valid; the provider limits the rate just now", hint)
    return _unreachable(f"the provider answers with status {status}")


def _code_of(problem: openai.APIStatusError) -> str:
    """Return the code in the body of an error; nothing where there is no such thing."""
    body = problem.body
    if not isinstance(body, dict):
        return ""
    message = str(body.get("message", ""))
    code = body.get("code") or ("missing_scope" if "Missing scopes" in message else "")
    return str(code)


def _unusable(problem: openai.OpenAIError) -> Finding:
    import openai

    if isinstance(problem, openai.APIResponseValidationError):
        return _NOT_THE_API
    if isinstance(problem, openai.APITimeoutError):
        return _unreachable("the provider does not answer within llm.timeout")
    return _unreachable("the provider cannot be reached")


def _unreachable(message: str) -> Finding:
    return error("llm.unreachable", _BASE_URL, message, "check network, proxy and the provider's status page")


def _of_model(model: Any, today: dt.date) -> list[Finding]:
    from openai.types import Model

    if not isinstance(model, Model) or not isinstance(getattr(model, "id", None), str):
        return [_NOT_THE_API]
    end = _date(getattr(model, "shutdown_date", None))
    if end is None or (end - today).days > NOTICE_DAYS:
        return []
    state = f"will be shut down on {end}" if end > today else f"was shut down on {end}"
    return [warning("llm.model_retiring", _MODEL, f"the model {state}", "set llm.model to its successor")]


def _date(value: object) -> dt.date | None:
    """Return a day that is given as date, as ISO text or as seconds since 1970; None where it is none of them."""
    try:
        if isinstance(value, str):
            return dt.date.fromisoformat(value[:10])
        if isinstance(value, int | float) and not isinstance(value, bool):
            return dt.datetime.fromtimestamp(value, dt.UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    return value if isinstance(value, dt.date) else None
