"""All secrets of one text, as spans.

In: a text, and what its key says of it. Out: `Finding` values in order, none overlapping another, over the text as
it was given, whatever it was folded to on the way. Each family first asks for a character it cannot do without.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import NamedTuple

from universal_framework.observability.redaction import (
    _assignments,
    _checks,
    _fold,
    _gate,
    _names,
    _patterns,
    _phones,
    _tokens,
)
from universal_framework.observability.redaction._lazy import Lazy
from universal_framework.observability.redaction._policy import ENTITIES, Detector, IpScope, Mode, Policy

#: Ends of names that look like those of hosts: systemd's units (``user@1000.service``) ...
_UNITS = frozenset({"service", "socket", "target", "timer", "mount", "automount", "slice", "scope", "swap"})
#: ... files with a scale (``logo@2x.png``), and versions (``package@v1.2.3-beta.rc``).
_NO_DOMAIN = Lazy(r"\d+x\.\w+$|[vV]?\d+\.\d")
_GIT_USERS = frozenset({"git", "hg", "svn"})
_SHORTER_THAN_MOST = 4
_DIGITS_OR_V = "0123456789vV"

#: So often in one text the words before a candidate are looked at; beyond, candidates are not given the benefit of
#: their words: what costs time without end must not, and must not leak either.
_MOST_LOOKS = _phones.MOST_LOOKS
#: Digits of an article number, which passes Luhn one time in ten.
_LONGEST_ARTICLE = 13
_WORD_BEFORE = Lazy(r"([A-Za-z]{2,16})[^A-Za-z0-9]{0,4}$")
_SHORTEST_IBAN = 15
#: What tells an IBAN from the beginning of something longer: 33 characters, separators, and one more.
_AROUND_IBAN = 72
#: Thirteen digits and a separator.
_SHORTEST_GROUPED_CARD = 14
#: Digits that these have at least, and joints that addresses and dashed numbers have.
_FEWEST_OF_CARD, _FEWEST_OF_SSN, _FEWEST_OF_PHONE = 12, 9, 7
_DOTS, _COLONS, _DASHES = 3, 2, 2
_SHORTEST_ADDRESS = 7

_Span = tuple[str, int, int]
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
        self._wanted = wanted
        self._cards, self._ssns, self._phones = (name in wanted for name in ("CREDIT_CARD", "US_SSN", "PHONE_NUMBER"))
        self._ip = policy.ip if "IP_ADDRESS" in wanted else IpScope.OFF
        self._detectors = tuple(one for one in policy.detectors if one.name in wanted)
        self._is_secret = is_secret
        self._says_secret = _gate.speaker((*_names.stems(), *map(_names.joined, policy.keys)))

    def find(self, text: str, key: str) -> list[_Span]:
        """Return type, start and end of what is found in `text`; `key` is the verdict on the value's name."""
        folded = text if text.isascii() and "\\" not in text else _fold.fold(text)
        found: list[_Span] = []
        for detector in self._detectors:
            _custom(detector, folded, found)
        raw = folded.encode("latin-1", "replace")
        classes = raw.translate(_gate.FLAT, _gate.JOINTS)
        if classes.isdigit():
            self._in_number(folded, key, raw, len(classes), found)
        else:
            flat = classes.decode("latin-1")
            del classes  # of a long text each copy counts
            self._in_words(folded, key, raw, flat, found)
        if folded is not text:
            if found:
                origin = _fold.origins(text)
                found = [(entity, origin[start], origin[end]) for entity, start, end in found]
            for detector in self._detectors:
                _custom(detector, text, found)
        return found if len(found) < 2 else _resolved(found)

    def _in_number(self, text: str, key: str, raw: bytes, digits: int, found: list[_Span]) -> None:
        """Look through a text of digits and their joints only, `digits` of them."""
        if digits >= _FEWEST_OF_CARD and self._cards:
            _cards(text, key, found)
        dots = text.count(".")
        if dots >= _DOTS and self._ip is not IpScope.OFF:
            self._addresses(text, dots, 0, found)
        if digits < _FEWEST_OF_PHONE or (found and found[-1][2] - found[-1][1] == len(text)):
            return
        if digits >= _FEWEST_OF_SSN and self._ssns and text.count("-") >= _DASHES:
            _ssns(text, found)
        if self._phones and not (found and _tell_all_digits(found, raw)):
            _phones.find(text, key, found, _phones.PHONE if key is _names.TELEPHONE else _phones.STRONG)

    def _in_words(self, text: str, key: str, raw: bytes, flat: str, found: list[_Span]) -> None:
        """Look through any text; `flat` is its characters' classes, joints left out."""
        length = len(text)
        wanted = self._wanted
        if "000000000000" in flat and self._cards:
            _cards(text, key, found)
        if self._ip is not IpScope.OFF:
            dots, colons = text.count("."), text.count(":")
            if dots >= _DOTS or colons >= _COLONS:
                self._addresses(text, dots, colons, found)
        if found and found[-1][2] - found[-1][1] == length:
            return
        rare = "\x01" in flat
        if rare and ("@" in text or "%40" in text):
            if "://" in text and "URL_CREDENTIALS" in wanted:
                _spans("URL_CREDENTIALS", _patterns.URL_CREDENTIALS, text, found)
            if "EMAIL_ADDRESS" in wanted:
                _emails(text, found)
        if ("earer" in text or "asic" in text) and "AUTHORIZATION" in wanted:
            _authorizations(text, found)
        if length >= _tokens.RUN_LENGTH:
            marked = raw.translate(_tokens.RUN_BYTES).decode()
            has_run = _tokens.SHORTEST_RUN in marked
            if has_run and "eyJ" in text and "JWT" in wanted:
                _spans("JWT", _patterns.JWT, text, found)
            if "-----BEGIN" in text and "PRIVATE_KEY" in wanted:
                _private_keys(text, found)
            if has_run and "API_TOKEN" in wanted:
                _tokens_in(text, marked, found)
            del marked
        digits = "0000000" in flat
        if length >= _SHORTEST_IBAN and (digits or "AA00" in flat) and "IBAN_CODE" in wanted:
            _ibans(text, raw, found)
        if digits:
            if "000000000" in flat and self._ssns:
                _ssns(text, found)
            if self._phones and not (found and _tell_all_digits(found, raw)):
                _phones.find(text, key, found, _phones.shapes(text, key))
        if (
            ("=" in text or ":" in text or "--" in text or (rare and (">" in text or "%3" in text)))
            and "SECRET" in wanted
            and self._says_secret(text)
        ):
            found.extend([("SECRET", *span) for span in _assignments.find(text, self._is_secret)])

    def _addresses(self, text: str, dots: int, colons: int, found: list[_Span]) -> None:
        local_too = self._ip is IpScope.ALL
        judged: dict[str, bool] = {}
        if dots >= _DOTS:
            looks = end = 0
            last = len(text) - _SHORTEST_ADDRESS
            search = _patterns.IPV4.search
            while end <= last and (match := search(text, end)) is not None:
                start, end = match.span()
                candidate = text[start:end]
                good = judged.get(candidate)
                if good is None:
                    good = judged[candidate] = _checks.is_ipv4(candidate, local_too=local_too)
                if good:
                    if start and looks < _MOST_LOOKS:
                        looks += 1
                        if _patterns.VERSION_BEFORE.search(text, max(0, start - 24), start):
                            continue
                    found.append(("IP_ADDRESS", start, end))
        if colons >= _COLONS:
            for match in _patterns.IPV6.finditer(text):
                candidate = match.group()
                good = judged.get(candidate)
                if good is None:
                    good = judged[candidate] = _checks.is_ipv6(candidate, local_too=local_too)
                if good:
                    found.append(("IP_ADDRESS", *match.span()))


