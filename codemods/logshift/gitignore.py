"""gitignore patterns, as git itself reads them.

https://git-scm.com/docs/gitignore#_pattern_format, and where that is silent, git's ``dir.c`` and ``wildmatch.c``

In: the lines of an ignore file and the folder they hold for. Out: for a path below that folder, whether the
patterns say it is ignored, say it is not, or say nothing. Names are bytes here as they are for git: ``?`` is one
byte. (A library does this too, at four times the start-up time of a whole run on a handful of files; a test
holds this one against git itself.)
"""

from __future__ import annotations

import os
import re

from logshift._record import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SPECIAL = re.compile(rb"[*?\[\\]")
_NEVER = b"(?!)"


class _Rule(NamedTuple):
    ignores: bool
    only_dirs: bool
    whole: bool  # holds for the path, not for the name alone
    matches: Callable[[bytes], object]


class Patterns:
    """The patterns of one ignore file, or of one setting."""

    __slots__ = ("_for_files", "_rules")

    def __init__(self, lines: Iterable[str | bytes]) -> None:
        rules = [_rule(os.fsencode(line)) for line in lines]
        self._rules = [rule for rule in reversed(rules) if rule is not None]  # the last that matches decides
        self._for_files = [rule for rule in self._rules if not rule.only_dirs]

    @classmethod
    def of_file(cls, data: bytes) -> Patterns:
        """Return the patterns of an ignore file with these bytes."""
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        return cls(line.removesuffix(b"\r") for line in lines)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, relative: str, *, is_dir: bool) -> bool | None:
        """Say whether the patterns ignore `relative`, a path with ``/`` from their folder; None if none speaks."""
        rules = self._rules if is_dir else self._for_files
        if not rules:
            return None
        path = os.fsencode(relative)
        name = path.rpartition(b"/")[2]
        for ignores, _, whole, matches in rules:
            if matches(path if whole else name):
                return ignores
        return None


def _rule(line: bytes) -> _Rule | None:
    text = _without_trailing_spaces(line)
    if not text or text.startswith(b"#"):
        return None
    negated = text.startswith(b"!")
    text = text[1:] if negated else text
    only_dirs = text.endswith(b"/")
    text = text[:-1] if only_dirs else text
    whole = b"/" in text
    text = text.removeprefix(b"/")
    return _Rule(not negated, only_dirs, whole, _matcher(text, whole=whole)) if text else None


def _without_trailing_spaces(line: bytes) -> bytes:
    """Remove the spaces at the end that no backslash protects."""
    kept = line.rstrip(b" ")
    backslashes = len(kept) - len(kept.rstrip(b"\\"))
    return line[: len(kept) + 1] if backslashes % 2 and kept != line else kept


def _matcher(text: bytes, *, whole: bool) -> Callable[[bytes], object]:
    """Return what says whether a path, or a name, matches; most patterns need no expression."""
    first = _SPECIAL.search(text)
    if first is None:
        return lambda name: name == text
    if not whole and text.startswith(b"*") and _SPECIAL.search(text, 1) is None:
        return lambda name: name.endswith(text[1:])
    return re.compile(_expression(text, first.start(), whole=whole) + rb"\Z", re.DOTALL).match


# -- from wildcards to an expression -----------------------------------------------------------------------

_STAR, _FOLDERS, _ANYTHING = b"*", b"**/", b"**"  # wildcards of any length, as tokens


def _expression(text: bytes, first: int, *, whole: bool) -> bytes:
    """Return the expression for a pattern whose first special character stands at `first`.

    A wildcard that another one follows is given the shortest text that lets what stands between the two match,
    and never more: the later one can take whatever the first might have. So no pattern takes exponential time.
    """
    tokens = _tokens(text, first, whole=whole)
    if tokens is None:
        return _NEVER
    char = b"[^/]" if whole else b"."
    pieces = []
    for number, piece in enumerate(_split(tokens, {_FOLDERS})):
        body = b""
        parts = _split(piece, {_STAR, _ANYTHING})
        for part in parts:
            wildcard = char + b"*" if part[0] == _STAR else b".*?" if part[0] == _ANYTHING else b""
            fixed = b"".join(part[1:] if wildcard else part)
            last = part is parts[-1]
            body += wildcard + fixed if last or part[0] != _STAR else b"(?>" + wildcard + b"?" + fixed + b")"
        pieces.append((b"(?:.*?/)??" if number else b"") + body)
    return b"".join(b"(?>" + piece + b")" for piece in pieces[:-1]) + pieces[-1]


