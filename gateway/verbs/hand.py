"""Verbs by which operators take an incident in hand: acknowledge, shelve, say how far the crew is."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, get_args

from gateway.clock import Clock, iso
from gateway.verbs.request import RefusedRequestError, Request, moment, one_of, text
from rules.hand import Hand
from rules.incident import Incident, Work

SHELF_S = 30 * 86_400.0
"""Nothing is silenced for longer at a time."""

WORKS: tuple[Work, ...] = get_args(Work)


class Lasting(Protocol):
    """The part of the rules that holds incidents."""

    hand: Hand

    def active(self) -> Sequence[Incident]:
        """What lasts."""


@dataclass(frozen=True, slots=True)
class Handling:
    """What operators do to incidents that last."""

    rules: Lasting
    clock: Clock
    tell: Callable[[Incident], None]  # what changed

    async def acknowledge(self, request: Request) -> object:
        """Take care of an incident, so that nobody is reminded of it: `incident`, `by`."""
        incident, by = self._lasting(request), whose(request)
        if incident.acknowledged_by:
            raise RefusedRequestError(f"{incident.id} is acknowledged by {incident.acknowledged_by} already")
        return self._told(self.rules.hand.acknowledge(incident.id, by, self.clock.wall()))

    async def shelve(self, request: Request) -> object:
        """Silence an incident unless it ends or grows in severity: `incident`, `until`, `by`."""
        incident, now = self._lasting(request), self.clock.wall()
        until, by = quiet_until(request, now), whose(request)
        return self._told(self.rules.hand.shelve(incident.id, until, by, now))

    async def unshelve(self, request: Request) -> object:
        """End an incident's silence: `incident`."""
        incident = self._lasting(request)
        if incident.shelved_until is None:
            raise RefusedRequestError(f"{incident.id} is not shelved")
        return self._told(self.rules.hand.unshelve(incident.id, self.clock.wall()))

    async def progress(self, request: Request) -> object:
        """Say how far the crew is: `incident`, `state`, `expected_end`; customers are told."""
        incident, now = self._lasting(request), self.clock.wall()
        work: Work = one_of(request, "state", WORKS)
        expected = incident.expected_end
        if "expected_end" in request.arguments:
            expected = moment(request, "expected_end", now)
            if expected <= now:
                raise RefusedRequestError(f"'expected_end' must be later than now ({iso(now)})")
        return self._told(self.rules.hand.progress(incident.id, work, expected, now))

    def _told(self, incidents: Sequence[Incident]) -> object:
        """Tell everybody of what changed, and the operator too."""
        for incident in incidents:
            self.tell(incident)
        return [asdict(incident) for incident in incidents]

    def _lasting(self, request: Request) -> Incident:
        name = text(request, "incident")
        found = next((incident for incident in self.rules.active() if incident.id == name), None)
        if found is None:
            raise RefusedRequestError(f"no incident {name!r} lasts; ask 'incidents' which do")
        return found


def whose(request: Request) -> str:
    """Who answers for a request: the operator as proved, else whoever `by` names. Raises RefusedRequestError."""
    return request.operator or text(request, "by")


def quiet_until(request: Request, now: float) -> float:
    """How long something is to be quiet. Raises RefusedRequestError."""
    until = moment(request, "until", now)
    if not now < until <= now + SHELF_S:
        days = SHELF_S / 86_400
        raise RefusedRequestError(f"'until' must be later than now ({iso(now)}), by {days:.0f} days at most")
    return until
