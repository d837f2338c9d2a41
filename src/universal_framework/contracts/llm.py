"""The interface between the agents and a language model."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field


class Purpose(StrEnum):
    """Why a model is asked; a provider may choose its settings by it."""

    INTENT = "intent"
    STRATEGY = "strategy"
    EMAIL = "email"


class LLMRequest(BaseModel):
    """One question to a model."""

    model_config = ConfigDict(frozen=True)

    purpose: Purpose
    prompt: str
    variables: dict[str, str] = Field(default_factory=dict)
    max_words: int = 400


class LLMResponse(BaseModel):
    """A model's answer."""

    model_config = ConfigDict(frozen=True)

    text: str
    provider: str
    model: str
    words: int


class LLMProvider(Protocol):
    """Anything that answers an :class:`LLMRequest`."""

    label: str

    async def complete(self, request: LLMRequest, /) -> LLMResponse:
        """Return the model's answer; raise ``LLMError`` when there is none."""
        ...

    async def check(self) -> None:
        """Return when the model can be reached and the credentials are right, without paying for an answer.

        Raises:
            LLMError: It cannot; ``str(error)`` is a code such as ``llm.auth``.
        """
        ...

    async def aclose(self) -> None:
        """Release the provider's connections."""
        ...
