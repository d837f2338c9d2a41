"""The project around the files: which module a file is, what it speaks for, and who else refers to its names.

In: the settings. Out: answers about the whole project, each worked out when it is first asked for – a clean
check asks for none. The unit that the rooms after this one change is the *group*: files whose bindings move
together or not at all.
"""

from __future__ import annotations

import os
import re

from logshift._record import NamedTuple
from logshift.discover import discover, module_name
from logshift.gitignore import Patterns
from logshift.model import FileFacts, Unanalysed
from logshift.scan import may_hold_loggers, read
from logshift.scan.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from logshift.config.settings import Settings
    from logshift.frameworks import Target
    from logshift.readers import Readers

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
        self.names = names
        self._modules: dict[str, str] | None = None
        self._speaking: dict[str, list[str]] | None = None
        self._mixed: bool | None = None
        self._mentions: dict[tuple[str, str], str | None] = {}
        self._starred: dict[str, bool] = {}
        self._compared: dict[tuple[str, tuple[str, ...], str | None], str | None] = {}
        self._readers: Readers | None = None
        self._imported: dict[str, frozenset[bytes]] | None = None
        self._leading: dict[str, frozenset[str]] = {}
        self._files: tuple[str, ...] | None = None
        self._requires: dict[str, frozenset[str]] = {}
        self._data: dict[str, bytes] = {}

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
        if self._files is None:
            found = discover([self.settings.root], self.settings).files
            self._files = tuple(os.path.abspath(path) for path in found)
        return self._files

    def module(self, path: str) -> str:
        """Return the file's dotted name, ending in ``.__init__`` for a package."""
        return module_name(path, self.settings)

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

    def compared_elsewhere(self, module: str, names: list[str], node: str | None) -> str | None:
        """Return a file that compares the logger that `names` of `module` hold, or that is known as `node`."""
        key = (module, tuple(names), node)
        if key not in self._compared:
            self._compared[key] = self.readers.of_object(module, names, node)
        return self._compared[key]

    def required_by(self, module: str) -> frozenset[str]:
        """Return the project's modules whose code runs when `module` is imported."""
        if module not in self._requires:
            path = self.modules.get(module)
            facts = read(path, self.module(path), self.data(path), self.names) if path is not None else None
            if facts is None or isinstance(facts, Unanalysed):
                self._requires[module] = frozenset()
            else:
                self._requires[module] = frozenset(self._run_by_importing(module, facts.requires))
        return self._requires[module]

    def _run_by_importing(self, module: str, required: Iterable[str]) -> set[str]:
        own = set(_packages(module))
        found: set[str] = set()
        for name in required:
            found.update(part for part in [*_packages(name), name] if part in self.modules and part not in own)
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
        if module not in self._leading:
            if self._imported is None:
                self._imported = {
                    name: frozenset(word for text in _IMPORTS.findall(self.data(path)) for word in _WORD.findall(text))
                    for name, path in self.modules.items()
                }
            found: set[str] = set()
            wanted = {module.rpartition(".")[2].encode()}
            while True:
                more = {name for name, words in self._imported.items() if name not in found and words & wanted}
                if not more:
                    break
                found |= more
                wanted = {name.rpartition(".")[2].encode() for name in more}
            self._leading[module] = frozenset(found)
        return self._leading[module]

    def cycle_through(self, module: str, target: str) -> tuple[str, ...] | None:
        """Return the chain of imports by which `target` reaches `module`; None if it does not.

        A new import of `target` in `module` would close that chain.
        """
        start = [part for part in [*_packages(target), target] if part not in _packages(module)]
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


def _packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts))]
