"""How people say what an e-mail is about, for whom, in which tone: tables and patterns, no logic.

Every pattern is bounded or cannot backtrack over more than one sentence; texts are cut before they meet one.
"""

from __future__ import annotations

import re
from typing import Final

_I: Final = re.IGNORECASE

TONES: Final = (
    "friendly", "formal", "professional", "casual", "urgent", "apologetic", "enthusiastic", "informal", "warm",
    "polite", "neutral", "serious", "humorous", "funny", "playful", "persuasive", "empathetic", "confident",
    "encouraging",
    "excited", "upbeat", "cheerful", "inspiring", "inspirational", "respectful", "businesslike", "personal", "sincere",
    "witty", "relaxed", "direct", "optimistic", "compassionate", "conversational", "motivational",
    "motivating", "celebratory",
)  # fmt: skip
#: What "less …" and "not so …" ask for.
OPPOSITES: Final = {
    "formal": "casual", "casual": "formal", "informal": "formal", "professional": "casual", "serious": "friendly",
    "urgent": "neutral", "playful": "serious", "funny": "serious", "friendly": "neutral", "enthusiastic": "neutral",
}  # fmt: skip

LABELS: Final = {
    "topic": "topic", "subject": "topic", "theme": "topic", "audience": "audience", "recipients": "audience",
    "recipient": "audience", "readers": "audience", "target audience": "audience", "to": "audience", "tone": "tone",
    "style": "tone", "tone of voice": "tone", "key points": "key_points", "keypoints": "key_points",
    "main points": "key_points", "key messages": "key_points", "bullet points": "key_points", "points": "key_points",
    "content": "key_points", "details": "key_points", "must say": "key_points",
    "thema": "topic", "betreff": "topic", "asunto": "topic", "tema": "topic", "sujet": "topic", "oggetto": "topic",
    "zielgruppe": "audience", "empfänger": "audience", "audiencia": "audience", "destinatarios": "audience",
    "destinataires": "audience", "destinatari": "audience", "public": "audience", "ton": "tone", "tono": "tone",
    "kernpunkte": "key_points", "stichpunkte": "key_points", "puntos clave": "key_points", "points clés": "key_points",
    "punti chiave": "key_points",
}  # fmt: skip
#: Labels that a verb may follow in the place of a colon.
_SPOKEN: Final = (
    "topic|audience|target audience|recipients|readers|tone|style|tone of voice|key points|main points|key messages"
)
_ALL: Final = "|".join(sorted(map(re.escape, LABELS), key=len, reverse=True))
LABELLED: Final = re.compile(
    rf"(?<![\w-])(?:(?:the|my|our)\s+)?(?:(?P<label>{_ALL})\s?[:=]|(?P<spoken>{_SPOKEN})\s+(?:is|are|will be|"
    rf"should be|would be|must be)\b\s?:?)\s*",
    _I,
)

