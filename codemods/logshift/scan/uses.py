"""What is done with loggers.

In: a tree, its values and places, and the factory calls. Out: a `Use` for each place that refers to a logger.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from logshift.model import Arguments, ScopeKind, Use, UseKind
from logshift.scan.flow import UNBOUND, reaching
from logshift.scan.places import Places
from logshift.scan.tree import Definition, ScopeNode, Tree, argument
from logshift.scan.values import Made, Path, Value, Values

#: Functions that compare what they are given; a test's assertions do too, but for those that look at one thing only.
_COMPARING = frozenset({"id", "is_", "is_not", "eq", "ne"})
_ONE_THING = (
    "assertTrue", "assertFalse", "assertIsNone", "assertIsNotNone", "assertIsInstance", "assertNotIsInstance",
    "assertHasAttr", "assertLogs", "assertNoLogs", "assertRaises", "assertWarns", "assert_type", "assert_never",
)  # fmt: skip


def compared(tree: Tree) -> set[ast.expr]:
    """Return the expressions whose values are compared with others; a constant beside them asks for nothing."""
    found = {operand for operands in comparisons(tree) for operand in operands}
    return found | _compared_by_functions(tree, found)


def comparisons(tree: Tree) -> Iterator[list[ast.expr]]:
    """Yield the operands of each comparison."""
    for node in tree.comparisons:
        sides = [side for side in [node.left, *node.comparators] if not isinstance(side, ast.Constant)]
        if len(sides) > 1:
            yield [element for side in sides for element in _displayed(side)]
    for call in tree.calls:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name in _COMPARING or (name.startswith("assert") and not name.startswith(_ONE_THING)):
            given = [*call.args, *(keyword.value for keyword in call.keywords)]
            yield [element for one in given for element in _displayed(one)]


def _compared_by_functions(tree: Tree, found: set[ast.expr]) -> set[ast.expr]:
    """Return what is given to functions of the module that compare their parameters, or give them to one that does."""
    calls: dict[ast.FunctionDef, list[ast.Call]] = {}
    for call in tree.calls:
        function = tree.function_called(call)
        if function is not None:
            calls.setdefault(function, []).append(call)
    given: set[ast.expr] = set()
    todo = list(found) if calls else []
    seen: set[ast.arg] = set()
    while todo:
        node = todo.pop()
        home = tree.resolve(node.id, tree.scope_of[node]) if isinstance(node, ast.Name) else None
        for one in home.definitions[node.id] if home is not None and isinstance(node, ast.Name) else ():
            holder, parameter = tree.parents.get(one.node), one.node
            if not (isinstance(holder, ast.FunctionDef) and isinstance(parameter, ast.arg)) or parameter in seen:
                continue
            seen.add(parameter)
            new = [argument(holder, call, parameter.arg) for call in calls.get(holder, ())]
            todo += [expression for expression in new if expression is not None]
            given.update(expression for expression in new if expression is not None)
    return given


def asked_for_type(tree: Tree) -> list[ast.expr]:
    """Return the expressions whose type is asked for."""
    return [
        call.args[0]
        for call in tree.calls
        if isinstance(call.func, ast.Name) and call.func.id == "type" and len(call.args) == 1
    ]


def _displayed(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what a list, set, tuple or dict that is written out holds; anything else itself."""
    if isinstance(node, (ast.List, ast.Set, ast.Tuple)):
        for element in node.elts:
            yield from _displayed(element)
    elif isinstance(node, ast.Dict):
        for part in [*node.keys, *node.values]:
            if part is not None:
                yield from _displayed(part)
    elif isinstance(node, (ast.Starred, ast.NamedExpr)):
        yield node
        yield from _displayed(node.value)
    else:
        yield node
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "getChild":
            yield from _displayed(node.func.value)  # another logger's child is no child of that one


