"""How the tables of a state that several nodes write to side by side become one.

In: two tables. Out: a third; neither that came in is written to. A leaf: the state's schema names these functions, and
recovery knows them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeGuard

PERFORMANCE: Final = "performance"
DEGRADED: Final = "degraded"


def merge_recovery(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return two tables as one: a reducer for the channels that guarded nodes write to side by side.

    Tables in tables are merged, None takes a key out, and ``degraded`` names the agents whose last answer is a
    fallback's.
    """
    merged: dict[str, Any] = dict(before or {})
    for key, value in (after or {}).items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = merge_recovery(old, value)
        else:
            merged[key] = value
    if isinstance(merged.get(PERFORMANCE), Mapping):
        mark_degraded(merged)
    return merged


def mark_degraded(context: dict[str, Any]) -> None:
    """Write into `context` which agents' last answer is a fallback's."""
    performance = context.get(PERFORMANCE) or {}
    degraded = [name for name, entry in performance.items() if _is_mapping(entry) and entry.get("status") == "fallback"]
    if degraded:
        context[DEGRADED] = sorted(degraded)
    else:
        context.pop(DEGRADED, None)


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    # Nearly all are dicts, and asking an abstract class costs ten times as much.
    return value.__class__ is dict or isinstance(value, Mapping)
