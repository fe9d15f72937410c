"""A weak point is raised while it is one and over when it is mended, however often its meter is read."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START

NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))


@dataclass(frozen=True, slots=True)
class Now:
    """The meter at a moment."""

    weak: bool
    kw: float  # that are drawn
    kwh: float  # its register, had it always counted right
    lacks: float  # kWh that were drawn while it was weak


@dataclass(frozen=True, slots=True)
class Life:
    """When a meter is weak, and what it shows instead of what is true."""

    kind: str
    hours: tuple[float, float, float]  # begin and end of it, and of the test
    shows: Callable[[Now], Mapping[str, float]]
    meters: int = 1  # in its box


LIVES: dict[str, Life] = {
    "a clock that is put right": Life("clock_drift", (1, 2, 3), lambda now: {"clock_offset": 700.0 * now.weak}),
    "a register that froze": Life(
        "register_frozen", (2, 8, 12), lambda now: {"energy_import": round(now.kwh - now.lacks, 2)}
    ),
    "a register that counted a third": Life(
        "consumption_misfit", (20, 50, 100), lambda now: {"energy_import": now.kwh - now.lacks * 2 / 3}
    ),
    "a current circuit that was open": Life(
        "consumption_misfit", (1, 4, 6), lambda now: {"active_power": 0.0} if now.weak else {}
    ),
    "a meter that was replaced": Life(
        "register_backwards", (1, 6, 6), lambda now: {"energy_import": now.lacks} if now.weak else {}
    ),
    "a voltage that was measured wrongly": Life(
        "voltage_misfit", (6, 24, 48), lambda now: {"voltage": 225.0 + 8.0 * now.weak}, meters=4
    ),
    "a loose contact": Life(
        "loose_connection",
        (6, 18, 48),
        lambda now: {"voltage": round(225.0 - (0.6 if now.weak else 0.02) * now.kw / 0.225, 1)},
        meters=4,
    ),
}


def plain(kw: float, kwh: float) -> dict[str, float]:
    return {"voltage": 225.0, "current": round(kw / 0.225, 3), "active_power": kw, "energy_import": round(kwh, 2)}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
@pytest.mark.parametrize("every_s", [15.0, 60.0, 900.0], ids=["every 15 s", "every minute", "every 15 min"])
def test_a_weak_point_is_raised_and_over(every_s: float, life: Life) -> None:
    names = [f"M{number}" for number in range(life.meters)]
    engine = Engine(Area("box", NODES, tuple(Device(name, "meter", "B1", "A", "RS1") for name in names)))
    rng, said = random.Random(3), list[Incident]()
    drawn, loads, lacks = dict.fromkeys(names, 500.0), dict.fromkeys(names, 0.5), 0.0
    begin_h, end_h, length_h = life.hours
    for number in range(int(length_h * 3600 / every_s)):
        weak = begin_h <= number * every_s / 3600 < end_h
        if number * every_s % 900 < every_s:
            loads = {name: rng.choice([0.3, 0.8, 1.5, 2.5]) for name in names}
        for place, (name, kw) in enumerate(loads.items()):
            drawn[name] += kw * every_s / 3600
            values = plain(kw, drawn[name])
            if name == "M0":
                lacks += weak * kw * every_s / 3600
                values |= life.shows(Now(weak, kw, drawn[name], lacks))
            said += engine.take(Observation(name, START + number * every_s + 0.3 * place, values)).incidents
    sure = [one for one in said if one.type == life.kind and one.state == "confirmed"]
    assert {one.node for one in sure} == {"M0"}
    assert begin_h * 3600 <= sure[0].at - START <= (end_h + 24) * 3600
    assert [one.type for one in engine.active()] == []
