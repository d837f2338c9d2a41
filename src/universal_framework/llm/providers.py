"""Language-model providers: a simulation, an OpenAI-compatible HTTP client, and retries around either.

All of them answer an ``LLMRequest`` and raise ``LLMError`` when they cannot. The simulation is
deterministic: the same request always gets the same text, so that the whole service can be driven
without a network.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, TypeVar

import httpx

from universal_framework.config.settings import LLMSettings
from universal_framework.contracts.llm import LLMProvider, LLMRequest, LLMResponse, Purpose
from universal_framework.errors import ConfigurationError, LLMError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("llm_providers")

S = TypeVar("S", bound="LLMProvider")
Complete = Callable[[S, LLMRequest], Coroutine[Any, Any, LLMResponse]]

MAX_RETRY_DELAY_SECONDS = 5.0
RETRYABLE_STATUS = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


def observed(complete: Complete[S]) -> Complete[S]:
    """Report the start, the end and the failure of a provider's ``complete``."""

    @wraps(complete)
    async def wrapper(self: S, request: LLMRequest) -> LLMResponse:
        log = logger.bind(provider=self.label, purpose=request.purpose.value)
        log.debug("llm_request_started", prompt_chars=len(request.prompt))
        started = time.perf_counter()
        try:
            response = await complete(self, request)
        except LLMError as exc:
            log.error("llm_request_failed", retryable=exc.retryable, exc_info=exc)
            raise
        log.info(
            "llm_request_completed",
            words=response.words,
            duration_ms=round((time.perf_counter() - started) * 1000, 2),
        )
        return response

    return wrapper


class SimulationProvider:
    """Writes from templates what a model might have written."""

    label = "simulation"

    def __init__(self, model: str = "simulation-1") -> None:
        self._model = model

    @observed
    async def complete(self, request: LLMRequest) -> LLMResponse:
        """Return the simulated answer."""
        match request.purpose:
            case Purpose.INTENT:
                text = self._intent(request.variables.get("message", ""))
            case Purpose.STRATEGY:
                text = self._strategy(request.variables)
            case Purpose.EMAIL:
                text = self._email(request.variables)
        if len(words := text.split(" ")) > request.max_words:
            logger.warning("llm_answer_cut", words=len(words), max_words=request.max_words)
            text = " ".join(words[: request.max_words])
        return LLMResponse(text=text, provider=self.label, model=self._model, words=len(text.split()))

    @staticmethod
    def _intent(message: str) -> str:
        lowered = message.lower()
        hints = {
            "email_request": ("write", "draft", "announce", "invite", "newsletter"),
            "provide_details": ("should mention", "goes to", "readers", "recipients"),
            "revise": ("instead", "less", "more", "another"),
        }
        matches = [label for label, words in hints.items() if any(w in lowered for w in words)]
        return matches[0] if matches else "off_topic"

    @staticmethod
    def _strategy(variables: dict[str, str]) -> str:
        topic, audience = variables.get("topic", ""), variables.get("audience", "")
        tone = variables.get("tone", "neutral")
        lines = [
            f"Subject: {topic[:1].upper()}{topic[1:]}",
            f"Summary: A {tone} e-mail to {audience} about {topic}.",
            f"- Open with why this matters to {audience}",
            *(f"- {point}" for point in variables.get("key_points", "").split("; ") if point),
        ]
        if feedback := variables.get("feedback"):
            lines.append(f"- Take up the feedback: {feedback}")
        lines.append("- Close with one clear next step")
        return "\n".join(lines)

    @staticmethod
    def _email(variables: dict[str, str]) -> str:
        points = [point for point in variables.get("key_points", "").split("; ") if point]
        greeting = "Hi" if variables.get("tone") in {"friendly", "casual"} else "Dear"
        body = "\n".join(f"  * {point}" for point in points)
        return (
            f"Subject: {variables.get('subject', '')}\n\n"
            f"{greeting} {variables.get('audience', 'all')},\n\n"
            f"this is about {variables.get('topic', '')}. What you need to know:\n\n{body}\n\n"
            "Please reply to this e-mail if anything is unclear.\n\nKind regards"
        )

    async def aclose(self) -> None:
        """Nothing to release."""


