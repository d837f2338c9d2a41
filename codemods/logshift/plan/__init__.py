"""The plan: what is to change in a file, or why nothing can.

In: one file's facts, the project around it, and the target. Out: a `FilePlan` – edits as data, and for every
legacy logger whether it moves or the reason why it stays. Nothing is rewritten here.

The loggers of a file that speak for one component and go one way become one module-level logger. What cannot be
replaced by a reference – an explicit stdlib name, a name that is bound in other ways too – is constructed in
place, which is always right, since the target stands for what it replaces.
"""

from __future__ import annotations

import os
from bisect import bisect
from collections.abc import Callable
from functools import partial

from logshift.config.settings import Settings
from logshift.fit import Misfit, uses_by_binding
from logshift.frameworks import LABEL, NODE, Framework, Target
from logshift.judge import misfits, node_of, spread
from logshift.model import Binding, FileFacts, Form, NameKind, Reason, ScopeKind, Span, Statement, Use, UseKind
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
from logshift.plan.shared import NEW_NAMES, PRIVATE_NAMES, Fate, Keeps, Shared, share
from logshift.resolve import Project
from logshift.source import Source
from logshift.spans import Spans

CHANNEL = "channel"
_NO_LINES: frozenset[Span] = frozenset()


def plan_file(
    facts: FileFacts,
    source: Source,
    project: Project,
    frameworks: dict[str, Framework],
    target: Target,
    *,
    unsafe_fixes: bool = False,
) -> FilePlan:
    """Return what is to change in one file; with `unsafe_fixes`, what may change its behaviour too."""
    return _Planner(facts, source, project, frameworks, target).plan(unsafe_fixes=unsafe_fixes)


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
        self.imports = Imports(
            facts,
            source,
            frozenset(name.partition(".")[0] for name in project.modules),
            [framework for framework in frameworks.values() if framework.key != target.framework.key],
            project.origin,
        )
        self.uses = uses_by_binding(len(facts.bindings), facts.uses)
        self.at = {use.reference: use for use in reversed(facts.uses)}
        self.on_line: dict[Span, list[Statement]] = {}
        for statement in facts.statements:
            self.on_line.setdefault(statement.line, []).append(statement)
        self.keeps: dict[int, Keeps] = {}
        self.callee = target.cls
        self.edits: list[Edit] = []
        self.moved: list[Moved] = []
        self.notes: list[str] = []
        self.left: frozenset[str] = frozenset()
        self.tied: frozenset[int] | None = None
        self.staying: set[Span] = set()  # expressions that stand in what replaces them

    def plan(self, *, unsafe_fixes: bool) -> FilePlan:
        held = [None if one is not None and one.unsafe and unsafe_fixes else one for one in self._held()]
        legacy = [i for i, binding in enumerate(self.facts.bindings) if self._is_legacy(binding)]
        kept = [Kept(i, one.reason, one.detail or self._place(one.use)) for i in legacy if (one := held[i]) is not None]
        free = [i for i in legacy if held[i] is None]
        if free:
            self._move(free)
        edits = tuple(sorted(self.edits, key=_order))
        return FilePlan(
            self.facts.path, self.component, edits, tuple(self.moved), tuple(kept), tuple(self.notes), self.left
        )

    def _held(self) -> tuple[Misfit | None, ...]:
        """Return what keeps each binding from moving, in this file or in another that compares the logger."""
        held = list(misfits(self.facts, self.frameworks, self.target, self.project.missed_in))
        for index, binding in enumerate(self.facts.bindings):
            own = held[index]
            if (own is not None and not own.unsafe) or not self._is_legacy(binding):
                continue
            node = node_of(binding, self.facts, self.frameworks)
            scope = self.facts.scopes[binding.scope]
            outer = f"{scope.qualname}." if scope.kind is ScopeKind.CLASS else ""
            names = [f"{outer}{target}" for target in binding.targets] if outer or binding.scope == 0 else []
            fetched = self._fetched_by(index) if node is None else frozenset()
            file = self.project.compared_elsewhere(self.facts.module, names, node, fetched)
            if file is not None:
                shown = os.path.relpath(file, self.settings.root).replace(os.sep, "/")
                held[index] = Misfit(Reason.COMPARED_BY_IDENTITY, detail=shown)
        return spread(held, self.facts, self.frameworks)

    def _fetched_by(self, index: int) -> frozenset[str]:
        """Return the functions and attributes by which others get at a logger whose name is not known."""
        binding = self.facts.bindings[index]
        found = {target.rpartition(".")[2] for target in binding.targets if "." in target}
        found.update(
            name for use in self.uses[index] for name in use.context.split(":")[1:] if "stored:" in use.context
        )
        scope = self.facts.scopes[binding.scope]
        if scope.kind is ScopeKind.FUNCTION and (
            binding.returned or any(use.context == "returned" for use in self.uses[index])
        ):
            found.add(scope.qualname.rpartition(".")[2])
        return frozenset(found) if self._framework(index).name_means == NODE else frozenset()

    def _move(self, free: list[int]) -> None:
        self.keeps = {index: Keeps(self._via(index), self._node_name(index), self._label(index)) for index in free}
        deferred = frozenset(index for index in free if not self.facts.bindings[index].import_time)
        self.imports.ceiling = self.project.cycle_from(self.facts) if deferred else None
        sharing = share(
            self.facts,
            free,
            self.keeps,
            self._is_house,
            self._is_wanted_elsewhere,
            self._takes_label_on_calls,
            self._new_names,
            self._unties_import,
            deferred if self.imports.ceiling is not None else frozenset(),
        )
        is_taken = partial(self._is_taken, free=free, gone=sharing.gone)
        self.callee = self.imports.name_for(self.target, self.settings.target.import_style, _NO_LINES, is_taken).text
        for index in free:
            if sharing.fates[index] is Fate.CONSTRUCT:
                self._construct(index)
            elif sharing.fates[index] is Fate.REFER:
                self._refer(index, sharing.shared[index].name)
            else:
                shared = sharing.shared.get(index)
                self._remove(index, shared.name if shared is not None else "")
        self._edit_imports(is_taken, needed=self._writes_callee() or bool(sharing.made_anew))
        self._make_anew(sharing.made_anew)

    # -- what a logger has to keep ------------------------------------------------------------------------------

    def _is_legacy(self, binding: Binding) -> bool:
        return not binding.configuration and not self._is_house(binding)

    def _is_house(self, binding: Binding) -> bool:
        return binding.framework == self.target.framework.key

    def _framework(self, index: int) -> Framework:
        return self.frameworks[self.facts.bindings[index].framework]

    def _via(self, index: int) -> str | None:
        takes_via = "via" in self.target.framework.contract.constructor
        from_stdlib = self._framework(index).name_means == NODE
        return "stdlib" if from_stdlib and takes_via and self.project.uses_structlog else None

    def _node_name(self, index: int) -> str | None:
        """Return the source of an explicit name in the logging tree; None for ``__name__``.

        A literal stays even where it is the module's own name: run as a script the module is ``__main__``.
        """
        binding = self.facts.bindings[index]
        name = binding.name
        if self._framework(index).name_means != NODE:
            return None
        if binding.call_stays:
            return f"{self.source.text(binding.call)}.name"
        if name.kind is NameKind.LITERAL:
            return self._literal(index, name.text)
        if name.kind is not NameKind.COMPUTED:
            return None
        return name.text if name.certain else f"{name.text} or {self._literal(index, 'root')}"

    def _label(self, index: int) -> str | None:
        """Return the source of a label that has to stay on the events; None if there is none to keep."""
        binding = self.facts.bindings[index]
        if not self.settings.keep_channels or self._framework(index).name_means != LABEL:
            return None
        if binding.channel is not None:
            return self._literal(index, binding.channel)
        if binding.name.kind is NameKind.LITERAL and binding.name.text not in (self.component, self.facts.module):
            return self._literal(index, binding.name.text)
        return binding.name.text if binding.name.kind is NameKind.COMPUTED else None

    def _literal(self, index: int, text: str) -> str:
        """Return `text` as a literal that can stand where a binding is made."""
        literal = _quoted(text)
        is_plain = literal.startswith('"') and "'" not in literal and "\\" not in literal
        return f"'{literal[1:-1]}'" if '"' in self.facts.bindings[index].quotes and is_plain else literal

    def _unties_import(self, index: int) -> bool:
        """Say whether an import would be left over if the statement of a binding went: its annotation alone uses it."""
        if self.tied is None:
            self.tied = self._tied_statements()
        return self.facts.bindings[index].statement in self.tied

    def _tied_statements(self) -> frozenset[int]:
        """Return the statements that make loggers, and that alone use an import which would not go with them.

        An annotation may use it in quotes, which is no reference.
        """
        numbers = {one.statement for one in self.facts.bindings if one.statement >= 0}
        spans = sorted((self.facts.statements[number].span, number) for number in numbers)
        found: set[int] = set()
        for one in self.facts.imports:
            if one.references and self.imports.leads_to_factory(one):
                continue
            places = [bisect(spans, (span, len(self.facts.statements))) - 1 for span in one.references]
            if all(
                place >= 0 and spans[place][0].holds(span) for place, span in zip(places, one.references, strict=True)
            ):
                found.update(spans[place][1] for place in places)
                if one.kept:
                    found.update(number for span, number in spans if one.bound in self.source.text(span))
        return frozenset(found)

    def _is_wanted_elsewhere(self, name: str) -> bool:
        return self.project.mentioned_elsewhere(self.facts.module, name) is not None

    def _new_names(self) -> tuple[str, ...]:
        """Return names for a new module-level logger, in order of preference, that mean nothing to anybody else."""
        module, scope = self.facts.module, self.facts.scopes[0]
        is_shown = self.project.star_imported(module) and not self.facts.hides_names
        names = PRIVATE_NAMES if "*" in scope.bound or is_shown else NEW_NAMES
        return tuple(name for name in names if f"{module}.{name}" not in self.project.modules)

    def _is_taken(self, name: str, *, free: list[int], gone: frozenset[tuple[int, str]]) -> bool:
        """Say whether `name` means something other than the target where it would be written."""
        own = {factory.path for factory in self.target.framework.factories}
        imported = any(
            one.bound == name and one.scope == 0 and self.project.origin(one.path) in own for one in self.facts.imports
        )
        if name in self.facts.scopes[0].bound and not imported:
            return True
        for index in free:
            scope = self.facts.bindings[index].scope
            while scope != 0:
                if name in self.facts.scopes[scope].bound and (scope, name) not in gone:
                    return True
                scope = self.facts.scopes[scope].parent
        return False

    # -- edits ------------------------------------------------------------------------------------------------

    def _remove(self, index: int, shared: str) -> None:
        """Let the statement go, and every use of its name refer to the shared logger."""
        binding = self.facts.bindings[index]
        statement = self.facts.statements[binding.statement]
        self.edits.append(Delete(statement.span, statement.line, empties=False))
        self.moved.append(Moved(index, self.component, "consolidated"))
        for use in self.uses[index]:
            if use.text == binding.targets[0] and use.bindings[0] == index:
                self._edit_use(use, shared)

    def _refer(self, index: int, shared: str) -> None:
        """Put the shared logger where the factory was called."""
        binding = self.facts.bindings[index]
        self.moved.append(Moved(index, self.component, "consolidated"))
        if binding.form is Form.INLINE:
            self._edit_use(self.at[binding.call], shared, initial=binding.initial)
            return
        label = self.keeps[index].label
        bind = [*binding.initial, *([(CHANNEL, label)] if label is not None else [])]
        self.edits.append(Replace(binding.call, _bound(shared, bind)))
        self._rename_methods(index)

    def _construct(self, index: int) -> None:
        """Put the target's constructor where the factory was called."""
        binding = self.facts.bindings[index]
        keeps = self.keeps[index]
        bind = list(binding.initial)
        if keeps.label is not None and self._takes_label_on_calls(index):
            self._label_calls(index, keeps.label)
        elif keeps.label is not None:
            bind.append((CHANNEL, keeps.label))
        arguments: list[tuple[str | None, str]] = [(None, self._literal(index, self.component))]
        if keeps.node is not None:
            arguments.append(("name", keeps.node))
        if keeps.via is not None:
            arguments.append(("via", self._literal(index, keeps.via)))
        made = Construct(binding.call, self.callee, tuple(arguments), tuple(bind))
        if binding.call_stays:
            self.edits.append(Replace(binding.call, made.text))
            self.staying.add(binding.call)
        else:
            self.edits.append(self._renamed_on_the_spot(index, made) or made)
        if binding.annotation is not None:
            self.edits.append(Replace(binding.annotation, self.callee))
        self.moved.append(Moved(index, self.component, "replaced"))
        self._rename_methods(index)

    def _takes_label_on_calls(self, index: int) -> bool:
        """Say whether the label of a logger that keeps its name can be written on each of its calls."""
        binding = self.facts.bindings[index]
        uses = self.uses[index]
        direct = all(
            use.kind is UseKind.CALL
            and use.bindings == (index,)
            and use.certain
            and use.sure
            and use.text in binding.targets
            and not self._refuses_label(use)
            and not use.quoted
            for use in uses
        )
        if binding.form is not Form.NAME or binding.name.kind is NameKind.COMPUTED or not (uses and direct):
            return False
        name = binding.targets[0]
        is_module_name = binding.scope == 0 or name in self.facts.scopes[binding.scope].globals
        return not (is_module_name and (name in self.facts.exported or self._is_wanted_elsewhere(name)))

    def _label_calls(self, index: int, label: str) -> None:
        for use in self.uses[index]:
            if self._takes_label(use):
                assert use.call is not None
                self.edits.append(Keyword(use.call, CHANNEL, label))

    def _renamed_on_the_spot(self, index: int, made: Construct) -> Replace | None:
        """Return the edit for a helper that is made, and called by a name that changes, in one expression."""
        methods = dict(self._framework(index).methods)
        use = self.at.get(made.span)
        if use is not None and use.function is not None and use.member in methods:
            return Replace(use.function, f"{made.text}.{methods[use.member]}")
        return None

    def _rename_methods(self, index: int) -> None:
        """Call a helper's methods by the target's names, where the logger itself stays."""
        methods = dict(self._framework(index).methods)
        for use in self.uses[index]:
            if use.bindings[0] == index and use.kind is UseKind.CALL and use.function is not None:
                new = methods.get(use.member, use.member)
                if new != use.member and use.text:
                    self.edits.append(Replace(use.function, f"{use.text}.{new}"))

    def _edit_use(self, use: Use, shared: str, initial: tuple[tuple[str, str], ...] = ()) -> None:
        """Let a use of a logger that goes refer to the shared one."""
        label = self.keeps[use.bindings[0]].label
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
        renamed = dict(self._framework(use.bindings[0]).methods).get(use.member)
        if renamed is not None and use.function is not None:
            self.edits.append(Replace(use.function, f"{base}.{renamed}"))
        else:
            self.edits.append(Replace(use.reference, base))

    def _emits(self, use: Use) -> bool:
        framework = self._framework(use.bindings[0])
        return use.member in framework.emits or use.member in framework.derives

    def _takes_label(self, use: Use) -> bool:
        return use.member in self._framework(use.bindings[0]).emits or use.member in ("bind", "new")

    def _refuses_label(self, use: Use) -> bool:
        arguments = use.arguments
        return arguments is None or arguments.double_star or CHANNEL in arguments.keywords

    # -- the module's head ----------------------------------------------------------------------------------------

    def _make_anew(self, made: tuple[Shared, ...]) -> None:
        """Make the shared loggers below the imports, in one block with an import that lands there too."""
        if not made:
            return
        newline = self.source.newline
        lines = []
        for one in made:
            via = f", via={_quoted(one.via)}" if one.via is not None else ""
            lines.append(f"{one.name} = {self.callee}({_quoted(self.component)}{via}){newline}")
        at = max([self.imports.after_header(), *(edit.at for edit in self.edits if isinstance(edit, Insert))])
        together = next(
            (edit for edit in self.edits if isinstance(edit, Insert) and self._is_emptied(edit.at, at)), None
        )
        before = newline
        if together is not None:
            self.edits.remove(together)
            before = together.text.rstrip("\r\n") + newline * 2
        following = self.source.data[at : self.source.line_end(at)].strip()
        gap = 2 if following.startswith((b"def ", b"class ", b"async ", b"@")) else 1 if following else 0
        self.edits.append(Insert(at, before + "".join(lines) + newline * gap))

    def _is_emptied(self, start: int, end: int) -> bool:
        """Say whether nothing is left between two lines."""
        if start == end:
            return True
        left = self.source.data[start:end]
        for line in self._whole_lines():
            if start <= line.start and line.end <= end:
                left = left.replace(self.source.data[line.start : line.end], b"", 1)
        return not left.strip()

    def _writes_callee(self) -> bool:
        return any(
            isinstance(edit, Construct) or (isinstance(edit, Replace) and self.callee in edit.text)
            for edit in self.edits
        )

    def _edit_imports(self, is_taken: Callable[[str], bool], *, needed: bool) -> None:
        edits = [edit for edit in self.edits if isinstance(edit, (Replace, Construct, Delete))]
        gone = Spans(edit.span for edit in edits if edit.span not in self.staying)
        unneeded, left = self.imports.unneeded(
            gone.hold,
            self._is_wanted_elsewhere,
        )
        self.edits.extend(self.imports.removal(unneeded))
        self.left = frozenset(one.path for one in left)
        if needed:
            style = self.settings.target.import_style
            self.edits.extend(self.imports.name_for(self.target, style, self._whole_lines(), is_taken).edits)
        self._settle_empty_suites()

    def _whole_lines(self) -> frozenset[Span]:
        """Return the logical lines of which nothing is left."""
        deleted: dict[Span, set[Span]] = {}
        for edit in self.edits:
            if isinstance(edit, Delete):
                deleted.setdefault(edit.line, set()).add(edit.span)
        return frozenset(
            line for line, spans in deleted.items() if self._is_alone(line) or spans >= self._spans_on(line)
        )

    def _is_alone(self, line: Span) -> bool:
        return any(statement.alone for statement in self.on_line.get(line, ()))

    def _spans_on(self, line: Span) -> set[Span]:
        known = {statement.span for statement in self.on_line.get(line, ())}
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
