"""What is told of every request to a provider: which, how long, how it ended; not what was said."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from universal_framework.contracts.llm import LLMRequest, LLMResponse
from universal_framework.errors import LLMError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("llm_providers")

Complete = Callable[[Any, LLMRequest], Coroutine[Any, Any, LLMResponse]]


def observed(complete: Complete) -> Complete:
    """Report the start, the end and the failure of a provider's `complete`."""

    @wraps(complete)
    async def wrapper(self: Any, request: LLMRequest) -> LLMResponse:
        log = logger.bind(provider=self.label, purpose=request.purpose.value)
        log.debug("llm_request_started", prompt_chars=len(request.prompt))
        started = time.perf_counter()
        try:
            response = await complete(self, request)
        except LLMError as error:
            log.exception(
                "llm_request_failed",
                code=str(error),
                status=error.status_code,
                retryable=error.retryable,
                duration_ms=_since(started),
            )
            raise
        log.info(
            "llm_request_completed",
            answered_by=response.provider,
            model=response.model,
            words=response.words,
            duration_ms=_since(started),
        )
        return response

    return wrapper


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
