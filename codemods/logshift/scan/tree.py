"""The scopes and names of one file: who binds what where, and who reads it.

In: a parsed module. Out: a `Tree` in which every name can be resolved as the compiler would. Python's scoping
rules stand here and nowhere else: https://docs.python.org/3/reference/executionmodel.html#naming-and-binding
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from logshift.model import ScopeKind

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DYNAMIC = frozenset({"locals", "vars", "exec", "eval", "dir", "globals"})
#: Builtins that see the names of the module, wherever they are called.
_SEES_MODULE = frozenset({"exec", "eval", "globals"})
#: Attributes that lead to the names of running code.
_FRAMES = frozenset({"f_globals", "f_locals", "__globals__"})


class Definition:
    """One place that binds a name, or an attribute of a class's instances."""

    __slots__ = ("alias", "kind", "node", "path", "scope", "value")

    IMPORT = "import"
    VALUE = "value"  # name = value
    CLASS = "class"
    FUNCTION = "function"
    PARAMETER = "parameter"  # value is the default, if any
    DELETE = "delete"
    OTHER = "other"

    def __init__(
        self,
        kind: str,
        node: ast.AST,
        scope: ScopeNode,
        value: ast.expr | None = None,
        *,
        path: str = "",
        alias: int = 0,
    ) -> None:
        self.kind = kind
        self.node = node
        self.scope = scope
        self.value = value
        self.path = path  # of an import: what the name stands for, absolute and dotted
        self.alias = alias  # of an import: the name's place in the statement


class ScopeNode:
    """A scope while the tree is being read."""

    __slots__ = (
        "definitions",
        "dynamic",
        "globals",
        "index",
        "kind",
        "name",
        "node",
        "nonlocals",
        "parent",
        "qualname",
    )

    def __init__(self, index: int, kind: ScopeKind, name: str, parent: ScopeNode | None, node: ast.AST) -> None:
        self.index = index
        self.kind = kind
        self.name = name
        self.parent = parent
        self.node = node
        self.definitions: dict[str, list[Definition]] = {}
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.dynamic = False
        outer = parent.qualname if parent is not None else ""
        self.qualname: str = f"{outer}.{name}" if outer else name

    @property
    def deferred(self) -> bool:
        """Whether code of this scope runs only when something is called."""
        scope: ScopeNode | None = self
        while scope is not None:
            if scope.kind in (ScopeKind.FUNCTION, ScopeKind.LAMBDA):
                return True
            scope = scope.parent
        return False


class Tree:
    """A module's scopes, definitions and reads, with the way from every node to what surrounds it."""

    def __init__(self, module: ast.Module, package: str, module_name: str) -> None:
        self.module = module
        self.package = package
        self.module_name = module_name
        self.scopes: list[ScopeNode] = []
        self.parents: dict[ast.AST, ast.AST] = {}
        self.scope_of: dict[ast.AST, ScopeNode] = {}
        self.names: list[ast.Name] = []  # reads
        self.attributes: list[ast.Attribute] = []  # reads
        self.attribute_stores: list[tuple[ast.Attribute, ast.expr | None, ScopeNode]] = []
        self.calls: list[ast.Call] = []
        self.comparisons: list[ast.Compare] = []
        self.walruses: list[ast.NamedExpr] = []
        self.suites: dict[ast.stmt, tuple[list[ast.stmt], int]] = {}
        self.guarded: set[ast.stmt] = set()  # in a try with an ImportError handler, or under TYPE_CHECKING
        self.strings: list[ast.Constant] = []
        self.root = self._scope(ScopeKind.MODULE, "", None, module)
        _Reader(self).read()

    def _scope(self, kind: ScopeKind, name: str, parent: ScopeNode | None, node: ast.AST) -> ScopeNode:
        scope = ScopeNode(len(self.scopes), kind, name, parent, node)
        self.scopes.append(scope)
        return scope

    def resolve(self, name: str, scope: ScopeNode) -> ScopeNode | None:
        """Return the scope whose binding a read of `name` in `scope` finds; None for builtins and strangers."""
        current: ScopeNode | None = scope
        while current is not None:
            if name in current.globals:
                return self.root if name in self.root.definitions else None
            visible = current.kind is not ScopeKind.CLASS or current is scope
            if visible and name in current.definitions and name not in current.nonlocals:
                return current
            current = current.parent
        return None

    def statement(self, node: ast.AST) -> ast.stmt:
        """Return the innermost statement that `node` is part of."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def function_called(self, call: ast.Call) -> ast.FunctionDef | None:
        """Return the one function of the module that a call by a plain name calls; None if that is not certain."""
        name = call.func
        if not isinstance(name, ast.Name) or self.resolve(name.id, self.scope_of[name]) is not self.root:
            return None
        definitions = self.root.definitions[name.id]
        node = definitions[0].node
        return node if len(definitions) == 1 and isinstance(node, ast.FunctionDef) else None

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what surrounds `node`, from the inside."""
        while node in self.parents:
            node = self.parents[node]
            yield node


