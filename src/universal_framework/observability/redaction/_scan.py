r"""One pass of Hyperscan over a long text: which families of secrets can be in it at all.

In: the bytes of a folded text, in Latin-1. Out: names of `ENTITIES`. The expressions are wider than the patterns of
`_patterns`, `_phones` and `_tokens`: no looking back, no limits above. So a family that is not named finds nothing, and
those that are named still have the last word; what is redacted is the same with this engine and without.
A character beyond Latin-1 is ``?`` here, so ``?`` counts as a letter and as none.

Hyperscan (``pip install hyperscan``: MIT; Vectorscan, which it contains: BSD-3-Clause) is imported and its expressions
are compiled when a redactor asks for them, which takes half a second. https://python-hyperscan.readthedocs.io
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from universal_framework.observability.redaction import _checks, _names, _phones, _tokens
from universal_framework.observability.redaction._policy import ENTITIES, SILENT, TELLING, WEAK_PHONE

#: Below, what a scan costs is more than what it spares; in characters.
SHORTEST = 512

_WORD = r"[0-9A-Za-z_?\x80-\xff]"
_LETTER = r"[A-Za-z?\x80-\xff]"
_NO_WORD = "(?:^|[^A-Za-z0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
_NO_GROUP = "(?:^|[^0-9A-Za-z_:.])"
_FRONT = "(?:^|[^0-9A-Za-z_+.-])"
_EDGE = "(?:$|[^0-9])"
_DIGITS = "(?:[ .()/-]{0,3}[0-9])"


def _same(*groups: str) -> str:
    """Return groups of digits, the same joint before each of them."""
    return f"(?:{'|'.join(''.join(joint + group for group in groups) for joint in (' ', '[.]', '-'))})"


_EXPRESSIONS = (
    ("URL_CREDENTIALS", r"""://[^\s/:@"'<>]*:[^\s/"'<>]+@"""),
    (
        "EMAIL_ADDRESS",
        (
            rf"(?:{_WORD}|[.+'-])(?:@|%40)(?:{_WORD}(?:{_WORD}|-)*\.)+"
            rf"(?:{_LETTER}{{2,24}}|xn--[A-Za-z0-9-]+)(?:$|[^0-9A-Za-z_@])"
        ),
    ),
    ("AUTHORIZATION", rf"{_NO_WORD}(?:[Bb]earer|BEARER|[Bb]asic|BASIC)[ \t:]{{1,3}}[A-Za-z0-9._~+/-]{{6}}"),
    ("PRIVATE_KEY", r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"),
    ("JWT", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10}"),
    ("IBAN_CODE", rf"(?i){_NO_WORD}(?:{'|'.join(_checks.IBAN_LENGTHS)})[0-9]{{2}}(?:[ -]?[A-Z0-9]){{11}}"),
    (
        "CREDIT_CARD",
        (
            rf"(?:^|[^0-9A-Za-z_+])[0-9]{{4}}(?:[0-9]{{8,15}}|[ .-]{{1,2}}(?:[0-9]{{4}}[ .-]{{1,2}}){{2}}[0-9]{{1,4}}"
            rf"|[0-9]{{2}}[ .-][0-9]{{9,13}}|{_same('[0-9]{6}', '[0-9]{4,5}')}|{_same('[0-9]{4}', '[0-9]{5}')}"
            rf"|{_same('[0-9]{3}', '[0-9]{3}', '[0-9]{3}')}|{_same('[0-9]{5}', '[0-9]{6}')})(?:$|[^0-9A-Za-z_])"
        ),
    ),
    (
        "US_SSN",
        r"(?:^|[^0-9A-Za-z_.+-])[0-8][0-9]{2}(?:-[0-9]{2}-|[ .]?[0-9]{2}[ .]?)[0-9]{4}(?:$|[^0-9A-Za-z_-])",
    ),
    ("IP_ADDRESS", r"(?:^|[^0-9A-Za-z_.-])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?:$|[^0-9A-Za-z_])"),
    ("IP_ADDRESS", rf"{_NO_GROUP}(?:{_GROUP}:){{6}}"),
    ("IP_ADDRESS", rf"{_NO_GROUP}(?:(?:{_GROUP}:){{1,7}}:|::{_GROUP})"),
    (
        "PHONE_NUMBER",
        (
            rf"{_FRONT}(?:1[ .-])?[1-9][0-9]{{2}}{_same('[0-9]{3}', '[0-9]{4}')}{_EDGE}"
            rf"|{_FRONT}1[ .-][0-9]{{3}}{_same('[0-9]{3}', '[0-9]{4}')}{_EDGE}"
        ),
    ),
    ("PHONE_NUMBER", rf"{_FRONT}0[1-9][0-9]{{0,3}}(?:[ ./-][0-9]{{2,8}}){{1,4}}{_EDGE}"),
    ("PHONE_NUMBER", rf"{_FRONT}(?:\+\(?[0-9]{{1,3}}|\(\+[0-9]{{1,3}}|00[1-9][0-9]{{0,2}}[ .-])\)?{_DIGITS}{{4}}"),
    ("PHONE_NUMBER", rf"{_FRONT}(?:[178][ -]?)?\([0-9]{{1,5}}\)[ /.-]{{0,3}}[0-9]{{2}}"),
    (WEAK_PHONE, rf"{_FRONT}[0-9]{{1,5}}(?:[ ./-][0-9]{{2,7}}){{1,4}}{_EDGE}|{_FRONT}[0-9]{{7,15}}{_EDGE}"),
    ("API_TOKEN", r"(?:^|[^A-Za-z0-9_-])[0-9]{8,10}:A[A-Za-z0-9_-]{34}"),
    ("API_TOKEN", r"(?:^|[^A-Za-z0-9_.-])[A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}"),
    ("API_TOKEN", r"[0-9]Q~[A-Za-z0-9_~.-]{31}"),
    ("API_TOKEN", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk"),
)

#: What looks around itself, and upper limits: neither is needed to be wide enough.
_AROUND = re.compile(r"\(\?<?[=!][^()]*\)")
_AHEAD = re.compile(r"\(\?=([^()]*)\)")
_BEHIND = re.compile(r"\(\?<=([^()]*)\)")
_LIMIT = re.compile(r"\{([0-9]+),[0-9]+\}\+?")

#: Names of values are read in lower case and without their joints (``API-Key``, ``api_key``, ``api key``).
_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_JOINTS = b"_- "

Scan = Callable[[bytes], AbstractSet[str]]


def _words_expressions() -> Iterator[tuple[str, str]]:
    yield TELLING, rf"(?i)(?:^|[^a-z])(?:{'|'.join(sorted(_phones.TELLING_WORDS))})(?:$|[^a-z])"


def _closer_expressions() -> Iterator[tuple[str, str]]:
    """Yield what is too slow to be asked of every text: IBANs of their countries' lengths."""
    for length in sorted({*_checks.IBAN_LENGTHS.values()}):
        countries = "|".join(country for country, one in _checks.IBAN_LENGTHS.items() if one == length)
        more = f"(?:[ -]*[^ -]){{{length - 15}}}" if length > 15 else ""
        yield (
            "IBAN_CODE",
            rf"(?i){_NO_WORD}(?:{countries})[0-9]{{2}}(?:[ -]?[A-Z0-9]){{11}}{more}(?:$|[^A-Z0-9])",
        )


def _tokens_expressions() -> Iterator[tuple[str, str]]:
    for shape in _tokens.SHAPES:
        body = shape.body
        if behind := _BEHIND.match(body):  # which says more than the mark does
            yield "API_TOKEN", _LIMIT.sub(r"{\1,}", behind[1] + _AROUND.sub("", body)).replace("}+", "}")
            continue
        ahead = _AHEAD.match(body)
        body = _LIMIT.sub(r"{\1,}", ahead[1] if ahead else _AROUND.sub("", body)).replace("}+", "}")
        for mark in shape.marks:
            yield "API_TOKEN", f"{_NO_WORD if mark[0].isalnum() else ''}{re.escape(mark)}{body}"


def _names_expressions(keys: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    endings = _names.SECRET_ENDINGS | keys
    for ending in sorted(endings):
        if not any(ending.endswith(other) for other in endings if other != ending):
            letters = "".join(char if char.isascii() else r"[?\x80-\xff]" for char in ending)
            yield "SECRET", rf"""{letters}["'\\\]]*\t*(?:[=:>]|%3[da])"""


@functools.cache
def scanner(keys: AbstractSet[str]) -> Scan:
    """Return what scans; `keys` are the joined names that are secret beside those known already.

    Raises:
        ImportError: Hyperscan is not installed, or not for this machine.
    """
    texts = _compiled([*_EXPRESSIONS, *_words_expressions(), *_tokens_expressions()])
    closer = _compiled([*_closer_expressions()])
    names = _compiled([*_names_expressions(keys)])
    everything = frozenset({*ENTITIES, WEAK_PHONE})

    def scan(raw: bytes) -> AbstractSet[str]:
        found: set[str] = set()
        try:
            texts(raw, found)
            if "IBAN_CODE" in found:
                found.discard("IBAN_CODE")
                closer(raw, found)
            if b"--" in raw:  # --token value
                found.add("SECRET")
            else:
                names(raw.translate(_LOWER, _JOINTS), found)
        except Exception:  # noqa: BLE001 - for one, a signal's handler that logs while its thread is scanning
            return everything
        if TELLING not in found:
            found.add(SILENT)
        return found

    return scan


def _compiled(expressions: list[tuple[str, str]]) -> Callable[[bytes, set[str]], object]:
    import hyperscan

    database = hyperscan.Database()
    database.compile(
        expressions=[expression.encode() for _, expression in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL] * len(expressions),
    )
    families = [family for family, _ in expressions]
    mine = threading.local()  # a scratch serves one scan at a time

    def scan(raw: bytes, found: set[str]) -> None:
        try:
            scratch = mine.scratch
        except AttributeError:
            scratch = mine.scratch = hyperscan.Scratch(database)
        database.scan(raw, lambda number, *_: found.add(families[number]), scratch=scratch)

    return scan
