"""The planned changes as a patch for ``git apply`` and ``patch``.

In: the files before and after. Out: bytes, since a patch quotes each file in the file's own encoding and with its
own line ends. https://git-scm.com/docs/diff-format, and for names with special characters core.quotePath in
https://git-scm.com/docs/git-config
"""

from __future__ import annotations

import difflib
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate

from logshift._record import NamedTuple
from logshift.migrate import Migration, Outcome

_ESCAPES = {0x07: "a", 0x08: "b", 0x09: "t", 0x0A: "n", 0x0B: "v", 0x0C: "f", 0x0D: "r", 0x22: '"', 0x5C: "\\"}

_CONTEXT = 3  # lines around a change, as everybody has them


class _Change(NamedTuple):
    """Lines of the text before, from 0, and those that take their place."""

    first: int
    last: int  # not part of it any more
    new_first: int
    new_last: int


def render(migration: Migration) -> bytes:
    """Return the changes of all files; nothing where nothing changes."""
    return b"".join(_patch(outcome) for outcome in migration.changed)


def _patch(outcome: Outcome) -> bytes:
    assert outcome.after is not None
    path = os.path.relpath(outcome.path)
    name = os.fsencode((outcome.path if path.split(os.sep, 1)[0] == os.pardir else path).replace(os.sep, "/"))
    before, after = _lines(outcome.before), _lines(outcome.after)
    lines = [b"--- " + _name(b"a/" + name) + b"\n", b"+++ " + _name(b"b/" + name) + b"\n"]
    for hunk in _hunks(_changes(outcome, before, after)):
        lines += _hunk(hunk, before, after)
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


# -- what changed ----------------------------------------------------------------------------------------------
# The places of the changes are known: a differ would look for them in a time that grows with the square of the file.


def _changes(outcome: Outcome, before: list[bytes], after: list[bytes]) -> list[_Change]:
    """Return the lines that change, in order; lines that a place takes along and leaves as they are left out."""
    starts = [0, *accumulate(len(line) for line in before)]
    furthest = len(before) - 1 if before and not before[-1].endswith(b"\n") else len(before)
    places: list[_Change] = []
    shift = 0  # how many lines more the text has had so far
    for patch in outcome.patches:
        first = min(bisect_right(starts, patch.span.start) - 1, furthest)
        last = min(bisect_right(starts, patch.span.end), len(before))
        more = patch.data.count(b"\n") - outcome.before.count(b"\n", patch.span.start, patch.span.end)
        new_first = first + shift
        if places and first < places[-1].last:  # on a line that another place has changed
            one = places.pop()
            first, last, new_first = one.first, max(one.last, last), one.new_first
        shift += more
        places.append(_Change(first, last, new_first, last + shift))
    if places and places[-1].last == len(before):  # the last line may have lost its end, or got one
        places[-1] = places[-1]._replace(new_last=len(after))
    return _joined(one for place in places for one in _trimmed(place, before, after))


def _trimmed(place: _Change, before: list[bytes], after: list[bytes]) -> Iterator[_Change]:
    """Yield the changes among the lines of one place."""
    old, new = before[place.first : place.last], after[place.new_first : place.new_last]
    for tag, first, last, new_first, new_last in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if tag != "equal":
            yield _Change(
                place.first + first, place.first + last, place.new_first + new_first, place.new_first + new_last
            )


def _joined(changes: Iterable[_Change]) -> list[_Change]:
    found: list[_Change] = []
    for one in changes:
        if found and found[-1].last == one.first:
            found[-1] = _Change(found[-1].first, one.last, found[-1].new_first, one.new_last)
        else:
            found.append(one)
    return found


def _hunks(changes: Iterable[_Change]) -> list[list[_Change]]:
    """Return the changes in groups that are told together: those whose context would meet."""
    found: list[list[_Change]] = []
    for one in changes:
        if found and one.first - found[-1][-1].last <= 2 * _CONTEXT:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _hunk(changes: list[_Change], before: list[bytes], after: list[bytes]) -> list[bytes]:
    start = max(changes[0].first - _CONTEXT, 0)
    end = min(changes[-1].last + _CONTEXT, len(before))
    new_start = changes[0].new_first - (changes[0].first - start)
    new_end = changes[-1].new_last + end - changes[-1].last
    lines = [f"@@ -{_range(start, end)} +{_range(new_start, new_end)} @@\n".encode()]
    at = start
    for one in changes:
        lines += [b" " + line for line in before[at : one.first]]
        lines += [b"-" + line for line in before[one.first : one.last]]
        lines += [b"+" + line for line in after[one.new_first : one.new_last]]
        at = one.last
    return lines + [b" " + line for line in before[at:end]]


def _range(start: int, end: int) -> str:
    """Return a range of lines as a hunk's head has it: from 1, and without a length of 1."""
    length = end - start
    return str(start + 1) if length == 1 else f"{start + 1 if length else start},{length}"


# -- lines and names ------------------------------------------------------------------------------------------


def _lines(data: bytes) -> list[bytes]:
    """Return the lines as patches know them: a form feed or a lone carriage return ends none."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def _name(name: bytes) -> bytes:
    """Return a name as git writes it: in quotes where it has to be, ended by a tab where it holds a space."""
    try:
        plain = name.decode("utf-8").isprintable() and not set(name) & set(_ESCAPES)
    except UnicodeDecodeError:
        plain = False
    if plain:
        return name + b"\t" if b" " in name else name
    return b'"' + b"".join(_escaped(byte) for byte in name) + b'"'


def _escaped(byte: int) -> bytes:
    if byte in _ESCAPES:
        return b"\\" + _ESCAPES[byte].encode()
    return bytes([byte]) if 0x20 <= byte < 0x7F else b"\\%03o" % byte
