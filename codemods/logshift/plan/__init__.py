"""The plan: what is to change in a file, or why nothing can.

In: one file's facts, the project around it, and the target. Out: a `FilePlan` – edits as data, and for every
legacy logger whether it moves or the reason why it stays. Nothing is rewritten here.

The loggers of a file that speak for one component and go one way become one module-level logger. What cannot be
replaced by a reference – an explicit stdlib name, a name that is bound in other ways too – is constructed in
place, which is always right, since the target stands for what it replaces.
"""

from __future__ import annotations

from collections.abc import Iterable

from logshift.config.settings import Settings
from logshift.frameworks import LABEL, NODE, Framework, Target
from logshift.judge import misfits
from logshift.model import Binding, FileFacts, Form, NameKind, ScopeKind, Span, Statement, Use, UseKind
from logshift.plan.edits import (
    Construct,
    Delete,
    DropAlias,
    Edit,
    FilePlan,
    Insert,
    Kept,
    Keyword,
    Moved,
    Replace,
)
from logshift.plan.imports import Imports
from logshift.resolve import Project
from logshift.source import Source

CHANNEL = "channel"
#: Names for a new module-level logger, in order of preference.
_LOGGER_NAMES = ("logger", "_logger", "module_logger", "_module_logger")


def plan_file(
    facts: FileFacts, source: Source, project: Project, frameworks: dict[str, Framework], target: Target
) -> FilePlan:
    """Return what is to change in one file."""
    return _Planner(facts, source, project, frameworks, target).plan()


class _Class:
    """The loggers of a file that may become one: they speak for one component and go one way."""

    def __init__(self, via: str | None, members: list[int]) -> None:
        self.via = via
        self.members = members
        self.keeper: int | None = None  # a binding that stays where it is
        self.name = ""  # what the shared logger is called; empty where there is none
        self.insert = False  # it is made anew, below the imports
        self.removed: dict[int, str] = {}  # bindings whose statement goes, and the name they bound


