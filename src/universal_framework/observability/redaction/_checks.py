"""Second looks: is this run of digits a card, this word an IBAN, this text an address?

In: the text of a candidate. Out: yes or no. Pure functions over short texts, without a pattern of their own.
"""

from __future__ import annotations

#: Each digit doubled and its digits added up, for Luhn's sum (ISO/IEC 7812-1, annex B).
_DOUBLED = bytes.maketrans(b"0123456789", b"0246813579")
_ZERO = ord("0")
#: Everything else, for ``bytes.translate``.
NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")
#: Digits of the shortest card; characters of the shortest one in groups: thirteen digits and a separator.
SHORTEST_CARD, SHORTEST_GROUPED_CARD = 12, 14
DIGITS_OF_SSN = 9

#: Card families by the first digits: (prefix low, prefix high, lengths). ISO/IEC 7812; the families' own ranges
#: as listed at https://en.wikipedia.org/wiki/Payment_card_number#Issuer_identification_number_(IIN).
_FAMILIES = (
    ("0604", "0604", (12, 16)),  # Maestro UK, old
    ("1", "1", (15,)),  # UATP; JCB 1800
    ("2131", "2131", (15,)),  # JCB, old
    ("2200", "2205", (16, 17, 18, 19)),  # Mir
    ("2221", "2720", (16,)),  # Mastercard, second series
    ("300", "305", (14, 16, 17, 18, 19)),  # Diners Club
    ("3095", "3095", (14, 16, 17, 18, 19)),
    ("34", "34", (15,)),  # American Express
    ("36", "36", (14, 15, 16, 17, 18, 19)),
    ("37", "37", (15,)),
    ("38", "39", (14, 16, 17, 18, 19)),
    ("35", "35", (16, 17, 18, 19)),  # JCB
    ("4", "4", (13, 16, 18, 19)),  # Visa
    ("50", "50", (16, 17, 18, 19)),
    ("5018", "5018", (12, 13, 14, 15)),  # Maestro
    ("5020", "5020", (12, 13, 14, 15)),
    ("5038", "5038", (12, 13, 14, 15)),
    ("51", "55", (16,)),  # Mastercard
    ("56", "58", (12, 13, 14, 15, 16, 17, 18, 19)),  # Maestro
    ("60", "69", (16, 17, 18, 19)),  # Discover, UnionPay, RuPay, Maestro, InterPayment, Verve, Hipercard
    ("6304", "6304", (12, 13, 14, 15)),
    ("6390", "6390", (12, 13, 14, 15)),
    ("6759", "6759", (12, 13, 14, 15)),
    ("6761", "6763", (12, 13, 14, 15)),
    ("81", "82", (16, 17, 18, 19)),  # UnionPay, RuPay
    ("8600", "8600", (16,)),  # Uzcard
    ("9792", "9792", (16,)),  # Troy
    ("9860", "9860", (16,)),  # Humo
)


def _lengths_by_prefix() -> dict[bytes, frozenset[int]]:
    """Return the lengths that the first four digits allow; built when the first card is judged."""
    table: dict[bytes, set[int]] = {}
    for low, high, lengths in _FAMILIES:
        first = int(low.ljust(4, "0"))
        last = int(high.ljust(4, "9"))
        for prefix in range(first, last + 1):
            table.setdefault(b"%04d" % prefix, set()).update(lengths)
    return {prefix: frozenset(lengths) for prefix, lengths in table.items()}


_lengths: dict[bytes, frozenset[int]] = {}
_NONE: frozenset[int] = frozenset()


def card_prefixes() -> list[str]:
    """Return the first four digits that cards may have."""
    return [prefix.decode() for prefix in _lengths_by_prefix()]


def is_card(digits: bytes) -> bool:
    """Say whether `digits` is a payment card number: family, length, check digit."""
    if not _lengths:
        _lengths.update(_lengths_by_prefix())
    count = len(digits)
    if count not in _lengths.get(digits[:4], _NONE):
        return False
    if count == 15 and b"1380" <= digits[:4] <= b"1407":
        return False  # identifiers of threads (0x7e... to 0x7fff...), far more often than UATP cards
    # Luhn's sum, ISO/IEC 7812-1
    return (sum(digits[-1::-2] + digits[-2::-2].translate(_DOUBLED)) - _ZERO * count) % 10 == 0


#: Length of an IBAN by country: SWIFT, IBAN Registry, release 99.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip


_AS_NUMBERS = str.maketrans({chr(ord("A") + i): str(10 + i) for i in range(26)})


def is_iban(compact: str) -> bool:
    """Say whether `compact`, without separators, is an IBAN: country, length, mod 97 (ISO 13616-1, ISO 7064)."""
    text = compact.upper()
    if compact not in {text, compact.lower()}:
        return False
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text.isascii() or not text.isalnum():
        return False
    return int((text[4:] + text[:4]).translate(_AS_NUMBERS)) % 97 == 1


_OCTETS = frozenset(map(str, range(256)))
_LOCAL_FIRST = frozenset({"0", "10", "127"})
_PERHAPS_LOCAL = frozenset({"100", "169", "172", "192", "255"})


def is_ipv4(text: str, *, local_too: bool) -> bool:
    """Say whether `text`, four numbers with dots between, is an address (RFC 791, 6943), a local one if asked for.

    Local are 0/8, 10/8, 127/8 (RFC 1122), 172.16/12, 192.168/16 (RFC 1918), 169.254/16 (RFC 3927), 100.64/10
    (RFC 6598) and broadcast. Examples' ranges (RFC 5737) are not: examples should look as the real thing does.
    """
    numbers = text.split(".")
    if not _OCTETS.issuperset(numbers):
        return False
    if local_too:
        return True
    first = numbers[0]
    if first not in _PERHAPS_LOCAL:
        return first not in _LOCAL_FIRST
    second = numbers[1]
    return not (
        (first == "192" and second == "168")
        or (first == "172" and 16 <= int(second) <= 31)
        or (first == "169" and second == "254")
        or (first == "100" and 64 <= int(second) <= 127)
        or text == "255.255.255.255"
    )


def is_ipv6(text: str, *, local_too: bool) -> bool:
    """Say whether `text`, hexadecimal groups and colons, is an IPv6 address (RFC 4291, 2.2), a local one if asked for.

    Local are loopback and unspecified, ``fc00::/7`` (RFC 4193) and ``fe80::/10``. Hardware addresses (EUI-64: eight
    groups of two), scopes (``abc::def``) and bare colons are none.
    """
    head, gap, tail = text.partition("::")
    groups = (head.split(":") if head else []) + (tail.split(":") if tail else [])
    if not groups or "" in groups or not any(map(str.isdigit, text)):
        return False
    last = groups[-1]
    embedded = "." in last
    if embedded and not is_ipv4(last, local_too=True):
        return False
    count = len(groups) + embedded
    if count > 7 if gap else count != 8:
        return False
    if count == 8 and all(len(group) == 2 for group in groups):
        return False
    if local_too:
        return True
    if embedded and set("".join(groups[:-1]).lower()) <= {"0", "f"}:
        return is_ipv4(last, local_too=False)
    if not head:
        return bool(groups[:-1]) or len(last) > 4
    first = int(groups[0], 16)
    return not (0xFC00 <= first <= 0xFDFF or 0xFE80 <= first <= 0xFEBF)
