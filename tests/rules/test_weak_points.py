"""Weak points are named before they fail, and nothing healthy is."""

import random
from collections.abc import Mapping, Sequence

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, found

NODES = (Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"))
METERS = tuple(Device(f"M{number}", "meter", "B1", "A", "RS1") for number in range(4))
AREA = Area("box", NODES, (*METERS, Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800)))


def told(rounds: Sequence[Mapping[str, Mapping[str, float]]], area: Area = AREA) -> list[Incident]:
    """What is said for sure when these values are read, a round a minute."""
    engine = Engine(area)
    said: list[Incident] = []
    for number, row in enumerate(rounds):
        for place, (device, values) in enumerate(row.items()):
            said += engine.take(Observation(device, START + 60 * number + place * 0.5, values)).incidents
        said += engine.tick(START + 60 * number + 30).incidents
    return found(said)


def meter(volts: float = 225.0, amps: float = 2.0, **more: float) -> dict[str, float]:
    return {"voltage": volts, "current": amps, "active_power": volts * amps / 1000, **more}


OFFSETS = {
    "a clock that is well": (20.0, []),
    "a clock that drifts": (90.0, ["info"]),
    "a clock that is far off": (-900.0, ["minor"]),
}


@pytest.mark.parametrize(("offset", "severities"), OFFSETS.values(), ids=OFFSETS.keys())
def test_clocks(offset: float, severities: list[str]) -> None:
    said = told([{"M0": meter(clock_offset=offset)}] * 3)
    assert [(incident.type, incident.severity) for incident in said] == [("clock_drift", s) for s in severities]


def test_a_register_that_runs_backwards() -> None:
    rows = [{"M0": meter(energy_import=kwh)} for kwh in (100.0, 100.1, 3.2, 3.3)]
    assert [(incident.type, incident.node) for incident in told(rows)] == [("register_backwards", "M0")]


def test_a_load_that_is_gone_at_once_points_behind_the_meter() -> None:
    rows = [{"M0": meter(amps=2.0 if minute < 60 else 0.0)} for minute in range(90)]
    (incident,) = told(rows)
    assert (incident.type, incident.severity) == ("customer_side_fault", "info")


def test_a_device_that_nobody_knows() -> None:
    assert [incident.type for incident in told([{"M0": meter(), "WHO": meter()}] * 3)] == ["unknown_device"]


@pytest.mark.parametrize("ohm", [0.02, 0.5], ids=["a good contact", "a loose one"])
def test_contacts(ohm: float) -> None:
    rng = random.Random(3)
    rows = []
    for _ in range(240):
        supply, amps = rng.uniform(222, 228), [rng.uniform(0, 15) for _ in METERS]
        rows.append(
            {
                device.id: meter(supply - amps[n] * (ohm if n == 2 else 0.02) + rng.gauss(0, 0.2), amps[n])
                for n, device in enumerate(METERS)
            }
        )
    said = told(rows)
    assert [(incident.type, incident.node) for incident in said] == ([("loose_connection", "M2")] if ohm > 0.1 else [])


@pytest.mark.parametrize("stolen_kw", [0.0, 3.0], ids=["every meter counts", "one is bypassed"])
def test_energy_that_no_meter_took(stolen_kw: float) -> None:
    rows = []
    for minute in range(250):
        row = {device.id: meter(energy_import=round(5.0 * minute / 60, 2)) for device in METERS}
        given = round((20.4 + stolen_kw) * minute / 60, 2)
        row["TTU"] = {"voltage_a": 230.0, "voltage_b": 230.0, "voltage_c": 230.0, "energy_import": given}
        rows.append(row)
    said = told(rows)
    assert [(incident.type, incident.node) for incident in said] == ([("line_loss", "T1")] if stolen_kw else [])
