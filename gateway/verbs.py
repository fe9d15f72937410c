"""What operators may ask of a gateway over MQTT: look, read, judge, announce, take incidents in hand.

Nothing here writes to a device.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol, TypeVar, get_args

from gateway.clock import Clock, iso
from gateway.north.commands import RefusedRequestError, Verb, number, text
from gateway.settings.models import Site
from gateway.south.poll import Poll
from rules.area import DisconnectOrder, PlanKind, PlannedOutage, Report
from rules.hand import Hand
from rules.incident import Incident, Verdict, Work

PLAN = "plan/"
"""Announced outages are kept in the store under this and their id."""

ORDER = "order/"
"""Orders are kept under this and their device."""

SHELF_S = 30 * 86_400.0
"""Nothing is silenced for longer at a time."""


class Rules(Protocol):
    """The part of the rules that operators reach."""

    hand: Hand

    def judge(self, report: Report) -> Verdict:
        """A customer's call."""

    def plan(self, outage: PlannedOutage) -> None:
        """An announcement."""

    def unplan(self, outage: str) -> None:
        """Its withdrawal."""

    def order(self, order: DisconnectOrder) -> Sequence[Incident]:
        """An order to open a relay; what changes with it."""

    def unorder(self, device: str) -> Sequence[Incident]:
        """Its withdrawal."""

    def active(self) -> Sequence[Incident]:
        """What lasts."""


