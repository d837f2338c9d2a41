"""The project around the files: which module a file is, what it speaks for, and who else refers to its names.

In: the settings. Out: answers about the whole project, each worked out when it is first asked for – a clean
check asks for none. The unit that the rooms after this one change is the *group*: files whose bindings move
together or not at all.
"""

from __future__ import annotations

import os
import re
from functools import partial

from logshift._record import NamedTuple
from logshift.discover import discover, module_name
from logshift.fit import Misfit, misfit, uses_by_binding
from logshift.frameworks import NODE
from logshift.frameworks.wrapped import HANDED_OUT
from logshift.gitignore import Patterns
from logshift.model import FileFacts, HandsOut, Reason, Unanalysed
from logshift.scan import may_hold_loggers, read, requires
from logshift.scan.names import Names, is_called_like_a_factory
from logshift.source import Source, UndecodableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logshift.config.settings import Settings
    from logshift.frameworks import Framework, Target
    from logshift.model import Binding
    from logshift.readers import Readers
    from logshift.scan.patches import Patches

#: From the word ``import`` on, which a search finds faster than the beginning of a line.
_IMPORT = re.compile(rb"import\b[ \t]*(\([^)]*\)|[^\n\\]*(?:\\\r?\n[^\n\\]*)*)")
_FROM = re.compile(rb"\s*from[ \t]+([.\w]+)[ \t]+\Z")
_AS = re.compile(r"(\*|[\w.]+)(?:\s+as\s+(\w+))?")
_DEFINES_FACTORY = re.compile(rb"^def[ \t]+(\w*log\w*)[ \t]*\(", re.MULTILINE | re.IGNORECASE)
_IMPORTS_STRUCTLOG = re.compile(rb"^[ \t]*(?:import[ \t][^#\n]*\bstructlog\b|from[ \t]+structlog\b)", re.MULTILINE)
_IMPORTS = re.compile(rb"\bfrom[ \t]+[.\w]+|\bimport\b[ \t]*(?:\([^)]*\)|[^\n\\]*(?:\\\r?\n[^\n\\]*)*)")
_WORD = re.compile(rb"\w+")


class Group(NamedTuple):
    """Files that move together; one failed proof withdraws them all."""

    files: tuple[FileFacts, ...]


def groups(files: Iterable[FileFacts]) -> tuple[Group, ...]:
    """Return the groups that the files fall into. A file's loggers do not leave it yet, so each is its own."""
    return tuple(Group((facts,)) for facts in files)


