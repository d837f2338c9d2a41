"""Classification of a user's message: what does the user want with it?

In: a message, and the phase of its conversation. Out: one of the closed set `Intent`, how sure that is, and who says
so. Weighted patterns decide most messages. When they are not sure, a language model is asked; when that fails too, the
phase suggests the likeliest intent. Never: an instruction taken from a message, a label that is not one of the set, more
work than `MAX_CHARS` characters ask for, the message in a log.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Pattern:
    """Evidence for one intent."""

    intent: Intent
    weight: float
    regex: re.Pattern[str]


def _patterns(intent: Intent, **weighted: float) -> list[Pattern]:
    return [Pattern(intent, weight, re.compile(_EXPRESSIONS[key], re.IGNORECASE)) for key, weight in weighted.items()]


#: What may stand before and after a word that is a message of its own.
_POLITE: Final = (
    r"(?:ok(?:ay)?|yes|no|please|well|hm+|then|now|can we|could we|let[’']?s|i(?: want|[’']?d like) to|just|,|!|\.|\s)*"
)
_EXPRESSIONS = {
    "write_mail": r"\b(?:write|draft|compose|prepare|need|create|want|generate|make)\b.{0,40}\b(?:e-?mails?|newsletter)\b",
    "mail_about": r"\be-?mail\b.{0,30}\b(?:about|to|for|regarding)\b",
    "help_mail": r"\bhelp\b.{0,40}\b(?:e-?mail|newsletter)\b",
    "new_mail": r"\b(?:another|new|different|second|next)\s+(?:e-?mail|newsletter)\b",
    "announce": r"\b(?:i|we) (?:need|want|have|would like|[’']d like) to (?:announce|invite|inform|notify|remind|thank|apologi[sz]e)\b",
    "mail_foreign": r"\b(?:schreib\w*|brauche|möchte|verfass\w*|escrib\w*|redact\w*|necesito|quiero|[ée]cri\w*|rédig\w*|besoin|voudrais|"
    r"scriv\w*|vorrei|escrev\w*|preciso)\b.{0,60}\b(?:e-?mails?|mail|correo|courriel|newsletter)\b",
    "labels": r"\b(?:audience|tone|topic|recipients|key points|thema|zielgruppe|asunto|tono|sujet|destinataires)\s?:",
    "it_is_for": r"\b(?:it[’']?s for|it is for|goes to|should (?:mention|include|be|sound|go to)|make sure (?:it|to)|tell them|"
    r"the (?:audience|tone|recipients|readers|key points?|topic) (?:is|are|should))\b",
    "thanks": r"^(?:thanks|thank you|thx|danke|gracias|merci|grazie|obrigado)\b",
    "yes": r"^(?:(?:i|we) (?:hereby )?(?:approve|confirm|agree|accept)|please do|yes|yeah|yep|yup|ok|okay|k|sure|fine|perfect|great|good|excellent|awesome|wonderful|nice|absolutely|definitely|"
    r"certainly|of course|approved?|confirm(?:ed)?|agreed?|correct|exactly|right|lgtm|ship it|ja|oui|sí|si|sim|sì|d[’']accord|"
    r"genau|passt|perfekt|gerne|vale|perfecto|parfait|va bene|perfetto|да|хорошо|はい|好的?|是的?|可以|네|نعم)(?![\w-])|^(?:👍|✅|👌|💯|🆗)",
    "sounds_good": r"\b(?:sounds|looks?|seems|is|all|it[’']?s|that[’']?s) (?:very |really |all |so |just )?(?:good|great|fine|right|perfect|nice|"
    r"excellent|ok(?:ay)?|wonderful|awesome|amazing)\b|\b(?:i (?:like|love|approve|agree)|love it|like it|works for me|that works|happy with|"
    r"no (?:changes?|objections?|complaints)|nothing to change|good to go|sieht gut aus|klingt gut|se ve bien|ça me va)\b",
    "go_ahead": r"\b(?:go ahead|(?:please )?(?:write|create|generate|draft|produce|finish|send|do) (?:it|the (?:e-?mail|draft|text|message)|that)\b"
    r"(?! (?:more|less|in|as|with|again|about|shorter|to be|for))|(?:write|send) it now|proceed|continue|let[’']?s (?:go|do (?:it|this|that))|"
    r"do it|make it so)\b",
    "change": r"\b(?:change|rewrite|revise|shorten|lengthen|rather|instead|make (?:it|the)|shorter|longer|add|remove|delete|replace|drop|"
    r"too (?:long|short|formal|casual|much|many)|more|less|rephrase|reword|tweak|adjust|edit|update|improve|fix|mention|include|leave out|"
    r"different|wrong|missing|but|except|however|kürzer|länger|ändere|más corto|cambia|plus court|modifie[rz]?)\b",
    "no": r"^(?:no|nope|nah|not (?:yet|quite|really|so|sure|now)|wait|stop|hold on|cancel|nein|non|nee|нет|いいえ|不|아니요|لا)(?![\w-])|^(?:👎|❌|✋|🛑)",
    "dont": r"\b(?:don[’']?t|do not|not|never|cannot|can[’']?t) (?:\w+ )?(?:send|write|go|proceed|approve|like|want|good|great|fine|right|happy|agree|"
    r"ok(?:ay)?|what i)\b|\b(?:i (?:dislike|hate|disagree|decline|reject)|doesn[’']?t (?:fit|work|look|sound))\b",
    "restart": rf"^{_POLITE}/?(?:reset|restart|start (?:over|again|anew|from scratch|from the beginning)|begin again|new conversation|"
    rf"forget (?:it|everything|that|all of (?:it|that))|scratch that|never ?mind|clear (?:everything|all|the conversation)|"
    rf"von vorne|empezar de nuevo|recommencer)(?:\s+(?:please|now|everything|the conversation|again|over|from the beginning|it all))*\s*[.!]*$",
    "help": rf"^{_POLITE}(?:help(?: me)?(?: please)?[.!?]*$|\?+$|what can (?:you|i|we) (?:do|ask|say)|how does (?:this|it) work|(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)?[.!]*$|how do i use|"
    r"what (?:are|is) (?:you|this)\b|who are you|hilfe|ayuda|aide|aiuto)",
    "chat": r"\b(?:tell me a (?:joke|story)|weather (?:today|tomorrow|like|forecast|is)|nice weather|capital of|what time is it|how are you|football|"
    r"recipe|play (?:a |some )?(?:song|music|game)|meaning of life|who won|stock price|sing (?:a|me)|\d+\s*[+*/x]\s*\d+\s*(?:=|\?))",
}

PATTERNS: tuple[Pattern, ...] = (
    *_patterns(
        Intent.EMAIL_REQUEST,
        write_mail=0.8,
        mail_about=0.4,
        help_mail=0.6,
        new_mail=0.7,
        announce=0.6,
        mail_foreign=0.7,
    ),
    *_patterns(Intent.PROVIDE_DETAILS, labels=0.8, it_is_for=0.5),
    *_patterns(Intent.APPROVE, thanks=0.3, yes=0.6, sounds_good=0.7, go_ahead=0.6),
    *_patterns(Intent.REVISE, change=0.6, no=0.5, dont=0.6),
    *_patterns(Intent.RESET, restart=0.9),
    *_patterns(Intent.HELP, help=0.8),
    *_patterns(Intent.OFF_TOPIC, chat=0.6),
)
#: "No changes", "nothing to change", "not bad": no's that are none.
_NOT_A_NO: Final = re.compile(
    r"^(?:no|nope),? (?:changes?|objections?|complaints?|problem|worries|it[’']?s (?:good|fine|great|perfect)|that[’']?s (?:good|fine|great|perfect|all)|"
    r"(?:it |that |this )?(?:looks|sounds) (?:good|fine|great|perfect))\b|\bnothing to (?:change|add)\b|\bnot bad\b|"
    r"\b(?:don[’']?t|do not|no need to|needn[’']?t) (?:want to |need to |have to )?change (?:anything|a thing|it)\b|"
    r"\bno (?:further |more |other )?(?:changes?|edits|revisions)\b|\b(?:wouldn[’']?t|would not) change (?:anything|a thing|it)\b",
    re.IGNORECASE,
)
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
    pairs = [*words, *(first + second for first, second in zip(words, words[1:], strict=False))]
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
            weighed.pop(Intent.REVISE if _NOT_A_NO.search(text) else Intent.APPROVE)
        elif Intent.REVISE in weighed and _NOT_A_NO.search(text):
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
