"""Verbs of the outage pool: planned outages and orders to disconnect, kept over a restart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, get_args

from gateway.clock import Clock, iso, on_calendar
from gateway.settings.models import Site
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, moment, one_of, text
from rules.area import DisconnectOrder, OrderKind, PlanKind, PlannedOutage
from rules.incident import Incident

PLAN = "plan/"
"""Announced outages are kept in the store under this and their id."""

ORDER = "order/"
"""The orders for a device are kept under this and its name: a list; only the newest, where an earlier version did."""

LATEST_S = 86_400.0
"""An outage may be announced late, as one that nobody had said was planned; but not days after its end."""

PLAN_KINDS: tuple[PlanKind, ...] = get_args(PlanKind)
ORDER_KINDS: tuple[OrderKind, ...] = get_args(OrderKind)


class Pool(Protocol):
    """The part of the rules that knows what was announced."""

    def plan(self, outage: PlannedOutage) -> Sequence[str]:
        """An announcement; the ids of those that are over for long and forgotten."""

    def unplan(self, outage: str) -> bool:
        """Its withdrawal; whether there was one."""

    def order(self, order: DisconnectOrder) -> Sequence[Incident]:
        """An order to open a relay; what changes with it."""

    def orders_of(self, device: str) -> Sequence[DisconnectOrder]:
        """The orders for a device that are known."""

    def unorder(self, device: str) -> Sequence[Incident] | None:
        """Its withdrawal: what changes with it; None when there was none."""


@dataclass(frozen=True, slots=True)
class Announcing:
    """Tells the rules what the utility is about to do."""

    site: Site
    names: Names
    rules: Pool
    clock: Clock
    keep: Callable[[Mapping[str, object | None]], None]  # items of state, None to forget one
    tell: Callable[[Incident], None]  # what changed

    async def plan(self, request: Request) -> object:
        """Announce an outage: `outage` (its id), `node`, `start` and `end`, `reason`, `kind`."""
        now = self.clock.wall()
        outage = PlannedOutage(
            text(request, "outage"),
            self.names.node(request),
            moment(request, "start", now),
            moment(request, "end", now),
            text(request, "reason", ""),
            one_of(request, "kind", PLAN_KINDS, "planned"),
        )
        if outage.end <= outage.start:
            raise RefusedRequestError("'end' must be later than 'start'")
        if outage.end + LATEST_S < now:
            raise RefusedRequestError(f"'end' is {iso(outage.end)}, and it is {iso(now)}: that is over for good")
        forgotten = self.rules.plan(outage)
        self.keep({PLAN + outage.id: asdict(outage), **{PLAN + old: None for old in forgotten}})
        return asdict(outage)

    async def unplan(self, request: Request) -> object:
        """Withdraw an announcement: `outage`."""
        outage = text(request, "outage")
        if any(plan.id == outage for plan in self.site.planned):
            raise RefusedRequestError(f"{outage} stands in area.toml: take it out there, or it comes back at a restart")
        if not self.rules.unplan(outage):
            raise RefusedRequestError(f"no outage {outage!r} is announced; the topics pool/... are those that are")
        self.keep({PLAN + outage: None})
        return {"outage": outage}

    async def order(self, request: Request) -> object:
        """Know of an order to disconnect: `device`, `at` (now), `kind`."""
        device, now = self.names.device(request).id, self.clock.wall()
        kind = one_of(request, "kind", ORDER_KINDS, "arrears")
        order = DisconnectOrder(device, moment(request, "at", now, now), kind)
        self._told(self.rules.order(order))
        given = [asdict(known) for known in self.rules.orders_of(device) if known not in self.site.orders]
        self.keep({ORDER + device: given})
        return asdict(order)

    async def unorder(self, request: Request) -> object:
        """Withdraw the orders for a device: `device`."""
        device = self.names.device(request).id
        if any(order.device == device for order in self.site.orders):
            raise RefusedRequestError(f"the order for {device} stands in area.toml: take it out there")
        changed = self.rules.unorder(device)
        if changed is None:
            raise RefusedRequestError(f"there is no order for {device}; the topics pool/order-... are those that are")
        self._told(changed)
        self.keep({ORDER + device: None})
        return {"device": device}

    def _told(self, incidents: Sequence[Incident]) -> None:
        for incident in incidents:
            self.tell(incident)


def announced(saved: Mapping[str, object]) -> tuple[PlannedOutage, ...]:
    """Outages that operators announced in earlier lives of the gateway; not one at a time that nobody can mean."""
    plans = (PlannedOutage(**row) for key, row in saved.items() if key.startswith(PLAN) and isinstance(row, dict))
    return tuple(plan for plan in plans if on_calendar(plan.start) and on_calendar(plan.end))


def ordered(saved: Mapping[str, object]) -> tuple[DisconnectOrder, ...]:
    """Orders that operators gave in earlier lives of the gateway; not one at a time that nobody can mean."""
    kept = (rows for key, rows in saved.items() if key.startswith(ORDER))
    given = (row for rows in kept for row in (rows if isinstance(rows, list) else [rows]))
    orders = (DisconnectOrder(**row) for row in given if isinstance(row, dict))
    return tuple(order for order in orders if on_calendar(order.at))
