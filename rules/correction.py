"""Ended incidents set right by the meters' own power-down records.

A poll sees an outage up to a period late, and cannot always tell it from a line that is dead; the meter writes the
second into its memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from rules.area import PlannedOutage
from rules.incident import Incident, incident_of, is_outage
from rules.kinds import KINDS
from rules.topology import Tree
from rules.words import OUTAGES, SEVERITIES

SLACK_S = 60.0  # meters' clocks are good to a minute
WORTH_S = 5.0  # a change of the times by less is not told again
KEPT_S = 2 * 86_400.0  # ended outages wait so long for records
MOST = 50  # ended incidents that are kept
CONTACT = ("comm_meter", "comm_bus")
PlanFor = Callable[[Iterable[str], float], PlannedOutage | None]
"""The announced outage that one of these nodes, without supply since a time, belongs to."""
SUPPLY = "-supply"
"""Behind the id of a loss of contact: the id of the outage that it was."""


@dataclass(frozen=True, slots=True)
class PowerDown:
    """A meter was without supply, by its own record; times already on our clock, epoch seconds."""

    device: str
    start: float
    end: float


def corrected(incident: Incident, downs: Iterable[PowerDown], at: float) -> Incident | None:
    """An ended outage with the times of its meters' records: the median, a record a meter. None without records."""
    best = _records(incident, downs)
    if not best:
        return None
    starts, ends = sorted(down.start for down in best.values()), sorted(down.end for down in best.values())
    return replace(
        incident,
        reason="corrected",
        at=at,
        started_at=_median(starts),
        started_after=min(starts[0], _median(starts)),
        ended_at=_median(ends),
        evidence=(*incident.evidence, f"begin and end by the power-down records of {_meters(len(best))}"),
        figures={
            **incident.figures,
            "power_down_records": float(len(best)),
            "power_down_spread_s": max(starts[-1] - starts[0], ends[-1] - ends[0]),
        },
    )


def _records(incident: Incident, downs: Iterable[PowerDown]) -> dict[str, PowerDown]:
    """By meter, the record that fits an ended incident; of several the one that shares most of its time with it."""
    best: dict[str, PowerDown] = {}
    for down in downs if incident.ended_at is not None else ():
        if down.device in incident.devices and _fits(incident, incident.ended_at or 0.0, down):
            other = best.get(down.device)
            if other is None or _shared(incident, down) > _shared(incident, other):
                best[down.device] = down
    return best


def _meters(number: int) -> str:
    return "one meter" if number == 1 else f"{number} meters"


def _fits(incident: Incident, ended_at: float, down: PowerDown) -> bool:
    earliest, latest = incident.started_after - SLACK_S, ended_at + SLACK_S
    return earliest <= down.start < down.end <= latest and _shared(incident, down) > 0


def _shared(incident: Incident, down: PowerDown) -> float:
    return min(down.end, (incident.ended_at or down.end) + SLACK_S) - max(down.start, incident.started_at - SLACK_S)


def _median(times: Sequence[float]) -> float:
    middle = len(times) // 2
    return times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2


def relabelled(
    contact: Incident, downs: Sequence[PowerDown], tree: Tree, plan_for: PlanFor, at: float
) -> tuple[Incident, ...]:
    """An ended loss of contact that was a loss of supply by its meters' records: the outage, and what it explains.

    Nothing without records, and of a line nothing unless most of the meters below one node say so and no meter of
    another line below it does not: such records count in the statistics, but tell of no fault that has a place.
    """
    records = _records(contact, downs)
    node = _place(contact, records, tree)
    if not node:
        return ()
    alone = node in tree.devices
    kind = "meter_outage" if alone else OUTAGES[tree.nodes[node].kind]
    lost = (node,) if alone else tree.meters_below(node)
    outage = replace(
        contact,
        id=contact.id + SUPPLY,
        type=kind,
        severity=SEVERITIES.get(kind, "major"),
        node=node,
        equivalents=() if alone else tree.equivalents(node),
        devices=lost,
        customers=tree.customers(lost),
        confidence=0.95,
        code=KINDS[kind].code,
        evidence=(f"it was taken for {contact.type} at {contact.node}, but the meters' own memory knows better",),
        figures={},
    )
    outage = corrected(outage, downs, at) or outage
    if plan := plan_for((node, *outage.equivalents), outage.started_at):
        says = (*outage.evidence, f"announced as {plan.id}")
        outage = replace(outage, type="planned_outage", severity="info", cause=plan.kind, evidence=says)
    says = (*contact.evidence, f"{_meters(len(records))} wrote down that supply was lost: see {outage.id}")
    explained = replace(contact, state="cancelled", reason="corrected", at=at, evidence=says, explained_by=outage.id)
    return outage, explained


