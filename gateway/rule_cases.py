"""Rule cases written as series: what is read, minute by minute, and what the rules must say about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gateway.settings.case_file import NOT_READ, SILENT, CaseRow, Words, read, seconds, series
from gateway.settings.fault import SettingsError
from gateway.settings.toml_file import read_toml
from rules.area import Area
from rules.engine import Engine
from rules.incident import Outcome
from rules.observation import Observation

START = 1_760_000_000.0
APART_S = 0.1  # between the reads of one round


class CaseError(Exception):
    """A file of cases that cannot be run; says where and what to do."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: series by device and point, and the events that they must give."""

    title: str
    area: Area
    interval_s: float
    limits: Mapping[str, Mapping[str, float]]
    series: Mapping[tuple[str, str], Words]
    events: tuple[str, ...]
    states: frozenset[str]


def read_cases(path: Path, site: Mapping[str, Mapping[str, float]] = MappingProxyType({})) -> list[Case]:
    """The cases of a file, with the thresholds of a `site` where the file sets none.

    Raises CaseError with every fault: its line, its key, and what to do.
    """
    try:
        cases, area = read(read_toml(path))
    except SettingsError as error:
        raise CaseError(str(error)) from error
    limits = {rule: {**site.get(rule, {}), **cases.thresholds.get(rule, {})} for rule in {**site, **cases.thresholds}}
    return [_case(row, area, limits) for row in cases.case]


def run_case(case: Case) -> list[str]:
    """What the rules say, in the notation of the cases: time, state, type, place."""
    engine = Engine(case.area, case.limits)
    stage: dict[str, str] = {}
    said = []
    for outcome in _rounds(case, engine):
        for incident in outcome.incidents:
            if incident.state in case.states and stage.get(incident.id) != incident.state:
                when = written(incident.at - START)
                words = (when, incident.state, incident.type, incident.node, incident.phases)
                said.append(" ".join(word for word in words if word))
            stage[incident.id] = incident.state
    return said


def agrees(wanted: Sequence[str], said: Sequence[str], interval_s: float) -> bool:
    """Whether events are as wanted: same words, and each within the round that was named."""
    if len(wanted) != len(said):
        return False
    for want, got in zip(wanted, said, strict=True):
        when, *words = want.split()
        at, *heard = got.split()
        if heard[: len(words)] != words or not 0 <= seconds(at) - seconds(when) < interval_s:
            return False
    return True


def written(spell_s: float) -> str:
    """Seconds as the cases write them: whole minutes and what is left of them."""
    minutes, rest = divmod(spell_s, 60)
    return f"{minutes:.0f}m{rest:.1f}s" if rest >= 0.05 else f"{minutes:.0f}m"


def _case(row: CaseRow, area: Area, limits: Mapping[str, Mapping[str, float]]) -> Case:
    read = {(name.partition(".")[0], name.partition(".")[2] or "voltage"): series(t) for name, t in row.texts().items()}
    return Case(row.title, area, area.poll_period_s, limits, read, row.events, frozenset(row.states))


def _rounds(case: Case, engine: Engine) -> Iterator[Outcome]:
    """Every round is read, then the rules are told the time once before the next."""
    rounds = max(len(values) for values in case.series.values())
    devices = list(dict.fromkeys(device for device, _ in case.series))
    lines = {device.id: device.bus for device in case.area.devices}
    for number in range(rounds):
        for place, device in enumerate(devices):
            at = START + number * case.interval_s + place * APART_S
            read = {p: v[number] for (d, p), v in case.series.items() if d == device and number < len(v)}
            if not read or NOT_READ in read.values():
                continue
            values = {point: value for point, value in read.items() if isinstance(value, float)}
            silent = SILENT in read.values()
            yield engine.take(
                Observation(device, at, {} if silent else values, "timeout" if silent else None, bus=lines[device])
            )
        yield engine.tick(START + (number + 0.5) * case.interval_s)
