"""Secrets that a text names itself: ``password=…``, ``"api_key": "…"``, ``--token …``, ``<secret>…</secret>``.

In: a folded text, the judge of key names, what was found before. Out: more findings, the values. Whether a name is
secret is for the judge to say; whether what follows is a value, and no remark (``token: expired``), is said here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from universal_framework.observability.redaction._lazy import Lazy

#: A name and what joins it to a value: a sign (``%3D`` is ``=`` in a query string inside a query string), or behind two
#: dashes a space.
NAMED = Lazy(
    r"([A-Za-z_](?:(?<![\w-].)|(?<=-.)(?:(?<![\w-]-.)|(?<=--.)(?<![\w-]--.)()))[\w-]{1,63}+)"
    r"(?:[\"'\\\]]{0,4}+[ \t]{0,3}+(=>|:=|[=:]{1,2}|%3[DdAa]|>)[ \t]{0,3}+|(?(2) (?! |--|-[a-z](?: |$))|(?!)))",
)
_QUOTE = Lazy(r"\\{0,4}(?:\"|')")
_DOUBLE_QUOTED = Lazy(r'"((?>(?:[^"\\\n]|\\.){0,4096}))')
_SINGLE_QUOTED = Lazy(r"'((?>(?:[^'\\\n]|\\.){0,4096}))")
_BARE = Lazy(r"(?>(?:[^\s,;&\"'<>]|[,;&](?![\s,;&\"'}\])]|$|[\w.-]{1,64}+[=:])){1,2048})")
#: The same, where nothing but that ends it: most of them.
_PLAIN_BARE = Lazy(r"[^\s,;&\"'<>]{1,2048}+(?![,;&])")
_HEADER = Lazy(r"(?:[A-Za-z][A-Za-z0-9-]{2,15}[ ]{1,2})?[^\s,;\"'<>]{1,4096}+")
_COOKIES = Lazy(r"[^\r\n\"'<>]{1,8192}+")
_ENTITY_END = Lazy(r"[^<\r\n]{1,4096}+(?=</)")

#: So many values of one text are looked at closely; what follows the names beyond is hidden, remark or not.
#: The names in longer values are skipped at once.
_LONG = 128
_PLAIN_VALUE = Lazy(r"[^\s&]{1,2048}+")
#: What stands where a secret would, and is none.
_NO_SECRET = Lazy(
    r"(?:none|null|nil|undefined|true|false|yes|no|on|off|n/a|empty|unset|redacted|hidden|masked|"
    r"\[[A-Z][A-Z0-9_]*(?::[^\]]{1,40})?\]?|<[^>]{0,40}>?|\$\{[A-Za-z_]\w{0,63}\}?|(?-i:\$[A-Z_][A-Z0-9_]{0,63})|%\(?\w{0,64}\)?[sdr]|"
    r"\{[\w.!:]{0,64}\}?|(.)\1{2,}|\*{1,}|\.{3}|…)[.,;)}\]]{0,3}",
    re.IGNORECASE,
)
#: What `_replace` writes: last four, or a hash.
_MASK = Lazy(r"\[[A-Z][A-Z0-9_]{1,63}:(?:[A-Za-z0-9]{4}|[a-p]{20})\]")
#: Words that go on talking about a secret instead of giving it.
_REMARK = frozenset(
    """
    a an the is are was were be been has have had must may might should shall can cannot could will would not no
    and or for of with in on at to from by as if when while because but so than then this that these those it its
    your my our their his her invalid incorrect wrong missing expired required optional unknown unexpected
    unsupported unauthorized forbidden denied rejected accepted refused revoked rotated changed reset updated
    created deleted removed added found verified valid validated ok okay failed failure error errors success
    successful successfully mismatch match matches matched does did do too longer shorter length minimum maximum
    empty blank absent present default type string number value values key keys name field fields policy strength
    only never always still already again please enter expected got contains contain malformed undefined stored
    saved loaded loading refreshing refresh refreshed generated using used unused set unset see check checking
    leaked exposed limit exceeded available unavailable disabled enabled active inactive bearer basic
    """.split(),
)
_COOKIE_NAMES = frozenset({"cookie", "setcookie", "cookies"})
_HEADER_NAMES = frozenset({"authorization", "proxyauthorization", "authentication"})
#: A name is secret by itself, or perhaps with the word before it, or not.
_FIRST, _SECOND, _OTHER = object(), object(), object()
_LONGEST_WORD = 16
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
SECOND_WORDS = frozenset({"key", "token", "secret", "number", "code", "string", "password", "phrase", "card"})


Matches = Callable[[str, int], Iterator[re.Match[str]]]


def named(text: str, position: int) -> Iterator[re.Match[str]]:
    """Return the names of `text` that have values, from `position` on."""
    return NAMED.finditer(text, position)


def find(
    text: str, is_secret: Callable[[str], bool], matches: Matches, found: list[tuple[str, int, int]], room: int
) -> None:
    """Append the spans of values whose names `is_secret` to `found`; `matches` goes through the names."""
    position = looks = 0
    verdicts: dict[str, object] = {}
    others: set[str] = set()
    phrases: dict[str, bool] = {}
    most = len(found) + room
    names = matches(text, 0)
    while (match := next(names, None)) is not None:
        name = match[1]
        if name in others:
            continue
        verdict = verdicts.get(name)
        if verdict is None:
            verdict = verdicts[name] = _judged(name, is_secret)
        if verdict is _OTHER:
            others.add(name)
            continue
        start = match.start()
        before = text[start - 1 : start]
        if verdict is _SECOND and before != " ":
            continue
        joint = match.group(3)
        if joint == ">" and before != "<":
            continue
        if start < position or (before == "[" and _MASK.match(text, start - 1)):
            continue
        if looks >= room // 2:
            value = _PLAIN_VALUE.match(text, match.end())
            span = None if value is None else value.span()
        elif verdict is _FIRST or _is_secret_phrase(text, start, name, is_secret, phrases):
            looks += 1
            span = _value(text, match.end(), name, joint or " ")
        else:
            continue
        if span is not None:
            found.append(("SECRET", *span))
            if len(found) > most:
                return
            position = span[1]
            if position - match.end() > _LONG:
                names = matches(text, position)


def _judged(name: str, is_secret: Callable[[str], bool]) -> object:
    if is_secret(name):
        return _FIRST
    return _SECOND if name.lower() in SECOND_WORDS else _OTHER


def _is_secret_phrase(
    text: str, start: int, name: str, is_secret: Callable[[str], bool], phrases: dict[str, bool]
) -> bool:
    """Say whether `name`, at `start` behind a space, ends a phrase such as ``API key``; remember it in `phrases`."""
    phrase = text[max(0, start - 1 - _LONGEST_WORD) : start + len(name)]
    known = phrases.get(phrase)
    if known is None:
        head = phrase[: -1 - len(name)]
        before = head[len(head.rstrip(_LETTERS)) :]
        known = phrases[phrase] = len(before) > 1 and is_secret(f"{before}_{name}")
    return known


def _value(text: str, start: int, name: str, joint: str) -> tuple[int, int] | None:
    compact = name.replace("-", "").replace("_", "").lower()
    quote = _QUOTE.match(text, start)
    span = _bare(text, start, compact, joint) if quote is None else _quoted(text, quote)
    if span is None or span[0] == span[1]:
        return None
    value = text[span[0] : span[1]]
    return None if _NO_SECRET.fullmatch(value) else span


def _quoted(text: str, quote: re.Match[str]) -> tuple[int, int] | None:
    opening, start = quote.group(), quote.end()
    if len(opening) > 1:  # quotes inside a quoted text
        end = text.find(opening, start, start + 4096)
        return (start, end) if end > start else None
    pattern = _DOUBLE_QUOTED if opening == '"' else _SINGLE_QUOTED
    match = pattern.match(text, start - 1)
    return None if match is None else match.span(1)


def _bare(text: str, start: int, compact: str, joint: str) -> tuple[int, int] | None:
    if joint == ">":
        match = _ENTITY_END.match(text, start)
    elif compact in _COOKIE_NAMES:
        match = _COOKIES.match(text, start)
    elif compact in _HEADER_NAMES:
        match = _HEADER.match(text, start)
    else:
        match = _PLAIN_BARE.match(text, start) or _BARE.match(text, start)
    if match is None:
        return None
    value = match.group()
    if "=" not in joint and _is_remark(value, compact):
        return None
    if compact in {"pass", "token"} and value.isdecimal() and len(value) < 6:
        return None
    return match.span()


def _is_remark(value: str, compact: str) -> bool:
    word = value.rstrip(".,;:!?)").lower()
    if word in _REMARK or not word:
        return True
    # A lone word after "token:" is more often a remark than a token; after "password:" it may be one.
    return compact.endswith(("token", "secret", "cookie", "authorization", "authentication")) and word.isalpha()
