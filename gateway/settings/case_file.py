"""A file of rule cases: series of readings by device and point, and the events that they must give."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar, Literal, cast, get_args

from pydantic import TypeAdapter

from gateway.catalog import catalog
from gateway.settings.fault import Fault, SettingsError
from gateway.settings.models import STRICT
from gateway.settings.shape import closest, shaped
from gateway.settings.toml_file import KeyPath, TomlFile
from rules import thresholds, topology
from rules.area import Area, Device, DeviceKind, Node, NodeKind
from rules.kinds import KINDS

NOT_READ, SILENT = "_", "-"
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST_ROUNDS = 100_000
STATES = ("suspected", "confirmed", "cleared", "cancelled")
Words = Sequence[float | str]
"""A series, one entry a round: a value, NOT_READ or SILENT."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One [[case]]."""

    __pydantic_config__: ClassVar = STRICT
    title: str
    values: str = ""
    series: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    states: tuple[Literal["suspected", "confirmed", "cleared", "cancelled"], ...] = ("confirmed", "cleared")

    def texts(self) -> dict[str, str]:
        """Every series by device and point; `values` are those of the default area's first meter."""
        return {"M1": self.values} if self.values else self.series


@dataclass(frozen=True, slots=True)
class AreaRow:
    """The [area] table: "NODE KIND [PARENT [KVA]]" and "DEVICE KIND NODE [PHASES [LINE]]"."""

    __pydantic_config__: ClassVar = STRICT
    nodes: tuple[str, ...] = ("T1 transformer", "F1 feeder T1", "B1 box F1")
    devices: tuple[str, ...] = ("M1 meter B1 A", "M2 meter B1 B", "M3 meter B1 C")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A file of cases as it is written."""

    __pydantic_config__: ClassVar = STRICT
    case: tuple[CaseRow, ...]
    interval: str = "1m"
    area: AreaRow = AreaRow()
    thresholds: dict[str, Any] = field(default_factory=dict)


_adapter = TypeAdapter(CaseFile)


def read(file: TomlFile) -> tuple[CaseFile, Area]:
    """The cases of a file and the area that they are read in. Raises SettingsError with every fault."""
    found = shaped(_adapter, file)
    faults = list(found.faults)
    if found.found is None or faults:
        raise SettingsError(faults)
    cases = found.found
    faults += [
        file.fault(("thresholds", rule, key) if key else ("thresholds", rule), says)
        for rule, key, says in thresholds.faults(cases.thresholds)
    ]
    area = _area(cases, file, faults)
    if not cases.case:
        faults.append(file.fault(("case",), "holds no [[case]]. Write one."))
    names = [device.id for device in area.devices]
    for number, row in enumerate(cases.case):
        faults += [file.fault(("case", number, *where), says) for where, says in _row_faults(row, names)]
    if faults:
        raise SettingsError(faults)
    return cases, area


def series(text: str) -> list[float | str]:
    """'220x3 _ -x2' is 220 three times, one round in which it was not read, two without an answer.

    Raises ValueError.
    """
    values: list[float | str] = []
    for word in text.split():
        value, by, times = word.partition("x")
        if by and not (times.isdecimal() and times.isascii() and 0 < len(times) < 7 and 0 < int(times) <= MOST_ROUNDS):
            raise ValueError(f"{word!r}: x is followed by how often, 1 to {MOST_ROUNDS}.")
        values += [value if value in (NOT_READ, SILENT) else _number(value)] * int(times or 1)
    if not 0 < len(values) <= MOST_ROUNDS:
        raise ValueError(f"has {len(values)} rounds. Write 1 to {MOST_ROUNDS}, such as '220x3 _ -x2'.")
    return values


def seconds(text: str) -> float:
    """'90s', '4m', '1h30m' in seconds. Raises ValueError."""
    parts = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no time. Write 90s, 4m or 1h30m.")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"{word!r} is no value. Write numbers, _ (not read) or - (no answer), such as '220x3 _ -x2'.")
    return value


def _row_faults(row: CaseRow, devices: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    if not row.title:
        yield ("title",), "is empty. Say in it what the rules have to do."
    if bool(row.values) == bool(row.series):
        yield ("series",), "and values: a case has one of them. Write values = '220x3', or series = { M1 = '220x3' }."
    yield from _series_faults(row, devices)
    yield from _event_faults(row.events)


def _series_faults(row: CaseRow, devices: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    for name, text in row.texts().items():
        where: KeyPath = ("values",) if row.values else ("series", name)
        device, _, point = name.partition(".")
        if device not in devices:
            yield where, f"the area has no device {device!r}; {closest(device, devices)}"
        if point and point not in catalog():
            yield where, f"{point!r} is no point of the catalogue; {closest(point, list(catalog()))}"
        try:
            series(text)
        except ValueError as error:
            yield where, str(error)


def _event_faults(events: Sequence[str]) -> Iterator[tuple[KeyPath, str]]:
    for number, event in enumerate(events):
        when, state, kind, *_ = [*event.split(), "", "", ""]
        try:
            seconds(when)
        except ValueError as error:
            yield ("events", number), str(error)
        if state not in STATES:
            yield ("events", number), f"{event!r} is no event. Write such as '4m confirmed low_voltage B1'."
        elif kind not in KINDS:
            yield ("events", number), f"no incident is of the kind {kind!r}; {closest(kind, tuple(KINDS))}"


def _area(cases: CaseFile, file: TomlFile, faults: list[Fault]) -> Area:
    """The area as far as it can be read; what is wrong with it is added to the faults."""
    interval_s = 60.0
    try:
        interval_s = seconds(cases.interval)
        if not interval_s:
            raise ValueError("is no time at all. Write 90s, 4m or 1h30m.")
    except ValueError as error:
        faults.append(file.fault(("interval",), str(error)))
    nodes = tuple(_lines(cases.area.nodes, ("area", "nodes"), _node, file, faults))
    devices = tuple(_lines(cases.area.devices, ("area", "devices"), _device, file, faults))
    area = Area("case", nodes, devices, poll_period_s=interval_s or 60.0)
    if not faults:
        faults += [file.fault(("area",), str(fault)) for fault in topology.faults(area)]
    return area


def _lines(lines: Sequence[str], where: KeyPath, make: Any, file: TomlFile, faults: list[Fault]) -> Iterator[Any]:
    for number, line in enumerate(lines):
        try:
            yield make(*line.split())
        except (TypeError, ValueError) as error:
            says = str(error) if isinstance(error, ValueError) else f"{line!r}: {WRITTEN[where[-1]]}"
            faults.append(file.fault((*where, number), says))


WRITTEN: Mapping[int | str, str] = {
    "nodes": "write NODE KIND [PARENT [KVA]], such as 'B1 box F1'.",
    "devices": "write DEVICE KIND NODE [PHASES [LINE]], such as 'M1 meter B1 A'.",
}


def _node(name: str, kind: str, parent: str | None = None, rated_kva: str = "0") -> Node:
    _known(kind, get_args(NodeKind))
    return Node(name, cast(NodeKind, kind), parent, rated_kva=_number(rated_kva) or None)


def _device(name: str, kind: str, node: str, phases: str = "ABC", line: str = "L1") -> Device:
    _known(kind, get_args(DeviceKind))
    return Device(name, cast(DeviceKind, kind), node, "" if kind == "sensor" else phases, line)


def _known(kind: str, kinds: Sequence[str]) -> None:
    if kind not in kinds:
        raise ValueError(f"{kind!r} is no kind of it; {closest(kind, kinds)}")
