"""What waits for one sink. Peek, send, then done: a row waits until the other side said that it has it."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Protocol

from gateway.store.ranges import OPEN, Ranges, spans_of
from gateway.store.rows import Aside, Row, Stream


class Source(Protocol):
    """The part of the store that an outbox needs."""

    def offered(self, stream: Stream) -> int:
        """The last row that may be sent now."""

    def read(self, stream: Stream, ranges: Ranges, after: int, upto: int, limit: int) -> Awaitable[list[Row]]:
        """Rows that `ranges` waits for."""

    def confirmed(self) -> None:
        """Something was confirmed."""

    def set_aside(self, item: Aside) -> None:
        """Keep what can never be delivered."""


class Outbox:
    """One sink's view of the store."""

    def __init__(self, name: str, store: Source) -> None:
        self.name = name
        self.ranges = {stream: Ranges() for stream in Stream}
        self.news = asyncio.Event()  # set when rows have come to disk; the sink clears it
        self._store = store
        self._unsaved: set[Stream] = set(Stream)

    def newest(self, stream: Stream) -> int:
        """The last row that may be sent now."""
        return self._store.offered(stream)

    def waiting(self, stream: Stream, upto: int = OPEN) -> int:
        """How many rows wait."""
        return self.ranges[stream].count(min(upto, self.newest(stream)))

    async def peek(self, stream: Stream, limit: int, after: int = 0, upto: int = OPEN) -> list[Row]:
        """The oldest rows that wait, with an id after `after` and not beyond `upto`. They stay until they are done."""
        return await self._store.read(stream, self.ranges[stream], after, upto, limit)

    def done(self, stream: Stream, ids: Iterable[int]) -> None:
        """The other side has these rows."""
        for first, last in spans_of(ids):
            self.ranges[stream].remove(first, last)
        self._unsaved.add(stream)
        self._store.confirmed()

    def set_aside(self, stream: Stream, row: Row, why: str) -> None:
        """This row can never be delivered: kept apart with the reason, and out of the way."""
        self._store.set_aside(Aside(self.name, stream, row.id, why, row.body))
        self.done(stream, (row.id,))

    def unsaved(self) -> dict[tuple[str, Stream], str]:
        """Ranges that changed since the last call, encoded: they go to disk with the next commit."""
        changed, self._unsaved = self._unsaved, set()
        return {(self.name, stream): self.ranges[stream].encode() for stream in changed}
