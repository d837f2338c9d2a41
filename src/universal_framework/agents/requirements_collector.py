"""Reading requirements from what users write, labelled or in free text.

In: what is known, and one message. Out: what is known then, every text one clean, bounded line. Never: an exception,
whatever the message is; more work than a fixed number of characters asks for.

People are asked once: when a second message says for whom the e-mail is or what it must say, what is still missing is
assumed (`ASSUMED_AUDIENCE`, `ASSUMED_TONE`, a point about the topic); the plan shows it, and a later message corrects
it. The topic is never assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from universal_framework.agents import _phrases as say
from universal_framework.agents._text import clean_line, clean_text
from universal_framework.contracts.state import Requirements

MAX_CHARS: Final = 20_000
MAX_FIELD_CHARS: Final = 200
MAX_TONE_CHARS: Final = 60
MAX_POINTS: Final = 20
MAX_POINT_CHARS: Final = 300
ASSUMED_AUDIENCE: Final = "everyone"
ASSUMED_TONE: Final = "professional"

TONES: Final = say.TONES
_EDGES: Final = " \t\n.,;:!?-–—*\"'“”()[]"
_FOREIGN: Final = re.compile(r"[^\W\d_\u0000-\u024f]")


def collect(known: Requirements, text: str, *, asked: bool = False) -> Requirements:
    """Return `known` completed and corrected by what `text` says.

    With `asked`, the text answers our question: a bare phrase such as "quarterly results" is the topic then.
    """
    message = clean_text(text.replace("**", "").replace("`", ""), MAX_CHARS)
    message = say.ABBREVIATED.sub(lambda one: one[1] or f"{one[2]}m", message)
    if not message:
        return known
    if known.complete:
        return bounded(known, _corrections(known, message))
    found = _Reading(known, message, asked=asked).found
    return _assumed(known, bounded(known, found), message)


def question_for(requirements: Requirements) -> str:
    """Return the question that asks for what is missing."""
    missing = requirements.missing()
    if not missing:
        return "I have everything I need."
    listed = ", ".join(missing[:-1]) + (" and " if len(missing) > 1 else "") + missing[-1]
    example = {
        "topic": "Topic: …",
        "audience": "Audience: …",
        "tone": "Tone: …",
        "key points": "Key points: first; second",
    }
    answer = " ".join(example[label] for label in missing)
    return f"Before I plan the e-mail I need the {listed}. You can answer like this: '{answer}'."


class _Reading:
    """One message, read piece by piece: what a pattern has taken is not there for the next."""

    def __init__(self, known: Requirements, message: str, *, asked: bool = False) -> None:
        self.known = known
        self._asked = asked
        self.found: dict[str, object] = {}
        self._points: list[str] = []
        self._apology = False
        free = self._labels(message)
        pieces = [piece for piece in say.SENTENCE_END.split(free)[:200] if piece and piece.strip()]
        clauses = [clause.strip(_EDGES) for piece in pieces for clause in say.LENGTH.sub(" ", piece[:2_000]).split(",")]
        self._people(clauses[:30])
        for piece in pieces:
            self._piece(piece.strip()[:2_000])
        if self._points:
            self.found["key_points"] = (*known.key_points, *self._points)
        self._fragments(clauses)
        if not known.topic:
            self._bare_topic(pieces)
        if self._apology and not self._has("tone"):
            self.found["tone"] = "apologetic"

    def _has(self, name: str) -> bool:
        return name in self.found or bool(getattr(self.known, name))

    def _take(self, name: str, value: str) -> bool:
        value = value.strip(_EDGES)
        if not value or not any(map(str.isalnum, value)):
            return False
        self.found.setdefault(name, value)
        return True

    # -- labels -----------------------------------------------------------------------------------------------------

    def _labels(self, message: str) -> str:
        """Take what stands behind labels; return the text without it."""
        marks = list(say.LABELLED.finditer(message))[:50]
        if not marks:
            return message
        free = [message[: marks[0].start()]]
        for mark, end in zip(marks, [*(one.start() for one in marks[1:]), len(message)], strict=True):
            value = message[mark.end() : end]
            field = say.LABELS[" ".join((mark["label"] or mark["spoken"]).lower().split())]
            if field == "key_points":
                self.found["key_points"] = split_points(value)
                continue
            value, rest = _first_sentence(value)
            if field == "tone":
                self._take("tone", value.lower())
            else:
                self._take(field, value)
            free.append(rest)
        self.found = {name: value for name, value in self.found.items() if value}
        return "\n".join(free)

    # -- free text --------------------------------------------------------------------------------------------------

    def _piece(self, piece: str) -> None:
        """Take what one sentence says."""
        bullet = say.BULLET.match(piece)
        if bullet is not None:
            self._points.append(bullet["item"])
            return
        if say.QUESTION.search(piece) and not self._asks_for_mail(piece):
            return
        rest = say.LENGTH.sub(" ", piece)
        rest = self._told(rest)
        rest = self._topic(rest)
        rest = self._tone(rest)
        rest, points = self._says(rest)
        rest = self._audience(rest)
        self._points += points
        self._rest(rest, piece)

    @staticmethod
    def _asks_for_mail(piece: str) -> bool:
        return bool(re.search(r"\be-?mails?\b|\bwrite\b|\bdraft\b|\bnewsletter\b", piece, re.IGNORECASE))

    def _told(self, piece: str) -> str:
        note = say.NOTE.search(piece)
        match = note or say.TOLD.search(piece)
        if match is None or self._has("topic"):
            return piece
        tail = say.TAIL.search(match["topic"])
        topic = match["topic"] if tail is None else match["topic"][: tail.start()]
        audience = say.AUDIENCE.search(topic)
        self._take("topic", topic[: audience.start()] if audience else topic)
        self._take("audience", match["audience"])
        if note is not None and note["kind"].lower().startswith("apolog"):
            self._apology = True
        return piece[: match.start()] + ("" if tail is None else f" , {tail[0]}")

    def _topic(self, piece: str) -> str:
        if self._has("topic"):
            return piece
        match = say.TOPIC.search(piece)
        if match is not None and self._take("topic", match["topic"].removeprefix("that ")):
            return f"{piece[: match.start()]} , {piece[match.end() :]}"
        foreign = say.FOREIGN_TOPIC.search(piece)
        if foreign is not None and self._take("topic", foreign["topic"]):
            people = say.FOREIGN_AUDIENCE.search(piece)
            if people is not None:
                self._take("audience", people["audience"])
            return ""
        kind = say.KIND.search(piece)
        if kind is not None:
            words = [word for word in kind["kind"].lower().split() if word not in say.NOT_A_KIND and word not in TONES]
            if words and self._asks_for_mail(piece):
                self._take("topic", " ".join(words))
        return piece

    def _tone(self, piece: str) -> str:
        pair = say.TONE_PAIR.search(piece)
        if pair is not None and any(tone in pair["tone"].lower() for tone in TONES):
            self._take("tone", pair["tone"].lower())
            return f"{piece[: pair.start()]} {piece[pair.end() :]}"
        match = say.TONE_WORDS.search(piece)
        if match is None:
            return piece
        spoken = bool(say.TONE_SPOKEN.search(piece) or match["less"] or match["more"])
        if self._has("tone") and not spoken:
            return piece
        self._take("tone", wanted_tone(piece))
        return say.TONE_WORDS.sub(" ", piece, count=2)

    def _says(self, piece: str) -> tuple[str, list[str]]:
        """Return the piece without what the e-mail is to say, and that."""
        match = say.SAYS.search(piece)
        if match is None or not self._has("topic"):
            return piece, []
        return piece[: match.start()], list(split_points(piece[match.end() :]))

    def _audience(self, piece: str) -> str:
        match = say.ADDRESSED.search(piece) or say.AUDIENCE.search(piece)
        if match is None:
            return piece
        if not self._has("audience"):
            self._take("audience", match["audience"])
        return f"{piece[: match.start()]} {piece[match.end() :]}"

    def _rest(self, rest: str, piece: str) -> None:
        """Take a sentence that states something as a point; one that was mostly taken already is none."""
        if not self._has("topic") or say.SMALL_TALK.search(piece.strip()) or say.THAT_IS_ALL.search(piece):
            return
        asks = self._asks_for_mail(piece) or ("topic" in self.found and str(self.found["topic"]) in piece)
        if asks:
            rest = ",".join(rest.split(",")[1:])  # what is told after what is asked for
        elif rest.strip() == piece.strip():
            if say.STATES.search(rest) and len(rest.split()) > 2:
                self._points.append(rest)
            return
        for clause in rest.split(","):
            telling = [word for word in re.findall(r"[\w'’-]+", clause.lower()) if word not in say.FILLER]
            if len(telling) > 1 and say.STATES.search(clause):
                self._points.append(clause)

    def _people(self, clauses: list[str]) -> None:
        """Take who is named alone in an answer: "customers, friendly, new prices"."""
        for clause in clauses if self.known.topic and len(clauses) > 1 else ():
            head = re.sub(r"^(?:to|for)\s+", "", clause, flags=re.IGNORECASE)
            if not self._has("audience") and len(head.split()) < 8 and _PEOPLE_ONLY.fullmatch(head):
                self._take("audience", head)

    def _fragments(self, clauses: list[str]) -> None:
        """Take what is left of an answer in keywords for points."""
        if (
            not self.known.topic
            or not 1 < len(clauses) <= 30
            or "key_points" in self.found
            or not self._has("audience")
        ):
            return
        left = [one for one in clauses if not say.TONE_WORDS.search(one) and not _mentions(self.found, one)]
        points = [one for one in left if len(one) > 2 and not say.SMALL_TALK.search(one) and not _only_filler(one)]
        if points:
            self.found["key_points"] = tuple(points)

    def _bare_topic(self, pieces: list[str]) -> None:
        """Take a short phrase that says neither who nor how for the topic: "our summer party"."""
        if "topic" in self.found or not pieces:
            return
        first = pieces[0].strip(_EDGES)
        if _FOREIGN.search(first):
            if len(_FOREIGN.findall(first)) * 2 > len(first.replace(" ", "")):
                self._take("topic", first)
            return
        audience = say.AUDIENCE.search(first)
        phrase = (first[: audience.start()] if audience else first).strip(_EDGES)
        short = 0 < len(phrase.split()) <= 10 and not say.STATES.search(phrase) and not say.TONE_WORDS.search(phrase)
        begins = re.match(r"(?:the|our|my|an?|new)\s+\w", phrase, re.IGNORECASE) is not None
        anything = self._asked or self.known != Requirements() or audience is not None
        ours = say.SMALL_TALK.search(phrase) or say.QUESTION.search(pieces[0]) or self._asks_for_mail(phrase)
        if short and not ours and (begins or (anything and not _only_filler(phrase))):
            self._take("topic", phrase)


_PEOPLE_ONLY: Final = re.compile(
    rf"(?:(?!(?:it|is|are|be|send|goes|should|e-?mail|for|to|we|i|with|about)\b)[\w'’&-]+\s+){{0,4}}(?:{say.PEOPLE})"
    r"(?:\s+(?:in|of|at|from)\s+(?:the\s+|our\s+)?[\w'’&-]+(?:\s+[\w'’&-]+){0,2})?",
    re.IGNORECASE,
)


def _mentions(found: dict[str, object], clause: str) -> bool:
    return any(isinstance(value, str) and (value in clause or clause in value) for value in found.values())


def _only_filler(text: str) -> bool:
    return all(word in say.FILLER for word in re.findall(r"[\w'’-]+", text.lower()))


def _first_sentence(text: str) -> tuple[str, str]:
    """Return the value of a label, which ends with its line or sentence, and what follows it."""
    match = re.search(r"\n|;|[.!?](?=\s+[A-Z\d]|\s*$)", text)
    return (text, "") if match is None else (text[: match.start()], text[match.end() :])


def wanted_tone(text: str) -> str:
    """Return the tone that `text` asks for: the first that is wanted, else the opposite of one that is not.

    >>> wanted_tone("less formal"), wanted_tone("friendly but professional, please")
    ('casual', 'friendly')
    """
    matches = list(say.TONE_WORDS.finditer(text[:2_000]))
    for match in matches:
        if match["less"] is None:
            return _tone_of(match)
    return say.OPPOSITES.get(_tone_of(matches[0]), "neutral") if matches else ""


def _tone_of(match: re.Match[str]) -> str:
    tone = match["tone"].lower()
    return f"{tone[:-3]}y" if tone.endswith("ier") else tone


def split_points(text: str) -> tuple[str, ...]:
    """Return the members of a list: lines or semicolons, else numbers, sentences, commas."""
    lines = [part for part in re.split(r"[;\n]", text) if part.strip(_EDGES)]
    if len(lines) < 2:
        for split in (_by_numbers, _by_sentences, _by_commas):
            lines = split(lines[0] if lines else "")
            if len(lines) > 1:
                break
    return tuple(line for line in (_point(line) for line in lines) if line)


def _by_numbers(text: str) -> list[str]:
    return [part for part in say.INLINE_NUMBER.split(text) if part.strip(_EDGES)] if text else []


def _by_sentences(text: str | list[str]) -> list[str]:
    whole = text if isinstance(text, str) else " ".join(text)
    return [part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z\d])", whole) if part.strip(_EDGES)]


def _by_commas(text: str) -> list[str]:
    parts = [part for part in re.split(r",\s+(?:and\s+)?(?!\d{4}\b)", text) if part.strip(_EDGES)]
    last = parts[-1:]
    return [*parts[:-1], *(one for part in last for one in say.AND.split(part))]


def _point(text: str) -> str:
    bullet = say.BULLET.match(text)
    text = (bullet["item"] if bullet else text).strip().strip("-–—*•\t ").strip(" .,;")
    return re.sub(r"^(?:and|that)\s+", "", text, flags=re.IGNORECASE)


# -- what is complete is corrected --------------------------------------------------------------------------------


def _corrections(known: Requirements, message: str) -> dict[str, object]:
    """Return what a comment on a plan changes in the requirements; most comments change nothing."""
    reading = _Reading(Requirements(), "")
    reading._labels(message)
    found = dict(reading.found)
    first = message[:2_000]
    for match in list(say.SET.finditer(first))[:5]:
        field = say.LABELS.get((match["what"] or match["who"]).lower().removesuffix(" line"), "topic")
        found.setdefault(field, (match["value"] or match["whom"]).strip(_EDGES))
    tone = say.TONE_WORDS.search(first)
    if tone is not None and (say.TONE_SPOKEN.search(first) or _compares(tone) or len(first.split()) < 4):
        found.setdefault("tone", wanted_tone(first))
    addressed = re.search(
        r"\b(?:send it to|address it to|it is for|it's for|goes to)\s+([^.,;!?\n]{1,100})", first, re.IGNORECASE
    )
    if addressed is not None:
        found.setdefault("audience", re.sub(r"\s+instead$", "", addressed[1], flags=re.IGNORECASE))
    if "key_points" not in found:
        points = _changed_points(known.key_points, first)
        if points and points != known.key_points:
            found["key_points"] = points
    return found


def _compares(tone: re.Match[str]) -> bool:
    return bool(tone["less"] or tone["more"] or tone["tone"].lower().endswith("ier"))


def _changed_points(points: tuple[str, ...], text: str) -> tuple[str, ...]:
    replaced = say.REPLACES.search(text)
    if replaced is not None and any(replaced["old"].lower() in point.lower() for point in points):
        old = re.compile(re.escape(replaced["old"]), re.IGNORECASE)
        new = replaced["new"].strip(_EDGES)
        return tuple(old.sub(lambda _: new, point) for point in points)
    dropped = say.DROPS.search(text)
    if dropped is not None:
        return _without(points, dropped["value"])
    added = [match["value"].strip(_EDGES) for match in list(say.ADDS.finditer(text))[:5]]
    return (*points, *(one for one in added if one and one not in points))


def _without(points: tuple[str, ...], named: str) -> tuple[str, ...]:
    ordinal = say.ORDINAL.search(named)
    if ordinal is not None:
        index = say.ORDINALS[ordinal["word"].lower()] if ordinal["word"] else int(ordinal["number"]) - 1
        if -1 <= index < len(points):
            gone = index % len(points)
            return tuple(point for number, point in enumerate(points) if number != gone)
        return points
    words = {
        word for word in re.findall(r"\w+", named.lower()) if word not in say.FILLER and word not in ("point", "part")
    }
    left = tuple(point for point in points if not words or not words <= set(re.findall(r"\w+", point.lower())))
    return left or points


# -- bounds, and what nobody said -----------------------------------------------------------------------------------


def bounded(known: Requirements, found: dict[str, object]) -> Requirements:
    """Return `known` with what was found, each text clean and cut."""
    limits = {"topic": MAX_FIELD_CHARS, "audience": MAX_FIELD_CHARS, "tone": MAX_TONE_CHARS}
    update: dict[str, object] = {}
    for name, limit in limits.items():
        value = found.get(name)
        line = clean_line(value, limit) if isinstance(value, str) else ""
        if line:
            update[name] = line
    points = found.get("key_points")
    if isinstance(points, tuple) and (kept := tuple(_points(points))):
        update["key_points"] = kept
    return known.model_copy(update=update)


def _points(points: Iterable[str]) -> list[str]:
    lines = (clean_line(point.strip(" -–—*•\t.,;"), MAX_POINT_CHARS) for point in points)
    return list(dict.fromkeys(line for line in lines if any(map(str.isalnum, line))))[:MAX_POINTS]


def _assumed(known: Requirements, read: Requirements, message: str) -> Requirements:
    """Return `read` with assumptions for what is missing, once the user was asked; see the module."""
    topic = read.topic
    if topic is None or read.complete:
        return read
    only_tone = read.missing() == ["tone"]
    answered = known.topic is not None and (
        (read != known and bool(read.audience or read.key_points)) or say.THAT_IS_ALL.search(message) is not None
    )
    if not (only_tone or answered):
        return read
    return read.model_copy(
        update={
            "audience": read.audience or ASSUMED_AUDIENCE,
            "tone": read.tone or ASSUMED_TONE,
            "key_points": read.key_points or (clean_line(f"What you need to know about {topic}", MAX_POINT_CHARS),),
        }
    )
