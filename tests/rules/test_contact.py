"""A supply whose contact gets bad is told from a long one, and from a meter that measures wrongly, at any spacing."""

import random
from collections.abc import Callable, Iterator, Sequence

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found

DAY_S = 86_400.0
NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))
METERS = tuple(Device(f"M{number}", "meter", "B1", "A", "RS1") for number in range(4))
Ohm = Callable[[int, float], float]
"""Impedance of a meter's supply after so many days."""


def told(ohm: Ohm, every_s: float, days: float, off: float = 0.0, meters: int = 4) -> list[Incident]:
    """What is said for sure of a box; `off`: by how many volts the third meter measures wrongly."""
    area = Area("box", NODES, METERS[4 - meters :], poll_period_s=every_s)
    engine, said = Engine(area), list[Incident]()
    for seen in box(ohm, every_s, days, off, meters):
        said += engine.take(seen).incidents
    return found(said)


def box(ohm: Ohm, every_s: float, days: float, off: float, meters: int) -> Iterator[Observation]:
    """Meters read a second apart; the voltage at their box moves from second to second, and with all they draw."""
    rng = random.Random(3)
    amps: Sequence[float] = [0.0] * 4
    for number in range(int(days * DAY_S / every_s)):
        if number * every_s % 900 < every_s:
            amps = [rng.choice([0.5, 2.0, 9.0]) * rng.uniform(0.8, 1.2) for _ in METERS]
        box_v = rng.uniform(222, 228) - 0.3 * sum(amps)
        for place in range(4 - meters, 4):
            volts = box_v - amps[place] * ohm(place, number * every_s / DAY_S) + rng.gauss(0, 0.15) + off * (place == 2)
            values = {"voltage": round(volts, 1), "current": round(amps[place], 3), "active_power": amps[place] * 0.22}
            yield Observation(METERS[place].id, START + number * every_s + place, values, bus="RS1")


LOOSE = [("loose_connection", "M2")]
OHMS: dict[str, tuple[Ohm, list[tuple[str, str]]]] = {
    "good contacts": (lambda _, __: 0.02, []),
    "one that is loose": (lambda n, _: 0.5 if n == 2 else 0.02, LOOSE),
    "one that is worse than its neighbours'": (lambda n, _: 0.17 if n == 2 else 0.02, LOOSE),
    "long supplies, all alike": (lambda n, _: 0.12 + 0.01 * n, []),
}


@pytest.mark.parametrize(("ohm", "expected"), OHMS.values(), ids=OHMS.keys())
@pytest.mark.parametrize("every_s", [15.0, 60.0, 900.0], ids=["every 15 s", "every minute", "every 15 min"])
def test_contacts(every_s: float, ohm: Ohm, expected: list[tuple[str, str]]) -> None:
    assert [(incident.type, incident.node) for incident in told(ohm, every_s, 1.5)] == expected


@pytest.mark.parametrize(("a_week", "expected"), [(0.5, LOOSE), (0.1, [])], ids=["by half", "by a tenth"])
@pytest.mark.parametrize("every_s", [60.0, 900.0], ids=["every minute", "every 15 min"])
def test_a_contact_that_grows_worse_every_week(every_s: float, a_week: float, expected: list[tuple[str, str]]) -> None:
    said = told(lambda n, day: 0.1 * (1 + a_week * max(0.0, day - 7) / 7) if n == 2 else 0.1, every_s, 17)
    assert [(incident.type, incident.node) for incident in said] == expected


@pytest.mark.parametrize(
    ("every_s", "hours"), [(15.0, 8), (60.0, 8), (900.0, 30)], ids=["every 15 s", "every minute", "every 15 min"]
)
def test_a_contact_that_is_mended_is_over_within(every_s: float, hours: float) -> None:
    (incident,) = told(lambda n, day: 0.4 if n == 2 and day < 2 else 0.02, every_s, 2 + hours / 24)
    assert incident.state == "cleared"


OFF: dict[str, tuple[float, float, int, list[tuple[str, str]]]] = {
    "as wrong as meters may be": (0.02, 2.0, 4, []),
    "always too high": (0.02, 7.0, 4, [("voltage_misfit", "M2")]),
    "always too low": (0.02, -7.0, 4, [("voltage_misfit", "M2")]),
    "too low behind a loose contact": (0.5, -7.0, 4, [("loose_connection", "M2"), ("voltage_misfit", "M2")]),
    "one of two that differ, and nobody knows which": (0.02, 7.0, 2, []),
}


@pytest.mark.parametrize(("ohm", "off", "meters", "expected"), OFF.values(), ids=OFF.keys())
def test_a_voltage_that_is(ohm: float, off: float, meters: int, expected: list[tuple[str, str]]) -> None:
    said = told(lambda n, _: ohm if n == 2 else 0.02, 60.0, 0.5, off, meters)
    assert sorted((incident.type, incident.node) for incident in said) == expected
