"""The scratch copy of a project: what its tests need, in which they may write what they like.

In: the folder to copy. Out: a folder that holds a pristine copy, from which every run gets one of its own, always at
the same place, so that paths in messages are equal. What is left out: what is made anew (caches), the objects of
repositories, which all runs share, and virtual environments, of which it gets a shadow: scripts of its own, and the
libraries of the original. Nothing in the copy leads back into the original for writing: there are no hard links, links
into the project lead into the copy, and links out of it are followed when it is made.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping

from logshift._record import NamedTuple

#: What is made anew where it is needed, or belongs to a program that does not take part.
LEFT_OUT = frozenset(
    {".bzr", ".cache", ".hg", ".logshift", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox",
     "__pycache__", "node_modules"}
)  # fmt: skip
_FICLONE = 0x40049409  # https://man7.org/linux/man-pages/man2/ioctl_ficlone.2.html
_SCRIPT = 1 << 20  # bytes; nobody writes longer ones
_REPOSITORY = 1 << 29  # bytes


class Scratch(NamedTuple):
    """Where everything is."""

    root: str  # of all that is to be removed
    original: str  # what was copied
    names: tuple[str, ...]  # what paths to it begin with: its own name, and that of a link to it
    pristine: str
    project: str  # where runs find it
    temporary: str  # where runs put what is temporary
    left_out: tuple[str, ...]  # folders of the original that the copy lacks
    notes: tuple[str, ...]

    def into_copy(self, path: str) -> str:
        """Return where the copy has what is at `path`; that itself if the copy has no such place."""
        for name in self.names:
            if is_below(path, name) and not any(is_below(path, one) for one in self.left_out):
                return self.project + path[len(name) :]
        return path

    def text_into_copy(self, text: str) -> str:
        """Return text with every path that it names led into the copy, as in ``PATH`` or ``--rootdir=…``."""
        for name in self.names:
            text = re.sub(
                rf"(?<![\w/.-]){re.escape(name)}(?![\w.-])[^\s:;,'\"]*", lambda found: self.into_copy(found[0]), text
            )
        return text

    def relative(self, path: str) -> str:
        """Return a path of the copy, or of the original, as below the project; any other as it is."""
        for name in (self.project, *self.names):
            if is_below(path, name):
                return path[len(name) :].lstrip(os.sep).replace(os.sep, "/") or "."
        return path

    def renew(self) -> None:
        """Put a new copy where runs find it, and empty the folder for what is temporary."""
        for folder in (self.project, self.temporary):
            remove(folder)
        os.makedirs(self.temporary)
        _copy_again(self.pristine, self.project)


def is_below(path: str, folder: str) -> bool:
    """Say whether `path` is `folder` or lies in it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@contextlib.contextmanager
def scratch_copy(original: str, names: tuple[str, ...], *, keep: bool = False) -> Iterator[Scratch]:
    """Copy a project, and remove the copy at the end whatever happens, unless it is to be kept.

    Raises:
        OSError: if there is no room, or something cannot be read.
    """
    root = os.path.realpath(tempfile.mkdtemp(prefix="logshift-"))
    try:
        copy = _Copy(original, names, os.path.join(root, "project", os.path.basename(original)), root)
        pristine = os.path.join(root, "pristine")
        copy.folder(original, pristine)
        yield Scratch(
            root=root,
            original=original,
            names=copy.names,
            pristine=pristine,
            project=copy.project,
            temporary=os.path.join(root, "tmp"),
            left_out=tuple(copy.left_out),
            notes=tuple(copy.notes),
        )
    finally:
        if not keep:
            with _undisturbed():
                remove(root)