class HTTPProvider:
    """Asks an OpenAI-compatible ``/chat/completions`` endpoint."""

    label = "http"

    def __init__(self, settings: LLMSettings) -> None:
        if not settings.base_url:
            raise ConfigurationError("llm.base_url is required by the http provider")
        self._model = settings.model
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        self._client = httpx.AsyncClient(
            base_url=settings.base_url,
            headers=headers,
            timeout=settings.timeout_seconds,
            trust_env=False,
        )

    @observed
    async def complete(self, request: LLMRequest) -> LLMResponse:
        """Return the model's answer."""
        payload = {
            "model": self._model,
            "messages": [{"role": "user", "content": request.prompt}],
            "max_tokens": request.max_words * 2,
        }
        try:
            reply = await self._client.post("/chat/completions", json=payload)
            reply.raise_for_status()
            text = self._text_of(reply.json())
        except httpx.HTTPStatusError as exc:
            status = exc.response.status_code
            raise LLMError(f"model answered {status}", retryable=status in RETRYABLE_STATUS) from exc
        except httpx.HTTPError as exc:
            raise LLMError(f"model not reached: {exc}", retryable=True) from exc
        except ValueError as exc:
            raise LLMError("model did not answer with JSON") from exc
        return LLMResponse(text=text, provider=self.label, model=self._model, words=len(text.split()))

    @staticmethod
    def _text_of(body: Any) -> str:
        match body:
            case {"choices": [{"message": {"content": str(text)}}, *_]} if text.strip():
                return text
            case {"error": {"type": str(kind)}}:
                raise LLMError(f"model reported {kind}")
            case _:
                logger.error("llm_answer_malformed", got=type(body).__name__)
                raise LLMError("model's answer has no text")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class RetryingProvider:
    """Asks again when the inner provider fails in a way that may pass."""

    def __init__(self, inner: LLMProvider, *, max_retries: int, delay_seconds: float = 0.2) -> None:
        self._inner = inner
        self._max_retries = max_retries
        self._delay_seconds = delay_seconds
        self.label = inner.label

    async def complete(self, request: LLMRequest) -> LLMResponse:
        """Return the first answer; raise the last error when there is none."""
        attempts = self._max_retries + 1
        for attempt in range(1, attempts + 1):
            try:
                return await self._inner.complete(request)
            except LLMError as exc:
                if not exc.retryable:
                    raise
                if attempt == attempts:
                    logger.exception("llm_retries_exhausted", attempts=attempts, purpose=request.purpose.value)
                    raise
                delay = min(self._delay_seconds * 2 ** (attempt - 1), MAX_RETRY_DELAY_SECONDS)
                logger.warning(
                    f"Attempt {attempt} of {attempts} failed, next one in {delay:.2f} s",
                    purpose=request.purpose.value,
                    delay_seconds=delay,
                )
                await asyncio.sleep(delay)
        raise LLMError("no attempt was made")

    async def aclose(self) -> None:
        """Release the inner provider."""
        await self._inner.aclose()


def create_provider(settings: LLMSettings) -> LLMProvider:
    """Return the provider that the settings ask for.

    Raises:
        ConfigurationError: the settings are incomplete.
    """
    provider: LLMProvider
    match settings.provider:
        case "simulation":
            provider = SimulationProvider(settings.model)
        case "http":
            provider = HTTPProvider(settings)
    if settings.max_retries:
        provider = RetryingProvider(
            provider,
            max_retries=settings.max_retries,
            delay_seconds=settings.retry_delay_seconds,
        )
    logger.info(
        "llm_provider_created",
        provider=provider.label,
        model=settings.model,
        max_retries=settings.max_retries,
    )
    return provider
