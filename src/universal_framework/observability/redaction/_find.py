"""All secrets of one text, as spans.

In: a text, and what its key says of it. Out: `Finding` values in order, none overlapping another, over the text as
it was given, whatever it was folded to on the way. Each family first asks for a character it cannot do without.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from universal_framework.observability.redaction import (
    _assignments,
    _checks,
    _fold,
    _patterns,
    _phones,
    _tokens,
)
from universal_framework.observability.redaction._policy import (
    ENTITIES,
    LOCAL_NETWORKS,
    Detector,
    IpScope,
    Mode,
    Policy,
)

_SEVEN_DIGITS = re.compile(r"[0-9](?:[ ().+/-]{0,3}+[0-9]){6}")
_RUN = re.compile(rf"[A-Za-z0-9_.+/=%~-]{{{_tokens.RUN_LENGTH}}}")

#: Ends of names that look like those of hosts: systemd's units, and files with a scale (``logo@2x.png``).
_NO_DOMAIN = re.compile(
    r"(?:.*\.)?(?:service|socket|target|timer|mount|automount|slice|scope|swap|path)$|\d+x\.\w+$|v?\d+\.\d+",
    re.IGNORECASE,
)
_GIT_USERS = frozenset({"git", "hg", "svn"})

Judge = Callable[[str], bool]


class Finding(NamedTuple):
    """A secret in a text: its type, and where it begins and ends, in characters."""

    entity: str
    start: int
    end: int


class Finder:
    """The detectors that a policy asks for."""

    def __init__(self, policy: Policy, is_secret: Judge) -> None:
        self._wanted = frozenset(name for name in _all_names(policy) if policy.modes.get(name) is not Mode.KEEP)
        self._ip = policy.ip if "IP_ADDRESS" in self._wanted else IpScope.OFF
        self._exempt = LOCAL_NETWORKS if self._ip is IpScope.PUBLIC else ()
        self._detectors = tuple(one for one in policy.detectors if one.name in self._wanted)
        self._is_secret = is_secret

    def find(self, text: str, key: str) -> list[Finding]:
        """Return the findings in `text`; `key` is the verdict on the value's name."""
        folded = _fold.fold(text)
        if folded is None:
            return _resolved(self._in(text, key))
        found = [Finding(entity, *folded.original(start, end)) for entity, start, end in self._in(folded.text, key)]
        for detector in self._detectors:
            found.extend(_custom(detector, text))
        return _resolved(found)

    def _in(self, text: str, key: str) -> list[Finding]:
        found: list[Finding] = []
        wanted = self._wanted

        def take(entity: str, spans: Iterator[tuple[int, int]]) -> None:
            if entity in wanted:
                found.extend(Finding(entity, start, end) for start, end in spans)

        for detector in self._detectors:
            found.extend(_custom(detector, text))
        if "-----BEGIN" in text:
            take("PRIVATE_KEY", _private_keys(text))
        if "@" in text or "%40" in text:
            if "://" in text:
                take("URL_CREDENTIALS", _spans(_patterns.URL_CREDENTIALS, text))
            take("EMAIL_ADDRESS", _emails(text))
        if "eyJ" in text:
            take("JWT", _spans(_patterns.JWT, text))
        if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
            take("AUTHORIZATION", _authorizations(text))
        if _RUN.search(text):
            take("API_TOKEN", _tokens_in(text))
            take("IBAN_CODE", _ibans(text))
        digits = _SEVEN_DIGITS.search(text)
        if digits is not None:
            if not _RUN.search(text):
                take("IBAN_CODE", _ibans(text))
            take("CREDIT_CARD", _cards(text))
            take("US_SSN", _ssns(text))
        if self._ip is not IpScope.OFF:
            take("IP_ADDRESS", self._addresses(text))
        if digits is not None:
            take("PHONE_NUMBER", _phones.find(text, key))
        if ":" in text or "=" in text or "--" in text or "%3" in text or ">" in text:
            take("SECRET", _assignments.find(text, self._is_secret))
        return found

    def _addresses(self, text: str) -> Iterator[tuple[int, int]]:
        if text.count(".") >= 3:
            for match in _patterns.IPV4.finditer(text):
                start = match.start()
                if _patterns.VERSION_BEFORE.search(text, max(0, start - 24), start):
                    continue
                if _checks.is_ip(match.group(), self._exempt):
                    yield match.span()
        if text.count(":") >= 2:
            for match in _patterns.IPV6.finditer(text):
                if _checks.is_ip(match.group(), self._exempt):
                    yield match.span()


