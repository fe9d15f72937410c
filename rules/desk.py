"""What the utility tells while the rules run: outages that it announces, orders to disconnect a customer."""

from collections.abc import Mapping

from rules.area import DisconnectOrder, PlannedOutage
from rules.book import Book
from rules.incident import Incident
from rules.pace import Pace
from rules.pool import Entry, Pool
from rules.relays import Relays
from rules.state import State
from rules.witness import Witness


class Desk:
    """Takes announcements and orders, and shows the outage pool that they make with what was found out."""

    def __init__(
        self, pool: Pool, book: Book, relays: Relays, witnesses: Mapping[str, Witness], pace: Pace, state: State
    ) -> None:
        self._pool, self._book, self._relays = pool, book, relays
        self._witnesses, self._pace, self._state = witnesses, pace, state

    def plan(self, outage: PlannedOutage) -> list[str]:
        """Announce an outage; one with the same id replaces it. The ids of those that are forgotten by now."""
        self._stir()
        return self._pool.announce(outage, self._pace.now)

    def unplan(self, outage: str) -> bool:
        """Withdraw an announced outage; whether there was one."""
        self._stir()
        return self._pool.cancel(outage)

    def order(self, order: DisconnectOrder) -> tuple[Incident, ...]:
        """Know of an order to open a relay; what is said of the relay when it was found open already."""
        self._pool.give(order)
        return self._ordered(order.device)

    def orders_of(self, device: str) -> tuple[DisconnectOrder, ...]:
        """The orders for a device that are known, the oldest first."""
        return self._pool.orders_of(device)

    def unorder(self, device: str) -> tuple[Incident, ...] | None:
        """Forget the orders for a device: what changes with that; None when there was none."""
        return self._ordered(device) if self._pool.withdraw(device) else None

    def pool(self, at: float) -> tuple[Entry, ...]:
        """Every outage that is announced, ordered or found out."""
        return tuple(self._pool.entries(self._book.active(), at))

    def _ordered(self, device: str) -> tuple[Incident, ...]:
        self._state.stirred = True
        witness = self._witnesses.get(device)
        open_now = witness is not None and witness.relay_open
        return tuple(self._relays.tell(witness, self._pace.now)) if witness is not None and open_now else ()

    def _stir(self) -> None:
        self._pace.dirty = self._state.stirred = True
        self._pace.rouse()
