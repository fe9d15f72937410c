"""A recording through the rules at full speed: what the engine says, in the order it says it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.recording import Recording
from rules.area import Report
from rules.engine import Engine
from rules.incident import Incident, Verdict
from rules.observation import Observation

VOLTAGES = ("voltage", "voltage_a", "voltage_b", "voltage_c")
AROUND_POLLS = 5
"""So many polls before and after an incident are looked at to explain it."""


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
    for incident in engine.tick(call.at).incidents:  # what time alone has settled since the last poll
        _told(incident, came, write)
    verdict = engine.judge(call)
    came.verdicts.append(verdict)
    write(verdict)


def _told(incident: Incident, came: Replayed, write: Callable[[Incident | Verdict], object]) -> None:
    came.incidents[incident.id] = incident
    came.said.setdefault(incident.id, []).append(incident)
    if incident.state == "confirmed":
        came.confirmed_at.setdefault(incident.id, incident.at)
    write(incident)


@dataclass(slots=True)
class Spell:
    """Readings of one device in a span: how many polls were answered, and the lowest and highest voltage."""

    polls: int = 0
    answered: int = 0
    low: float | None = None
    high: float | None = None

    def add(self, seen: Observation) -> None:
        """One more poll."""
        self.polls += 1
        self.answered += seen.fault is None
        for point, value in seen.values.items():
            if point in VOLTAGES and value is not None:
                self.low = value if self.low is None else min(self.low, value)
                self.high = value if self.high is None else max(self.high, value)


@dataclass(slots=True)
class Account:
    """What one device had to say of an incident: before it, while it lasted and after it."""

    device: str
    before: Spell = field(default_factory=Spell)
    during: Spell = field(default_factory=Spell)
    after: Spell = field(default_factory=Spell)
    notices: list[tuple[float, str]] = field(default_factory=list)  # what it said unasked, epoch seconds


def accounts(recording: Recording, incident: Incident) -> list[Account]:
    """The readings behind an incident, of every device that it affects, with some polls around it.

    Raises RecordingError.
    """
    around = AROUND_POLLS * recording.area.poll_period_s
    began, ended = incident.started_at, incident.ended_at or recording.end
    heard = {device: Account(device) for device in incident.devices or (incident.node,)}
    for seen in recording.observations():
        account = heard.get(seen.device)
        if account is None or not began - around <= seen.at <= ended + around:
            continue
        if seen.notice:
            account.notices.append((seen.at, seen.notice))
        else:
            (account.before if seen.at < began else account.after if seen.at >= ended else account.during).add(seen)
    return list(heard.values())
