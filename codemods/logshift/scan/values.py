"""What a name or expression may stand for, as far as loggers are concerned.

In: a `Tree` and the table of known names. Out: for any expression the set of things it may be – a dotted path
such as ``logging.getLogger``, a logger made by a particular call, a class of this file or an instance of one,
or something that does not matter. The analysis does not follow the order of statements: a name may be
whatever any of its definitions makes it.
"""

from __future__ import annotations

import ast

from logshift._record import NamedTuple
from logshift.frameworks import Framework
from logshift.model import Reason, ScopeKind
from logshift.scan.names import Names, is_called_like_a_factory
from logshift.scan.tree import Definition, ScopeNode, Tree


class Path(NamedTuple):
    """A module, function or class by its dotted name, and what makes it less than certain."""

    dotted: str
    doubt: Reason | None = None


class Made(NamedTuple):
    """A logger made by `call`; `derived` if it came out of ``bind()`` or the like."""

    call: ast.Call
    derived: bool


class OfClass(NamedTuple):
    """A class of this file, or an instance of it."""

    node: ast.ClassDef
    instance: bool


class Member(NamedTuple):
    """A method or attribute of a logger."""

    made: Made
    name: str


class Other(NamedTuple):
    """Anything else."""


OTHER = Other()
Value = frozenset[Path | Made | OfClass | Member | Other]
_NOTHING: Value = frozenset()
_UNKNOWN: Value = frozenset({OTHER})

#: Ways to a module or attribute that only the running program can follow.
_IMPORTERS = frozenset({"importlib.import_module", "builtins.__import__"})