def snapshot(folder: str, left_out: frozenset[str] = LEFT_OUT) -> Mapping[str, tuple[int, int]]:
    """Return size and time of every file below `folder` that a copy would hold, to see later what has changed."""
    found = {}
    todo = [folder]
    while todo:
        with contextlib.suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                if entry.name in left_out or entry.name == ".git":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    found[entry.path] = (status.st_size, status.st_mtime_ns)
    return found


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, also what tests have made read-only."""

    def open_up(function: Callable[[str], object], path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), stat.S_IRWXU)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
            if function in (os.unlink, os.remove, os.rmdir):
                function(path)
            else:
                shutil.rmtree(path, ignore_errors=True)

    if os.path.lexists(folder):
        shutil.rmtree(folder, onerror=open_up)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nobody interrupt what removes the copy; a second Ctrl-C would leave half of it."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class _Copy:
    """The making of one copy."""

    def __init__(self, original: str, names: tuple[str, ...], project: str, root: str) -> None:
        self.original, self.project, self.root = original, project, root
        self.names = tuple(dict.fromkeys((original, *names)))
        self.left_out: list[str] = []
        self.notes: list[str] = []
        self.repositories = 0

    def folder(self, source: str, target: str, around: tuple[str, ...] = ()) -> None:
        """Copy a folder. `around` are the folders outside the project that led here."""
        os.makedirs(target, exist_ok=True)
        try:
            entries = sorted(os.scandir(source), key=lambda entry: entry.name)
        except PermissionError:
            self.notes.append(f"{source} cannot be read; the copy has an empty folder there")
            return
        for entry in entries:
            self._entry(entry.path, os.path.join(target, entry.name), around)
        shutil.copystat(source, target)
        os.chmod(target, stat.S_IMODE(os.stat(target).st_mode) | stat.S_IRWXU)

    def _entry(self, source: str, target: str, around: tuple[str, ...]) -> None:
        name, mode = os.path.basename(source), os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            self._link(source, target, around)
        elif name == ".git":
            self._repository(source, target)
        elif name in LEFT_OUT or source == self.root or os.path.isdir(os.path.join(source, "conda-meta")):
            self.left_out.append(source)
        elif stat.S_ISREG(mode):
            self._file(source, target)
        elif stat.S_ISDIR(mode):
            if os.path.isfile(os.path.join(source, "pyvenv.cfg")):
                self._environment(source, target)
            else:
                self.folder(source, target, around)

    def _file(self, source: str, target: str) -> None:
        try:
            copy_file(source, target)
        except PermissionError:
            self.notes.append(f"{source} cannot be read; the copy lacks it")

    def _link(self, source: str, target: str, around: tuple[str, ...]) -> None:
        """Copy a link: one into the project as a link into the copy, one out of it as what it leads to."""
        text = os.readlink(source)
        real = os.path.realpath(source)
        inside = is_below(real, self.original)
        if inside and not os.path.isabs(text) and not around:
            os.symlink(text, target)
        elif inside:
            os.symlink(self.project + real[len(self.original) :], target)
        elif os.path.isfile(real):
            self._file(real, target)
        elif not os.path.isdir(real):
            os.symlink(text, target)  # it leads nowhere, there as here
        elif is_below(self.original, real) or any(is_below(one, real) for one in around):
            self.notes.append(f"{source} leads out of the project and around it; the copy lacks it")
        else:
            self.folder(real, target, (*around, real))

    def _repository(self, source: str, target: str) -> None:
        places = _places_of(source)
        if not os.path.isdir(places[0]):
            return
        objects = os.path.join(places[0], "objects")
        size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(objects) for name in names)
        if size > _REPOSITORY:
            self.left_out.append(source)
            self.notes.append(f"{source} is too large to copy ({size >> 20} MB); tests that ask git find nothing")
            return
        self.repositories += 1
        shared = os.path.join(self.root, "objects", str(self.repositories))
        shutil.copytree(objects, shared, copy_function=copy_file)
        _copy_repository(places, target, shared)

    def _environment(self, source: str, target: str) -> None:
        """Make the shadow of a virtual environment: what is installed or removed there stays there.

        https://docs.python.org/3/library/site.html#site.addsitedir
        """
        inside = self.project + source[len(self.original) :] if is_below(source, self.original) else source
        os.makedirs(target)
        copy_file(os.path.join(source, "pyvenv.cfg"), os.path.join(target, "pyvenv.cfg"))
        libraries = [
            os.path.join("lib", name, "site-packages")
            for name in (os.listdir(os.path.join(source, "lib")) if os.path.isdir(os.path.join(source, "lib")) else ())
            if os.path.isdir(os.path.join(source, "lib", name, "site-packages"))
        ]
        for library in libraries:
            os.makedirs(os.path.join(target, library))
            with open(os.path.join(target, library, "_logshift_shadow.pth"), "w", encoding="utf-8") as file:
                file.write(f"import site; site.addsitedir({os.path.join(source, library)!r})\n")
            self.left_out.append(os.path.join(source, library))
        if os.path.islink(os.path.join(source, "lib64")):
            os.symlink("lib", os.path.join(target, "lib64"))
        os.makedirs(os.path.join(target, "bin"))
        scripts = os.path.join(source, "bin")
        for name in os.listdir(scripts) if os.path.isdir(scripts) else ():
            self._script(os.path.join(scripts, name), os.path.join(target, "bin", name), source, inside)

    def _script(self, source: str, target: str, environment: str, inside: str) -> None:
        if os.path.islink(source):
            os.symlink(os.readlink(source), target)
            return
        if os.path.getsize(source) < _SCRIPT:
            with open(source, "rb") as file:
                text = file.read()
            if b"\0" not in text:
                with open(target, "wb") as file:
                    file.write(text.replace(os.fsencode(environment), os.fsencode(inside)))
                shutil.copystat(source, target)
                return
        os.symlink(source, target)  # a program; nobody writes into it


def _places_of(source: str) -> list[str]:
    """Return the folders that make up a repository of git: one, or for a linked worktree what is shared and its own.

    https://git-scm.com/docs/gitrepository-layout
    """
    if not os.path.isfile(source):
        return [source]
    with open(source, encoding="utf-8", errors="surrogateescape") as file:
        _, _, told = file.read().strip().partition("gitdir: ")
    folder = os.path.normpath(os.path.join(os.path.dirname(source), told))
    common = os.path.join(folder, "commondir")
    if not os.path.isfile(common):
        return [folder]
    with open(common, encoding="utf-8", errors="surrogateescape") as file:
        return [os.path.normpath(os.path.join(folder, file.read().strip())), folder]


def _copy_repository(places: list[str], target: str, objects: str) -> None:
    """Copy a repository but for its objects, which it is to find in `objects`.

    Those of the original would not do: git touches an object that it is to write and finds there.
    """
    ignored = {"objects", "lfs", "modules", "worktrees", "annex", "commondir", "gitdir"}
    for place in places:

        def apart(folder: str, names: list[str], top: str = place) -> set[str]:
            return ignored & set(names) if folder == top else set()

        shutil.copytree(place, target, dirs_exist_ok=True, symlinks=True, ignore=apart, copy_function=copy_file)
    os.makedirs(os.path.join(target, "objects", "info"))
    with open(os.path.join(target, "objects", "info", "alternates"), "wb") as shared:
        shared.write(os.fsencode(objects) + b"\n")
    config = os.path.join(target, "config")
    if os.path.isfile(config):
        with open(config, "rb") as file:
            text = file.read()
        with open(config, "wb") as rewritten:
            rewritten.write(re.sub(rb"(?mi)^\s*worktree\s*=.*\n?", b"", text))


def _copy_again(source: str, target: str) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=copy_file)


def _clone(source: str, target: str) -> bool:
    """Let the copy share the blocks of the original until one of them is written to, if the file system can do that."""
    if not sys.platform.startswith("linux"):
        return False
    import fcntl

    with open(source, "rb") as read, open(target, "wb") as written:
        try:
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
        except OSError:
            return False
    return True


def copy_file(source: str, target: str, *, follow_symlinks: bool = True) -> str:
    """Copy a file, its permissions and times; the blocks are shared where the file system can do that."""
    if not follow_symlinks and os.path.islink(source):
        os.symlink(os.readlink(source), target)
        return target
    if not _clone(source, target):
        shutil.copyfile(source, target)
    shutil.copystat(source, target)
    return target