class _Reader:
    """One walk over the module, with a stack of its own: sources nest deeper than Python's recursion limit."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.todo: list[tuple[ast.AST, ScopeNode]] = []
        self.nonlocal_definitions: list[tuple[str, Definition]] = []

    def read(self) -> None:
        self._suites(self.tree.module)
        self._later(self.tree.module.body, self.tree.module, self.tree.root)
        while self.todo:
            node, scope = self.todo.pop()
            self._visit(node, scope)
        for name, definition in self.nonlocal_definitions:  # the outer function is known only now
            parent = definition.scope.parent
            scope = (parent and self.tree.resolve(name, parent)) or definition.scope
            scope.definitions.setdefault(name, []).append(definition)

    def _later(self, nodes: Iterable[ast.AST | None], parent: ast.AST, scope: ScopeNode) -> None:
        for node in nodes:
            if node is not None:
                self.tree.parents[node] = parent
                self.tree.scope_of[node] = scope
                self.todo.append((node, scope))

    def _visit(self, node: ast.AST, scope: ScopeNode) -> None:
        if isinstance(node, ast.stmt):
            self._suites(node)
        method = getattr(self, f"_visit_{type(node).__name__}", None)
        if method is None:
            self._later(ast.iter_child_nodes(node), node, scope)
        else:
            method(node, scope)

    def _suites(self, node: ast.AST) -> None:
        for field in ("body", "orelse", "finalbody"):
            suite = getattr(node, field, None)
            if isinstance(suite, list):
                for index, statement in enumerate(suite):
                    self.tree.suites[statement] = (suite, index)

    # -- names ----------------------------------------------------------------------------------------

    def _define(self, name: str, definition: Definition) -> None:
        scope = definition.scope
        if name in scope.globals:
            scope = self.tree.root
        elif name in scope.nonlocals:
            self.nonlocal_definitions.append((name, definition))
            return
        scope.definitions.setdefault(name, []).append(definition)

    def _visit_Name(self, node: ast.Name, scope: ScopeNode) -> None:
        if isinstance(node.ctx, ast.Load):
            self.tree.names.append(node)
            if node.id in _SEES_MODULE:
                self.tree.root.dynamic = True
        elif isinstance(node.ctx, ast.Del):
            self._define(node.id, Definition(Definition.DELETE, node, scope))
        else:
            self._define(node.id, Definition(Definition.OTHER, node, scope))

    def _visit_Attribute(self, node: ast.Attribute, scope: ScopeNode) -> None:
        if isinstance(node.ctx, ast.Load):
            self.tree.attributes.append(node)
            self._attribute(node, scope)
        else:
            self.tree.attribute_stores.append((node, None, scope))
        self._later([node.value], node, scope)

    def _attribute(self, node: ast.Attribute, scope: ScopeNode) -> None:
        """Note the ways to a module's names that are no names themselves."""
        of = node.value.id if isinstance(node.value, ast.Name) else ""
        parent = self.tree.parents[node]
        if node.attr in _FRAMES or (of == "builtins" and node.attr in _DYNAMIC):
            scope.dynamic = self.tree.root.dynamic = True
        elif of == "sys" and node.attr == "modules":
            named = isinstance(parent, ast.Subscript) and isinstance(parent.slice, ast.Constant)
            if not named:
                self.tree.root.dynamic = True

    def _visit_Constant(self, node: ast.Constant, scope: ScopeNode) -> None:
        if isinstance(node.value, str):
            self.tree.strings.append(node)

    def _visit_Call(self, node: ast.Call, scope: ScopeNode) -> None:
        self.tree.calls.append(node)
        if isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC:
            holder: ScopeNode | None = scope
            while holder is not None:  # a comprehension is one with what is around it (PEP 709)
                holder.dynamic = True
                holder = holder.parent if holder.kind is ScopeKind.COMPREHENSION else None
        self._later(ast.iter_child_nodes(node), node, scope)

    def _visit_Compare(self, node: ast.Compare, scope: ScopeNode) -> None:
        self.tree.comparisons.append(node)
        self._later(ast.iter_child_nodes(node), node, scope)

    # -- statements that bind ---------------------------------------------------------------------------

    def _visit_Global(self, node: ast.Global, scope: ScopeNode) -> None:
        for name in node.names:
            for definition in scope.definitions.pop(name, ()):  # never legal before, but do not lose it
                self.tree.root.definitions.setdefault(name, []).append(definition)
            scope.globals.add(name)

    def _visit_Nonlocal(self, node: ast.Nonlocal, scope: ScopeNode) -> None:
        scope.nonlocals.update(node.names)

    def _visit_Assign(self, node: ast.Assign, scope: ScopeNode) -> None:
        for target in node.targets:
            self._assign(target, node.value, node, scope)
        self._later([node.value], node, scope)

    def _visit_AnnAssign(self, node: ast.AnnAssign, scope: ScopeNode) -> None:
        self._assign(node.target, node.value, node, scope)
        self._later([node.annotation, node.value], node, scope)

    def _visit_NamedExpr(self, node: ast.NamedExpr, scope: ScopeNode) -> None:
        holder = scope
        while holder.kind is ScopeKind.COMPREHENSION and holder.parent is not None:
            holder = holder.parent
        self.tree.walruses.append(node)
        self.tree.parents[node.target] = node
        self.tree.scope_of[node.target] = scope
        self._define(node.target.id, Definition(Definition.VALUE, node.target, holder, node.value))
        self._later([node.value], node, scope)

    def _visit_AugAssign(self, node: ast.AugAssign, scope: ScopeNode) -> None:
        if isinstance(node.target, ast.Name):
            self.tree.names.append(node.target)
        self._later([node.target, node.value], node, scope)

    def _assign(self, target: ast.expr, value: ast.expr | None, parent: ast.AST, scope: ScopeNode) -> None:
        self.tree.parents[target] = parent
        self.tree.scope_of[target] = scope
        if isinstance(target, ast.Name):
            kind = Definition.OTHER if value is None else Definition.VALUE
            self._define(target.id, Definition(kind, target, scope, value))
        elif isinstance(target, ast.Attribute):
            self.tree.attribute_stores.append((target, value, scope))
            self._later([target.value], target, scope)
        elif isinstance(target, (ast.Tuple, ast.List)):
            pairs = _elements(target, value)
            for element, part in pairs:
                self._assign(element, part, target, scope)
        elif isinstance(target, ast.Starred):
            self._assign(target.value, None, target, scope)
        else:
            self._later([target], parent, scope)

    def _visit_Import(self, node: ast.Import, scope: ScopeNode) -> None:
        for index, alias in enumerate(node.names):
            bound = alias.asname or alias.name.partition(".")[0]
            path = alias.name if alias.asname else bound
            self._define(bound, Definition(Definition.IMPORT, node, scope, path=path, alias=index))

    def _visit_ImportFrom(self, node: ast.ImportFrom, scope: ScopeNode) -> None:
        module = absolute(node.module, node.level, self.tree.package)
        for index, alias in enumerate(node.names):
            path = f"{module}.{alias.name}" if module else alias.name
            bound = "*" if alias.name == "*" else alias.asname or alias.name
            self._define(bound, Definition(Definition.IMPORT, node, scope, path=path, alias=index))

    def _visit_Try(self, node: ast.Try, scope: ScopeNode) -> None:
        only_imports = all(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in node.body)
        for handler in node.handlers:
            if _catches_import_error(handler, broad=only_imports):
                self.tree.guarded.update([*node.body, *handler.body, *node.orelse])
        self._later(ast.iter_child_nodes(node), node, scope)

    _visit_TryStar = _visit_Try

    def _visit_If(self, node: ast.If, scope: ScopeNode) -> None:
        if _is_type_checking(node.test):
            self.tree.guarded.update(node.body)
        self._later(ast.iter_child_nodes(node), node, scope)

    def _visit_ExceptHandler(self, node: ast.ExceptHandler, scope: ScopeNode) -> None:
        for index, statement in enumerate(node.body):
            self.tree.suites[statement] = (node.body, index)
        if node.name:
            self._define(node.name, Definition(Definition.OTHER, node, scope))
        self._later(ast.iter_child_nodes(node), node, scope)

    def _visit_match_case(self, node: ast.match_case, scope: ScopeNode) -> None:
        for index, statement in enumerate(node.body):
            self.tree.suites[statement] = (node.body, index)
        self._later(ast.iter_child_nodes(node), node, scope)

    def _visit_MatchAs(self, node: ast.MatchAs, scope: ScopeNode) -> None:
        self._capture(node, node.name, scope)

    def _visit_MatchStar(self, node: ast.MatchStar, scope: ScopeNode) -> None:
        self._capture(node, node.name, scope)

    def _visit_MatchMapping(self, node: ast.MatchMapping, scope: ScopeNode) -> None:
        self._capture(node, node.rest, scope)

    def _capture(self, node: ast.AST, name: str | None, scope: ScopeNode) -> None:
        if name:
            self._define(name, Definition(Definition.OTHER, node, scope))
        self._later(ast.iter_child_nodes(node), node, scope)

    # -- scopes -----------------------------------------------------------------------------------------

    def _visit_FunctionDef(self, node: Function, scope: ScopeNode) -> None:
        self._define(node.name, Definition(Definition.FUNCTION, node, scope))
        inner = self.tree._scope(ScopeKind.FUNCTION, node.name, scope, node)
        self._declare(node.body, inner)
        self._parameters(node.args, node, scope, inner)
        self._later([*node.decorator_list, node.returns, *getattr(node, "type_params", ())], node, scope)
        self._later(node.body, node, inner)

    _visit_AsyncFunctionDef = _visit_FunctionDef

    def _visit_Lambda(self, node: ast.Lambda, scope: ScopeNode) -> None:
        inner = self.tree._scope(ScopeKind.LAMBDA, "<lambda>", scope, node)
        self._parameters(node.args, node, scope, inner)
        self._later([node.body], node, inner)

    def _visit_ClassDef(self, node: ast.ClassDef, scope: ScopeNode) -> None:
        self._define(node.name, Definition(Definition.CLASS, node, scope))
        inner = self.tree._scope(ScopeKind.CLASS, node.name, scope, node)
        self._declare(node.body, inner)
        outer = [*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", ())]
        self._later(outer, node, scope)
        self._later(node.body, node, inner)

    def _declare(self, body: list[ast.stmt], inner: ScopeNode) -> None:
        """Read ``global`` and ``nonlocal`` of a body first: they hold for all of it."""
        todo: list[ast.AST] = list(body)
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Global):
                inner.globals.update(node.names)
            elif isinstance(node, ast.Nonlocal):
                inner.nonlocals.update(node.names)
            elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)) and not isinstance(
                node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            ):
                todo.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))

    def _parameters(self, args: ast.arguments, node: ast.AST, scope: ScopeNode, inner: ScopeNode) -> None:
        positional = [*args.posonlyargs, *args.args]
        defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults))
        defaults.extend(args.defaults)
        pairs: list[tuple[ast.arg, ast.expr | None]] = [
            *zip(positional, defaults, strict=True),
            *zip(args.kwonlyargs, args.kw_defaults, strict=True),
            *((arg, None) for arg in (args.vararg, args.kwarg) if arg is not None),
        ]
        for arg, default in pairs:
            inner.definitions.setdefault(arg.arg, []).append(Definition(Definition.PARAMETER, arg, inner, default))
            self._later([arg.annotation, default], arg, scope)
            self.tree.parents[arg] = node
            self.tree.scope_of[arg] = inner

    def _comprehension(self, node: ast.AST, scope: ScopeNode) -> None:
        inner = self.tree._scope(ScopeKind.COMPREHENSION, "<comprehension>", scope, node)
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        for index, generator in enumerate(generators):
            self.tree.parents[generator] = node
            self.tree.scope_of[generator] = inner
            self._later([generator.iter], generator, scope if index == 0 else inner)
            self._later([generator.target, *generator.ifs], generator, inner)
        results = [getattr(node, field, None) for field in ("key", "value", "elt")]
        self._later(results, node, inner)

    _visit_ListComp = _visit_SetComp = _visit_DictComp = _visit_GeneratorExp = _comprehension

    def _visit_TypeAlias(self, node: ast.AST, scope: ScopeNode) -> None:
        self._later(ast.iter_child_nodes(node), node, scope)

    def _type_parameter(self, node: ast.AST, scope: ScopeNode) -> None:
        self._define(node.name, Definition(Definition.OTHER, node, scope))  # type: ignore[attr-defined]
        self._later(ast.iter_child_nodes(node), node, scope)

    _visit_TypeVar = _visit_ParamSpec = _visit_TypeVarTuple = _type_parameter