def _all_names(policy: Policy) -> Iterator[str]:
    yield from ENTITIES
    for detector in policy.detectors:
        yield detector.name


def _resolved(found: list[Finding]) -> list[Finding]:
    """Return the findings in order; of those that overlap, one over all of them, of the longest one's type."""
    if len(found) < 2:
        return found
    order = sorted(range(len(found)), key=lambda i: (found[i].start, i))
    result = [found[order[0]]]
    longest = result[0].end - result[0].start
    for i in order[1:]:
        new, last = found[i], result[-1]
        if new.start >= last.end:
            result.append(new)
            longest = new.end - new.start
            continue
        length = new.end - new.start
        entity = new.entity if length > longest else last.entity
        longest = max(longest, length)
        result[-1] = Finding(entity, last.start, max(last.end, new.end))
    return result


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    return (match.span() for match in pattern.finditer(text))


def _custom(detector: Detector, text: str) -> Iterator[Finding]:
    if detector.requires and not any(need in text for need in detector.requires):
        return
    if isinstance(detector.find, re.Pattern):
        spans: Iterator[tuple[int, int]] = (
            match.span()
            for match in detector.find.finditer(text)
            if detector.accept is None or detector.accept(match.group())
        )
    else:
        spans = iter(detector.find(text))
    for start, end in spans:
        if 0 <= start < end <= len(text):
            yield Finding(detector.name, start, end)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield whole blocks; of a key that was cut off, all that may belong to it."""
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
        yield begin.start(), position


def _emails(text: str) -> Iterator[tuple[int, int]]:
    for match in _patterns.EMAIL.finditer(text):
        local, _, domain = match.group().replace("%40", "@").partition("@")
        if _NO_DOMAIN.match(domain) or (local.lower() in _GIT_USERS):
            continue
        yield match.span()


def _authorizations(text: str) -> Iterator[tuple[int, int]]:
    for match in _patterns.AUTHORIZATION.finditer(text):
        value = match.group(1).rstrip(".")
        if match.group()[0] in "Bb" and match.group()[1] in "aA":
            if not _is_basic(value):
                continue
        elif not _is_bearer(value):
            continue
        yield match.start(1), match.start(1) + len(value)


def _is_basic(value: str) -> bool:
    """Say whether `value` is base64 of ``user:password``."""
    try:
        return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _is_bearer(value: str) -> bool:
    """Tell credentials from prose such as ``bearer authentication``, ``bearer token-based``."""
    if len(value) >= 24:
        return True
    return any(char in "0123456789._~+/=" for char in value) or not (value.islower() or value.istitle())


def _tokens_in(text: str) -> Iterator[tuple[int, int]]:
    yield from _spans(_tokens.PREFIXED, text)
    if ":A" in text:
        yield from _spans(_tokens.TELEGRAM, text)
    if text.count(".") >= 2:
        for match in _tokens.DISCORD.finditer(text):
            if any(char.isdigit() for char in match.group()) and any(char.isupper() for char in match.group()):
                yield match.span()
    if "Q~" in text:
        yield from _spans(_tokens.AZURE_CLIENT, text)
    if "_mmk" in text:
        yield from _spans(_tokens.MAXMIND, text)


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    lengths = _checks.IBAN_LENGTHS
    for match in _patterns.IBAN.finditer(text):
        head = match.group(1)
        length = lengths.get(head[:2].upper())
        if length is None:
            continue
        taken = len(head)
        count = 4
        for char in match.group(2):
            if count == length:
                break
            taken += 1
            count += char not in " -"
        if count < length:
            continue
        end = match.start() + taken
        if end < len(text) and text[end].isalnum():
            continue
        if _checks.is_iban(text[match.start() : end].replace(" ", "").replace("-", "")):
            yield match.start(), end


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _patterns.CARD.finditer(text):
        candidate = match.group()
        while True:
            if _checks.is_card(_checks.digits_of(candidate)):
                yield match.start(), match.start() + len(candidate)
                break
            shorter = candidate.rstrip("0123456789").rstrip(" .-")  # the last group may be a security code
            if len(shorter) < 14:
                break
            candidate = shorter


def _ssns(text: str) -> Iterator[tuple[int, int]]:
    for match in _patterns.SSN.finditer(text):
        start = match.start()
        if match.group(1) != "-" and not _patterns.SSN_CONTEXT.search(text, max(0, start - 40), start):
            continue
        if _checks.is_ssn(_checks.digits_of(match.group())):
            yield match.span()
