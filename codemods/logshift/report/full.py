"""The report for people who want to see the code: each finding with its lines, and the place marked."""

from __future__ import annotations

from unicodedata import category, east_asian_width

from logshift.engine import Analysis, FileResult
from logshift.model import Finding
from logshift.report import text
from logshift.report.style import Style
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lines shown around a finding, lines of the finding itself, and columns of a line, at most.
_AROUND, _MOST_LINES, _MOST_COLUMNS = 2, 6, 160


def render(analysis: Analysis, style: Style, *, statistics: bool) -> str:
    """Return what `check --output-format full` prints."""
    return text.render(analysis, style, statistics=statistics, findings=with_code)


def with_code(file: FileResult, style: Style) -> Iterator[str]:
    """Yield each finding of a file, with its code."""
    source = Source(file.facts.path, file.data)
    for one in file.findings:
        yield text.finding_line(one, style)
        yield from _excerpt(one, source, style)
        yield ""


def _excerpt(one: Finding, source: Source, style: Style) -> Iterator[str]:
    first, last = one.start.line, min(one.end.line, one.start.line + _MOST_LINES - 1)
    start, end = max(first - _AROUND, 1), last + _AROUND
    width = len(str(end))
    for number in range(start, end + 1):
        line = _line(source, number)
        if line is None:
            break
        gutter = style.dim(f"{number:>{width}} |")
        yield f"{gutter} {_shown(line)[:_MOST_COLUMNS]}".rstrip()
        if first <= number <= last:
            begin = one.start.column - 1 if number == first else len(line) - len(line.lstrip())
            stop = one.end.column - 1 if number == one.end.line else len(line)
            before, marked = _columns(_shown(line[:begin])), _columns(_shown(line[begin:stop]))
            if before < _MOST_COLUMNS:
                marks = "^" * max(min(marked, _MOST_COLUMNS - before), 1)
                yield f"{style.dim(' ' * width + ' |')} {' ' * before}{style.red(marks)}"
    if last < one.end.line:
        yield style.dim(f"{'…':>{width}} |")


def _line(source: Source, number: int) -> str | None:
    """Return a line without its end; None past the last."""
    starts = source.starts
    if number >= len(starts):
        return None
    data = source.data[starts[number - 1] : starts[number]]
    return data.decode(source.encoding, "replace").lstrip("\ufeff").rstrip("\r\n")


def _shown(line: str) -> str:
    """Return `line` as a terminal may be given it: tabs are four blanks, control characters are signs."""
    return "".join("    " if char == "\t" else "�" if category(char) in ("Cc", "Cf") else char for char in line)


def _columns(shown: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(0 if category(char) in ("Mn", "Me") else 2 if east_asian_width(char) in "WF" else 1 for char in shown)
