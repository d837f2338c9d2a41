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
from universal_framework.observability.redaction._lazy import Lazy

_UPPER = range(ord("A"), ord("Z") + 1)
_DIGIT = range(ord("0"), ord("9") + 1)


def _flat(byte: int) -> int:
    """Digits become ``0``, capitals ``A``, what no clean line holds becomes 1."""
    if byte in _DIGIT:
        return ord("0")
    if byte in _UPPER:
        return ord("A")
    return 1 if byte in b"@\\%~>" else byte


FLAT = bytes(map(_flat, range(256)))
#: Stands between the digits of one number.
JOINTS = b" -()+./"

#: Capitals and digits of an IBAN (``AA00``), as far as its account number is not told by its digits.
_IBAN = Lazy(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}[ -]?[A-Z0-9]")
#: A colon that does not end a name.
_COLON = Lazy(r':(?<!":)')
_DOTS = 3
_FOUR_NUMBERS = Lazy(r"\.(?<=[0-9]\.)[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6 = Lazy(r"[0-9A-Fa-f:]:[0-9A-Fa-f]{0,4}:")
_HEX_MARKS = "|".join(
    f"(?<={re.escape(mark)})"
    for shape in _tokens.SHAPES
    for mark in shape.marks
    if mark[-1] == "-" and mark[-2] in "0123456789abcdef"
)
#: Each begins with one plain character, which `re` looks for with ``memchr``; then what a token would go on with.
#: ``[0-9a-f]-`` before it makes the dash one of a UUID.
_DOT = Lazy(r"\.(?=[A-Za-z0-9_=.+/%-]{10}|slack\.com/|atlasv1\.)")
_UNDERSCORE = Lazy(r"_(?=[A-Za-z0-9_=.+/%-]{10}|mmk|eyJ)")
_DASH = Lazy(rf"-(?:(?<![0-9a-f]-)|{_HEX_MARKS})(?=[A-Za-z0-9_=.+/%-]{{10}}|us[0-9])")
_CAPITAL_A = Lazy(r"A[A-Za-z0-9]{3}|A3-")
_CAPITAL_S = Lazy(r"SK[0-9a-f]{8}")

_LOWER = bytes(byte + 32 if byte in _UPPER else byte for byte in range(256))
_KEY_JOINTS = b"_-. "

#: Ids that look like nothing else: a UUID, or letters and digits without seven digits in a row (no number of any kind),
#: that begin neither as a token does nor as an IBAN. Tokens begin at the left edge of a word, and this is all one word.
_WORDY = Lazy(
    "|".join(mark for shape in _tokens.SHAPES for mark in shape.marks if mark.isalnum()) + r"|[A-Za-z]{2}[0-9]{2}"
)
#: The first eight digits might be a telephone number's if they were all decimal.
_UUID = Lazy(r"(?![0-9]{8})[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_LENGTH = 36


def is_identifier(text: str) -> bool:
    """Say whether `text` is an id in which no pattern finds anything, whatever its name says of it."""
    if text.isalnum():
        return text.isascii() and _WORDY.match(text) is None and b"0000000" not in text.encode().translate(FLAT)
    return len(text) == _UUID_LENGTH and _UUID.fullmatch(text) is not None


Gate = Callable[[bytes], bool]


def build(requires: Iterable[tuple[str, ...]], keys: Iterable[str]) -> Gate:
    """Return the gate for custom detectors' `requires` and the joined names of custom `keys`."""
    groups = tuple(requires)
    if not all(groups):
        return lambda rendered: True  # noqa: ARG005 - one detector may find anything
    needles = tuple({_rendered(text) for group in groups for text in group})
    stems = tuple(_in_bytes(name) for name in (*_names.stems(), *keys))
    return _gate(needles, stems)


def _rendered(text: str) -> bytes:
    """Return `text` as JSON writes it inside a string, characters beyond ASCII as they are."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")


def _gate(needles: tuple[bytes, ...], stems: tuple[str, ...]) -> Gate:
    colon, dot, underscore, dash = _COLON.search, _DOT.search, _UNDERSCORE.search, _DASH.search
    capital_a, capital_s = _CAPITAL_A.search, _CAPITAL_S.search

    def may_hold(rendered: bytes) -> bool:
        line = rendered if rendered.isascii() else _plain(rendered)
        flat = line.translate(FLAT, JOINTS).decode()
        if "\x01" in flat or "0000000" in flat:
            return True
        text = line.decode()
        if "earer" in text or "asic" in text:
            return True
        if ("=" in flat or colon(text) or text.rfind("{") > 0) and (
            _says_secret(line, stems) or _IPV6.search(text) or "sig=" in text
        ):
            return True
        if "--" in text and ("---" in text or _says_secret(line, stems)):
            return True
        if text.count(".") >= _DOTS and _FOUR_NUMBERS.search(text):
            return True
        if (
            len(text) > _tokens.RUN_LENGTH
            and (underscore(text) or dot(text) or dash(text) or capital_a(text) or capital_s(text) or "dapi" in text)
            and _has_token(text, line.translate(_tokens.RUN_BYTES).decode())
        ):
            return True
        if "AA00" in flat and _IBAN.search(text):
            return True
        return bool(needles) and any(needle in rendered for needle in needles)

    return may_hold


def _has_token(text: str, marked: str) -> bool:
    """Look closer at the runs of letters, digits and joints that are long enough for a token."""
    for start, end in _tokens.runs(marked):
        run = text[start:end]
        if (_WORDY.match(run) and _tokens.prefixed().match(run)) if run.isalnum() else _is_token(run):
            return True
    return False


def _is_token(run: str) -> bool:
    return (
        "eyJ" in run
        or _tokens.prefixed().search(run) is not None
        or "_mmk" in run
        or run.count(".") > 1
        or "-us" in run
    )


def speaker(stems: Iterable[str]) -> Callable[[str], bool]:
    """Return what tells texts that may name a secret from those that do not."""
    found = tuple(map(_in_bytes, stems))
    return lambda text: _says_secret(text.encode("utf-8", "replace"), found)


def _in_bytes(stem: str) -> str:
    """Return `stem` as its UTF-8 bytes read one by one."""
    return stem.encode().decode("latin-1")


def _says_secret(line: bytes, stems: tuple[str, ...]) -> bool:
    joined = line.translate(_LOWER, _KEY_JOINTS).decode("latin-1")  # a search in str costs a third of one in bytes
    for stem in stems:  # noqa: SIM110 - any() costs twice as much here
        if stem in joined:
            return True
    return False


def _plain(rendered: bytes) -> bytes:
    return _fold.fold(rendered.decode("utf-8", "replace")).encode("ascii", "replace")
