"""The scan: from a file's bytes to facts about the loggers in it. The only room that knows Python's grammar.

Most files are decided without a parser: bytes that hold none of the words without which no logger can be made
hold no logger. ``ast`` is imported only for the others, and LibCST never.
"""

from __future__ import annotations

from logshift.model import FileFacts, Unanalysed
from logshift.scan.names import Names
from logshift.source import Source, UndecodableError

#: Without it a file has no comment for us.
_MARK = b"logshift:"
_HEAD = 400  # a declaration of the encoding stands in the first two lines


def may_hold_loggers(data: bytes, names: Names) -> bool:
    """Say whether these bytes could make a logger; False is certain."""
    return names.tokens.search(data) is not None


def may_hold_suppressions(data: bytes) -> bool:
    """Say whether a comment of these bytes could suppress findings; False is certain."""
    if _MARK not in data:
        return False
    from logshift.scan.comments import may_suppress

    return may_suppress(data)


def unreadable(path: str, data: bytes) -> Unanalysed | None:
    """Say why these bytes are no text, without a parser; None if they are.

    A file that cannot hold a logger is not parsed, so a syntax error in it is nobody's business. But of bytes that
    are not text nothing can be said: in UTF-16, say, no word is what it looks like.
    """
    try:
        if not data.isascii() or b"coding" in data[:_HEAD]:
            Source(path, data)
    except UndecodableError as error:
        return Unanalysed(path, error.line, error.column, str(error))
    at = data.find(b"\0")
    return (
        Unanalysed(path, *Source(path, data).position(at), "source code string cannot contain null bytes")
        if at >= 0
        else None
    )


def requires(path: str, module: str, data: bytes) -> frozenset[str]:
    """Return the modules that are imported when a file is; none for one that cannot be read."""
    from logshift.scan import parse

    try:
        return parse.requires(Source(path, data), module)
    except (UndecodableError, parse.NotPythonError):
        return frozenset()


def read(path: str, module: str, data: bytes, names: Names) -> FileFacts | Unanalysed:
    """Return the facts of one file, whether or not it can hold loggers, or why it could not be read.

    `module` is the file's dotted name, ending in ``.__init__`` for a package.
    """
    from logshift.scan import parse

    if (why := unreadable(path, data)) is not None:
        return why
    try:
        source = Source(path, data)
        facts = parse.facts(source, module, names)
        if may_hold_suppressions(data):
            from logshift.scan.comments import suppressions

            facts = facts._replace(suppressions=suppressions(source))
    except UndecodableError as error:
        return Unanalysed(path, error.line, error.column, str(error))
    except parse.NotPythonError as error:
        return Unanalysed(path, error.line, error.column, str(error))
    return facts