class Project:
    """What is known of the project as a whole."""

    def __init__(self, settings: Settings, names: Names) -> None:
        self.settings = settings
        self.names = names._replace(origin=self.origin)
        self._wanted = _with_what_holds_them([*names.factories, *names.root_functions])
        self._roots = dict.fromkeys(os.path.normpath(os.path.join(settings.root, src)) for src in settings.src)
        self._module_of: dict[str, str] = {}  # by path
        self._files: dict[str, str | None] = {}
        self._origins: dict[str, str] = {}
        self._astray: set[str] = set()  # names that lead to no factory
        self._leads: dict[str, tuple[bytes, ...]] = {}
        self._handing: dict[str, frozenset[str]] = {}  # by module
        self._reading: set[str] = set()  # modules that are being read for what they hand out
        self._package_of: dict[str, str] = {}  # by folder
        self._imported: dict[str, tuple[dict[str, list[str]], list[str]]] = {}
        self._modules: dict[str, str] | None = None
        self._speaking: dict[str, list[str]] | None = None
        self._mixed: bool | None = None
        self._mentions: dict[tuple[str, str], str | None] = {}
        self._starred: dict[str, bool] = {}
        self._compared: dict[tuple[str, tuple[str, ...], str | None, frozenset[str]], str | None] = {}
        self._readers: Readers | None = None
        self._words: dict[str, frozenset[bytes]] | None = None
        self._importers: dict[str, frozenset[str]] = {}
        self._all: tuple[str, ...] | None = None
        self._requires: dict[str, frozenset[str]] = {}
        self._loaded: dict[frozenset[str], set[str]] = {}
        self._data: dict[str, bytes] = {}
        self._patches: dict[str, Patches] | None = None
        self._lookers: list[tuple[str, frozenset[str]]] | None = None

    # -- modules and files ------------------------------------------------------------------------------

    @property
    def modules(self) -> dict[str, str]:
        """Path by module name, for every Python file of the project; packages by their own name."""
        if self._modules is None:
            self._modules = {self.module(path).removesuffix(".__init__"): path for path in self.files}
        return self._modules

    @property
    def files(self) -> tuple[str, ...]:
        """Every Python file of the project, as an absolute path; several may have the same module name."""
        if self._all is None:
            found = discover([self.settings.root], self.settings).files
            self._all = tuple(os.path.abspath(path) for path in found)
        return self._all

    def module(self, path: str) -> str:
        """Return the file's dotted name, ending in ``.__init__`` for a package."""
        known = self._module_of.get(path)
        if known is None:
            known = self._module_of[path] = module_name(path, self.settings)
            root = os.path.abspath(path)
            for _ in known.split("."):
                root = os.path.dirname(root)
            self._roots[root] = None
        return known

    def data(self, path: str) -> bytes:
        """Return a file's bytes; nothing for one that cannot be read."""
        if path not in self._data:
            try:
                with open(path, "rb") as file:
                    self._data[path] = file.read()
            except OSError:
                self._data[path] = b""
        return self._data[path]

    def is_exempt(self, module: str, target: Target) -> bool:
        """Say whether `module` is the target's own, or a private module that the target's stands on."""
        if module == target.module:
            return True
        leaf = module.rpartition(".")[2]
        return leaf.startswith("_") and leaf != "__init__" and module in self.required_by(target.module)

    # -- what a module re-exports ---------------------------------------------------------------------------

    def may_import_a_factory(self, path: str, data: bytes) -> bool:
        """Say, by the look of the text, whether a file without a word of loggers imports a factory all the same."""
        if b"import" not in data:
            return False
        folder = os.path.dirname(path)
        package = self._package_of.get(folder)
        if package is None:
            package = self._package_of[folder] = self.module(path).rpartition(".")[0]
        modules: set[str] = set()
        for written, listed in _imports_of_text(data):
            if not written:
                modules.update(name for name, _ in _AS.findall(_shown(listed)))
                continue
            base = _absolute(_shown(written), package)
            file = self._file_of(base)
            if file is None:
                continue
            modules.add(base)
            if file.endswith("__init__.py") or b"*" in listed:  # what is imported may be a module, or everything
                for name, _ in _AS.findall(_shown(listed)):
                    modules.add(f"{base}.{name}" if base else name)
                if b"*" in listed and self._leading(base):
                    return True
        return any(name in data for one in modules for name in self._leading(one))

    def _leading(self, module: str) -> tuple[bytes, ...]:
        """Return the names of a module that may be a factory's under another name."""
        known = self._leads.get(module)
        if known is None:
            names, stars = self._imports_of(module) if self._file_of(module) is not None else ({}, [])
            known = tuple(name.encode() for name in names if self._may_lead(f"{module}.{name}"))
            known += tuple(name.encode() for name in self._hands_out(module))
            self._leads[module] = known  # in case that a star leads back here
            known += tuple(name for star in stars for name in self._leading(star))
            self._leads[module] = known
        return known

    def origin(self, dotted: str) -> str:
        """Return where a dotted name comes from, if that is a factory or what holds one; else the name itself."""
        known = self._origins.get(dotted)
        if known is None:
            self._origins[dotted] = dotted  # what leads back to itself leads nowhere
            known = self._origins[dotted] = self._follow(dotted) if self._may_lead(dotted) else dotted
            if self._reading and known == dotted:  # what a module hands out may not be known yet
                del self._origins[dotted]
        return known

    def _follow(self, dotted: str) -> str:
        from logshift.scan import parse
        from logshift.scan.tree import Definition

        module, _, name = dotted.rpartition(".")
        path = self._file_of(module)
        if dotted in self._wanted or path is None:
            return dotted
        if name in self._hands_out(module):
            return HANDED_OUT
        try:
            tree = parse.tree(Source(path, self.data(path)), self.module(path))
        except (UndecodableError, parse.NotPythonError):
            return dotted
        definitions = tree.root.definitions.get(name, [])
        if len(definitions) == 1 and definitions[0].kind == Definition.IMPORT:
            found = [] if definitions[0].node in tree.guarded else [definitions[0].path]
        else:
            stars = [] if definitions or name.startswith("_") else tree.root.definitions.get("*", [])
            found = [f"{one.path.removesuffix('.*')}.{name}" for one in stars]
        ends = [end for one in found if (end := self.origin(one)) in self._wanted]
        return ends[-1] if ends else dotted

    def _may_lead(self, dotted: str) -> bool:
        if self._is_wanted(dotted):
            return True
        if dotted in self._astray:
            return False
        todo, seen = [dotted], {dotted}
        while todo:
            module, _, name = todo.pop().rpartition(".")
            if self._file_of(module) is None:
                continue
            named, stars = self._imports_of(module)
            for one in [*named.get(name, ()), *(f"{star}.{name}" for star in stars)]:
                if self._is_wanted(one):
                    return True
                if one not in seen and one not in self._astray:
                    seen.add(one)
                    todo.append(one)
        if not self._reading:
            self._astray |= seen
        return False

    def _is_wanted(self, dotted: str) -> bool:
        if dotted in self._wanted:
            return True
        module, _, name = dotted.rpartition(".")
        return is_called_like_a_factory(name) and name in self._hands_out(module)

    def _hands_out(self, module: str) -> frozenset[str]:
        """Return the functions of a module that hand out loggers which cannot move where they are made.

        A function whose logger moves hands out the target's loggers; who calls it needs no change.
        """
        known = self._handing.get(module)
        if known is not None:
            return known
        path = self._file_of(module)
        if path is None or path in self._reading or not _may_hand_out(data := self.data(path), self.names):
            return frozenset()
        self._reading.add(path)
        facts = read(path, self.module(path), data, self.names)
        self._reading.discard(path)
        found = [] if isinstance(facts, Unanalysed) else [one for one in facts.hands_out if self._stays(one, facts)]
        self._handing[module] = frozenset(one.name for one in found)
        return self._handing[module]

    def _stays(self, one: HandsOut, facts: FileFacts) -> bool:
        """Say whether a logger of the tree that a function hands out is held back in its own file."""
        frameworks = self.names.frameworks
        target = frameworks[self.names.target].contract
        uses = uses_by_binding(len(facts.bindings), facts.uses)
        made = [(index, facts.bindings[index]) for index in one.bindings]
        return all(frameworks[binding.framework].name_means == NODE for _, binding in made) and any(
            misfit(binding, uses[index], frameworks[binding.framework], target) is not None for index, binding in made
        )

    def _imports_of(self, module: str) -> tuple[dict[str, list[str]], list[str]]:
        if module not in self._imported:
            path = self._file_of(module)
            package = self.module(path).rpartition(".")[0] if path is not None else ""
            self._imported[module] = _imports_in(self.data(path), package) if path is not None else ({}, [])
        return self._imported[module]

    def _file_of(self, module: str) -> str | None:
        """Return the file of a module of the project; the whole project is not walked for it."""
        if module not in self._files:
            outer = module.rpartition(".")[0]
            places = [os.path.join(root, *module.split(".")) for root in self._roots] if module.strip(".") else []
            if outer and not any(os.path.isdir(os.path.join(root, *outer.split("."))) for root in self._roots):
                places = []
            files = [file for place in places for file in (os.path.join(place, "__init__.py"), f"{place}.py")]
            self._files[module] = next((file for file in files if os.path.isfile(file)), None)
        return self._files[module]

    # -- what a file speaks for -----------------------------------------------------------------------------

    def component(self, path: str) -> str:
        """Return the component of a file: as configured, or the shortest name that no other module has."""
        absolute = os.path.abspath(path)
        relative = os.path.relpath(absolute, self.settings.root).replace(os.sep, "/")
        for pattern, component in self.settings.target.components:
            if pattern == relative or Patterns([pattern]).verdict(relative, is_dir=False):
                return component
        module = self.module(path).removesuffix(".__init__")
        parts = module.split(".")
        others = [other for other in self._namesakes().get(parts[-1], ()) if other != module]
        taken = {component for _, component in self.settings.target.components}
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[-length:])
            if name not in taken and not any(other == name or other.endswith(f".{name}") for other in others):
                return name
        return module

    def _namesakes(self) -> dict[str, list[str]]:
        """Return the modules that may hold a logger, by the last part of their name."""
        if self._speaking is None:
            self._speaking = {}
            for module, path in self.modules.items():
                if may_hold_loggers(self.data(path), self.names):
                    self._speaking.setdefault(module.rpartition(".")[2], []).append(module)
        return self._speaking

    @property
    def uses_structlog(self) -> bool:
        """Whether anything in the project imports structlog: events then have two ways to go."""
        if self._mixed is None:
            self._mixed = any(_IMPORTS_STRUCTLOG.search(self.data(path)) for path in self.modules.values())
        return self._mixed

    def may_set_up(self, framework: Framework) -> bool:
        """Say whether anything in the project may call what says where the events of `framework` go."""
        words = "|".join(re.escape(path.rpartition(".")[2]) for path in framework.set_up_by)
        modules = "|".join({re.escape(path.rpartition(".")[0]) for path in framework.set_up_by})
        called = re.compile(
            rf"\b(?:{words})\b|^[ \t]*from[ \t]+(?:{modules})[ \t]+import[ \t]*\*".encode(), re.MULTILINE
        )
        texts = (self.data(path) for path in self.modules.values())
        return any(any(token in data for token in framework.tokens) and called.search(data) for data in texts)

    # -- who refers to whom -------------------------------------------------------------------------------

    @property
    def readers(self) -> Readers:
        """The files as readers of each other's names."""
        if self._readers is None:
            from logshift.readers import Readers

            self._readers = Readers(self)
        return self._readers

    def mentioned_elsewhere(self, module: str, name: str) -> str | None:
        """Return a file other than the module's own that may need `name` of `module`; None if none does."""
        key = (module, name)
        if key not in self._mentions:
            self._mentions[key] = None  # for a name that two modules hand to each other
            self._mentions[key] = self.readers.of_name(module, name)
        return self._mentions[key]

    def star_imported(self, module: str) -> bool:
        """Say whether a file imports everything from `module`: whatever public name it gains goes there too."""
        if module not in self._starred:
            self._starred[module] = self.readers.of_all(module) is not None
        return self._starred[module]

    def compared_elsewhere(
        self, module: str, names: list[str], node: str | None, fetched: frozenset[str] = frozenset()
    ) -> str | None:
        """Return a file that compares the logger that `names` of `module` hold, or that is known as `node`.

        One whose name is computed is looked for by what it is `fetched` by.
        """
        key = (module, tuple(names), node, fetched)
        if key not in self._compared:
            self._compared[key] = self.readers.of_object(module, names, node, fetched)
        return self._compared[key]

    def missed_in(self, facts: FileFacts, binding: Binding) -> Misfit | None:
        """Return what a file of the project does that would miss `binding` if it moved; None if none does."""
        file = self._patched_in(facts, binding)
        if file is not None:
            return Misfit(Reason.FACTORY_PATCHED, detail=f"its factory is patched in {self._shown(file)}")
        file = self._read_in(facts)
        if file is not None:
            return Misfit(Reason.SOURCE_READ, detail=f"the source of its module is read in {self._shown(file)}")
        return None

    def _shown(self, path: str) -> str:
        return os.path.relpath(path, self.settings.root).replace(os.sep, "/")

    def _patched_in(self, facts: FileFacts, binding: Binding) -> str | None:
        """Return a file that patches the factory of `binding` for its module; None if none does."""
        from logshift.scan.patches import is_reached, may_patch, patches

        if self._patches is None:
            texts = ((path, self.data(path)) for path in self.modules.values())
            found = (
                (path, patches(path, self.module(path), data, self.names))
                for path, data in texts
                if may_patch(data, self.names)
            )
            self._patches = {path: one for path, one in found if one is not None}
        own = os.path.abspath(facts.path)
        module = facts.module.removesuffix(".__init__")
        for path, one in self._patches.items():
            if path != own and is_reached(facts, binding, one, partial(self._is_run_by, one.loads, module)):
                return path
        return None

    def _read_in(self, facts: FileFacts) -> str | None:
        """Return a file that reads the source of the module; None if none does."""
        from logshift.scan.sources import looked_at, may_look

        if self._lookers is None:
            texts = ((path, self.data(path)) for path in self.modules.values())
            self._lookers = [
                (path, looked_at(path, self.module(path), data, self.names)) for path, data in texts if may_look(data)
            ]
        module = facts.module.removesuffix(".__init__")
        own = os.path.abspath(facts.path)
        return next((path for path, modules in self._lookers if path != own and module in modules), None)

    def _is_run_by(self, imported: frozenset[str], module: str) -> bool:
        """Say whether importing these modules, and what they import, runs `module`."""
        if imported not in self._loaded:
            todo = list(self._run_by_importing("", imported))
            seen = set(todo)
            while todo:
                more = self.required_by(todo.pop()) - seen
                seen |= more
                todo += more
            self._loaded[imported] = seen
        return module in self._loaded[imported]

    def required_by(self, module: str) -> frozenset[str]:
        """Return the project's modules whose code runs when `module` is imported."""
        if module not in self._requires:
            path = self.modules.get(module)
            imported = requires(path, self.module(path), self.data(path)) if path is not None else frozenset()
            self._requires[module] = frozenset(self._run_by_importing(module, imported))
        return self._requires[module]

    def _run_by_importing(self, module: str, required: Iterable[str]) -> set[str]:
        own = set(packages(module))
        found: set[str] = set()
        for name in required:
            found.update(part for part in [*packages(name), name] if part in self.modules and part not in own)
        return found - {module}

    def cycle_from(self, facts: FileFacts) -> int | None:
        """Return the line of the first import in a file's head that comes back to the file; None if none does.

        What that import runs finds the module with nothing bound below this line.
        """
        found = []
        for one in facts.imports:
            span = facts.statements[one.statement].span
            line = next((line.line for line in facts.header if line.line.holds(span)), None)
            if line is not None and self._comes_back(facts.module, one.full):
                found.append(line.start)
        return min(found, default=None)

    def _comes_back(self, module: str, imported: str) -> bool:
        todo = list(self._run_by_importing(module, [imported, imported.rpartition(".")[0]]))
        if not todo:
            return False
        may = self._may_lead_to(module)
        seen = set(todo)
        while todo:
            current = todo.pop()
            if current not in may:
                continue
            required = self.required_by(current)
            if module in required:
                return True
            todo += [name for name in required if name not in seen]
            seen |= required
        return False

    def _may_lead_to(self, module: str) -> frozenset[str]:
        """Return the modules that, by the words in their imports alone, may have `module` imported."""
        if module not in self._importers:
            if self._words is None:
                self._words = {
                    name: frozenset(word for text in _IMPORTS.findall(self.data(path)) for word in _WORD.findall(text))
                    for name, path in self.modules.items()
                }
            found: set[str] = set()
            wanted = {module.rpartition(".")[2].encode()}
            while True:
                more = {name for name, words in self._words.items() if name not in found and words & wanted}
                if not more:
                    break
                found |= more
                wanted = {name.rpartition(".")[2].encode() for name in more}
            self._importers[module] = frozenset(found)
        return self._importers[module]

    def cycle_through(self, module: str, target: str) -> tuple[str, ...] | None:
        """Return the chain of imports by which `target` reaches `module`; None if it does not.

        A new import of `target` in `module` would close that chain.
        """
        start = [part for part in [*packages(target), target] if part not in packages(module)]
        todo: list[tuple[str, tuple[str, ...]]] = [(part, (part,)) for part in start]
        seen = set(start)
        while todo:
            current, chain = todo.pop(0)
            if current == module:
                return (module, *chain)
            for name in sorted(self.required_by(current)):
                if name == module:
                    return (module, *chain, name)
                if name not in seen:
                    seen.add(name)
                    todo.append((name, (*chain, name)))
        return None


