"""Each family of secrets by itself: where in a text there are addresses, cards, tokens, keys, credentials.

In: a folded text, its bytes where numbers are compared (Latin-1, so that a byte stands where its character does), and
the list of what was found. Out: more in that list, in order of place. A family stops behind `room` findings of its
own: what comes later is hidden as a whole by `_find`; half as many doubtful candidates are looked at closely. Whether
a family is worth asking is for `_find` to say too.
"""

from __future__ import annotations

import binascii
from itertools import islice

from universal_framework.observability.redaction import _checks, _names, _patterns, _phones, _tokens
from universal_framework.observability.redaction._lazy import Lazy

Span = tuple[str, int, int]

#: So many places of one text are hidden one by one.

#: Ends of names that look like those of hosts: systemd's units (``user@1000.service``) ...
_UNITS = frozenset({"service", "socket", "target", "timer", "mount", "automount", "slice", "scope", "swap"})
_ENDS_OF_UNITS = "eEtTrRpP"
#: ... files with a scale (``logo@2x.png``), and versions (``package@v1.2.3-beta.rc``).
_NO_DOMAIN = Lazy(r"\d+x\.\w+$|[vV]?\d+\.\d")
_GIT_USERS = frozenset({"git@", "hg@", "svn@", "git%40", "hg%40", "svn%40"})
_LONGEST_GIT_USER = 6
_DIGITS_OR_V = "0123456789vV"

#: So often in one text the words before a candidate are looked at; beyond, candidates are not given the benefit of
#: their words: what costs time without end must not, and must not leak either.
#: Digits of an article number, which passes Luhn one time in ten.
LONGEST_ARTICLE = 13
_WORD_BEFORE = Lazy(r"([A-Za-z]{2,16})[^A-Za-z0-9]{0,4}$")
#: What tells an IBAN from the beginning of something longer: 33 characters, separators, and one more.
_AROUND_IBAN = 72
_SHORTEST_IPV4 = 7
#: As much as is read before an address to tell it from a version.
_BEFORE_IPV4 = 24
_LONGEST_LOCAL = _patterns.LONGEST_LOCAL
#: What stands between the digits of a card.
_CARD_JOINTS = b" .-"


def spans(entity: str, pattern: Lazy, text: str, found: list[Span], room: int) -> None:
    """Find what a pattern alone makes sure."""
    for match in islice(pattern.finditer(text), room + 1):
        start, end = match.span()
        found.append((entity, start, end))


def ipv4(text: str, found: list[Span], room: int, *, local_too: bool) -> None:
    """Find IPv4 addresses, but for versions."""
    search = _patterns.IPV4.search
    bad: set[str] = set()
    versions: dict[str, bool] = {}
    looks = end = 0
    most = len(found) + room
    last = len(text) - _SHORTEST_IPV4
    while end <= last and (match := search(text, end)) is not None:
        start, end = match.span()
        candidate = text[start:end]
        if candidate in bad:
            continue
        if not _checks.is_ipv4(candidate, local_too=local_too):
            bad.add(candidate)
            continue
        if start and looks < room // 2:
            looks += 1
            before = text[start - _BEFORE_IPV4 - 1 : start] if start > _BEFORE_IPV4 else None
            version = None if before is None else versions.get(before)
            if version is None:
                version = _is_version(text, start)
                if before is not None:
                    versions[before] = version
            if version:
                continue
        found.append(("IP_ADDRESS", start, end))
        if len(found) > most:
            return


def _is_version(text: str, start: int) -> bool:
    """Say whether what stands before makes four numbers at `start` a version."""
    front = max(0, start - _BEFORE_IPV4)
    before = text[front:start]
    if before.upper() == before.lower() and "=" not in before and "_" not in before:  # not a letter
        return False
    return _patterns.VERSION_BEFORE.search(text, front, start) is not None


def ipv6(text: str, found: list[Span], room: int, *, local_too: bool) -> None:
    """Find IPv6 addresses."""
    judged: dict[str, bool] = {}
    most = len(found) + room
    for match in _patterns.IPV6.finditer(text):
        candidate = match.group()
        good = judged.get(candidate)
        if good is None:
            good = judged[candidate] = _checks.is_ipv6(candidate, local_too=local_too)
        if good:
            start, end = match.span()
            found.append(("IP_ADDRESS", start, end))
            if len(found) > most:
                return


def emails(text: str, found: list[Span], room: int) -> None:
    """Find e-mail addresses, but for units of systemd, scaled files, versions and ``git@``."""
    encoded = "%40" in text
    search = _patterns.EMAIL.search
    most = len(found) + room
    end = 0
    while encoded or (at := text.find("@", end)) >= 0:
        if not encoded:  # no local part holds a space
            space = text.rfind(" ", end, at)
            if space >= 0:
                end = space
            if at - end > _LONGEST_LOCAL:
                end = at - _LONGEST_LOCAL
        match = search(text, end)
        if match is None:
            return
        start, end = match.span()
        if text[end - 1] in _ENDS_OF_UNITS and text[match.start(2) : end].lower() in _UNITS:
            continue
        domain = match.start(1)
        if domain - start <= _LONGEST_GIT_USER and text[start:domain].lower() in _GIT_USERS:
            continue
        if text[domain] in _DIGITS_OR_V and _NO_DOMAIN.match(text, domain, end):
            continue
        found.append(("EMAIL_ADDRESS", start, end))
        if len(found) > most:
            return


