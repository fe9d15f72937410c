"""Open relays: by order, or without one."""

from collections.abc import Mapping

from rules.book import Book
from rules.incident import Incident
from rules.pool import Pool
from rules.witness import Witness
from rules.words import relay_claim


class Relays:
    """Tells of them. It remembers nothing: witnesses know their relays, the pool knows the orders."""

    def __init__(self, pool: Pool, book: Book, witnesses: Mapping[str, Witness]) -> None:
        self._pool, self._book, self._witnesses = pool, book, witnesses

    def holds(self, device: str) -> bool:
        """Whether a device's relay is open."""
        return device in self._witnesses and self._witnesses[device].relay_open

    def tell(self, witness: Witness, now: float) -> list[Incident]:
        """A relay has opened or closed, or an order for it has come or gone: what is to be told."""
        claim, device, at = None, witness.device.id, witness.relay_at
        if witness.relay_open:
            ordered = self._pool.order_for(device, at) is not None
            claim = relay_claim(device, at, at - witness.interval, ordered)
        return self._book.tell(f"relay/{device}", claim, now)
