"""Classification of a user's message: what does the user want with it?

Weighted patterns decide most messages. When they are not sure, a language model is asked; when that
fails too, the phase of the conversation suggests the likeliest intent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from universal_framework.contracts.llm import LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import Intent, IntentResult, WorkflowPhase
from universal_framework.errors import InvalidInputError, LLMError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("intent_classifier")

MAX_CHARS = 2000
LLM_CONFIDENCE = 0.7
FALLBACK_CONFIDENCE = 0.3


@dataclass(frozen=True, slots=True)
class Pattern:
    """Evidence for one intent."""

    intent: Intent
    weight: float
    regex: re.Pattern[str]


def _patterns(intent: Intent, **weighted: float) -> list[Pattern]:
    return [Pattern(intent, weight, re.compile(_EXPRESSIONS[key], re.IGNORECASE)) for key, weight in weighted.items()]


_EXPRESSIONS = {
    "write_mail": r"\b(?:write|draft|compose|prepare|need|create)\b.{0,40}\be-?mails?\b",
    "mail_about": r"\be-?mail\b.{0,30}\b(?:about|to|for|regarding)\b",
    "labels": r"\b(?:audience|tone|topic|recipients|key points)\s*:",
    "it_is_for": r"\b(?:it is for|goes to|should mention|make sure (?:it|to))\b",
    "yes": r"^(?:yes|yep|ok|okay|sure|fine|perfect|great|approved?|confirm(?:ed)?)\b",
    "sounds_good": r"\b(?:sounds|looks) (?:good|great|fine|right)\b",
    "go_ahead": r"\b(?:go ahead|please write it|write it now|send it|proceed)\b",
    "change": r"\b(?:change|rewrite|revise|shorten|rather|instead|make it)\b",
    "no": r"^(?:no|not (?:yet|quite))\b",
    "restart": r"\b(?:start over|new conversation|reset|forget (?:it|everything))\b",
    "help": r"^(?:help|\?)\b|\b(?:what can you do|how does this work)\b",
}

PATTERNS: tuple[Pattern, ...] = (
    *_patterns(Intent.EMAIL_REQUEST, write_mail=0.8, mail_about=0.4),
    *_patterns(Intent.PROVIDE_DETAILS, labels=0.8, it_is_for=0.5),
    *_patterns(Intent.APPROVE, yes=0.6, sounds_good=0.7, go_ahead=0.6),
    *_patterns(Intent.REVISE, change=0.6, no=0.5),
    *_patterns(Intent.RESET, restart=0.9),
    *_patterns(Intent.HELP, help=0.8),
)

LIKELY_IN_PHASE = {
    WorkflowPhase.REQUIREMENTS: Intent.PROVIDE_DETAILS,
    WorkflowPhase.STRATEGY: Intent.REVISE,
    WorkflowPhase.CONFIRMATION: Intent.REVISE,
    WorkflowPhase.EMAIL: Intent.REVISE,
}


def normalise(text: str) -> str:
    """Return ``text`` in one line, without odd characters, at most ``MAX_CHARS`` long.

    Raises:
        InvalidInputError: nothing is left.
    """
    cleaned = " ".join(unicodedata.normalize("NFKC", text).split())
    if not cleaned:
        logger.warning("intent_text_empty", raw_chars=len(text))
        raise InvalidInputError("the message has no text")
    if len(cleaned) > MAX_CHARS:
        logger.info(f"Classifying the first {MAX_CHARS} characters only", chars=len(cleaned))
        cleaned = cleaned[:MAX_CHARS]
    return cleaned


def score(text: str) -> dict[Intent, float]:
    """Return the evidence for each intent that has any, at most 1.0 each."""

    log = logger.bind(chars=len(text))
    scores: dict[Intent, float] = {}
    for pattern in PATTERNS:
        if pattern.regex.search(text):
            scores[pattern.intent] = min(1.0, scores.get(pattern.intent, 0.0) + pattern.weight)
    log.debug("intent_scores", scores={intent.value: value for intent, value in scores.items()})
    return scores


def parse_label(text: str) -> Intent | None:
    """Return the intent that a model named, or None when it named none that we know."""
    words = re.findall(r"[a-z_]+", text.lower())
    known = {intent.value: intent for intent in Intent}
    if label := next((word for word in words if word in known), None):
        return known[label]
    logger.warning("intent_label_unknown", words=len(words))
    return None


class IntentClassifier:
    """Classifies messages with patterns, a model and the conversation's phase, in this order."""

    def __init__(self, llm: LLMProvider | None = None, *, threshold: float = 0.5) -> None:
        if not 0.0 < threshold <= 1.0:
            raise ValueError("the threshold must lie between 0 and 1")
        self._llm = llm
        self._threshold = threshold
        logger.debug("intent_classifier_ready", with_llm=llm is not None, threshold=threshold)

    async def classify(self, text: str, phase: WorkflowPhase) -> IntentResult:
        """Return the intent of one message.

        Raises:
            InvalidInputError: the message has no text.
        """
        cleaned = normalise(text)
        scores = self._weigh_by_phase(score(cleaned), phase)
        best = max(scores, key=lambda intent: scores[intent], default=None)
        if best is not None and scores[best] >= self._threshold:
            logger.info(
                "intent_classified",
                intent=best.value,
                confidence=round(scores[best], 2),
                phase=phase.value,
                source="rules",
            )
            return IntentResult(intent=best, confidence=scores[best], source="rules")

        logger.info("intent_rules_undecided", candidates=len(scores), phase=phase.value)
        if self._llm is not None:
            try:
                intent = await self._ask_model(self._llm, cleaned, phase)
            except LLMError:
                logger.exception("intent_model_failed", phase=phase.value)
            else:
                if intent is not None:
                    logger.info("intent_classified", intent=intent.value, source="llm")
                    return IntentResult(intent=intent, confidence=LLM_CONFIDENCE, source="llm")

        return self._from_phase(phase)

    @staticmethod
    def _weigh_by_phase(scores: dict[Intent, float], phase: WorkflowPhase) -> dict[Intent, float]:
        """Return the scores with what the phase makes likelier or impossible."""
        weighed = dict(scores)
        match phase:
            case WorkflowPhase.REQUIREMENTS:
                weighed.pop(Intent.APPROVE, None)
                if Intent.PROVIDE_DETAILS in weighed:
                    weighed.pop(Intent.REVISE, None)
            case WorkflowPhase.STRATEGY | WorkflowPhase.CONFIRMATION:
                if Intent.APPROVE in weighed and Intent.REVISE not in weighed:
                    weighed[Intent.APPROVE] = min(1.0, weighed[Intent.APPROVE] + 0.2)
            case WorkflowPhase.EMAIL:
                weighed.pop(Intent.PROVIDE_DETAILS, None)
        return weighed

    async def _ask_model(self, llm: LLMProvider, text: str, phase: WorkflowPhase) -> Intent | None:
        labels = ", ".join(intent.value for intent in Intent)
        request = LLMRequest(
            purpose=Purpose.INTENT,
            prompt=f"Phase: {phase.value}. Name the intent, one of {labels}.\nMessage: {text}",
            variables={"message": text},
            max_words=5,
        )
        logger.debug("intent_model_asked", prompt_chars=len(request.prompt))
        response = await llm.complete(request)
        return parse_label(response.text)

    @staticmethod
    def _from_phase(phase: WorkflowPhase) -> IntentResult:
        intent = LIKELY_IN_PHASE[phase]
        logger.warning(f"No evidence, assuming {intent.value} in phase {phase.value}")
        return IntentResult(intent=intent, confidence=FALLBACK_CONFIDENCE, source="phase")

    async def classify_many(self, texts: Iterable[str], phase: WorkflowPhase) -> list[IntentResult | None]:
        """Return one result per message; None for a message without text."""
        results: list[IntentResult | None] = []
        for text in texts:
            try:
                results.append(await self.classify(text, phase))
            except InvalidInputError:
                results.append(None)
        return results
