"""Which definitions of one name may have been the last before each read of it.

In: a scope's body and a name. Out: for every read of the name in that scope – not in functions nested in it,
which run later – the definitions that can reach it. Loops, `try` and `match` are followed conservatively: what
cannot be told apart is joined.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from logshift.scan.tree import Definition

#: Stands for "not bound yet".
UNBOUND = ast.Pass()

State = frozenset[ast.AST] | None  # the nodes that define the name; None where no code gets
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def reaching(body: list[ast.stmt], name: str, definitions: Iterable[Definition]) -> dict[ast.Name, frozenset[ast.AST]]:
    """Return for each read of `name` the nodes of the definitions that may reach it, `UNBOUND` for none."""
    known = list(definitions)
    given = frozenset(one.node for one in known if one.kind == Definition.PARAMETER)
    walk = _Flow(name, {definition.node for definition in known})
    walk.suite(body, given or frozenset({UNBOUND}))
    return walk.reads


class _Flow:
    def __init__(self, name: str, definitions: set[ast.AST]) -> None:
        self.name = name
        self.definitions = definitions
        self.reads: dict[ast.Name, frozenset[ast.AST]] = {}
        self.passed: list[list[State]] = []  # states seen inside each open `try`
        self.leaving: list[tuple[list[State], list[State]]] = []  # break and continue of each open loop

    def suite(self, statements: Iterable[ast.stmt], state: State) -> State:
        for statement in statements:
            self._pass(state)
            state = self._statement(statement, state)
            self._pass(state)
        return state

    def _pass(self, state: State) -> None:
        for seen in self.passed:
            seen.append(state)

    def _statement(self, node: ast.stmt, state: State) -> State:
        if isinstance(node, ast.If):
            state = self._expression(node.test, state)
            return _join(self.suite(node.body, state), self.suite(node.orelse, state))
        if isinstance(node, (ast.While, ast.For, ast.AsyncFor)):
            return self._loop(node, state)
        if isinstance(node, (ast.Try, ast.TryStar)):
            return self._try(node, state)
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                state = self._expression(item, state)
            return _join(state, self.suite(node.body, state))  # a context manager may swallow an exception
        if isinstance(node, ast.Match):
            state = self._expression(node.subject, state)
            outs = [state]
            for case in node.cases:
                inner = self._expression(case.pattern, state)
                inner = self._expression(case.guard, inner) if case.guard is not None else inner
                outs.append(self.suite(case.body, inner))
            return _join(*outs)
        state = self._expression(node, state)
        if isinstance(node, (ast.Return, ast.Raise)):
            return None
        if isinstance(node, (ast.Break, ast.Continue)) and self.leaving:
            self.leaving[-1][isinstance(node, ast.Continue)].append(state)
            return None
        return state

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor, state: State) -> State:
        entry = state
        breaks: list[State] = []
        for _ in range(len(self.definitions) + 2):  # each round can only add definitions
            self.leaving.append((breaks, []))
            inner = self._expression(node.test if isinstance(node, ast.While) else node.iter, entry)
            if not isinstance(node, ast.While):
                inner = self._expression(node.target, inner)
            out = self.suite(node.body, inner)
            _, continues = self.leaving.pop()
            joined = _join(entry, out, *continues)
            if joined == entry:
                break
            entry = joined
        return _join(self.suite(node.orelse, entry), *breaks)

    def _try(self, node: ast.Try | ast.TryStar, state: State) -> State:
        seen: list[State] = [state]
        self.passed.append(seen)
        out = self.suite(node.body, state)
        self.passed.pop()
        caught = _join(*seen)
        outs = [self.suite(node.orelse, out)]
        for handler in node.handlers:
            inner = self._expression(handler.type, caught) if handler.type is not None else caught
            if handler in self.definitions:
                inner = frozenset({handler})
            outs.append(self.suite(handler.body, inner))
        if not node.finalbody:
            return _join(*outs)
        interrupted = self.suite(node.finalbody, _join(caught, *outs))
        ended = _join(*outs)
        return None if ended is None else _join(interrupted)

    def _expression(self, node: ast.AST, state: State) -> State:
        """Note the reads in `node`, then let its own definitions take over."""
        if state is None:
            return None
        made: list[ast.AST] = []
        todo: list[ast.AST] = [node]
        while todo:
            current = todo.pop()
            if current in self.definitions:
                made.append(current)
            if isinstance(current, ast.Name) and current.id == self.name and isinstance(current.ctx, ast.Load):
                self.reads[current] = self.reads.get(current, frozenset()) | state
            if isinstance(current, _NESTED) and current is not node:
                continue
            if not isinstance(current, _NESTED):
                todo.extend(ast.iter_child_nodes(current))
        deleted = any(isinstance(one, ast.Name) and isinstance(one.ctx, ast.Del) for one in made)
        if deleted:
            return frozenset({UNBOUND})
        return frozenset(made) if made else state


def _join(*states: State) -> State:
    alive = [state for state in states if state is not None]
    return frozenset().union(*alive) if alive else None
