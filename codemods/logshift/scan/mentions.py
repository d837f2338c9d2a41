"""What one file needs of another module's names: before a name goes, somebody may be importing or patching it.

In: a file's bytes and a name. Out: in two steps, the modules of which the file may mention that name, by the look
of its text; and, for a file that may, whether it does – by import, by attribute, or spelled in a string such as
``mock.patch("package.module.name")``.
"""

from __future__ import annotations

import ast
import re

from logshift.scan import parse
from logshift.scan.names import Names
from logshift.scan.tree import Definition, Tree
from logshift.scan.values import Path, Values
from logshift.source import Source, UndecodableError

_FROM = re.compile(
    rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n\\]*(?:\\\r?\n[^\n\\]*)*)", re.MULTILINE
)
#: A leaf that stands for "some module": the name is spelled alone, in quotes.
QUOTED = b"'"


def leaves(data: bytes, name: str) -> frozenset[bytes]:
    """Return the last parts of the modules whose `name` this text may mention; for a package's own, ``b""``."""
    word = name.encode()
    if word not in data:
        return frozenset()
    found = set(re.findall(rb"(\w+)\s*\.\s*" + re.escape(word) + rb"\b", data)) - {b"self", b"cls"}
    mentioned = re.compile(rb"\b" + re.escape(word) + rb"\b")
    for module, imported in _FROM.findall(data):
        if mentioned.search(imported):
            found.add(module.rpartition(b".")[2])
    if b'"' + word + b'"' in data or b"'" + word + b"'" in data:
        found.add(QUOTED)
    return frozenset(found)


def star_leaves(data: bytes) -> frozenset[bytes]:
    """Return the last parts of the modules that this text imports everything from."""
    return frozenset(m.rpartition(b".")[2] for m, names in _FROM.findall(data) if names.strip().startswith(b"*"))


def mentions(path: str, module: str, data: bytes, of: str, name: str, names: Names) -> bool:
    """Say whether the file at `path`, which is `module`, mentions `name` of module `of`.

    A file that cannot be read mentions nothing: it cannot run either.
    """
    try:
        tree = parse.tree(Source(path, data), module)
    except (UndecodableError, parse.NotPythonError):
        return False
    return _imports(tree, of, name) or _reads(tree, of, name, names) or _spells(tree, of, name)


def _imports(tree: Tree, of: str, name: str) -> bool:
    for scope in tree.scopes:
        for definitions in scope.definitions.values():
            for definition in definitions:
                if definition.kind == Definition.IMPORT and isinstance(definition.node, ast.ImportFrom):
                    path = definition.path
                    if path == f"{of}.{name}":
                        return True
                    if path == f"{of}.*" and (_needs(tree, name) or not _is_module_name(name)):
                        return True
    return False


def _needs(tree: Tree, name: str) -> bool:
    """Say whether the file reads `name` without binding it."""
    return any(node.id == name and tree.resolve(name, tree.scope_of[node]) is None for node in tree.names)


def _is_module_name(name: str) -> bool:
    """Say whether `name` is a logging library's: a star import brings it along, but hardly anybody wants it."""
    return name in ("logging", "structlog")


def _reads(tree: Tree, of: str, name: str, names: Names) -> bool:
    values = Values(tree, names)

    def is_module(node: ast.expr) -> bool:
        return any(isinstance(member, Path) and member.dotted == of for member in values.of(node))

    stores = (target for target, _, _ in tree.attribute_stores)
    if any(node.attr == name and is_module(node.value) for node in [*tree.attributes, *stores]):
        return True
    # monkeypatch.setattr(module, "name", …), mock.patch.object(module, "name")
    return any(
        any(isinstance(one, ast.Constant) and one.value == name for one in call.args)
        and any(is_module(one) for one in call.args)
        for call in tree.calls
    )


def _spells(tree: Tree, of: str, name: str) -> bool:
    full = f"{of}.{name}"
    return any(isinstance(one.value, str) and (one.value == full or one.value.startswith(f"{full}."))
               for one in tree.strings)  # fmt: skip
