"""Names that strings stand for: annotations in quotes, doctests, paths handed to ``getattr`` or ``patch``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable


def is_spelled(name: str, strings: Iterable[ast.Constant]) -> bool:
    """Say whether a string of the file uses `name` as code. Prose that mentions it does not count."""
    word, doctest = _word(name), _doctest(name)
    for string in strings:
        text = string.value
        assert isinstance(text, str)
        if name in text and (doctest.search(text) or (word.search(text) and _is_expression(text))):
            return True
    return False


def is_in_doctest(name: str, strings: Iterable[ast.Constant]) -> bool:
    """Say whether a doctest of the file uses `name`."""
    doctest = _doctest(name)
    return any(name in string.value and doctest.search(string.value) for string in strings)  # type: ignore[operator, arg-type]


def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")


def _doctest(name: str) -> re.Pattern[str]:
    return re.compile(rf"^\s*(?:>>>|\.\.\.) .*{_word(name).pattern}", re.MULTILINE)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
