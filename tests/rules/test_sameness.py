"""What the phases, nodes and devices are called, and in which order they are written down, changes nothing."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Area
from rules.engine import Engine
from rules.observation import Observation
from tests.rules.areas import found, readings, run, village

AREA = village(collector="B2")
FAULTS = {
    "a box that feeds the collector": (Fault("breaker_tripped", "B2"),),
    "one phase of a feeder and a box elsewhere": (Fault("fuse_blown", "F1", "B"), Fault("breaker_tripped", "B4")),
    "a broken neutral": (Fault("neutral_broken", "L1"),),
    "one MV phase": (Fault("mv_phase_loss", "MV", "A"),),
    "two meters": (Fault("supply_lost", "B1-2"), Fault("relay_open", "B5-4")),
    "a line": (Fault("collector_dead", "RS2"),),
}
Told = list[tuple[str, str, str, tuple[str, ...], float, float | None]]


def told(area: Area, seen: Sequence[Observation], back: Callable[[str], str], phases: Mapping[str, str]) -> Told:
    """What was found, in the names of the village."""
    return sorted(
        (
            one.type,
            back(one.node),
            "".join(sorted(phases[letter] for letter in one.phases)),
            tuple(sorted(map(back, one.devices))),
            one.started_at,
            one.ended_at,
        )
        for one in found(run(Engine(area), seen))
    )


def turned(name: str, phases: Mapping[str, str]) -> str:
    """A point's name when its phase is called otherwise."""
    stem, _, letter = name.rpartition("_")
    return f"{stem}_{phases[letter.upper()].lower()}" if letter in ("a", "b", "c") else name


@pytest.fixture(params=list(FAULTS.values()), ids=list(FAULTS))
def seen(request: pytest.FixtureRequest) -> list[Observation]:
    return list(readings(AREA, *((fault, 900.0, 2400.0) for fault in request.param), minutes=55, timeouts=0.002))


@pytest.fixture
def expected(seen: list[Observation]) -> Told:
    return told(AREA, seen, str, {letter: letter for letter in "ABC"})


def test_other_phases(seen: list[Observation], expected: Told) -> None:
    to, back = {"A": "C", "B": "A", "C": "B"}, {"C": "A", "A": "B", "B": "C"}
    devices = tuple(replace(one, phases="".join(sorted(to[letter] for letter in one.phases))) for one in AREA.devices)
    other = [one._replace(values={turned(point, to): value for point, value in one.values.items()}) for one in seen]
    assert told(replace(AREA, devices=devices), other, str, back) == expected
    assert expected


def test_other_names_in_another_order(seen: list[Observation], expected: Told) -> None:
    chance = random.Random(5)
    names = [
        *(node.id for node in AREA.nodes),
        *(device.id for device in AREA.devices),
        "RS1",
        "RS2",
        "TTU",
        "LTU",
        "NB",
    ]
    to = dict(zip(names, chance.sample([f"{number:x}" for number in range(9000)], len(names)), strict=True))
    back = {new: old for old, new in to.items()}
    nodes = [replace(one, id=to[one.id], parent=to[one.parent] if one.parent else None) for one in AREA.nodes]
    devices = [replace(one, id=to[one.id], node=to[one.node], bus=to[one.bus or ""]) for one in AREA.devices]
    buses = [replace(one, id=to[one.id], collector_node=to.get(one.collector_node or "")) for one in AREA.buses]
    for rows in (nodes, devices, buses):
        chance.shuffle(rows)
    area = replace(AREA, nodes=tuple(nodes), devices=tuple(devices), buses=tuple(buses))
    other = [one._replace(device=to[one.device], bus=to[one.bus or ""]) for one in seen]
    assert told(area, other, back.__getitem__, {letter: letter for letter in "ABC"}) == expected