def _tell_all_digits(found: list[_Span], raw: bytes) -> bool:
    """Say whether no number but those found can begin: all digits are theirs, and no sign or bracket precedes them."""
    rest = bytearray(raw)
    for _, start, end in found:
        if start and raw[start - 1] in b"+(":
            return False
        rest[start:end] = b"?" * (end - start)
    return not rest.translate(None, _checks.NO_DIGITS)


def _all_names(policy: Policy) -> Iterator[str]:
    yield from ENTITIES
    for detector in policy.detectors:
        yield detector.name


def _resolved(found: list[_Span]) -> list[_Span]:
    """Return the spans in order; of those that overlap, one over all of them, of the longest one's type."""
    found.sort(key=_start_of)  # is stable: earlier families win
    done = 0
    for _, start, end in found:
        if start < done:
            return _merged(found)
        done = end
    return found


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
        entity = new[0] if length > longest else last[0]
        longest = max(longest, length)
        result[-1] = entity, last[1], max(last[2], new[2])
    return result


def _spans(entity: str, pattern: Lazy, text: str, found: list[_Span]) -> None:
    for match in pattern.finditer(text):
        found.append((entity, *match.span()))  # noqa: PERF401 - there are few


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


def _private_keys(text: str, found: list[_Span]) -> None:
    """Find whole blocks; of a key that was cut off, all that may belong to it."""
    position = 0
    ends = True
    while (begin := _patterns.PEM_BEGIN.search(text, position)) is not None:
        end = _patterns.PEM_END.search(text, begin.end()) if ends else None
        if end is None:
            ends = False
            body = _patterns.PEM_BODY.match(text, begin.end())
            position = body.end() if body is not None else begin.end()
        else:
            position = end.end()
        found.append(("PRIVATE_KEY", begin.start(), position))