def _split(tokens: list[bytes], wildcards: set[bytes]) -> list[list[bytes]]:
    """Return the tokens in parts, each of which but the first begins after, or with, one of `wildcards`."""
    parts: list[list[bytes]] = [[b""]]
    for token in tokens:
        if token == _FOLDERS and token in wildcards:
            parts.append([b""])
        elif token in wildcards:
            parts.append([token])
        else:
            parts[-1].append(token)
    return parts


def _tokens(text: bytes, first: int, *, whole: bool) -> list[bytes] | None:
    """Return expressions for single characters, and wildcards; None for a pattern that matches nothing."""
    tokens = []
    at = 0
    while at < len(text):
        char = text[at : at + 1]
        start = at
        at += 1
        if char == b"*":
            while text.startswith(b"*", at):
                at += 1
            # git matches what stands before the first wildcard on its own: there a folder may begin too
            opens = start == first or text[start - 1 : start] == b"/"
            closes = at == len(text) or text.startswith((b"/", b"\\/"), at)
            if at - start == 1 or not (whole and opens and closes):
                tokens.append(_STAR)
            elif text.startswith(b"/", at):
                tokens.append(_FOLDERS)
                at += 1
            else:
                tokens.append(_ANYTHING)
        elif char == b"?":
            tokens.append(b"[^/]" if whole else b".")
        elif char == b"[":
            found = _set(text, at)
            if found is None:
                return None
            characters, at = found
            tokens.append(_class(characters - {ord("/")} if whole else characters))
        else:
            if char == b"\\":
                if at == len(text):
                    return None
                char = text[at : at + 1]
                at += 1
            tokens.append(re.escape(char))
    return tokens


_UPPER, _LOWER, _DIGIT = set(range(0x41, 0x5B)), set(range(0x61, 0x7B)), set(range(0x30, 0x3A))
_PRINTED, _SPACE = set(range(0x20, 0x7F)), {0x09, 0x0A, 0x0D, 0x20}
_CLASSES = {
    b"alnum": _UPPER | _LOWER | _DIGIT,
    b"alpha": _UPPER | _LOWER,
    b"blank": {0x09, 0x20},
    b"cntrl": {*range(0x20), 0x7F},
    b"digit": _DIGIT,
    b"graph": _PRINTED - _SPACE,
    b"lower": _LOWER,
    b"print": _PRINTED,
    b"punct": _PRINTED - _SPACE - _UPPER - _LOWER - _DIGIT,
    b"space": _SPACE,
    b"upper": _UPPER,
    b"xdigit": _DIGIT | set(b"abcdefABCDEF"),
}


def _set(text: bytes, at: int) -> tuple[set[int], int] | None:
    """Return the bytes that the bracket expression before `at` matches, and where it ends; None if it does not."""
    negated = text.startswith((b"!", b"^"), at)
    at += negated
    found: set[int] = set()
    previous: int | None = None
    start = at
    while at == start or not text.startswith(b"]", at):
        if at >= len(text):
            return None
        if text.startswith(b"[:", at):
            end = text.find(b"]", at + 2)
            if end == -1:
                return None
            if text[end - 1 : end] == b":" and end - 1 >= at + 2:
                named = _CLASSES.get(text[at + 2 : end - 1])
                if named is None:
                    return None
                found |= named
                previous = None
                at = end + 1
                continue
        is_range = text.startswith(b"-", at) and previous is not None and text[at + 1 : at + 2] not in (b"", b"]")
        at += is_range
        at += text.startswith(b"\\", at)
        if at >= len(text):
            return None
        if is_range:
            assert previous is not None
            found |= set(range(previous, text[at] + 1))
            previous = None
        else:
            previous = text[at]
            found.add(previous)
        at += 1
    return (set(range(256)) - found if negated else found), at + 1


def _class(characters: set[int]) -> bytes:
    return b"[" + b"".join(b"\\x%02x" % char for char in sorted(characters)) + b"]" if characters else _NEVER
