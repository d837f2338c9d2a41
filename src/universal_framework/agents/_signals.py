"""Evidence for what a message wants: a table of weighted patterns, no logic.

English, and the commonest words of some other languages. Every pattern is bounded: texts of `MAX_CHARS` meet it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from universal_framework.contracts.state import Intent


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
    r"(?:ok(?:ay)?|yes|no|please|well|hm+|then|now|can we|could we|let[’']?s|i(?: want|[’']?d like) to|just|,|!|\.|"
    r"\s)*"
)
_RESTART: Final = (
    r"reset|restart|start (?:over|again|anew|from scratch|from the beginning)|begin again|new conversation|"
    r"forget (?:it|everything|that|all of (?:it|that))|scratch that|never ?mind|clear (?:everything|all|"
    r"the conversation)|von vorne|empezar de nuevo|recommencer"
)
_EXPRESSIONS = {
    "write_mail": r"\b(?:write|draft|compose|prepare|need|create|want|generate|make)\b.{0,40}\b(?:e-?mails?|"
    r"newsletter)\b",
    "mail_about": r"\be-?mail\b.{0,30}\b(?:about|to|for|regarding)\b",
    "help_mail": r"\bhelp\b.{0,40}\b(?:e-?mail|newsletter)\b",
    "new_mail": r"\b(?:another|new|different|second|next)\s+(?:e-?mail|newsletter)\b",
    "announce": r"\b(?:i|we) (?:need|want|have|would like|[’']d like) to (?:announce|invite|inform|notify|remind|"
    r"thank|apologi[sz]e)\b",
    "mail_foreign": r"\b(?:schreib\w*|brauche|möchte|verfass\w*|escrib\w*|redact\w*|necesito|quiero|[ée]cri\w*|"
    r"rédig\w*|besoin|voudrais|"
    r"scriv\w*|vorrei|escrev\w*|preciso)\b.{0,60}\b(?:e-?mails?|mail|correo|courriel|newsletter)\b",
    "labels": r"\b(?:audience|tone|topic|recipients|key points|thema|zielgruppe|asunto|tono|sujet|destinataires)\s?:",
    "it_is_for": r"\b(?:it[’']?s for|it is for|goes to|should (?:mention|include|be|sound|go to)|make sure (?:it|to)|"
    r"tell them|"
    r"the (?:audience|tone|recipients|readers|key points?|topic) (?:is|are|should))\b",
    "thanks": r"^(?:thanks|thank you|thx|danke|gracias|merci|grazie|obrigado)\b",
    "yes": r"^(?:(?:i|we) (?:hereby )?(?:approve|confirm|agree|accept)|please do|yes|yeah|yep|yup|ok|okay|k|sure|"
    r"fine|perfect|great|good|excellent|awesome|wonderful|nice|absolutely|definitely|"
    r"certainly|of course|approved?|confirm(?:ed)?|agreed?|correct|exactly|right|lgtm|ship it|ja|oui|sí|si|sim|sì|"
    r"d[’']accord|"
    r"genau|passt|perfekt|gerne|vale|perfecto|parfait|va bene|perfetto|"
    r"да|хорошо|はい|好的?|是的?|可以|네|نعم)(?![\w-])|"
    r"^(?:👍|✅|👌|💯|🆗)",
    "sounds_good": r"\b(?:sounds|looks?|seems|is|all|it[’']?s|that[’']?s) (?:very |really |all |so |just )?(?:good|"
    r"great|fine|right|perfect|nice|"
    r"excellent|ok(?:ay)?|wonderful|awesome|amazing)\b|\b(?:i (?:like|love|approve|agree)|love it|like it|"
    r"works for me|that works|happy with|"
    r"no (?:changes?|objections?|complaints)|nothing to change|good to go|sieht gut aus|klingt gut|se ve bien|"
    r"ça me va)\b",
    "go_ahead": r"\b(?:go ahead|go for it|(?:please )?(?:write|create|generate|draft|produce|finish|send|do) (?:it|"
    r"the (?:e-?mail|draft|text|message)|that)\b"
    r"(?! (?:more|less|in|as|with|again|about|shorter|to be|for))|(?:write|send) it now|proceed|continue|"
    r"let[’']?s (?:go|do (?:it|this|that))|"
    r"do it|make it so)\b",
    "change": r"\b(?:change|rewrite|revise|shorten|lengthen|rather|instead|make (?:it|the)|shorter|longer|add|"
    r"remove|delete|replace|drop|"
    r"too (?:long|short|formal|casual|much|many)|more|less|rephrase|reword|tweak|adjust|edit|update|improve|fix|"
    r"mention|include|leave out|"
    r"different|wrong|missing|but|except|however|kürzer|länger|ändere|más corto|cambia|plus court|modifie[rz]?)\b",
    "no": r"^(?:no|nope|nah|not (?:yet|quite|really|so|sure|now)|wait|stop|hold on|cancel|nein|non|nee|нет|いいえ|不|"
    r"아니요|لا)(?![\w-])|^(?:👎|❌|✋|🛑)",
    "dont": r"\b(?:don[’']?t|do not|not|never|cannot|can[’']?t) (?:\w+ )?(?:send|write|go|proceed|approve|like|"
    r"want|good|great|fine|right|happy|agree|"
    r"ok(?:ay)?|what i)\b|\b(?:i (?:dislike|hate|disagree|decline|reject)|doesn[’']?t (?:fit|work|look|sound))\b",
    "restart": rf"^{_POLITE}/?(?:(?:{_RESTART})[,.;]?\s+(?:and\s|let[’']?s\s)?)?(?:{_RESTART})(?:\s+(?:please|now|"
    rf"everything|the conversation|again|over|from the beginning|it all))*\s*[.!]*$",
    "help": rf"^{_POLITE}(?:help(?: me)?(?: please)?[.!?]*$|\?+$|what can (?:you|i|we) (?:do|ask|say)|"
    rf"how does (?:this|it) work|(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)?[.!]*$|how do i use|"
    r"what (?:are|is) (?:you|this)\b|who are you|hilfe|ayuda|aide|aiuto)",
    "chat": r"\b(?:tell me a (?:joke|story)|weather (?:today|tomorrow|like|forecast|is)|nice weather|capital of|"
    r"what time is it|how are you|football|"
    r"recipe|play (?:a |some )?(?:song|music|game)|meaning of life|who won|stock price|sing (?:a|me)|"
    r"\d+\s*[+*/x]\s*\d+\s*(?:=|\?))",
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
NOT_A_NO: Final = re.compile(
    r"^(?:no|nope),? (?:changes?|objections?|complaints?|problem|worries|it[’']?s (?:good|fine|great|perfect)|"
    r"that[’']?s (?:good|fine|great|perfect|all)|"
    r"(?:it |that |this )?(?:looks|sounds) (?:good|fine|great|perfect))\b|\bnothing to (?:change|add)\b|\bnot bad\b|"
    r"\b(?:don[’']?t|do not|no need to|needn[’']?t) (?:want to |need to |have to )?change (?:anything|a thing|it)\b|"
    r"\bno (?:further |more |other )?(?:changes?|edits|revisions)\b|\b(?:wouldn[’']?t|"
    r"would not) change (?:anything|a thing|it)\b",
    re.IGNORECASE,
)