def _emails(text: str, found: list[_Span]) -> None:
    encoded = "%40" in text
    end = 0
    while encoded or (at := text.find("@", end)) >= 0:
        match = _patterns.EMAIL.search(text, end if encoded else max(end, at - _patterns.LONGEST_LOCAL))
        if match is None:
            return
        start, end = match.span()
        local, sign, domain = text[start:end].partition("@")
        if not sign:
            local, _, domain = local.partition("%40")
        if len(local) < _SHORTER_THAN_MOST and local.lower() in _GIT_USERS:
            continue
        if domain[domain.rindex(".") + 1 :].lower() in _UNITS:
            continue
        if domain[0] in _DIGITS_OR_V and _NO_DOMAIN.match(domain):
            continue
        found.append(("EMAIL_ADDRESS", start, end))


def _authorizations(text: str, found: list[_Span]) -> None:
    for match in _patterns.AUTHORIZATION.finditer(text):
        value = match.group(1).rstrip(".")
        is_secret = _is_basic(value) if match.group()[1] in "aA" else _is_bearer(value)
        if is_secret:
            found.append(("AUTHORIZATION", match.start(1), match.start(1) + len(value)))


def _is_basic(value: str) -> bool:
    """Say whether `value` is base64 of ``user:password``."""
    try:
        return b":" in binascii.a2b_base64(value + "=" * (-len(value) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        return False


def _is_bearer(value: str) -> bool:
    """Tell credentials from prose such as ``bearer authentication``, ``bearer token-based``."""
    if len(value) >= 24:
        return True
    return any(char in "0123456789._~+/=" for char in value) or not (value.islower() or value.istitle())


def _tokens_in(text: str, marked: str, found: list[_Span]) -> None:
    jointed = False
    for start, end in _tokens.runs(marked):
        if text[start:end].isalnum():  # one word: a token begins where the word does
            match = _tokens.prefixed().match(text, start, end)
            if match is not None:
                found.append(("API_TOKEN", start, match.end()))
            continue
        jointed = True
        for match in _tokens.prefixed().finditer(text, start, end):
            found.append(("API_TOKEN", *match.span()))  # noqa: PERF401 - there are few
    if ":A" in text:
        _spans("API_TOKEN", _tokens.TELEGRAM, text, found)
    if jointed:
        _jointed_tokens(text, found)


def _jointed_tokens(text: str, found: list[_Span]) -> None:
    """Find the tokens that are told by a joint in their middle."""
    if text.count(".") >= 2:
        for match in _tokens.DISCORD.finditer(text):
            token = match.group()
            if any(char.isdigit() for char in token) and any(char.isupper() for char in token):
                found.append(("API_TOKEN", *match.span()))
    if "Q~" in text:
        _spans("API_TOKEN", _tokens.AZURE_CLIENT, text, found)
    if "_mmk" in text:
        _spans("API_TOKEN", _tokens.MAXMIND, text, found)


def _ibans(text: str, raw: bytes, found: list[_Span]) -> None:
    if "AA00" not in raw.translate(_LETTERS_AND_DIGITS).decode("latin-1"):
        return
    looks = position = 0
    ends: dict[str, int] = {}
    for match in _patterns.IBAN.finditer(text):
        start = match.start() - _patterns.IBAN_COUNTRY
        if start < position:
            continue
        around = text[start : start + _AROUND_IBAN]
        length = ends.get(around)
        if length is None:
            length = _length_of_iban(text, start)
            if length < _AROUND_IBAN:
                ends[around] = length
        if not length:
            continue
        looks += 1
        end = start + length
        if looks > _MOST_LOOKS or _checks.is_iban(text[start:end].replace(" ", "").replace("-", "")):
            found.append(("IBAN_CODE", start, end))
            position = end


def _length_of_iban(text: str, start: int) -> int:
    """Return how many characters the IBAN that seems to begin at `start` has; 0 if it ends inside a word."""
    length = _checks.IBAN_LENGTHS.get(text[start : start + 2].upper())
    if length is None:
        return 0
    end = _end_of_iban(text, start, length)
    return 0 if end > len(text) or text[end : end + 1].isalnum() else end - start


_LETTERS_AND_DIGITS = bytes(
    ord("0") if 48 <= byte <= 57 else ord("A") if 65 <= byte & 0xDF <= 90 else ord(" ") for byte in range(256)
)


def _end_of_iban(text: str, start: int, length: int) -> int:
    """Return where `length` letters and digits end that may have single separators between them."""
    end = start + length
    missing = text.count(" ", start, end) + text.count("-", start, end)
    while missing:
        new = end + missing
        missing = text.count(" ", end, new) + text.count("-", end, new)
        end = new
    return end


def _cards(text: str, key: str, found: list[_Span]) -> None:
    judged: dict[str, int] = {}
    search = _patterns.CARD.search
    last = len(text) - _FEWEST_OF_CARD
    end = 0
    while end <= last and (match := search(text, end)) is not None:
        start, end = match.span()
        candidate = text[start:end]
        length = judged.get(candidate)
        if length is None:
            length = len(candidate) if _checks.is_card(_checks.digits_of(candidate)) else _length_of_card(candidate)
            judged[candidate] = length
        if length and (length > _LONGEST_ARTICLE or not _is_article(text, start, key)):
            found.append(("CREDIT_CARD", start, start + length))


def _length_of_card(candidate: str) -> int:
    """Return how much of `candidate`, no card itself, is one without its last groups: security codes; or 0."""
    while True:
        candidate = candidate.rstrip("0123456789").rstrip(" .-")
        if len(candidate) < _SHORTEST_GROUPED_CARD:
            return 0
        if _checks.is_card(_checks.digits_of(candidate)):
            return len(candidate)


def _is_article(text: str, start: int, key: str) -> bool:
    """Say whether a number short enough for an article (EAN-13, GS1) is called *order*, *ean* or *id*."""
    before = _WORD_BEFORE.search(text, max(0, start - 24), start)
    return key == _names.IDENTIFIER if before is None else _phones.is_identifier(before.group(1))


def _ssns(text: str, found: list[_Span]) -> None:
    """Find those with dashes, and those without that *ssn* or *social* precedes."""
    is_said: bool | None = None
    judged: dict[str, bool] = {}
    looks = end = 0
    search = _patterns.SSN.search
    last = len(text) - _FEWEST_OF_SSN
    while end <= last and (match := search(text, end)) is not None:
        start, end = match.span()
        if text[start + 3] != "-":
            if is_said is None:
                is_said = _says_ssn(text)
            if not is_said:
                continue
            if looks < _MOST_LOOKS:
                looks += 1
                if not _patterns.SSN_CONTEXT.search(text, max(0, start - 40), start):
                    continue
        candidate = text[start:end]
        good = judged.get(candidate)
        if good is None:
            good = judged[candidate] = _checks.is_ssn(_checks.digits_of(candidate))
        if good:
            found.append(("US_SSN", start, end))


def _says_ssn(text: str) -> bool:
    if text.isascii():
        lower = text.lower()
        if "ss" not in lower and "social" not in lower:
            return False
    return _patterns.SSN_CONTEXT.search(text) is not None