class _Planner:
    def __init__(
        self,
        facts: FileFacts,
        source: Source,
        project: Project,
        frameworks: dict[str, Framework],
        target: Target,
    ) -> None:
        self.facts = facts
        self.source = source
        self.project = project
        self.settings: Settings = project.settings
        self.frameworks = frameworks
        self.target = target
        self.component = project.component(facts.path)
        self.imports = Imports(facts, source, frozenset(name.partition(".")[0] for name in project.modules))
        self.edits: list[Edit] = []
        self.moved: list[Moved] = []
        self.notes: list[str] = []
        self.left: frozenset[str] = frozenset()
        self.callee = target.cls
        self.gone: set[tuple[int, str]] = set()  # (scope, name) pairs that nothing binds any more
        self.shared: dict[str, int] = {}  # names of shared loggers, with where they are made

    def plan(self) -> FilePlan:
        held = misfits(self.facts, self.frameworks, self.target)
        legacy = [i for i, binding in enumerate(self.facts.bindings) if self._is_legacy(binding)]
        kept = [Kept(i, one.reason, self._place(one.use)) for i in legacy if (one := held[i]) is not None]
        free = [i for i in legacy if held[i] is None]
        if free:
            self._move(free)
        edits = tuple(sorted(self.edits, key=_order))
        return FilePlan(
            self.facts.path,
            self.component,
            edits,
            tuple(self.moved),
            tuple(kept),
            tuple(self.notes),
            self.left,
        )

    def _move(self, free: list[int]) -> None:
        classes, apart = self._classes(free)
        for one in classes:
            self._choose_keeper(one)
            self._choose_removed(one)
        self._settle_names(classes)
        name = self.imports.name_for(
            self.target,
            self.settings.target.import_style,
            frozenset(),
            lambda name: self._is_taken(name, free),
        )
        self.callee = name.text
        for one in classes:
            self._edit_class(one)
        for index in apart:
            self._construct(index)
        self._edit_imports(free)
        self._insert_shared(classes)

    # -- which loggers become one ----------------------------------------------------------------------------

    def _is_legacy(self, binding: Binding) -> bool:
        return not binding.configuration and binding.framework != self.target.framework.key

    def _classes(self, free: list[int]) -> tuple[list[_Class], list[int]]:
        """Part the loggers that may be shared, by the way their events go, from those that may not."""
        by_via: dict[str | None, _Class] = {}
        apart = []
        for index in free:
            if self._node_name(index) is not None:
                apart.append(index)
            else:
                via = self._via(index)
                by_via.setdefault(via, _Class(via, [])).members.append(index)
        return list(by_via.values()), apart

    def _node_name(self, index: int) -> str | None:
        """Return the source of an explicit name for the logging tree; None for the module's own."""
        binding = self.facts.bindings[index]
        if self.frameworks[binding.framework].name_means != NODE:
            return None
        if binding.name.kind is NameKind.LITERAL and binding.name.text != self.facts.module:
            return _quoted(binding.name.text)
        if binding.name.kind is not NameKind.COMPUTED:
            return None
        return binding.name.text if binding.name.certain else f'{binding.name.text} or "root"'

    def _via(self, index: int) -> str | None:
        framework = self.frameworks[self.facts.bindings[index].framework]
        takes_via = "via" in self.target.framework.contract.constructor
        return "stdlib" if framework.name_means == NODE and takes_via and self.project.uses_structlog else None

    def _label(self, index: int) -> str | None:
        """Return the source of a label that has to stay on the events; None if there is none to keep."""
        binding = self.facts.bindings[index]
        if not self.settings.keep_channels or self.frameworks[binding.framework].name_means != LABEL:
            return None
        if binding.channel is not None:
            return _quoted(binding.channel)
        if binding.name.kind is NameKind.LITERAL and binding.name.text not in (
            self.component,
            self.facts.module,
        ):
            return _quoted(binding.name.text)
        return binding.name.text if binding.name.kind is NameKind.COMPUTED else None

    # -- the logger that is shared --------------------------------------------------------------------------

    def _choose_keeper(self, one: _Class) -> None:
        house = [i for i, binding in enumerate(self.facts.bindings) if self._is_house(binding, one.via)]
        if len(one.members) == 1 and not house and not self._must_be_hoisted(one.members[0]):
            return  # one logger, made once: it stays where it is
        candidates = [i for i in [*house, *one.members] if self._is_module_name(i)]
        if candidates:
            one.keeper = min(
                candidates,
                key=lambda i: (i not in house, self._label(i) is not None, not self._is_usual(i), i),
            )
            one.name = self.facts.bindings[one.keeper].targets[0]
            return
        one.insert = True

    def _is_house(self, binding: Binding, via: str | None) -> bool:
        given = dict(binding.initial)
        return (
            binding.framework == self.target.framework.key
            and binding.form is Form.NAME
            and "name" not in given
            and given.get("via", "None").strip("'\"") == (via or "None")
        )

    def _must_be_hoisted(self, index: int) -> bool:
        binding = self.facts.bindings[index]
        return binding.form is Form.INLINE or (binding.form is Form.NAME and not binding.import_time)

    def _is_module_name(self, index: int) -> bool:
        binding = self.facts.bindings[index]
        scope = self.facts.scopes[0]
        return (
            binding.scope == 0
            and binding.sole
            and binding.statement >= 0
            and self.facts.statements[binding.statement].top
            and scope.bound.get(binding.targets[0]) == 1
        )

    def _is_usual(self, index: int) -> bool:
        return self.facts.bindings[index].targets[0].lower().strip("_") in ("logger", "log")

    # -- the names that go ------------------------------------------------------------------------------------

    def _choose_removed(self, one: _Class) -> None:
        """Choose the bindings whose statements go: all that bind a name must go, or none."""
        if not one.name and not one.insert:
            return
        groups: dict[tuple[int, str], list[int]] = {}
        for index in one.members:
            binding = self.facts.bindings[index]
            if index != one.keeper and binding.form is Form.NAME and binding.sole and binding.statement >= 0:
                groups.setdefault((binding.scope, binding.targets[0]), []).append(index)
        for (scope, name), members in groups.items():
            if self._may_go(scope, name, members):
                one.removed.update(dict.fromkeys(members, name))
                self.gone.add((scope, name))

    def _may_go(self, scope: int, name: str, members: list[int]) -> bool:
        home = self.facts.scopes[scope]
        if home.bound.get(name) != len(members) or home.dynamic or name in home.globals | home.nonlocals:
            return False
        if scope == 0 and (
            name in self.facts.exported
            or any(name in other.globals for other in self.facts.scopes)
            or self.project.mentioned_elsewhere(self.facts.module, name) is not None
        ):
            return False
        uses = [use for use in self.facts.uses if use.text == name and set(use.bindings) & set(members)]
        for use in uses:
            if not use.sure or not use.certain or use.kind is UseKind.DELETE or not set(use.bindings) <= set(members):
                return False
            if use.kind is not UseKind.BIND and self._label_of(use) is _AMBIGUOUS:
                return False
        return all(self._label_of(use) is not _AMBIGUOUS for use in uses)

    def _label_of(self, use: Use) -> str | _Ambiguous | None:
        labels = {self._label(index) for index in use.bindings}
        return labels.pop() if len(labels) == 1 else _AMBIGUOUS

    def _settle_names(self, classes: list[_Class]) -> None:
        """Name the loggers made anew, and take back what would not see the shared logger by its name."""
        for one in classes:
            if one.insert:
                one.name = self._free_name(one)
            changed = True
            while changed:
                changed = False
                for index, name in list(one.removed.items()):
                    if not self._sees(one.name, index, name):
                        scope = self.facts.bindings[index].scope
                        for other in [
                            i for i, n in one.removed.items() if n == name and self.facts.bindings[i].scope == scope
                        ]:
                            del one.removed[other]
                        self.gone.discard((scope, name))
                        changed = True
                        break

    def _free_name(self, one: _Class) -> str:
        wanted = [self.facts.bindings[i].scope for i in one.members]
        for name in _LOGGER_NAMES:
            free_at_top = name not in self.facts.scopes[0].bound or (0, name) in self.gone
            if free_at_top and name not in self.shared and all(self._is_visible(name, s) for s in wanted):
                self.shared[name] = -1
                return name
        count = 1
        while f"_logger_{count}" in self.facts.scopes[0].bound or f"_logger_{count}" in self.shared:
            count += 1
        self.shared[f"_logger_{count}"] = -1
        return f"_logger_{count}"

    def _sees(self, shared: str, index: int, name: str) -> bool:
        uses = [use for use in self.facts.uses if use.text == name and index in use.bindings]
        return all(self._is_visible(shared, use.scope) for use in uses)

    def _is_visible(self, name: str, scope: int) -> bool:
        """Say whether `name`, read in `scope`, will be the module's."""
        current = scope
        while current != 0:
            one = self.facts.scopes[current]
            if name in one.globals:
                return True
            readable = one.kind is not ScopeKind.CLASS or current == scope
            if readable and name in one.bound and (current, name) not in self.gone:
                return False
            current = one.parent
        return True

    def _is_taken(self, name: str, free: list[int]) -> bool:
        """Say whether `name` means something other than the target where it would be written."""
        for one in self.facts.imports:
            if one.bound == name and one.scope == 0 and one.path in {f.path for f in self.target.framework.factories}:
                break
        else:
            if name in self.facts.scopes[0].bound:
                return True
        return not all(self._is_visible(name, self.facts.bindings[index].scope) for index in free)

    # -- edits ------------------------------------------------------------------------------------------------

    def _edit_class(self, one: _Class) -> None:
        early = self._needs_hoisting(one)
        if early and one.keeper in one.members and one.keeper is not None:
            one.removed[one.keeper] = one.name
            one.insert = True
        for index in one.members:
            binding = self.facts.bindings[index]
            if index in one.removed:
                self._remove(index, one)
            elif index == one.keeper or not one.name or not self._is_replaceable(index, one):
                self._construct(index)
            else:
                self._refer(binding, index, one)

    def _is_replaceable(self, index: int, one: _Class) -> bool:
        """Say whether the factory call can become a reference to the shared logger."""
        binding = self.facts.bindings[index]
        if binding.form is Form.NAME:
            return False  # the name could not go: something else binds or needs it
        if self.facts.scopes[binding.scope].kind is ScopeKind.CLASS and one.name in binding.targets:
            return False
        return self._is_visible(one.name, binding.scope)

    def _remove(self, index: int, one: _Class) -> None:
        binding = self.facts.bindings[index]
        name = one.removed[index]
        statement = self.facts.statements[binding.statement]
        self.edits.append(Delete(statement.span, statement.line, empties=False))
        self.moved.append(Moved(index, self.component, "consolidated"))
        for use in self.facts.uses:
            if use.text == name and use.bindings and use.bindings[0] == index:
                self._edit_use(use, one.name)

    def _refer(self, binding: Binding, index: int, one: _Class) -> None:
        """Put the shared logger where the factory was called."""
        self.moved.append(Moved(index, self.component, "consolidated"))
        if binding.form is Form.INLINE:
            use = next(use for use in self.facts.uses if use.reference == binding.call)
            self._edit_use(use, one.name, initial=binding.initial)
            return
        label = self._label(index)
        bind = [*binding.initial, *([(CHANNEL, label)] if label is not None else [])]
        self.edits.append(Replace(binding.call, _bound(one.name, bind)))
        self._rename_methods(index)

    def _construct(self, index: int) -> None:
        """Put the target's constructor where the factory was called."""
        binding = self.facts.bindings[index]
        label = self._label(index)
        bind = list(binding.initial)
        if label is not None and not self._label_calls(index, label):
            bind.append((CHANNEL, label))
        arguments: list[tuple[str | None, str]] = [(None, _quoted(self.component))]
        node = self._node_name(index)
        if node is not None:
            arguments.append(("name", node))
        via = self._via(index)
        if via is not None:
            arguments.append(("via", _quoted(via)))
        self.edits.append(Construct(binding.call, self.callee, tuple(arguments), tuple(bind)))
        if binding.annotation is not None:
            self.edits.append(Replace(binding.annotation, self.callee))
        self.moved.append(Moved(index, self.component, "replaced"))
        self._rename_methods(index)

    def _label_calls(self, index: int, label: str) -> bool:
        """Write the label on each call of a logger that keeps its name; say whether that reaches all events."""
        binding = self.facts.bindings[index]
        uses = [use for use in self.facts.uses if index in use.bindings]
        direct = all(
            use.kind is UseKind.CALL
            and use.bindings == (index,)
            and use.certain
            and use.sure
            and use.text in binding.targets
            and not self._refuses_label(use)
            for use in uses
        )
        private = binding.scope != 0 or not (
            binding.targets[0] in self.facts.exported
            or self.project.mentioned_elsewhere(self.facts.module, binding.targets[0])
        )
        if binding.form is not Form.NAME or binding.name.kind is NameKind.COMPUTED or not (uses and direct and private):
            return False
        for use in uses:
            if self._takes_label(use):
                assert use.call is not None
                self.edits.append(Keyword(use.call, CHANNEL, label))
        return True

    def _rename_methods(self, index: int) -> None:
        """Call a helper's methods by the target's names, where the logger itself stays."""
        methods = dict(self.frameworks[self.facts.bindings[index].framework].methods)
        for use in self.facts.uses:
            if use.bindings[:1] == (index,) and use.kind is UseKind.CALL and use.function is not None:
                new = methods.get(use.member, use.member)
                if new != use.member and use.text:
                    self.edits.append(Replace(use.function, f"{use.text}.{new}"))

    def _edit_use(self, use: Use, shared: str, initial: tuple[tuple[str, str], ...] = ()) -> None:
        """Let a use of a logger that goes refer to the shared one."""
        label = self._label_of(use)
        assert not isinstance(label, _Ambiguous)
        bind = list(initial)
        if label is not None:
            if use.kind is UseKind.CALL and self._takes_label(use) and not self._refuses_label(use):
                assert use.call is not None
                self.edits.append(Keyword(use.call, CHANNEL, label))
            elif use.kind is UseKind.CALL and not self._emits(use):
                pass  # isEnabledFor and the like report nothing
            elif use.arguments is not None and CHANNEL in use.arguments.keywords:
                self.notes.append(
                    f"{self._place(use)}: the call has its own field `{CHANNEL}`, so {label} is not added"
                )
            else:
                bind.append((CHANNEL, label))
        base = _bound(shared, bind)
        framework = self.frameworks[self.facts.bindings[use.bindings[0]].framework]
        renamed = dict(framework.methods).get(use.member)
        if renamed is not None and use.function is not None:
            self.edits.append(Replace(use.function, f"{base}.{renamed}"))
        else:
            self.edits.append(Replace(use.reference, base))

    def _emits(self, use: Use) -> bool:
        framework = self.frameworks[self.facts.bindings[use.bindings[0]].framework]
        return use.member in framework.emits or use.member in framework.derives

    def _takes_label(self, use: Use) -> bool:
        framework = self.frameworks[self.facts.bindings[use.bindings[0]].framework]
        return use.member in framework.emits or use.member in ("bind", "new")

    def _refuses_label(self, use: Use) -> bool:
        arguments = use.arguments
        return arguments is None or arguments.double_star or CHANNEL in arguments.keywords

    # -- where the shared logger is made ------------------------------------------------------------------------

    def _needs_hoisting(self, one: _Class) -> bool:
        """Say whether something could run into the shared logger before the line that makes it."""
        if one.keeper is None:
            return False
        made = self.facts.statements[self.facts.bindings[one.keeper].statement].span.start
        if self.facts.inert_until >= made:
            return any(place < made for place, import_time in self._new_references(one) if import_time)
        return any(place < made for place, _ in self._new_references(one))

    def _new_references(self, one: _Class) -> Iterable[tuple[int, bool]]:
        for index in one.members:
            binding = self.facts.bindings[index]
            if index in one.removed:
                name = one.removed[index]
                for use in self.facts.uses:
                    if use.text == name and index in use.bindings:
                        yield use.reference.start, use.import_time
            elif index != one.keeper and self._is_replaceable(index, one):
                yield binding.call.start, binding.import_time

    def _insert_shared(self, classes: list[_Class]) -> None:
        newline = self.source.newline
        lines = []
        for one in classes:
            if one.insert and one.name:
                via = f", via={_quoted(one.via)}" if one.via is not None else ""
                lines.append(f"{one.name} = {self.callee}({_quoted(self.component)}{via}){newline}")
        if lines:
            at = self.imports.after_header()
            following = self.source.data[at : self.source.line_end(at)].strip()
            self.edits.append(Insert(at, newline + "".join(lines) + (newline if following else "")))

    # -- imports --------------------------------------------------------------------------------------------------

    def _edit_imports(self, free: list[int]) -> None:
        gone = [edit.span for edit in self.edits if isinstance(edit, (Replace, Construct, Delete))]
        used = {self.facts.bindings[index].framework for index in free}
        unneeded, left = self.imports.unneeded(
            [self.frameworks[key] for key in used],
            lambda span: any(one.holds(span) for one in gone),
            lambda name: self.project.mentioned_elsewhere(self.facts.module, name) is not None,
        )
        self.edits.extend(self.imports.removal(unneeded))
        self.left = frozenset(one.path for one in left)
        lines = self._whole_lines()
        taken = lambda name: self._is_taken(name, free)  # noqa: E731
        self.edits.extend(self.imports.name_for(self.target, self.settings.target.import_style, lines, taken).edits)
        self._settle_empty_suites()

    def _whole_lines(self) -> frozenset[Span]:
        """Return the logical lines of which nothing is left."""
        deleted: dict[Span, set[Span]] = {}
        for edit in self.edits:
            if isinstance(edit, Delete):
                deleted.setdefault(edit.line, set()).add(edit.span)
        standing: dict[Span, set[Span]] = {}
        for statement in self.facts.statements:
            standing.setdefault(statement.line, set()).add(statement.span)
        return frozenset(
            line for line, spans in deleted.items() if self._is_alone(line) or spans >= self._spans_on(line)
        )

    def _is_alone(self, line: Span) -> bool:
        return any(statement.line == line and statement.alone for statement in self.facts.statements)

    def _spans_on(self, line: Span) -> set[Span]:
        known = {statement.span for statement in self.facts.statements if statement.line == line}
        # Statements that are not facts stand on the line too: then it is never whole.
        text = self.source.text(line)
        return known if text.count(";") < len(known) else known | {line}

    def _settle_empty_suites(self) -> None:
        """Mark the deletions that leave a suite with nothing in it."""
        sizes: dict[int, int] = {}
        at: dict[Span, Statement] = {statement.span: statement for statement in self.facts.statements}
        for edit in self.edits:
            if isinstance(edit, Delete):
                sizes[at[edit.span].block] = sizes.get(at[edit.span].block, 0) + 1
        emptied: set[int] = set()
        settled: list[Edit] = []
        for edit in sorted(self.edits, key=_order):
            if isinstance(edit, Delete):
                statement = at[edit.span]
                whole = sizes[statement.block] == statement.block_size and not statement.top
                first = whole and statement.block not in emptied
                emptied |= {statement.block} if first else set()
                settled.append(edit._replace(empties=first))
            else:
                settled.append(edit)
        self.edits = settled

    def _place(self, use: Use | None) -> str:
        if use is None:
            return ""
        position = self.source.position(use.reference.start)
        return f"{self.facts.path}:{position.line}:{position.column}"


class _Ambiguous:
    """Several labels may hold at one place."""


_AMBIGUOUS = _Ambiguous()


def _order(edit: Edit) -> tuple[int, int]:
    if isinstance(edit, Insert):
        return edit.at, -1
    start = edit.line.start if isinstance(edit, DropAlias) else edit.span.start
    return start, edit.span.end


def _bound(name: str, bind: list[tuple[str, str]]) -> str:
    return f"{name}.bind({', '.join(f'{key}={value}' for key, value in bind)})" if bind else name


def _quoted(text: str) -> str:
    """Return a Python string literal in double quotes."""
    body = repr("'" + text)[2:-1].replace("\\'", "'") if '"' not in text else ""
    return f'"{body}"' if body or not text else repr(text)
