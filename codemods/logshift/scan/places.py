"""Where syntax stands: spans of nodes, logical lines of statements, and whether a place can be relied on."""

from __future__ import annotations

import ast
import re

from logshift.model import Span, Statement
from logshift.scan.tree import Tree
from logshift.source import Source

_QUOTES = re.compile("[\"']")
_STRINGS = re.compile(r"""["'](?:[\s\\]|#.*)*[fFrRbBuU]{0,2}["']""")  # the end of one, and the beginning of another


class Places:
    """The places of one file; statements that facts refer to are numbered as they are asked for."""

    def __init__(self, source: Source, tree: Tree) -> None:
        self.source = source
        self.tree = tree
        self.statements: list[Statement] = []
        self._numbers: dict[ast.stmt, int] = {}
        self._blocks: dict[int, int] = {}

    def span(self, node: ast.AST) -> Span:
        """Return the bytes that `node`, an expression or statement, takes up."""
        return self.source.span(node)  # type: ignore[arg-type]

    def text(self, node: ast.AST) -> str:
        """Return the text of `node` as written."""
        return self.source.text(self.span(node))

    def is_in_fstring(self, node: ast.expr) -> bool:
        """Say whether `node` lies in a replacement field of an f-string."""
        return any(isinstance(parent, ast.JoinedStr) for parent in self.tree.ancestors(node))

    def quotes_around(self, node: ast.expr) -> str:
        """Return the quotes that may not stand at `node`, since an f-string around it ends with them.

        Those that `node` is written with can stand there.
        """
        around = [parent for parent in self.tree.ancestors(node) if isinstance(parent, ast.JoinedStr)]
        if not around:
            return ""
        own, whole = self.text(node), self.text(around[-1]).lstrip("fFrRbBuU")
        found = set(whole[:1])
        if len(around) > 1 or _STRINGS.search(whole.strip(whole[:1])):  # several, one in or beside another
            found = set(_QUOTES.findall(whole.replace(own, "", 1)))
        return "".join(sorted(found.difference(_QUOTES.findall(own))))

    def is_sure(self, node: ast.expr) -> bool:
        """Say whether the parser's place for `node` is right: inside f-strings it is not before Python 3.12."""
        if not self.is_in_fstring(node):
            return True
        try:
            found = ast.parse(self.text(node).strip(), mode="eval").body
        except (SyntaxError, ValueError, IndexError):
            return False
        return ast.dump(found) == ast.dump(node)

    def number(self, statement: ast.stmt) -> int:
        """Return the number under which facts refer to a simple statement."""
        known = self._numbers.get(statement)
        if known is not None:
            return known
        suite, _ = self.tree.suites[statement]
        first, last = self.logical_line(statement)
        self.statements.append(
            Statement(
                span=self.span(statement),
                line=self.line(statement),
                alone=first is last,
                block=self._blocks.setdefault(id(suite), len(self._blocks)),
                block_size=len(suite),
                top=suite is self.tree.module.body,
            )
        )
        self._numbers[statement] = len(self.statements) - 1
        return self._numbers[statement]

    def line(self, statement: ast.stmt) -> Span:
        """Return the logical line that a statement stands on, with its comment, without indentation and newline."""
        first, last = self.logical_line(statement)
        return Span(self.span(first).start, self.source.line_end(self.span(last).end))

    def logical_line(self, statement: ast.stmt) -> tuple[ast.stmt, ast.stmt]:
        """Return the first and the last statement of a logical line."""
        suite, index = self.tree.suites[statement]
        first = last = index
        while first > 0 and suite[first - 1].end_lineno == suite[first].lineno:
            first -= 1
        while last + 1 < len(suite) and suite[last + 1].lineno == suite[last].end_lineno:
            last += 1
        return suite[first], suite[last]
