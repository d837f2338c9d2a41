"""What the plan asks for, as data: the only thing that rewriting and proving have in common.

Each edit names a byte span of the input and what shall stand there, in terms that can be carried out on text
(`logshift.rewrite`) and, apart from that, on a syntax tree (`logshift.prove`).
"""

from __future__ import annotations

from logshift._record import NamedTuple
from logshift.model import Reason, Span


class Construct(NamedTuple):
    """Replace a factory call by the target's constructor, keeping the layout inside its parentheses."""

    span: Span
    callee: str
    arguments: tuple[tuple[str | None, str], ...]  # keyword or None, source text
    bind: tuple[tuple[str, str], ...]  # fields to bind at once

    @property
    def text(self) -> str:
        """The whole expression."""
        inner = ", ".join(value if key is None else f"{key}={value}" for key, value in self.arguments)
        return f"{self.callee}({inner}){self.suffix}"

    @property
    def suffix(self) -> str:
        """What follows the constructor call."""
        return f".bind({', '.join(f'{key}={value}' for key, value in self.bind)})" if self.bind else ""


class Replace(NamedTuple):
    """Put the expression `text` where another stands."""

    span: Span
    text: str


class Keyword(NamedTuple):
    """Add a keyword argument at the end of a call."""

    span: Span
    name: str
    value: str


class Delete(NamedTuple):
    """Remove a simple statement; ``pass`` stays where a suite would be empty."""

    span: Span
    line: Span  # the logical line it stands on
    empties: bool  # nothing is left of its suite


class DropAlias(NamedTuple):
    """Remove some of the names that an import statement imports, not all."""

    span: Span
    line: Span
    aliases: tuple[int, ...]


class AddAlias(NamedTuple):
    """Let a from-import import one more name."""

    span: Span
    line: Span
    name: str


class Insert(NamedTuple):
    """Put whole lines at the beginning of a line of the module's top level."""

    at: int
    text: str  # statements, each with its newline, and blank lines around them


Edit = Construct | Replace | Keyword | Delete | DropAlias | AddAlias | Insert


class Moved(NamedTuple):
    """What becomes of one binding."""

    binding: int
    component: str
    how: str  # "replaced", "consolidated"


class Kept(NamedTuple):
    """A legacy binding that stays, and why."""

    binding: int
    reason: Reason
    detail: str = ""


class FilePlan(NamedTuple):
    """Everything that is to change in one file."""

    path: str
    component: str
    edits: tuple[Edit, ...]
    moved: tuple[Moved, ...]
    kept: tuple[Kept, ...]
    notes: tuple[str, ...]
    left: frozenset[str]  # imports that nothing in the file reads any more, left because something else may
