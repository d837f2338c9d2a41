"""The interface between the agents and a language model."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from pydantic import BaseModel, ConfigDict, Field


class Purpose(StrEnum):
    """Why a model is asked; a provider may choose its settings by it."""

    INTENT = "intent"
    STRATEGY = "strategy"
    EMAIL = "email"


class LLMRequest(BaseModel):
    """One question to a model.

    `prompt` is for models; what users wrote stands in it as quoted data. `variables` are for simulations.
    """

    model_config = ConfigDict(frozen=True)

    purpose: Purpose
    prompt: str
    variables: dict[str, str] = Field(default_factory=dict)
    max_words: int = 400


#: What providers that call no model are labelled, and what was made of their answers is marked with.
SIMULATION: Final = "simulation"


class LLMResponse(BaseModel):
    """A model's answer; `provider` is ``simulation`` where no model was asked."""

    model_config = ConfigDict(frozen=True)

    text: str
    provider: str
    model: str
    words: int


class LLMProvider(Protocol):
    """Anything that answers an :class:`LLMRequest`."""

    label: str

    async def complete(self, request: LLMRequest, /) -> LLMResponse:
        """Return the model's answer.

        Raises:
            LLMError: There is none; ``str(error)`` is a code such as ``llm.rate_limit``.
        """
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
