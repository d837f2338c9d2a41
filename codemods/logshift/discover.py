"""Which files a run looks at, and which it leaves out and why.

In: the paths of the command line and the settings. Out: Python files in a stable order, a count of what was left
out for each reason, and the folders that could not be looked into, so that nothing is excluded silently. Folders
are walked without following links to folders; a file that several links reach is looked at once.
"""

from __future__ import annotations

import errno
import os
import re

from logshift._record import NamedTuple
from logshift.gitignore import Patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from logshift.config.settings import Settings

#: What generators write at the top of a file; Go's words are at https://go.dev/s/generatedcode. A lone "do not edit
#: the list below" is a person speaking.
_GENERATED = re.compile(
    rb"(?<![\w.@])@generated\b|\bDO NOT EDIT\b|(?i:\bgenerated\b.{0,100}?\bdo not edit\b)"
    rb"|(?i:\bdo not edit\b.{0,100}?\bgenerated\b)",
    re.DOTALL,
)
_HEAD = 1024


class NoSuchPathError(Exception):
    """A path of the command line does not exist."""


class Excluded(NamedTuple):
    """How many entries were left out, by reason; a folder counts as one."""

    by_pattern: int
    by_git: int
    generated: int


class Discovered(NamedTuple):
    """The files to look at, as paths to show and to open."""

    files: tuple[str, ...]
    excluded: Excluded
    unreadable: tuple[tuple[str, str], ...] = ()  # folders, links and others that cannot be read, and why


def _is_python(name: str) -> bool:
    return name.endswith(".py")


def discover(
    paths: Iterable[str],
    settings: Settings,
    *,
    force_exclude: bool = False,
    is_wanted: Callable[[str], bool] = _is_python,
) -> Discovered:
    """Return the Python files that `paths` stand for; `is_wanted` tells them by their name.

    What is named is looked at, whatever the patterns say, unless `force_exclude` is set (as under pre-commit,
    which names every file).

    Raises:
        NoSuchPathError: if a path does not exist.
    """
    walk = _Walk(settings, is_wanted)
    for path in paths:
        if not os.path.exists(path):
            raise NoSuchPathError(path)
        if force_exclude and walk.is_excluded_above(path):
            walk.by_pattern += 1
        elif os.path.isdir(path):
            walk.folder(path)
        elif not os.path.isfile(path):
            walk.unreadable.append((os.path.normpath(path), "is not a regular file"))  # a pipe may never end
        else:
            walk.file(os.path.normpath(path), os.path.realpath(path), is_link=os.path.islink(path))
    return walk.result()


def is_generated(data: bytes) -> bool:
    """Say whether a file's head says that a program wrote it."""
    return _GENERATED.search(data, 0, _HEAD) is not None


def module_name(path: str, settings: Settings) -> str:
    """Return the dotted name under which the file is imported, ending in ``.__init__`` for a package.

    The configured source folders decide, the deepest that holds the file first; below none of them, the
    outermost folder of an unbroken chain of packages does. The name is text even where the path is not.
    """
    absolute = os.path.abspath(path)
    folder, stem = os.path.dirname(absolute), os.path.splitext(os.path.basename(absolute))[0]
    package_root = folder
    while os.path.isfile(os.path.join(package_root, "__init__.py")):
        package_root = os.path.dirname(package_root)
    roots = [os.path.normpath(os.path.join(settings.root, src)) for src in settings.src]
    holding = [root for root in roots if root != settings.root and _is_below(absolute, root)]
    root = max(holding, key=len, default=package_root)
    if not _is_below(package_root, root) and package_root != root:
        root = package_root
    relative = os.path.relpath(folder, root)
    parts = [] if relative == os.curdir else relative.split(os.sep)
    return ".".join([*parts, stem]).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


_Layers = tuple[tuple[str, Patterns], ...]  # the ignore files that hold, and the folders they hold for


class _Folder(NamedTuple):
    """A folder on the way: as to be shown, as it really is, and the ignore files that hold in it."""

    shown: str
    real: str
    layers: _Layers