class Uses:
    """The references to the loggers of one file."""

    def __init__(self, tree: Tree, values: Values, places: Places, calls: list[ast.Call]) -> None:
        self.tree = tree
        self.values = values
        self.places = places
        self.calls = calls
        self.made = {call: index for index, call in enumerate(calls)}
        self.compared = compared(tree)
        self.flows: dict[tuple[int, str], dict[ast.Name, frozenset[ast.AST]]] = {}

    def all(self) -> list[Use]:
        """Return every use, in order of place."""
        attributes = {target.attr for target, _, _ in self.tree.attribute_stores} | {
            name for scope in self.tree.scopes if scope.kind is ScopeKind.CLASS for name in scope.definitions
        }
        references: list[ast.expr] = [*self.tree.names]
        references += [node for node in self.tree.attributes if node.attr in attributes]
        references += [call for call in self.calls if isinstance(self.tree.parents[call], ast.Attribute)]
        references += self.tree.walruses
        compound = (ast.BoolOp, ast.IfExp)  # (given or get_logger()).info(…)
        references += [node.value for node in self.tree.attributes if isinstance(node.value, compound)]
        uses = [use for node in references if (use := self._use(node)) is not None]
        uses += self._deletions()
        return sorted(uses, key=lambda use: use.reference)

    def _use(self, node: ast.expr) -> Use | None:
        value = self.values.of(node)
        if not any(isinstance(member, Made) for member in value):
            return None
        value = self._arriving(node, value)
        made = [member for member in value if isinstance(member, Made) and member.call in self.made]
        if not made:
            return None
        kind, member, call, function, context = self._classify(node)
        scope = self.tree.scope_of[node]
        return Use(
            bindings=tuple(sorted({self.made[member.call] for member in made})),
            certain=len(made) == len(value),
            derived=any(member.derived for member in made),
            kind=kind,
            reference=self.places.span(node),
            text=ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else "",
            member=member,
            scope=scope.index,
            import_time=not scope.deferred,
            call=self.places.span(call) if call is not None else None,
            function=self.places.span(function) if function is not None else None,
            arguments=_shape(call) if call is not None else None,
            context=context,
            sure=self.places.is_sure(node),
            quoted=self.places.is_in_fstring(node),
        )

    def _arriving(self, node: ast.expr, value: Value) -> Value:
        """Narrow what a name may be to the definitions that reach this read of it."""
        if not isinstance(node, ast.Name):
            return value
        scope = self.tree.scope_of[node]
        home = self.tree.resolve(node.id, scope)
        while scope.kind is ScopeKind.COMPREHENSION and scope is not home and scope.parent is not None:
            scope = scope.parent
        if home is None or scope is not home:
            return value
        outer = self._outer(node.id, home)
        definitions = home.definitions[node.id]
        if (len(definitions) < 2 and not outer) or any(self._is_from_afar(one, home) for one in definitions):
            return value
        key = (home.index, node.id)
        if key not in self.flows:
            body = getattr(home.node, "body", [])
            self.flows[key] = reaching(body, node.id, definitions) if isinstance(body, list) else {}
        nodes = self.flows[key].get(node, frozenset())
        narrowed: Value = frozenset()
        for definition in definitions:
            if definition.node in nodes:
                narrowed |= self.values.of_definition(definition)
        if UNBOUND in nodes and (home.kind is ScopeKind.CLASS or not nodes - {UNBOUND}):
            # A class body then reads the module's name; a function raises, and meant the name further out.
            narrowed |= outer
        return narrowed or value

    def _is_from_afar(self, definition: Definition, home: ScopeNode) -> bool:
        """Say whether a definition stands in another function, under ``global`` or ``nonlocal``."""
        return definition.scope is not home

    def _outer(self, name: str, home: ScopeNode) -> Value:
        """Return what `name` would be if `home` did not bind it; nothing where that is no logger."""
        parent = self.tree.root if home.kind is ScopeKind.CLASS else home.parent
        further = self.tree.resolve(name, parent) if parent is not None and home is not self.tree.root else None
        value = self.values.of_name(name, further) if further is not None else frozenset()
        return value if any(isinstance(member, Made) for member in value) else frozenset()

    def _classify(self, node: ast.expr) -> tuple[UseKind, str, ast.Call | None, ast.Attribute | None, str]:
        parent = self.tree.parents[node]
        if node in self.compared:
            return UseKind.COMPARE, "", None, None, "compared"
        if isinstance(parent, ast.Attribute):
            outer = self.tree.parents[parent]
            if isinstance(outer, ast.Call) and outer.func is parent:
                return UseKind.CALL, parent.attr, outer, parent, ""
            kind = UseKind.READ if isinstance(parent.ctx, ast.Load) else UseKind.WRITE
            return kind, parent.attr, None, None, ""
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            plain = all(isinstance(target, ast.Name) for target in targets)
            attributes = sorted(target.attr for target in targets if isinstance(target, ast.Attribute))
            return (UseKind.BIND if plain else UseKind.ESCAPE), "", None, None, ":".join(["stored", *attributes])
        return UseKind.ESCAPE, "", None, None, self._escape(node, parent)

    def _escape(self, node: ast.expr, parent: ast.AST) -> str:
        call = self.tree.parents[parent] if isinstance(parent, ast.keyword) else parent
        if isinstance(call, ast.Call) and call.func is not node:
            callee = call.func.id if isinstance(call.func, ast.Name) else ""
            if callee == "type" and len(call.args) == 1:
                return "type"
            if callee in ("isinstance", "issubclass") and len(call.args) == 2:
                kinds = call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]]
                paths = [m.dotted for kind in kinds for m in self.values.of(kind) if isinstance(m, Path)]
                return f"isinstance:{','.join(sorted(paths))}"
            return "argument"
        return {
            ast.Return: "returned", ast.Yield: "yielded", ast.Lambda: "returned", ast.FormattedValue: "formatted",
            ast.arg: "default", ast.Expr: "statement", ast.If: "truth", ast.BoolOp: "truth", ast.UnaryOp: "truth",
            ast.IfExp: "truth", ast.Await: "awaited", ast.Compare: "compared",
        }.get(type(parent), "stored")  # fmt: skip

    def _deletions(self) -> list[Use]:
        uses = []
        for scope in self.tree.scopes:
            for name, definitions in scope.definitions.items():
                for definition in definitions:
                    if definition.kind == Definition.DELETE and isinstance(definition.node, ast.Name):
                        made = [m for m in self.values.of_name(name, scope) if isinstance(m, Made)]
                        ids = tuple(sorted({self.made[m.call] for m in made if m.call in self.made}))
                        if ids:
                            span = self.places.span(definition.node)
                            uses.append(
                                Use(ids, True, False, UseKind.DELETE, span, name, "", scope.index,
                                    not scope.deferred, None, None, None, "", True, False)
                            )  # fmt: skip
        return uses


def _shape(call: ast.Call) -> Arguments:
    return Arguments(
        positional=sum(not isinstance(argument, ast.Starred) for argument in call.args),
        keywords=tuple(keyword.arg for keyword in call.keywords if keyword.arg is not None),
        star=any(isinstance(argument, ast.Starred) for argument in call.args),
        double_star=any(keyword.arg is None for keyword in call.keywords),
    )
