"""From source to tree and facts, with every way in which a file may not be Python made one error."""

from __future__ import annotations

import ast
import warnings

from logshift.model import FileFacts
from logshift.scan.facts import extract
from logshift.scan.imports import required
from logshift.scan.names import Names
from logshift.scan.tree import Tree
from logshift.source import Source


class NotPythonError(Exception):
    """The file does not parse; with the place, from 1, and what the parser said."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def parse(data: bytes) -> ast.Module:
    """Return the syntax tree.

    Raises:
        NotPythonError: if the bytes are not a Python module.
    """
    try:
        return ast.parse(data)
    except SyntaxError as error:
        raise NotPythonError(f"syntax error: {error.msg}", error.lineno or 1, max(error.offset or 1, 1)) from None
    except ValueError as error:  # a null byte
        raise NotPythonError(str(error), 1, 1) from None
    except (MemoryError, RecursionError):
        raise NotPythonError("nested too deeply for the parser", 1, 1) from None


def tree(source: Source, module: str) -> Tree:
    """Return the scopes and names of a file; `module` ends in ``.__init__`` for a package."""
    package = module.rpartition(".")[0]
    return Tree(parse(source.data), package, module.removesuffix(".__init__"))


def requires(source: Source, module: str) -> frozenset[str]:
    """Return the modules that are imported when a file is.

    Raises:
        NotPythonError: if it does not parse.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return required(tree(source, module))


def facts(source: Source, module: str, names: Names) -> FileFacts:
    """Return the facts of a file.

    Raises:
        NotPythonError: if it does not parse, or nests too deeply to be followed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the file's own affair
            return extract(source, tree(source, module), names)
    except RecursionError:
        raise NotPythonError("nested too deeply to be followed", 1, 1) from None
