"""Reading of TOML configuration files.

In: a path. Out: the tables of the file with the place of everything in them, or the one issue that says where and why
it cannot be read. Never: an exception for what a file holds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from universal_framework.config.issues import Issue, Origin, Path, Source, harmless
from universal_framework.config.toml_places import Places, locate
from universal_framework.observability.unified_logger import UniversalFrameworkLogger

logger = UniversalFrameworkLogger("toml_loader")

#: A configuration larger than this, in bytes, is a mistake.
MAX_FILE_BYTES: Final = 256 * 1024

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_TOO_DEEP = "arrays or tables are nested too deeply"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds: its tables, and by path where each key and value stands. `issue` says why it holds nothing."""

    path: str
    tables: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    issue: Issue | None = None

    def places(self) -> Mapping[Path, Places]:
        """Return where everything stands; nothing, where values are nested so deeply that nobody meant it."""
        try:
            return locate(self.text) if self.issue is None else {}
        except RecursionError:
            return {}


def load_toml(path: str) -> Document:
    """Read the file at `path`, at most `MAX_FILE_BYTES` of it."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return _refused(path, "config.file_missing", "there is no such file", hint=f"create {path}, or name another")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        return _refused(path, "config.unreadable", f"cannot be read: {reason}", hint="check the path and its rights")
    document = parse_toml(data, path)
    logger.debug("toml_file_read", file=path, size=len(data), accepted=document.issue is None)
    return document


def parse_toml(data: bytes, path: str) -> Document:
    """Return what `data`, the bytes of the file at `path`, says."""
    if len(data) > MAX_FILE_BYTES:
        return _refused(path, "config.too_large", f"is larger than {MAX_FILE_BYTES} bytes")
    if data.startswith(_BYTE_ORDER_MARK):
        hint = "save the file as UTF-8 without signature"
        return _refused(path, "config.syntax", "begins with a byte order mark, which TOML forbids", (1, 1), hint)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        return _refused(path, "config.syntax", "is not UTF-8", _end_of(before), "save the file as UTF-8")
    try:
        return Document(path, tomllib.loads(text), text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        return _syntax_error(path, text, str(error))
    except RecursionError:
        return _refused(path, "config.syntax", _TOO_DEEP)
    except ValueError:  # CPython refuses whole numbers of more than 4300 digits
        return _refused(path, "config.syntax", "a number is out of range")


def _syntax_error(path: str, text: str, message: str) -> Document:
    found = _AT.search(message)
    place = None
    if found is not None:
        place = (int(found[1]), int(found[2])) if found[1] else _end_of(text)
        message = message[: found.start()]
    return _refused(path, "config.syntax", f"not TOML: {harmless(message)}", place, "see https://toml.io/en/v1.0.0")


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _refused(path: str, code: str, message: str, place: tuple[int, int] | None = None, hint: str = "") -> Document:
    line, column = place or (None, None)
    return Document(path, issue=Issue(code, "", message, Source(Origin.FILE, path, line, column), hint))
