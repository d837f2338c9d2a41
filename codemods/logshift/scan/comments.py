"""Comments that suppress findings, found by the tokenizer: what only looks like one, in a string, is none.

In: the source of a file that parses. Out: `Suppression` values in order of place, the wrong ones included.

``# logshift: ignore[LS101, LS104] until=2027-01-31 -- reason`` behind a statement is about its logical line;
``# logshift: ignore-file[LS101] -- reason``, alone above the first statement, about the file;
``# logshift: off[LS101] -- reason``, alone on a line, about what follows, up to ``# logshift: on[LS101]``.
Without brackets each is about every rule. Which rules there are, and what day it is, is not known here.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import tokenize

from logshift._record import NamedTuple
from logshift.model import Span, Suppression
from logshift.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MAY_SUPPRESS = re.compile(rb"#[ \t]*logshift:")
_MARK = re.compile(r"#[ \t]*logshift:[ \t]*")
_DIRECTIVE = re.compile(r"(ignore-file|ignore|off|on)(?![\w-])[ \t]*(?:\[([^\]\[]*)\])?[ \t]*")
_UNTIL = re.compile(r"until=(\S*)[ \t]*")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)\Z")
_RULE = re.compile(r"[A-Za-z][\w-]*\Z")
#: What is not ours may say "logshift:" too; this is meant for us: one word, or one with brackets behind it.
_MEANT = re.compile(r"[\w-]+[ \t]*(?:\[|\Z|--)|(?i:ignore|off\b|on\b)")
#: Another tool's comment behind ours, such as a pragma behind a space and a hash; ``#123`` in a reason is none.
_OTHER = re.compile(r"(?:^|\s)#\s*[A-Za-z][\w-]*(?::|\Z)")
_NEWLINE = re.compile(r"\r\n|\r")
_NO_CODE = (tokenize.ENCODING, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)

_SHAPE = "write `# logshift: ignore[LS101] -- reason`"


def may_suppress(data: bytes) -> bool:
    """Say whether something in these bytes looks like a comment for us."""
    return _MAY_SUPPRESS.search(data) is not None


def suppressions(source: Source) -> tuple[Suppression, ...]:
    """Return the comments of a file that suppress findings, and those that try to."""
    reader = _Reader(source)
    for comment in _comments(source):
        reader.read(comment)
    return reader.result()


# -- comments ----------------------------------------------------------------------------------------------


class _Comment(NamedTuple):
    """A comment for us: where it is, what it says, and the code that it stands in."""

    span: Span
    text: str  # behind "logshift:"
    line: Span | None  # the logical line that it stands in or behind; None for one that stands alone
    first: bool  # no statement but a docstring stands before


def _comments(source: Source) -> Iterator[_Comment]:
    text = _NEWLINE.sub("\n", source.data.decode(source.encoding)).removeprefix("\ufeff")
    lines = text.split("\n")

    def offset(place: tuple[int, int]) -> int:
        row, column = place
        if row > len(lines):
            return len(source.data)
        return source.offset(row, len(lines[row - 1][:column].encode("utf-8")))

    waiting: list[tokenize.TokenInfo] = []
    begin: tuple[int, int] | None = None  # where the logical line begins
    is_docstring = is_first = True
    for token in _tokens(text):
        if token.type == tokenize.COMMENT and _MARK.search(token.string):
            waiting.append(token)
        elif token.type == tokenize.NEWLINE or begin is None:
            if token.type not in (*_NO_CODE, tokenize.NEWLINE):
                begin = token.start
                is_docstring = is_first and token.type == tokenize.STRING
        elif token.type != tokenize.STRING and token.type not in _NO_CODE:
            is_docstring = False
        if begin is None or token.type == tokenize.NEWLINE:
            line = None if begin is None else Span(offset(begin), offset(token.start))
            for one in waiting:
                at = _MARK.search(one.string)
                assert at is not None
                start = (one.start[0], one.start[1] + at.start())
                yield _Comment(Span(offset(start), offset(one.end)), one.string[at.end() :], line, is_first)
            waiting = []
        if token.type == tokenize.NEWLINE:
            is_first = is_first and is_docstring
            begin = None


def _tokens(text: str) -> Iterator[tokenize.TokenInfo]:
    """Yield the tokens, as far as the tokenizer of the standard library follows the parser."""
    try:
        yield from tokenize.generate_tokens(io.StringIO(text).readline)
    except (tokenize.TokenError, SyntaxError):
        return


# -- what they say -----------------------------------------------------------------------------------------


class _Said(NamedTuple):
    """One comment, taken apart."""

    kind: str
    text: str
    rules: tuple[str, ...] = ()
    until: str = ""
    reason: str = ""
    wrong: str = ""


def _said(text: str) -> _Said | None:
    """Return what a comment says behind its mark; None where it is not meant for us."""
    head, dashes, reason = text.partition("--")
    if (other := _OTHER.search(head)) is not None:
        head, dashes, reason = head[: other.start()], "", ""
    if (other := _OTHER.search(reason)) is not None:
        reason = reason[: other.start()]
    head, reason = head.strip(), reason.strip()
    found = _DIRECTIVE.match(head)
    if found is None:
        return (
            _Said("", head, wrong=f"it says none of ignore, ignore-file, off and on; {_SHAPE}")
            if (_MEANT.match(head))
            else None
        )
    rules = tuple(one.strip() for one in found[2].split(",")) if found[2] is not None else ()
    said = _Said(found[1], head, rules, reason=reason)
    if found[2] is not None and not all(_RULE.match(one) for one in rules):
        return said._replace(wrong=f"its brackets hold something other than codes with commas between; {_SHAPE}")
    rest = head[found.end() :]
    if rest and found[1] in ("on", "off") and found[2] is None and not dashes:
        return None  # prose
    if (until := _UNTIL.match(rest)) is not None:
        rest = rest[until.end() :]
        said = said._replace(until=until[1])
        if not _is_day(until[1]):
            return said._replace(wrong=f"there is no day {until[1]}; write it as in until=2027-01-31")
    if rest or (dashes and not reason):
        what = f"{rest!r} stands where a reason would begin with --" if rest else "no reason stands behind the --"
        return said._replace(wrong=f"{what}; {_SHAPE}")
    return said


def _is_day(text: str) -> bool:
    found = _DATE.match(text)
    if found is None:
        return False
    try:
        dt.date(*map(int, found.groups()))
    except ValueError:
        return False
    return True


class _Reader:
    """Turns comments into suppressions, and blocks into one for each."""

    def __init__(self, source: Source) -> None:
        self.end = len(source.data)
        self.found: list[Suppression] = []
        self.open: list[int] = []  # those of `found` that no `on` has ended

    def result(self) -> tuple[Suppression, ...]:
        return tuple(self.found)

    def read(self, comment: _Comment) -> None:
        said = _said(comment.text)
        if said is None:
            return
        wrong = said.wrong or self._out_of_place(said, comment)
        if said.kind == "on" and not wrong:
            wrong = self._end_blocks(said, comment)
            if not wrong:
                return
        holds = Span(comment.span.start, comment.span.start)
        if not wrong and said.kind == "ignore":
            assert comment.line is not None
            holds = comment.line
        elif not wrong and said.kind == "ignore-file":
            holds = Span(0, self.end)
        elif not wrong and said.kind == "off":
            holds = Span(comment.span.end, self.end)
            self.open.append(len(self.found))
        self.found.append(
            Suppression(comment.span, said.text, holds, said.rules, said.until, said.reason, wrong),
        )

    def _out_of_place(self, said: _Said, comment: _Comment) -> str:
        if said.kind == "ignore" and comment.line is None:
            return "it stands alone on its line; put it behind the statement, or between `off` and `on`"
        if said.kind != "ignore" and comment.line is not None:
            return f"`{said.kind}` has to stand alone on its line"
        if said.kind == "ignore-file" and not comment.first:
            return "`ignore-file` has to stand above the first statement"
        return ""

    def _end_blocks(self, said: _Said, comment: _Comment) -> str:
        """End the open blocks that an `on` names, all of them if it names none; return what is wrong with it."""
        named = [
            index
            for index in self.open
            if not said.rules or frozenset(self.found[index].rules) == frozenset(said.rules)
        ]
        if not named:
            return f"no `off{'[' + ', '.join(said.rules) + ']' if said.rules else ''}` stands above it"
        for index in named:
            block = self.found[index]
            self.found[index] = block._replace(holds=Span(block.holds.start, comment.span.start))
            self.open.remove(index)
        return ""
