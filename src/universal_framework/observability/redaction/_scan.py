r"""Passes of Hyperscan over a long text: which families of secrets can be in it at all, and where telephone numbers.

In: the bytes of a folded text, in Latin-1. Out: names of `ENTITIES`; a search that visits few places. The expressions
are wider than the patterns of `_patterns`, `_phones` and `_tokens` with the checks that need no arithmetic: nearly no
looking around, no limits above, nothing possessive. So a family that is not named finds nothing, nothing begins where
no place is told, and what is left still has the last word: what is redacted is the same with this engine and without.
A character beyond Latin-1 is ``?`` here, so ``?`` counts as a letter and as none.

Where candidates are counted, because only so many are looked at closely, an expression must not be narrower than the
pattern that is counted: telephone numbers, IBANs. Addresses and numbers with their ranges checked may be.

Hyperscan (``pip install hyperscan``: MIT; Vectorscan, which it contains: BSD-3-Clause) is imported and its expressions
are compiled when a redactor asks for them, which takes two seconds. https://python-hyperscan.readthedocs.io
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from universal_framework.observability.redaction import _assignments, _checks, _names, _phones, _tokens
from universal_framework.observability.redaction._policy import ENTITIES, UNMARKED

#: Below, what a scan costs is more than what it spares; in characters.
SHORTEST = 512
#: How far before the end that is told of a number its first character stands at most, in characters; and how far behind
#: that end what is a number, and what must not follow it, ends.
BEFORE, BEHIND = 96, 128
#: With more places it does not pay to go from one to the next. With more names, second words are taken for secret
#: that no place tells of: `_assignments` looks closely at 64 at least.
_MOST_PLACES, _MOST_NAMES = 256, 60

#: Texts stand between two line ends, so that no expression has to ask for a text's own ends, which takes long.
_FRAMED = b"\n%b\n"

_WORD = r"[0-9A-Za-z_?\x80-\xff]"
_LETTER = r"[A-Za-z?\x80-\xff]"
_NO_WORD = "[^A-Za-z0-9]"
_GROUP = "[0-9A-Fa-f]{1,4}"
_NO_GROUP = "[^0-9A-Za-z_:.]"
_IPV4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_FRONT = "[^0-9A-Za-z_+.-]"
_PLAIN_SSN, _SAYS_SSN, _MARKED = "number like a social security number", "word for one", "token with a mark"
_DIGITS = "(?:[ .()/-]{0,3}[0-9])"


def _same(*groups: str) -> str:
    """Return groups of digits, the same joint before each of them."""
    return f"(?:{'|'.join(''.join(joint + group for group in groups) for joint in (' ', '[.]', '-'))})"


def _any_of(words: Iterable[str]) -> str:
    """Return an expression for one of `words`, those that begin alike once."""
    tails: dict[str, set[str]] = {}
    for word in words:
        tails.setdefault(word[:1], set()).add(word[1:])
    ends = tails.pop("", None) is not None
    heads: dict[str, str] = {}
    for head, rest in sorted(tails.items()):
        tail = _any_of(rest)
        heads[tail] = heads.get(tail, "") + head
    if not heads:
        return ""
    return f"(?:{'|'.join(f'[{head}]{tail}' for tail, head in heads.items())}){'?' * ends}"


#: What may follow a number of each kind: the end, what is no letter and no digit, a joint that nothing follows.
_AFTER_CARD = "(?:[^0-9A-Za-z_.-]|[.-][^0-9])"
_AFTER_SSN = r"(?:[^0-9A-Za-z_.-]|\.[^0-9])"
_AFTER_IPV4 = r"(?:[^0-9A-Za-z_.-]|\.[^0-9]|-[^A-Za-z])"
_AFTER_IPV6 = r"(?:[^0-9A-Za-z_:.]|\.[^0-9])"
_EXTENSION = r"(?:[xX]|[eE]xt(?:\.|ension)?)[ .:]{0,2}[0-9]"
_AFTER_PHONE = rf"(?:[^0-9A-Za-z_.:,/-]|[.:,/-][^0-9]|{_EXTENSION})"
_AFTER_GROUPS = rf"(?:[^0-9A-Za-z_.:,/ -]|[.:,/ -][^0-9]|{_EXTENSION})"
_AREA = "(?:00[1-9]|0[1-9][0-9]|[1-578][0-9]{2}|6[0-57-9][0-9]|66[0-57-9])"
_SERIAL = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"


def _ssn(joint: str) -> str:
    return rf"[^0-9A-Za-z_.+-]{_AREA}{joint}(?:0[1-9]|[1-9][0-9]){joint}{_SERIAL}{_AFTER_SSN}"


_CARD_GAP = "[ .-]{1,2}"
_BEARER = r"[A-Za-z0-9._~+/-]{24}|[A-Za-z-]*[0-9._~+/=]|[A-Za-z-]+[A-Z]|[A-Z][A-Za-z-]*-[a-z]|-{6}"
_BASE64 = "[A-Za-z0-9+/]"
_AFTER_BASIC = r"[^A-Za-z0-9._~+/-]"
_BASIC = rf"{_BASE64}{{6,}}\.*{_AFTER_BASIC}|{_BASE64}{{1,5}}\.+{_AFTER_BASIC}|{_BASE64}{{200}}"

_EXPRESSIONS = (
    ("URL_CREDENTIALS", r"""://[^\s/:@"'<>]*:[^\s/"'<>]+@"""),
    (
        "EMAIL_ADDRESS",
        (
            rf"(?:{_WORD}|[.+'-])(?:@|%40)(?:{_WORD}(?:{_WORD}|-)*\.)+"
            rf"(?:{_LETTER}{{2,24}}|xn--[A-Za-z0-9-]+)[^0-9A-Za-z_@]"
        ),
    ),
    ("AUTHORIZATION", rf"{_NO_WORD}(?:[Bb]earer|BEARER)[ \t:]{{1,3}}(?:{_BEARER})"),
    ("AUTHORIZATION", rf"{_NO_WORD}(?:[Bb]asic|BASIC)[ \t:]{{1,3}}(?:{_BASIC})"),
    ("PRIVATE_KEY", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
    ("JWT", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10}"),
    ("IBAN_CODE", rf"(?i){_NO_WORD}(?:{'|'.join(_checks.IBAN_LENGTHS)})[0-9]{{2}}(?:[ -]?[A-Z0-9]){{11}}"),
    (
        "CREDIT_CARD",
        (
            rf"[^0-9A-Za-z_+]{_any_of(_checks.card_prefixes())}(?:[0-9]{{8,15}}"
            rf"|{_CARD_GAP}[0-9]{{4}}{_CARD_GAP}[0-9]{{4}}{_CARD_GAP}[0-9]{{1,4}}(?:{_CARD_GAP}[0-9]{{1,3}})?"
            rf"|[0-9]{{2}}[ .-][0-9]{{9,13}}|{_same('[0-9]{6}', '[0-9]{4,5}')}|{_same('[0-9]{4}', '[0-9]{5}')}"
            rf"|{_same('[0-9]{3}', '[0-9]{3}', '[0-9]{3}')}|{_same('[0-9]{5}', '[0-9]{6}')}){_AFTER_CARD}"
        ),
    ),
    ("US_SSN", _ssn("-")),
    (_PLAIN_SSN, rf"{_ssn('')}|{_ssn(' ')}|{_ssn('[.]')}"),
    (_SAYS_SSN, "(?i)[s?][s?][n#]|[s?]oc[i?]al"),
    ("API_TOKEN", r"[^A-Za-z0-9_-][0-9]{8,10}:A[A-Za-z0-9_-]{34}"),
    ("API_TOKEN", r"[^A-Za-z0-9_.-][A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}"),
    ("API_TOKEN", r"[0-9]Q~[A-Za-z0-9_~.-]{31}"),
    ("API_TOKEN", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
)
_STRONG_PHONES = (
    rf"{_FRONT}(?:1[ .-])?[1-9][0-9]{{2}}{_same('[0-9]{3}', '[0-9]{4}')}{_AFTER_PHONE}",
    rf"{_FRONT}1[ .-][0-9]{{3}}{_same('[0-9]{3}', '[0-9]{4}')}{_AFTER_PHONE}",
    rf"{_FRONT}0[1-9][0-9]{{0,3}}(?:[ ./-][0-9]{{2,8}}){{1,4}}{_AFTER_PHONE}",
    rf"{_FRONT}(?:\+\(?[0-9]{{1,3}}|\(\+[0-9]{{1,3}}|00[1-9][0-9]{{0,2}}[ .-])\)?{_DIGITS}{{4}}",
    rf"{_FRONT}(?:[178][ -]?)?\([0-9]{{1,5}}\)[ /.-]{{0,3}}[0-9]{{2}}",
)
_WEAK_PHONES = (
    rf"{_FRONT}[0-9]{{1,5}}(?:[ ./-][0-9]{{2,7}}){{1,4}}{_AFTER_GROUPS}|{_FRONT}[0-9]{{7,15}}{_AFTER_PHONE}",
)

#: What looks around itself, and upper limits: neither is needed to be wide enough.
_AROUND = re.compile(r"\(\?<?[=!][^()]*\)")
_AHEAD = re.compile(r"\(\?=([^()]*)\)")
_BEHIND = re.compile(r"\(\?<=([^()]*)\)")
_LIMIT = re.compile(r"\{([0-9]+),[0-9]+\}\+?")

_EVERYTHING = frozenset(ENTITIES)


def _words_expressions() -> Iterator[tuple[str, str]]:
    yield "telling word", rf"(?i)[^a-z](?:{'|'.join(sorted(_phones.TELLING_WORDS))})[^a-z]"


def _addresses_expressions(*, local_too: bool) -> Iterator[tuple[str, str]]:
    """Yield the addresses that are looked for: in the public ones' first groups and octets no local one's."""
    octet = _any_of(map(str, range(256)))
    if local_too:
        fronts = [rf"{octet}\.{octet}"]
        first = _GROUP
        numeral = "[A-Fa-f]{0,3}[0-9][0-9A-Fa-f]{0,3}"
        short = rf"(?:{_GROUP}:)*"
    else:
        special = {100: range(64, 128), 169: [254], 172: range(16, 32), 192: [168]}
        fronts = [rf"{_any_of(str(one) for one in range(256) if one not in {0, 10, 127, *special})}\.{octet}"]
        fronts += [
            rf"{one}\.{_any_of(str(other) for other in range(256) if other not in local)}"
            for one, local in special.items()
        ]
        fours = "[0-9A-Ea-e][0-9A-Fa-f]{3}|[Ff][0-9ABFabf][0-9A-Fa-f]{2}|[Ff][Ee][0-7C-Fc-f][0-9A-Fa-f]"
        first = f"(?:[0-9A-Fa-f]{{1,3}}|{fours})"
        numeral = f"(?:[0-9][0-9A-Fa-f]{{0,2}}|[A-Fa-f][0-9][0-9A-Fa-f]?|[A-Fa-f]{{2}}[0-9]|{fours})"
        short = rf"(?:{_GROUP}:)+"
    yield "IP_ADDRESS", rf"[^0-9A-Za-z_.-](?:{'|'.join(fronts)})\.{octet}\.{octet}{_AFTER_IPV4}"
    some = "[A-Fa-f]{0,3}[0-9][0-9A-Fa-f]{0,3}"
    tail = rf"(?:(?:{_GROUP}:)*(?:{_GROUP}|{_IPV4}))?"
    tail_with_digit = rf"(?:(?:[A-Fa-f]{{1,4}}:)*{some}(?::{_GROUP})*|(?:{_GROUP}:)*{_IPV4})"
    yield "IP_ADDRESS", rf"{_NO_GROUP}{first}(?:(?::{_GROUP}){{7}}|(?::{_GROUP}){{5}}:{_IPV4}){_AFTER_IPV6}"
    yield (
        "IP_ADDRESS",
        (
            rf"{_NO_GROUP}(?:{first}(?::{_GROUP})*::{tail_with_digit}"
            rf"|(?:{numeral}|{first}(?::{_GROUP})*:{some})(?::{_GROUP})*::{tail}){_AFTER_IPV6}"
        ),
    )
    yield "IP_ADDRESS", rf"{_NO_GROUP}::(?:{short}(?:{_GROUP}|{_IPV4})|{_IPV4}){_AFTER_IPV6}"


def _closer_expressions() -> Iterator[tuple[str, str]]:
    """Yield what is too slow to be asked of every text: IBANs of their countries' lengths."""
    for length in sorted({*_checks.IBAN_LENGTHS.values()}):
        countries = "|".join(country for country, one in _checks.IBAN_LENGTHS.items() if one == length)
        more = f"(?:[ -]*[^ -]){{{length - 15}}}" if length > 15 else ""
        yield (
            "IBAN_CODE",
            rf"(?i){_NO_WORD}(?:{countries})[0-9]{{2}}(?:[ -]?[A-Z0-9]){{11}}{more}[^A-Z0-9]",
        )


def _tokens_expressions() -> Iterator[tuple[str, str]]:
    for shape in _tokens.SHAPES:
        body = shape.body
        if behind := _BEHIND.match(body):  # which says more than the mark does
            yield _MARKED, _LIMIT.sub(r"{\1,}", behind[1] + _AROUND.sub("", body)).replace("}+", "}")
            continue
        ahead = _AHEAD.match(body)
        body = _LIMIT.sub(r"{\1,}", ahead[1] if ahead else _AROUND.sub("", body)).replace("}+", "}")
        for mark in shape.marks:
            yield _MARKED, f"{_NO_WORD if mark[0].isalnum() else ''}{re.escape(mark)}{body}"


def _names_expressions(keys: AbstractSet[str]) -> Iterator[str]:
    """Yield names that end so that their values are secret, with what joins them to a value.

    An ending begins the name, or stands behind a joint or a digit, or with a capital behind anything; or a space stands
    in it, before a word that is secret as the second of two.
    """
    inside = f"(?:{_WORD}|-)*"
    joined = r"""[_-]*["'\\\]]{0,4}[ \t]{0,3}(?:[=:>]|%3[dDaA])"""
    for ending in sorted(_names.SECRET_ENDINGS | keys):
        first, *rest = map(_in_any_case, ending)
        tail = "".join(f"[_-]*{letter}" for letter in rest) + joined
        yield rf"[^0-9A-Za-z_-]-{{0,2}}(?:[A-Za-z_]{inside}[0-9_?\x80-\xff-]|_)?{first}{tail}"
        capital = ending[0].upper() if ending[0].isascii() else first
        yield rf"[^0-9A-Za-z_-]-{{0,2}}[A-Za-z_]{inside}{capital}{tail}"
        for second in _assignments.SECOND_WORDS:
            if ending.endswith(second) and ending != second:
                yield "".join(map(_in_any_case, f"{ending.removesuffix(second)} {second}")) + joined
    yield rf"[^0-9A-Za-z_-]--[A-Za-z_]{inside} (?:[^\s-]|-[^-])"


def _in_any_case(letter: str) -> str:
    if not letter.isascii():
        return r"[?\x80-\xff]"
    return f"[{letter}{letter.upper()}]" if letter.isalpha() else letter


class Scanner:
    """What scans, for the joined names `keys` that are secret beside those known already.

    Raises:
        ImportError: Hyperscan is not installed, or not for this machine.
    """

    def __init__(self, keys: AbstractSet[str], *, local_too: bool) -> None:
        self._texts = _families_of(
            [*_EXPRESSIONS, *_addresses_expressions(local_too=local_too), *_tokens_expressions()]
        )
        self._ibans = _families_of([*_closer_expressions()])
        self._names = _places_of([*_names_expressions(keys)], _MOST_NAMES)
        self._words = _families_of([*_words_expressions()])
        self._strong = _places_of(_STRONG_PHONES, _MOST_PLACES)
        self._weak = _places_of((*_STRONG_PHONES, *_WEAK_PHONES), _MOST_PLACES)

    def possible(self, raw: bytes) -> AbstractSet[str]:
        """Return the types that may be in a text, and `UNMARKED` if none of its tokens has a mark."""
        found = {"PHONE_NUMBER", "SECRET"}  # have looks of their own
        try:
            framed = _FRAMED % raw
            self._texts(framed, found)
            if "IBAN_CODE" in found:
                found.discard("IBAN_CODE")
                self._ibans(framed, found)
        except Exception:  # noqa: BLE001 - for one, a signal's handler that logs while its thread is scanning
            return _EVERYTHING
        if _PLAIN_SSN in found and _SAYS_SSN in found:
            found.add("US_SSN")
        if _MARKED in found:
            found.add("API_TOKEN")
        else:
            found.add(UNMARKED)
        return found

    def phones(self, raw: bytes, *, told: bool) -> _phones.Search:
        """Return what searches a text for telephone numbers; for weak ones too if it is `told`, or if a word tells."""
        try:
            framed = _FRAMED % raw
            words: set[str] = set()
            self._words(framed, words)
            weak = told or bool(words)
            search = _phones.shapes(weak).search
            places = (self._weak if weak else self._strong)(framed)
        except Exception:  # noqa: BLE001 - as above
            return _phones.shapes(told or _phones.are_told_of(raw)).search
        return search if places is None else _near(search, places)

    def names(self, raw: bytes) -> _assignments.Matches:
        """Return what goes through the names in a text that have values, where some may be secret."""
        try:
            places = self._names(_FRAMED % raw)
        except Exception:  # noqa: BLE001 - as above
            places = None
        return _assignments.named if places is None else _all_near(_assignments.NAMED.search, places)


@functools.cache
def scanner(keys: AbstractSet[str], *, local_too: bool) -> Scanner:
    """Return the scanner of a policy, made once."""
    return Scanner(keys, local_too=local_too)


def _near(search: _phones.Search, places: Iterable[int]) -> _phones.Search:
    """Return a search that finds what `search` does if all of it begins in the `BEFORE` characters before `places`."""
    windows: list[list[int]] = []  # begins, last places; far enough from each other
    for place in places:
        if windows and place - BEFORE <= windows[-1][1] + BEHIND:
            windows[-1][1] = place
        else:
            windows.append([place - BEFORE, place])

    def search_near(text: str, position: int) -> re.Match[str] | None:
        for begin, place in windows:
            if position < place:
                match = search(text, max(position, begin), place + BEHIND)
                if match is not None and match.start() < place:
                    return match
        return None

    return search_near


def _all_near(search: _phones.Search, places: Iterable[int]) -> _assignments.Matches:
    search_near = _near(search, places)

    def matches(text: str, position: int) -> Iterator[re.Match[str]]:
        while (match := search_near(text, position)) is not None:
            position = match.end()
            yield match

    return matches


def _families_of(expressions: list[tuple[str, str]]) -> Callable[[bytes, set[str]], object]:
    """Return what adds to a set the families whose expressions are in a text."""
    scan = _compiled([expression for _, expression in expressions], single=True)
    families = [family for family, _ in expressions]
    return lambda raw, found: scan(raw, lambda number, *_: found.add(families[number]))


def _places_of(expressions: Sequence[str], most: int) -> Callable[[bytes], list[int] | None]:
    """Return what tells where the matches in a text end, in order; None if they are more than `most`."""
    import hyperscan

    scan = _compiled(expressions, single=False)

    def places(raw: bytes) -> list[int] | None:
        ends: list[int] = []

        def add(_number: int, _start: int, end: int, *_: object) -> bool:
            ends.append(end)
            return len(ends) > most

        try:
            scan(raw, add)
        except hyperscan.ScanTerminated:
            return None
        return ends

    return places


def _compiled(expressions: Sequence[str], *, single: bool) -> Callable[[bytes, Callable[..., bool | None]], None]:
    import hyperscan

    flags = hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_SINGLEMATCH if single else 0)
    database = hyperscan.Database()
    database.compile(
        expressions=[expression.encode() for expression in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[flags] * len(expressions),
    )
    mine = threading.local()  # a scratch serves one scan at a time

    def scan(raw: bytes, tell: Callable[..., bool | None]) -> None:
        try:
            scratch = mine.scratch
        except AttributeError:
            scratch = mine.scratch = hyperscan.Scratch(database)
        database.scan(raw, tell, scratch=scratch)

    return scan
