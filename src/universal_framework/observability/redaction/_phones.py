"""Telephone numbers: shapes that speak for themselves, and shapes that need a word beside them.

In: a folded text, what its key says of it, and what was found before. Out: more findings.

A plus sign, a trunk zero with groups, an area code in brackets or the North American 3-3-4 grouping is enough by
itself, unless the word before says *order* or *id*. Anything weaker (``467 3395``, ten digits in a row) counts only
beside a word such as *call*, *fax* or *mobile*.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable

from universal_framework.observability.redaction import _checks, _names
from universal_framework.observability.redaction._lazy import Lazy

_EXTENSION = r"(?:[ ,;]{0,2}(?:[xX]|[eE]xt\.?|[eE]xtension|#)[ .:]{0,2}[0-9]{1,6})?"
_EXTENSION_MARK = Lazy("[xXeE#]")
_EDGE = r"(?![\w]|[.:,/-][0-9])"

#: The first character stands alone at the front, because `re` looks for one of a few characters ten times as fast as
#: for an assertion; what was before it is asked afterwards (``(?<!x.)``).
_AMERICAN = rf"(?P<american>(?:[ .-][0-9](?<=1..))?[0-9]{{2}}([ .-])[0-9]{{3}}\2[0-9]{{4}}{_EXTENSION}{_EDGE})"
_PREFIXED = (
    r"(?P<prefixed>(?<=[178])[ -]?\([0-9]{1,5}\)[ /.-]{0,3}+[0-9]{2,8}+(?>(?:[ ./-][0-9]{2,6}+){0,3})"
    rf"{_EXTENSION}{_EDGE})"
)
_TRUNK = rf"(?P<trunk>[1-9][0-9]{{0,3}}+(?>(?:[ ./-][0-9]{{2,8}}+){{1,4}}){_EXTENSION}{_EDGE})"
_ABROAD = rf"(?P<abroad>0[1-9][0-9]{{0,2}}(?=[ .-])(?>(?:[ .()/-]{{0,3}}+[0-9]){{4,14}}){_EXTENSION}{_EDGE})"
_PLUS = rf"(?P<plus>(?<=\+)\(?[0-9]{{1,3}}\)?(?>(?:[ .()/-]{{0,3}}+[0-9]){{4,14}}){_EXTENSION}{_EDGE})"
_BRACKETED = (
    rf"(?P<wrapped>\+[0-9]{{1,3}}\)(?>(?:[ .()/-]{{0,3}}+[0-9]){{4,14}}){_EXTENSION}{_EDGE})"
    r"|(?P<bracketed>[0-9]{1,5}\)[ /.-]{0,3}+[0-9]{2,8}+(?>(?:[ ./-][0-9]{2,6}+){0,3})"
    rf"{_EXTENSION}{_EDGE})"
)


def _grouped(name: str) -> str:
    return rf"(?P<{name}>(?<![0-9][ ,:/].)[0-9]{{0,4}}+(?>(?:[ ./-][0-9]{{2,7}}+){{1,4}})(?! [0-9]){_EXTENSION}{_EDGE})"


def _plain(name: str) -> str:
    return rf"(?P<{name}>[0-9]{{6,14}}+{_EXTENSION}{_EDGE}(?!-[A-Za-z0-9]{{0,3}}[0-9]))"


def _any_of(*shapes: str) -> str:
    return f"(?:{'|'.join(shapes)})"


_FRONT = r"[+(0-9](?<![\w+].)(?<![.-].)"

#: 905-674-3793, 1.905.674.3793x12, 8 (495) 123-45-67; 0341 8387176, 03.93.92.16.85, 0961-7596216; 001-518-640-0854;
#: +49 30 1234567, +46 (0)8 928 571 38; (+30) 2101 234567, (905) 674-3793, (08) 8747 6301, (06)20/345-6789.
STRONG = Lazy(
    _FRONT
    + _any_of(
        "(?<=[1-9])" + _any_of(_AMERICAN, _PREFIXED),
        "(?<=0)" + _any_of(_TRUNK, _ABROAD),
        _PLUS,
        r"(?<=\()" + _any_of(_BRACKETED),
    ),
)
#: The same, and 60-56-85-91, 416 60 039, 467 3395, 4673395.
PHONE = Lazy(
    _FRONT
    + _any_of(
        "(?<=[1-9])" + _any_of(_AMERICAN, _grouped("grouped"), _plain("plain"), _PREFIXED),
        "(?<=0)" + _any_of(_TRUNK, _plain("trunk_plain"), _ABROAD, _grouped("zero")),
        _PLUS,
        r"(?<=\()" + _any_of(_BRACKETED),
    ),
)
#: What stands between the digits of all shapes.
_JOINTS = b" .()/-+"
_WITH_COUNTRY = frozenset({"plus", "wrapped", "abroad"})
_PLAIN_RUN = frozenset({"plain", "trunk_plain"})
_IN_BRACKETS = frozenset({"bracketed", "prefixed"})
#: A bracket or three digits stand where a date has a joint.
_NO_DATE = _IN_BRACKETS | {"american"}

#: Dates that open a candidate: 2024-01-31, 31.01.2024, 1/31/2024.
_DATE = Lazy(
    r"(?:(?:19|20)[0-9]{2}([./ -])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])"
    r"|[0-9]{1,2}([./-])[0-9]{1,2}\2(?:19|20)[0-9]{2}(?![0-9])"
    r"|[0-3]?[0-9]([./-])[0-3]?[0-9]\3[0-9]{2}(?![0-9]|[./-][0-9]))",
)

#: Words, in lower case, that say what the number beside them is.
_TELEPHONE_WORDS = frozenset(
    """
    phone phones telephone telephones phoned fax faxes telefax telefon telefone telefono tel tlf mobile mobil mob cell
    cellular cellphone cellphones handy gsm msisdn call calls called caller calling callback dial dialed dialled
    dialing ring rang text texted texting sms whatsapp viber signal telegram contact contacts contacted contacting
    reach reached reachable reaching hotline office desk home work landline voicemail message messages messaging
    answer answers answered answering registered pager extension reception line direct unsubscribe speak talk
    """.split(),
)
_IDENTIFIER_WORDS = frozenset(
    """
    order orders id ids uid uids ref reference invoice ticket case sku serial track tracking isbn issn ean upc
    version ver build release port pid commit sha sha1 sha256 hash trace span lat lon lng coord coords coordinate
    coordinates gps batch job model product item lot zip postal postcode amount total price cost epoch timestamp ts
    date uptime offset seq sequence byte bytes size count row rows transaction txn booking reservation shipment parcel
    package uuid guid key index revision rev chapter page pages section range mac doi orcid vin imei policy claim
    license licence passport part request session user customer account process thread block record event code value
    address box suite apt room unit processed took elapsed duration ms ns second seconds
    """.split(),
)
_NUMBER_WORDS = frozenset({"number", "numbers", "no", "nr", "num"})
TELLING_WORDS = _TELEPHONE_WORDS | _NUMBER_WORDS
_SAYING_WORDS = TELLING_WORDS | _IDENTIFIER_WORDS
_WORD = Lazy(r"[A-Za-z]+")
_REST_OF_WORD = re.compile(rb"[A-Za-z]+")
#: Characters of a text that are parted into words at a time.
_PIECE = 4096
#: Whose number is one to call; ``flight number`` is none, ``My CN number`` is one.
_OWNED = Lazy(
    r"(?:^|[.:;,!?(\n]\s{0,3}"
    r"|\b(?i:my|your|his|her|our|their|its|a|the|new|old|this|that|another|private|correct|wrong|following)"
    r"[ ]{1,2}|\b[A-Z]{2}[ ]|\b[A-Z][a-z]{2,12}(?:i|an|ese|ish|ch)[ ])$",
)
#: Digits of the shortest number of any shape.
_SHORTEST = 6
#: A telling word and seven digits (``no 1234567``).
_SHORTEST_WITH_WORD = 10
_BEFORE = 48
_AFTER = 20
#: More than is looked at before a candidate, whose number included.
_FAR_BEFORE = 80
#: How far before the candidate an order or an id may be named to claim it, in characters.
_NEAR = 12

#: Country calling codes (ITU-T E.164, annex): those of one and two digits; the rest have three.
_SHORT_CODES = frozenset(
    b"1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 "
    b"86 90 91 92 93 94 95 98".split(),
)
_LONG_CODE_STARTS = frozenset(b"21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99".split())


Search = Callable[..., "re.Match[str] | None"]


def shapes(weak: bool) -> Lazy:  # noqa: FBT001 - a value
    """Return what to look for: `weak` shapes too, which need a word beside them, or the strong ones."""
    return PHONE if weak else STRONG


def find(text: str, key: str, raw: bytes, found: list[tuple[str, int, int]], search: Search, room: int) -> None:
    """Append the telephone numbers of `text` to `found`, but for those that begin inside a span of it.

    `key` is a verdict of `_names` on the value's name, `raw` the text's bytes in Latin-1, `search` that of `STRONG` or
    `PHONE`. After half as many candidates as there is `room` for findings the rest is taken for what it looks like.
    """
    looks = end = 0
    taken = sorted([(begin, end) for _, begin, end in found]) if found else ()
    most = len(found) + room
    last = len(text) - _SHORTEST
    known: dict[tuple[str, str], str] = {}
    while end <= last and (match := search(text, end)) is not None:
        start, end = match.span()
        if taken:
            before = bisect.bisect_right(taken, (start, len(text))) - 1
            if before >= 0 and start < taken[before][1]:
                continue
        looks += 1
        if looks > room // 2 or _is_phone(match, raw[start:end], text, key, known):
            found.append(("PHONE_NUMBER", start, end))
            if len(found) > most:
                return


def is_identifier(word: str) -> bool:
    """Say whether `word` names something that is numbered: an order, an id, a shipment."""
    return word.lower() in _IDENTIFIER_WORDS


def are_told_of(raw: bytes) -> bool:
    """Say whether one of `TELLING_WORDS` is in a text."""
    if len(raw) < _SHORTEST_WITH_WORD:
        return False
    if len(raw) <= _PIECE:
        return not TELLING_WORDS.isdisjoint(_WORD.findall(raw.lower().decode("latin-1")))
    start = 0
    while start < len(raw):  # the words of a long text, all at once, take many times its memory
        end = start + _PIECE
        rest = _REST_OF_WORD.match(raw, end)
        end = end if rest is None else rest.end()
        if not TELLING_WORDS.isdisjoint(_WORD.findall(raw[start:end].lower().decode("latin-1"))):
            return True
        start = end
    return False


def _is_phone(match: re.Match[str], candidate: bytes, text: str, key: str, known: dict[tuple[str, str], str]) -> bool:
    kind = match.lastgroup
    digits = candidate.translate(None, _JOINTS)
    if not digits.isdigit():  # an extension, which is no part of the number
        mark = _EXTENSION_MARK.search(text, match.start(), match.end())
        digits = candidate[: mark and mark.start() - match.start()].translate(None, _checks.NO_DIGITS)
    count = len(digits)
    if kind in _WITH_COUNTRY:
        return _is_international(candidate, digits)
    if not 7 <= count <= 15 or (kind not in _NO_DATE and _DATE.match(text, match.start(), match.end())):
        return False
    if kind == "american":
        strong = True
    elif kind in _IN_BRACKETS:
        strong = count >= 9 or candidate[:2] == b"(0"
    elif kind == "trunk":
        strong = 9 <= count <= 12 and (count >= 10 or b" " not in candidate or candidate.count(b" ") > 1)
    else:
        if kind in _PLAIN_RUN:
            possible = (count != 10 or digits[:1] != b"1") and (count < 13 or digits[:2] == b"00")
        else:
            possible = count <= 13 and not _is_odd_grouping(candidate)
        return possible and _beside(match, text, key, known) == _names.TELEPHONE
    said = _beside(match, text, key, known)
    return said == _names.TELEPHONE or (strong and said == _names.PLAIN)


def _is_international(candidate: bytes, digits: bytes) -> bool:
    digits = digits.removeprefix(b"00")
    if not 7 <= len(digits) <= 15:
        return False
    if candidate.lstrip(b"(+").isdigit():  # in one piece: +4915112345678, but not a gain of +1200000
        if digits[:1] == b"1":
            return len(digits) == 11
        return len(digits) >= 9 and (
            digits[:2] in _SHORT_CODES or digits[:1] == b"7" or digits[:2] in _LONG_CODE_STARTS
        )
    return len(digits) >= 8


def _is_odd_grouping(candidate: bytes) -> bool:
    """Tell two numbers that happen to be neighbours (``1 2345678``, ``52.520008``) from the groups of one."""
    return candidate.count(b".") == 1 and (len(candidate) != 9 or candidate[4:5] != b".")


def _beside(match: re.Match[str], text: str, key: str, known: dict[tuple[str, str], str]) -> str:
    """Return what the nearest telling word says, before the candidate first, then right after it, then the key."""
    start, end = match.span()
    if start == 0 and end == len(text):
        return key
    if start < _FAR_BEFORE:
        return _said_beside(text, start, end, key)
    around = text[start - _FAR_BEFORE : start], text[end : end + _AFTER]
    said = known.get(around)
    if said is None:
        said = known[around] = _said_beside(text, start, end, key)
    return said


def _said_beside(text: str, start: int, end: int, key: str) -> str:
    said, place = _names.PLAIN, start
    front = max(0, start - _BEFORE)
    if not _SAYING_WORDS.isdisjoint(map(str.lower, _WORD.findall(text, front, start))):
        said, place = _said_before(text, front, start)
    if said == _names.TELEPHONE or (said == _names.IDENTIFIER and start - place <= _NEAR):
        return said
    if not _TELEPHONE_WORDS.isdisjoint(map(str.lower, _WORD.findall(text, end, min(len(text), end + _AFTER)))):
        return _names.TELEPHONE
    return key if key in {_names.TELEPHONE, _names.IDENTIFIER} else _names.PLAIN


def _said_before(text: str, front: int, start: int) -> tuple[str, int]:
    """Return what the last telling word before `start` says, and where it ends."""
    said, place = _names.PLAIN, start
    for found in _WORD.finditer(text, front, start):
        word = found.group().lower()
        if word in _TELEPHONE_WORDS:
            said = _names.TELEPHONE
        elif word in _IDENTIFIER_WORDS:
            said = _names.IDENTIFIER
        elif word not in _NUMBER_WORDS:
            continue
        elif _OWNED.search(text, max(0, found.start() - 16), found.start()):
            said = _names.TELEPHONE
        place = found.end()
    return said, place
