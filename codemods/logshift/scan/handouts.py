"""Which functions of a module hand out loggers that they, or functions they call, make.

In: a tree, its values and the factory calls. Out: the functions at the top of the module that return nothing else,
each with the calls behind it. A function that returns a parameter as it is stands for what it is given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from logshift._record import NamedTuple
from logshift.scan.names import is_called_like_a_factory
from logshift.scan.tree import Definition, ScopeNode, Tree, argument
from logshift.scan.values import Made, Values

#: Decorators that leave what a function returns as it is.
_TRANSPARENT = frozenset({"cache", "lru_cache", "wraps"})


class _Parameter(NamedTuple):
    """What a function is given under this name."""

    name: str


class _Other(NamedTuple):
    """Anything else."""


_Result = frozenset[ast.Call | _Parameter | _Other]
_NOTHING: _Result = frozenset()
_OTHER: _Result = frozenset({_Other()})


class Handouts:
    """The functions of one file that hand out loggers."""

    def __init__(self, tree: Tree, values: Values, calls: Iterable[ast.Call]) -> None:
        self.tree = tree
        self.values = values
        self.calls = frozenset(calls)
        self.scopes = {scope.node: scope for scope in tree.scopes}
        self.known: dict[ast.AST, _Result] = {}
        self.running: set[tuple[ScopeNode, str]] = set()

    def all(self) -> Iterator[tuple[str, list[ast.Call]]]:
        """Yield the name of each such function, and the factory calls that its loggers come from."""
        for name, definitions in self.tree.root.definitions.items():
            if len(definitions) == 1 and definitions[0].kind == Definition.FUNCTION and is_called_like_a_factory(name):
                node = definitions[0].node
                result = self._returned(node) if isinstance(node, ast.FunctionDef) else _OTHER
                calls = [one for one in result if isinstance(one, ast.Call)]
                if calls and len(calls) == len(result):
                    yield name, calls

    def _returned(self, function: ast.FunctionDef) -> _Result:
        known = self.known.get(function)
        if known is None:
            self.known[function] = _NOTHING  # what comes back to itself adds nothing
            known = self.known[function] = self._read(function)
        return known

    def _read(self, function: ast.FunctionDef) -> _Result:
        decorators = {_leaf(one.func if isinstance(one, ast.Call) else one) for one in function.decorator_list}
        if not decorators <= _TRANSPARENT:
            return _OTHER
        body = list(_own_nodes(function))
        if any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in body):
            return _OTHER
        scope = self.scopes[function]
        returns = [node.value for node in body if isinstance(node, ast.Return)]
        return _NOTHING.union(*(self._of(value, scope) if value is not None else _OTHER for value in returns))

    def _of(self, node: ast.expr, function: ScopeNode) -> _Result:
        """Return what an expression of `function` may be."""
        if isinstance(node, ast.Name):
            home = self.tree.resolve(node.id, self.tree.scope_of[node])
            if home is function:
                return self._named(node.id, function)
        elif isinstance(node, ast.IfExp):
            return self._of(node.body, function) | self._of(node.orelse, function)
        elif isinstance(node, ast.BoolOp):
            return _NOTHING.union(*(self._of(value, function) for value in node.values))
        elif isinstance(node, ast.Call) and (callee := self.tree.function_called(node)) is not None:
            return self._called(callee, node, function)
        value = self.values.of(node)
        made = {member.call for member in value if isinstance(member, Made)}
        return frozenset(made) if made <= self.calls and len(made) == len(value) else _OTHER

    def _named(self, name: str, function: ScopeNode) -> _Result:
        if (function, name) in self.running:
            return _NOTHING
        self.running.add((function, name))
        found = _NOTHING.union(*(self._defined(one, function) for one in function.definitions[name]))
        self.running.discard((function, name))
        return found

    def _defined(self, one: Definition, function: ScopeNode) -> _Result:
        if one.kind == Definition.PARAMETER and isinstance(one.node, ast.arg):
            return frozenset({_Parameter(one.node.arg)})
        if one.kind == Definition.VALUE and one.value is not None:
            return self._of(one.value, function)
        return _NOTHING if one.kind == Definition.DELETE else _OTHER

    def _called(self, callee: ast.FunctionDef, call: ast.Call, function: ScopeNode) -> _Result:
        found = _NOTHING
        for one in self._returned(callee):
            if isinstance(one, _Parameter):
                given = argument(callee, call, one.name)
                found |= self._of(given, function) if given is not None else _OTHER
            else:
                found |= {one}
        return found


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield what a function's body holds, other functions' bodies left out."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(node))


def _leaf(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
