"""All secrets of one text, as spans.

In: a text, and what its key says of it. Out: `Finding` values in order, none overlapping another, over the text as
it was given, whatever it was folded to on the way. Each family first asks for a character it cannot do without.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from universal_framework.observability.redaction import (
    _assignments,
    _checks,
    _families,
    _fold,
    _gate,
    _names,
    _patterns,
    _phones,
    _tokens,
)
from universal_framework.observability.redaction._policy import (
    ENTITIES,
    TOO_MANY,
    UNMARKED,
    Detector,
    Engine,
    IpScope,
    Mode,
    Policy,
)

if TYPE_CHECKING:
    from universal_framework.observability.redaction._scan import Scanner

_SHORTEST_IBAN = 15
#: Digits that these have at least, and joints that addresses and dashed numbers have.
_FEWEST_OF_PHONE = 7
_DOTS, _COLONS, _DASHES = 3, 2, 2
#: A card of 19 digits with joints between, and a security code.
_LONGEST_NUMBER = 32
#: With more findings it does not pay to compare them with the digits one by one.
_FEW = 8

#: More than this behind the last place that is hidden by itself, in characters, is not looked at: as much as tells a
#: secret that begins before.
_BEHIND = 1024

_NO_MARKS = frozenset({UNMARKED})
#: So many findings of one text, and of one type, are hidden one by one; of a long text, one in so many characters.
MOST_FINDINGS = 128
_CHARACTERS_EACH = 24
_LONG = 10_240
_Span = _families.Span
_start_of = itemgetter(1)
Judge = Callable[[str], bool]


class Finding(NamedTuple):
    """A secret in a text: its type, and where it begins and ends, in characters."""

    entity: str
    start: int
    end: int


class Finder:
    """The detectors that a policy asks for."""

    def __init__(self, policy: Policy, is_secret: Judge) -> None:
        wanted = frozenset(name for name in _all_names(policy) if policy.modes.get(name) is not Mode.KEEP)
        self._wanted = wanted - {"IP_ADDRESS"} if policy.ip is IpScope.OFF else wanted
        self._local_too = policy.ip is IpScope.ALL
        self._scan_from = sys.maxsize
        self._scanner: Scanner | None = None
        if policy.engine is Engine.HYPERSCAN:
            from universal_framework.observability.redaction import _scan

            self._scan_from = _scan.SHORTEST
            self._scanner = _scan.scanner(frozenset(map(_names.joined, policy.keys)), local_too=self._local_too)
        self._detectors = tuple(one for one in policy.detectors if one.name in wanted)
        self._is_secret = is_secret
        self._says_secret = _gate.speaker((*_names.stems(), *map(_names.joined, policy.keys)))

    def find(self, text: str, key: str) -> list[_Span]:
        """Return type, start and end of what is found in `text`; `key` is the verdict on the value's name."""
        if "0" <= text[:1] <= "9" and (whole := self._whole_number(text)) is not None:
            return [whole]
        if text.isascii() and "\\" not in text:
            folded, raw = text, text.encode()
        else:
            folded = _fold.fold(text)
            raw = folded.encode("latin-1", "replace")
        found: list[_Span] = []
        room = MOST_FINDINGS if len(folded) <= _LONG else len(folded) // _CHARACTERS_EACH
        if self._detectors:
            for detector in self._detectors:
                _custom(detector, folded, found)
        wanted, scanner = self._wanted, None
        if self._scanner is not None and len(folded) >= self._scan_from:
            scanner = self._scanner
            possible = scanner.possible(raw)
            wanted = (wanted & possible) | (_NO_MARKS & possible)
        classes = raw.translate(_gate.FLAT, _gate.JOINTS)
        if classes.isdigit():
            self._in_number(folded, key, raw, len(classes), wanted, scanner, found, room)
        elif wanted:
            flat = classes.decode("latin-1")
            del classes  # of a long text each copy counts
            self._in_words(folded, key, raw, flat, wanted, scanner, found, room)
        if folded is not text:
            if found:
                found = _unfolded(text, _in_order(found, len(folded), room))
            for detector in self._detectors:
                _custom(detector, text, found)
        return found if len(found) < 2 else _in_order(found, len(text), room)

    def _whole_number(self, text: str) -> _Span | None:
        """Return the finding if `text` is an address or a card and nothing else, as values of their own are."""
        length = len(text)
        if self._detectors or length > _LONGEST_NUMBER:
            return None
        if "." in text[1:4]:
            match = _patterns.IPV4.match(text)
            if match is None or match.end() != length or "IP_ADDRESS" not in self._wanted:
                return None
            return ("IP_ADDRESS", 0, length) if _checks.is_ipv4(text, local_too=self._local_too) else None
        if length <= _families.LONGEST_ARTICLE or "CREDIT_CARD" not in self._wanted:
            return None
        match = _patterns.CARD.match(text)
        if match is None or match.end() != length:
            return None
        return ("CREDIT_CARD", 0, length) if _checks.is_card(text.encode().translate(None, b" .-")) else None

    def _in_number(
        self,
        text: str,
        key: str,
        raw: bytes,
        digits: int,
        wanted: AbstractSet[str],
        scanner: Scanner | None,
        found: list[_Span],
        room: int,
    ) -> None:
        """Look through a text of digits and their joints only, `digits` of them."""
        length = len(text)
        if digits >= _checks.SHORTEST_CARD and "CREDIT_CARD" in wanted:
            _families.cards(text, key, raw, found, room)
            if found and found[-1][2] - found[-1][1] == length:
                return
        if "IP_ADDRESS" in wanted and text.count(".") >= _DOTS:
            _families.ipv4(text, found, room, local_too=self._local_too)
            if found and found[-1][2] - found[-1][1] == length:
                return
        if digits < _FEWEST_OF_PHONE:
            return
        if digits >= _checks.DIGITS_OF_SSN and "US_SSN" in wanted and text.count("-") >= _DASHES:
            _families.ssns(text, found, room)
        if "PHONE_NUMBER" in wanted and not (found and _tell_all_digits(found, raw)):
            told = key is _names.TELEPHONE
            search = _phones.shapes(told).search if scanner is None else scanner.phones(raw, told=told)
            _phones.find(text, key, raw, found, search, room)

    def _in_words(
        self,
        text: str,
        key: str,
        raw: bytes,
        flat: str,
        wanted: AbstractSet[str],
        scanner: Scanner | None,
        found: list[_Span],
        room: int,
    ) -> None:
        """Look through any text; `flat` is its characters' classes, joints left out."""
        length = len(text)
        if "000000000000" in flat and "CREDIT_CARD" in wanted:
            _families.cards(text, key, raw, found, room)
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        if "IP_ADDRESS" in wanted:
            if "." in text and text.count(".") >= _DOTS:
                _families.ipv4(text, found, room, local_too=self._local_too)
            if ":" in text and text.count(":") >= _COLONS:
                _families.ipv6(text, found, room, local_too=self._local_too)
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        if found and found[-1][2] - found[-1][1] == length:
            return
        if (rare := "\x01" in flat) and ("@" in text or "%40" in text):
            if "://" in text and "URL_CREDENTIALS" in wanted:
                _families.spans("URL_CREDENTIALS", _patterns.URL_CREDENTIALS, text, found, room)
            if "EMAIL_ADDRESS" in wanted:
                _families.emails(text, found, room)
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        if ("earer" in text or "asic" in text) and "AUTHORIZATION" in wanted:
            _families.authorizations(text, found, room)
        if length >= _tokens.RUN_LENGTH:
            marked = raw.translate(_tokens.RUN_BYTES).decode()
            has_run = _tokens.SHORTEST_RUN in marked
            if has_run and "eyJ" in text and "JWT" in wanted:
                _families.spans("JWT", _patterns.JWT, text, found, room)
            if "-----BEGIN" in text and "PRIVATE_KEY" in wanted:
                _families.private_keys(text, found, room)
            if has_run and "API_TOKEN" in wanted:
                _families.tokens(text, marked, found, room, with_marks=UNMARKED not in wanted)
            del marked
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        digits = "0000000" in flat
        if length >= _SHORTEST_IBAN and (digits or "AA00" in flat) and "IBAN_CODE" in wanted:
            _families.ibans(text, raw, found, room)
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        if digits:
            if "000000000" in flat and "US_SSN" in wanted:
                _families.ssns(text, found, room)
            if "PHONE_NUMBER" in wanted and not (found and _tell_all_digits(found, raw)):
                _phones.find(text, key, raw, found, _search(raw, key, scanner), room)
            if len(found) > room:
                text, raw = _front(text, raw, found, room)
        if (
            ("=" in text or ":" in text or "--" in text or (rare and (">" in text or "%3" in text)))
            and "SECRET" in wanted
            and self._says_secret(text)
        ):
            matches = _assignments.named if scanner is None else scanner.names(raw)
            _assignments.find(text, self._is_secret, matches, found, room)


