"""Names that strings stand for: annotations in quotes, doctests, paths handed to ``getattr`` or ``patch``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable


def is_spelled(name: str, strings: Iterable[ast.Constant]) -> bool:
    """Say whether a string of the file uses `name` as code. Prose that mentions it does not count."""
    texts = _holding(name, strings)
    if not texts:
        return False
    word, doctest = _word(name), _doctest(name)
    return any(doctest.search(text) or (word.search(text) and _is_expression(text)) for text in texts)


def is_in_doctest(name: str, strings: Iterable[ast.Constant]) -> bool:
    """Say whether a doctest of the file uses `name`."""
    texts = _holding(name, strings)
    return bool(texts) and any(map(_doctest(name).search, texts))


def _holding(name: str, strings: Iterable[ast.Constant]) -> list[str]:
    return [text for string in strings if isinstance(text := string.value, str) and name in text]


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
