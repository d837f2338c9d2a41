"""A language model that is none: it writes from templates what a model might have written.

In: an `LLMRequest`, of which only the variables are read. Out: always the same answer to the same request, marked
``simulation``. Never: network, randomness, an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from universal_framework.contracts.llm import SIMULATION, LLMRequest, LLMResponse, Purpose
from universal_framework.llm.observed import observed

#: What separates the members of a list in a variable: nothing that anybody types.
SEPARATOR: Final = "\x1f"

_HINTS: Final = {
    "email_request": ("write", "draft", "announce", "invite", "newsletter", "mail", "correo", "courriel"),
    "provide_details": ("should mention", "goes to", "readers", "recipients", "audience", "key point"),
    "revise": ("instead", "less", "more", "another", "change", "shorter", "longer"),
}
_OPENINGS: Final = {
    "friendly": "I hope you are well! Here is some news about {topic}.",
    "casual": "A quick word about {topic}.",
    "formal": "I am writing to inform you about {topic}.",
    "urgent": "Please read this today: it is about {topic}.",
    "apologetic": "I am sorry for the inconvenience: this is about {topic}.",
    "enthusiastic": "I have great news about {topic}!",
}
_CLOSINGS: Final = {
    "friendly": "Just reply if anything is unclear.\n\nBest wishes",
    "casual": "Shout if anything is unclear.\n\nCheers",
    "formal": "Please do not hesitate to contact me with any question.\n\nYours sincerely",
    "urgent": "Please reply today if anything is unclear.\n\nKind regards",
    "apologetic": "Thank you for your patience.\n\nKind regards",
    "enthusiastic": "I cannot wait to hear from you!\n\nBest wishes",
}
_ADDED: Final = re.compile(
    r"\b(?:add|mention|include)\b(?: that| the fact that| a line(?: about| that)?)? ([^.!?\n]+)", re.IGNORECASE
)
_WHOSE: Final = re.compile(r"^(?:my|our|the|a|an)\s+(?=\S)", re.IGNORECASE)
_SHORTER: Final = re.compile(r"\b(?:short|brief|concise|cut|trim)", re.IGNORECASE)


class SimulationProvider:
    """Writes from templates what a model might have written."""

    label = SIMULATION

    def __init__(self, model: str = "simulation-1") -> None:
        self._model = model

    @observed
    async def complete(self, request: LLMRequest, /) -> LLMResponse:
        """Return the simulated answer."""
        return self.answer(request)

    def answer(self, request: LLMRequest) -> LLMResponse:
        """Return the simulated answer, at most as many words as asked for."""
        match request.purpose:
            case Purpose.INTENT:
                text = guess_intent(request.variables.get("message", ""))
            case Purpose.STRATEGY:
                text = write_strategy(request.variables)
            case Purpose.EMAIL:
                text = write_email(request.variables)
        words = text.split(" ")
        text = " ".join(words[: request.max_words])
        return LLMResponse(text=text, provider=self.label, model=self._model, words=len(text.split()))

    async def check(self) -> None:
        """Return: a simulation is always there."""

    async def aclose(self) -> None:
        """Nothing to release."""


def guess_intent(message: str) -> str:
    """Return the label of the intent that the words of `message` hint at; ``off_topic`` where none does."""
    lowered = message[:10_000].lower()
    return next((label for label, words in _HINTS.items() if any(word in lowered for word in words)), "off_topic")


def write_strategy(variables: Mapping[str, str]) -> str:
    """Return a plan: subject line, summary, an outline with an item for each key point and for the feedback."""
    topic, audience = variables.get("topic", ""), variables.get("audience", "")
    tone = variables.get("tone", "neutral")
    article = "An" if tone[:1].lower() in set("aeiou") else "A"
    lines = [
        f"Subject: {topic[:1].upper()}{topic[1:]}",
        f"Summary: {article} {tone} e-mail to {audience} about {topic}.",
        f"- Open with why this matters to {audience}",
        *(f"- {point}" for point in _members(variables)),
    ]
    if feedback := variables.get("feedback"):
        lines.append(f"- Take up the feedback: {feedback}")
    lines.append("- Close with one clear next step")
    return "\n".join(lines)


def write_email(variables: Mapping[str, str]) -> str:
    """Return an e-mail with subject, greeting, the key points, and what the feedback asks for where that is plain."""
    tone, topic = variables.get("tone", "neutral").lower(), variables.get("topic", "")
    kind = next((known for known in _OPENINGS if known in tone), "neutral")
    greeting = "Hi" if kind in {"friendly", "casual", "enthusiastic"} else "Dear"
    opening = _OPENINGS.get(kind, "This is about {topic}.").replace("{topic}", topic)
    closing = _CLOSINGS.get(kind, "Please reply to this e-mail if anything is unclear.\n\nKind regards")
    feedback = variables.get("feedback", "")
    points = [*_members(variables), *(match[1].strip() for match in _ADDED.finditer(feedback[:4_000]))]
    parts = [f"{greeting} {_addressed(variables.get('audience', ''))},"]
    if _SHORTER.search(feedback):
        closing = closing.rpartition("\n\n")[2]
    else:
        parts.append(f"{opening} What you need to know:")
    parts.append("\n".join(f"  * {point}" for point in points))
    if feedback and not _ADDED.search(feedback[:4_000]) and not _SHORTER.search(feedback):
        parts.append(f"[To take up: {feedback}]")
    return f"Subject: {variables.get('subject', '')}\n\n" + "\n\n".join([*parts, closing])


def _addressed(audience: str) -> str:
    """Return an audience as it is greeted: of "my team" the team."""
    return _WHOSE.sub("", audience) or "all"


def _members(variables: Mapping[str, str]) -> list[str]:
    return [point for point in variables.get("key_points", "").split(SEPARATOR) if point]
