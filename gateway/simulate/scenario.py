"""Scenarios: which fault begins and ends when, and what the gateway is expected to say about it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.settings import SettingsError
from gateway.settings.fault import Fault as Complaint
from gateway.settings.toml_file import TomlFile, read_toml
from gateway.simulate import fault as faults
from gateway.simulate.fault import Fault
from rules.area import Area

_TOP = {"title": str, "length_s": (int, float), "fault": list}
_FAULT = {
    "id": str,
    "kind": str,
    "where": str,
    "phases": str,
    "begin_s": (int, float),
    "end_s": (int, float),
    "kw": (int, float),
    "share": (int, float),
    "planned": str,
    "title": str,
    "expect": dict,
}
_EXPECT = {"types": list, "nodes": list, "phases": str}
_WORDS: Mapping[Any, str] = {str: "a text in quotes", list: "a list", dict: "a table", (int, float): "a number"}

EXPECTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "fuse_blown": {
        "feeder": ("feeder_phase_loss",),
        "line": ("branch_phase_loss",),
        "box": ("box_phase_loss",),
    },
    "breaker_tripped": {"feeder": ("feeder_outage",), "line": ("branch_outage",), "box": ("box_outage",)},
    "line_broken": {"feeder": ("feeder_outage",), "line": ("branch_outage",), "box": ("box_outage",)},
    "neutral_broken": {"": ("neutral_break",)},
    "transformer_off": {"": ("transformer_outage", "area_outage")},
    "mv_phase_loss": {"": ("mv_phase_loss",)},
    "mv_outage": {"": ("mv_outage", "area_outage")},
    "overload": {"": ("low_voltage",)},
    "dip": {"": ()},
    "meter_dead": {"": ("comm_meter", "meter_outage")},
    "supply_lost": {"": ("meter_outage", "comm_meter")},
    "relay_open": {"": ("arrears_disconnect", "relay_open")},
    "customer_off": {"": ()},
    "collector_dead": {"": ("comm_bus",)},
    "line_noisy": {"": ("comm_noise",)},
}
"""Types of incident that name a fault rightly, by its kind and the kind of its node ('': any)."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the gateway has to say for the fault to count as found at its place."""

    types: tuple[str, ...]  # any of them; empty: nothing has to be said
    nodes: tuple[str, ...]  # any of them
    phases: str = ""  # '': not compared


@dataclass(frozen=True, slots=True)
class Episode:
    """One fault with its time."""

    id: str
    fault: Fault
    begin_s: float  # from the start of the scenario
    end_s: float | None  # None: it lasts
    title: str  # what people see
    expect: Expectation
    planned: str = ""  # why the utility announced it; '': it did not


@dataclass(frozen=True, slots=True)
class Scenario:
    """A sequence of faults."""

    title: str
    length_s: float
    episodes: tuple[Episode, ...]

    def active(self, second: float) -> list[Fault]:
        """The faults that hold at a second of the scenario."""
        return [
            episode.fault
            for episode in self.episodes
            if episode.begin_s <= second and (episode.end_s is None or second < episode.end_s)
        ]


CALM = Scenario(title="nothing happens", length_s=0.0, episodes=())


def load(path: Path, area: Area) -> Scenario:
    """A scenario file, checked against the area it is to happen in. Raises SettingsError with all its faults."""
    file = read_toml(path)
    if complaints := [*file.faults, *_complaints(file, area)]:
        raise SettingsError(complaints)
    episodes = tuple(_episode(row, index, area) for index, row in enumerate(file.table.get("fault", [])))
    length = file.table.get("length_s", max((episode.end_s or episode.begin_s for episode in episodes), default=0.0))
    return Scenario(file.table.get("title", path.stem), float(length), episodes)


