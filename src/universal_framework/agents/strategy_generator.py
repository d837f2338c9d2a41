"""Planning the e-mail: subject line, summary and outline, for the user to approve."""

from __future__ import annotations

import re

from universal_framework.contracts.llm import LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import Requirements, Strategy
from universal_framework.errors import LLMError, PhaseError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("strategy_generator")

MAX_OUTLINE_ITEMS = 12
MAX_SUBJECT_CHARS = 120

_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(?P<item>.+)$")


def build_prompt(requirements: Requirements, feedback: str | None) -> str:
    """Return the instruction for the model."""
    points = "\n".join(f"- {point}" for point in requirements.key_points)
    change = f"\nChange the plan as follows: {feedback}" if feedback else ""
    return (
        f"Plan an e-mail to {requirements.audience} about {requirements.topic}.\n"
        f"Tone: {requirements.tone}. It must say:\n{points}\n"
        "Answer with 'Subject: …', 'Summary: …' and one outline item per line, "
        f"each beginning with '- '.{change}"
    )


def parse_strategy(text: str, requirements: Requirements, revision: int) -> Strategy:
    """Return the strategy in a model's answer.

    Raises:
        LLMError: the answer has no outline, so there is nothing to approve.
    """
    labelled: dict[str, str] = {}
    outline: list[str] = []
    for line in text.splitlines():
        if match := _BULLET.match(line):
            outline.append(match["item"].strip())
        elif ":" in line:
            label, _, value = line.partition(":")
            labelled.setdefault(label.strip().lower(), value.strip())

    if not outline:
        logger.error("strategy_without_outline", answer_chars=len(text), labels=sorted(labelled))
        raise LLMError("the model's plan has no outline")
    if len(outline) > MAX_OUTLINE_ITEMS:
        logger.warning(f"Outline cut from {len(outline)} to {MAX_OUTLINE_ITEMS} items")
        outline = outline[:MAX_OUTLINE_ITEMS]

    topic = requirements.topic or "Your e-mail"
    return Strategy(
        subject_line=(labelled.get("subject") or topic)[:MAX_SUBJECT_CHARS],
        summary=labelled.get("summary") or f"An e-mail about {topic}.",
        outline=tuple(outline),
        tone=requirements.tone or "neutral",
        revision=revision,
    )


def template_strategy(requirements: Requirements, revision: int) -> Strategy:
    """Return a plain plan that needs no model: one outline item per key point."""
    topic = requirements.topic or "Your e-mail"
    return Strategy(
        subject_line=f"{topic[:1].upper()}{topic[1:]}"[:MAX_SUBJECT_CHARS],
        summary=f"An e-mail to {requirements.audience} about {topic}.",
        outline=("Introduce the topic", *requirements.key_points, "Close with the next step"),
        tone=requirements.tone or "neutral",
        revision=revision,
        source="template",
    )


class StrategyGenerator:
    """Plans e-mails with a language model, or from a template when the model fails."""

    def __init__(self, llm: LLMProvider, *, allow_fallback: bool = True) -> None:
        self._llm = llm
        self._allow_fallback = allow_fallback

    async def generate(
        self,
        requirements: Requirements,
        *,
        previous: Strategy | None = None,
        feedback: str | None = None,
    ) -> Strategy:
        """Return a strategy; a new version of ``previous`` when there is one.

        Raises:
            PhaseError: the requirements are not complete.
            LLMError: the model failed and the template is not allowed.
        """
        if missing := requirements.missing():
            logger.warning("strategy_requirements_incomplete", missing=missing)
            raise PhaseError(f"requirements are incomplete: {', '.join(missing)}")

        revision = previous.revision + 1 if previous else 1
        request = LLMRequest(
            purpose=Purpose.STRATEGY,
            prompt=build_prompt(requirements, feedback),
            variables={
                "topic": requirements.topic or "",
                "audience": requirements.audience or "",
                "tone": requirements.tone or "",
                "key_points": "; ".join(requirements.key_points),
                **({"feedback": feedback} if feedback else {}),
            },
        )
        logger.debug("strategy_prompt_built", chars=len(request.prompt), revision=revision)
        try:
            response = await self._llm.complete(request)
            strategy = parse_strategy(response.text, requirements, revision)
        except LLMError as exc:
            if not self._allow_fallback:
                logger.error("strategy_failed", revision=revision, exc_info=exc)
                raise
            logger.warning(
                "strategy_from_template",
                revision=revision,
                error_type=type(exc).__name__,
                exc_info=True,
            )
            return template_strategy(requirements, revision)

        logger.info(
            "strategy_generated",
            revision=revision,
            outline_items=len(strategy.outline),
            with_feedback=feedback is not None,
        )
        return strategy
