"""A recording through the rules at full speed: what the engine says, in the order it says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.recording import Recording
from rules.area import Report
from rules.engine import Engine
from rules.incident import Incident, Verdict
from rules.observation import Observation


@dataclass(slots=True)
class Replayed:
    """What came of a whole recording."""

    observations: int = 0
    incidents: dict[str, Incident] = field(default_factory=dict)  # the newest word on each, by id
    confirmed_at: dict[str, float] = field(default_factory=dict)
    said: dict[str, list[Incident]] = field(default_factory=dict)  # every word on each, by id
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def found(self) -> list[Incident]:
        """Incidents that were confirmed, in the order of their confirmation."""
        return [self.incidents[name] for name in self.confirmed_at]


def replay(
    recording: Recording,
    thresholds: Mapping[str, Mapping[str, float]],
    write: Callable[[Incident | Verdict], object] = lambda _: None,
    look: Callable[[Observation], object] | None = None,
) -> Replayed:
    """Run a recording through the rules; `write` gets every word as it is said, `look` sees every observation.

    Raises RecordingError.
    """
    engine = Engine(recording.area, thresholds, recording.planned, recording.orders)
    came = Replayed()
    calls = list(reversed(recording.reports))
    at = recording.start
    for seen in recording.observations():
        at = seen.at
        while calls and calls[-1].at <= at:
            _judged(engine, calls.pop(), came, write)
        came.observations += 1
        if look is not None:
            look(seen)
        for incident in engine.take(seen).incidents:
            _told(incident, came, write)
    for incident in engine.tick(max(at, recording.end)).incidents:
        _told(incident, came, write)
    while calls:
        _judged(engine, calls.pop(), came, write)
    return came


def _judged(engine: Engine, call: Report, came: Replayed, write: Callable[[Incident | Verdict], object]) -> None:
    verdict = engine.judge(call)
    came.verdicts.append(verdict)
    write(verdict)


def _told(incident: Incident, came: Replayed, write: Callable[[Incident | Verdict], object]) -> None:
    came.incidents[incident.id] = incident
    came.said.setdefault(incident.id, []).append(incident)
    if incident.state == "confirmed":
        came.confirmed_at.setdefault(incident.id, incident.at)
    write(incident)
