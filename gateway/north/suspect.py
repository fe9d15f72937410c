"""A row over which a broker ends the connection, whatever its length: found out, and told from a link that is just bad.

A broker of MQTT 3.1.1 gives no reason: it may forbid the topic, or a plug-in of it dislikes what it reads. Such a row
would be sent again for ever, and nothing behind it would ever go. So a row that stood first at two ends in a row goes
alone, and when the broker takes everything else and ends the connection right after this row again and again, it is
given up. Only one, until another was taken: a broker that takes no row at all has another trouble, and gets them later.
"""

from collections.abc import Sequence

from gateway.north.window import Flight
from gateway.store import Stream

ALONE_AFTER = 2
"""Ends in a row with the same row first of those on their way: links that break break anywhere."""

PROOFS = 3
"""Ends in a row with that row alone on its way."""

RIGHT_AFTER_S = 5.0
"""A broker that reads a message and dislikes it ends the connection so soon."""


class Suspect:
    """What is held against one row. Time is an argument: the loop's own."""

    def __init__(self) -> None:
        self._row: tuple[Stream, int] | None = None
        self._ends = self._proofs = 0
        self._given_up = False  # one was, and none was taken since

    def alone(self, stream: Stream, row: int) -> bool:
        """Whether this row had better go with no other."""
        return self._row == (stream, row) and self._ends >= ALONE_AFTER

    def guilty(self, stream: Stream, row: int) -> bool:
        """Whether the broker ends the connection over this row, beyond doubt. It is to be set aside then."""
        return self._row == (stream, row) and self._proofs >= PROOFS and not self._given_up

    def give_up(self) -> None:
        """It was set aside."""
        self._row, self._given_up = None, True

    def landed(self, flight: Flight) -> None:
        """The broker has taken these rows."""
        if flight.ids:
            self._given_up = False
        if self._row is not None and flight.stream is self._row[0] and self._row[1] in flight.ids:
            self._row = None

    def lost(self, flights: Sequence[Flight], now: float) -> None:
        """The broker has ended the connection with these on their way, the first that was sent first."""
        rows = [flight for flight in flights if flight.kind != "greeting"]
        if not rows:
            return
        first = rows[0]
        row = first.stream, first.ids[0]
        if row != self._row:
            self._row, self._ends, self._proofs = row, 0, 0
        self._ends += 1
        alone = len(flights) == 1 and len(first.ids) == 1 and now - first.since <= RIGHT_AFTER_S
        self._proofs = self._proofs + 1 if alone else 0