class _Walk:
    def __init__(self, settings: Settings, is_wanted: Callable[[str], bool]) -> None:
        self.is_wanted = is_wanted
        self.root = os.path.realpath(settings.root)
        self.exclude = Patterns([*settings.exclude, *settings.extend_exclude])
        self.respect_gitignore = settings.respect_gitignore
        self.files: dict[str, tuple[bool, str]] = {}  # by real path: whether through a link, and the path to show
        self.unreadable: list[tuple[str, str]] = []
        self.by_pattern = 0
        self.by_git = 0

    def result(self) -> Discovered:
        return Discovered(
            tuple(sorted(shown for _, shown in self.files.values())),
            Excluded(self.by_pattern, self.by_git, 0),
            tuple(sorted(self.unreadable)),
        )

    def file(self, shown: str, real: str, *, is_link: bool) -> None:
        """Take in a file; of several ways to it the plainest is kept, whichever is met first."""
        self.files[real] = min(self.files.get(real, (is_link, shown)), (is_link, shown))

    def folder(self, path: str) -> None:
        real = os.path.realpath(path)
        layers = self._layers_above(real) if self.respect_gitignore else ()
        todo = [_Folder(os.path.normpath(path), real, layers)]
        while todo:
            todo.extend(self._entries(todo.pop()))

    def _entries(self, folder: _Folder) -> list[_Folder]:
        """Take in the files of `folder` and return the folders below it that are to be walked."""
        try:
            with os.scandir(folder.shown) as found:
                entries = list(found)
        except OSError as error:
            self.unreadable.append((folder.shown, f"cannot be listed: {error.strerror}"))
            return []
        layers = self._layers_in(folder, {entry.name for entry in entries}) if self.respect_gitignore else ()
        below = []
        for entry in entries:
            name = entry.name
            is_dir = entry.is_dir(follow_symlinks=False)
            if not is_dir and not self.is_wanted(name):
                continue
            real = os.path.join(folder.real, name)
            if self._is_left_out(real, layers, is_dir=is_dir):
                continue
            shown = name if folder.shown == os.curdir else os.path.join(folder.shown, name)
            if is_dir:
                below.append(_Folder(shown, real, layers))
            elif not entry.is_symlink():
                if entry.is_file():
                    self.file(shown, real, is_link=False)
            else:
                self._link(shown, real)
        return below

    def _link(self, shown: str, path: str) -> None:
        """Take in the file that a link leads to; one that leads nowhere, or in circles, stands for no file."""
        try:
            real = os.path.realpath(path, strict=True)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                self.unreadable.append((shown, f"cannot be followed: {error.strerror}"))
            return
        if os.path.isfile(real):
            self.file(shown, real, is_link=True)

    # -- what is left out -----------------------------------------------------------------------------------

    def _is_left_out(self, real: str, layers: _Layers, *, is_dir: bool) -> bool:
        if self.exclude.verdict(_relative(real, self.root), is_dir=is_dir):
            self.by_pattern += 1
            return True
        for folder, patterns in reversed(layers):
            verdict = patterns.verdict(_relative(real, folder), is_dir=is_dir)
            if verdict is not None:
                self.by_git += verdict
                return verdict
        return False

    def is_excluded_above(self, path: str) -> bool:
        """Say whether a pattern leaves out what is at `path`, or a folder that it lies in."""
        folder, name = os.path.split(os.path.abspath(path))
        parts = _relative(os.path.join(os.path.realpath(folder), name), self.root).split("/")
        is_dir = os.path.isdir(path)  # a link to a folder too, since one that is named is walked
        return any(
            self.exclude.verdict("/".join(parts[:depth]), is_dir=is_dir or depth < len(parts))
            for depth in range(1, len(parts) + 1)
            if parts[depth - 1] not in (os.curdir, os.pardir)
        )

    # -- the ignore files that hold -------------------------------------------------------------------------

    def _layers_above(self, folder: str) -> _Layers:
        """Return the ignore files that hold for `folder` from above it.

        That is up to the root of the repository that it lies in. Without one – an unpacked archive, a container
        without ``.git`` – it is up to the project's root, so that the same files are found there. What a person
        ignores everywhere (core.excludesFile) is not asked: others would find other files.
        """
        above = []
        current = folder
        while not (is_repository := os.path.exists(os.path.join(current, ".git"))):
            parent = os.path.dirname(current)
            if parent == current:
                break
            current = parent
            above.append(current)
        if not is_repository:
            above = [holder for holder in above if holder == self.root or _is_below(holder, self.root)]
        layers = _exclude_file(current) if is_repository else ()
        for holder in reversed(above):
            layers += _ignore_file(holder)
        return layers

    def _layers_in(self, folder: _Folder, names: set[str]) -> _Layers:
        """Return the ignore files that hold in `folder`; those around a repository do not reach into it."""
        layers = _exclude_file(folder.real) if ".git" in names else folder.layers
        return layers + _ignore_file(folder.real) if ".gitignore" in names else layers


def _relative(path: str, folder: str) -> str:
    prefix = folder if folder.endswith(os.sep) else folder + os.sep
    relative = path[len(prefix) :] if path.startswith(prefix) else os.path.relpath(path, folder)
    return relative.replace(os.sep, "/")


def _ignore_file(folder: str) -> _Layers:
    path = os.path.join(folder, ".gitignore")
    return () if os.path.islink(path) else _read_layer(path, folder)  # git does not follow it either


def _exclude_file(root: str) -> _Layers:
    """Return the repository's own ignore file; a linked worktree shares that of the main one.

    https://git-scm.com/docs/gitrepository-layout
    """
    git = os.path.join(root, ".git")
    if os.path.isfile(git):
        git = os.path.join(root, _first_line(git).removeprefix("gitdir: "))
        git = os.path.join(git, _first_line(os.path.join(git, "commondir")))
    return _read_layer(os.path.join(git, "info", "exclude"), root)


def _first_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.readline().rstrip(b"\r\n"))
    except (OSError, ValueError):  # no file, or a name that no file can have
        return ""


def _read_layer(path: str, folder: str) -> _Layers:
    if not os.path.isfile(path):
        return ()
    try:
        with open(path, "rb") as file:
            patterns = Patterns.of_file(file.read())
    except (OSError, ValueError):  # no file, or a name that no file can have
        return ()
    return ((folder, patterns),) if patterns else ()
