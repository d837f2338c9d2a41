"""Colour, on terminals that want it.

https://no-color.org, https://bixense.com/clicolors/
"""

from __future__ import annotations

import os

from logshift.model import Applicability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


class Style:
    """Wraps words in terminal colours, or leaves them as they are."""

    def __init__(self, *, colour: bool) -> None:
        self.colour = colour

    @classmethod
    def for_stream(cls, stream: TextIO | None) -> Style:
        """Return the style for a stream, if there is one: colour on a terminal, unless the environment objects."""
        if os.environ.get("NO_COLOR"):
            return cls(colour=False)
        if os.environ.get("FORCE_COLOR"):
            return cls(colour=True)
        return cls(colour=stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb")

    def _wrap(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.colour and text else text

    def strong(self, text: str) -> str:
        """Return `text` in bold."""
        return self._wrap(text, "1")

    def dim(self, text: str) -> str:
        """Return `text` in a faint colour."""
        return self._wrap(text, "2")

    def red(self, text: str) -> str:
        """Return `text` in the colour of a problem."""
        return self._wrap(text, "31")

    def green(self, text: str) -> str:
        """Return `text` in the colour of success."""
        return self._wrap(text, "32")

    def yellow(self, text: str) -> str:
        """Return `text` in the colour of a warning."""
        return self._wrap(text, "33")

    def applicability(self, value: Applicability) -> str:
        """Return the word for what may be done about a finding, in its colour."""
        colour = {
            Applicability.SAFE: self.green,
            Applicability.UNSAFE: self.yellow,
            Applicability.MANUAL: self.red,
        }
        return colour[value](str(value))
