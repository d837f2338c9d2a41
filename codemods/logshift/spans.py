"""Many spans at once: whether one of them holds a place, without looking at each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from logshift.model import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Spans:
    """Spans in order; asking takes a time that hardly grows with their number."""

    __slots__ = ("_furthest", "_starts", "spans")

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans = sorted(spans)
        self._starts = [span.start for span in self.spans]
        self._furthest: list[int] = []  # how far those reach that begin here or before
        furthest = -1
        for span in self.spans:
            furthest = max(furthest, span.end)
            self._furthest.append(furthest)

    def hold(self, place: Span) -> bool:
        """Say whether one of the spans holds `place`."""
        before = bisect_right(self._starts, place.start)
        return before > 0 and self._furthest[before - 1] >= place.end

    def within(self, place: Span) -> list[Span]:
        """Return the spans that `place` holds, in order."""
        first, last = bisect_left(self._starts, place.start), bisect_right(self._starts, place.end)
        return [span for span in self.spans[first:last] if span.end <= place.end]
