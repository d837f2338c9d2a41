"""gitignore patterns as regular expressions.

https://git-scm.com/docs/gitignore#_pattern_format

In: the lines of an ignore file and the folder they hold for. Out: for a path below that folder, whether the
patterns say it is ignored, say it is not, or say nothing. (A library does this too, at four times the start-up
time of a whole run on a handful of files; a test holds this one against git itself.)
"""

from __future__ import annotations

import re

_ESCAPED = re.compile(r"\\(.)")


class Patterns:
    """The patterns of one ignore file, or of one setting."""

    __slots__ = ("_rules",)

    def __init__(self, lines: list[str]) -> None:
        self._rules: list[tuple[bool, bool, re.Pattern[str]]] = []
        for line in lines:
            rule = _compile(line)
            if rule is not None:
                self._rules.append(rule)
        self._rules.reverse()  # the last pattern that matches decides

    def __bool__(self) -> bool:
        return bool(self._rules)

    def verdict(self, relative: str, *, is_dir: bool) -> bool | None:
        """Say whether the patterns ignore `relative`, a path with ``/`` from their folder; None if none speaks."""
        for negated, only_dirs, pattern in self._rules:
            if (is_dir or not only_dirs) and pattern.match(relative):
                return not negated
        return None


def _compile(line: str) -> tuple[bool, bool, re.Pattern[str]] | None:
    text = line.rstrip("\r\n")
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    if negated:
        text = text[1:]
    only_dirs = text.endswith("/")
    text = text.rstrip("/") if only_dirs else text
    if not text:
        return None
    anchored = "/" in text
    text = text.removeprefix("/")
    body = "/".join(_segment(part) for part in text.split("/"))
    body = body.replace("\0/", "(?:.*/)?", 1) if body.startswith("\0/") else body
    body = body.replace("/\0/", "/(?:.*/)?")
    if body.endswith("/\0"):
        body = body[:-2] + "/.+"
    body = body.replace("\0", "[^/]*")
    try:
        return negated, only_dirs, re.compile(("" if anchored else "(?:.*/)?") + body + r"\Z", re.DOTALL)
    except re.error:  # an unclosed range: git matches nothing with it
        return None


def _segment(part: str) -> str:
    """Return one path segment as an expression; a lone ``**`` is marked with a null character."""
    if part == "**":
        return "\0"
    out = []
    at = 0
    while at < len(part):
        char = part[at]
        if char == "*":
            while part.startswith("*", at + 1):
                at += 1
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            end = _range_end(part, at)
            if end == -1:
                out.append("(?!)")
                break
            out.append(_range(part[at + 1 : end]))
            at = end
        elif char == "\\" and at + 1 < len(part):
            at += 1
            out.append(re.escape(part[at]))
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)


def _range_end(part: str, start: int) -> int:
    at = start + 1
    if part.startswith(("!", "^"), at):
        at += 1
    if part.startswith("]", at):
        at += 1
    while at < len(part):
        if part.startswith("[:", at) and (close := part.find(":]", at)) != -1:
            at = close + 2
        elif part[at] == "\\":
            at += 2
        elif part[at] == "]":
            return at
        else:
            at += 1
    return -1


_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "digit": "0-9", "lower": "a-z", "upper": "A-Z", "space": r"\s",
    "xdigit": "0-9a-fA-F", "punct": r"!-/:-@\[-`{-~", "word": r"\w", "blank": r" \t",
}  # fmt: skip


def _range(inner: str) -> str:
    negated = inner.startswith(("!", "^"))
    body = inner[1:] if negated else inner
    body = re.sub(r"\[:(\w+):\]", lambda match: "\1" + match.group(1) + "\2", body)
    body = _ESCAPED.sub(r"\1", body).replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]").replace("^", r"\^")
    body = body.replace("&&", r"&\&").replace("||", r"|\|").replace("~~", r"~\~").replace("--", r"-\-")
    body = re.sub("\1(\\w+)\2", lambda match: _CLASSES.get(match.group(1), ""), body)
    return f"(?![/])[{'^' if negated else ''}{body}]"
