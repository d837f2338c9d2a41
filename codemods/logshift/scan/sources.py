"""Whose source text a file looks at: a test that hashes a module's file, or asks `inspect` for all of it.

In: a file's bytes. Out: the dotted modules whose text reaches code that may compare it. A path of which only the
folder is used, or whether it exists, is not looked at.
"""

from __future__ import annotations

import ast
import re

from logshift.scan import parse
from logshift.scan.names import Names
from logshift.scan.tree import Tree
from logshift.scan.values import Path, Values
from logshift.source import Source, UndecodableError

_HINT = re.compile(rb"\.__file__\b|\bgetsource(?:lines)?\b")
#: Functions that give another spelling of a path.
_SPELL = frozenset({"abspath", "realpath", "normpath", "normcase", "fspath", "fsencode", "str", "Path", "PurePath"})
_SPELL_METHODS = frozenset({"resolve", "absolute", "expanduser", "replace", "rstrip"})
#: Functions that read what a path leads to, by the end of their name: ``open``, ``read_text``, ``sha256sum``.
_READS = re.compile(
    r"(?:^|_)(?:open|read|load|hash|digest|checksum|getlines?|fingerprint|copy|copyfile|copy2)(?:_|$)"
    r"|sum$|^(?:md5|sha\d+|blake2)|hash$|digest$|^read",
    re.IGNORECASE,
)


def may_look(data: bytes) -> bool:
    """Say whether this text may look at another module's source."""
    return _HINT.search(data) is not None


def looked_at(path: str, module: str, data: bytes, names: Names) -> frozenset[str]:
    """Return the dotted modules whose source the file at `path`, which is `module`, reads."""
    try:
        tree = parse.tree(Source(path, data), module)
        values = Values(tree, names)
        found: set[str] = set()
        for node in tree.attributes:
            if node.attr == "__file__" and _is_read(node, tree):
                found.update(_paths(node.value, values))
        for call in tree.calls:
            if _leaf(call.func) in ("getsource", "getsourcelines") and len(call.args) == 1:
                found.update(_paths(call.args[0], values))
    except (UndecodableError, parse.NotPythonError, RecursionError):
        return frozenset()
    return frozenset(found)


def _is_read(node: ast.expr, tree: Tree) -> bool:
    """Say whether the file that a path leads to is read where the path stands."""
    while True:
        parent = tree.parents[node]
        if isinstance(parent, ast.Attribute):  # Path(module.__file__).read_bytes()
            outer = tree.parents[parent]
            if not (isinstance(outer, ast.Call) and outer.func is parent):
                return False
            if parent.attr not in _SPELL_METHODS:
                return _READS.search(parent.attr) is not None
            node = outer
        elif isinstance(parent, ast.Call) and parent.func is not node:
            if _leaf(parent.func) not in _SPELL:
                return _READS.search(_leaf(parent.func)) is not None
            node = parent
        else:
            return False


def _paths(node: ast.expr, values: Values) -> list[str]:
    return [member.dotted for member in values.of(node) if isinstance(member, Path)]


def _leaf(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
