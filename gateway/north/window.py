"""What is on its way to the broker: at most so many messages, and rows that are done when all of theirs arrived."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.north.tray import Tray
from gateway.store import Stream

Kind = Literal["greeting", "event", "data", "hist"]


@dataclass(slots=True)
class Flight:
    """A parcel on its way."""

    stream: Stream
    ids: tuple[int, ...]
    since: float  # loop time
    kind: Kind
    size: int = 0  # bytes of the longest message
    tray: Tray | None = None  # that its rows came from
    missing: int = 0  # messages that the broker has not acknowledged


@dataclass(slots=True)
class Window:
    """Flights by the numbers of their messages."""

    limit: int
    alone: bool = False  # the parcel that goes next, or is on its way, goes without company
    _flights: dict[int, Flight] = field(default_factory=dict)

    @property
    def room(self) -> int:
        """How many messages may be sent before one is acknowledged."""
        if self.alone:
            return int(not self._flights)
        return self.limit - len(self._flights)

    @property
    def flying(self) -> int:
        """Messages on their way."""
        return len(self._flights)

    def parcels(self, kind: Kind) -> int:
        """Parcels of a kind on their way."""
        return len({id(flight) for flight in self._flights.values() if flight.kind == kind})

    def start(self, number: int, flight: Flight) -> None:
        """A message of this flight has been handed over."""
        flight.missing += 1
        self._flights[number] = flight

    def land(self, number: int) -> Flight | None:
        """A message was acknowledged: its flight, when that was the last one missing."""
        flight = self._flights.pop(number, None)
        if not self._flights:
            self.alone = False
        if flight is None:
            return None
        flight.missing -= 1
        return flight if flight.missing == 0 else None

    def clear(self) -> list[Flight]:
        """The link is gone: nothing is on its way any more. What was."""
        lost = {id(flight): flight for flight in self._flights.values()}
        self._flights.clear()
        self.alone = False
        return list(lost.values())
