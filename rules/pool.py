"""The outage pool: announced outages and disconnect orders, and what they explain."""

from collections.abc import Iterable

from rules.area import DisconnectOrder, PlannedOutage
from rules.thresholds import Limits
from rules.topology import Tree


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

    def plan_for(self, node: str, since: float) -> PlannedOutage | None:
        """The plan that an outage of this node, begun then, belongs to."""
        for plan in self.planned.values():
            within = plan.node in self._tree.nodes or plan.node in self._tree.devices
            in_time = plan.start - self._early <= since <= plan.end + self._late
            if within and in_time and self._tree.is_within(node, plan.node):
                return plan
        return None

    def overrun(self, plan: PlannedOutage, at: float) -> bool:
        """Whether an outage that still lasts has outlived its plan."""
        return at > plan.end + self._late

    def order_for(self, device: str, at: float) -> DisconnectOrder | None:
        """The order by which a relay that was found open at this time was opened."""
        given = [o for o in self.orders if o.device == device and o.at - 60 <= at <= o.at + self._order_s]
        return given[-1] if given else None