def _search(raw: bytes, key: str, scanner: Scanner | None) -> _phones.Search:
    """Return what searches a text for telephone numbers."""
    told = key is _names.TELEPHONE
    if scanner is None:
        return _phones.shapes(told or _phones.are_told_of(raw)).search
    return scanner.phones(raw, told=told)


def _tell_all_digits(found: list[_Span], raw: bytes) -> bool:
    """Say whether no number but those found can begin: all digits are theirs, and there is no sign or bracket."""
    if len(found) > _FEW or b"+" in raw or b"(" in raw:
        return False
    flat = raw.translate(_gate.FLAT)
    digit = flat.find(b"0")
    while digit >= 0:
        for _, start, end in found:
            if start <= digit < end:
                break
        else:
            return False
        digit = flat.find(b"0", end)
    return True


def _all_names(policy: Policy) -> Iterator[str]:
    yield from ENTITIES
    for detector in policy.detectors:
        yield detector.name


def _in_order(found: list[_Span], length: int, room: int) -> list[_Span]:
    """Return the spans in order; of those that overlap, one over all of them, of the longest one's type.

    Of more spans than are looked for, the first stay, and one is all that follows: to the end of the text, `length`.
    """
    found.sort(key=_start_of)  # is stable: earlier families win
    if len(found) > room:
        found[room:] = [(TOO_MANY, found[room][1], length)]
    done = 0
    for _, start, end in found:
        if start < done:
            return _merged(found)
        done = end
    return found


