"""What takes the place of a secret.

In: its type and its text. Out: a token that no pattern of this package finds again: redacting twice is redacting
once.
"""

from __future__ import annotations

from collections.abc import Sequence

from universal_framework.observability.redaction._policy import ENTITIES, TOO_MANY, Mode, Policy

#: Hashes are written with letters only; digits might look like something to redact.
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
#: 80 bits: two of a million values collide with a chance of one in 10^12.
_HASH_LETTERS = 20

_SHORTEST_FOR_LAST_FOUR = 9
_NUMBERS = frozenset({"CREDIT_CARD", "US_SSN", "PHONE_NUMBER"})


class Replacer:
    """The modes of a policy."""

    def __init__(self, policy: Policy) -> None:
        self._modes = dict(policy.modes)
        self._key = policy.hmac_key or b""
        names = (*ENTITIES, *(detector.name for detector in policy.detectors))
        #: What hides a value without a look at it.
        self.masks = {name: f"[{name}]" for name in names if self._modes.get(name, Mode.MASK) is Mode.MASK}
        self.masks[TOO_MANY] = f"[{TOO_MANY}]"

    def mask(self, entity: str) -> str | None:
        """Return what hides every value of a type; None if it depends on the value."""
        return self.masks.get(entity)

    def drops(self, entity: str) -> bool:
        """Say whether fields of sensitive names are left out."""
        return self._modes.get(entity) is Mode.DROP

    def replaced(self, text: str, findings: Sequence[tuple[str, int, int]]) -> str:
        """Return `text` with something else in the place of each finding."""
        masks = self.masks
        if len(findings) == 1:
            entity, start, end = findings[0]
            mask = masks.get(entity) or self.replace(entity, text[start:end])
            return mask if end - start == len(text) else f"{text[:start]}{mask}{text[end:]}"
        pieces = []
        done = 0
        for entity, start, end in findings:
            pieces.append(text[done:start])
            pieces.append(masks.get(entity) or self.replace(entity, text[start:end]))
            done = end
        pieces.append(text[done:])
        return "".join(pieces)

    def replace(self, entity: str, secret: str) -> str:
        """Return what stands in a text instead of `secret`."""
        mask = self.masks.get(entity)
        if mask is not None:
            return mask
        mode = self._modes[entity]
        if mode is Mode.DROP:
            return ""
        if mode is Mode.HASH:
            return f"[{entity}:{self.hashed(entity, secret)}]"
        core = "".join([char for char in secret if char.isalnum()])
        return f"[{entity}:{core[-4:]}]" if len(core) >= _SHORTEST_FOR_LAST_FOUR else f"[{entity}]"

    def hashed(self, entity: str, secret: str) -> str:
        """Return HMAC-SHA-256 of type and value (RFC 2104), spelling apart: two ways to write one card agree."""
        import hashlib
        import hmac

        if entity in _NUMBERS:
            core = "".join([char for char in secret if char.isdigit()])
        elif entity == "IBAN_CODE":
            core = "".join([char for char in secret if char.isalnum()]).upper()
        elif entity == "EMAIL_ADDRESS":
            core = secret.replace("%40", "@").lower()
        else:
            core = secret
        message = f"{entity}\0{core}".encode("utf-8", "surrogatepass")
        digest = hmac.new(self._key, message, hashlib.sha256).hexdigest()
        return digest[:_HASH_LETTERS].translate(_LETTERS)
