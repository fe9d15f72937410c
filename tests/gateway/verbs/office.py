"""The verbs of a small site, with rules that remember what they were told, and a disk that outlives them."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drivers.api import Reading
from gateway.clock import Clock, SystemClock
from gateway.north.answers import Answers
from gateway.north.commands import Commands
from gateway.settings.models import Site
from gateway.settings.models import Store as StoreSettings
from gateway.south.poll import Lane, Poll
from gateway.store import Store
from gateway.verbs import Do, spoken
from gateway.verbs.asking import Asking
from gateway.verbs.hand import Handling
from gateway.verbs.keeping import Keeping
from gateway.verbs.names import Names
from gateway.verbs.pool import Announcing
from rules.area import DisconnectOrder, PlannedOutage, Report
from rules.book import Book, Claim
from rules.hand import Hand
from rules.incident import Incident, Verdict
from rules.topology import Tree
from tests.gateway.north.site import AREA, incident, site
from tests.virtual import NOON, VirtualClock, virtual

BOX = f"TQ1-{NOON - 60:.0f}-1"


@dataclass(slots=True)
class Judge:
    """Rules that remember what they were told."""

    planned: dict[str, PlannedOutage] = field(default_factory=dict)
    ordered: dict[str, list[DisconnectOrder]] = field(default_factory=dict)
    book: Book = field(default_factory=lambda: Book(Tree(AREA), 3600))
    hand: Hand = field(init=False)

    def __post_init__(self) -> None:
        self.hand = Hand(self.book, lambda: None)
        claim = Claim("box_outage", "B1", "confirmed", "critical", NOON - 60, NOON - 90)
        self.book.say("B1", claim, NOON)

    def judge(self, report: Report) -> Verdict:
        return Verdict(report.id, report.at, "network_fault", node="B1", incident="i1")

    def whom_to_ask(self, report: Report) -> Sequence[str]:
        return (report.device,)

    def plan(self, outage: PlannedOutage) -> list[str]:
        self.planned[outage.id] = outage
        return [old for old, one in list(self.planned.items()) if one.end < NOON and self.planned.pop(old)]

    def unplan(self, outage: str) -> bool:
        return self.planned.pop(outage, None) is not None

    def order(self, order: DisconnectOrder) -> Sequence[Incident]:
        self.ordered.setdefault(order.device, []).append(order)
        return [incident("relay")]

    def orders_of(self, device: str) -> Sequence[DisconnectOrder]:
        return self.ordered.get(device, [])

    def unorder(self, device: str) -> Sequence[Incident] | None:
        return None if self.ordered.pop(device, None) is None else []

    def active(self) -> Sequence[Incident]:
        return self.book.active()


@dataclass(slots=True)
class Office:
    """The verbs of a small site, and what they did."""

    rules: Judge = field(default_factory=Judge)
    reads: int = 0
    kept: dict[str, object | None] = field(default_factory=dict)
    told: list[Incident] = field(default_factory=list)
    figures: Mapping[str, object] = field(default_factory=lambda: {"observations": 7})
    site: Site = field(default_factory=site)
    store: Store = field(default_factory=lambda: Store(StoreSettings(), SystemClock()))  # never opened

    async def ask(self, device: str, points: Sequence[str]) -> Poll:
        self.reads += 1
        await asyncio.sleep(0.1)
        return Poll(
            device, "rs485-1", NOON, 0.1, Lane.DEMAND, [Reading(point, 230.5) for point in points or ["voltage"]]
        )

    def keep(self, items: Mapping[str, object | None]) -> None:
        self.kept |= items

    async def renew(self) -> Mapping[str, object]:
        raise NotImplementedError

    def commands(self) -> Commands:
        clock = VirtualClock()
        return Commands(self.verbs(clock), clock)

    def verbs(self, clock: Clock) -> Mapping[str, Do]:
        names = Names(self.site)
        return spoken(
            Asking(names, self.rules, clock, self.ask),
            Keeping(self.site, names, lambda: self.figures, self.store, (), dict, self.renew),
            Announcing(self.site, names, self.rules, clock, self.keep, self.told.append),
            Handling(self.rules, clock, self.told.append),
        )


@dataclass(slots=True)
class Disk:
    """What outlives a gateway: items of state. `full`: nothing comes to rest any more."""

    items: dict[str, object] = field(default_factory=dict)
    full: bool = False

    def keep(self, items: Mapping[str, object | None]) -> None:
        if not self.full:
            self.items |= {key: json.loads(json.dumps(item)) for key, item in items.items() if item is not None}
            self.items = {key: item for key, item in self.items.items() if items.get(key, item) is not None}

    async def flush(self) -> None:
        if self.full:
            await asyncio.get_running_loop().create_future()

    def life(self, office: Office) -> Commands:
        """A gateway's commands, with what earlier lives left."""
        clock = VirtualClock()
        return Commands(office.verbs(clock), clock, answers=Answers(self.items, self.keep, self.flush))


async def answered(commands: Commands, verb: str, request: object) -> dict[str, Any]:
    raw = request if isinstance(request, bytes) else json.dumps(request).encode()
    answer: dict[str, Any] = json.loads(await commands.answer(verb, raw))
    return answer


def refused(verb: str, request: object, says: str) -> None:
    """It is, with this in a sentence, and nothing comes of it."""

    @virtual
    async def asked() -> None:
        office = Office()
        answer = await answered(office.commands(), verb, request)
        assert answer["ok"] is False
        assert says in answer["error"]
        assert (office.reads, office.kept) == (0, {})

    asked()