#: People, as they stand at the head of an audience.
PEOPLE: Final = (
    "staff|teams?|customers?|clients?|colleagues?|employees?|board|members?|users?|everyone|everybody|students?|parents?|"
    "engineers?|engineering|managers?|management|subscribers?|partners?|investors?|department|boss|neighbou?rs?|volunteers?|"
    "suppliers?|vendors?|people|group|company|guests?|attendees|participants|developers?|leads?|leadership|teachers?|"
    "donors?|applicants?|candidates?|tenants?|residents?|patients?|shareholders?|stakeholders?|executives?|friends?|"
    "family|families|readers?|community|fans|crew|faculty|alumni|hires|joiners|public|press|journalists?|landlord|"
    "professor|supervisor|director|ceo|cto|cfo|hr|sales|marketing|support|workers?|contractors?|interns?|buyers?|"
    "prospects?|owners?|players?|organi[sz]ation|committee|council|coworkers?|co-workers?|committees?|freelancers?"
)  # fmt: skip
_STOP: Final = (
    r"(?=\s+(?:about|regarding|concerning|announcing|introducing|with|in an?|in the|"
    r"and (?:it|the tone|make|keep|mention|please|should|"
    r"tell|include|use|sound|be|have|written|invite|ask)|saying|telling|mentioning|to (?:let|tell|inform|announce|"
    r"invite|remind|thank)|so that|that (?:we|the|our|"
    r"says|it)|because|using|as an?|should|must|by|before|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b|"
    r"\s*[.,;:!?\n(–—]|\s*$)"
)
_DETERMINER: Final = r"(?:all|the|our|my|every|each|some|both|those|these|their|his|her|new|existing|potential|a|an)"
#: No word that begins something else.
_NOT_LINK: Final = r"(?!(?:to|for|in|on|of|with|about|and|that)\s)"
#: "to all colleagues", "for the board": whoever is named is a person.
AUDIENCE: Final = re.compile(
    rf"\b(?:to|for|towards)\s+(?P<audience>(?:all(?:\s+[\w'’-]+){{1,6}}?|"
    rf"(?:{_DETERMINER}\s+)?(?:{_NOT_LINK}[\w'’&-]+\s+){{0,4}}?(?:{PEOPLE})\b"
    rf"(?:\s+(?:in|of|at|from|who|and)\s+[^.,;:!?\n]{{1,60}}?)?)){_STOP}",
    _I,
)
#: "goes to Ada", "an e-mail to Ada Lovelace", "it is for Ada": whoever stands there is meant.
ADDRESSED: Final = re.compile(
    r"\b(?:goes to|go to|(?:be )?sent to|send it to|addressed to|aimed at|intended for|meant for|(?:it['’]?s|it is|"
    r"this is) for|"
    rf"write to|e-?mail to|mail to|message to|letter to)\s+(?P<audience>[^.,;:!?\n]{{1,100}}?){_STOP}",
    _I,
)
#: "email my boss about …", "thank the team for …", "let everybody know that …", "tell our clients we have moved".
TOLD: Final = re.compile(
    r"\b(?P<verb>e-?mail|inform|tell|notify|remind|invite|inviting|thank|thanking|ask|asking|congratulate|"
    r"reminding|informing|"
    r"telling|update|updating|apologi[sz]e to|apologi[sz]ing to|welcome|welcoming|announc(?:e|ing) to|"
    r"explain(?:ing)? to|let|letting)\s+"
    r"(?P<audience>(?:all|the|our|my|every|new|everyone|everybody)\b[^.,;:!?\n]{0,60}?)\s+"
    r"(?P<link>about|of|to|for|on|that|know(?: that| about)?|(?=(?:we|i|it|they|there)\b))\s*\b"
    r"(?P<topic>(?:[^.!?\n;]|[.](?=\S)){1,200})",
    _I,
)
#: "a reminder to the tenants that …", "an apology to Ada for …": names and people only: one is also reminded to pay.
NOTE: Final = re.compile(
    r"\b(?P<kind>reminder|apology|apologies|thank[- ]you(?: note| letter| message| card)?|note|message|letter|"
    r"complaint|request)\s+to\s+"
    r"(?P<audience>(?:(?:all|the|our|my|every|everyone|everybody)\b|(?-i:[A-Z]))[^.,;:!?\n]{0,60}?)\s+"
    r"(?:that|about|for|regarding)\s+(?P<topic>(?:[^.!?\n;]|[.](?=\S)){1,200})",
    _I,
)
#: Where what it is about ends and how it is to be begins.
TAIL: Final = re.compile(
    rf"\s*(?:,|\band)\s*(?:(?:with|in)\s+an?\b|tone\b|audience\b|please\b|mention\b|make\b|keep\b|"
    rf"(?:be\s+|very\s+)?(?:{'|'.join(TONES)})\b).*$",
    _I | re.DOTALL,
)
#: A full stop that ends no sentence.
ABBREVIATED: Final = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|approx|dept)\.(?=\s)|\b([ap])\.m\.", _I)
#: What it is about, up to the audience or the end of the sentence.
TOPIC: Final = re.compile(
    r"\b(?:about|announcing|announce|announces|introducing|regarding|concerning|re:|on the subject of|"
    r"on the topic of)\s+"
    r"(?!(?:\d+|one|two|three|a|an)\s+(?:hundred\s+)?(?:words?|sentences?|lines?|paragraphs?|pages?)\b)"
    r"(?P<topic>(?:[^.!?\n;]|[.](?=[^\s.])){1,300}?)"
    rf"(?=\s+(?:to|for)\s+(?:all\b|(?:{_DETERMINER}\s+)?(?:{_NOT_LINK}[\w'’&-]+\s+){{0,4}}?(?:{PEOPLE})\b)"
    r"|\s*,\s*(?:to|for|with|in an?|and|it|the|tone|audience|please|mention|make|keep|we|friendly|formal|casual|so)\b"
    r"|\s+(?:and|but)\s+(?:mention|include|say|make|keep|tell|it should|please|use)\b"
    r"|\s+(?:mentioning|saying that|in an?\s+[\w-]+(?:\s+and\s+[\w-]+)?\s+(?:tone|style|way))\b"
    r"|\s+with\s+(?:an?|the)\s+[\w-]+\s+tone\b|[.!?](?:\s|$)|[\n;]|$)",
    _I,
)
#: The same in German, Spanish, French, Italian.
FOREIGN_TOPIC: Final = re.compile(
    r"\b(?:über|zum thema|betreffend|sobre|acerca de|au sujet (?:de|du|des)|à propos (?:de|du|des)|concernant|"
    r"riguardo(?: a)?)\s+"
    r"(?P<topic>[^.!?\n;,]{1,200}?)(?=\s+(?:an|für|para|pour|aux?|per)\s|[.!?\n;,]|$)",
    _I,
)
FOREIGN_AUDIENCE: Final = re.compile(
    r"\b(?:an|für|para|pour|aux?|per)\s+(?P<audience>(?:alle|unsere?n?|die|das|todos|todas|los|las|nuestros|"
    r"nuestras|tous|toutes|nos|les|"
    r"tutti|i nostri)\s[^.,;:!?\n]{1,80})",
    _I,
)
#: "a welcome e-mail", "a birthday newsletter": the kind is the topic.
KIND: Final = re.compile(
    r"\b(?:an?|the|another|new)\s+(?P<kind>(?:[\w-]+\s+){1,3})(?:e-?mail|newsletter|invitation)\b", _I
)
NOT_A_KIND: Final = frozenset(
    (  # noqa: SIM905 - a list of words reads as text
        "short long brief quick new nice good great simple single another second draft mass internal external company "
        "group html marketing my our an a the of other different better one really very longer shorter important "
        "concise cold little clear polished catchy follow-up professional-sounding written full plain proper decent"
    ).split()
)
#: "a warm and witty tone", "sound more formal", "make it less formal".
TONE_WORDS: Final = re.compile(
    r"(?P<less>less|not (?:so|too|that|as)|too)?\s*(?P<more>more|a bit|a little|very|really|quite)?\s*\b(?P<tone>"
    + "|".join((*TONES, *(f"{tone[:-1]}ier" for tone in TONES if tone.endswith("y"))))
    + r")(?:ly|er)?\b",
    _I,
)
TONE_SPOKEN: Final = re.compile(
    r"\b(?:tone|style|sound|sounds|sounding|make it|make the|more|less|rather|instead|too|not so|keep it|bit|"
    r"write it|"
    r"feel|way|voice|manner)\b",
    _I,
)
TONE_PAIR: Final = re.compile(
    r"\b(?:in|with|use|using)\s+an?\s+(?P<tone>[a-z-]{3,20}(?:(?:,| and| but|"
    r", but)\s+[a-z-]{3,20}){0,2})\s+(?:tone|style|voice)\b",
    _I,
)
#: "it should mention …", "tell them that …", "and include …": what follows are key points.
SAYS: Final = re.compile(
    r"\b(?:mention(?:s|ing)?|includ(?:e|es|ing)|cover(?:s|ing)?|explain(?:s|ing)?|highlight(?:s|ing)?|emphasi[sz]e|"
    r"stress|state|"
    r"point out|say(?:s|ing)?|add(?:ing)?|let (?:them|everyone|everybody|people|readers|the team) know|"
    r"tell(?:ing)? (?:them|everyone|everybody|people|readers)|remind(?:ing)? (?:them|everyone|people)|"
    r"inform(?:ing)? (?:them|everyone)|"
    r"ask(?:ing)? (?:them|everyone|people)|make sure (?:it says|to say|to mention|they know|it mentions|to include)|"
    r"talk(?:s|ing)? about|key points?|main points?)\b"
    r"(?:\s+(?:that|the following|about|also|the fact that|are|is|to))?\s*[:\-–]?\s*",
    _I,
)
BULLET: Final = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,2}[.)])\s+(?P<item>\S.*)$")
INLINE_NUMBER: Final = re.compile(r"(?:^|\s)\(?\d{1,2}[.)]\s+")
SENTENCE_END: Final = re.compile(r"(?<=[.!?…。！？])\s+|(?<=[。！？])|\n+|;")
#: Where a list of points without commas is split at "and".
AND: Final = re.compile(
    r"\s+and\s+(?=(?:that|the|our|my|their|its|a|an|we|they|you|it|how|when|where|what|why|who|there|new|free|also|"
    r"please|any)\b)",
    _I,
)