def _with_what_holds_them(paths: Iterable[str]) -> frozenset[str]:
    """Return the dotted paths, and the modules that they are in."""
    found: set[str] = set()
    for path in paths:
        parts = path.split(".")
        lowest = min(2, len(parts) - 1)  # an outermost package holds much else
        found.update(".".join(parts[:depth]) for depth in range(lowest, len(parts) + 1))
    return frozenset(found)


def _may_hand_out(data: bytes, names: Names) -> bool:
    """Say, by the look of a module, whether a function in it may hand out loggers."""
    return may_hold_loggers(data, names) and _DEFINES_FACTORY.search(data) is not None


def _imports_in(data: bytes, package: str) -> tuple[dict[str, list[str]], list[str]]:
    """Return what each imported name may stand for, and the modules that everything is imported from."""
    named: dict[str, list[str]] = {}
    stars = []
    for module, listed in _imports_of_text(data):
        base = _absolute(_shown(module), package)
        for name, bound in _AS.findall(_shown(listed)):
            if name == "*":
                stars.append(base)
            else:
                named.setdefault(bound or name, []).append(f"{base}.{name}" if base else name)
    return named, stars


def _imports_of_text(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield, by the look of a text, the module of each import at the beginning of a line, if any, and what it lists."""
    for found in _IMPORT.finditer(data):
        before = data[data.rfind(b"\n", 0, found.start()) + 1 : found.start()]
        if not before.strip(b" \t"):
            yield b"", found[1].partition(b";")[0]
        elif (module := _FROM.match(before)) is not None:
            yield module[1], found[1]


def _shown(text: bytes) -> str:
    if b"#" in text:
        text = re.sub(rb"#[^\n]*", b"", text)
    return text.decode("utf-8", "replace")


def _absolute(module: str, package: str) -> str:
    name = module.lstrip(".")
    level = len(module) - len(name)
    if level == 0:
        return name
    parts = package.split(".") if package else []
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def packages(module: str) -> list[str]:
    """Return the packages that a module lies in, outermost first."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]
