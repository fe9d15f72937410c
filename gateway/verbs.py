"""What operators may ask of a gateway over MQTT: look, read, judge, announce. Nothing here writes to a device."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from gateway.clock import Clock
from gateway.north.commands import RefusedRequestError, Verb, number, text
from gateway.settings.models import Site
from gateway.south.poll import Poll
from rules.area import PlannedOutage, Report
from rules.incident import Incident, Verdict

PLAN = "plan/"
"""Announced outages are kept in the store under this and their id."""


class Rules(Protocol):
    """The part of the rules that operators reach."""

    def judge(self, report: Report) -> Verdict:
        """A customer's call."""

    def plan(self, outage: PlannedOutage) -> None:
        """An announcement."""

    def unplan(self, outage: str) -> None:
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
        remember: Callable[[str, float, float], bool] = lambda _device, _start, _end: False,
    ) -> None:
        """`ask` reads a device now; `keep` stores items of state, None to forget one.

        `remember` has a device's memory of a span read when its line is idle, if it has one.
        """
        self._site, self._rules, self._clock = site, rules, clock
        self._ask, self._keep, self._figures, self._remember = ask, keep, figures, remember
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
        """Announce an outage: `outage` (its id), `node`, `start` and `end` in epoch seconds, `reason`."""
        outage = PlannedOutage(
            text(request, "outage"),
            text(request, "node"),
            number(request, "start"),
            number(request, "end"),
            text(request, "reason", ""),
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
        self._rules.unplan(outage)
        self._keep({PLAN + outage: None})
        return {"outage": outage}

    async def incidents(self, _request: Mapping[str, Any]) -> object:
        """What lasts now."""
        return [asdict(incident) for incident in self._rules.active()]

    async def figures(self, _request: Mapping[str, Any]) -> object:
        """The gateway's own figures."""
        return self._figures()

    def _device(self, request: Mapping[str, Any]) -> str:
        device = text(request, "device")
        if device not in self._devices:
            raise RefusedRequestError(f"there is no device {device!r} in area {self._site.area.id}")
        return device


def announced(saved: Mapping[str, object]) -> tuple[PlannedOutage, ...]:
    """Outages that operators announced in earlier lives of the gateway."""
    rows = (value for key, value in saved.items() if key.startswith(PLAN))
    return tuple(PlannedOutage(**row) for row in rows if isinstance(row, dict))
