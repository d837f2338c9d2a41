"""Reading and writing the state of a workflow, whichever kind it is.

In: a state – a mapping, a pydantic model or a dataclass – and changes. Out: another state of the same kind; the one
that came in is never written to. For LangGraph: only the keys that changed, since a node that returns its whole state
doubles every channel with a reducer.
"""

from __future__ import annotations

import copy
import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from universal_framework.contracts.reducers import DEGRADED, PERFORMANCE, mark_degraded, merge_recovery

S = TypeVar("S")

Reducer = Callable[[Any, Any], Any]
Reducers = Mapping[str, Reducer]

_LAST_ERROR: Final = "last_error"
_FAILED: Final = "agent_execution_failed"

_BOOKS: Final = ("context_data", "error_recovery_state", "recovery_attempts")

#: What recovery writes into ``context_data``.
_OWN: Final = frozenset({PERFORMANCE, DEGRADED, _LAST_ERROR, _FAILED})


def _is_mapping(value: object) -> TypeGuard[Mapping[str, Any]]:
    # Nearly all are dicts, and asking an abstract class costs ten times as much.
    return value.__class__ is dict or isinstance(value, Mapping)


def kind_of(state: object) -> type:
    """Return the kind of `state`: Mapping, BaseModel, or object for a dataclass.

    Raises:
        TypeError: It is none of them.
    """
    if _is_mapping(state):
        return Mapping
    if isinstance(state, BaseModel):
        return BaseModel
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        return object
    raise TypeError(f"a state is a mapping, a pydantic model or a dataclass, not {type(state).__name__}")


def read(state: object, key: str) -> Any:
    """Return the value at `key`; None where there is none."""
    return state.get(key) if _is_mapping(state) else getattr(state, key, None)


def table(state: object, key: str) -> dict[str, Any]:
    """Return a copy of the table at `key`; an empty one where there is none, or something else."""
    value = read(state, key)
    return dict(value) if _is_mapping(value) else {}


def keys(state: object) -> tuple[str, ...]:
    """Return the names of what `state` holds."""
    if isinstance(state, Mapping):
        return tuple(state)
    if isinstance(state, BaseModel):
        return (*type(state).model_fields, *(state.model_extra or ()))
    return tuple(field.name for field in dataclasses.fields(state))  # type: ignore[arg-type]


def accepts(state: object, key: str) -> bool:
    """Return whether `state` has a place for `key`."""
    if isinstance(state, Mapping):
        return True
    if isinstance(state, BaseModel) and type(state).model_config.get("extra") == "allow":
        return True
    return key in keys(state)


def with_updates(state: S, updates: Mapping[str, Any]) -> S:
    """Return `state` with `updates`; those that it has no place for are left out."""
    if _is_mapping(state):
        merged = {**state, **updates}
        return merged if type(state) is dict else type(state)(merged)  # type: ignore[return-value, call-arg]
    fitting = {key: value for key, value in updates.items() if accepts(state, key)}
    if isinstance(state, BaseModel):
        return state.model_copy(update=fitting)
    return dataclasses.replace(state, **fitting)  # type: ignore[type-var]


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    return TypeAdapter(annotation)


