"""Which rows of a stream somebody still has to get: a sorted list of spans of row ids, open at the end."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

OPEN = 2**62
"""Last id of the span that goes on for ever."""

Span = tuple[int, int]
"""First and last id, both included."""


def spans_of(ids: Iterable[int]) -> Iterator[Span]:
    """Single ids as spans, neighbours joined."""
    first = last = None
    for number in sorted(ids):
        if first is not None and last is not None and number <= last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last


class Ranges:
    """Ids that wait. Starts as everything from `first` on; shrinks by what is confirmed."""

    def __init__(self, first: int = 1) -> None:
        self._spans: list[Span] = [(first, OPEN)]

    @classmethod
    def decode(cls, text: str) -> "Ranges":
        """The ranges that `encode` wrote: `3-9 12-`."""
        ranges = cls()
        ranges._spans = [
            (int(first), int(last) if last else OPEN)
            for first, _, last in (word.partition("-") for word in text.split())
        ]
        return ranges

    def encode(self) -> str:
        return " ".join(f"{first}-{'' if last == OPEN else last}" for first, last in self._spans)

    def remove(self, first: int, last: int) -> int:
        """Take a span out; how many of its ids were waiting."""
        start = bisect_left(self._spans, first, key=lambda span: span[1])
        stop = start
        left: list[Span] = []
        removed = 0
        while stop < len(self._spans) and self._spans[stop][0] <= last:
            low, high = self._spans[stop]
            removed += min(high, last) - max(low, first) + 1
            if low < first:
                left.append((low, first - 1))
            if high > last:
                left.append((last + 1, high))
            stop += 1
        self._spans[start:stop] = left
        return removed

    def between(self, after: int, upto: int) -> Iterator[Span]:
        """What waits of the ids greater than `after` and not greater than `upto`, in order."""
        for index in range(bisect_left(self._spans, after + 1, key=lambda span: span[1]), len(self._spans)):
            first, last = self._spans[index]
            if first > upto:
                return
            yield max(first, after + 1), min(last, upto)

    def has(self, number: int) -> bool:
        """Whether this id waits."""
        return any(True for _ in self.between(number - 1, number))

    def count(self, upto: int) -> int:
        """How many ids not greater than `upto` wait."""
        return sum(last - first + 1 for first, last in self.between(0, upto))

    @property
    def lowest(self) -> int:
        """The first id that waits."""
        return self._spans[0][0] if self._spans else OPEN
