"""The outage pool: announced outages and disconnect orders, and what they explain."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from rules.area import DisconnectOrder, PlannedOutage
from rules.incident import Incident, is_outage
from rules.pace import NEVER
from rules.thresholds import Limits
from rules.topology import Tree

NEAR_S = 4 * 3600.0
"""An outage that begins no further from a plan's time missed it, and is no stranger to it."""

KEPT_S = 86_400.0
"""How long a plan that is over, or an order that nobody carried out, is still shown."""

FORGOTTEN_S = 41 * 86_400.0
"""How long a plan that is over is known: meters' records come late, and a month is counted after its end."""

MOST_ORDERS = 8
"""For one device, besides the order that was carried out last; the newest count."""

Progress = Literal["announced", "running", "overrun", "not executed", "over"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One outage of the pool: announced, ordered or found."""

    id: str
    kind: Literal["planned", "orderly", "arrears", "fault"]
    state: Progress
    node: str
    start: float  # epoch seconds
    end: float | None = None  # as announced
    customers: int = 0  # without supply now
    incident: str | None = None
    reason: str = ""


class Pool:
    """What the utility said beforehand. Entries may come and go while the gateway runs."""

    def __init__(
        self, tree: Tree, limits: Limits, planned: Iterable[PlannedOutage], orders: Iterable[DisconnectOrder]
    ) -> None:
        self._tree = tree
        self._early = limits["pool"]["early_s"]
        self._late = limits["pool"]["late_s"]
        self._order_s = limits["pool"]["order_s"]
        self.planned = {outage.id: outage for outage in planned}
        self.orders: list[DisconnectOrder] = []
        self.executed: set[str] = set()  # plans that an outage belonged to, that one hid, or that nothing came of
        self._begun: dict[str, float] = {}  # when the first outage of a plan began
        self._idle: set[str] = set()  # those that nothing came of
        self._carried_out: set[DisconnectOrder] = set()  # orders whose relay was found open; one for a device
        for order in orders:
            self.give(order)

    def announce(self, outage: PlannedOutage, at: float) -> list[str]:
        """Take an announcement; the ids of those that are over for so long that they are forgotten with it.

        One with the same id is changed by it: what came of the old one counts no more.
        """
        if self.planned.get(outage.id) != outage:
            self.cancel(outage.id)
        self.planned[outage.id] = outage
        forgotten = [plan.id for plan in self.planned.values() if at > plan.end + FORGOTTEN_S]
        for old in forgotten:
            self.cancel(old)
        return forgotten

    def cancel(self, outage: str) -> bool:
        """Forget an announcement, and what came of it; whether there was one."""
        self.executed.discard(outage)
        self._begun.pop(outage, None)
        self._idle.discard(outage)
        return self.planned.pop(outage, None) is not None

    def plan_for(self, nodes: Iterable[str], since: float, *, alone: bool = False) -> PlannedOutage | None:
        """The plan that an outage of one of these nodes, which no reading can tell apart, belongs to.

        `alone`: only a plan for one of them, not for more than hangs below them.
        """
        nodes = list(nodes)
        for plan in self.planned.values():
            if self._is_in_time(plan, since) and (plan.node in nodes if alone else self._covers(plan, nodes)):
                self.executed.add(plan.id)
                self._begun[plan.id] = min(since, self._begun.get(plan.id, since))
                return plan
        return None

    def _is_in_time(self, plan: PlannedOutage, since: float) -> bool:
        """Whether an outage that began then is what was announced. The work may begin late, but only once."""
        begun = self._begun.get(plan.id, since)
        end = plan.end + self._late if since <= begun + self._early else plan.end
        return plan.start - self._early <= since <= end

    def expected(self, at: float) -> list[str]:
        """The nodes of all plans whose time it is."""
        plans = self.planned.values()
        return [plan.node for plan in plans if plan.start - self._early <= at <= plan.end + self._late]

    def missed(self, nodes: Iterable[str], since: float, at: float) -> PlannedOutage | None:
        """A plan for one of these nodes whose time an outage missed by its begin, though not by much.

        One that lasts into the plan's time is what came of the plan, however early it began.
        """
        nodes = list(nodes)
        for plan in self.planned.values():
            near = plan.start - NEAR_S <= since <= plan.end + NEAR_S
            if near and self._covers(plan, nodes):
                if since < plan.start <= at:
                    self.executed.add(plan.id)
                return plan
        return None

    def hide(self, node: str, since: float, at: float) -> None:
        """A node has been without supply since then: of a plan below it that this covers mostly nobody can tell."""
        for plan in self.planned.values():
            dark = min(at, plan.end) - max(since, plan.start)
            if 2 * dark >= plan.end - plan.start and self._is_known(plan) and self._tree.is_within(plan.node, node):
                self.executed.add(plan.id)

    def _is_known(self, plan: PlannedOutage) -> bool:
        return plan.node in self._tree.nodes or plan.node in self._tree.devices

    def _covers(self, plan: PlannedOutage, nodes: Iterable[str]) -> bool:
        return self._is_known(plan) and any(self._tree.is_within(node, plan.node) for node in nodes)

    def overrun(self, plan: PlannedOutage, at: float) -> bool:
        """Whether an outage that still lasts has outlived its plan."""
        return at > plan.end + self._late

    def deadline(self) -> float:
        """When the next plan that nothing has come of must be spoken of."""
        waiting = (plan.end for plan in self.planned.values() if plan.id not in self.executed)
        return min(waiting, default=NEVER) + self._late

    def not_executed(self, at: float) -> list[PlannedOutage]:
        """Plans whose time is over without an outage; each is given once, and none of which nobody knows any more."""
        over = [p for p in self.planned.values() if p.id not in self.executed and at >= p.end + self._late]
        self.executed.update(plan.id for plan in over)
        seen = [plan for plan in over if at <= plan.end + self._late + KEPT_S]
        self._idle.update(plan.id for plan in seen)
        return seen

    def give(self, order: DisconnectOrder) -> None:
        """Take an order to open a relay. Of many for one device the newest are known, and the one carried out."""
        own = {order, *(one for one in self.orders if one.device == order.device)}
        newest = sorted(own, key=attrgetter("at"))[-MOST_ORDERS:]
        kept = {*newest, *own.intersection(self._carried_out)}
        self.orders = [one for one in self.orders if one.device != order.device]
        self.orders += sorted(kept, key=attrgetter("at"))

    def orders_of(self, device: str) -> tuple[DisconnectOrder, ...]:
        """The orders for a device that are known, the oldest first."""
        return tuple(order for order in self.orders if order.device == device)

    def order_for(self, device: str, at: float) -> DisconnectOrder | None:
        """The order by which a relay that was found open at this time was opened."""
        given = [o for o in self.orders if o.device == device and o.at - 60 <= at <= o.at + self._order_s]
        if not given:
            return None
        self._carried_out = {given[-1], *(one for one in self._carried_out if one.device != device)}
        return given[-1]

    def withdraw(self, device: str) -> bool:
        """Forget the orders for a device; whether there were any."""
        before = len(self.orders)
        self.orders = [order for order in self.orders if order.device != device]
        self._carried_out.intersection_update(self.orders)
        return len(self.orders) < before

    def entries(self, active: Iterable[Incident], at: float) -> Iterator[Entry]:
        """Everything that is announced, ordered or found out now."""
        lost = [one for one in active if one.state == "confirmed" and one.explained_by is None]
        running: dict[str, Incident] = {}
        for incident in lost:
            if incident.type == "planned_outage":
                plan = self.plan_for((incident.node, *incident.equivalents), incident.started_at)
                running[plan.id if plan else ""] = incident
            elif is_outage(incident.type):
                customers, start = len(incident.customers), incident.started_at
                yield Entry(
                    incident.id, "fault", "running", incident.node, start, None, customers, incident.id, incident.cause
                )
        for plan in self.planned.values():
            if plan.id in running or at <= plan.end + self._late + KEPT_S:
                yield self._planned(plan, running.get(plan.id), at)
        yield from self._ordered({one.node: one for one in lost if one.type == "arrears_disconnect"}, at)

    def _planned(self, plan: PlannedOutage, incident: Incident | None, at: float) -> Entry:
        state: Progress = "announced"
        if incident is not None:
            state = "overrun" if self.overrun(plan, at) else "running"
        elif plan.id in self.executed:
            state = "not executed" if plan.id in self._idle else "over"
        customers, known = (len(incident.customers), incident.id) if incident else (0, None)
        return Entry(plan.id, plan.kind, state, plan.node, plan.start, plan.end, customers, known, plan.reason)

    def _ordered(self, open_relays: Mapping[str, Incident], at: float) -> Iterator[Entry]:
        """The newest order of every device; one that was carried out as long as its relay is open."""
        for order in {order.device: order for order in sorted(self.orders, key=lambda order: order.at)}.values():
            incident, until = open_relays.get(order.device), order.at + self._order_s
            if incident is None and (order in self._carried_out or at > until + KEPT_S):
                continue
            state: Progress = "running" if incident else "announced" if at <= until else "not executed"
            customers, known = (len(incident.customers), incident.id) if incident else (0, None)
            name, reason = f"order-{order.device}", order.kind
            yield Entry(name, "arrears", state, order.device, order.at, None, customers, known, reason)

    def dump(self) -> object:
        """Its state as plain data."""
        carried_out = [
            [order.device, order.at, order.kind] for order in sorted(self._carried_out, key=attrgetter("at"))
        ]
        return {
            "executed": sorted(self.executed),
            "begun": self._begun,
            "idle": sorted(self._idle),
            "carried_out": carried_out,
        }

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        if isinstance(kept, dict):
            self.executed.update(self.planned.keys() & set(kept["executed"]))
            self._begun.update({plan: at for plan, at in kept["begun"].items() if plan in self.planned})
            self._idle.update(self.planned.keys() & set(kept["idle"]))
            self._carried_out.update(DisconnectOrder(*row) for row in kept["carried_out"])
            self._carried_out.intersection_update(self.orders)
