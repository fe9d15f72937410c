"""Rule cases written as series: what is read, minute by minute, and what the rules must say about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, get_args

from gateway.settings.toml_file import read_toml
from rules import thresholds, topology
from rules.area import Area, Device, DeviceKind, Node, NodeKind
from rules.engine import Engine
from rules.incident import Outcome
from rules.observation import Observation

START = 1_760_000_000.0
APART_S = 0.1  # between the reads of one round
NOT_READ, SILENT = "_", "-"
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DEFAULT_AREA = {
    "nodes": ["T1 transformer", "F1 feeder T1", "B1 box F1"],
    "devices": ["M1 meter B1 A", "M2 meter B1 B", "M3 meter B1 C"],
}
STATES = ("suspected", "confirmed", "cleared", "cancelled")
EXPLAINED = "write events such as '4m confirmed low_voltage B1'"


class CaseError(Exception):
    """A file of cases that cannot be run; says where and what to do."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: series by device and point, and the events that they must give."""

    title: str
    area: Area
    interval_s: float
    limits: Mapping[str, Mapping[str, float]]
    series: Mapping[tuple[str, str], Sequence[float | str]]
    events: tuple[str, ...]
    states: frozenset[str]


def read_cases(path: Path, site: Mapping[str, Mapping[str, float]] = MappingProxyType({})) -> list[Case]:
    """The cases of a file, with the thresholds of a `site` where the file sets none.

    Raises CaseError with the case and the key that is wrong.
    """
    file = read_toml(path)
    if file.faults:
        raise CaseError("\n".join(map(str, file.faults)))
    table = file.table
    limits = table.get("thresholds", {})
    if wrong := thresholds.faults(limits):
        raise CaseError("\n".join(f"{path}: thresholds.{rule}.{key}: {says}" for rule, key, says in wrong))
    rows = table.get("case", [])
    if not isinstance(rows, list) or not rows:
        raise CaseError(f"{path}: holds no [[case]]")
    try:
        area = _area(table.get("area", DEFAULT_AREA), seconds(table.get("interval", "1m")))
        rules = {rule: {**site.get(rule, {}), **limits.get(rule, {})} for rule in {**site, **limits}}
        return [_case(row, area, rules) for row in rows]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CaseError(f"{path}: {_says(error)}") from error


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


def series(text: str) -> list[float | str]:
    """'220x3 _ -x2' is 220 three times, one round in which it was not read, two without an answer."""
    values: list[float | str] = []
    for word in text.split():
        value, _, times = word.partition("x")
        values += [value if value in (NOT_READ, SILENT) else float(value)] * int(times or 1)
    return values


def seconds(text: str) -> float:
    """'90s', '4m', '1h30m' in seconds. Raises ValueError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no time; write 90s, 4m or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def written(spell_s: float) -> str:
    """Seconds as the cases write them: whole minutes and what is left of them."""
    minutes, rest = divmod(spell_s, 60)
    return f"{minutes:.0f}m{rest:.1f}s" if rest >= 0.05 else f"{minutes:.0f}m"


def _case(row: Mapping[str, Any], area: Area, limits: Mapping[str, Mapping[str, float]]) -> Case:
    if "title" not in row:
        raise ValueError("a [[case]] has no title; say in it what the rules have to do")
    title = row["title"]
    known = {"title", "values", "series", "events", "states"}
    if unknown := set(row) - known:
        raise ValueError(f"{title!r}: {', '.join(sorted(unknown))} is unknown; a case has {', '.join(sorted(known))}")
    texts = {"M1": row["values"]} if "values" in row else dict(row.get("series", {}))
    read = {(name.partition(".")[0], name.partition(".")[2] or "voltage"): series(text) for name, text in texts.items()}
    names = {device.id for device in area.devices}
    if strange := sorted({device for device, _ in read} - names):
        raise ValueError(f"{title!r}: the area has no device {', '.join(strange)}; it has {', '.join(sorted(names))}")
    for event in row.get("events", ()):
        when, state, *_ = [*words(event), "", ""]
        seconds(when)
        if state not in STATES:
            raise ValueError(f"{title!r}: {event!r}: {EXPLAINED}")
    states = frozenset(row.get("states", ("confirmed", "cleared")))
    return Case(title, area, area.poll_period_s, limits, read, tuple(row.get("events", ())), states)


def _area(table: Mapping[str, Any], interval_s: float) -> Area:
    nodes = tuple(_node(*words(line)) for line in table["nodes"])
    devices = tuple(_device(*words(line)) for line in table["devices"])
    kinds = {node.kind for node in nodes} - set(get_args(NodeKind)) | {d.kind for d in devices} - set(
        get_args(DeviceKind)
    )
    if kinds:
        raise ValueError(f"{', '.join(sorted(kinds))} is no kind of node or device")
    area = Area("case", nodes, devices, poll_period_s=interval_s)
    if faults := topology.faults(area):
        raise ValueError("; ".join(map(str, faults)))
    return area


def words(line: object) -> list[str]:
    """The words of one line of the area."""
    return str(line).split()


def _node(name: str, kind: str, parent: str | None = None, rated_kva: str = "0") -> Node:
    return Node(name, cast(NodeKind, kind), parent, rated_kva=float(rated_kva) or None)


def _device(name: str, kind: str, node: str, phases: str = "ABC", line: str = "L1") -> Device:
    return Device(name, cast(DeviceKind, kind), node, "" if kind == "sensor" else phases, line)


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


def _says(error: Exception) -> str:
    return f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
