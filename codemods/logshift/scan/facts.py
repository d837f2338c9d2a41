"""From a file's tree to what it says about loggers.

In: a `Source`, its `Tree` and the table of names. Out: `FileFacts`. This is where Python's grammar ends: the
rooms after it see bindings, uses, imports and spans, never a syntax node.
"""

from __future__ import annotations

import ast
import re

from logshift.frameworks import COMPONENT, Factory, Framework
from logshift.model import (
    Arguments,
    Binding,
    FactoryReference,
    FileFacts,
    Form,
    HeaderKind,
    HeaderLine,
    Import,
    LoggerName,
    NameKind,
    Reason,
    RootCall,
    Scope,
    ScopeKind,
    Span,
    Statement,
    Use,
    UseKind,
)
from logshift.scan.flow import reaching
from logshift.scan.names import Names
from logshift.scan.text import is_spelled
from logshift.scan.tree import Definition, ScopeNode, Tree, absolute
from logshift.scan.values import Made, Path, Value, Values
from logshift.source import Source

_NOQA = re.compile(r"#\s*noqa\b(?!\s*:)|#\s*noqa\s*:[^#]*\bF401\b", re.IGNORECASE)
_SIMPLE = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return, ast.Import, ast.ImportFrom, ast.Raise, ast.Assert,
    ast.Delete, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal,
)  # fmt: skip
#: Keywords of `structlog.wrap_logger` that give one logger a pipeline of its own.
_PIPELINE = frozenset(
    {"processors", "wrapper_class", "context_class", "cache_logger_on_first_use", "logger_factory_args"}
)


def extract(source: Source, tree: Tree, names: Names) -> FileFacts:
    """Return the facts of one file."""
    return _Extractor(source, tree, names).facts()


