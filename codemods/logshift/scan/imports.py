"""What a file imports, what it offers, and what runs when it is imported."""

from __future__ import annotations

import ast
import re

from logshift.model import Import, Span
from logshift.scan.places import Places
from logshift.scan.text import is_spelled
from logshift.scan.tree import Definition, Tree, absolute

_TYPE_COMMENT = re.compile(rb"#\s*type:(.*)")
_NOQA = re.compile(r"#\s*noqa\b(?!\s*:)|#\s*noqa\s*:[^#]*\bF401\b", re.IGNORECASE)


class Imports:
    """The imports of one file."""

    def __init__(self, tree: Tree, places: Places) -> None:
        self.tree = tree
        self.places = places
        self._spelled: dict[str, bool] = {}
        self._typed: bytes | None = None  # what type comments say

    def all(self, exported: frozenset[str]) -> list[Import]:
        """Return each name that an import binds, in order of place."""
        reads: dict[tuple[int, str], list[Span]] = {}
        for node in self.tree.names:
            home = self.tree.resolve(node.id, self.tree.scope_of[node])
            if home is not None:
                reads.setdefault((home.index, node.id), []).append(self.places.span(node))
        found = []
        for scope in self.tree.scopes:
            for bound, definitions in scope.definitions.items():
                for definition in definitions:
                    if definition.kind != Definition.IMPORT:
                        continue
                    statement = definition.node
                    assert isinstance(statement, (ast.Import, ast.ImportFrom))
                    path, index = definition.path, definition.alias
                    deleted = any(one.kind == Definition.DELETE for one in definitions)
                    found.append(
                        Import(
                            statement=self.places.number(statement),
                            scope=self.tree.scope_of[statement].index,
                            bound=bound,
                            path=path,
                            full=statement.names[index].name if isinstance(statement, ast.Import) else path,
                            alias=index,
                            aliases=len(statement.names),
                            guarded=self._is_guarded(statement),
                            kept=bound in exported or deleted or self._is_kept(statement, index, bound),
                            references=tuple(sorted(reads.get((scope.index, bound), ()))),
                        )
                    )
        return sorted(found, key=lambda one: (self.places.statements[one.statement].span, one.alias))

    def _is_guarded(self, statement: ast.stmt) -> bool:
        return statement in self.tree.guarded or any(
            parent in self.tree.guarded for parent in self.tree.ancestors(statement)
        )

    def _is_kept(self, statement: ast.Import | ast.ImportFrom, index: int, bound: str) -> bool:
        """Say whether something that is no name still needs the import: a noqa, a re-export, a string, a doctest."""
        alias = statement.names[index]
        if alias.asname == alias.name:
            return True
        line = self.places.statements[self.places.number(statement)].line
        if _NOQA.search(self.places.source.text(line)):
            return True
        if bound not in self._spelled:
            self._spelled[bound] = is_spelled(bound, self.tree.strings) or self._is_in_type_comment(bound)
        return self._spelled[bound]

    def _is_in_type_comment(self, bound: str) -> bool:
        if self._typed is None:
            self._typed = b"\n".join(_TYPE_COMMENT.findall(self.places.source.data))
        word = bound.encode()
        return word in self._typed and re.search(rb"(?<![\w.])" + re.escape(word) + rb"(?!\w)", self._typed) is not None

    def exported(self) -> frozenset[str]:
        """Return the names in ``__all__``."""
        found: set[str] = set()
        for statement in self.tree.module.body:
            targets: list[ast.expr] = []
            value: ast.expr | None = None
            if isinstance(statement, ast.Assign):
                targets, value = statement.targets, statement.value
            elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
                targets, value = [statement.target], statement.value
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) and value:
                found |= {node.value for node in ast.walk(value)
                          if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
        return frozenset(found)

    def hides_names(self) -> bool:
        """Say whether ``__all__`` is written out, once and in full."""
        bound = self.tree.root.definitions.get("__all__", ())
        values = [one.value for one in bound]
        return len(values) == 1 and all(
            isinstance(value, (ast.List, ast.Tuple)) and all(isinstance(one, ast.Constant) for one in value.elts)
            for value in values
        )

    def free(self) -> frozenset[str]:
        """Return the names that are read and that nothing in the file binds: builtins, and what a star may bring."""
        return frozenset(
            node.id for node in self.tree.names if self.tree.resolve(node.id, self.tree.scope_of[node]) is None
        )


def required(tree: Tree) -> frozenset[str]:
    """Return the modules that are imported when this one is; a name imported from one may be one too."""
    found: set[str] = set()
    for scope in tree.scopes:
        for definitions in scope.definitions.values():
            for definition in definitions:
                node = definition.node
                if definition.kind != Definition.IMPORT or scope.deferred or _typing_only(tree, node):
                    continue
                if isinstance(node, ast.Import):
                    found |= {alias.name for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    module = absolute(node.module, node.level, tree.package)
                    found |= {
                        module,
                        *(f"{module}.{alias.name}" for alias in node.names if alias.name != "*"),
                    }
    return frozenset(found)


def _typing_only(tree: Tree, node: ast.AST) -> bool:
    for parent in tree.ancestors(node):
        if isinstance(parent, ast.If) and "TYPE_CHECKING" in ast.unparse(parent.test):
            return True
    return False
