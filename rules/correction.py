"""Outage times set right by the meters' own power-down records, after the incident has ended.

A poll sees an outage up to a period late; the meter writes the second into its memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from rules.incident import Incident

SLACK_S = 60.0  # meters' clocks are good to a minute
WORTH_S = 5.0  # a change of the times by less is not told again
KEPT_S = 2 * 86_400.0  # ended outages wait so long for records
MOST = 50  # ended outages that are kept


@dataclass(frozen=True, slots=True)
class PowerDown:
    """A meter was without supply, by its own record; times already on our clock, epoch seconds."""

    device: str
    start: float
    end: float


def is_outage(kind: str) -> bool:
    """Whether incidents of a type are a loss of supply that a meter's memory can tell about."""
    return kind.endswith(("_outage", "phase_loss"))


def corrected(incident: Incident, downs: Iterable[PowerDown], at: float) -> Incident | None:
    """An ended outage with the times of its meters' records: the median, a record a meter. None without records.

    Of several records of a meter the one counts that shares most of its time with the outage.
    """
    if incident.ended_at is None:
        return None
    best: dict[str, PowerDown] = {}
    for down in downs:
        if down.device in incident.devices and _fits(incident, incident.ended_at, down):
            other = best.get(down.device)
            if other is None or _shared(incident, down) > _shared(incident, other):
                best[down.device] = down
    if not best:
        return None
    starts, ends = sorted(down.start for down in best.values()), sorted(down.end for down in best.values())
    meters = "one meter" if len(best) == 1 else f"{len(best)} meters"
    return replace(
        incident,
        reason="corrected",
        at=at,
        started_at=_median(starts),
        started_after=min(starts[0], _median(starts)),
        ended_at=_median(ends),
        evidence=(*incident.evidence, f"begin and end by the power-down records of {meters}"),
        figures={
            **incident.figures,
            "power_down_records": float(len(best)),
            "power_down_spread_s": max(starts[-1] - starts[0], ends[-1] - ends[0]),
        },
    )


def _fits(incident: Incident, ended_at: float, down: PowerDown) -> bool:
    earliest, latest = incident.started_after - SLACK_S, ended_at + SLACK_S
    return earliest <= down.start < down.end <= latest and _shared(incident, down) > 0


def _shared(incident: Incident, down: PowerDown) -> float:
    return min(down.end, (incident.ended_at or down.end) + SLACK_S) - max(down.start, incident.started_at - SLACK_S)


def _median(times: Sequence[float]) -> float:
    middle = len(times) // 2
    return times[middle] if len(times) % 2 else (times[middle - 1] + times[middle]) / 2


class Corrections:
    """Outages that ended lately, what their meters remember, and what was told of it."""

    def __init__(self, saved: Mapping[str, object] | None = None) -> None:
        self._ended: dict[str, Incident] = {}  # by id, as the rules told them
        self._told: dict[str, tuple[float, float]] = {}  # by id: begin and end that were told last
        self._downs: list[PowerDown] = []
        self._changed = False
        self._load((saved or {}).get("corrections"))

    def hear(self, incidents: Iterable[Incident], at: float) -> list[Incident]:
        """Incidents as they are told; those that have ended and can be set right by records that came before."""
        said = []
        for incident in incidents:
            if incident.state == "cleared" and incident.reason != "corrected" and is_outage(incident.type):
                self._ended[incident.id] = incident
                said += self._say(incident, at)
                self._changed = True
        if self._changed:
            self._forget(at)
        return said

    def take(self, downs: Sequence[PowerDown], at: float) -> list[Incident]:
        """More records; the incidents whose times change with them."""
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
                "told": self._told,
                "downs": [asdict(down) for down in self._downs],
            }
        }

    def _say(self, incident: Incident, at: float) -> list[Incident]:
        better = corrected(incident, self._downs, at)
        if better is None or better.ended_at is None:
            return []
        was = self._told.get(incident.id, (incident.started_at, incident.ended_at or 0.0))
        now = (better.started_at, better.ended_at)
        if max(abs(now[0] - was[0]), abs(now[1] - was[1])) < WORTH_S:
            return []
        self._told[incident.id] = now
        return [better]

    def _forget(self, at: float) -> None:
        fresh = [one for one in self._ended.values() if (one.ended_at or 0.0) > at - KEPT_S][-MOST:]
        self._ended = {incident.id: incident for incident in fresh}
        self._told = {name: times for name, times in self._told.items() if name in self._ended}
        self._downs = [down for down in self._downs if down.end > at - KEPT_S]

    def _load(self, kept: object) -> None:
        if not isinstance(kept, dict):
            return
        for row in kept["ended"]:
            lists = {key: tuple(value) for key, value in row.items() if isinstance(value, list)}
            self._ended[row["id"]] = Incident(**{**row, **lists})
        self._told = {name: (begin, end) for name, (begin, end) in kept["told"].items()}
        self._downs = [PowerDown(**row) for row in kept["downs"]]