def private_keys(text: str, found: list[Span], room: int) -> None:
    """Find whole blocks; of a key that was cut off, all that may belong to it."""
    position = 0
    ends = True
    most = len(found) + room
    while len(found) <= most and (begin := _patterns.PEM_BEGIN.search(text, position)) is not None:
        end = _patterns.PEM_END.search(text, begin.end()) if ends else None
        if end is None:
            ends = False
            body = _patterns.PEM_BODY.match(text, begin.end())
            position = body.end() if body is not None else begin.end()
        else:
            position = end.end()
        found.append(("PRIVATE_KEY", begin.start(), position))


def authorizations(text: str, found: list[Span], room: int) -> None:
    """Find the credentials behind ``Bearer`` and ``Basic``."""
    most = len(found) + room
    bad: set[str] = set()
    for match in _patterns.AUTHORIZATION.finditer(text):
        whole = match.group()
        if whole in bad:
            continue
        value = match.group(1).rstrip(".")
        if not (_is_basic(value) if whole[1] in "aA" else _is_bearer(value)):
            bad.add(whole)
        else:
            found.append(("AUTHORIZATION", match.start(1), match.start(1) + len(value)))
            if len(found) > most:
                return


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


def tokens(text: str, marked: str, found: list[Span], room: int, *, with_marks: bool) -> None:
    """Find vendors' tokens; `marked` is `text` through `_tokens.RUN_BYTES`; those `with_marks`, if there may be one."""
    pattern = _tokens.prefixed()
    most = len(found) + room
    jointed = False
    for start, end in _tokens.runs(marked):
        if not with_marks:
            jointed = True
            break
        if text[start:end].isalnum():  # one word: a token begins where the word does
            token = pattern.match(text, start, end)
            if token is not None:
                found.append(("API_TOKEN", start, token.end()))
        else:
            jointed = True
            for token in pattern.finditer(text, start, end):
                found.append(("API_TOKEN", *token.span()))  # noqa: PERF401 - there are few
        if len(found) > most:
            break
    if ":A" in text:
        spans("API_TOKEN", _tokens.TELEGRAM, text, found, room)
    if jointed:
        _jointed_tokens(text, found, room)


def _jointed_tokens(text: str, found: list[Span], room: int) -> None:
    """Find the tokens that are told by a joint in their middle."""
    if text.count(".") >= 2:
        most = len(found) + room
        for match in _tokens.DISCORD.finditer(text):
            token = match.group()
            if any(map(str.isdigit, token)) and any(map(str.isupper, token)):
                found.append(("API_TOKEN", *match.span()))
                if len(found) > most:
                    break
    if "Q~" in text:
        spans("API_TOKEN", _tokens.AZURE_CLIENT, text, found, room)
    if "_mmk" in text:
        spans("API_TOKEN", _tokens.MAXMIND, text, found, room)


def ibans(text: str, raw: bytes, found: list[Span], room: int) -> None:
    """Find IBANs, in either case, with single spaces or dashes anywhere."""
    if b"AA00" not in raw.translate(_LETTERS_AND_DIGITS):
        return
    looks = position = 0
    ends: dict[str, int] = {}
    most = len(found) + room
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
        if looks > room // 2 or _checks.is_iban(text[start:end].replace(" ", "").replace("-", "")):
            found.append(("IBAN_CODE", start, end))
            if len(found) > most:
                return
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


def cards(text: str, key: str, raw: bytes, found: list[Span], room: int) -> None:
    """Find payment cards; short ones, unless a word or the `key` says that they are numbers of articles."""
    bad: set[str] = set()
    most = len(found) + room
    for match in _patterns.CARD.finditer(text):
        spelled = match.group()
        if spelled in bad:
            continue
        start, end = match.span()
        candidate = raw[start:end]
        digits = candidate.translate(None, _CARD_JOINTS)
        stop = end if _checks.is_card(digits) else start + _length_of_card(candidate)
        if stop == start:
            bad.add(spelled)
        elif stop - start > LONGEST_ARTICLE or not _is_article(text, start, key):
            found.append(("CREDIT_CARD", start, stop))
            if len(found) > most:
                return


def _length_of_card(candidate: bytes) -> int:
    """Return how much of `candidate`, no card itself, is one without its last groups: security codes; or 0."""
    while True:
        candidate = candidate.rstrip(b"0123456789").rstrip(b" .-")
        if len(candidate) < _checks.SHORTEST_GROUPED_CARD:
            return 0
        if _checks.is_card(candidate.translate(None, _CARD_JOINTS)):
            return len(candidate)


def _is_article(text: str, start: int, key: str) -> bool:
    """Say whether a number short enough for an article (EAN-13, GS1) is called *order*, *ean* or *id*."""
    before = _WORD_BEFORE.search(text, max(0, start - 24), start)
    return key == _names.IDENTIFIER if before is None else _phones.is_identifier(before.group(1))


def ssns(text: str, found: list[Span], room: int) -> None:
    """Find those with dashes, and those without that *ssn* or *social* precedes."""
    is_said: bool | None = None
    looks = end = 0
    search = _patterns.SSN.search
    most = len(found) + room
    last = len(text) - _checks.DIGITS_OF_SSN
    while end <= last and (match := search(text, end)) is not None:
        start, end = match.span()
        if text[start + 3] != "-":
            if is_said is None:
                is_said = _says_ssn(text)
            if not is_said:
                continue
            if looks < room // 2:
                looks += 1
                if not _patterns.SSN_CONTEXT.search(text, max(0, start - 40), start):
                    continue
        found.append(("US_SSN", start, end))
        if len(found) > most:
            return


def _says_ssn(text: str) -> bool:
    if text.isascii():
        lower = text.lower()
        if "ss" not in lower and "social" not in lower:
            return False
    return _patterns.SSN_CONTEXT.search(text) is not None
