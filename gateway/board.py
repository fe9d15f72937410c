"""The outage pool as it is shown: one retained topic for each outage, until it has been over for a day.

Pure: a snapshot of what the rules know goes in every second, what changed since comes out. What vanishes from the
snapshot while it was running is over; an announcement that vanishes was withdrawn.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from gateway.clock import iso
from gateway.north.messages import level
from gateway.slim import slim_json
from gateway.store import Draft, Stream
from rules.pool import Entry

TOPIC = "pool/"
"""Also what the state is kept under."""

SHOWN_S = 86_400.0
"""How long an outage is shown that is over."""

_RUNNING = ("running", "overrun")


@dataclass(frozen=True, slots=True)
class Card:
    """An outage as it stands on the board."""

    entry: Entry
    since: float  # epoch seconds of its state


class Board:
    """Every outage of one site that is shown."""

    def __init__(self, saved: Mapping[str, object]) -> None:
        self._cards: dict[str, Card] = {}
        self._items: dict[str, object | None] = {}
        for key, kept in saved.items():
            if key.startswith(TOPIC) and isinstance(kept, dict):
                self._cards[key.removeprefix(TOPIC)] = Card(Entry(**kept["entry"]), kept["since"])

    def step(self, at: float, entries: Iterable[Entry]) -> list[Draft]:
        """The topics that change with what is out now."""
        now = {entry.id: entry for entry in entries}
        cards = {name: self._shown(now.get(name), card, at) for name, card in self._cards.items()}
        cards |= {name: Card(entry, at) for name, entry in now.items() if name not in self._cards}
        return [draft for name, card in cards.items() for draft in self._show(name, card, at)]

    def standing(self) -> dict[str, bytes]:
        """Everything that is shown, by topic."""
        return {TOPIC + level(name): _body(card) for name, card in self._cards.items()}

    def changes(self) -> Mapping[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        items, self._items = self._items, {}
        return items

    def _shown(self, entry: Entry | None, card: Card, at: float) -> Card | None:
        was = card.entry
        if entry is not None:
            return Card(entry, card.since if entry.state == was.state else at)
        if was.state in _RUNNING:
            return Card(replace(was, state="over", end=at, customers=0), at)
        if was.state == "announced":
            return None
        return card if at - card.since < SHOWN_S else None

    def _show(self, name: str, card: Card | None, at: float) -> Iterator[Draft]:
        if card is not None and card == self._cards.get(name):
            return
        if card is None:
            del self._cards[name]
        else:
            self._cards[name] = card
        self._items[TOPIC + name] = None if card is None else asdict(card)
        yield Draft(Stream.EVENT, at, TOPIC + level(name), b"" if card is None else _body(card))


def _body(card: Card) -> bytes:
    entry = card.entry
    end = None if entry.end is None else iso(entry.end)
    return slim_json({**asdict(entry), "start": iso(entry.start), "end": end, "since": iso(card.since)})
