"""The way into structlog, for applications that configured it.

In: a logger's name and bound fields. Out: the application's own bound logger, made afresh from structlog's
*current* configuration, so that ``capture_logs`` and a later ``configure`` are seen. structlog is never
imported here: an application that configured it has loaded it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from universal_framework.observability import _frames

#: Where a logger's events go: by what the application configured (None), or always one way.
Via = Literal["stdlib", "structlog"] | None

Fields = Mapping[str, object]

#: structlog's standard levels, highest first; one between two of them reports under the lower.
_METHODS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (0, "debug"))

#: Field names that structlog's own signatures claim.
_CLAIMED = frozenset({"self", "event", "method_name"})

#: Keys that structlog's processors overwrite, by the processor's name.
_WRITTEN = {"add_log_level": "level", "add_log_level_number": "level_number", "add_logger_name": "logger"}


def bound_logger(via: Via, name: str, fields: Fields) -> Any:
    """Return the application's structlog logger with `fields` bound, or None where events go to the tree.

    The object is whatever class the application configured; only structlog's ``BindableLogger`` protocol
    may be relied on.
    """
    if via == "stdlib":
        return None
    structlog: Any = sys.modules.get("structlog")
    if structlog is None:
        if via != "structlog":
            return None
        structlog = importlib.import_module("structlog")  # the constructor was told to go this way
    if via is None and not structlog.is_configured():
        return None
    config = structlog.get_config()
    context = config["context_class"]()
    context.update(_renamed(fields, config["processors"]))
    wrapped = _make_wrapped(config["logger_factory"], name)
    return config["wrapper_class"](wrapped, processors=config["processors"], context=context)


def report(bound: Any, level: int, method: str, event: object, args: tuple[object, ...], fields: Fields) -> Any:
    """Report one event through `bound`, by the method that the application's class has for it.

    A message that its arguments do not fit goes out as it is, with the arguments in a field.
    """
    name = method if hasattr(bound, method) and method != "log" else method_of(level)
    keywords = _renamed(fields, getattr(bound, "_processors", ()))
    try:
        return getattr(bound, name)(event, *args, **keywords)
    except (TypeError, ValueError, KeyError):
        if not args or _fits(event, args):
            raise
    return getattr(bound, name)(event, **keywords, positional_args=args)


def method_of(level: int) -> str:
    """Return the name of the structlog method that reports at `level`."""
    return next(name for floor, name in _METHODS if level >= floor or floor == 0)


def _renamed(fields: Fields, processors: Iterable[object]) -> dict[str, object]:
    """Return `fields` with the names that structlog itself will write or claims as ``field.<name>``."""
    fixed = _CLAIMED.union(_keys_written(processors))
    return {f"field.{key}" if key in fixed else key: value for key, value in fields.items()}


def _keys_written(processors: Iterable[object]) -> Iterator[str]:
    for processor in processors:
        key = _WRITTEN.get(getattr(processor, "__name__", ""))
        if type(processor).__name__ == "TimeStamper":
            key = getattr(processor, "key", None)
        if key is not None:
            yield key


def _fits(event: object, args: tuple[object, ...]) -> bool:
    try:
        _ = str(event) % (args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args)
    except (TypeError, ValueError, KeyError):
        return False
    return True


def is_enabled(bound: Any, level: int) -> bool:
    """Say whether the application's configuration lets an event of `level` pass its level filter."""
    for probe in ("is_enabled_for", "isEnabledFor"):
        check = getattr(bound, probe, None)
        if check is not None:
            return bool(check(level))
    return True


def effective_level(bound: Any) -> int:
    """Return the lowest level that the application's configuration reports; 0 where it does not say."""
    for probe in ("get_effective_level", "getEffectiveLevel"):
        check = getattr(bound, probe, None)
        if check is not None:
            return int(check())
    return 0


def context_variables() -> Mapping[str, object]:
    """Return what ``structlog.contextvars`` holds in this context; empty where structlog is not loaded."""
    contextvars = sys.modules.get("structlog.contextvars")
    return contextvars.get_contextvars() if contextvars is not None else {}


def _make_wrapped(factory: Any, name: str) -> Any:
    try:
        return factory(name)
    except TypeError:  # a factory of the application's own that takes no name
        return factory()


__name__ = _frames.TRANSPARENT  # last: what is defined above keeps its true ``__module__``
