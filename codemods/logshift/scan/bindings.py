"""Where loggers are made.

In: a tree, its values and places, and the uses of each logger. Out: a `Binding` for each call of a factory.
"""

from __future__ import annotations

import ast

from logshift.frameworks import COMPONENT, NODE, Factory, Framework
from logshift.model import Binding, Form, LoggerName, NameKind, Reason, ScopeKind, Span, Use, UseKind
from logshift.scan.names import Names
from logshift.scan.places import Places
from logshift.scan.tree import Tree
from logshift.scan.uses import compared
from logshift.scan.values import Made, Path, Values

_SIMPLE = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Import, ast.ImportFrom, ast.Raise, ast.Assert,
    ast.Delete, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal,
)  # fmt: skip
#: Keywords of `structlog.wrap_logger` that give one logger a pipeline of its own.
_PIPELINE = frozenset(
    {"processors", "wrapper_class", "context_class", "cache_logger_on_first_use", "logger_factory_args"}
)
#: A logger's name, the fields it is given, and what stands in the way.
_Given = tuple[LoggerName, tuple[tuple[str, str], ...], Reason | None]


class Bindings:
    """The loggers that one file makes."""

    def __init__(self, tree: Tree, values: Values, places: Places, names: Names) -> None:
        self.tree = tree
        self.values = values
        self.places = places
        self.names = names
        self.compared = compared(tree)

    def calls(self) -> list[ast.Call]:
        """Return the calls of factories, in order. A logger that another call wraps is not counted apart."""
        found = [call for call in self.tree.calls if Made(call, derived=False) in self.values.of(call)]
        wrapped = {
            call.args[0]
            for call in found
            if call.args and (factory := self._factory(call)) is not None and factory[1].wraps
        }
        roots = {call.func.value for call in found if isinstance(call.func, ast.Attribute)}  # getLogger().getChild("x")
        return sorted((call for call in found if call not in wrapped and call not in roots), key=self.places.span)

    def _factory(self, call: ast.Call) -> tuple[Framework, Factory] | None:
        for member in self.values.of(call.func):
            if isinstance(member, Path) and member.dotted in self.names.factories:
                return self.names.factories[member.dotted]
        return None

    def binding(self, call: ast.Call, uses: list[Use]) -> Binding:
        """Return what there is to say of the logger that `call` makes and that `uses` are made of."""
        found = self._factory(call)
        assert found is not None
        framework, factory = found
        name, initial, obstacle = self._arguments(call, framework, factory)
        form, targets = self._destination(call)
        statement = self.tree.statement(call)
        scope = self.tree.scope_of[call]
        sole = self._is_sole(call, statement)
        obstacle = self._callee_obstacle(call) or obstacle or self._place_obstacle(call)
        is_root = False
        if factory.detached:
            obstacle = Reason.DETACHED_LOGGER
        elif factory.sets_up:  # what its arguments mean is its own affair
            obstacle = None if obstacle is Reason.UNKNOWN_ARGUMENTS else obstacle
        elif framework.name_means == NODE and factory is framework.factories[0]:
            is_root = obstacle is not Reason.UNKNOWN_ARGUMENTS and _is_root_name(name)
            obstacle = Reason.ROOT_LOGGER if is_root else obstacle
        elif framework.name_means == NODE and (_is_root_name(name) or not name.certain):
            obstacle = obstacle or Reason.UNKNOWN_ARGUMENTS  # what is empty does not mean the root here
        shown = {NameKind.NONE: "", NameKind.MODULE: "__name__", NameKind.LITERAL: repr(name.text)}
        given = [shown.get(name.kind, name.text), *(f"{key}={value}" for key, value in initial)]
        callee = self._callee(call.func)
        path = callee if factory.sets_up and callee else factory.path
        is_discarded = factory.sets_up and isinstance(self.tree.parents[call], ast.Expr)
        return Binding(
            framework=framework.key,
            factory=path,
            callee=callee,
            name=name,
            form=form,
            targets=targets,
            scope=scope.index,
            call=self.places.span(call),
            statement=self.places.number(statement) if isinstance(statement, _SIMPLE) else -1,
            initial=initial,
            import_time=not scope.deferred,
            repeated=self._is_repeated(call),
            sole=sole,
            annotation=self._annotation(statement, framework) if sole else None,
            configuration=is_root or is_discarded or _only_configures(framework, form, uses),
            obstacle=obstacle,
            channel=framework.channel,
            quotes=self.places.quotes_around(call),
            canonical=f"{', '.join(targets)} = {path}({', '.join(part for part in given if part)})",
            call_stays=factory.sets_up,
            returned=self._is_returned(call),
        )

    def _arguments(self, call: ast.Call, framework: Framework, factory: Factory) -> _Given:
        positional = list(call.args)
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
        obstacle = None
        if len(keywords) < len(call.keywords) or any(isinstance(value, ast.Starred) for value in positional):
            obstacle = Reason.UNKNOWN_ARGUMENTS
        if factory.wraps:
            return self._wrapped_arguments(positional, keywords, obstacle)
        given = positional[0] if positional else keywords.pop(factory.name_argument or "name", None)
        if given is None and obstacle is not None:  # the name may be in what the stars bring
            text = ", ".join(f"**{self.places.text(one.value)}" for one in call.keywords if one.arg is None)
            return LoggerName(NameKind.COMPUTED, text, certain=False), (), obstacle
        shown = tuple((key, self._text(value)) for key, value in keywords.items())
        if framework.name_means == COMPONENT:
            return self._name(given), shown, None
        if len(positional) > 1 or (keywords and not factory.binds_keywords):
            obstacle = Reason.UNKNOWN_ARGUMENTS
        return self._name(given), shown if factory.binds_keywords else (), obstacle

    def _wrapped_arguments(
        self, positional: list[ast.expr], keywords: dict[str, ast.expr], obstacle: Reason | None
    ) -> _Given:
        inner = positional[0] if positional else keywords.pop("logger", None)
        name = LoggerName(NameKind.NONE)
        if not (isinstance(inner, ast.Call) and Made(inner, derived=False) in self.values.of(inner)):
            obstacle = Reason.CUSTOM_PIPELINE
        else:
            name = self._name(inner.args[0] if inner.args else None)
            if name.kind not in (NameKind.NONE, NameKind.MODULE):
                obstacle = Reason.CUSTOM_PIPELINE
        if len(positional) > 1 or keywords.keys() & _PIPELINE:
            obstacle = Reason.CUSTOM_PIPELINE
        initial = tuple((key, self._text(value)) for key, value in keywords.items())
        return name, initial, obstacle

    def _text(self, node: ast.expr) -> str:
        """Return an argument's text, in the parentheses without which it could not stand behind a keyword."""
        text = self.places.text(node)
        return f"({text})" if isinstance(node, (ast.NamedExpr, ast.Yield, ast.YieldFrom)) else text

    def _name(self, node: ast.expr | None) -> LoggerName:
        if node is None or (isinstance(node, ast.Constant) and node.value is None):
            return LoggerName(NameKind.NONE)
        if self._is_module_name(node):
            return LoggerName(NameKind.MODULE)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return LoggerName(NameKind.LITERAL, node.value)
        text = self._text(node)
        if isinstance(node, (ast.IfExp, ast.BoolOp, ast.Lambda)) or "\n" in text:
            text = f"({text})"
        return LoggerName(NameKind.COMPUTED, text, self._is_surely_text(node))

    def _is_module_name(self, node: ast.expr) -> bool:
        """Say whether `node` is the module's ``__name__``, and not a parameter or variable that is called so."""
        is_name = isinstance(node, ast.Name) and node.id == "__name__"
        return is_name and self.tree.resolve("__name__", self.tree.scope_of[node]) is None

    def _is_surely_text(self, node: ast.expr) -> bool:
        """Say whether an expression gives a string that is not empty, whatever its parts are."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, str) and node.value != ""
        if isinstance(node, ast.Name):
            return self._is_module_name(node)
        if isinstance(node, ast.JoinedStr):
            return any(self._is_surely_text(part) for part in node.values)
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Mod):
                return self._is_surely_text(node.left)
            is_sum = isinstance(node.op, ast.Add)
            return is_sum and (self._is_surely_text(node.left) or self._is_surely_text(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return self._is_surely_text(node.func.value)
        return isinstance(node, ast.Attribute) and node.attr in ("__name__", "__qualname__", "__module__")

    def _destination(self, call: ast.Call) -> tuple[Form, tuple[str, ...]]:
        """Say where the logger goes: the form, and the targets as written."""
        node: ast.AST = call
        parent = self.tree.parents[node]
        if isinstance(parent, ast.Attribute):
            return Form.INLINE, ()
        while isinstance(parent, (ast.IfExp, ast.BoolOp)) and node is not getattr(parent, "test", None):
            node, parent = parent, self.tree.parents[parent]
        targets: list[ast.expr] = []
        if isinstance(parent, ast.Assign):
            targets = parent.targets
        elif isinstance(parent, (ast.AnnAssign, ast.NamedExpr)):
            targets = [parent.target]
        elif isinstance(parent, (ast.Tuple, ast.List)) and isinstance(self.tree.parents[parent], ast.Assign):
            targets = _same_place(self.tree.parents[parent], parent, node)
        if not targets or not all(isinstance(target, (ast.Name, ast.Attribute)) for target in targets):
            return Form.VALUE, ()
        shown = tuple(ast.unparse(target) for target in targets)
        in_class = self.tree.scope_of[call].kind is ScopeKind.CLASS
        plain = all(isinstance(target, ast.Name) for target in targets) and not in_class
        return (Form.NAME if plain else Form.ATTRIBUTE), shown

    def _is_returned(self, call: ast.Call) -> bool:
        parent = next(parent for parent in self.tree.ancestors(call) if not isinstance(parent, (ast.IfExp, ast.BoolOp)))
        return isinstance(parent, ast.Return)

    def _is_repeated(self, call: ast.Call) -> bool:
        for parent in self.tree.ancestors(call):
            if isinstance(parent, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
                return False
            if isinstance(parent, (ast.For, ast.AsyncFor, ast.While)):
                return True
        return False

    def _is_sole(self, call: ast.Call, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            return False
        return statement.value is call and isinstance(target, ast.Name)

    def _annotation(self, statement: ast.stmt, framework: Framework) -> Span | None:
        if not isinstance(statement, ast.AnnAssign):
            return None
        for member in self.values.of(statement.annotation):
            if isinstance(member, Path) and member.dotted in framework.types:
                return self.places.span(statement.annotation)
        return None

    def _callee(self, node: ast.expr) -> str:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        home = self.tree.resolve(node.id, self.tree.scope_of[node])
        imported = [one.path for one in home.definitions[node.id] if one.path] if home is not None else []
        return ".".join([imported[0] if imported else node.id, *parts])

    def _callee_obstacle(self, call: ast.Call) -> Reason | None:
        callee = self.values.of(call.func)
        doubts = [member.doubt for member in callee if isinstance(member, Path) and member.doubt is not None]
        if doubts:
            return min(doubts, key=list(Reason).index)
        certain = all(isinstance(member, Path) and member.dotted in self.names.factories for member in callee)
        return None if certain and self.values.framework(call) is not None else Reason.CONDITIONAL

    def _place_obstacle(self, call: ast.Call) -> Reason | None:
        if not self.places.is_sure(call) or len(self.places.quotes_around(call)) > 1:
            return Reason.INSIDE_FSTRING
        if not self.places.source.round_trips:
            return Reason.UNSUPPORTED_ENCODING
        if call in self.compared:
            return Reason.COMPARED_BY_IDENTITY
        return None


def _same_place(assign: ast.AST, values: ast.Tuple | ast.List, node: ast.AST) -> list[ast.expr]:
    assert isinstance(assign, ast.Assign)
    place = values.elts.index(node)  # type: ignore[arg-type]
    targets = [
        target.elts[place]
        for target in assign.targets
        if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(values.elts)
    ]
    return targets if len(targets) == len(assign.targets) else []


def _is_root_name(name: LoggerName) -> bool:
    return name.kind is NameKind.NONE or (name.kind is NameKind.LITERAL and name.text in ("", "root"))


def _only_configures(framework: Framework, form: Form, uses: list[Use]) -> bool:
    """Say whether all that is done with the logger is to set it up for others."""
    members = [use for use in uses if use.kind in (UseKind.CALL, UseKind.READ, UseKind.WRITE)]
    return (
        bool(members)
        and len(members) == len(uses)
        and form in (Form.INLINE, Form.NAME)
        and all(use.member in framework.configures for use in members)
    )
