"""The proofs: what a rewritten file must show before it is written.

In: the input, the plan and the output. Out: the proofs that hold, or the first that fails. None of them looks
at how the text was made. The second one carries out the edits on the input's *syntax tree* and asks whether
the output parses to that tree; the others ask what a compiler, a linter and this tool itself would say.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Callable, Iterable

from logshift._record import NamedTuple
from logshift.model import Span
from logshift.plan.edits import (
    AddAlias,
    Construct,
    Delete,
    DropAlias,
    Edit,
    FilePlan,
    Insert,
    Keyword,
    Replace,
)
from logshift.rewrite import Patch, Rewritten, apply_patches
from logshift.scan import parse
from logshift.scan.text import is_spelled
from logshift.scan.tree import Definition, Tree
from logshift.source import Source
from logshift.spans import Spans

PARSES = "parses"
BYTES = "bytes outside the edits are the same"
TREE = "syntax tree is the input's with the planned edits"
NAMES = "no undefined name, no import newly unused"
STABLE = "a second run would change nothing"
CYCLE = "no new import cycle"
PROOFS = (PARSES, BYTES, TREE, NAMES, STABLE, CYCLE)

#: Names that a module has without binding them.
_GIVEN = frozenset(dir(builtins)) | {
    "__annotations__", "__builtins__", "__cached__", "__class__", "__doc__", "__file__", "__loader__", "__module__",
    "__name__", "__package__", "__path__", "__qualname__", "__spec__", "WindowsError",
}  # fmt: skip


class Failed(NamedTuple):
    """A proof that does not hold, and what was seen instead."""

    proof: str
    detail: str


def prove(
    source: Source,
    module: str,
    plan: FilePlan,
    output: Rewritten,
    *,
    again: Callable[[bytes], FilePlan | None],
    cycle: Callable[[], tuple[str, ...] | None],
) -> Failed | None:
    """Return the first proof that fails for one file; None if all hold.

    Args:
        source: The input.
        module: Its dotted name, ending in ``.__init__`` for a package.
        plan: What was to change.
        output: What came of it.
        again: Plans the output as if it were a new input.
        cycle: Returns the chain of imports that the new import would close, if any.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(output.data, plan.path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return Failed(PARSES, str(error))
        if (detail := _bytes_differ(source, plan.edits, output)) is not None:
            return Failed(BYTES, detail)
        if (detail := _trees_differ(source, plan.edits, output)) is not None:
            return Failed(TREE, detail)
        if (detail := _names_differ(source, module, output, plan.left)) is not None:
            return Failed(NAMES, detail)
    second = again(output.data)
    if second is None or second.edits or len(second.kept) > len(plan.kept):
        return Failed(STABLE, "the output does not scan" if second is None else _first(second))
    chain = cycle()
    return Failed(CYCLE, " imports ".join(chain)) if chain is not None else None


def _first(plan: FilePlan) -> str:
    return f"{type(plan.edits[0]).__name__} {plan.edits[0]}" if plan.edits else "a logger that it does not know"


# -- bytes ---------------------------------------------------------------------------------------------------


def _bytes_differ(source: Source, edits: Iterable[Edit], output: Rewritten) -> str | None:
    """Hold every patch against the places that the plan names, and the output against input and patches."""
    allowed = Spans(_place(edit, source) for edit in edits)
    for patch in output.patches:
        if not allowed.hold(patch.span) and not _is_blank(source, patch, allowed):
            return f"bytes {patch.span.start} to {patch.span.end} were to stay"
    if apply_patches(source.data, output.patches) != output.data:
        return "the output is not the input with its patches"
    return None


def _place(edit: Edit, source: Source) -> Span:
    """Return the widest span that may change because of `edit`."""
    if isinstance(edit, Insert):
        return Span(edit.at, edit.at)
    if isinstance(edit, (Delete, DropAlias, AddAlias)):
        return Span(source.line_start(edit.line.start), source.next_line(edit.line.end))
    return edit.span


def _is_blank(source: Source, patch: Patch, allowed: Spans) -> bool:
    """Say whether a deletion goes beyond the planned lines only by blank lines."""
    if patch.data:
        return False
    at = patch.span.start
    for place in allowed.within(patch.span):
        if source.data[at : place.start].strip():
            return False
        at = max(at, place.end)
    return not source.data[at : patch.span.end].strip()


# -- syntax tree ---------------------------------------------------------------------------------------------


def _trees_differ(source: Source, edits: Iterable[Edit], output: Rewritten) -> str | None:
    expected = _Expected(source, edits).tree()
    actual = ast.parse(output.data)
    if ast.dump(expected) == ast.dump(actual):
        return None
    for wanted, found in zip(expected.body, actual.body, strict=False):
        if ast.dump(wanted) != ast.dump(found):
            return f"line {found.lineno} of the output is not what was planned"
    return "the output has more or fewer statements than planned"


class _Expected(ast.NodeTransformer):
    """Carries out the edits on the input's tree."""

    def __init__(self, source: Source, edits: Iterable[Edit]) -> None:
        self.source = source
        self.replaced: dict[Span, str] = {}
        self.keywords: dict[Span, list[Keyword]] = {}
        self.deleted: set[Span] = set()
        self.dropped: dict[Span, tuple[int, ...]] = {}
        self.added: dict[Span, str] = {}
        self.inserts: list[Insert] = []
        for edit in edits:
            if isinstance(edit, (Replace, Construct)):
                self.replaced[edit.span] = edit.text
            elif isinstance(edit, Keyword):
                self.keywords.setdefault(edit.span, []).append(edit)
            elif isinstance(edit, Delete):
                self.deleted.add(edit.span)
            elif isinstance(edit, DropAlias):
                self.dropped[edit.span] = edit.aliases
            elif isinstance(edit, AddAlias):
                self.added[edit.span] = edit.name
            else:
                self.inserts.append(edit)
        self.uncertain = 0  # depth of f-strings, where places are not to be relied on

    def tree(self) -> ast.Module:
        module = ast.parse(self.source.data)
        starts = [(self.source.line_start(_first_byte(node, self.source)), node) for node in module.body]
        done = self.visit(module)
        assert isinstance(done, ast.Module)
        for insert in self.inserts:
            statements = ast.parse(insert.text).body
            following = next((node for start, node in starts if start >= insert.at and node in done.body), None)
            place = done.body.index(following) if following is not None else len(done.body)
            done.body[place:place] = statements
        return done

    def generic_visit(self, node: ast.AST) -> ast.AST:
        suites = [field for field in ("body", "orelse", "finalbody") if isinstance(getattr(node, field, None), list)]
        full = [field for field in suites if getattr(node, field)]
        super().generic_visit(node)
        for field in full:
            if not getattr(node, field) and not isinstance(node, ast.Module):
                setattr(node, field, [ast.Pass()])
        return node

    def visit(self, node: ast.AST) -> ast.AST | None:
        if isinstance(node, ast.JoinedStr):
            self.uncertain += 1
            done = self._visit(node)
            self.uncertain -= 1
            return done
        return self._visit(node)

    def _visit(self, node: ast.AST) -> ast.AST | None:
        if isinstance(node, ast.stmt):
            return self._statement(node)
        if isinstance(node, ast.expr):
            return self._expression(node)
        return self.generic_visit(node)

    def _statement(self, node: ast.stmt) -> ast.AST | None:
        span = self.source.span(node)
        if span in self.deleted and not hasattr(node, "body"):
            return None
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            dropped = self.dropped.get(span, ())
            node.names = [alias for index, alias in enumerate(node.names) if index not in dropped]
            if span in self.added:
                name, _, asname = self.added[span].partition(" as ")
                names = [alias.name for alias in node.names]
                place = sum(one < name for one in names) if names == sorted(names) else len(names)
                node.names.insert(place, ast.alias(name, asname or None))
        return self.generic_visit(node)

    def _expression(self, node: ast.expr) -> ast.AST:
        span = self.source.span(node)
        if span in self.replaced and self._is_sure(node, span):
            return ast.parse(self.replaced[span], mode="eval").body
        self.generic_visit(node)
        if isinstance(node, ast.Call):
            for keyword in self.keywords.get(span, ()):
                value = ast.parse(keyword.value, mode="eval").body
                node.keywords.append(ast.keyword(keyword.name, value))
        return node

    def _is_sure(self, node: ast.expr, span: Span) -> bool:
        if not self.uncertain:
            return True
        try:
            found = ast.parse(self.source.text(span), mode="eval").body
        except (SyntaxError, ValueError):
            return False
        return ast.dump(found) == ast.dump(node)


def _first_byte(node: ast.stmt, source: Source) -> int:
    return min(source.span(one).start for one in [node, *getattr(node, "decorator_list", [])])


# -- names ---------------------------------------------------------------------------------------------------


def _names_differ(source: Source, module: str, output: Rewritten, left: frozenset[str]) -> str | None:
    before = parse.tree(source, module)
    after = parse.tree(Source(source.path, output.data), module)
    undefined = _undefined(after) - _undefined(before)
    if undefined:
        return f"`{min(undefined)}` is not defined"
    early = _read_early(after) - _read_early(before)
    if early:
        return f"`{min(early)}` is read at import before it is bound"
    unused = _unused_imports(after) - _unused_imports(before) - left
    if unused:
        return f"the import of `{min(unused)}` is no longer used"
    return None


def _undefined(tree: Tree) -> set[str]:
    if "*" in tree.root.definitions:
        return set()
    return {
        node.id for node in tree.names if node.id not in _GIVEN and tree.resolve(node.id, tree.scope_of[node]) is None
    }


def _read_early(tree: Tree) -> set[str]:
    """Return the module's names that code run at import reads above every line that binds them."""
    found = set()
    first = {
        name: min(getattr(one.node, "lineno", 0) for one in definitions)
        for name, definitions in tree.root.definitions.items()
    }
    for node in tree.names:
        scope = tree.scope_of[node]
        if not scope.deferred and tree.resolve(node.id, scope) is tree.root and node.lineno < first[node.id]:
            found.add(node.id)
    return found


def _unused_imports(tree: Tree) -> set[str]:
    """Return the modules and names that are imported and not read; those that strings may need left out."""
    read = {(home.index, node.id) for node in tree.names if (home := tree.resolve(node.id, tree.scope_of[node]))}
    found: set[str] = set()
    spelled: dict[str, bool] = {}
    for scope in tree.scopes:
        for name, definitions in scope.definitions.items():
            paths = {one.path for one in definitions if one.kind == Definition.IMPORT and not _submodule(one)}
            if paths and (scope.index, name) not in read and not spelled.get(name):
                if name not in spelled:
                    spelled[name] = is_spelled(name, tree.strings)
                found |= set() if spelled[name] else paths
    return found


def _submodule(definition: Definition) -> bool:
    """Say whether the import is of ``a.b`` for its effect on ``a``."""
    node = definition.node
    if not isinstance(node, ast.Import):
        return False
    alias = node.names[definition.alias]
    return "." in alias.name and alias.asname is None
