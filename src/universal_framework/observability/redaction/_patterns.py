"""The shapes of everything but vendors' tokens and telephone numbers, each with the check that makes it sure.

In: nothing. Out: compiled patterns over folded text. All are bounded, begin at a left boundary, and use possessive
quantifiers, so that a hostile text costs linear time. Those for numbers begin with the digit itself and look back
afterwards, because `re` finds one of a few characters ten times as fast as it tries an assertion everywhere. What a
pattern cannot say (Luhn, mod 97, ranges) is said by a function of `_checks`.
"""

from __future__ import annotations

import re

from universal_framework.observability.redaction._lazy import Lazy

_LABEL = r"[^\W_](?:[\w-]{0,61}+)"

#: A local part, ``@`` or its percent-encoding, labels. RFC 5321, 6531; quoted local parts and address literals
#: are left out. The empty groups tell where the domain and its last label begin.
LONGEST_LOCAL = 128
EMAIL = Lazy(
    r"\w(?<![\w.+-].)[\w.+'-]{0,127}+(?:@|%40)()"
    rf"(?:{_LABEL}\.){{1,8}}()(?:xn--[A-Za-z0-9-]{{2,59}}|[^\W\d_]{{2,24}})(?![\w@])",
)

#: The ``user:password`` of an authority (RFC 3986, 3.2.1); the password may hold ``@`` unencoded.
URL_CREDENTIALS = Lazy(r"(?<=://)(?!\[)[^\s/:@\"'<>]{0,128}+:[^\s/\"'<>]{1,256}(?=@)")

#: JWS and JWE in compact form (RFC 7515, 7516): the header is a JSON object, so it begins with ``eyJ``.
JWT = Lazy(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,8192}+\."
    r"(?:eyJ[A-Za-z0-9_-]{7,16384}+\.[A-Za-z0-9_-]{0,2048}+|(?:[A-Za-z0-9_-]{10,8192}+\.){3}[A-Za-z0-9_-]{4,2048}+)",
)

PEM_BEGIN = Lazy(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
PEM_END = Lazy(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
#: What may follow the beginning of a key that was cut off.
PEM_BODY = Lazy(r"[A-Za-z0-9+/=\s\\,:\"'-]*+")

#: ``Authorization`` schemes (RFC 6750, 7617, 7616); the credentials are group 1.
AUTHORIZATION = Lazy(
    r"(?<![A-Za-z0-9])(?:[Bb]earer|BEARER|[Bb]asic|BASIC)[ \t:]{1,3}+([A-Za-z0-9._~+/-]{6,4096}+={0,2})",
)

#: The check digits of an IBAN, its country before them, as much of the rest as the shortest one has (ISO 13616).
IBAN = Lazy(r"[0-9](?<=[A-Za-z]{2}.)(?<![A-Za-z0-9][A-Za-z]{2}.)[0-9](?=(?:[ -]?[A-Za-z0-9]){11})")
IBAN_COUNTRY = 2

#: Twelve to nineteen digits: in one piece, or grouped as cards are printed.
CARD = Lazy(
    r"[0-9]{4}(?<![\w+]....)(?<![0-9][.-]....)(?:"
    r"[0-9]{8,15}"
    r"|[ .-]{1,2}[0-9]{4}[ .-]{1,2}[0-9]{4}[ .-]{1,2}[0-9]{1,4}(?:[ .-]{1,2}[0-9]{1,3})?"
    r"|([ .-])[0-9]{6}\1[0-9]{4,5}"
    r"|([ .-])[0-9]{4}\2[0-9]{5}"
    r"|([ .-])[0-9]{3}\3[0-9]{3}\3[0-9]{3}"
    r"|([ .-])[0-9]{5}\4[0-9]{6}"
    r"|[0-9]{2}([ .-])[0-9]{9,13}"
    r")(?![\w]|[.-][0-9])",
)

#: Three, two and four digits; without the dashes only where the text says what they are. Areas 000, 666 and 900-999,
#: group 00 and serial 0000 are never issued. https://www.ssa.gov/employer/randomization.html
SSN = Lazy(
    r"[0-8](?<![\w.+-].)[0-9]{2}(?<!000)(?<!666)([ .-]?)(?!00)[0-9]{2}\1(?!0000)[0-9]{4}(?![\w-]|\.[0-9])",
)
SSN_CONTEXT = Lazy(r"\b(?:ssn|ss#|social)", re.IGNORECASE)

IPV4 = Lazy(r"[0-9](?<![\w.-].)[0-9]{0,2}+\.(?:[0-9]{1,3}+\.){2}[0-9]{1,3}+(?![\w]|\.[0-9]|-[A-Za-z])")
#: What makes four numbers a version and no address.
VERSION_BEFORE = Lazy(
    r"(?:(?:\b|_)(?:v|rv|ver|version|release|rev|revision|build|section|chapter|oid|upgrad\w+|downgrad\w+)"
    r"[\"']?[ :=#]{0,3}(?:(?:to|from|is|was|of)[ ]{1,2})?|==|[<>~^!]=|[A-Za-z_]/)$",
    re.IGNORECASE,
)

#: Two to seven groups and colons, perhaps an IPv4 tail (RFC 4291, 2.2); the parser has the last word.
IPV6 = Lazy(
    r"(?<![\w:.])(?>(?:[0-9A-Fa-f]{0,4}:){2,7})(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:]|\.[0-9])",
)
