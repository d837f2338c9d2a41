"""The import editor: the one place that decides how a file gets at a name, and what it no longer needs.

In: a file's facts and, for removal, the spans that other edits take away. Out: the name to use, and edits. An
existing binding is reused, an existing import extended, or a line inserted where isort would put it:
https://pycqa.github.io/isort/docs/configuration/profiles.html
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from logshift._record import NamedTuple
from logshift.frameworks import Framework, Target
from logshift.model import FileFacts, HeaderKind, HeaderLine, Import, Span
from logshift.plan.edits import AddAlias, Delete, DropAlias, Edit, Insert
from logshift.source import Source

_FUTURE, _STDLIB, _THIRD_PARTY, _FIRST_PARTY, _LOCAL = range(5)
_PLAIN = (HeaderKind.IMPORT, HeaderKind.FROM)


class Name(NamedTuple):
    """The name under which a file reaches the target, and what makes it so."""

    text: str
    edits: tuple[Edit, ...]


class Imports:
    """The imports of one file."""

    def __init__(
        self,
        facts: FileFacts,
        source: Source,
        first_party: frozenset[str],
        legacy: Iterable[Framework],
        origin: Callable[[str], str],
    ) -> None:
        self.facts = facts
        self.source = source
        self.first_party = first_party
        self.removable = _removable(legacy)
        self.origin = origin
        self.reexporting = self._reexporting()
        self.ceiling: int | None = None  # a new import stands above this byte

    # -- getting at a name ------------------------------------------------------------------------------

    def name_for(self, target: Target, style: str, gone: frozenset[Span], taken: Callable[[str], bool]) -> Name:
        """Return the name to use for the target's class at module level, and the edits that bind it.

        `gone` are lines that other edits remove whole; `taken` says whether a name means something else
        wherever it would be used.
        """
        existing = self._existing(target)
        if existing is not None and not taken(existing):
            return Name(existing, ())
        module = self._module_text(target.module, style)
        name = target.cls if not taken(target.cls) else f"_{target.cls}"
        imported = name if name == target.cls else f"{target.cls} as {name}"
        extended = self._extended(module, imported, gone)
        if extended is not None:
            return Name(name, (extended,))
        return Name(name, (self._inserted(f"from {module} import {imported}", module, gone),))

    def _existing(self, target: Target) -> str | None:
        paths = {factory.path for factory in target.framework.factories}
        for one in self.facts.imports:
            if self.origin(one.path) in paths and one.scope == 0 and not one.guarded and self._at_top(one):
                return one.bound
        return None

    def _at_top(self, one: Import) -> bool:
        span = self.facts.statements[one.statement].span
        return any(line.line.holds(span) and line.kind in _PLAIN for line in self.facts.header)

    def _module_text(self, module: str, style: str) -> str:
        if style != "relative":
            return module
        own = self.facts.module.split(".")
        package = own if self._is_package() else own[:-1]
        parts = module.split(".")
        common = 0
        while common < min(len(package), len(parts) - 1) and package[common] == parts[common]:
            common += 1
        if common == 0:
            return module
        return "." * (len(package) - common + 1) + ".".join(parts[common:])

    def _is_package(self) -> bool:
        return self.facts.path.endswith("__init__.py")

    def _extended(self, module: str, imported: str, gone: frozenset[Span]) -> Edit | None:
        for line in self.facts.header:
            above = self.ceiling is None or line.line.start < self.ceiling
            if line.kind is HeaderKind.FROM and line.module == module and line.line not in gone and above:
                statement = next((s for s in self.facts.statements if s.line == line.line and s.top), None)
                if statement is not None and statement.alone and "*" not in line.names:
                    return AddAlias(statement.span, statement.line, imported)
        return None

    def _inserted(self, text: str, module: str, gone: frozenset[Span]) -> Insert:
        newline = self.source.newline
        floor = self._floor()
        if floor is not None:
            return Insert(floor, text + newline)
        found = self._in_order(text, module, gone)
        if self.ceiling is not None and found.at > self.ceiling:
            return Insert(self.ceiling, text + newline)
        return found

    def _floor(self) -> int | None:
        """Return the line of the factory's import where that stands below code, which may make modules known."""
        imported = [
            self.facts.statements[one.statement].span.start
            for one in self.facts.imports
            if self.leads_to_factory(one) and self.facts.statements[one.statement].top
        ]
        made = [binding.call.start for binding in self.facts.bindings if binding.import_time]
        first = min(imported, default=0)
        return self.source.line_start(first) if self.facts.acts_from < first < min(made, default=first + 1) else None

    def _in_order(self, text: str, module: str, gone: frozenset[Span]) -> Insert:
        newline = self.source.newline
        header = self._reachable()
        lines = [line for line in header if line.kind in _PLAIN and line.line not in gone]
        section = self._section(module)
        same = [line for line in lines if self._section(line.module) == section]
        before = [line for line in same if _order(line) <= (1, module.lower())]
        if before:
            return self._after(before[-1], text + newline)
        if same:
            return Insert(self.source.line_start(same[0].line.start), text + newline)
        lower = [line for line in lines if self._section(line.module) < section]
        if lower:
            return self._group_after(lower[-1], text + newline, gone)
        if lines:
            return Insert(self.source.line_start(lines[0].line.start), text + newline + newline)
        return self._without_imports(text, gone)

    def _reachable(self) -> tuple[HeaderLine, ...]:
        """Return the lines of the head below which a new import finds its module: those after ``sys.path`` is set."""
        header = self.facts.header
        last = max((place for place, line in enumerate(header) if line.kind is HeaderKind.PATH), default=-1)
        return header[last + 1 :]

    def _without_imports(self, text: str, gone: frozenset[Span]) -> Insert:
        newline = self.source.newline
        freed = [line for line in self._reachable() if line.line in gone]
        if freed:
            return Insert(self.source.line_start(freed[0].line.start), text + newline)
        if self.facts.header:
            return self._group_after(self.facts.header[-1], text + newline, gone)
        return Insert(self._first_code(), text + newline + newline)

    def _after(self, line: HeaderLine, text: str) -> Insert:
        at = self.source.next_line(line.line.end)
        if at == self.source.line_end(line.line.end):  # the file ends without a newline
            text = self.source.newline + text
        return Insert(at, text)

    def _group_after(self, line: HeaderLine, text: str, gone: frozenset[Span]) -> Insert:
        """Insert `text` below `line` as a group of its own, with blank lines around it."""
        newline = self.source.newline
        following = self.source.next_line(line.line.end)
        removed = {self.source.line_start(span.start): span.end for span in gone}
        while following in removed:
            following = self.source.next_line(removed[following])
        return self._after(line, newline + text + ("" if self._is_blank(following) else newline))

    def _first_code(self) -> int:
        """Return where code may begin in a module without docstring or imports: below its opening comments."""
        at = self.facts.body_start
        start = first = self.source.starts[0]
        while start < at:
            end = self.source.line_end(start)
            if not self.source.data[start:end].lstrip().startswith(b"#"):
                break
            start = self.source.next_line(start)
        opening_ends = start
        comment = at
        for line_start in reversed([s for s in self.source.starts if first <= s < at]):
            if not self.source.data[line_start : self.source.line_end(line_start)].lstrip().startswith(b"#"):
                break
            comment = line_start
        return comment if comment > opening_ends or comment == first == at else max(opening_ends, comment)

    def _is_blank(self, at: int) -> bool:
        return not self.source.data[at : self.source.line_end(at)].strip() or at >= len(self.source.data)

    def _section(self, module: str) -> int:
        if module.startswith("."):
            return _LOCAL
        top = module.partition(".")[0]
        if top == "__future__":
            return _FUTURE
        if top in sys.stdlib_module_names:
            return _STDLIB
        return _FIRST_PARTY if top in self.first_party else _THIRD_PARTY

    def after_header(self) -> int:
        """Return where the first line below docstring and imports begins."""
        if not self.facts.header:
            return self._first_code()
        return self.source.next_line(self.facts.header[-1].line.end)

    # -- no longer needing one ----------------------------------------------------------------------------

    def unneeded(
        self,
        covered: Callable[[Span], bool],
        wanted_elsewhere: Callable[[str], bool],
    ) -> tuple[list[Import], list[Import]]:
        """Return the imports of legacy loggers that nothing reads once the `covered` places are gone.

        The first list can be removed; the second has to be left, since something that is no read needs it.
        """
        removed: list[Import] = []
        left: list[Import] = []
        for one in self.facts.imports:
            if not one.references or not all(covered(span) for span in one.references):
                continue
            if self.leads_to_factory(one):
                needed = (
                    one.full in self.reexporting
                    or one.guarded
                    or one.kept
                    or self.facts.scopes[one.scope].dynamic
                    or (one.scope == 0 and wanted_elsewhere(one.bound))
                )
                (left if needed else removed).append(one)
        return removed, left

    def leads_to_factory(self, one: Import) -> bool:
        """Say whether an import brings a factory or what holds one, be it by way of a module that hands it on."""
        return one.full in self.reexporting or self.origin(one.full) in self.removable

    def _reexporting(self) -> frozenset[str]:
        """Return the modules through which a factory is reached that is another's; they hold other things too."""
        callees = {binding.callee for binding in self.facts.bindings if binding.callee}
        handed_on = [callee.split(".") for callee in callees if self.origin(callee) != callee]
        return frozenset(".".join(parts[:depth]) for parts in handed_on for depth in range(1, len(parts)))

    def removal(self, unneeded: Iterable[Import]) -> list[Edit]:
        """Return the edits that remove these imports; whether a suite becomes empty is settled by the caller."""
        by_statement: dict[int, list[Import]] = {}
        for one in unneeded:
            by_statement.setdefault(one.statement, []).append(one)
        edits: list[Edit] = []
        for index, imports in by_statement.items():
            statement = self.facts.statements[index]
            if len(imports) == imports[0].aliases:
                edits.append(Delete(statement.span, statement.line, empties=False))
            else:
                aliases = tuple(sorted(one.alias for one in imports))
                edits.append(DropAlias(statement.span, statement.line, aliases))
        return edits


def _removable(frameworks: Iterable[Framework]) -> frozenset[str]:
    found: set[str] = set()
    for framework in frameworks:
        for path in [*(factory.path for factory in framework.factories), *framework.types]:
            parts = path.split(".")
            found.add(path)
            lowest = len(parts) - 1 if framework.name == "helper" else 1  # a helper's packages hold other things
            found.update(".".join(parts[:depth]) for depth in range(lowest, len(parts)))
    return frozenset(found)


def _order(line: HeaderLine) -> tuple[int, str]:
    return (0 if line.kind is HeaderKind.IMPORT else 1, line.module.lower())
