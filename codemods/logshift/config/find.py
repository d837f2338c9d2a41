"""Which configuration a run gets: the nearest ``logshift.toml`` or ``pyproject.toml`` with a ``[tool.logshift]``.

A TOML parser is loaded only where there is something of ours to read, and then once: what was read is kept,
compiled, in the user's cache folder, and taken from there while the file has not changed. The folder is
``$LOGSHIFT_CACHE_DIR``, else ``logshift`` in ``$XDG_CACHE_HOME`` or ``~/.cache``; it can be deleted at any time.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import zlib

from logshift import __version__
from logshift.config.settings import Legacy, Settings, TargetSettings
from logshift.frameworks import Contract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OWN = "logshift.toml"
_SHARED = "pyproject.toml"
_MARKS = (_OWN, _SHARED, ".git", ".hg", ".logshift")


def settings_for(paths: tuple[str, ...], explicit: str | None = None) -> Settings:
    """Return the settings that hold for `paths`: those of the file nearest to them, or of `explicit`.

    Where no file speaks of logshift, the project is the nearest folder with a mark of one, such as ``.git``; where
    there is none either, it is the working directory, or the folder that holds the paths if that is elsewhere.

    Raises:
        logshift.config.load.ConfigurationError: if that file is not right.
    """
    start = _common_folder(paths)
    if explicit is not None:
        return _explicit(os.path.abspath(explicit))
    root = None
    for folder in _upwards(start):
        own = os.path.join(folder, _OWN)
        shared = os.path.join(folder, _SHARED)
        found = _read(own) if os.path.isfile(own) else _read(shared) if _may_speak_of_us(shared) else None
        if found is not None:
            return found
        if root is None and any(os.path.exists(os.path.join(folder, mark)) for mark in _MARKS):
            root = folder
    here = os.getcwd()
    return Settings(root=root or (here if start.startswith(here.rstrip(os.sep) + os.sep) else start))


def roots_of(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return the roots of the projects that `paths` lie in; one where a single project holds them all.

    A project holds what lies in projects inside it too, if some of the paths are its own.
    """
    folders = {
        os.path.abspath(path) if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)) for path in paths
    }
    roots = {settings_for((folder,)).root for folder in folders}
    common = settings_for(paths).root
    return (common,) if common in roots or not roots else tuple(sorted(roots))


def _common_folder(paths: tuple[str, ...]) -> str:
    absolute = [os.path.abspath(path) for path in paths] or [os.getcwd()]
    try:
        common = os.path.commonpath(absolute)
    except ValueError:  # on different drives
        common = os.getcwd()
    return common if os.path.isdir(common) else os.path.dirname(common)


def _upwards(folder: str) -> list[str]:
    found = [folder]
    while os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
        found.append(folder)
    return found


def _may_speak_of_us(path: str) -> bool:
    """Say whether the file may have a ``[tool.logshift]``; the word alone may be a dependency."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            return b"logshift" in file.read()
    except OSError:
        return False


def _explicit(path: str) -> Settings:
    settings = _read(path)
    if settings is None:
        from logshift.config.load import ConfigurationError, shown

        raise ConfigurationError(f"{shown(path)}: has no table [tool.logshift]")
    return settings


def _read(path: str) -> Settings | None:
    stamp = _stamp(path)  # before the file is read: what changes meanwhile is read again next time
    kept = _kept(path, stamp)
    if kept:
        return kept[0]
    from logshift.config import load

    settings = load.load(path)
    _keep(path, stamp, settings)
    return settings


# -- the compiled copy -----------------------------------------------------------------------------------


def _cache_file(path: str) -> str:
    base = os.environ.get("LOGSHIFT_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "logshift"
    )
    return os.path.join(base, f"config-{zlib.crc32(os.fsencode(path)):08x}.{sys.implementation.cache_tag}")


def _stamp(path: str) -> tuple[Any, ...] | None:
    """Return what a copy has to agree with: the file, and the program that read it, its defaults included."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    defaults = zlib.crc32(repr(_plain(Settings())).encode())
    return (path, status.st_mtime_ns, status.st_size, status.st_ino, __version__, defaults)


def _kept(path: str, stamp: tuple[Any, ...] | None) -> tuple[Settings | None] | None:
    """Return what is kept of the file, in a tuple of its own since there may be nothing in it for us; or None."""
    try:
        with open(_cache_file(path), "rb") as file:
            checksum, data = file.read(4), file.read()
    except OSError:
        return None
    if zlib.crc32(data).to_bytes(4, "big") != checksum:
        return None  # marshal is not made for what it has not written itself
    try:
        held, values = marshal.loads(data)  # noqa: S302 - the user's own cache folder
    except (ValueError, EOFError, TypeError):  # whole, but nothing of ours
        return None
    if stamp is None or held != stamp:
        return None
    return (None if values is None else _restore(values),)


def _keep(path: str, stamp: tuple[Any, ...] | None, settings: Settings | None) -> None:
    if stamp is None:
        return
    target = _cache_file(path)
    temporary = f"{target}.{os.getpid()}"
    data = marshal.dumps((stamp, None if settings is None else _plain(settings)))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(zlib.crc32(data).to_bytes(4, "big") + data)
        os.replace(temporary, target)
    except OSError:  # a read-only home, a full disk: the file is read again next time
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    return tuple(sorted(value)) if isinstance(value, frozenset) else value


def _restore(values: tuple[Any, ...]) -> Settings:
    settings = Settings(*values)
    target = TargetSettings(*settings.target)
    stored: tuple[Any, ...] = target.contract
    parts: Any = [frozenset(part) if isinstance(part, tuple) else part for part in stored]
    contract = Contract(*parts)
    return settings._replace(
        target=target._replace(contract=contract), legacy=tuple(Legacy(*one) for one in settings.legacy)
    )
