"""What a field may be called.

In: the fields of an event and the names that its output keeps for itself. Out: the same fields, those of such
a name as ``field.<name>``. No value is lost, whatever the names.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet

Fields = Mapping[str, object]

#: Keywords of a log call that are no fields.
CONTROLS = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})

#: The names that a `logging.LogRecord` holds itself, and the two that formatters put there.
RECORD_KEYS = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime"}


#: The keys that every JSON line keeps for itself.
RESERVED = frozenset({"timestamp", "level", "component", "logger", "event", "exception", "stack", "caller"})


def renamed(fields: Fields, fixed: AbstractSet[str]) -> dict[str, object]:
    """Return `fields`, in order, with each name that is in `fixed` as ``field.<name>``."""
    if fixed.isdisjoint(fields):
        return dict(fields)
    names = new_names(fields, fixed)
    return {names.get(key, key): value for key, value in fields.items()}


def new_names(names: Collection[str], fixed: AbstractSet[str]) -> dict[str, str]:
    """Return what those of `names` that are in `fixed` are to be called; no two names become one."""
    new: dict[str, str] = {}
    taken = {*names, *fixed}
    for name in names:
        if name in fixed:
            free = f"field.{name}"
            while free in taken:
                free = f"field.{free}"
            taken.add(free)
            new[name] = free
    return new
