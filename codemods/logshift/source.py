r"""One file's bytes, and the way from a parser's places to byte spans.

In: the bytes as they lie on disk. Out: encoding, newline, and spans for (line, UTF-8 column) pairs as `ast`
gives them. Lines end as CPython's tokenizer ends them – at ``\n``, ``\r\n`` and a lone ``\r``, never at a
form feed or another Unicode separator.
"""

from __future__ import annotations

import re

from logshift.model import Position, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

_NEWLINE = re.compile(rb"\r\n|\n|\r")
_TEXT_NEWLINE = re.compile(r"\r\n|\n|\r")
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"^[ \t\f]*(?:#.*)?$")
#: What a cookie and the end of its line are made of: an encoding that reads them otherwise cannot be declared so.
_COOKIE_TEXT = "\t\n\f\r #-.:=_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BOM = b"\xef\xbb\xbf"


class UndecodableError(Exception):
    """The bytes are not text in the encoding that the file declares (PEP 263)."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class Source:
    """The bytes of a file and what is needed to find places in them.

    Raises:
        UndecodableError: if the declared encoding is unknown or does not fit the bytes.
    """

    __slots__ = ("_starts", "data", "encoding", "newline", "path")

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.data = data
        self.encoding = _encoding(data)
        self._starts: list[int] | None = None
        first = _NEWLINE.search(data)
        self.newline = first.group().decode() if first else "\n"
        try:
            text = data.decode(self.encoding)
        except UnicodeDecodeError as error:
            place = self.position(error.start)
            reason = f"byte 0x{data[error.start]:02x} is not valid {error.encoding}"
            raise UndecodableError(reason, place.line, place.column) from None
        except ValueError as error:  # a codec that says no more than that
            raise UndecodableError(f"not valid {self.encoding}: {error}") from None
        if not self.is_utf8 and len(_TEXT_NEWLINE.findall(text)) != len(self.starts) - 2:
            raise UndecodableError(f"{self.encoding} hides the ends of lines")

    @property
    def starts(self) -> list[int]:
        """The byte at which each line begins, and the end of the file."""
        if self._starts is None:
            first = len(BOM) if self.data.startswith(BOM) else 0
            self._starts = [first, *(match.end() for match in _NEWLINE.finditer(self.data)), len(self.data)]
        return self._starts

    @property
    def is_utf8(self) -> bool:
        """Whether columns that `ast` gives are byte columns of the file."""
        return self.encoding in ("utf-8", "ascii")

    @property
    def round_trips(self) -> bool:
        """Whether decoding and encoding each line alone gives the file's bytes back."""
        if self.is_utf8:
            return True
        try:
            return all(self._line(n).decode(self.encoding).encode(self.encoding) == self._line(n)
                       for n in range(1, len(self.starts)))  # fmt: skip
        except UnicodeError:
            return False

    def offset(self, line: int, column: int) -> int:
        """Return the byte offset of `column`, counted in UTF-8 bytes, of the 1-based `line`."""
        start = self.starts[line - 1]
        if self.is_utf8:
            return start + column
        text = self._line(line).decode(self.encoding)
        before = text.encode("utf-8")[:column].decode("utf-8")
        return start + len(before.encode(self.encoding))

    def span(self, node: ast.expr | ast.stmt) -> Span:
        """Return the bytes that `node` takes up."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return Span(self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset))

    def text(self, span: Span) -> str:
        """Return the text at `span`."""
        return self.data[span.start : span.end].decode(self.encoding)

    def encode(self, text: str) -> bytes:
        """Return `text` as this file would hold it; what the encoding lacks is written as an escape."""
        return text.encode(self.encoding, "backslashreplace")

    def position(self, offset: int) -> Position:
        """Return the line and column, both from 1, the column in code points."""
        starts = self.starts
        low, high = 0, len(starts) - 1
        while low < high - 1:
            middle = (low + high) // 2
            if starts[middle] <= offset:
                low = middle
            else:
                high = middle
        before = self.data[starts[low] : max(offset, starts[low])]
        return Position(low + 1, len(before.decode(self.encoding, "replace")) + 1)

    def line_start(self, offset: int) -> int:
        """Return where the line that holds `offset` begins."""
        return self.starts[self.position(offset).line - 1]

    def line_end(self, offset: int) -> int:
        """Return where the line that holds `offset` ends, before its newline."""
        match = _NEWLINE.search(self.data, offset)
        return match.start() if match else len(self.data)

    def next_line(self, offset: int) -> int:
        """Return where the line after the one that holds `offset` begins; the file's end if none does."""
        match = _NEWLINE.search(self.data, offset)
        return match.end() if match else len(self.data)

    def _line(self, line: int) -> bytes:
        return self.data[self.starts[line - 1] : self.starts[line]]


def _encoding(data: bytes) -> str:
    """Return the encoding that PEP 263 gives the file, by Python's name for it."""
    has_bom = data.startswith(BOM)
    body = data[len(BOM) :] if has_bom else data
    declared = _declared(body)
    if declared is None:
        return "utf-8"
    name = _normal(declared)
    try:
        fits = _COOKIE_TEXT.encode("ascii").decode(name) == _COOKIE_TEXT
    except LookupError:
        raise UndecodableError(f"unknown encoding: {declared}") from None
    except ValueError:
        fits = False
    if not fits:
        raise UndecodableError(f"the encoding cannot be {declared}: the line that says so is not written in it")
    if has_bom and name != "utf-8":
        raise UndecodableError(f"the file begins with a UTF-8 byte order mark but declares {declared}")
    return name


def _declared(body: bytes) -> str | None:
    first, second = [*_NEWLINE.split(body, 2), b""][:2]
    match = _COOKIE.match(first)
    if match is None and _BLANK.match(first):
        match = _COOKIE.match(second)
    return match.group(1).decode("ascii") if match else None


def _normal(name: str) -> str:
    """Return the name as CPython's tokenizer understands it: editors append words such as ``-unix``."""
    plain = name.lower().replace("_", "-")
    if plain in ("utf-8", "utf8") or plain.startswith("utf-8-"):
        return "utf-8"
    if any(plain == one or plain.startswith(f"{one}-") for one in ("latin-1", "iso-8859-1", "iso-latin-1")):
        return "iso-8859-1"
    return plain
