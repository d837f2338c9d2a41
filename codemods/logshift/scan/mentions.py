"""What one file needs of other modules' names: before a name goes, somebody may be importing, patching or comparing it.

In: a file's bytes. Out: its `Mentions`, once, or None where it cannot be read as Python; whoever asks then goes by
the words in it (`is_worded`). What a program puts together at run time – ``patch(f"{MODULE}.audit")``,
``vars(module)[kind]``, a module handed to a helper – is taken for a mention of everything that it may be.
"""

from __future__ import annotations

import ast
import re

from logshift._record import NamedTuple
from logshift.frameworks import NODE
from logshift.scan import parse
from logshift.scan.names import Names
from logshift.scan.tree import Definition, Tree
from logshift.scan.uses import asked_for_type, compared, comparisons
from logshift.scan.values import Made, Path, Values
from logshift.source import Source, UndecodableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_PATH = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)*")
_STAR = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]*\(?[ \t]*\*", re.MULTILINE)
_LISTS = re.compile(rb"import\b(?:[ \t]|\\\r?\n)*(\([^)]*|[^\n(\\]*(?:\\\r?\n[^\n\\]*)*)")
_QUOTED = re.compile(rb"[\"'][\w.:]*\Z|\A[\w.:]*\Z")  # a path in a string, as far as it can be seen
_BLANK = b" \t\r\n\f\\"
_NEAR = 80  # how far to look around a word
_MAY_STAR = re.compile(rb"import[\s\\]*\(?[\s\\]*\*")
_APART = bytes(code if chr(code).isascii() and (chr(code).isalnum() or chr(code) == "_") else 32 for code in range(256))
_RELATIVE = re.compile(rb"\bfrom[ \t]+\.")
#: Calls that import a module, or fetch an object, by a path that is a string.
_IMPORTERS = frozenset(
    {"import_module", "__import__", "importorskip", "run_path", "run_module", "spec_from_file_location",
     "module_from_spec", "exec_module", "load_module", "SourceFileLoader", "resolve_name", "import_string",
     "load_object", "locate", "walk_packages", "iter_modules"}
)  # fmt: skip
_BY_STRING = re.compile(rb"\b(?:patch|setattr|attrgetter|" + "|".join(sorted(_IMPORTERS)).encode() + rb")\b")
#: Calls that take an object and the name of an attribute.
_BY_NAME = frozenset({"setattr", "getattr", "hasattr", "delattr", "object", "spy", "attrgetter"})
#: Calls that do nothing with a module's names.
_HARMLESS = frozenset(
    {"reload", "print", "repr", "str", "id", "type", "isinstance", "getsource", "getfile", "getdoc", "getmodule",
     "testmod", "files"}
)  # fmt: skip


class Mentions(NamedTuple):
    """What one file says of other modules; all paths are dotted."""

    names: frozenset[str]  # imported, read, spelled in strings
    handed_on: frozenset[str]  # modules that go where they cannot be followed: anything of them may be read
    stars: frozenset[str]  # modules that everything is imported from
    free: frozenset[str]  # names read that nothing in the file binds
    spoken: frozenset[str]  # attributes, keywords and constants that look like names
    tails: frozenset[str]  # names at the end of paths that are put together at run time
    spelled: frozenset[str]  # paths in strings, those that only name a logger left out
    by_string: bool  # modules are imported by strings that are not known
    compared: frozenset[str]  # names whose objects are compared
    nodes: frozenset[str]  # loggers of these names are compared
    beside: frozenset[str]  # functions and attributes of any object whose values are compared with a logger

    def wants(self, of: str, name: str) -> bool:
        """Say whether the file may need `name` of module `of`, a star import left aside."""
        return (
            is_among(f"{of}.{name}", self.names)
            or is_among(of, self.handed_on)
            or name in self.tails
            or (name in self.spoken and (self.by_string or is_among(of, self.spelled)))
        )


def is_among(path: str, known: Iterable[str]) -> bool:
    """Say whether one of the `known` paths may be `path`, under another root of the search path."""
    return any(one == path or one.endswith(f".{path}") or ("." in one and path.endswith(f".{one}")) for one in known)


def words(data: bytes) -> frozenset[bytes]:
    """Return the words of a text; a notebook's lines are parted."""
    return frozenset(data.replace(rb"\n", b"\n").translate(_APART).split())


class Listed(NamedTuple):
    """The words in a text's imports, behind the word ``import``."""

    anywhere: frozenset[bytes]
    by_from: frozenset[bytes]  # those of a ``from … import``


def listed(data: bytes) -> Listed:
    """Return the words of what a text imports."""
    anywhere: set[bytes] = set()
    by_from: set[bytes] = set()
    for found in _LISTS.finditer(data):
        line = data.rfind(b"\n", 0, found.start()) + 1
        imported = words(found[1])
        anywhere |= imported
        if b"from" in data[line : found.start()] or data[:line].rstrip(b"\r\n").endswith(b"\\"):
            by_from |= imported
    return Listed(frozenset(anywhere), frozenset(by_from))


class Hint:
    """What a text has in it that may need one name of one module; a text without it does not, a star import aside.

    It says the name in an import, an attribute or a string. Or it has the module itself, and may hand it on.
    """

    def __init__(self, module: str, name: str) -> None:
        *packages, leaf = (part.encode() for part in module.split("."))
        self.name, self.leaf, self.packages = name.encode(), leaf, frozenset(packages)
        self.names, self.leaves = (re.compile(re.escape(word) + rb"\b") for word in (self.name, self.leaf))

    def is_in(self, data: bytes, imported: Listed) -> bool:
        """Say whether the text may need the name, or anything, of the module."""
        if self.name in imported.by_from or self.leaf in imported.anywhere:
            return True
        if self.name in data and any(self._is_named(data, found) for found in self.names.finditer(data)):
            return True
        has_package = not self.packages.isdisjoint(imported.anywhere)
        return self.leaf in data and any(
            self._is_held(data, found.start(), has_package=has_package) for found in self.leaves.finditer(data)
        )

    def _is_named(self, data: bytes, found: re.Match[bytes]) -> bool:
        before = data[max(0, found.start() - _NEAR) : found.start()]
        after = data[found.end() : found.end() + _NEAR].lstrip()
        if before.rstrip(_BLANK).endswith((b".", b":")):
            return not after.startswith(b"import")  # from package.name import …
        return before.endswith((b"'", b'"')) or after.startswith(b"=") or not before.strip(_BLANK)

    def _is_held(self, data: bytes, at: int, *, has_package: bool) -> bool:
        before = data[max(0, at - _NEAR) : at]
        if not self.packages:
            return _QUOTED.search(before) is not None
        if not before.rstrip(_BLANK).endswith((b".", b":")):
            return False
        return has_package or _QUOTED.search(before) is not None


def may_star(data: bytes) -> bool:
    """Say whether the text may import everything from a module."""
    return _MAY_STAR.search(data) is not None


def goes_by_string(data: bytes) -> bool:
    """Say whether the text may reach names of a module that it does not name."""
    return b"modules" in data or _BY_STRING.search(data) is not None


def is_worded(data: bytes, of: str, name: str) -> bool:
    """Say whether a text that is no Python this program can read has the words for `name` of module `of`."""
    found = words(data)
    near = of.rpartition(".")[2].encode() in found or _RELATIVE.search(data) is not None
    return name.encode() in found and (near or goes_by_string(data))


def is_starred(data: bytes, of: str) -> bool:
    """Say whether such a text may import everything from module `of`."""
    leaf = of.rpartition(".")[2].encode()
    return any(module.rpartition(b".")[2] in (leaf, b"") for module in _STAR.findall(data))


def mentions(path: str, module: str, data: bytes, names: Names, modules: Container[str]) -> Mentions | None:
    """Return what the file at `path`, which is `module`, mentions of the project's `modules`."""
    try:
        tree = parse.tree(Source(path, data), module)
    except (UndecodableError, parse.NotPythonError):
        return None
    try:
        return _Reader(tree, names, modules).read()
    except RecursionError:
        return None


class _Reader:
    def __init__(self, tree: Tree, names: Names, modules: Container[str]) -> None:
        self.tree = tree
        self.table = names
        self.modules = modules
        self.values = Values(tree, names)
        self.names: set[str] = set()
        self.handed_on: set[str] = set()
        self.stars: set[str] = set()
        self.tails: set[str] = set()
        self.spelled: set[str] = set()
        self.compared: set[str] = set()
        self.nodes: set[str] = set()
        self.beside: set[str] = set()
        self.by_string = False

    def read(self) -> Mentions:
        self._imports()
        for node in [*self.tree.names, *self.tree.attributes]:
            self._object(node)
        for target, _, _ in self.tree.attribute_stores:
            self.names.update(f"{path}.{target.attr}" for path in self._paths(target.value))
        for call in self.tree.calls:
            self._call(call)
        for string in self.tree.strings:
            self._string(string)
        for operand in [*compared(self.tree), *asked_for_type(self.tree)]:
            self._compare(operand)
        for operands in comparisons(self.tree):
            if any(self._is_logger(one) for one in operands):
                self.beside.update(leaf for one in operands for leaf in self._leaves(one))
        return Mentions(
            names=frozenset(self.names),
            handed_on=frozenset(self.handed_on),
            stars=frozenset(self.stars),
            free=frozenset(
                node.id for node in self.tree.names if self.tree.resolve(node.id, self.tree.scope_of[node]) is None
            ),
            spoken=frozenset(self._spoken()),
            tails=frozenset(self.tails),
            spelled=frozenset(self.spelled),
            by_string=self.by_string,
            compared=frozenset(self.compared),
            nodes=frozenset(self.nodes),
            beside=frozenset(self.beside),
        )

    def _imports(self) -> None:
        for scope in self.tree.scopes:
            for definitions in scope.definitions.values():
                for one in definitions:
                    if one.kind == Definition.IMPORT and isinstance(one.node, ast.ImportFrom):
                        path = one.path.lstrip(".")
                        if path.endswith(".*"):
                            self.stars.add(path.removesuffix(".*"))
                        else:
                            self.names.add(path)

    def _spoken(self) -> Iterator[str]:
        """Yield the names that the file asks objects for which are not known here."""
        stores = [target for target, _, _ in self.tree.attribute_stores]
        for node in [*self.tree.attributes, *stores]:
            is_own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            value = self.values.of(node.value)
            if not is_own and not any(isinstance(one, Path) and one.doubt is None for one in value):
                yield node.attr
        yield from (keyword.arg for call in self.tree.calls for keyword in call.keywords if keyword.arg is not None)
        yield from (text.partition(".")[0] for string in self.tree.strings if _PATH.fullmatch(text := _text(string)))

    def _paths(self, node: ast.expr) -> list[str]:
        return [member.dotted for member in self.values.of(node) if isinstance(member, Path)]

    # -- modules as objects -----------------------------------------------------------------------------------

    def _object(self, node: ast.expr) -> None:
        if isinstance(node, ast.Attribute):  # by the name that it has there, wherever it comes from
            self.names.update(f"{path}.{node.attr}" for path in self._paths(node.value))
        for path in self._paths(node):
            if path == "sys.modules":
                self._all_modules(node)
            elif path in self.modules:
                self._module(node, path)

    def _all_modules(self, node: ast.expr) -> None:
        """``sys.modules``: harmless where one module that is named is taken out of it."""
        parent = self.tree.parents[node]
        if isinstance(parent, ast.Attribute):
            outer = self.tree.parents[parent]
            arguments = outer.args[:1] if isinstance(outer, ast.Call) else []
        else:
            arguments = [parent.slice] if isinstance(parent, ast.Subscript) else []
        known = [one for one in arguments if isinstance(one, ast.Constant) or _is_own_name(one)]
        if not known and not isinstance(parent, ast.Compare):
            self.by_string = True

    def _module(self, node: ast.expr, path: str) -> None:
        parent = self.tree.parents[node]
        if isinstance(parent, ast.Attribute):
            if parent.attr == "__dict__":
                self.handed_on.add(path)
            return
        if isinstance(parent, ast.keyword):
            parent = self.tree.parents[parent]
        if isinstance(parent, ast.Call) and parent.func is not node:
            self._argument(parent, path)
        elif isinstance(parent, (ast.Assign, ast.AnnAssign, ast.NamedExpr)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            if not all(isinstance(target, ast.Name) for target in targets):
                self.handed_on.add(path)
        elif not isinstance(parent, (ast.Expr, ast.Compare, ast.FormattedValue, ast.If, ast.UnaryOp, ast.arg)):
            self.handed_on.add(path)

    def _argument(self, call: ast.Call, path: str) -> None:
        callee = _leaf(call.func)
        spelled = [text for one in [*call.args, *(keyword.value for keyword in call.keywords)]
                   if isinstance(one, ast.Constant) and isinstance(text := one.value, str)]  # fmt: skip
        self.names.update(f"{path}.{text}" for text in spelled)
        if callee == "multiple":
            self.names.update(f"{path}.{keyword.arg}" for keyword in call.keywords)
        elif not (callee in _HARMLESS or (callee in _BY_NAME and spelled)):
            self.handed_on.add(path)

    def _call(self, call: ast.Call) -> None:
        callee = _leaf(call.func)
        if callee in _IMPORTERS and not (call.args and _text(call.args[0]).lstrip(".") == _text(call.args[0]) != ""):
            self.by_string = True  # a path that is not known, or relative to a package that is not
        for path in self._paths(call):  # importlib.import_module("app.mod")
            if path in self.modules:
                self._module(call, path)
        parts = call.args[0] if callee == "join" and len(call.args) == 1 else None
        if isinstance(parts, (ast.List, ast.Tuple)):
            self.tails.update(text for part in parts.elts if (text := _text(part)))

    # -- paths in strings -------------------------------------------------------------------------------------

    def _string(self, string: ast.Constant) -> None:
        text = _text(string)
        if not text or len(text) > 200 or any(map(str.isspace, text)) or self._names_logger(string):
            return
        if _PATH.fullmatch(text):
            parts = re.split("[.:]", text)
            self.names.update(".".join(parts[:depth]) for depth in range(2, len(parts) + 1))
            self.spelled.add(".".join(parts))
        elif _PATH.fullmatch(text[:-1]) and text.endswith(".") and "." in text[:-1]:
            self.handed_on.add(text[:-1])
        elif isinstance(self.tree.parents.get(string), (ast.JoinedStr, ast.BinOp, ast.Attribute, ast.keyword, ast.Call,
                                                        ast.Assign)):  # fmt: skip
            self.tails.update(re.findall(r"\.([^\W\d]\w*)", text))

    def _names_logger(self, string: ast.Constant) -> bool:
        """Say whether the string is the name that a logger is given."""
        for parent in self.tree.ancestors(string):
            if isinstance(parent, ast.stmt):
                return False
            if isinstance(parent, ast.Call) and any(path in self.table.factories for path in self._paths(parent.func)):
                return True
        return False

    # -- comparisons ------------------------------------------------------------------------------------------

    def _compare(self, operand: ast.expr) -> None:
        self.compared.update(self._paths(operand))
        for member in self.values.of(operand):
            if isinstance(member, Made) and not member.derived:
                self.nodes.update(self._nodes(member.call))
        if isinstance(operand, ast.Call) and operand.args and isinstance(operand.func, ast.Attribute):
            name, leaf = _text(operand.args[0]), operand.func.attr
            if leaf == "getLogger":  # logging.Logger.manager.getLogger("app.mod")
                self.nodes.add(name)
            elif leaf == "getChild" and isinstance(operand.func.value, ast.Call):
                self.nodes.update(f"{node}.{name}" for node in self._nodes(operand.func.value))
        elif isinstance(operand, ast.Subscript) and _leaf(operand.value) == "loggerDict":
            self.nodes.add(_text(operand.slice))

    def _is_logger(self, operand: ast.expr) -> bool:
        return any(isinstance(member, Made) and not member.derived for member in self.values.of(operand))

    def _leaves(self, operand: ast.expr) -> Iterator[str]:
        """Yield the names by which an operand that is no known logger is fetched from elsewhere."""
        if self._is_logger(operand):
            return
        if isinstance(operand, ast.Name):
            home = self.tree.resolve(operand.id, self.tree.scope_of[operand])
            values = [one.value for one in home.definitions[operand.id]] if home is not None else []
            yield from (
                leaf for value in values if value is not None and value is not operand for leaf in _fetched(value)
            )
        yield from _fetched(operand)

    def _nodes(self, call: ast.Call) -> Iterator[str]:
        """Yield the names in the logging tree of the logger that `call` makes."""
        framework = self.values.framework(call)
        if framework is None or framework.name_means != NODE:
            return
        for one in [*call.args[:1], *(keyword.value for keyword in call.keywords)]:
            if _is_own_name(one):
                yield self.tree.module_name
            elif _text(one):
                yield _text(one)
            yield from (path.removesuffix(".__name__") for path in self._paths(one) if path.endswith(".__name__"))


def _is_own_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__name__"


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _leaf(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _fetched(node: ast.expr) -> Iterator[str]:
    """Yield the name of the function called, or of the attribute read."""
    if isinstance(node, ast.Call):
        yield _leaf(node.func)
    elif isinstance(node, ast.Attribute):
        yield node.attr
