"""Rows that have just come to disk and that somebody still waits for: a sink that keeps up need not read them back."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from gateway.store.ranges import Span
from gateway.store.rows import Row, Stream

MOST_BYTES = 4_000_000
"""Of bodies that are held: what a busy gateway observes in a second or two. What is older is read from disk."""


class Recent:
    """The newest rows of each stream on disk, without a hole."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._rows: dict[Stream, deque[Row]] = {stream: deque() for stream in Stream}
        self._bytes, self._most = 0, most_bytes

    def add(self, rows: Mapping[Stream, Iterable[Row]], wanted: Mapping[Stream, int]) -> None:
        """Rows have come to disk. Nobody waits for rows with ids below `wanted`: those are forgotten."""
        for stream, held in self._rows.items():
            for row in rows[stream]:
                held.append(row)
                self._bytes += len(row.body)
            while held and held[0].id < wanted[stream]:
                self._bytes -= len(held.popleft().body)
        for stream in (Stream.BACKFILL, Stream.LIVE, Stream.EVENT):
            while self._rows[stream] and self._bytes > self._most:
                self._bytes -= len(self._rows[stream].popleft().body)

    def read(self, stream: Stream, spans: Sequence[Span], limit: int) -> list[Row] | None:
        """The first rows of these spans, which all are on disk; None when some are too old to be held."""
        held = self._rows[stream]
        if not held or spans[0][0] < held[0].id:
            return None
        oldest, found = held[0].id, list[Row]()
        for first, last in spans:
            stop = min(last - oldest + 1, first - oldest + limit - len(found))
            found += islice(held, first - oldest, stop)
            if len(found) >= limit:
                break
        return found
