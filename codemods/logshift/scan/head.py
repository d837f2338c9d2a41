"""The top of a module: docstring, imports, and how far down nothing has run yet."""

from __future__ import annotations

import ast
from collections.abc import Container

from logshift._record import NamedTuple
from logshift.model import HeaderKind, HeaderLine
from logshift.scan.places import Places
from logshift.scan.tree import Definition, Tree


class Head(NamedTuple):
    """What stands above a module's code."""

    lines: tuple[HeaderLine, ...]
    body_start: int  # where the first statement below begins
    inert_until: int  # no statement above this byte runs code that could call a function of the module
    acts_from: int  # where the first statement below begins that is neither an import nor inert; file size if none


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
        path_until = 0
        for index, statement in enumerate(body):
            path_until = max(path_until, self._path_edits(body, index))
            kind = HeaderKind.PATH if index < path_until else _header_kind(statement, first=index == 0)
            if kind is None or not (index < path_until or self._is_line_of_header(statement, kind)):
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
            elif kind is HeaderKind.PATH:
                lines[-1] = lines[-1]._replace(kind=kind)
            count = index + 1
        while lines and lines[-1].kind is HeaderKind.PATH:  # sys.path edits that no import follows are code
            lines.pop()
            count -= 1
        below = body[count:]
        end = len(source.data)
        live = [statement for statement in below if not self._is_inert(statement)]
        acts = [statement for statement in live if not isinstance(statement, (ast.Import, ast.ImportFrom))]
        return Head(
            tuple(lines),
            body_start=source.line_start(self._first_byte(below[0])) if below else end,
            inert_until=self._first_byte(live[0]) if live else end,
            acts_from=self._first_byte(acts[0]) if acts else end,
        )

    def _path_edits(self, body: list[ast.stmt], index: int) -> int:
        """Return how far the statements from `index` on prepare the search path for an import that follows them.

        ``ROOT = …``, ``if ROOT not in sys.path: …`` and the like; `index` itself where they do not.
        """
        end = index
        while end < len(body) and isinstance(
            body[end], (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.If, ast.For, ast.Assert)
        ):
            end += 1
        run = [node for statement in body[index:end] for node in ast.walk(statement)]
        prepares = any(_is_search_path(node) for node in run)
        other = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        if not prepares or end == len(body) or not isinstance(body[end], (ast.Import, ast.ImportFrom)):
            return index
        if any(isinstance(node, other) or (isinstance(node, ast.Call) and node in self.made) for node in run):
            return index
        return end

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
        """Say whether `statement` runs no code that could call a function of this module.

        That is a definition or a constant. An import may come back here, and a base class look at what is derived.
        """
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = statement.args
            annotated = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            annotations = [one.annotation for one in (*annotated, arguments.vararg, arguments.kwarg) if one is not None]
            return (
                not statement.decorator_list
                and all(self._is_plain(one) for one in [*arguments.defaults, *arguments.kw_defaults])
                and not any(_calls(one) for one in [*annotations, statement.returns])
            )
        if isinstance(statement, ast.ClassDef):
            made_by_others = [*statement.decorator_list, *statement.bases, *statement.keywords]
            return not made_by_others and all(self._is_inert(one) for one in statement.body)
        if isinstance(statement, ast.Assign):
            return all(isinstance(one, ast.Name) for one in statement.targets) and self._is_plain(statement.value)
        if isinstance(statement, ast.AnnAssign):
            plain = isinstance(statement.target, ast.Name) and self._is_plain(statement.value)
            return plain and not _calls(statement.annotation)
        if isinstance(statement, ast.If):
            return _is_for_types(statement.test) and all(self._is_inert(one) for one in statement.orelse)
        return isinstance(statement, ast.Pass) or (isinstance(statement, ast.Expr) and self._is_plain(statement.value))

    def _is_plain(self, node: ast.expr | None) -> bool:
        """Say whether an expression runs no code that is given a function or class of this module."""
        if node is None or isinstance(node, (ast.Constant, ast.Name)):
            return True
        if isinstance(node, ast.Attribute):
            return self._is_plain(node.value)
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.JoinedStr, ast.FormattedValue)):
            return all(self._is_plain(one) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            return node in self.made and all(self._is_plain(one) for one in given)
        if isinstance(node, (ast.UnaryOp, ast.BinOp, ast.Subscript)):
            parts = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
            return all(self._is_plain(one) for one in parts) and not any(self._is_own(one) for one in ast.walk(node))
        return isinstance(node, ast.Lambda) and all(
            self._is_plain(one) for one in [*node.args.defaults, *node.args.kw_defaults]
        )

    def _is_own(self, node: ast.AST) -> bool:
        """Say whether `node` names a function or class of this module, or something that may hold one."""
        if not isinstance(node, ast.Name):
            return False
        definitions = self.tree.root.definitions.get(node.id, ())
        return any(
            one.kind in (Definition.FUNCTION, Definition.CLASS)
            or (one.kind == Definition.VALUE and not isinstance(one.value, ast.Constant))
            for one in definitions
        )


def _calls(node: ast.expr | None) -> bool:
    return node is not None and any(isinstance(one, ast.Call) for one in ast.walk(node))


def _is_for_types(test: ast.expr) -> bool:
    return (test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")) == "TYPE_CHECKING"


def _is_search_path(node: ast.AST) -> bool:
    """Say whether `node` is what says where modules are found, or a function that changes it."""
    if isinstance(node, ast.Attribute):
        is_path = node.attr == "path" and isinstance(node.value, ast.Name) and node.value.id == "sys"
        return is_path or node.attr == "addsitedir"
    return isinstance(node, ast.Name) and node.id == "addsitedir"


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