class _Extractor:
    def __init__(self, source: Source, tree: Tree, names: Names) -> None:
        self.source = source
        self.tree = tree
        self.names = names
        self.values = Values(tree, names)
        self.statements: list[Statement] = []
        self.statement_index: dict[ast.stmt, int] = {}
        self.blocks: dict[int, int] = {}
        self.made: dict[ast.Call, int] = {}
        self.flows: dict[tuple[int, str], dict[ast.Name, frozenset[ast.AST]]] = {}

    def facts(self) -> FileFacts:
        tree, source = self.tree, self.source
        calls = self._factory_calls()
        self.made = {call: index for index, call in enumerate(calls)}
        uses = self._uses(calls)
        bindings = [self._binding(call, [use for use in uses if self.made[call] in use.bindings]) for call in calls]
        header, body_start, inert_until = self._header()
        exported = self._exported()
        return FileFacts(
            path=source.path,
            module=tree.module_name,
            encoding=source.encoding,
            newline=source.newline,
            scopes=tuple(self._scope(scope) for scope in tree.scopes),
            imports=tuple(self._imports(exported)),
            statements=tuple(self.statements),
            bindings=tuple(bindings),
            uses=tuple(uses),
            root_calls=tuple(self._root_calls(bindings, uses)),
            references=tuple(self._references()),
            header=tuple(header),
            body_start=body_start,
            inert_until=inert_until,
            exported=exported,
            requires=self._requires(),
        )

    # -- where loggers are made ---------------------------------------------------------------------------

    def _factory_calls(self) -> list[ast.Call]:
        found = [call for call in self.tree.calls if Made(call, derived=False) in self.values.of(call)]
        wrapped = {
            call.args[0]
            for call in found
            if call.args and (factory := self._factory(call)) is not None and factory[1].wraps
        }
        return sorted((call for call in found if call not in wrapped), key=self._span)

    def _factory(self, call: ast.Call) -> tuple[Framework, Factory] | None:
        for member in self.values.of(call.func):
            if isinstance(member, Path) and member.dotted in self.names.factories:
                return self.names.factories[member.dotted]
        return None

    def _binding(self, call: ast.Call, uses: list[Use]) -> Binding:
        found = self._factory(call)
        assert found is not None
        framework, factory = found
        name, initial, obstacle = self._arguments(call, framework, factory)
        form, targets = self._destination(call)
        statement = self.tree.statement(call)
        scope = self.tree.scope_of[call]
        sole = self._is_sole(call, statement, scope)
        obstacle = self._callee_obstacle(call) or obstacle or self._place_obstacle(call)
        is_root = framework.name_means == "node" and _is_root_name(name)
        if is_root:
            obstacle = Reason.ROOT_LOGGER
        shown = {NameKind.NONE: "", NameKind.MODULE: "__name__", NameKind.LITERAL: repr(name.text)}
        return Binding(
            framework=framework.key,
            factory=factory.path,
            name=name,
            form=form,
            targets=targets,
            scope=scope.index,
            call=self._span(call),
            statement=self._statement(statement) if isinstance(statement, _SIMPLE) else -1,
            initial=initial,
            import_time=not scope.deferred,
            sole=sole,
            annotation=self._annotation(statement, framework) if sole else None,
            configuration=is_root or _only_configures(framework, form, uses),
            obstacle=obstacle,
            channel=framework.channel,
            canonical=f"{', '.join(targets)} = {factory.path}({shown.get(name.kind, name.text)})",
        )

    def _arguments(
        self, call: ast.Call, framework: Framework, factory: Factory
    ) -> tuple[LoggerName, tuple[tuple[str, str], ...], Reason | None]:
        positional = list(call.args)
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
        obstacle = None
        if len(keywords) < len(call.keywords) or any(isinstance(value, ast.Starred) for value in positional):
            obstacle = Reason.UNKNOWN_ARGUMENTS
        if factory.wraps:
            return self._wrapped_arguments(positional, keywords, obstacle)
        given = positional[0] if positional else keywords.pop(factory.name_argument or "name", None)
        shown = tuple((key, self.source.text(self._span(value))) for key, value in keywords.items())
        if framework.name_means == COMPONENT:
            return self._name(given), shown, None
        if len(positional) > 1 or (keywords and not factory.binds_keywords):
            obstacle = Reason.UNKNOWN_ARGUMENTS
        return self._name(given), shown if factory.binds_keywords else (), obstacle

    def _wrapped_arguments(
        self, positional: list[ast.expr], keywords: dict[str, ast.expr], obstacle: Reason | None
    ) -> tuple[LoggerName, tuple[tuple[str, str], ...], Reason | None]:
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
        initial = tuple((key, self.source.text(self._span(value))) for key, value in keywords.items())
        return name, initial, obstacle

    def _name(self, node: ast.expr | None) -> LoggerName:
        if node is None or (isinstance(node, ast.Constant) and node.value is None):
            return LoggerName(NameKind.NONE)
        if isinstance(node, ast.Name) and node.id == "__name__":
            return LoggerName(NameKind.MODULE)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return LoggerName(NameKind.LITERAL, node.value)
        text = self.source.text(self._span(node))
        if isinstance(node, (ast.IfExp, ast.BoolOp, ast.Lambda, ast.NamedExpr)) or "\n" in text:
            text = f"({text})"
        return LoggerName(NameKind.COMPUTED, text, _is_surely_text(node))

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

    def _is_sole(self, call: ast.Call, statement: ast.stmt, scope: ScopeNode) -> bool:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign):
            target = statement.target
        else:
            return False
        return (
            statement.value is call
            and isinstance(target, ast.Name)
            and target.id not in scope.globals
            and target.id not in scope.nonlocals
        )

    def _annotation(self, statement: ast.stmt, framework: Framework) -> Span | None:
        if not isinstance(statement, ast.AnnAssign):
            return None
        for member in self.values.of(statement.annotation):
            if isinstance(member, Path) and member.dotted in framework.types:
                return self._span(statement.annotation)
        return None

    def _callee_obstacle(self, call: ast.Call) -> Reason | None:
        callee = self.values.of(call.func)
        doubts = [member.doubt for member in callee if isinstance(member, Path) and member.doubt is not None]
        if doubts:
            return min(doubts, key=list(Reason).index)
        certain = all(isinstance(member, Path) and member.dotted in self.names.factories for member in callee)
        return None if certain and self.values.framework(call) is not None else Reason.CONDITIONAL

    def _place_obstacle(self, call: ast.Call) -> Reason | None:
        if not self._is_sure(call):
            return Reason.INSIDE_FSTRING
        if not self.source.round_trips:
            return Reason.UNSUPPORTED_ENCODING
        return None

    # -- where loggers are used -----------------------------------------------------------------------------

    def _uses(self, calls: list[ast.Call]) -> list[Use]:
        attributes = {target.attr for target, _, _ in self.tree.attribute_stores} | {
            name for scope in self.tree.scopes if scope.kind is ScopeKind.CLASS for name in scope.definitions
        }
        references: list[ast.expr] = [*self.tree.names]
        references += [node for node in self.tree.attributes if node.attr in attributes]
        references += [call for call in calls if isinstance(self.tree.parents[call], ast.Attribute)]
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
            reference=self._span(node),
            text=ast.unparse(node) if not isinstance(node, ast.Call) else "",
            member=member,
            scope=scope.index,
            import_time=not scope.deferred,
            call=self._span(call) if call is not None else None,
            function=self._span(function) if function is not None else None,
            arguments=_shape(call) if call is not None else None,
            context=context,
            sure=self._is_sure(node),
        )

    def _arriving(self, node: ast.expr, value: Value) -> Value:
        """Narrow what a name may be to the definitions that reach this read of it."""
        if not isinstance(node, ast.Name):
            return value
        scope = self.tree.scope_of[node]
        home = self.tree.resolve(node.id, scope)
        while scope.kind is ScopeKind.COMPREHENSION and scope is not home and scope.parent is not None:
            scope = scope.parent
        if home is None or scope is not home or len(home.definitions[node.id]) < 2:
            return value
        key = (home.index, node.id)
        if key not in self.flows:
            body = getattr(home.node, "body", [])
            known = home.definitions[node.id]
            self.flows[key] = reaching(body, node.id, known) if isinstance(body, list) else {}
        nodes = self.flows[key].get(node)
        if not nodes:
            return value
        narrowed: Value = frozenset()
        for definition in home.definitions[node.id]:
            if definition.node in nodes:
                narrowed |= self.values.of_definition(definition)
        return narrowed

    def _classify(self, node: ast.expr) -> tuple[UseKind, str, ast.Call | None, ast.Attribute | None, str]:
        parent = self.tree.parents[node]
        if isinstance(parent, ast.Attribute):
            outer = self.tree.parents[parent]
            if isinstance(outer, ast.Call) and outer.func is parent:
                return UseKind.CALL, parent.attr, outer, parent, ""
            kind = UseKind.READ if isinstance(parent.ctx, ast.Load) else UseKind.WRITE
            return kind, parent.attr, None, None, ""
        if isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            plain = all(isinstance(target, ast.Name) for target in targets)
            return (UseKind.BIND if plain else UseKind.ESCAPE), "", None, None, "stored"
        if isinstance(parent, ast.Compare):
            identity = any(isinstance(operator, (ast.Is, ast.IsNot)) for operator in parent.ops)
            with_none = any(
                isinstance(side, ast.Constant) and side.value is None for side in [parent.left, *parent.comparators]
            )
            kind = UseKind.COMPARE if identity and not with_none else UseKind.ESCAPE
            return kind, "", None, None, "compared"
        return UseKind.ESCAPE, "", None, None, self._escape(node, parent)

    def _escape(self, node: ast.expr, parent: ast.AST) -> str:
        call = self.tree.parents[parent] if isinstance(parent, ast.keyword) else parent
        if isinstance(call, ast.Call) and call.func is not node:
            callee = call.func.id if isinstance(call.func, ast.Name) else ""
            if callee in ("isinstance", "issubclass") and len(call.args) == 2:
                kinds = call.args[1].elts if isinstance(call.args[1], ast.Tuple) else [call.args[1]]
                paths = [m.dotted for kind in kinds for m in self.values.of(kind) if isinstance(m, Path)]
                return f"isinstance:{','.join(sorted(paths))}"
            return "argument"
        return {
            ast.Return: "returned", ast.Yield: "yielded", ast.Lambda: "returned", ast.FormattedValue: "formatted",
            ast.arg: "default", ast.Expr: "statement", ast.If: "truth", ast.BoolOp: "truth", ast.UnaryOp: "truth",
            ast.IfExp: "truth", ast.Await: "awaited",
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
                            span = self._span(definition.node)
                            uses.append(
                                Use(ids, True, False, UseKind.DELETE, span, name, "", scope.index,
                                    not scope.deferred, None, None, None, "", True)
                            )  # fmt: skip
        return uses

    # -- what else says something about logging ---------------------------------------------------------------

    def _root_calls(self, bindings: list[Binding], uses: list[Use]) -> list[RootCall]:
        found = []
        for call in self.tree.calls:
            for member in self.values.of(call.func):
                if isinstance(member, Path) and member.dotted in self.names.root_functions:
                    found.append(RootCall(self._span(call), self.tree.scope_of[call].index, member.dotted))
                    break
        for use in uses:
            if use.kind is UseKind.CALL and use.call is not None:
                for index in use.bindings:
                    binding = bindings[index]
                    emits = self.names.frameworks[binding.framework].emits
                    if binding.obstacle is Reason.ROOT_LOGGER and use.member in emits:
                        found.append(RootCall(use.call, use.scope, f"{binding.factory}().{use.member}"))
        return sorted(set(found))

    def _references(self) -> list[FactoryReference]:
        found = []
        nodes: list[ast.expr] = [*self.tree.names, *self.tree.attributes, *self.tree.calls]
        for node in nodes:
            parent = self.tree.parents[node]
            if isinstance(parent, ast.Call) and parent.func is node:
                continue
            for member in self.values.of(node):
                if not isinstance(member, Path) or member.dotted not in self.names.factories:
                    continue
                framework, _ = self.names.factories[member.dotted]
                if framework.key != self.names.target and not self._in_annotation(node):
                    reason = member.doubt or Reason.FACTORY_ESCAPES
                    found.append(
                        FactoryReference(self._span(node), self.tree.scope_of[node].index, member.dotted, reason)
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

    # -- imports ------------------------------------------------------------------------------------------------

    def _imports(self, exported: frozenset[str]) -> list[Import]:
        reads: dict[tuple[int, str], list[Span]] = {}
        for node in self.tree.names:
            home = self.tree.resolve(node.id, self.tree.scope_of[node])
            if home is not None:
                reads.setdefault((home.index, node.id), []).append(self._span(node))
        found = []
        for scope in self.tree.scopes:
            for bound, definitions in scope.definitions.items():
                for definition in definitions:
                    if definition.kind != Definition.IMPORT:
                        continue
                    statement = definition.node
                    assert isinstance(statement, (ast.Import, ast.ImportFrom))
                    path, index = definition.path, definition.alias
                    found.append(
                        Import(
                            statement=self._statement(statement),
                            scope=self.tree.scope_of[statement].index,
                            bound=bound,
                            path=path,
                            full=statement.names[index].name if isinstance(statement, ast.Import) else path,
                            alias=index,
                            aliases=len(statement.names),
                            guarded=self._is_guarded(statement),
                            kept=bound in exported or self._is_kept(statement, index, bound),
                            references=tuple(sorted(reads.get((scope.index, bound), ()))),
                        )
                    )
        return sorted(found, key=lambda one: (self.statements[one.statement].span, one.alias))

    def _is_guarded(self, statement: ast.stmt) -> bool:
        return statement in self.tree.guarded or any(
            parent in self.tree.guarded for parent in self.tree.ancestors(statement)
        )

    def _is_kept(self, statement: ast.Import | ast.ImportFrom, index: int, bound: str) -> bool:
        """Say whether something that is no name still needs the import: a noqa, a re-export, a string, a doctest."""
        alias = statement.names[index]
        if alias.asname == alias.name:
            return True
        line = self.statements[self._statement(statement)].line
        if _NOQA.search(self.source.text(line)):
            return True
        if is_spelled(bound, self.tree.strings):
            return True
        comment = rf"#\s*type:.*(?<![\w.]){re.escape(bound)}(?!\w)"
        return re.search(comment.encode(), self.source.data) is not None

    def _exported(self) -> frozenset[str]:
        found: set[str] = set()
        for statement in self.tree.module.body:
            targets: list[ast.expr] = []
            value: ast.expr | None = None
            if isinstance(statement, ast.Assign):
                targets, value = statement.targets, statement.value
            elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
                targets, value = [statement.target], statement.value
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) and value:
                found |= {node.value for node in ast.walk(value)
                          if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
        return frozenset(found)

    def _requires(self) -> frozenset[str]:
        found: set[str] = set()
        for scope in self.tree.scopes:
            for definitions in scope.definitions.values():
                for definition in definitions:
                    node = definition.node
                    if definition.kind != Definition.IMPORT or scope.deferred or _typing_only(self.tree, node):
                        continue
                    if isinstance(node, ast.Import):
                        found |= {alias.name for alias in node.names}
                    elif isinstance(node, ast.ImportFrom):
                        module = absolute(node.module, node.level, self.tree.package)
                        found |= {
                            module,
                            *(f"{module}.{alias.name}" for alias in node.names if alias.name != "*"),
                        }
        return frozenset(found)

    # -- the module's head ----------------------------------------------------------------------------------------

    def _header(self) -> tuple[list[HeaderLine], int, int]:
        body = self.tree.module.body
        lines: list[HeaderLine] = []
        count = 0
        for index, statement in enumerate(body):
            kind = _header_kind(statement, first=index == 0)
            if kind is None:
                break
            module = ""
            imported: tuple[str, ...] = ()
            if isinstance(statement, ast.ImportFrom):
                module = "." * statement.level + (statement.module or "")
                imported = tuple(alias.name for alias in statement.names)
            elif isinstance(statement, ast.Import):
                module = statement.names[0].name
            first, last = self._logical_line(statement)
            span = Span(self._span(first).start, self.source.line_end(self._span(last).end))
            if not lines or lines[-1].line != span:
                lines.append(HeaderLine(kind, span, module, imported))
            count = index + 1
        while lines and lines[-1].kind is HeaderKind.PATH:  # sys.path edits that no import follows are code
            lines.pop()
            count -= 1
        if count < len(body):
            body_start = self.source.line_start(self._first_byte(body[count]))
        else:
            body_start = len(self.source.data)
        for statement in body[count:]:
            if not self._is_inert(statement):
                return lines, body_start, self._span(statement).start
        return lines, body_start, len(self.source.data)

    def _first_byte(self, statement: ast.stmt) -> int:
        decorators = getattr(statement, "decorator_list", [])
        return min(self._span(node).start for node in [statement, *decorators])

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

    # -- places ---------------------------------------------------------------------------------------------------

    def _span(self, node: ast.AST) -> Span:
        return self.source.span(node)  # type: ignore[arg-type]

    def _is_sure(self, node: ast.expr) -> bool:
        """Say whether the parser's place for `node` is right: inside f-strings it is not before Python 3.12."""
        if not any(isinstance(parent, ast.JoinedStr) for parent in self.tree.ancestors(node)):
            return True
        try:
            found = ast.parse(self.source.text(self._span(node)).strip(), mode="eval").body
        except (SyntaxError, ValueError, IndexError):
            return False
        return ast.dump(found) == ast.dump(node)

    def _statement(self, statement: ast.stmt) -> int:
        known = self.statement_index.get(statement)
        if known is not None:
            return known
        suite, _ = self.tree.suites[statement]
        first, last = self._logical_line(statement)
        self.statements.append(
            Statement(
                span=self._span(statement),
                line=Span(self._span(first).start, self.source.line_end(self._span(last).end)),
                alone=first is last,
                block=self.blocks.setdefault(id(suite), len(self.blocks)),
                block_size=len(suite),
                top=suite is self.tree.module.body,
            )
        )
        self.statement_index[statement] = len(self.statements) - 1
        return self.statement_index[statement]

    def _logical_line(self, statement: ast.stmt) -> tuple[ast.stmt, ast.stmt]:
        suite, index = self.tree.suites[statement]
        first = last = index
        while first > 0 and suite[first - 1].end_lineno == suite[first].lineno:
            first -= 1
        while last + 1 < len(suite) and suite[last + 1].lineno == suite[last].end_lineno:
            last += 1
        return suite[first], suite[last]

    def _scope(self, scope: ScopeNode) -> Scope:
        return Scope(
            kind=scope.kind,
            qualname=scope.qualname,
            parent=scope.parent.index if scope.parent is not None else -1,
            bound={name: len(found) for name, found in scope.definitions.items()},
            globals=frozenset(scope.globals),
            nonlocals=frozenset(scope.nonlocals),
            dynamic=scope.dynamic,
        )


def _same_place(assign: ast.AST, values: ast.Tuple | ast.List, node: ast.AST) -> list[ast.expr]:
    assert isinstance(assign, ast.Assign)
    place = values.elts.index(node)  # type: ignore[arg-type]
    targets = [
        target.elts[place]
        for target in assign.targets
        if isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) == len(values.elts)
    ]
    return targets if len(targets) == len(assign.targets) else []


def _shape(call: ast.Call) -> Arguments:
    return Arguments(
        positional=sum(not isinstance(argument, ast.Starred) for argument in call.args),
        keywords=tuple(keyword.arg for keyword in call.keywords if keyword.arg is not None),
        star=any(isinstance(argument, ast.Starred) for argument in call.args),
        double_star=any(keyword.arg is None for keyword in call.keywords),
    )


def _is_surely_text(node: ast.expr) -> bool:
    """Say whether an expression gives a string that is not empty, whatever its parts are."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    if isinstance(node, ast.Name):
        return node.id == "__name__"
    if isinstance(node, ast.JoinedStr):
        return any(_is_surely_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Mod):
            return _is_surely_text(node.left)
        return isinstance(node.op, ast.Add) and (_is_surely_text(node.left) or _is_surely_text(node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return _is_surely_text(node.func.value)
    return isinstance(node, ast.Attribute) and node.attr in ("__name__", "__qualname__", "__module__")


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


def _typing_only(tree: Tree, node: ast.AST) -> bool:
    for parent in tree.ancestors(node):
        if isinstance(parent, ast.If) and "TYPE_CHECKING" in ast.unparse(parent.test):
            return True
    return False


def _header_kind(statement: ast.stmt, *, first: bool) -> HeaderKind | None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return HeaderKind.DOCSTRING if first and isinstance(statement.value.value, str) else None
    if isinstance(statement, ast.ImportFrom):
        return HeaderKind.FUTURE if statement.module == "__future__" else HeaderKind.FROM
    if isinstance(statement, ast.Import):
        return HeaderKind.IMPORT
    if isinstance(statement, (ast.Try, ast.If)):
        inner = [node for node in ast.walk(statement) if isinstance(node, (ast.Import, ast.ImportFrom))]
        others = [
            node
            for node in ast.walk(statement)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.With))
        ]
        return HeaderKind.GUARDED if inner and not others else None
    if isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("sys.path."):
        return HeaderKind.PATH
    return None
