"""From a file's tree to what it says about loggers.

In: a `Source`, its `Tree` and the table of names. Out: `FileFacts`. This is where Python's grammar ends: the
rooms after it see bindings, uses, imports and spans, never a syntax node.
"""

from __future__ import annotations

import ast

from logshift.fit import uses_by_binding
from logshift.model import Binding, FactoryReference, FileFacts, HandsOut, Reason, RootCall, Scope, Use, UseKind
from logshift.scan.bindings import Bindings
from logshift.scan.handouts import Handouts
from logshift.scan.head import HeadReader
from logshift.scan.imports import Imports, required
from logshift.scan.names import Names
from logshift.scan.places import Places
from logshift.scan.text import is_in_doctest
from logshift.scan.tree import ScopeNode, Tree
from logshift.scan.uses import Uses
from logshift.scan.values import Path, Values
from logshift.source import Source


def extract(source: Source, tree: Tree, names: Names) -> FileFacts:
    """Return the facts of one file."""
    values = Values(tree, names)
    places = Places(source, tree)
    making = Bindings(tree, values, places, names)
    calls = making.calls()
    uses = Uses(tree, values, places, calls).all()
    of_binding = uses_by_binding(len(calls), uses)
    bindings = [making.binding(call, of_binding[index]) for index, call in enumerate(calls)]
    head = HeadReader(tree, places, frozenset(calls)).read()
    imports = Imports(tree, places)
    exported = imports.exported()
    imported = imports.all(exported)
    others = _Others(tree, values, places, names)
    numbers = {call: index for index, call in enumerate(calls)}
    handouts = Handouts(tree, values, calls).all() if calls else ()
    return FileFacts(
        path=source.path,
        module=tree.module_name,
        encoding=source.encoding,
        newline=source.newline,
        scopes=tuple(_scope(scope) for scope in tree.scopes),
        imports=tuple(imported),
        statements=tuple(places.statements),
        bindings=tuple(bindings),
        uses=tuple(uses),
        root_calls=tuple(others.root_calls(bindings, uses)),
        references=tuple(others.references()),
        header=head.lines,
        body_start=head.body_start,
        inert_until=head.inert_until,
        acts_from=head.acts_from,
        doctested=frozenset(
            name
            for binding in bindings
            if binding.scope == 0
            for name in binding.targets
            if is_in_doctest(name, tree.strings)
        ),
        exported=exported,
        hides_names=imports.hides_names(),
        free=imports.free(),
        requires=required(tree),
        hands_out=tuple(HandsOut(name, tuple(sorted(numbers[call] for call in made))) for name, made in handouts),
    )


def _scope(scope: ScopeNode) -> Scope:
    return Scope(
        kind=scope.kind,
        qualname=scope.qualname,
        parent=scope.parent.index if scope.parent is not None else -1,
        bound={name: len(found) for name, found in scope.definitions.items()},
        globals=frozenset(scope.globals),
        nonlocals=frozenset(scope.nonlocals),
        dynamic=scope.dynamic,
    )


class _Others:
    """What says something about logging and makes no logger."""

    def __init__(self, tree: Tree, values: Values, places: Places, names: Names) -> None:
        self.tree = tree
        self.values = values
        self.places = places
        self.names = names

    def root_calls(self, bindings: list[Binding], uses: list[Use]) -> list[RootCall]:
        """Return the calls that report an event through the root logger."""
        found = []
        for call in self.tree.calls:
            for member in self.values.of(call.func):
                if isinstance(member, Path) and member.dotted in self.names.root_functions:
                    found.append(RootCall(self.places.span(call), self.tree.scope_of[call].index, member.dotted))
                    break
        for use in uses:
            if use.kind is UseKind.CALL and use.call is not None:
                for index in use.bindings:
                    binding = bindings[index]
                    emits = self.names.frameworks[binding.framework].emits
                    if binding.obstacle is Reason.ROOT_LOGGER and use.member in emits:
                        found.append(RootCall(use.call, use.scope, f"{binding.factory}().{use.member}"))
        return sorted(set(found))

    def references(self) -> list[FactoryReference]:
        """Return the places that hand a factory on without calling it."""
        found = []
        nodes: list[ast.expr] = [*self.tree.names, *self.tree.attributes, *self.tree.calls]
        for node in nodes:
            parent = self.tree.parents[node]
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
            for member in self.values.of(node):
                if not isinstance(member, Path) or member.dotted not in self.names.factories:
                    continue
                framework, factory = self.names.factories[member.dotted]
                if factory.detached or factory.sets_up:  # a class, or what people write: no way round a rule
                    continue
                if framework.key != self.names.target and not self._in_annotation(node):
                    reason = member.doubt or Reason.FACTORY_ESCAPES
                    found.append(
                        FactoryReference(self.places.span(node), self.tree.scope_of[node].index, member.dotted, reason)
                    )
                break
        return sorted(set(found))

    def _in_annotation(self, node: ast.AST) -> bool:
        for parent in self.tree.ancestors(node):
            if isinstance(parent, ast.arg):
                return parent.annotation is node
            if isinstance(parent, ast.AnnAssign):
                return parent.annotation is node
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef)):
                return parent.returns is node
            if isinstance(parent, ast.stmt):
                return False
            node = parent
        return False