def fitted(state: object, updates: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `updates` that `state` has a place for, as the types of its fields; the rest is left out."""
    if not isinstance(state, BaseModel):
        return {key: value for key, value in updates.items() if accepts(state, key)}
    fields, result = type(state).model_fields, {}
    for key, value in updates.items():
        if key in fields:
            try:
                result[key] = _adapter(fields[key].annotation).validate_python(value)
            except ValidationError:
                continue
        elif accepts(state, key):
            result[key] = value
    return result


def is_command(result: object) -> bool:
    """Return whether `result` is LangGraph's `Command`, or a list of such."""
    types = sys.modules.get("langgraph.types")
    if types is None or result.__class__ is dict:
        return False
    if isinstance(result, list | tuple):
        return bool(result) and all(isinstance(one, types.Command) for one in result)
    return isinstance(result, types.Command)


def fold(state: S, result: object) -> S:
    """Return `state` with what an agent gave: a whole state of any kind, some of its keys, or None for nothing.

    Raises:
        TypeError: `result` is nothing of that; it says what an agent may return.
    """
    if result is None or result is state:
        return state
    if not _is_mapping(result) and isinstance(result, type(state)):
        return result
    return with_updates(state, values(result))


def values(result: object) -> Mapping[str, Any]:
    """Return the keys and values of what an agent gave.

    Raises:
        TypeError: It has none.
    """
    if _is_mapping(result):
        return result
    if isinstance(result, BaseModel) or (dataclasses.is_dataclass(result) and not isinstance(result, type)):
        return {key: getattr(result, key) for key in keys(result)}
    raise TypeError(
        f"the agent returned {type(result).__name__}; it may return a state, a mapping of changes, Command or None"
    )


def handed(state: S) -> S:
    """Return `state` with lists, dicts and sets of its own, so that nothing is written into a graph's channels."""
    copies = {key: copy.copy(value) for key, value in values(state).items() if isinstance(value, list | dict | set)}
    return with_updates(state, copies)


def reducers(schema: object) -> Reducers:
    """Return the channels of a graph's schema that have a reducer: ``Annotated[list, operator.add]``."""
    try:
        hints = get_type_hints(schema, include_extras=True) if isinstance(schema, type) else {}
    except (NameError, TypeError):
        return {}  # a name that only its own module can resolve
    annotated = {name: get_args(hint)[1:] for name, hint in hints.items() if get_origin(hint) is Annotated}
    found = {name: [one for one in extras if callable(one)] for name, extras in annotated.items()}
    return {name: functions[-1] for name, functions in found.items() if functions}


def changes(before: Mapping[str, Any], result: object, reduced: Reducers) -> dict[str, Any]:
    """Return what a graph is to be told: the keys of `result` that differ from `before`.

    Of a channel with a reducer, only what was appended. A mapping is a whole state if it has all keys of the one that
    came in; of a state of one key, an equal value is taken for an update.

    Raises:
        TypeError: A whole state came back whose reduced channel does not begin with what it was: what was added
            cannot be known.
    """
    if result is None:
        return {}
    given = values(result)
    mapping = isinstance(result, Mapping)
    whole = not mapping or before.keys() <= given.keys()
    if mapping and len(before) == 1 and given == before:
        whole = False
    told: dict[str, Any] = {}
    for key, value in given.items():
        if key not in before or not whole:
            told[key] = value
        elif key in reduced:
            told.update(_added(before[key], value, key, reduced[key], strict=not mapping))
        elif value is not before[key] and value != before[key]:
            told[key] = value
    return told


def _added(before: object, after: object, key: str, reducer: Reducer, *, strict: bool) -> dict[str, Any]:
    """Return what the reducer of `key` is to be given, so that it makes `after` of `before`."""
    if after == before:
        return {}
    if reducer is merge_recovery and isinstance(after, Mapping):
        return {key: difference(before if isinstance(before, Mapping) else {}, after)}
    if isinstance(before, list) and isinstance(after, list) and after[: len(before)] == before:
        return {key: after[len(before) :]}
    if not before or not strict or not isinstance(after, list | tuple):
        return {key: after}
    raise TypeError(
        f"the agent returned its whole state, and {key!r} (a channel with a reducer) does not begin with what it was; "
        f"return only the changes: {{{key!r}: <what is new>}}"
    )


def books(
    before: object, after: object, agent: str, entry: Mapping[str, Any], error: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the keys of a state that tell of an execution: how long, how it ended, how often it failed in a row.

    Args:
        before: The state that the agent was given.
        after: What the agent made of it. What recovery keeps in ``context_data`` stays if the agent wrote it anew.
        agent: Its name.
        entry: What goes to ``context_data["performance"][agent]``.
        error: What goes to ``error_recovery_state[agent]``; None after a success, which clears what was there.
    """
    had: Mapping[str, Any] = after if after.__class__ is dict else {key: read(after, key) for key in _BOOKS}
    old, new = read(before, "context_data"), had.get("context_data")
    context: dict[str, Any] = dict(new) if _is_mapping(new) else {}
    if old is not new and _is_mapping(old):
        context = {**{key: old[key] for key in _OWN if key in old}, **context}
    known = context.get(PERFORMANCE)
    context[PERFORMANCE] = {**known, agent: entry} if _is_mapping(known) else {agent: entry}
    mark_degraded(context)
    had_errors, had_attempts = had.get("error_recovery_state"), had.get("recovery_attempts")
    written: dict[str, Any] = {"context_data": context}
    if error is None:
        if had_errors is not None:
            written["error_recovery_state"] = _without(had_errors, agent)
        if had_attempts is not None:
            written["recovery_attempts"] = _without(had_attempts, agent)
        last = context.get(_LAST_ERROR)
        if _is_mapping(last) and last.get("agent_name") == agent:
            del context[_LAST_ERROR]
            context.pop(_FAILED, None)
        return written
    errors, attempts = _without(had_errors, agent), _without(had_attempts, agent)
    failed = had_attempts.get(agent, 0) if _is_mapping(had_attempts) else 0
    written["error_recovery_state"] = {**errors, agent: dict(error)}
    written["recovery_attempts"] = {**attempts, agent: (failed if isinstance(failed, int) else 0) + 1}
    context[_LAST_ERROR] = dict(error)
    if entry.get("status") != "fallback":
        context[_FAILED] = True
    return written


def _without(table: object, key: str) -> dict[str, Any]:
    """Return a copy of `table` without `key`; an empty one where it is something else."""
    copied = dict(table) if _is_mapping(table) else {}
    copied.pop(key, None)
    return copied


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `merge_recovery` needs to make `after` of `before`."""
    told: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            nested = difference(old, value)
            if nested:
                told[key] = nested
        elif key not in before or value != old:
            told[key] = value
    return told