class Values:
    """Evaluates expressions of one file, each once."""

    def __init__(self, tree: Tree, names: Names) -> None:
        self.tree = tree
        self.names = names
        self._names: dict[tuple[int, str], Value] = {}
        self._expressions: dict[ast.expr, Value] = {}
        self._attributes: dict[tuple[ast.ClassDef, str], list[tuple[ast.AST, ast.expr | None]]] | None = None
        self._bodies = {scope.node: scope for scope in tree.scopes if scope.kind is ScopeKind.CLASS}
        self._running: set[object] = set()
        self._cut = False  # a definition leads back to itself: what was found meanwhile is not the whole of it

    def of(self, node: ast.expr | None) -> Value:
        """Return what `node` may be."""
        if node is None:
            return _UNKNOWN
        known = self._expressions.get(node)
        if known is not None:
            return known
        if not self._enter(node):
            return _NOTHING
        value = self._evaluate(node)
        if self._leave(node):
            self._expressions[node] = value
        return value

    def of_name(self, name: str, scope: ScopeNode) -> Value:
        """Return what `name`, read in `scope`, may be."""
        home = self.tree.resolve(name, scope)
        if home is None:
            return self._unresolved(name)
        key = (home.index, name)
        known = self._names.get(key)
        if known is not None:
            return known
        if not self._enter(key):
            return _NOTHING
        value = _NOTHING.union(*(self.of_definition(d) for d in home.definitions[name]))
        if self._leave(key):
            self._names[key] = value
        return value

    def of_definition(self, definition: Definition) -> Value:
        """Return what a name may be because of `definition`."""
        kind = definition.kind
        if kind == Definition.IMPORT:
            return self._imported(definition)
        if kind == Definition.VALUE:
            return self._doubting_factories(self.of(definition.value))
        if kind == Definition.CLASS:
            assert isinstance(definition.node, ast.ClassDef)
            return frozenset({OfClass(definition.node, instance=False)})
        if kind == Definition.PARAMETER:
            return self._parameter(definition)
        if kind == Definition.FUNCTION:
            return self._function(definition)
        return _NOTHING if kind == Definition.DELETE else _UNKNOWN  # a name that is gone is nothing else, it raises

    def attribute_definitions(self, cls: ast.ClassDef, name: str) -> list[tuple[ast.AST, ast.expr | None]]:
        """Return the places that give `cls`, or a base of it in this file, the attribute `name`."""
        if self._attributes is None:
            self._attributes = {}
            for target, value, scope in self.tree.attribute_stores:
                if isinstance(target.value, ast.Name):
                    for member in self.of_name(target.value.id, scope):
                        if isinstance(member, OfClass):
                            self._attributes.setdefault((member.node, target.attr), []).append((target, value))
        found = list(self._attributes.get((cls, name), ()))
        body = self._bodies.get(cls)
        if body is not None:
            found += [(definition.node, definition.value) for definition in body.definitions.get(name, ())]
        for base in cls.bases:
            for member in self.of(base):
                if isinstance(member, OfClass) and not member.instance and member.node is not cls:
                    found.extend(self.attribute_definitions(member.node, name))
        return found

    def _enter(self, key: object) -> bool:
        if key in self._running:
            self._cut = True
            return False
        self._running.add(key)
        return True

    def _leave(self, key: object) -> bool:
        """Say whether what was found may be kept: not while a definition is being followed in a circle."""
        self._running.discard(key)
        if not self._running:
            self._cut = False
        return not self._cut

    # -- expressions ------------------------------------------------------------------------------------

    def _evaluate(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Name):
            return self.of_name(node.id, self.tree.scope_of[node])
        if isinstance(node, ast.Attribute):
            return _NOTHING.union(*(self._attribute(member, node.attr) for member in self.of(node.value)))
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, ast.NamedExpr):
            return self.of(node.value)
        if isinstance(node, ast.IfExp):
            return self.of(node.body) | self.of(node.orelse)
        if isinstance(node, ast.BoolOp):
            return _NOTHING.union(*(self.of(value) for value in node.values))
        return _UNKNOWN

    def _attribute(self, base: object, name: str) -> Value:
        if isinstance(base, Path):
            return frozenset({self._path(f"{base.dotted}.{name}", base.doubt)})
        if isinstance(base, Made):
            root = self._root(base.call)
            path = self._path(f"{root}.{name}", None)
            if root is not None and any(f"{one}.".startswith(f"{path.dotted}.") for one in self.names.factories):
                return frozenset({path})
            return frozenset({Member(base, name)})
        if isinstance(base, OfClass):
            key = (base, name)
            if not self._enter(key):
                return _NOTHING
            values = [self.of(value) for _, value in self.attribute_definitions(base.node, name)]
            self._leave(key)
            return _NOTHING.union(*values) if values else _UNKNOWN
        return _UNKNOWN

    def _path(self, dotted: str, doubt: Reason | None) -> Path:
        """Return a dotted place by the name that it is known by."""
        outer, _, name = dotted.rpartition(".")
        if name == "__dict__" and outer:
            return Path(outer, Reason.DYNAMIC_ACCESS)
        dotted = self.names.origin(dotted)
        return Path(self.names.aliases.get(dotted, dotted), doubt)

    def _root(self, call: ast.Call) -> str | None:
        """Return where the root logger is found, if that is what `call` gives."""
        framework = self.framework(call)
        if framework is None or not framework.root:
            return None
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        is_root = not given or (len(given) == 1 and _string_or_none(given[0]) in ("", "root"))
        return framework.root if is_root else None

    def _subscript(self, node: ast.Subscript) -> Value:
        """Follow ``sys.modules["logging"]`` and ``vars(logging)["getLogger"]``."""
        name = _string(node.slice)
        if name is None:
            return _UNKNOWN
        found = set()
        for member in self.of(node.value):
            if isinstance(member, Path) and member.dotted == "sys.modules":
                found.add(Path(name, Reason.DYNAMIC_ACCESS))
            elif isinstance(member, Path) and member.doubt is Reason.DYNAMIC_ACCESS:
                found.add(self._path(f"{member.dotted}.{name}", member.doubt))
        return frozenset(found) or _UNKNOWN

    def _call(self, node: ast.Call) -> Value:
        callee = self.of(node.func)
        value = _NOTHING.union(*(self._result(member, node) for member in callee))
        return value or _UNKNOWN

    def _result(self, callee: object, node: ast.Call) -> Value:
        if isinstance(callee, Path):
            if callee.dotted in self.names.factories:
                return frozenset({Made(node, derived=False)})
            return self._dynamic(callee, node)
        if isinstance(callee, OfClass) and not callee.instance:
            return frozenset({OfClass(callee.node, instance=True)})
        if isinstance(callee, Member):
            framework = self.framework(callee.made.call)
            if framework is not None and callee.name in framework.derives:
                return frozenset({Made(callee.made.call, derived=True)})
        return _UNKNOWN

    def _dynamic(self, callee: Path, node: ast.Call) -> Value:
        """Follow ``getattr(logging, "getLogger")`` and ``importlib.import_module("logging")``."""
        arguments = node.args
        if callee.dotted in _IMPORTERS and arguments:
            module = _string(arguments[0])
            if module is not None and callee.dotted == "builtins.__import__" and not _gives_submodule(node):
                module = module.partition(".")[0]
            if module is not None:
                return frozenset({Path(module, Reason.DYNAMIC_ACCESS)})
        if callee.dotted == "builtins.vars" and len(arguments) == 1:
            return frozenset(Path(member.dotted, Reason.DYNAMIC_ACCESS)
                             for member in self.of(arguments[0]) if isinstance(member, Path)) or _UNKNOWN  # fmt: skip
        if callee.dotted == "builtins.getattr" and len(arguments) >= 2:
            name = _string(arguments[1])
            paths = [member for member in self.of(arguments[0]) if isinstance(member, Path)]
            if name is not None and paths:
                return frozenset(self._path(f"{path.dotted}.{name}", Reason.DYNAMIC_ACCESS) for path in paths)
        return _UNKNOWN

    def framework(self, call: ast.Call) -> Framework | None:
        """Return the framework whose factory `call` calls; None where several could be."""
        found = {
            self.names.factories[member.dotted][0].key: self.names.factories[member.dotted][0]
            for member in self.of(call.func)
            if isinstance(member, Path) and member.dotted in self.names.factories
        }
        return next(iter(found.values())) if len(found) == 1 else None

    # -- definitions ------------------------------------------------------------------------------------

    def _imported(self, definition: Definition) -> Value:
        guarded = definition.node in self.tree.guarded or any(
            parent in self.tree.guarded for parent in self.tree.ancestors(definition.node)
        )
        return frozenset({self._path(definition.path, Reason.OPTIONAL_DEPENDENCY if guarded else None)})

    def _function(self, definition: Definition) -> Value:
        """A function of the module's own: a factory where the project knows it for one that hands out loggers."""
        name = getattr(definition.node, "name", "")
        if definition.scope is not self.tree.root or not is_called_like_a_factory(name):
            return _UNKNOWN
        path = self._path(f"{self.tree.module_name}.{name}", None)
        return frozenset({path}) if path.dotted in self.names.factories else _UNKNOWN

    def _doubting_factories(self, value: Value) -> Value:
        """A factory under another name: the call can be seen, but the name may go elsewhere too."""
        factories = self.names.factories
        return frozenset(
            Path(member.dotted, member.doubt or Reason.FACTORY_ESCAPES)
            if isinstance(member, Path) and member.dotted in factories
            else member
            for member in value
        )

    def _parameter(self, definition: Definition) -> Value:
        node = self.tree.parents.get(definition.node)
        function_scope = definition.scope
        outer = function_scope.parent
        default = self.of(definition.value) if definition.value is not None else _NOTHING
        if (
            outer is not None
            and outer.kind is ScopeKind.CLASS
            and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and _first_parameter(node) is definition.node
        ):
            decorators = {_leaf(decorator) for decorator in node.decorator_list}
            if "staticmethod" not in decorators:
                assert isinstance(outer.node, ast.ClassDef)
                instance = "classmethod" not in decorators and node.name not in (
                    "__new__",
                    "__init_subclass__",
                )
                return frozenset({OfClass(outer.node, instance)})
        return self._doubting_factories(default) | _UNKNOWN

    def _unresolved(self, name: str) -> Value:
        for definition in self.tree.root.definitions.get("*", ()):
            module = definition.path.removesuffix(".*")
            path = f"{module}.{name}"
            if path in self.names.factories or path in self.names.root_functions:
                return frozenset({Path(path, Reason.STAR_IMPORT)})
            known = self.names.factories.get(self.names.origin(path)) if is_called_like_a_factory(name) else None
            if known is not None and known[1].sets_up:  # it is called on where it is, so the star may stay
                return frozenset({Path(known[1].path)})
        if name in ("getattr", "__import__", "vars"):
            return frozenset({Path(f"builtins.{name}")})
        return _UNKNOWN


def _first_parameter(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.arg | None:
    parameters = [*node.args.posonlyargs, *node.args.args]
    return parameters[0] if parameters else None


def _leaf(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _gives_submodule(node: ast.Call) -> bool:
    """Say whether ``__import__`` is given a list of names, and so returns the module named and not its package."""
    given = [*node.args[3:4], *(keyword.value for keyword in node.keywords if keyword.arg == "fromlist")]
    return any(not isinstance(one, (ast.List, ast.Tuple)) or one.elts for one in given)


def _string_or_none(node: ast.expr) -> str | None:
    return "" if isinstance(node, ast.Constant) and node.value is None else _string(node)


def _string(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
