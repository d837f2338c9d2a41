"""Which configuration a run gets: the nearest ``logshift.toml`` or ``pyproject.toml`` with a ``[tool.logshift]``.

A TOML parser is loaded only where there is something of ours to read, and then once: what was read is kept,
compiled, in the user's cache folder, and taken from there while the file has not changed.
"""

from __future__ import annotations

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
_MARKS = (_OWN, _SHARED, ".git", ".hg")


def settings_for(paths: tuple[str, ...], explicit: str | None = None) -> Settings:
    """Return the settings that hold for `paths`: those of the file nearest to them, or of `explicit`.

    Raises:
        logshift.config.load.ConfigurationError: if that file is not right.
    """
    start = _common_folder(paths)
    if explicit is not None:
        return _read(os.path.abspath(explicit))
    root = None
    for folder in _upwards(start):
        own = os.path.join(folder, _OWN)
        if os.path.isfile(own):
            return _read(own)
        shared = os.path.join(folder, _SHARED)
        if root is None and any(os.path.exists(os.path.join(folder, mark)) for mark in _MARKS):
            root = folder
        if _speaks_of_us(shared):
            return _read(shared)
    return Settings(root=root or start)


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


def _speaks_of_us(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return b"logshift" in file.read()
    except OSError:
        return False


def _read(path: str) -> Settings:
    kept = _kept(path)
    if kept is not None:
        return kept
    from logshift.config import load

    settings = load.load(path)
    _keep(path, settings)
    return settings


# -- the compiled copy -----------------------------------------------------------------------------------


def _cache_file(path: str) -> str:
    base = os.environ.get("LOGSHIFT_CACHE_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "logshift"
    )
    return os.path.join(base, f"config-{zlib.crc32(os.fsencode(path)):08x}.marshal")


def _stamp(path: str) -> tuple[Any, ...]:
    status = os.stat(path)
    interpreter = sys.implementation.cache_tag
    return (path, status.st_mtime_ns, status.st_size, status.st_ino, __version__, interpreter)


def _kept(path: str) -> Settings | None:
    try:
        with open(_cache_file(path), "rb") as file:
            stamp, values = marshal.loads(file.read())  # noqa: S302 - the user's own cache folder
        return _restore(values) if stamp == _stamp(path) else None
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _keep(path: str, settings: Settings) -> None:
    target = _cache_file(path)
    temporary = f"{target}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(marshal.dumps((_stamp(path), _plain(settings))))
        os.replace(temporary, target)
    except OSError:
        return  # a read-only home: the file is read again next time


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