def _front(text: str, raw: bytes, found: list[_Span], room: int) -> tuple[str, bytes]:
    """Return as much of a text as is still worth a look, with so many findings; forget those behind."""
    found.sort(key=_start_of)
    del found[room + 1 :]
    end = found[-1][1] + _BEHIND
    return text[:end], raw[:end]


def _unfolded(text: str, found: list[_Span]) -> list[_Span]:
    """Return spans of the folded `text`, in order, as spans of `text`."""
    places = iter(_fold.origins(text, [place for _, start, end in found for place in (start, end)]))
    return [(entity, next(places), next(places)) for entity, _, _ in found]


def _merged(order: list[_Span]) -> list[_Span]:
    result = [order[0]]
    longest = order[0][2] - order[0][1]
    for new in order[1:]:
        last = result[-1]
        length = new[2] - new[1]
        if new[1] >= last[2]:
            result.append(new)
            longest = length
            continue
        entity = new[0] if length > longest or new[0] is TOO_MANY else last[0]
        longest = max(longest, length)
        result[-1] = entity, last[1], max(last[2], new[2])
    return result


def _custom(detector: Detector, text: str, found: list[_Span]) -> None:
    if detector.requires and not any(need in text for need in detector.requires):
        return
    if isinstance(detector.find, re.Pattern):
        for match in detector.find.finditer(text):
            if match.end() > match.start() and (detector.accept is None or detector.accept(match.group())):
                found.append((detector.name, *match.span()))  # noqa: PERF401 - there are few
        return
    for start, end in detector.find(text):
        if 0 <= start < end <= len(text):
            found.append((detector.name, start, end))
