"""What a file patches: a test that replaces a factory waits for it to be called.

In: a file's bytes. Out: the dotted places that ``mock.patch``, ``monkeypatch.setattr`` or an assignment put
something else at, and the modules that the file has to do with; and whether that reaches the factory by which a
module makes its loggers.
"""

from __future__ import annotations

import ast
import re

from logshift._record import NamedTuple
from logshift.model import Binding, FileFacts
from logshift.scan import parse
from logshift.scan.imports import required
from logshift.scan.names import Names
from logshift.scan.tree import Definition, Tree
from logshift.scan.values import Path, Values
from logshift.source import Source, UndecodableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PATCHERS = frozenset({"patch", "object", "multiple", "setattr", "setitem", "replace", "spy", "stub"})
_HINT = re.compile(rb"\b(?:patch|setattr|monkeypatch|mocker)\b|\.getLogger[ \t]*=|\.get_logger[ \t]*=")
#: Ways to have the code of a module run that has been imported before.
_RERUNS = re.compile(rb"\breload\b|exec_module|\brunpy\b|\brun_(?:module|path)\b|\bsys\.modules\b|\bexec\(")
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")


class Patches(NamedTuple):
    """What one file patches."""

    places: frozenset[str]  # dotted: "app.mod.logging.getLogger", "logging.getLogger"
    ends: frozenset[str]  # the known ends of places whose beginning is computed: ".logging.getLogger"
    late: frozenset[str]  # of the places, those that are patched when the file has been imported
    modules: frozenset[str]  # what the file imports or names: modules, or names in them
    loads: frozenset[str]  # what is imported when the file is
    reruns: bool  # modules may be made to run again


def may_patch(data: bytes, names: Names) -> bool:
    """Say whether this text may patch a factory, or the module that one is in."""
    if _HINT.search(data) is None:
        return False
    leaves = {factory.rpartition(".")[2].encode() for factory in names.factories}
    return names.tokens.search(data) is not None or any(leaf in data for leaf in leaves)


def patches(path: str, module: str, data: bytes, names: Names) -> Patches | None:
    """Return what the file at `path`, which is `module`, patches; None if that is nothing of interest."""
    try:
        tree = parse.tree(Source(path, data), module)
        return _Reader(tree, names, reruns=_RERUNS.search(data) is not None).read()
    except (UndecodableError, parse.NotPythonError, RecursionError):
        return None


def is_reached(facts: FileFacts, binding: Binding, patched: Patches, is_loaded: Callable[[], bool]) -> bool:
    """Say whether `patched` replaces what `binding` calls, while its module is imported or later.

    A patch that goes by way of the module is put on after the module has been imported, so it counts for loggers
    made at run time, or where modules are made to run again. A patch at the library itself counts for the modules
    that the file speaks of; a logger made at import is out of its reach where `is_loaded` says that importing the file
    imports the module, and the patch comes after that.
    """
    own = facts.module.removesuffix(".__init__")
    known = {one.bound: one.path for one in facts.imports if one.scope == 0}
    is_made_before = binding.import_time and not patched.reruns
    for place in patched.places:
        if place == binding.factory:
            if _speaks_of(patched, own) and not (is_made_before and place in patched.late and is_loaded()):
                return True
        elif not is_made_before and place.startswith(f"{own}.") and _hits(place[len(own) + 1 :], known, binding):
            return True
    return not is_made_before and any(
        _hits(end.lstrip("."), known, binding) and (_speaks_of(patched, own) or not patched.modules)
        for end in patched.ends
    )


def _hits(rest: str, known: dict[str, str], binding: Binding) -> bool:
    head, _, tail = rest.partition(".")
    if head not in known:
        return False
    place = f"{known[head]}.{tail}" if tail else known[head]
    return place == binding.factory or (not binding.import_time and binding.factory.startswith(f"{place}."))


def _speaks_of(patched: Patches, module: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for name in patched.modules)


class _Reader:
    def __init__(self, tree: Tree, names: Names, *, reruns: bool) -> None:
        self.tree = tree
        self.values = Values(tree, names)
        self.reruns = reruns
        self.places: set[str] = set()
        self.early: set[str] = set()
        self.ends: set[str] = set()

    def read(self) -> Patches | None:
        for call in self.tree.calls:
            leaf = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if leaf in _PATCHERS:
                found = self._call([*call.args, *(keyword.value for keyword in call.keywords)], call.keywords)
                self._add(found, is_early=not (self.tree.scope_of[call].deferred or self._is_decorator(call)))
        for target, _, scope in self.tree.attribute_stores:
            found = {f"{base}.{target.attr}" for base in self._paths(target.value)}
            self._add(found, is_early=not scope.deferred)
        if not self.places and not self.ends:
            return None
        modules = {
            one.value for one in self.tree.strings if isinstance(one.value, str) and _DOTTED.fullmatch(one.value)
        }
        for scope in self.tree.scopes:
            for definitions in scope.definitions.values():
                for definition in definitions:
                    if definition.kind == Definition.IMPORT:
                        modules |= _imported(definition)
        return Patches(
            places=frozenset(self.places),
            ends=frozenset(self.ends),
            late=frozenset(self.places - self.early),
            modules=frozenset(modules),
            loads=required(self.tree),
            reruns=self.reruns,
        )

    def _add(self, places: set[str], *, is_early: bool) -> None:
        self.places |= places
        self.early |= places if is_early else set()

    def _is_decorator(self, call: ast.Call) -> bool:
        function = self.tree.parents[call]
        return call in getattr(function, "decorator_list", ())

    def _call(self, given: list[ast.expr], keywords: list[ast.keyword]) -> set[str]:
        texts = [text for node in given if (text := self._text(node)) is not None]
        bases = [base for node in given for base in self._paths(node)]
        bases += [text for text in texts if text.strip(".") == text]
        leaves = [text for text in texts if text.isidentifier()] + [one.arg for one in keywords if one.arg]
        self.ends |= {text.lstrip("?") for text in texts if text.startswith("?.")}
        spelled = {text for text in texts if _DOTTED.fullmatch(text)}
        return spelled | {f"{base}.{leaf}" for base in bases for leaf in leaves}

    def _paths(self, node: ast.expr) -> list[str]:
        return [member.dotted for member in self.values.of(node) if isinstance(member, Path)]

    def _text(self, node: ast.expr, depth: int = 0) -> str | None:
        """Return the text that an expression gives; an unknown beginning is a question mark."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            parts = [node.left, node.right]
        elif isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        elif isinstance(node, ast.Name) and depth < 10:
            home = self.tree.resolve(node.id, self.tree.scope_of[node])
            definitions = home.definitions[node.id] if home is not None else []
            value = definitions[0].value if len(definitions) == 1 else None
            return self._text(value, depth + 1) if value is not None else self._module_name(node)
        elif isinstance(node, ast.Attribute) and node.attr == "__name__":
            return next(iter(self._paths(node.value)), None)
        else:
            return None
        texts = [self._text(part, depth + 1) for part in parts]
        known = [text if text is not None else "?" for text in texts]
        return "".join(known) if all(text is not None for text in texts[1:]) else None

    def _module_name(self, node: ast.Name) -> str | None:
        return self.tree.module_name if node.id == "__name__" else None


def _imported(definition: Definition) -> set[str]:
    node = definition.node
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {definition.path, definition.path.rpartition(".")[0]}
