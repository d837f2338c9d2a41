"""The rewriting: from a plan's edits to bytes. LibCST lives here, behind one lazy import.

In: a source and its plan. Out: patches – spans of the input and the bytes that take their place – and the
resulting file. Only what an edit names is parsed: the logical line of a statement that goes or loses a part, or
the expression that changes. Every other byte is carried over as it is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from logshift._record import NamedTuple
from logshift.model import Span
from logshift.plan.edits import (
    AddAlias,
    Construct,
    Delete,
    DropAlias,
    Edit,
    FilePlan,
    Insert,
    Keyword,
    Replace,
)
from logshift.source import Source

if TYPE_CHECKING:
    import libcst as cst

_NEWLINES = re.compile(rb"\r\n|\n|\r")
_LineEdit = Delete | DropAlias | AddAlias
_ExpressionEdit = Construct | Replace | Keyword


class CannotRewriteError(Exception):
    """The edits cannot be carried out on the text; nothing was changed."""


class Patch(NamedTuple):
    """Bytes that take the place of a span of the input."""

    span: Span
    data: bytes


class Rewritten(NamedTuple):
    """One file after its edits."""

    path: str
    data: bytes
    patches: tuple[Patch, ...]


def rewrite(source: Source, plan: FilePlan) -> Rewritten:
    """Carry out the edits of `plan`.

    Raises:
        CannotRewriteError: if an edit does not fit the text.
    """
    patches = _Rewriter(source, plan.edits).patches()
    return Rewritten(plan.path, apply_patches(source.data, patches), patches)


def apply_patches(data: bytes, patches: Iterable[Patch]) -> bytes:
    """Return `data` with every patch in its place.

    Raises:
        CannotRewriteError: if two patches overlap.
    """
    out = []
    at = 0
    for patch in patches:
        if patch.span.start < at:
            raise CannotRewriteError(f"two edits meet at byte {patch.span.start}")
        out += [data[at : patch.span.start], patch.data]
        at = patch.span.end
    return b"".join([*out, data[at:]])


class _Rewriter:
    def __init__(self, source: Source, edits: Sequence[Edit]) -> None:
        self.source = source
        self.inserts = [edit for edit in edits if isinstance(edit, Insert)]
        self.lines: dict[Span, list[_LineEdit]] = {}
        self.expressions: list[_ExpressionEdit] = []
        for edit in edits:
            if isinstance(edit, (Delete, DropAlias, AddAlias)):
                self.lines.setdefault(edit.line, []).append(edit)
            elif not isinstance(edit, Insert):
                self.expressions.append(edit)

    def patches(self) -> tuple[Patch, ...]:
        found = [Patch(Span(edit.at, edit.at), self.source.encode(edit.text)) for edit in self.inserts]
        vanishing: list[Span] = []
        lines = sorted(self.lines)  # logical lines: none holds another
        inside: dict[Span, list[_ExpressionEdit]] = {line: [] for line in lines}
        outside: list[_ExpressionEdit] = []
        for edit in self.expressions:
            before = bisect_right(lines, edit.span.start, key=lambda line: line.start)
            holder = lines[before - 1] if before and lines[before - 1].holds(edit.span) else None
            (outside if holder is None else inside[holder]).append(edit)
        for line, edits in self.lines.items():
            patch = self._line(line, edits, inside[line])
            if patch is None:
                vanishing.append(self._physical(line))
            else:
                found.append(patch)
        found += [Patch(span, b"") for span in self._with_blank_lines(vanishing)]
        found += [self._expression(span, edits) for span, edits in _outermost(outside)]
        return tuple(sorted(found, key=lambda patch: (patch.span.start, patch.span.end)))

    # -- whole lines ------------------------------------------------------------------------------------------

    def _line(self, line: Span, edits: list[_LineEdit], inner: list[_ExpressionEdit]) -> Patch | None:
        """Return the patch for one logical line; None if all of it goes."""
        if isinstance(edits[0], Delete) and edits[0].span.start == line.start and len(edits) == 1:
            rest = self.source.data[edits[0].span.end : line.end].strip()
            if not rest or rest.startswith(b"#"):
                return self._gone(line, edits)
        module, base = self._parse(line, wrap=False)
        statement = module.body[0]
        done = _transform(module, self._shifted([*edits, *inner], base))
        import libcst as cst

        assert isinstance(statement, cst.SimpleStatementLine)
        if not done.body or not getattr(done.body[0], "body", None):
            return self._gone(line, edits)
        return Patch(line, self.source.encode(done.code.removesuffix("\n").replace("\n", self.source.newline)))

    def _gone(self, line: Span, edits: list[_LineEdit]) -> Patch | None:
        prefix = self.source.data[self.source.line_start(line.start) : line.start]
        if any(isinstance(edit, Delete) and edit.empties for edit in edits) or prefix.strip():
            end = max(edit.span.end for edit in edits)
            return Patch(Span(line.start, end), b"pass")
        return None

    def _physical(self, line: Span) -> Span:
        return Span(self.source.line_start(line.start), self.source.next_line(line.end))

    def _with_blank_lines(self, spans: list[Span]) -> list[Span]:
        """Join lines that go one after the other, and take the blank lines along that would be left over."""
        joined: list[Span] = []
        for span in sorted(spans):
            if joined and joined[-1].end == span.start:
                joined[-1] = Span(joined[-1].start, span.end)
            else:
                joined.append(span)
        return [self._without_gap(span) for span in joined]

    def _without_gap(self, span: Span) -> Span:
        """Extend a deletion by the smaller of the two blank runs around it, so that the larger is what remains."""
        if any(edit.at in (span.start, span.end) for edit in self.inserts):
            return span  # something takes the place of what goes
        before, after = self._blanks_before(span.start), self._blanks_after(span.end)
        end = before.start
        while end > 0 and self.source.data[end - 1] in b" \t\f\r\n":
            end -= 1
        if end > 0 and after.end == len(self.source.data):  # nothing follows
            return Span(before.start, span.end)
        opens = end == 0 or (before.start == span.start and self.source.data[end - 1] == ord(":"))
        if opens or (before.start < span.start and self._lines(after) <= self._lines(before)):
            wider = Span(span.start, after.end)
        elif before.start < span.start:
            wider = Span(before.start, span.end)
        else:
            return span
        return span if any(wider.start < edit.at <= wider.end for edit in self.inserts) else wider

    def _blanks_before(self, at: int) -> Span:
        starts = self.source.starts
        index = bisect_left(starts, at)
        while index > 0 and not self.source.data[starts[index - 1] : at].strip():
            index -= 1
        return Span(starts[index], at)

    def _blanks_after(self, at: int) -> Span:
        end = at
        while end < len(self.source.data) and not self.source.data[end : self.source.line_end(end)].strip():
            end = self.source.next_line(end)
        return Span(at, end)

    def _lines(self, span: Span) -> int:
        return len(_NEWLINES.findall(self.source.data[span.start : span.end]))

    # -- expressions ------------------------------------------------------------------------------------------

    def _expression(self, span: Span, edits: list[_ExpressionEdit]) -> Patch:
        if len(edits) == 1 and self._is_plain(edits[0]):
            return Patch(span, self.source.encode(edits[0].text))  # type: ignore[union-attr]
        module, base = self._parse(span, wrap=True)
        code = _transform(module, self._shifted(edits, base)).code.strip("\n")
        if not (code.startswith("(") and code.endswith(")")):
            raise CannotRewriteError(f"the expression at byte {span.start} lost its parentheses")
        return Patch(span, self.source.encode(code[1:-1].replace("\n", self.source.newline)))

    def _is_plain(self, edit: _ExpressionEdit) -> bool:
        """Say whether the edit needs no tree: nothing inside the place it names is worth keeping."""
        if isinstance(edit, Replace):
            return True
        inside = self.source.data[edit.span.start : edit.span.end]
        return isinstance(edit, Construct) and b"\n" not in inside and b"\r" not in inside

    def _parse(self, span: Span, *, wrap: bool) -> tuple[cst.Module, int]:
        import libcst as cst

        text = self.source.text(span)
        text = "\n".join(re.split(r"\r\n|\r|\n", text))
        try:
            module = cst.parse_module(f"({text})\n" if wrap else f"{text}\n")
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise CannotRewriteError(f"LibCST cannot read the text at byte {span.start}: {error}") from None
        return module, span.start - (1 if wrap else 0)

    def _shifted(self, edits: Iterable[_LineEdit | _ExpressionEdit], base: int) -> dict[tuple[int, int], list[Edit]]:
        """Return the edits by place in the parsed piece, in UTF-8 bytes as LibCST counts them."""
        found: dict[tuple[int, int], list[Edit]] = {}
        for edit in edits:
            start = self._length(base, edit.span.start)
            found.setdefault((start, self._length(edit.span.start, edit.span.end)), []).append(edit)
        return found

    def _length(self, start: int, end: int) -> int:
        first = self.source.data[start:end] if start >= 0 else b"(" + self.source.data[:end]
        text = first.decode(self.source.encoding)
        return len("\n".join(re.split(r"\r\n|\r|\n", text)).encode("utf-8"))


def _outermost(edits: list[_ExpressionEdit]) -> list[tuple[Span, list[_ExpressionEdit]]]:
    """Group edits by the widest place that holds them."""
    groups: list[tuple[Span, list[_ExpressionEdit]]] = []
    for edit in sorted(edits, key=lambda one: (one.span.start, -one.span.end)):
        if groups and groups[-1][0].holds(edit.span):
            groups[-1][1].append(edit)
        else:
            groups.append((edit.span, [edit]))
    return groups


def _transform(module: cst.Module, edits: dict[tuple[int, int], list[Edit]]) -> cst.Module:
    """Carry out the edits on a parsed piece."""
    import libcst as cst
    from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

    from logshift._cst import EditTransformer

    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    places = wrapper.resolve(ByteSpanPositionProvider)
    transformer = EditTransformer(places, edits)
    done = wrapper.module.visit(transformer)
    if transformer.missed():
        raise CannotRewriteError(f"nothing stands at the place of {transformer.missed()[0]}")
    assert isinstance(done, cst.Module)
    return done
