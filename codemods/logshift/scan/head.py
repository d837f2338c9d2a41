"""The top of a module: docstring, imports, and how far down nothing has run yet."""

from __future__ import annotations

import ast
from collections.abc import Container

from logshift._record import NamedTuple
from logshift.model import HeaderKind, HeaderLine
from logshift.scan.places import Places
from logshift.scan.tree import Tree


class Head(NamedTuple):
    """What stands above a module's code."""

    lines: tuple[HeaderLine, ...]
    body_start: int  # where the first statement below begins
    inert_until: int  # no statement above this byte runs code that could call a function of the module


class HeadReader:
    """Reads the head of one module; `made` are the factory calls, which call nothing of the module."""

    def __init__(self, tree: Tree, places: Places, made: Container[ast.Call]) -> None:
        self.tree = tree
        self.places = places
        self.made = made

    def read(self) -> Head:
        """Return the head."""
        source = self.places.source
        body = self.tree.module.body
        lines: list[HeaderLine] = []
        count = 0
        for index, statement in enumerate(body):
            kind = _header_kind(statement, first=index == 0)
            if kind is None or not self._is_line_of_header(statement, kind):
                break
            module = ""
            imported: tuple[str, ...] = ()
            if isinstance(statement, ast.ImportFrom):
                module = "." * statement.level + (statement.module or "")
                imported = tuple(alias.name for alias in statement.names)
            elif isinstance(statement, ast.Import):
                module = statement.names[0].name
            span = self.places.line(statement)
            if not lines or lines[-1].line != span:
                lines.append(HeaderLine(kind, span, module, imported))
            count = index + 1
        while lines and lines[-1].kind is HeaderKind.PATH:  # sys.path edits that no import follows are code
            lines.pop()
            count -= 1
        below = body[count] if count < len(body) else None
        body_start = source.line_start(self._first_byte(below)) if below is not None else len(source.data)
        for statement in body[count:]:
            if not self._is_inert(statement):
                return Head(tuple(lines), body_start, self.places.span(statement).start)
        return Head(tuple(lines), body_start, len(source.data))

    def _is_line_of_header(self, statement: ast.stmt, kind: HeaderKind) -> bool:
        """Say whether what stands below the statement's line stands below the module's head.

        Code may share the line of an import; only a docstring and ``__future__`` have to come first all the same.
        """
        suite, index = self.tree.suites[statement]
        first, last = (suite.index(one) for one in self.places.logical_line(statement))
        others = [suite[place] for place in range(first, last + 1) if place != index]
        return kind in (HeaderKind.DOCSTRING, HeaderKind.FUTURE) or all(
            _header_kind(other, first=False) is not None for other in others
        )

    def _first_byte(self, statement: ast.stmt) -> int:
        decorators = getattr(statement, "decorator_list", [])
        return min(self.places.span(node).start for node in [statement, *decorators])

    def _is_inert(self, statement: ast.stmt) -> bool:
        """Say whether `statement` runs no code that could call a function of this module."""
        todo: list[ast.AST] = [statement]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Call) and node not in self.made:
                return False
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.decorator_list:
                return False
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                todo.extend([*node.args.defaults, *(value for value in node.args.kw_defaults if value is not None)])
            elif not isinstance(node, ast.Lambda):
                todo.extend(ast.iter_child_nodes(node))
        return True


def _only_imports(statement: ast.Try | ast.If) -> bool:
    """Say whether a compound statement is there to import: nothing in it is made or called."""
    inner = [node for node in ast.walk(statement) if isinstance(node, ast.stmt)]
    plain = (ast.Import, ast.ImportFrom, ast.Try, ast.If, ast.Pass, ast.Assign, ast.AnnAssign, ast.Raise)
    made = [node for node in inner if isinstance(node, (ast.Assign, ast.AnnAssign))]
    return (
        any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in inner)
        and all(isinstance(node, plain) for node in inner)
        and not any(isinstance(part, ast.Call) for node in made for part in ast.walk(node))
    )


def _header_kind(statement: ast.stmt, *, first: bool) -> HeaderKind | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return HeaderKind.DOCSTRING if first and isinstance(statement.value.value, str) else None
    if isinstance(statement, ast.ImportFrom):
        return HeaderKind.FUTURE if statement.module == "__future__" else HeaderKind.FROM
    if isinstance(statement, ast.Import):
        return HeaderKind.IMPORT
    if isinstance(statement, (ast.Try, ast.If)):
        return HeaderKind.GUARDED if _only_imports(statement) else None
    if isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("sys.path."):
        return HeaderKind.PATH
    return None