class Verbs:
    """The verbs of one site."""

    def __init__(
        self,
        site: Site,
        rules: Rules,
        clock: Clock,
        ask: Callable[[str, Sequence[str]], Awaitable[Poll]],
        keep: Callable[[Mapping[str, object | None]], None],
        figures: Callable[[], Mapping[str, object]],
        tell: Callable[[Incident], None],
        remember: Callable[[str, float, float], bool] = lambda _device, _start, _end: False,
    ) -> None:
        """`ask` reads a device now; `keep` stores items of state, None to forget one; `tell` says what changed.

        `remember` has a device's memory of a span read when its line is idle, if it has one.
        """
        self._site, self._rules, self._clock = site, rules, clock
        self._ask, self._keep, self._figures, self._remember = ask, keep, figures, remember
        self._tell = tell
        self._devices = {device.id: device for device in site.devices}
        self._nodes = {node.id for node in site.area.nodes} | self._devices.keys()

    @property
    def table(self) -> Mapping[str, Verb]:
        """By name."""
        return {
            "read": self.read,
            "judge": self.judge,
            "plan": self.plan,
            "unplan": self.unplan,
            "order": self.order,
            "unorder": self.unorder,
            "acknowledge": self.acknowledge,
            "shelve": self.shelve,
            "unshelve": self.unshelve,
            "progress": self.progress,
            "incidents": self.incidents,
            "figures": self.figures,
            "backfill": self.backfill,
        }

    async def read(self, request: Mapping[str, Any]) -> object:
        """Read a device now: `device`, and `points` (all that are polled when there are none)."""
        device = self._device(request)
        points = request.get("points", [])
        if not isinstance(points, list) or not all(isinstance(point, str) for point in points):
            raise RefusedRequestError("'points' must be a list of names")
        known = self._devices[device].profile.points
        if unknown := [point for point in points if point not in known]:
            raise RefusedRequestError(f"{device} has no {', '.join(unknown)}; it has {', '.join(known)}")
        poll = await self._ask(device, points)
        values = {reading.point: reading.value for reading in poll.readings}
        return {"device": device, "at": poll.at, "values": values, "fault": poll.fault, "says": poll.says}

    async def backfill(self, request: Mapping[str, Any]) -> object:
        """Read what a device remembers of a span: `device`, `start` and `end` in epoch seconds. It comes as history."""
        device, start, end = self._device(request), number(request, "start"), number(request, "end")
        if not start < end <= self._clock.wall():
            raise RefusedRequestError("'end' must be later than 'start', and in the past")
        if not self._remember(device, start, end):
            raise RefusedRequestError(f"{device} keeps no history that can be read, or [backfill] is switched off")
        return {"device": device, "start": start, "end": end}

    async def judge(self, request: Mapping[str, Any]) -> object:
        """Judge a customer's call: `device` of the customer, and `complaint` in words."""
        at = number(request, "at", self._clock.wall())
        report = Report(text(request, "id"), at, self._device(request), text(request, "complaint", ""))
        return asdict(self._rules.judge(report))

    async def plan(self, request: Mapping[str, Any]) -> object:
        """Announce an outage: `outage` (its id), `node`, `start` and `end` in epoch seconds, `reason`, `kind`."""
        outage = PlannedOutage(
            text(request, "outage"),
            text(request, "node"),
            number(request, "start"),
            number(request, "end"),
            text(request, "reason", ""),
            _one_of(request, "kind", PLAN_KINDS, "planned"),
        )
        if outage.node not in self._nodes:
            raise RefusedRequestError(f"there is no node {outage.node!r} in area {self._site.area.id}")
        if outage.end <= outage.start:
            raise RefusedRequestError("'end' must be later than 'start'")
        self._rules.plan(outage)
        self._keep({PLAN + outage.id: asdict(outage)})
        return asdict(outage)

    async def unplan(self, request: Mapping[str, Any]) -> object:
        """Withdraw an announcement: `outage`."""
        outage = text(request, "outage")
        if any(plan.id == outage for plan in self._site.planned):
            raise RefusedRequestError(f"{outage} stands in area.toml: take it out there, or it comes back at a restart")
        self._rules.unplan(outage)
        self._keep({PLAN + outage: None})
        return {"outage": outage}

    async def order(self, request: Mapping[str, Any]) -> object:
        """Know of an order to disconnect: `device`, `at` in epoch seconds (now), `kind` (arrears)."""
        now = self._clock.wall()
        order = DisconnectOrder(self._device(request), number(request, "at", now), text(request, "kind", "arrears"))
        self._told(self._rules.order(order))
        self._keep({ORDER + order.device: asdict(order)})
        return asdict(order)

    async def unorder(self, request: Mapping[str, Any]) -> object:
        """Withdraw the orders for a device: `device`."""
        device = self._device(request)
        if any(order.device == device for order in self._site.orders):
            raise RefusedRequestError(f"the order for {device} stands in area.toml: take it out there")
        self._told(self._rules.unorder(device))
        self._keep({ORDER + device: None})
        return {"device": device}

    async def acknowledge(self, request: Mapping[str, Any]) -> object:
        """Take care of an incident, so that nobody is reminded of it: `incident`, `by`."""
        incident, by = self._lasting(request), text(request, "by")
        if incident.acknowledged_by:
            raise RefusedRequestError(f"{incident.id} is acknowledged by {incident.acknowledged_by} already")
        return self._told(self._rules.hand.acknowledge(incident.id, by, self._clock.wall()))

    async def shelve(self, request: Mapping[str, Any]) -> object:
        """Silence an incident unless it ends or grows in severity: `incident`, `until` in epoch seconds, `by`."""
        incident, until, by = self._lasting(request), number(request, "until"), text(request, "by")
        now = self._clock.wall()
        if not now < until <= now + SHELF_S:
            raise RefusedRequestError(
                f"'until' must be later than now ({iso(now)}), by {SHELF_S / 86_400:.0f} days at most"
            )
        return self._told(self._rules.hand.shelve(incident.id, until, by, now))

    async def unshelve(self, request: Mapping[str, Any]) -> object:
        """End an incident's silence: `incident`."""
        incident = self._lasting(request)
        if incident.shelved_until is None:
            raise RefusedRequestError(f"{incident.id} is not shelved")
        return self._told(self._rules.hand.unshelve(incident.id, self._clock.wall()))

    async def progress(self, request: Mapping[str, Any]) -> object:
        """Say how far the crew is: `incident`, `state`, `expected_end` in epoch seconds; customers are told."""
        incident, now = self._lasting(request), self._clock.wall()
        work: Work = _one_of(request, "state", WORKS)
        expected = incident.expected_end
        if "expected_end" in request:
            expected = number(request, "expected_end")
            if expected <= now:
                raise RefusedRequestError(f"'expected_end' must be later than now ({iso(now)})")
        return self._told(self._rules.hand.progress(incident.id, work, expected, now))

    async def incidents(self, _request: Mapping[str, Any]) -> object:
        """What lasts now."""
        return [asdict(incident) for incident in self._rules.active()]

    async def figures(self, _request: Mapping[str, Any]) -> object:
        """The gateway's own figures."""
        return self._figures()

    def _told(self, incidents: Sequence[Incident]) -> object:
        """Tell everybody of what changed, and the operator too."""
        for incident in incidents:
            self._tell(incident)
        return [asdict(incident) for incident in incidents]

    def _lasting(self, request: Mapping[str, Any]) -> Incident:
        name = text(request, "incident")
        found = next((incident for incident in self._rules.active() if incident.id == name), None)
        if found is None:
            raise RefusedRequestError(f"no incident {name!r} lasts; ask 'incidents' which do")
        return found

    def _device(self, request: Mapping[str, Any]) -> str:
        device = text(request, "device")
        if device not in self._devices:
            raise RefusedRequestError(f"there is no device {device!r} in area {self._site.area.id}")
        return device


Word = TypeVar("Word", bound=str)
PLAN_KINDS: tuple[PlanKind, ...] = get_args(PlanKind)
WORKS: tuple[Work, ...] = get_args(Work)


def _one_of(request: Mapping[str, Any], name: str, choices: Sequence[Word], otherwise: Word | None = None) -> Word:
    """One of some words. Raises RefusedRequestError."""
    value = text(request, name, otherwise)
    for choice in choices:
        if choice == value:
            return choice
    raise RefusedRequestError(f"'{name}' must be one of {', '.join(choices)}")


def announced(saved: Mapping[str, object]) -> tuple[PlannedOutage, ...]:
    """Outages that operators announced in earlier lives of the gateway."""
    rows = (value for key, value in saved.items() if key.startswith(PLAN))
    return tuple(PlannedOutage(**row) for row in rows if isinstance(row, dict))


def ordered(saved: Mapping[str, object]) -> tuple[DisconnectOrder, ...]:
    """Orders that operators gave in earlier lives of the gateway."""
    rows = (value for key, value in saved.items() if key.startswith(ORDER))
    return tuple(DisconnectOrder(**row) for row in rows if isinstance(row, dict))
