"""Classification of a user's message: what does the user want with it?

In: a message, and the phase of its conversation. Out: one of the closed set `Intent`, how sure that is, and who says
so. Weighted patterns decide most messages. When they are not sure, a language model is asked; when that fails too, the
phase suggests the likeliest intent. Never: an instruction taken from a message, a label that is not one of the set,
more work than `MAX_CHARS` characters ask for, the message in a log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from universal_framework.agents._signals import NOT_A_NO, PATTERNS
from universal_framework.agents._text import clean_line, quoted
from universal_framework.contracts.llm import LLMProvider, LLMRequest, Purpose
from universal_framework.contracts.state import Intent, IntentResult, WorkflowPhase
from universal_framework.errors import InvalidInputError, LLMError
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("intent_classifier")

MAX_CHARS: Final = 2000
MAX_LABEL_WORDS: Final = 12
LLM_CONFIDENCE: Final = 0.7
FALLBACK_CONFIDENCE: Final = 0.3


LIKELY_IN_PHASE = {
    WorkflowPhase.REQUIREMENTS: Intent.PROVIDE_DETAILS,
    WorkflowPhase.STRATEGY: Intent.REVISE,
    WorkflowPhase.CONFIRMATION: Intent.REVISE,
    WorkflowPhase.EMAIL: Intent.REVISE,
}


def normalise(text: str) -> str:
    """Return `text` in one line, without odd characters, at most `MAX_CHARS` long.

    Raises:
        InvalidInputError: nothing is left.
    """
    cleaned = clean_line(unicodedata.normalize("NFKC", clean_line(text, 4 * MAX_CHARS)), MAX_CHARS + 1)
    if not cleaned:
        logger.warning("intent_text_empty", raw_chars=len(text))
        raise InvalidInputError("the message has no text")
    if len(cleaned) > MAX_CHARS:
        logger.info("intent_text_cut", chars=len(text), kept=MAX_CHARS)
        cleaned = clean_line(cleaned, MAX_CHARS)
    return cleaned


def score(text: str) -> dict[Intent, float]:
    """Return the evidence for each intent that has any, at most 1.0 each."""
    scores: dict[Intent, float] = {}
    for pattern in PATTERNS:
        if pattern.regex.search(text):
            scores[pattern.intent] = min(1.0, scores.get(pattern.intent, 0.0) + pattern.weight)
    return scores


def parse_label(text: str) -> Intent | None:
    """Return the intent that a model named; None when it named none, more than one, or wrote an essay."""
    words = re.findall(r"[a-z]+", text[:1_000].lower().replace("_", ""))
    known = {intent.value.replace("_", ""): intent for intent in Intent}
    pairs = [*words, *(first + second for first, second in pairwise(words))]
    named = {known[word] for word in pairs if word in known}
    if len(named) == 1 and len(words) <= MAX_LABEL_WORDS and not {"not", "no", "nor", "neither"} & set(words):
        return named.pop()
    logger.warning("intent_label_unknown", words=len(words), named=len(named))
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
        scores = self._weigh_by_phase(score(cleaned), cleaned, phase)
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
            except LLMError as error:
                logger.warning("intent_model_failed", phase=phase.value, code=str(error), exc_info=error)
            else:
                if intent is not None:
                    logger.info("intent_classified", intent=intent.value, source="llm")
                    return IntentResult(intent=intent, confidence=LLM_CONFIDENCE, source="llm")

        return self._from_phase(phase)

    @staticmethod
    def _weigh_by_phase(scores: dict[Intent, float], text: str, phase: WorkflowPhase) -> dict[Intent, float]:
        """Return the scores with what the phase makes likelier or impossible."""
        weighed = dict(scores)
        if phase is WorkflowPhase.REQUIREMENTS:
            weighed.pop(Intent.APPROVE, None)
            if Intent.PROVIDE_DETAILS in weighed:
                weighed.pop(Intent.REVISE, None)
            return weighed
        if phase is WorkflowPhase.EMAIL:
            weighed.pop(Intent.PROVIDE_DETAILS, None)
            if Intent.REVISE in weighed and weighed.get(Intent.EMAIL_REQUEST, 0.0) < 1.0:
                weighed.pop(Intent.EMAIL_REQUEST, None)
        elif Intent.APPROVE in weighed or Intent.REVISE in weighed:
            weighed.pop(Intent.EMAIL_REQUEST, None)
        if Intent.APPROVE in weighed and Intent.REVISE in weighed:
            weighed.pop(Intent.REVISE if NOT_A_NO.search(text) else Intent.APPROVE)
        elif Intent.REVISE in weighed and NOT_A_NO.search(text):
            weighed[Intent.APPROVE] = weighed.pop(Intent.REVISE)
        if Intent.APPROVE in weighed:
            weighed[Intent.APPROVE] = min(1.0, weighed[Intent.APPROVE] + 0.2)
        return weighed

    async def _ask_model(self, llm: LLMProvider, text: str, phase: WorkflowPhase) -> Intent | None:
        labels = ", ".join(intent.value for intent in Intent)
        request = LLMRequest(
            purpose=Purpose.INTENT,
            prompt=f"Phase: {phase.value}. Name the intent of the message, one of {labels}, in one word.\n"
            f"Message: {quoted(text)}",
            variables={"message": text},
            max_words=5,
        )
        response = await llm.complete(request)
        return parse_label(response.text)

    @staticmethod
    def _from_phase(phase: WorkflowPhase) -> IntentResult:
        intent = LIKELY_IN_PHASE[phase]
        logger.warning("intent_assumed", intent=intent.value, phase=phase.value)
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
