"""The outage pool: announced outages and disconnect orders, and what they explain."""

from collections.abc import Iterable

from rules.area import DisconnectOrder, PlannedOutage
from rules.thresholds import Limits
from rules.topology import Tree

NEVER = 1e15
"""Epoch seconds that nobody lives to see; finite, so that it survives being saved."""


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
        self.orders = list(orders)
        self.executed: set[str] = set()  # plans that an outage belonged to

    def plan_for(self, nodes: Iterable[str], since: float) -> PlannedOutage | None:
        """The plan that an outage of one of these nodes, which no reading can tell apart, belongs to."""
        nodes = list(nodes)
        for plan in self.planned.values():
            within = plan.node in self._tree.nodes or plan.node in self._tree.devices
            in_time = plan.start - self._early <= since <= plan.end + self._late
            if within and in_time and any(self._tree.is_within(node, plan.node) for node in nodes):
                self.executed.add(plan.id)
                return plan
        return None

    def overrun(self, plan: PlannedOutage, at: float) -> bool:
        """Whether an outage that still lasts has outlived its plan."""
        return at > plan.end + self._late

    def deadline(self) -> float:
        """When the next plan that nothing has come of must be spoken of."""
        waiting = (plan.end for plan in self.planned.values() if plan.id not in self.executed)
        return min(waiting, default=NEVER) + self._late

    def not_executed(self, at: float) -> list[PlannedOutage]:
        """Plans whose time is over without an outage; each is given once."""
        over = [p for p in self.planned.values() if p.id not in self.executed and at >= p.end + self._late]
        self.executed.update(plan.id for plan in over)
        return over

    def order_for(self, device: str, at: float) -> DisconnectOrder | None:
        """The order by which a relay that was found open at this time was opened."""
        given = [o for o in self.orders if o.device == device and o.at - 60 <= at <= o.at + self._order_s]
        return given[-1] if given else None