def _episode(row: Mapping[str, Any], index: int, area: Area) -> Episode:
    fault = Fault(row["kind"], row["where"], row.get("phases", ""), float(row.get("kw", 0)), float(row.get("share", 0)))
    expect = row.get("expect", {})
    end, planned = row.get("end_s"), row.get("planned", "")
    return Episode(
        id=row.get("id", f"fault-{index + 1}"),
        fault=fault,
        begin_s=float(row["begin_s"]),
        end_s=None if end is None else float(end),
        title=row.get("title", f"{fault.kind.replace('_', ' ')} {fault.phases}".strip()),
        expect=Expectation(
            types=tuple(expect.get("types", ("planned_outage",) if planned else expected_types(fault, area))),
            nodes=tuple(expect.get("nodes", (fault.where,))),
            phases=expect.get("phases", fault.phases if fault.kind == "fuse_blown" else ""),
        ),
        planned=planned,
    )


def expected_types(fault: Fault, area: Area) -> tuple[str, ...]:
    """Types of incident that name this fault rightly in this area."""
    by_node = EXPECTED[fault.kind]
    kinds = {node.id: node.kind for node in area.nodes}
    return by_node.get(kinds.get(fault.where, ""), by_node.get("", ()))


def _complaints(file: TomlFile, area: Area) -> Iterator[Complaint]:
    yield from _shape(file, (), file.table, _TOP)
    rows = file.table.get("fault", [])
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        where = ("fault", index)
        if not isinstance(row, dict):
            yield file.fault(where, "must be a table: write [[fault]] with kind, where and begin_s.")
            continue
        shape = list(_shape(file, where, row, _FAULT, needed=("kind", "where", "begin_s")))
        if isinstance(row.get("expect"), dict):
            shape += _shape(file, (*where, "expect"), row["expect"], _EXPECT)
        yield from shape or _sense(file, where, row, area)


def _shape(
    file: TomlFile,
    at: tuple[str | int, ...],
    table: Mapping[str, Any],
    known: Mapping[str, Any],
    needed: Sequence[str] = (),
) -> Iterator[Complaint]:
    for key in needed:
        if key not in table:
            yield file.fault((*at, key), "is missing. Add it.")
    for key, value in table.items():
        if key not in known:
            yield file.fault((*at, key), f"is not known here. Known are {', '.join(known)}.")
        elif not isinstance(value, known[key]) or isinstance(value, bool):
            yield file.fault((*at, key), f"{value!r} must be {_WORDS[known[key]]}.")


def _sense(file: TomlFile, at: tuple[str | int, ...], row: Mapping[str, Any], area: Area) -> Iterator[Complaint]:
    kind, where, phases = row["kind"], row["where"], row.get("phases", "")
    if kind not in faults.KINDS:
        yield file.fault((*at, "kind"), f"{kind!r} is no fault. There is {', '.join(faults.KINDS)}.")
        return
    places = _places(kind, area)
    if where not in places:
        yield file.fault(
            (*at, "where"), f"{where!r} cannot have a {kind}. It may be at {', '.join(places) or 'nothing here'}."
        )
    if set(phases) - set("ABC") or len(set(phases)) < len(phases):
        yield file.fault((*at, "phases"), f"{phases!r} is not made of A, B and C.")
    if kind in faults.NEEDS_PHASES and not phases:
        yield file.fault((*at, "phases"), f'is missing. A {kind} says which: phases = "B".')
    if row.get("end_s", row["begin_s"] + 1) <= row["begin_s"]:
        yield file.fault((*at, "end_s"), "is not after begin_s. Correct one of them.")
    if kind in faults.NEEDS_A_SHARE and not 0 < row.get("share", 0) <= 1:
        yield file.fault((*at, "share"), f"is missing or not within 0 to 1. A {kind} says how much of it: share = 0.3.")
    if kind == "overload" and not row.get("kw"):
        yield file.fault((*at, "kw"), "is missing. An overload says how many kW more: kw = 20.")


def _places(kind: str, area: Area) -> list[str]:
    if kind in faults.AT_THE_SOURCE:
        return [node.id for node in area.nodes if node.kind in ("transformer", "mv_feeder")]
    nodes = [node.id for node in area.nodes if node.kind in ("feeder", "line", "box")]
    meters = [device.id for device in area.devices if device.kind == "meter"]
    if kind in faults.AT_A_LINE:
        return [bus.id for bus in area.buses]
    if kind == "meter_dead":
        return [device.id for device in area.devices]
    if kind in faults.AT_A_DEVICE:
        return meters
    return nodes + meters if kind == "overload" else nodes
