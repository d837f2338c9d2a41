"""One cheap look at a rendered line: false means that there is provably nothing to redact in it.

In: the bytes of a JSON object as a logger writes it (its time stamp left out). Out: whether the line must be read
value by value. The gate may be wrong in one direction only; a test derives texts from every pattern and insists.

It never looks at the names of top-level fields: `Redactor.fields` knows those by heart. Names further inside are
looked for as soon as the line holds an object in an object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable

from universal_framework.observability.redaction import _fold, _names, _tokens

_UPPER = range(ord("A"), ord("Z") + 1)
_DIGIT = range(ord("0"), ord("9") + 1)


def _flat(byte: int) -> int:
    """Digits become ``0``, capitals ``A``, what no clean line holds becomes 1."""
    if byte in _DIGIT:
        return ord("0")
    if byte in _UPPER:
        return ord("A")
    return 1 if byte in b"@\\%~>" else byte


_FLAT = bytes(map(_flat, range(256)))
#: Stands between the digits of one number.
_JOINTS = b" -()+./"
_RUNS = bytes(ord("a") if byte in _tokens.RUN else ord(" ") for byte in range(256))
_RUN = "a" * _tokens.RUN_LENGTH

_IPV4 = re.compile(rb"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6 = re.compile(rb"[0-9A-Fa-f:]:[0-9A-Fa-f]{0,4}:")
_IBAN = re.compile(rb"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]")
#: ``--password x``, ``-----BEGIN``.
_DASHES = re.compile(rb"--")
#: Where a token's mark may end: after each of these the body begins, ten characters at least.
_AFTER_JOINT = (
    re.compile(rb"_(?=[\w=.+/%-]{10}|mmk|eyJ)"),
    re.compile(rb"-(?:(?<![0-9a-f]-)|(?<=xox[a-e]-)|(?<=p8e-))(?=[\w=.+/%-]{10}|us[0-9])"),
    re.compile(rb"\.(?=[\w-]{10}|slack\.com/|atlasv1\.)"),
)
_CAPITALS = re.compile(rb"A[A-Za-z0-9]{3}|SK[0-9a-f]{8}|EA[AC]|API-|AGE-|ABSK|dapi[0-9a-f]|GR13")
_TOKENS = re.compile(
    b"|".join(
        pattern.pattern.replace(r"(?<![A-Za-z0-9])", "").encode() for pattern in (_tokens.PREFIXED, _tokens.MAXMIND)
    )
    + rb"|\.eyJ|eyJ[\w-]{8}|\.[\w-]{6}\.[\w-]{20}",
)
_NEST = b"{"
_LOWER = bytes(byte + 32 if byte in _UPPER else byte for byte in range(256))
_KEY_JOINTS = b"_-. "

Gate = Callable[[bytes], bool]


def build(requires: Iterable[tuple[str, ...]], keys: Iterable[str]) -> Gate:
    """Return the gate for custom detectors' `requires` and the joined names of custom `keys`."""
    groups = tuple(requires)
    if not all(groups):
        return lambda rendered: True  # noqa: ARG005 - one detector may find anything
    needles = tuple({_rendered(text) for group in groups for text in group})
    stems = tuple(name.encode() for name in (*_names.stems(), *keys))
    return _gate(needles, stems)


def _rendered(text: str) -> bytes:
    """Return `text` as JSON writes it inside a string, characters beyond ASCII as they are."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")


def _gate(needles: tuple[bytes, ...], stems: tuple[bytes, ...]) -> Gate:
    def may_hold(rendered: bytes) -> bool:
        line = rendered if rendered.isascii() else _plain(rendered)
        flat = line.translate(_FLAT, _JOINTS).decode("latin-1")
        if "0000000" in flat or "\x01" in flat:
            return True
        if line.count(b":") != line.count(b'":') and (_says_secret(line, stems) or _IPV6.search(line)):
            return True
        if "=" in flat and _says_secret(line, stems):
            return True
        if _IPV4.search(line) or b"earer" in line or b"EARER" in line or b"asic" in line or b"ASIC" in line:
            return True
        if _DASHES.search(line) and (b"---" in line or _says_secret(line, stems)):
            return True
        if "AA00" in flat and _IBAN.search(line):
            return True
        if line.rfind(_NEST) > 0 and _says_secret(line, stems):
            return True
        if _RUN in line.translate(_RUNS).decode("latin-1") and _has_token(line):
            return True
        return any(needle in rendered for needle in needles)

    return may_hold


def _has_token(line: bytes) -> bool:
    for joint in _AFTER_JOINT:
        if joint.search(line):
            return _TOKENS.search(line) is not None
    return _CAPITALS.search(line) is not None and _TOKENS.search(line) is not None


def _says_secret(line: bytes, stems: tuple[bytes, ...]) -> bool:
    joined = line.translate(_LOWER, _KEY_JOINTS)
    return any(stem in joined for stem in stems)


def _plain(rendered: bytes) -> bytes:
    text = rendered.decode("utf-8", "replace")
    folded = _fold.fold(text)
    return (text if folded is None else folded.text).encode("utf-8", "replace")
