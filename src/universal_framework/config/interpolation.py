"""Environment variables within the texts of a configuration.

`${NAME}` stands for the variable, `${NAME:-text}` has a text for when it is unset or empty, `${NAME:?message}` a
message, `$${` is a plain `${`. Pure: a text and the environment go in, the text or the problem comes out. One pass:
what a variable holds is never expanded again. Never: a variable's value in a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:[-?])(.*))?", re.DOTALL)


class Expanded(NamedTuple):
    """A text, the variables that it names, and what of it the file itself says: without what variables hold."""

    text: str
    variables: tuple[str, ...]
    literal: str


class InterpolationError(ValueError):
    """A reference that cannot be replaced: `code` is `unset_variable` or `interpolation`."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def expand(text: str, environ: Mapping[str, str]) -> Expanded:
    """Replace every reference in `text` by what `environ` has.

    Raises:
        InterpolationError: a variable is unset (or empty, for `:?`) or a reference is malformed.
    """
    parts: list[str] = []
    literal: list[str] = []
    variables: list[str] = []
    at = 0
    for found in _REFERENCE.finditer(text):
        before = text[at : found.start()]
        at = found.end()
        if found.group() == "$${":
            value = own = "${"
        else:
            value, own = _replace(found, environ, variables)
        parts += (before, value)
        literal += (before, own)
    rest = text[at:]
    return Expanded("".join(parts) + rest, tuple(dict.fromkeys(variables)), "".join(literal) + rest)


def _replace(found: re.Match[str], environ: Mapping[str, str], variables: list[str]) -> tuple[str, str]:
    """Return what a reference stands for, and what of that the file says itself."""
    inside = _INSIDE.fullmatch(found[1])
    if not found[2] or inside is None or "${" in (inside[3] or ""):
        hint = "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is a plain ${"
        raise InterpolationError("interpolation", "a reference to a variable is malformed", hint)
    name, operator, rest = inside.groups()
    variables.append(name)
    value = environ.get(name)
    if operator is None and value is not None:
        return value, ""
    if operator is not None and value:
        return value, ""
    if operator == ":-":
        return rest, rest
    state = "is not set" if value is None else "is empty"
    hint = rest.strip() if operator else f"set {name}, or write ${{{name}:-default}}"
    raise InterpolationError("unset_variable", f"${{{name}}} {state}", hint)
