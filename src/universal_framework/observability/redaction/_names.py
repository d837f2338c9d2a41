"""Which key names say that their value is a secret, or a telephone number, or surely none.

In: a key as it is written (``X-Api-Key``, ``dbPassword``, ``order_id``). Out: a verdict. The verdict looks at
the words at the end of the name, so that ``db_password`` is secret and ``password_reset_url``, ``token_count``
and ``max_tokens`` are not. https://github.com/pydantic/logfire/issues/123
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")

#: A key longer than this is no name.
_MAX_KEY = 128

#: Endings of names, as words without joints, that make the value a secret.
SECRET_ENDINGS = frozenset(
    """
    password passwd passwort passphrase passcode pwd pass secret secrets token authtoken apikey apisecret
    accesstoken refreshtoken idtoken bearertoken sessiontoken csrftoken xsrftoken authorization authentication
    proxyauthorization cookie cookies setcookie credential credentials
    apitoken secretkey accesskey accesskeyid privatekey signingkey encryptionkey accountkey masterkey sharedkey
    sharedaccesskey sharedaccesssignature hmackey authkey sshkey servicekey licensekey apppassword connectionstring
    sessionkey storagekey clientsecret webhooksecret
    ssn socialsecuritynumber socialsecurity
    creditcard creditcardnumber cardnumber cardno ccnumber ccnum cvv cvv2 cvc cvc2 cardverificationvalue
    iban bankaccountnumber accountnumber routingnumber pin pincode otp totp mfacode recoverycode privkey
    """.split(),
)

#: Names that end so and yet carry no secret: places in a list, kinds, guards of forms.
HARMLESS = frozenset(
    """
    pagetoken nextpagetoken nexttoken prevtoken previoustoken continuationtoken synctoken cursortoken
    continuetoken pass bypass firstpass lastpass stoptoken starttoken padtoken eostoken bostoken unktoken
    """.split(),
)

_TELEPHONE = frozenset(
    """
    phone telephone tel mobile cell cellphone fax msisdn whatsapp sms landline hotline phonenumber
    mobilenumber faxnumber contactnumber
    """.split(),
)
_IDENTIFIER = frozenset(
    """
    id ids uid uuid guid ref reference order orderid invoice ticket sku serial tracking isbn version build port pid
    commit sha hash trace span lat lon latitude longitude job batch offset seq sequence line bytes size count total
    amount price timestamp ts time date epoch duration ms ns us revision key index code zip postcode
    """.split(),
)

VERDICTS = SECRET, TELEPHONE, IDENTIFIER, PLAIN = "secret", "telephone", "identifier", "plain"


def words(key: str) -> list[str]:
    """Split `key` at ``-``, ``_``, dots, spaces and humps; in lower case."""
    return [word.lower() for word in _WORD.findall(key[:_MAX_KEY])]


def joined(key: str) -> str:
    """Return `key` without joints and in lower case: what two spellings of one name have in common."""
    return "".join(words(key))


def verdict(key: str, more: frozenset[str] = frozenset(), fewer: frozenset[str] = frozenset()) -> str:
    """Say what `key` says of its value; `more` and `fewer` are joined names that are and are not secret."""
    if key.startswith("["):  # a mask of ours
        return PLAIN
    parts = words(key)
    whole = "".join(parts)
    if whole in fewer:
        return PLAIN
    tails = {"".join(parts[-count:]) for count in range(1, min(len(parts), 6) + 1)}
    if not tails.isdisjoint(more):
        return SECRET
    if not tails.isdisjoint(SECRET_ENDINGS) and tails.isdisjoint(HARMLESS):
        return SECRET
    if not tails.isdisjoint(_TELEPHONE):
        return TELEPHONE
    if not tails.isdisjoint(_IDENTIFIER):
        return IDENTIFIER
    return PLAIN


def stems() -> tuple[str, ...]:
    """Return a few texts, one of which is in every joined secret name: what a first look searches for.

    The order is that of frequency. Joints (``api_key``, ``API-Key``) never cut a stem.
    """
    return ("pass", "secret", "token", "key", "auth", "cookie", "credential", "pwd", "connection", "signature",
            "ssn", "social", "card", "cc", "cv", "iban", "number", "pin", "otp", "code", "account")  # fmt: skip
