"""What to redact and how: a policy is a value, checked when it is made.

In: what the caller wants. Out: a frozen `Policy`, or a ``ValueError``/``TypeError`` that says which setting is
wrong and what it may be. Nothing here looks at a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

from universal_framework.observability.redaction import _names
from universal_framework.observability.redaction._lazy import Lazy

#: The types that are found without a custom detector; names follow Presidio where it has one.
#: https://microsoft.github.io/presidio/supported_entities/
ENTITIES = (
    "PRIVATE_KEY",
    "URL_CREDENTIALS",
    "JWT",
    "API_TOKEN",
    "AUTHORIZATION",
    "SECRET",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "CREDIT_CARD",
    "US_SSN",
    "IP_ADDRESS",
    "PHONE_NUMBER",
)

#: What the rest of a text is called that holds more secrets than are hidden one by one; always masked.
TOO_MANY = "TOO_MANY"

#: What a first look says beside types: none of a text's tokens has a mark.
UNMARKED = "no token with a mark"

#: Shortest key that HMAC-SHA-256 should be given here, in bytes.
MIN_HMAC_KEY = 16

Choice = TypeVar("Choice", bound=Enum)
_NAME = Lazy(r"[A-Z][A-Z0-9_]{1,63}")


class Mode(str, Enum):
    """What takes the place of a value that was found."""

    #: ``[EMAIL_ADDRESS]``
    MASK = "mask"
    #: ``[CREDIT_CARD:1111]``: the last four letters or digits stay, if the value has at least nine.
    KEEP_LAST_FOUR = "keep_last_four"
    #: ``[EMAIL_ADDRESS:hbkdcnajcdkfmgbpeolf]``: a keyed hash, the same in every process that has the key.
    HASH = "hash"
    #: Nothing: the text closes over it, a field of a sensitive name goes.
    DROP = "drop"
    #: The value stays as it is: this type is not looked for.
    KEEP = "keep"


class IpScope(str, Enum):
    """Which IP addresses are personal."""

    #: None.
    OFF = "off"
    #: All but loopback, private, link-local, shared and unspecified ones (RFC 1918, 3927, 4193, 6598).
    PUBLIC = "public"
    #: Every one.
    ALL = "all"


class Engine(str, Enum):
    """What looks through long texts; what is found is the same."""

    #: Nothing but the standard library.
    PURE = "pure"
    #: Hyperscan, which must be installed (``pip install 'logshift[hyperscan]'``): a first look that spares the second.
    HYPERSCAN = "hyperscan"


@dataclass(frozen=True, slots=True)
class Detector:
    """A type of your own.

    Attributes:
        name: What the type is called in masks and in `Policy.modes`: capitals, digits and underscores.
        find: A compiled pattern, or a function that returns the ``(start, end)`` pairs of a text.
        requires: Texts of which at least one is in every value that is found. They let clean events pass the gate
            unread; without them every event is looked at in full.
        accept: A second look at a match of the pattern: false keeps the text as it is.
    """

    name: str
    find: re.Pattern[str] | Callable[[str], Iterable[tuple[int, int]]]
    requires: tuple[str, ...] = ()
    accept: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(str(self.name)):
            raise ValueError(f"Detector.name: {self.name!r} is not of the form MEMBER_ID (2 to 64 capitals, digits, _)")
        if self.name in {*ENTITIES, TOO_MANY}:
            raise ValueError(f"Detector.name: {self.name} is a built-in type; choose another name")
        if isinstance(self.find, re.Pattern):
            if not isinstance(self.find.pattern, str):
                raise TypeError(f"Detector {self.name}: find is a pattern over bytes; compile one over str")
            if self.find.match(""):
                raise ValueError(f"Detector {self.name}: the pattern matches the empty text")
        elif not callable(self.find):
            raise TypeError(f"Detector {self.name}: find is neither a compiled pattern nor a function")
        requires: object = self.requires
        if not isinstance(requires, tuple) or not all(isinstance(text, str) and text for text in requires):
            raise TypeError(f"Detector {self.name}: requires is not a tuple of texts, each of them not empty")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Policy:
    """What is redacted, and what takes its place.

    Attributes:
        modes: The mode by type; a type that is not named is masked.
        keys: Key names whose values are secret whatever they look like, beside those known already. Case,
            ``-``, ``_`` and camelCase make no difference; a name also covers longer ones that end with it
            (``password``: ``db_password``, ``dbPassword``).
        not_keys: Key names that are not secret after all; exact up to spelling, stronger than `keys`.
        detectors: Types of your own.
        ip: Which IP addresses count.
        engine: What looks through long texts.
        hmac_key: Secret key of ``Mode.HASH``, at least 16 bytes.
    """

    modes: Mapping[str, Mode] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    not_keys: frozenset[str] = frozenset()
    detectors: tuple[Detector, ...] = ()
    ip: IpScope = IpScope.PUBLIC
    engine: Engine = Engine.PURE
    hmac_key: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "detectors", _checked_detectors(self.detectors))
        put(self, "modes", _checked_modes(self.modes, {detector.name for detector in self.detectors}))
        put(self, "keys", _checked_keys("keys", self.keys))
        put(self, "not_keys", _checked_keys("not_keys", self.not_keys))
        put(self, "ip", _checked_choice("ip", IpScope, self.ip))
        put(self, "engine", _checked_choice("engine", Engine, self.engine))
        if self.engine is Engine.HYPERSCAN and not _is_installed("hyperscan"):
            raise ValueError("Policy.engine: hyperscan is not installed; pip install 'logshift[hyperscan]'")
        if self.hmac_key is not None and not isinstance(self.hmac_key, bytes):
            raise TypeError(f"Policy.hmac_key: bytes are expected, not {type(self.hmac_key).__name__}")
        if self.hmac_key is not None and len(self.hmac_key) < MIN_HMAC_KEY:
            raise ValueError(f"Policy.hmac_key: {len(self.hmac_key)} bytes are too few; give at least {MIN_HMAC_KEY}")
        if self.hmac_key is None and Mode.HASH in self.modes.values():
            raise ValueError("Policy.hmac_key: mode 'hash' needs a key; give at least 16 secret bytes")


def _is_installed(library: str) -> bool:
    from importlib.util import find_spec

    return find_spec(library) is not None


def _checked_detectors(detectors: Iterable[Detector]) -> tuple[Detector, ...]:
    found = tuple(detectors)
    for detector in found:
        if not isinstance(detector, Detector):
            raise TypeError(f"Policy.detectors: {type(detector).__name__} is not a Detector")
    names = [detector.name for detector in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"Policy.detectors: {name} is there twice")
    return found


def _checked_modes(modes: Mapping[str, Mode], custom: set[str]) -> Mapping[str, Mode]:
    if not isinstance(modes, Mapping):
        raise TypeError(f"Policy.modes: a mapping of type to mode is expected, not {type(modes).__name__}")
    known = {*ENTITIES, *custom}
    for name in modes:
        if name not in known:
            raise ValueError(f"Policy.modes: unknown type {name!r}; known are {', '.join(sorted(known))}")
    return MappingProxyType({name: _checked_choice(f"modes[{name}]", Mode, mode) for name, mode in modes.items()})


def _checked_keys(setting: str, keys: Iterable[str]) -> frozenset[str]:
    if isinstance(keys, str):
        raise TypeError(f"Policy.{setting}: a set of names is expected, not one text")
    found = frozenset(keys)
    for key in found:
        if not _names.words(str(key)):
            raise ValueError(f"Policy.{setting}: {key!r} is not a key name")
    return found


def _checked_choice(setting: str, kind: type[Choice], value: object) -> Choice:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(str(one.value) for one in kind)
        raise ValueError(f"Policy.{setting}: {value!r} is none of {choices}") from None