def _place(contact: Incident, records: Mapping[str, PowerDown], tree: Tree) -> str:
    """The node or meter that lost supply, by records; '' when there is none that they all tell of."""
    if not records:
        return ""
    if len(contact.devices) == 1:
        return contact.devices[0]
    first = min(down.start for down in records.values())
    together = [name for name, down in records.items() if down.start - first <= SLACK_S]
    node = tree.common(together)
    below = tree.meters_below(node)
    sure = 2 * len(together) > len(below) and set(below) <= set(contact.devices)
    return node if sure else ""


class Corrections:
    """Outages and losses of contact that ended lately, what their meters remember, and what was told of it."""

    def __init__(
        self, tree: Tree, saved: Mapping[str, object] | None = None, plan_for: PlanFor = lambda _nodes, _since: None
    ) -> None:
        self._tree, self._plan_for = tree, plan_for
        self._ended: dict[str, Incident] = {}  # by id, as the rules told them
        self._told: dict[str, Incident] = {}  # by id: what was told last of those that records changed
        self._downs: list[PowerDown] = []
        self._changed = False
        self._load((saved or {}).get("corrections"))

    def hear(self, incidents: Iterable[Incident], at: float) -> list[Incident]:
        """Incidents as they are told; those that have ended and can be set right by records that came before."""
        said = []
        for incident in incidents:
            if incident.state == "cleared" and incident.reason != "corrected" and _can_be_set_right(incident):
                self._ended[incident.id] = incident
                said += self._say(incident, at)
                self._changed = True
        if self._changed:
            self._forget(at)
        return said

    def take(self, downs: Sequence[PowerDown], at: float) -> list[Incident]:
        """More records; the incidents that change with them."""
        new = [down for down in downs if down not in self._downs]
        if not new:
            return []
        self._downs += new
        self._changed = True
        self._forget(at)
        devices = {down.device for down in new}
        touched = [incident for incident in self._ended.values() if devices & set(incident.devices)]
        return [said for incident in touched for said in self._say(incident, at)]

    def changes(self) -> dict[str, object | None]:
        """Its state as plain data, when it changed since the last call."""
        if not self._changed:
            return {}
        self._changed = False
        return {
            "corrections": {
                "ended": [asdict(incident) for incident in self._ended.values()],
                "told": [asdict(incident) for incident in self._told.values()],
                "downs": [asdict(down) for down in self._downs],
            }
        }

    def _say(self, incident: Incident, at: float) -> list[Incident]:
        """What is to be told of an ended incident with the records that there are now."""
        if is_outage(incident.type):
            better = corrected(incident, self._downs, at)
            return self._new(incident, better) if better else []
        found = relabelled(incident, self._downs, self._tree, self._plan_for, at)
        return [said for one in found for said in self._new(incident if one.id == incident.id else None, one)]

    def _new(self, was: Incident | None, now: Incident) -> list[Incident]:
        """An incident as it is now, when it differs from what was told of it before."""
        was = self._told.get(now.id, was)
        if was is not None and _same(was, now):
            return []
        self._told[now.id] = now
        return [now]

    def _forget(self, at: float) -> None:
        fresh = [one for one in self._ended.values() if (one.ended_at or 0.0) > at - KEPT_S][-MOST:]
        self._ended = {incident.id: incident for incident in fresh}
        self._told = {name: one for name, one in self._told.items() if name.removesuffix(SUPPLY) in self._ended}
        self._downs = [down for down in self._downs if down.end > at - KEPT_S]

    def _load(self, kept: object) -> None:
        if not isinstance(kept, dict):
            return
        self._ended = {row["id"]: incident_of(row) for row in kept["ended"]}
        self._told = {row["id"]: incident_of(row) for row in kept["told"]}
        self._downs = [PowerDown(**row) for row in kept["downs"]]


def _can_be_set_right(incident: Incident) -> bool:
    return is_outage(incident.type) or incident.type in CONTACT


def _same(was: Incident, now: Incident) -> bool:
    """Whether what is told of an incident has not changed so that anybody would care."""
    moved = abs(now.started_at - was.started_at), abs((now.ended_at or 0.0) - (was.ended_at or 0.0))
    return max(moved) < WORTH_S and (was.state, was.type, was.node) == (now.state, now.type, now.node)
