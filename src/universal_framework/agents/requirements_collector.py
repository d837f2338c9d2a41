"""Reading requirements from what users write, labelled or in free text."""

from __future__ import annotations

import re

from universal_framework.contracts.state import Requirements

TONES = ("friendly", "formal", "professional", "casual", "urgent", "apologetic", "enthusiastic")

_LABELS = {
    "topic": "topic",
    "subject": "topic",
    "audience": "audience",
    "recipients": "audience",
    "to": "audience",
    "tone": "tone",
    "style": "tone",
    "key points": "key_points",
    "points": "key_points",
    "content": "key_points",
}
_LABELLED = re.compile(rf"\b(?P<label>{'|'.join(sorted(_LABELS, key=len, reverse=True))})\s*:\s*", re.IGNORECASE)
_TOPIC = re.compile(
    r"\b(?:about|announcing|regarding|concerning)\s+(?P<topic>[^.!?\n]+?)"
    r"(?=\s+(?:to|for)\s+(?:all|the|our|my)\b|[.!?\n]|$)",
    re.IGNORECASE,
)
_AUDIENCE = re.compile(r"\b(?:to|for)\s+(?P<audience>(?:all|the|our|my)\s+[^.,;!?\n]+)", re.IGNORECASE)


def _labelled_fields(text: str) -> dict[str, str]:
    """Return the ``label: value`` pairs of ``text``; a value ends where the next label begins."""
    marks = list(_LABELLED.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)] * bool(marks)
    return {
        _LABELS[mark["label"].lower()]: text[mark.end() : end].strip(" \n.,;")
        for mark, end in zip(marks, ends, strict=True)
    }


def _split_points(text: str) -> tuple[str, ...]:
    parts = (part.strip(" -*\t.") for part in re.split(r"[;\n]", text))
    return tuple(part for part in parts if part)


def collect(known: Requirements, text: str) -> Requirements:
    """Return ``known`` completed and corrected by what ``text`` says."""
    fields = _labelled_fields(text)
    free = text[: match.start()] if (match := _LABELLED.search(text)) else text
    found: dict[str, object] = {}

    if topic := fields.get("topic"):
        found["topic"] = topic
    elif known.topic is None and (match := _TOPIC.search(free)):
        found["topic"] = match["topic"].strip()

    if audience := fields.get("audience"):
        found["audience"] = audience
    elif known.audience is None and (match := _AUDIENCE.search(free)):
        found["audience"] = match["audience"].strip()

    if tone := fields.get("tone"):
        found["tone"] = tone.lower()
    elif mentioned := [word for word in TONES if re.search(rf"\b{word}\b", free, re.IGNORECASE)]:
        found["tone"] = mentioned[0]

    if points := _split_points(fields.get("key_points", "")):
        found["key_points"] = points

    return known.model_copy(update=found)


def question_for(requirements: Requirements) -> str:
    """Return the question that asks for what is missing."""
    missing = requirements.missing()
    if not missing:
        return "I have everything I need."
    listed = ", ".join(missing[:-1]) + (" and " if len(missing) > 1 else "") + missing[-1]
    return (
        f"Before I plan the e-mail I need the {listed}. "
        "You can answer like this: 'Audience: … Tone: … Key points: first; second'."
    )
