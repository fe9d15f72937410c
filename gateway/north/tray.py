"""Rows of one lane between the outbox and the link, sorted by line.

A message is about one line. A gateway with hundreds of endpoints would have a message for nearly every observation if
rows travelled in the order in which they came, and messages cost more than all else that is done with them. So some
parcels' worth is taken at a time, and goes line by line.
"""

from collections.abc import Sequence
from itertools import chain

from gateway.north.messages import chunks
from gateway.store import Outbox, Row, Stream

MOST_BYTES = 2_000_000
"""Of rows on a tray: what a hundred busy lines observe in a quarter of a second."""

PARCELS = 16
"""On a tray, however slow the link is: nobody's news shall wait for long behind another line's."""

LEAST_ROW = 40
"""Bytes: no observation is shorter."""


class Tray:
    """Rows that were taken together; they are done together, so that what still waits has few gaps."""

    __slots__ = ("_next", "_rows", "ids", "landed_so_far", "stream")

    def __init__(self, stream: Stream, rows: Sequence[Row]) -> None:
        lines: dict[str, list[Row]] = {}
        for row in rows:
            lines.setdefault(row.key, []).append(row)
        self.stream = stream
        self.ids = frozenset(row.id for row in rows)
        self.landed_so_far: list[int] = []  # ids that the other side has
        self._rows = list(chain.from_iterable(lines.values()))
        self._next = 0

    def __bool__(self) -> bool:
        """Whether some were not sent yet."""
        return self._next < len(self._rows)

    def next(self, limit: int) -> Sequence[Row]:
        """The next rows, of at most `limit` bytes together unless it is a single one."""
        part = next(chunks(self._rows[self._next : self._next + 1 + limit // LEAST_ROW], limit))
        self._next += len(part)
        return part

    def back(self, part: Sequence[Row]) -> None:
        """They could not be sent: they are the next ones again."""
        self._next -= len(part)

    def landed(self, ids: Sequence[int]) -> bool:
        """The other side has these; whether it has all now."""
        self.landed_so_far += ids
        return len(self.landed_so_far) == len(self._rows)


class Lanes:
    """How far each lane has come in this session, and the trays in use."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._after: dict[str, int] = {}  # by lane: rows up to this id were sent, or are on a tray
        self._trays: dict[str, Tray] = {}  # by lane: what is sent next
        self._open: list[Tray] = []  # of which something was not sent, or not acknowledged

    def waiting(self, lane: str, after: int, upto: int) -> int:
        """About how many rows a lane has not taken yet."""
        return upto - max(after, self._after.get(lane, 0))

    async def take(self, lane: str, stream: Stream, limit: int, after: int, upto: int) -> Sequence[Row]:
        """The next rows of a lane."""
        rows = await self._outbox.peek(stream, limit, max(after, self._after.get(lane, 0)), upto)
        if rows:
            self._after[lane] = rows[-1].id
        return rows

    def back_to(self, lane: str, row: Row) -> None:
        """This row could not be sent: it is the lane's next one again."""
        self._after[lane] = row.id - 1

    def tray(self, lane: str) -> Tray | None:
        """The lane's tray, as long as something on it was not sent."""
        return self._trays.get(lane) or None

    def fill(self, lane: str, stream: Stream, rows: Sequence[Row]) -> Tray | None:
        """A tray of these rows; without those that came to another lane's before. None when nothing is left."""
        tray = Tray(stream, [row for row in rows if not any(row.id in other.ids for other in self._open)])
        if not tray:
            return None
        self._trays[lane] = tray
        self._open.append(tray)
        return tray

    def landed(self, tray: Tray, ids: Sequence[int]) -> None:
        """The other side has these rows of a tray."""
        if tray.landed(ids):
            self._outbox.done(tray.stream, tray.landed_so_far)
            self._open.remove(tray)

    def clear(self) -> None:
        """The session is over: what the other side has is done, the rest is taken anew."""
        for tray in self._open:
            self._outbox.done(tray.stream, tray.landed_so_far)
        self._open.clear()
        self._trays.clear()
        self._after.clear()