def absolute(module: str | None, level: int, package: str) -> str:
    """Return the dotted module that ``from {'.' * level}{module} import …`` means in `package`."""
    if level == 0:
        return module or ""
    parts = package.split(".") if package else []
    base = parts[: len(parts) - (level - 1)] if level > 1 else parts
    if level - 1 > len(parts) or not package:
        base = ["." * level]  # outside every package that is known: no absolute name, and no one else's
    return ".".join([*base, *([module] if module else [])])


def argument(callee: ast.FunctionDef, call: ast.Call, name: str) -> ast.expr | None:
    """Return the expression that a call gives for a parameter; None where that cannot be told."""
    if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
        return None
    places = [one.arg for one in (*callee.args.posonlyargs, *callee.args.args)]
    if name in places and places.index(name) < len(call.args):
        return call.args[places.index(name)]
    return next((one.value for one in call.keywords if one.arg == name), None)


def _elements(target: ast.Tuple | ast.List, value: ast.expr | None) -> Iterator[tuple[ast.expr, ast.expr | None]]:
    same = (
        isinstance(value, (ast.Tuple, ast.List))
        and len(value.elts) == len(target.elts)
        and not any(isinstance(element, ast.Starred) for element in [*value.elts, *target.elts])
    )
    parts = value.elts if same else [None] * len(target.elts)  # type: ignore[union-attr]
    yield from zip(target.elts, parts, strict=True)


def _catches_import_error(handler: ast.ExceptHandler, *, broad: bool) -> bool:
    """Say whether `handler` is there for a missing module; `broad` counts one that catches everything."""
    if handler.type is None:
        return broad
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "") for kind in kinds}
    return bool(names & {"ImportError", "ModuleNotFoundError"}) or (
        broad and bool(names & {"Exception", "BaseException"})
    )


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