LENGTH: Final = re.compile(
    r"\b(?:(?:in|around|about|roughly|under|at most|no more than|less than|maximum|max\.?|up to|within|"
    r"of)\s+)*\d{1,5}\s*[- ]?"
    r"(?:words?|sentences?|lines?|paragraphs?|pages?|characters?)\b(?:\s+(?:long|max|or less|or so))?"
    r"|\b(?:please\s+)?(?:keep it|make it|it should be|should be)?\s*(?:short and sweet|short|brief|concise|"
    r"to the point)\b",
    _I,
)
#: Nothing but words around what was taken out.
FILLER: Final = frozenset(
    (  # noqa: SIM905 - a list of words reads as text
        "a an and also are as at be but by can could e-mail email for from goes going have hello hey hi i i'd i'll i'm "
        "in is it it's its just kind let like mail make me mostly my of ok okay on or our please preferably quite "
        "really sent shall should so some something sound sounds style that thanks thank the then this to tone use "
        "very "
        "want we we'd will with would write you your need draft using keep send address addressed sort should've voice "
        "way well yes sure want'd written rather more less bit must compose create prepare help new about regarding "
        "short long brief quick mention include points key audience recipients readers topic subject"
    ).split()
)
QUESTION: Final = re.compile(
    r"^(?:who|what|when|where|why|how|which|is|are|do|does|did|can|could|would|will|should|may)\b.*\?\s*$|\?\s*$", _I
)
#: Said to us, not to the readers.
SMALL_TALK: Final = re.compile(
    r"^(?:(?:tell|show|give|sing|play|read)\s+me\b|(?:hi|hello|hey|thanks?|thank you|bye|ok(?:ay)?|yes|no|yep|sure|"
    r"great|good|fine|hm+|"
    r"lol|wow|cool)\b.{0,20}$|nice weather|good (?:morning|evening|afternoon)|ignore (?:all|any|the|your|previous)\b|"
    r"(?:you are|you're) )",
    _I,
)
#: A sentence that states something.
STATES: Final = re.compile(
    r"\b(?:is|are|was|were|be|will|won't|has|have|had|can|cannot|can't|must|should|need|needs|do|don't|does|"
    r"starts?|begins?|ends?|"
    r"opens?|closes?|moves?|launche[sd]|get|gets|offers?|takes?|happens?|brings?|comes?|please|register|reply|"
    r"bring|join|"
    r"we're|we'll|it's|there's|there're|they're|you'll|due|free|available|required|going)\b|\d",
    _I,
)
#: "go ahead", "that's all", "you decide": what is missing may be assumed.
THAT_IS_ALL: Final = re.compile(
    r"\b(?:that['’]?s (?:all|it|everything)|that is (?:all|it|everything)|nothing else|no(?:thing)? more|go ahead|"
    r"just (?:write|do|draft|"
    r"make|plan) (?:it|something)|you (?:decide|choose|pick)|up to you|your choice|whatever|don['’]?t (?:know|care|"
    r"mind)|not sure|any(?:thing)?"
    r"(?: is)? (?:fine|ok(?:ay)?|works)|doesn['’]?t matter|no preference|surprise me|use defaults?|proceed|"
    r"continue|skip)\b"
    r"|^\s*(?:no|none|nothing|nope|n/a|-)\s*[.!]?\s*$"
    r"|^\s*(?:yes|yeah|yep|ok(?:ay)?|sure|fine|great|perfect|(?:sounds|looks) (?:good|great|fine))\b[^?]{0,30}$",
    _I,
)
#: Changes of a plan that is complete.
SET: Final = re.compile(
    r"\b(?:change|set|switch|update|rename)\s+(?:the\s+)?(?P<what>subject(?: line)?|topic|audience|recipients?|"
    r"readers|tone|style)\s+"
    r"(?:to|into)\s+(?P<value>[^\n;.!?]{1,200})"
    r"|\bmake\s+(?:the\s+)?(?P<who>audience|recipients?|readers)\s+(?P<whom>[^\n;.!?]{1,200})",
    _I,
)
SENT_TO: Final = re.compile(
    r"\b(?:send it to|address it to|it is for|it['’]s for|"
    r"goes to)\s+(?P<audience>[^.,;!?\n]{1,100}?)(?:\s+instead)?(?=[.,;!?\n]|$)",
    _I,
)
ADDS: Final = re.compile(
    r"\b(?:add|also mention|mention|include|also say|also include)\s+(?:(?:a|another|"
    r"one more)\s+(?:key\s+)?(?:point|line|sentence|note|paragraph|"
    r"bullet)\s+(?:about|on|that|saying|for)\s+|that\s+)?(?P<value>[^\n;.!?]{1,300})",
    _I,
)
DROPS: Final = re.compile(
    r"\b(?:remove|delete|drop|skip|leave out|omit|take out|get rid of)\s+(?P<value>[^\n;.!?]{1,200})", _I
)
REPLACES: Final = re.compile(
    r"\b(?:replace|swap|"
    r"change)\s+['\"“]?(?P<old>[^\n;.!?]{1,120}?)['\"”]?\s+(?:with|by|to|into|for)\s+['\"“]?(?P<new>[^\n;.!?]{1,120})",
    _I,
)
ORDINALS: Final = {
    "first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "5th": 4,
    "last": -1,
}  # fmt: skip
ORDINAL: Final = re.compile(
    r"\b(?:(?P<word>first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th)\s+(?:key\s+)?(?:point|item|one|"
    r"bullet|line)|"
    r"(?:point|item|bullet|number)\s+(?:number\s+)?(?P<number>\d{1,2}))\b",
    _I,
)
