"""Through nested values: copies only what changes, ends on every input.

In: a redactor and any value. Out: the same object if it is clean, else a copy that shares its clean parts. Objects
are looked at through what a renderer would show of them: fields, or ``str`` and ``repr``. A value that fails when
looked at is replaced, as is all below `MAX_DEPTH`; a value that contains itself is cut where it begins again.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import enum
import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from universal_framework.observability.redaction import _names

if TYPE_CHECKING:
    from universal_framework.observability.redaction._redactor import Redactor

MAX_DEPTH = 64
TOO_DEEP = "[TOO_DEEP]"
CYCLE = "[CYCLE]"
UNREADABLE = "[UNREADABLE]"

#: Show nothing but themselves.
_PLAIN_KINDS = frozenset(
    {
        bool,
        type(None),
        type(Ellipsis),
        type,
        dt.datetime,
        dt.date,
        dt.time,
        dt.timedelta,
        dt.timezone,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
    },
)
#: Numbers below have no more than six digits.
_SMALL = 1_000_000
_NUMBERS = frozenset({int, float})
#: No secret is shorter (``pwd=x``).
_SHORTEST = 5
_SELDOM_SECRET = frozenset({"pass", "token"})

_RUNNING = object()
#: What becomes of a reference from a value back to itself: it stays, or it is cut.
_BEHIND, _CUT = object(), object()
#: The depth of the fields of an event; their names are the logger's business.
_TOP = -1
_SECRET = _names.SECRET


def redacted(redactor: Redactor, value: object) -> object:
    """Return `value` without secrets."""
    try:
        walk = _Walk(redactor, _BEHIND)
        result = walk.visit(value, _names.PLAIN, 0)
        if walk.found_cycle and result is not value:  # the copy must not point back into the original
            result = _Walk(redactor, _CUT).visit(value, _names.PLAIN, 0)
    except Exception:  # noqa: BLE001 - objects of the caller's run their own code here
        return UNREADABLE
    return result


def redacted_fields(redactor: Redactor, fields: Mapping[str, object]) -> Mapping[str, object]:
    """Return `fields` without secrets; their own names stay."""
    walk = _Walk(redactor, _BEHIND)
    result = walk.items(fields, _TOP)
    if walk.found_cycle and result is not fields:  # the copy must not point back into the original
        result = _Walk(redactor, _CUT).items(fields, _TOP)
    return result  # type: ignore[return-value]


class _Walk:
    """One pass: what is being visited, and what came of what has been."""

    __slots__ = ("_cut", "_done", "_kept", "_redactor", "found_cycle")

    def __init__(self, redactor: Redactor, cut: object) -> None:
        self._redactor = redactor
        self._cut = cut is _CUT
        self._done: dict[int | tuple[int, str], object] = {}
        self._kept: list[object] = []
        self.found_cycle = False

    def visit(self, value: object, verdict: str, depth: int) -> object:
        kind = type(value)
        if kind is str:
            return self._redactor.named_text(value, verdict)  # type: ignore[arg-type]
        if kind is int or kind is float:
            return self._number(value, verdict)  # type: ignore[arg-type]
        if kind in _PLAIN_KINDS:
            return value
        if depth > MAX_DEPTH:
            return TOO_DEEP
        if kind is dict:
            return self._dict(value, depth)  # type: ignore[arg-type]
        place = id(value), verdict
        known = self._done.get(place)
        if known is _RUNNING:
            self.found_cycle = True
            return CYCLE if self._cut else value
        if known is not None:
            return known
        self._done[place] = _RUNNING
        self._kept.append(value)  # an id is good only as long as its object
        try:
            result = self._composite(value, verdict, depth)
        except RecursionError:
            result = TOO_DEEP
        except Exception:  # noqa: BLE001 - objects of the caller's run their own code here
            result = UNREADABLE
        self._done[place] = result
        return result

    def _dict(self, value: dict[object, object], depth: int) -> object:
        if depth > MAX_DEPTH:
            return TOO_DEEP
        place = id(value)
        known = self._done.get(place)
        if known is not None:
            if known is not _RUNNING:
                return known
            self.found_cycle = True
            return CYCLE if self._cut else value
        self._done[place] = _RUNNING
        result = self._done[place] = self.items(value, depth)
        if result is not value:
            self._kept.append(value)  # an id is good only as long as its object
        return result

    def _composite(self, value: object, verdict: str, depth: int) -> object:
        if type(value).__module__ == "uuid":
            return value
        if type(value) is list:
            return self._collection(value, verdict, depth)
        if isinstance(value, enum.Enum):
            plain = self.visit(value.value, verdict, depth + 1)
            return value if plain is value.value else plain
        if isinstance(value, str):
            text = str.__str__(value)
            new = self._redactor.named_text(text, verdict)
            return value if new == text else new
        if isinstance(value, Mapping):
            return self.items(value, depth)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._bytes(value, verdict)
        if isinstance(value, tuple):
            return self._tuple(value, verdict, depth)
        if isinstance(value, (list, AbstractSet)) or (isinstance(value, Sequence) and not isinstance(value, range)):
            return self._collection(value, verdict, depth)
        if isinstance(value, (int, float)):
            return self._number(value, verdict)
        names = _field_names(value)
        if names is not None:
            return self._object(value, names, depth)
        return self._shown(value, verdict)

    def items(self, mapping: Mapping[Any, object], depth: int) -> object:
        """Return `mapping` without secrets, as a dict if it changes."""
        redactor = self._redactor
        known, clean, numbers = redactor.known_names, redactor.known_clean, redactor.looks_at_numbers
        mask = redactor.secret_mask
        changes: dict[object, object] = {}
        for key, value in mapping.items():
            verdict = known.get(key)
            if verdict is None:
                verdict = redactor.verdict(key)
                if depth != _TOP and self.visit(key, _names.PLAIN, depth + 1) is not key:
                    return self._renamed(mapping, depth)
            kind = type(value)
            if verdict is _SECRET:
                if kind is str and mask is not None:
                    new = mask if value and value[:7] != "[SECRET" else value  # type: ignore[index]
                else:
                    new = self._secret(key, value)
                    if new is not value and redactor.drops_secrets:
                        return self._renamed(mapping, depth)
            elif kind is str:
                if value in clean[verdict] or len(value) < _SHORTEST:  # type: ignore[arg-type]
                    continue
                new = redactor.new_text(value, verdict)  # type: ignore[arg-type]
            elif kind is dict:
                new = self._dict(value, depth + 1)  # type: ignore[arg-type]
            elif value is None or kind is bool or (kind in _NUMBERS and -_SMALL < value < _SMALL and not numbers):  # type: ignore[operator]
                continue
            else:
                new = self.visit(value, verdict, depth + 1)
            if new is not value:
                changes[key] = new
        if not changes:
            return mapping
        return {**mapping, **changes}

    def _renamed(self, mapping: Mapping[Any, object], depth: int) -> dict[object, object]:
        """Return `mapping` without secrets in names either, and without those fields that are to be dropped."""
        redactor = self._redactor
        result: dict[object, object] = {}
        for key, value in mapping.items():
            verdict = redactor.verdict(key)
            if verdict is _SECRET:
                new = self._secret(key, value)
                if new is not value and redactor.drops_secrets:
                    continue
            else:
                new = self.visit(value, verdict, depth + 1)
            result[_free(self.visit(key, _names.PLAIN, depth + 1), result)] = new
        return result

    def _secret(self, key: object, value: object) -> object:
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, (int, float)) and isinstance(key, str) and key.lower() in _SELDOM_SECRET:
            return value
        if isinstance(value, str) and value.startswith("[SECRET"):
            return value
        return self._redactor.secret(value)

    def _number(self, value: float, verdict: str) -> object:
        if -_SMALL < value < _SMALL and not self._redactor.looks_at_numbers:
            return value
        if isinstance(value, float):
            if not value.is_integer() or abs(value) >= 1e19:
                return value
            whole = int(value)
        else:
            whole = value
        if whole.bit_length() > 128:
            return value
        text = str(whole)
        new = self._redactor.named_text(text, verdict)
        return value if new is text else new

    def _bytes(self, value: bytes | bytearray | memoryview, verdict: str) -> object:
        raw = bytes(value)
        text = raw.decode("utf-8", "surrogateescape")
        new = self._redactor.named_text(text, verdict)
        return value if new is text else new.encode("utf-8", "surrogateescape")

    def _tuple(self, value: tuple[object, ...], verdict: str, depth: int) -> object:
        names = getattr(value, "_fields", None)
        if isinstance(names, tuple) and len(names) == len(value):
            new = tuple(
                self._secret(name, item)
                if (said := self._redactor.verdict(name)) is _SECRET
                else self.visit(item, said, depth + 1)
                for name, item in zip(names, value, strict=True)
            )
            if _same(value, new):
                return value
            return type(value)._make(new)  # type: ignore[attr-defined]
        return self._collection(value, verdict, depth)

    def _collection(self, value: Sequence[object] | AbstractSet[object], verdict: str, depth: int) -> object:
        items = list(value)
        new = [
            self._pair(item, depth) if type(item) is tuple and len(item) == 2 else self.visit(item, verdict, depth + 1)
            for item in items
        ]
        if _same(items, new):
            return value
        if isinstance(value, tuple):
            return tuple(new)
        if isinstance(value, AbstractSet):
            return frozenset(new) if isinstance(value, frozenset) else set(new)
        return new

    def _pair(self, pair: tuple[object, object], depth: int) -> object:
        """A name and a value, as lists of headers hold them."""
        name, value = pair
        verdict = self._redactor.verdict(name)
        if verdict is _SECRET and isinstance(value, (str, bytes)):
            secret = self._secret(name, value)
            if secret is value:
                return pair
            return (name, secret if isinstance(value, str) else str(secret).encode())
        new = self.visit(name, _names.PLAIN, depth + 1), self.visit(value, verdict, depth + 1)
        return pair if _same(pair, new) else new

    def _object(self, value: object, names: Sequence[str], depth: int) -> object:
        changes: dict[str, object] = {}
        for name in names:
            old = getattr(value, name, None)
            verdict = self._redactor.verdict(name)
            new = self._secret(name, old) if verdict is _SECRET else self.visit(old, verdict, depth + 1)
            if new is not old:
                changes[name] = new
        if not changes:
            return self._shown(value, _names.PLAIN) if _shows_itself(value) else value
        return _with(value, changes)

    def _shown(self, value: object, verdict: str) -> object:
        """An object that a renderer shows as text: that text, if it holds a secret."""
        text, detail = str(value), repr(value)
        new = self._redactor.named_text(text, verdict)
        shown = self._redactor.named_text(detail, verdict)
        if new is not text:
            return Shown.of(new, shown)
        return value if shown is detail else Shown.of(shown, shown)


class Shown(str):
    """What an object shows of itself, redacted: ``%s`` and ``%r`` of a message give what they gave of the object."""

    __slots__ = ("detail",)

    detail: str

    @classmethod
    def of(cls, text: str, detail: str) -> Shown:
        """Return `text`, whose ``repr`` is `detail`."""
        made = cls(text)
        made.detail = detail
        return made

    def __repr__(self) -> str:
        return self.detail


def _same(old: Sequence[object], new: Sequence[object]) -> bool:
    return all(map(lambda one, other: one is other, old, new))


def _free(key: object, taken: Mapping[object, object]) -> object:
    """Return `key`, numbered if two names became one."""
    if key not in taken or not isinstance(key, str):
        return key
    number = 2
    while f"{key}#{number}" in taken:
        number += 1
    return f"{key}#{number}"


def _field_names(value: object) -> list[str] | None:
    """Return the names of the fields of a dataclass, a pydantic model or an attrs class; None for other objects."""
    kind = type(value)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    model_fields = getattr(kind, "model_fields", None)
    if isinstance(model_fields, dict) and hasattr(kind, "model_copy"):
        extra = getattr(value, "__pydantic_extra__", None) or {}
        return [*model_fields, *extra]
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return [attribute.name for attribute in attributes]
    return None


def _shows_itself(value: object) -> bool:
    """Say whether the class writes its own text, which may show more than its fields."""
    kind = type(value)
    return "__str__" in vars(kind) or ("__repr__" in vars(kind) and not dataclasses.is_dataclass(kind))


def _with(value: object, changes: Mapping[str, object]) -> object:
    """Return a copy of `value` with other field values; its names and values as a dict if it cannot be copied."""
    try:
        if hasattr(value, "model_copy"):
            return value.model_copy(update=dict(changes))
        new = copy.copy(value)
        for name, item in changes.items():
            object.__setattr__(new, name, item)
    except Exception:  # noqa: BLE001 - copying runs the class's own code
        names = _field_names(value) or ()
        return {name: changes[name] if name in changes else getattr(value, name, None) for name in names}
    return new
