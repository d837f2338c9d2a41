"""The scan: from a file's bytes to facts about the loggers in it. The only room that knows Python's grammar.

Most files are decided without a parser: bytes that hold none of the words without which no logger can be made
hold no logger. ``ast`` is imported only for the others, and LibCST never.
"""

from __future__ import annotations

from logshift.model import FileFacts, Unanalysed
from logshift.scan.names import Names
from logshift.source import Source, UndecodableError


def may_hold_loggers(data: bytes, names: Names) -> bool:
    """Say whether these bytes could make a logger; False is certain."""
    return names.tokens.search(data) is not None


def scan(path: str, module: str, data: bytes, names: Names) -> FileFacts | Unanalysed | None:
    """Return the facts of one file, None if it cannot hold any, or why it could not be read.

    `module` is the file's dotted name, ending in ``.__init__`` for a package.
    """
    if not may_hold_loggers(data, names):
        return None
    return read(path, module, data, names)


def read(path: str, module: str, data: bytes, names: Names) -> FileFacts | Unanalysed:
    """Return the facts of one file, whether or not it can hold loggers, or why it could not be read."""
    from logshift.scan import parse

    try:
        source = Source(path, data)
        return parse.facts(source, module, names)
    except UndecodableError as error:
        return Unanalysed(path, error.line, error.column, str(error))
    except parse.NotPythonError as error:
        return Unanalysed(path, error.line, error.column, str(error))
