"""The text of a message with its arguments put in, for layouts that look for secrets in what they render.

In: what a log call or a record holds. Out: the text, in which a secret may still stand by its looks: that is found in
the rendered line. What is secret by its name only – ``"%(password)s" % {...}`` – would not be found there any more,
so arguments that have an inside are redacted before they become text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

#: Show no names.
_PLAIN = frozenset({str, int, float, bool, type(None)})


class Redacting(Protocol):
    """What values pass through."""

    def value(self, value: object) -> Any:
        """Return `value` without secrets; itself if there are none."""


def text_of(msg: object, args: object, redacting: Redacting) -> str:
    """Return a message with its arguments put in as `logging.LogRecord.getMessage` does, or beside it.

    `args` is a tuple, or a mapping that has been taken out of one.
    """
    if msg.__class__ not in _PLAIN:
        msg = redacting.value(msg)
    text = str(msg)
    if not args:
        return text
    values: Any = args
    if isinstance(args, tuple):
        values = args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
    clean = _clean(values, redacting)
    try:
        return str(text % clean)
    except Exception:  # noqa: BLE001 - arguments that do not fit must lose neither the message nor themselves
        return f"{text} (arguments that do not fit: {_shown(clean if isinstance(clean, tuple) else (clean,))})"


def _clean(values: Any, redacting: Redacting) -> Any:
    if not isinstance(values, tuple):
        return redacting.value(values)
    if all(value.__class__ in _PLAIN for value in values):
        return values
    clean = tuple(value if value.__class__ in _PLAIN else redacting.value(value) for value in values)
    return values if all(one is other for one, other in zip(clean, values, strict=True)) else clean


def _shown(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001
        return f"<repr raises {type(error).__name__}>"
