"""Who reads a module's names: every file of the project that may import, patch, compare or star-import them.

In: the project's files, and those that a run leaves out though they run too – what `extend-exclude` and git leave
out, notebooks, scripts without a suffix. Out: answers for one name, each the path of a file that wants it or None.
The files that are left out are looked for when the first public name is to go, and only so many are read: past the
limit every name counts as wanted.
"""

from __future__ import annotations

import os

from logshift.config.settings import DEFAULT_EXCLUDE
from logshift.discover import discover
from logshift.resolve import packages
from logshift.scan import may_hold_loggers
from logshift.scan.mentions import (
    Hint,
    Listed,
    Mentions,
    goes_by_string,
    is_among,
    is_starred,
    is_worded,
    listed,
    may_star,
    mentions,
    words,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from logshift.resolve import Project

#: How many files that a run leaves out are read, how many are looked at for being scripts, and how large one may be:
#: past that, names stay.
_MOST_FILES = 5_000
_MOST_LOOKS = 20_000
_MOST_BYTES = 5_000_000
_NOTEBOOK = ".ipynb"
_SUFFIXES = (".py", ".pyw", _NOTEBOOK)
#: Names that a star import brings along though hardly anybody wants them.
_LIBRARIES = frozenset({"logging", "structlog"})


class Readers:
    """The files of a project as readers of each other's names."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._paths: tuple[str, ...] | None = None
        self._too_many = False
        self._speaking: dict[bytes, list[str]] | None = None
        self._below: dict[str, list[str]] = {}
        self._holding: dict[str, list[str]] = {}
        self._listed: dict[str, Listed] = {}
        self._by_string: frozenset[str] | None = None
        self._starring: frozenset[str] | None = None
        self._known: dict[str, Mentions | None] = {}

    def of_name(self, module: str, name: str) -> str | None:
        """Return a file that may need `name` of `module`; the module's own may patch or import itself."""
        hint = Hint(module, name)
        for path in dict.fromkeys(self._candidates(module, name)):
            is_hinted = path in self.starring or path.endswith(_NOTEBOOK) or self._has(hint, path)
            if is_hinted and self._wants(path, module, name):
                return path
        return _limit() if self._too_many else None

    def of_all(self, module: str) -> str | None:
        """Return a file that imports everything from `module`."""
        own = self.project.modules.get(module)
        for path in self._near(module):
            if path == own or path not in self.starring:
                continue
            known = self._mentions(path)
            if is_starred(self.project.data(path), module) if known is None else is_among(module, known.stars):
                return path
        return _limit() if self._too_many else None

    def of_object(self, module: str, names: list[str], node: str | None, fetched: frozenset[str]) -> str | None:
        """Return a file that compares what `names` of `module` hold, or the logger called `node`, with something.

        A logger whose name is not known is compared where something that is `fetched` by one of these names, of
        whatever object, is compared with a logger.
        """
        for path in dict.fromkeys(path for name in sorted(fetched) for path in self._that_hold(name)):
            known = self._mentions(path) if may_hold_loggers(self.project.data(path), self.project.names) else None
            if known is not None and known.beside & fetched:
                return path
        found = [*self._near(module)] if names else []
        found += self._that_hold(node) if node else []
        leaves = [one.rpartition(".")[2].encode() for one in names]
        for path in dict.fromkeys(found):
            known = self._mentions(path) if self._may_reach(path, leaves, node) else None
            if known is not None and (
                node in known.nodes or any(is_among(f"{module}.{name}", known.compared) for name in names)
            ):
                return path
        return None

    # -- what a file needs ------------------------------------------------------------------------------------

    def _wants(self, path: str, module: str, name: str) -> bool:
        known = self._mentions(path)
        if known is None:
            data = self.project.data(path)
            return is_worded(data, module, name) or (not name.startswith("_") and is_starred(data, module))
        if known.wants(module, name):
            return True
        if name.startswith("_") or not is_among(module, known.stars):
            return False
        if name not in _LIBRARIES or name in known.free:
            return True
        own = self.project.module(path).removesuffix(".__init__")  # a module that hands on what it imports
        return own != module and self.project.mentioned_elsewhere(own, name) is not None

    def _mentions(self, path: str) -> Mentions | None:
        if path not in self._known:
            data = self.project.data(path)
            module = self.project.module(path)
            is_code = not path.endswith(_NOTEBOOK)  # a notebook's JSON would pass for an expression
            found = mentions(path, module, data, self.project.names, self.project.modules) if is_code else None
            self._known[path] = found
        return self._known[path]

    def _has(self, hint: Hint, path: str) -> bool:
        return hint.is_in(self.project.data(path), self._imports(path))

    def _may_reach(self, path: str, names: list[bytes], node: str | None) -> bool:
        """Say whether a text may reach one of `names` in another module, or the logger called `node`."""
        data, quoted = self.project.data(path), node.encode() if node else None
        if quoted is not None and (b'"' + quoted + b'"' in data or b"'" + quoted + b"'" in data):
            return True
        if any(b"." + name in data or name in self._imports(path).by_from for name in names):
            return True
        is_asked = b".__name__" in data  # logging.getLogger(module.__name__)
        return is_asked and (
            may_hold_loggers(data, self.project.names) or self.project.may_import_a_factory(path, data)
        )

    def _imports(self, path: str) -> Listed:
        if path not in self._listed:
            self._listed[path] = listed(self.project.data(path))
        return self._listed[path]

    # -- which files to ask -----------------------------------------------------------------------------------

    def _candidates(self, module: str, name: str) -> Iterator[str]:
        """Yield the files whose words allow that they need `name` of `module`."""
        yield from self._near(module)
        if self._by_string is None:
            self._by_string = frozenset(path for path in self.paths if goes_by_string(self.project.data(path)))
        yield from (path for path in self._that_hold(name) if path in self._by_string)

    def _near(self, module: str) -> Iterator[str]:
        """Yield the files that speak of `module`, and those below it, which reach it without its name."""
        if self._speaking is None:
            leaves = {name.rpartition(".")[2].encode() for name in self.project.modules}
            self._speaking = {}
            for path in self.paths:
                for word in words(self.project.data(path)) & leaves:
                    self._speaking.setdefault(word, []).append(path)
                for outer in packages(self.project.module(path)):
                    self._below.setdefault(outer, []).append(path)
        yield from self._speaking.get(module.rpartition(".")[2].encode(), ())
        yield from self._below.get(module, ())

    def _that_hold(self, text: str) -> list[str]:
        if text not in self._holding:
            word = text.encode()
            self._holding[text] = [path for path in self.paths if word in self.project.data(path)]
        return self._holding[text]

    @property
    def starring(self) -> frozenset[str]:
        """The files that may import everything from some module."""
        if self._starring is None:
            self._starring = frozenset(path for path in self.paths if may_star(self.project.data(path)))
        return self._starring

    # -- the files --------------------------------------------------------------------------------------------

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that counts as a reader, as an absolute path."""
        if self._paths is None:
            found = dict.fromkeys(self.project.files)
            for number, path in enumerate(self._left_out(found)):
                if number == _MOST_FILES:
                    self._too_many = True
                    break
                found[path] = None
            self._paths = tuple(found)
        return self._paths

    def _left_out(self, known: dict[str, None]) -> Iterator[str]:
        settings = self.project.settings
        everything = settings._replace(exclude=DEFAULT_EXCLUDE, extend_exclude=(), respect_gitignore=False)
        looks = 0
        for path in discover([settings.root], everything, is_wanted=_may_run).files:
            looks += not path.endswith(_SUFFIXES)
            if looks == _MOST_LOOKS:
                self._too_many = True
                return
            absolute = os.path.abspath(path)
            if absolute in known:
                continue
            try:
                size = os.path.getsize(absolute)
            except OSError:
                continue
            if size > _MOST_BYTES:
                self._too_many = self._too_many or absolute.endswith((".py", ".pyw"))
            elif absolute.endswith(_SUFFIXES) or _is_script(absolute):
                yield absolute


def _may_run(name: str) -> bool:
    """Say whether a file of this name may hold Python: by its suffix, or as a script that has none."""
    return name.endswith(_SUFFIXES) or "." not in name


def _is_script(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return False
    return first.startswith(b"#!") and b"python" in first


def _limit() -> str:
    return f"more than {_MOST_FILES} files outside the run"
