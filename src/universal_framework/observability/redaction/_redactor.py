"""A policy, compiled: texts, values, fields and records in, the same without secrets out.

What is clean comes back as the very same object. What is not is copied as far as it must change; nothing that
the caller holds is altered. No method raises: what cannot be looked at is withheld (`UNREADABLE`), never let through.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from universal_framework.observability.redaction import _gate, _names, _records, _walk
from universal_framework.observability.redaction._find import Finder, Finding
from universal_framework.observability.redaction._policy import Mode, Policy
from universal_framework.observability.redaction._replace import Replacer

#: Stands for a value that could not be looked at.
UNREADABLE = "[UNREADABLE]"

#: No secret is shorter (``pwd=x``).
SHORTEST = 5
#: Letters alone are no secret up to this length.
_WORD = 15
_UUID = 36
#: Names and tuples of names that are remembered; beyond, the memory starts anew.
_REMEMBERED = 4096
_LONGEST_NAME = 64
#: Longest text, in characters, that is remembered as clean.
_SHORT = 128


def _no_id(_text: str) -> bool:
    return False


class Redactor:
    """What a policy means, ready to use; immutable, safe to share between threads."""

    __slots__ = (
        "__weakref__",
        "_fewer",
        "_find",
        "_finder",
        "_keeps_secrets",
        "_masks",
        "_more",
        "_plans",
        "_replaced",
        "_replacer",
        "drops_secrets",
        "known_clean",
        "known_names",
        "knows_id",
        "looks_at_numbers",
        "may_hold",
        "policy",
        "secret_mask",
    )

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = DEFAULT if policy is None else policy
        self._more = frozenset(map(_names.joined, self.policy.keys))
        self._fewer = frozenset(map(_names.joined, self.policy.not_keys))
        #: Verdicts on names that hold no secret themselves, and texts that hold none, by verdict on their name.
        self.known_names: dict[str, str] = {}
        self.known_clean: dict[str, set[str]] = {verdict: set() for verdict in _names.VERDICTS}
        self._plans: dict[tuple[str, ...], bool] = {}
        self._finder = Finder(self.policy, self.sensitive_key)
        self._find = self._finder.find
        self._replacer = Replacer(self.policy)
        self._replaced, self._masks = self._replacer.replaced, self._replacer.masks
        #: Whether a number of any size may be something.
        self.looks_at_numbers = bool(self.policy.detectors)
        #: What hides every value of a sensitive name, or None; whether such fields are left out.
        self.secret_mask = self._replacer.mask("SECRET")
        self.drops_secrets = self._replacer.drops("SECRET")
        self._keeps_secrets = self.policy.modes.get("SECRET") is Mode.KEEP
        #: ``may_hold(rendered: bytes) -> bool``: false means that no value of the rendered JSON object, and no name
        #: inside one of its values, gives anything to redact. Names of top-level fields are for `fields`.
        #: ``knows_id(text: str) -> object``: true for ids that nothing of this policy could be.
        self.knows_id = _no_id if self.policy.detectors else _gate.is_identifier
        self.may_hold = _gate.build((one.requires for one in self.policy.detectors), self._more)

    def find(self, text: str) -> list[Finding]:
        """Return what would be redacted in `text`, in order."""
        return [Finding(*span) for span in self._finder.find(text, _names.PLAIN)]

    def text(self, text: str) -> str:
        """Return `text` without secrets; the same object if there are none."""
        return self.named_text(text, _names.PLAIN)

    def named_text(self, text: str, verdict: str) -> str:
        """Return `text` without secrets; `verdict` is what the value's name says of it (`verdict`)."""
        if len(text) < SHORTEST or text in self.known_clean[verdict]:
            return text
        return self.new_text(text, verdict)

    def new_text(self, text: str, verdict: str) -> str:
        """Do the same with a text that is long enough, and is not remembered."""
        try:
            if not (
                (text.isalnum() and ((len(text) <= _WORD and text.isalpha()) or self.knows_id(text)))
                or (len(text) == _UUID and self.knows_id(text))
            ) and (findings := self._find(text, verdict)):
                if len(findings) == 1:
                    entity, start, end = findings[0]
                    if mask := self._masks.get(entity):
                        return f"{text[:start]}{mask}{text[end:]}"
                return self._replaced(text, findings)
        except Exception:  # noqa: BLE001 - a custom detector may fail; then the text must not get through
            return UNREADABLE
        if len(text) <= _SHORT:  # spare a text that keeps coming the next look; secrets are never remembered
            clean = self.known_clean[verdict]
            if len(clean) >= _REMEMBERED:
                clean.clear()
            clean.add(text)
        return text

    def exception_text(self, text: str) -> str:
        """Return a rendered traceback without secrets: in messages, notes, causes and quoted source lines."""
        return self.text(text)

    def value(self, value: object) -> object:
        """Return any value without secrets, however deep they are.

        Containers, dataclasses, attrs classes and pydantic models come back as what they were (mappings as dicts);
        an object of another kind whose ``str`` or ``repr`` holds a secret comes back as redacted text.
        """
        return _walk.redacted(self, value)

    def fields(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return the fields of an event without secrets: values of sensitive names, and secrets in all others."""
        try:
            return _walk.redacted_fields(self, fields)
        except Exception:  # noqa: BLE001 - a mapping of the caller's may fail; its values must not get through
            return {"redaction": UNREADABLE}

    def clean_names(self, names: tuple[str, ...]) -> bool:
        """Say whether no field name of `names` is sensitive: with `may_hold` false, the event is clean as it is."""
        clean = self._plans.get(names)
        return self._planned(names) if clean is None else clean

    def sensitive_key(self, key: str) -> bool:
        """Say whether a value called `key` is secret whatever it looks like."""
        return self.verdict(key) is _names.SECRET

    def verdict(self, key: object) -> str:
        """Return what the name of a value says of it: secret, telephone, identifier, or plain."""
        if type(key) is not str:
            if isinstance(key, bytes):
                key = key.decode("latin-1")
            if not isinstance(key, str):
                return _names.PLAIN
        known = self.known_names.get(key)
        if known is None:
            known = _names.verdict(key, self._more, self._fewer)
            if known is _names.SECRET and self._keeps_secrets:
                known = _names.PLAIN
            if len(key) <= _LONGEST_NAME and self.named_text(key, _names.PLAIN) is key:
                if len(self.known_names) >= _REMEMBERED:
                    self.known_names.clear()
                self.known_names[key] = known
        return known

    def secret(self, value: object) -> str:
        """Return what stands for a `value` whose name is sensitive."""
        try:
            return self._replacer.replace("SECRET", value if isinstance(value, str) else str(value))
        except Exception:  # noqa: BLE001 - str() of a caller's object
            return "[SECRET]"

    def record(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return `record` without secrets for handlers of any kind; the same object if there are none."""
        return _records.redacted(self, record)

    def _planned(self, names: tuple[str, ...]) -> bool:
        clean = _names.SECRET not in map(self.verdict, names)
        if len(names) <= _LONGEST_NAME and all(name in self.known_names for name in names):
            if len(self._plans) >= _REMEMBERED:
                self._plans.clear()
            self._plans[names] = clean
        return clean


#: Masks everything, public IP addresses included.
DEFAULT = Policy()

_compiled: WeakKeyDictionary[Policy, Redactor] = WeakKeyDictionary()


def compiled(policy: Policy) -> Redactor:
    """Return the redactor of `policy`, made once."""
    redactor = _compiled.get(policy)
    if redactor is None:
        redactor = _compiled[policy] = Redactor(policy)
    return redactor


def redact(value: object, policy: Policy = DEFAULT) -> object:
    """Return `value` - a text, a number, or anything nested - without secrets.

    >>> redact({"user": "jane.doe@example.com", "password": "hunter2", "attempts": 3})
    {'user': '[EMAIL_ADDRESS]', 'password': '[SECRET]', 'attempts': 3}
    """
    return compiled(policy).value(value)
