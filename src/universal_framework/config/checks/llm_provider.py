"""Whether the provider of the language model takes the key and has the model; and what its refusals mean.

In: the section, and today's date for models that are being shut down. Out: findings of a closed set of codes:
`llm.auth`, `.scope`, `.forbidden`, `.model`, `.model_retiring`, `.rate_limit`, `.quota`, `.request`,
`.content_filter`, `.not_the_api`, `.unreachable`, `.sdk_missing`. One small request that costs nothing,
`models.retrieve`, the way the service itself will go: through the SDK, with the client of `connect`. The verdicts
(`verdict_on`) are the running provider's too. Never: words of the provider in a finding – they quote the key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
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

NOT_THE_API: Final = error(
    "llm.not_the_api", _BASE_URL, "what answers is not the provider's API", "check llm.base_url, proxies and portals"
)
SDK_MISSING: Final = error(
    "llm.sdk_missing", ("llm", "provider"), "the package openai is not installed", "pip install 'logshift[openai]'"
)
TIMED_OUT: Final = "the provider does not answer within llm.timeout"


async def check_llm(config: LLMProviderConfig, *, today: dt.date | None = None) -> tuple[Finding, ...]:
    """Ask the provider for the model, once; return what is wrong. Simulation needs nobody."""
    if config.provider == "simulation" or config.api_key is None:
        return ()
    try:
        client = connect(config, max_retries=0)
    except ImportError:
        return (SDK_MISSING,)
    try:
        return await ask_for_model(client, config.model, today=today)
    finally:
        await client.close()


def connect(
    config: LLMProviderConfig, *, max_retries: int, on_response: Sequence[Callable[[Any], Awaitable[None]]] = ()
) -> openai.AsyncOpenAI:
    """Return a client for the provider. Blocks: a second or more for the SDK, once, then for certificates.

    `on_response` is told of every response of the server, also of those that are tried again.

    Raises:
        ImportError: The SDK is not installed.
    """
    import openai

    return openai.AsyncOpenAI(
        api_key=config.api_key.get_secret_value() if config.api_key else "",
        base_url=config.base_url or DEFAULT_BASE_URL,
        timeout=config.timeout,
        max_retries=max_retries,
        # a key goes where it is sent, nowhere else
        http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": list(on_response)}),
    )


async def ask_for_model(client: openai.AsyncOpenAI, model: str, *, today: dt.date | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with the key or the model: one request, with the client's timeout and retries."""
    import openai

    try:
        found: object = await client.models.retrieve(model)
    except (openai.OpenAIError, ValueError, RecursionError) as problem:
        return (verdict_on(problem),)
    return tuple(_of_model(found, today or dt.datetime.now(dt.UTC).date()))


def verdict_on(problem: Exception) -> Finding:
    """Return what an exception of the SDK means: the table of the documentation.

    A `ValueError` or `RecursionError` is a body that is no JSON, which the SDK lets through as it is.
    """
    import openai

    if isinstance(problem, openai.APIStatusError):
        return verdict_on_status(problem.status_code, code_of(problem.body))
    if isinstance(problem, openai.APIResponseValidationError) or not isinstance(problem, openai.OpenAIError):
        return NOT_THE_API
    if isinstance(problem, openai.APITimeoutError):
        return unreachable(TIMED_OUT)
    return unreachable("the provider cannot be reached")


def verdict_on_status(status: int, code: str) -> Finding:
    """Return the verdict on an answer that is none, from its HTTP status and the code in its body."""
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
        case ((400 | 403), "content_filter" | "content_policy_violation"):
            return error("llm.content_filter", _MODEL, "the provider refuses the content", "ask for something else")
        case ((400 | 405 | 413 | 415 | 422), _):
            hint = "check llm.model, llm.temperature and llm.base_url"
            return error("llm.request", _MODEL, "the provider does not accept the request", hint)
    return unreachable(f"the provider answers with status {status}")


def code_of(body: object) -> str:
    """Return the code in the body of an error; nothing where there is no such thing."""
    if not isinstance(body, dict):
        return ""
    message = str(body.get("message", ""))
    code = body.get("code") or ("missing_scope" if "Missing scopes" in message else "")
    return str(code)


def unreachable(message: str) -> Finding:
    """Return the verdict that there is no answer, for the reason in `message`."""
    return error("llm.unreachable", _BASE_URL, message, "check network, proxy and the provider's status page")


def _of_model(model: Any, today: dt.date) -> list[Finding]:
    from openai.types import Model

    if not isinstance(model, Model) or not isinstance(getattr(model, "id", None), str):
        return [NOT_THE_API]
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
