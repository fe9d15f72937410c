"""Weak points are named before they fail, and nothing healthy is."""

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


def kept(kw: float, counts: float, minute: int, **more: float) -> dict[str, float]:
    """A meter that draws so much and whose register counts this share of it."""
    amps = kw / 0.225
    return meter(amps=amps, active_power=kw, energy_import=round(40 + counts * kw * minute / 60, 2), **more)


REGISTERS: dict[str, tuple[float, float, list[tuple[str, str]]]] = {
    "one that counts what is drawn": (1.0, 1.0, []),
    "one that stands still while power is drawn": (1.0, 0.0, [("register_frozen", "cleared")]),
    "one that stands still since next to nothing is drawn": (0.02, 0.0, []),
    "one that counts a third of what is drawn": (1.0, 0.33, [("consumption_misfit", "confirmed")]),
    "one that counts a third of next to nothing": (0.1, 0.33, []),
    "one that counts three times what is drawn": (1.0, 3.0, [("consumption_misfit", "confirmed")]),
}


@pytest.mark.parametrize(("kw", "counts", "expected"), REGISTERS.values(), ids=REGISTERS.keys())
def test_registers(kw: float, counts: float, expected: list[tuple[str, str]]) -> None:
    rows = [{"M0": kept(kw, counts, minute)} for minute in range(0 if counts else 1380, 1500)]
    rows += [] if counts else [{"M0": kept(kw, 1.0, minute)} for minute in range(1500, 1502)]
    said = told(rows)
    assert [(incident.type, incident.state) for incident in said] == expected
    assert all(incident.severity == "info" for incident in said)


def test_a_battery_that_feeds_in_between_two_readings_is_no_replaced_meter() -> None:
    rows = [
        {"M0": meter(active_power=1.0, energy_import=100 + minute / 60, energy_export=0.3 * (minute // 10))}
        for minute in range(60)
    ]
    assert told(rows) == []


def test_what_a_register_counts_while_nobody_asks_is_held_against_no_reading() -> None:
    rows = [{"M0": kept(1.0, 1.0, minute)} if minute % 200 < 100 else {} for minute in range(1500)]
    assert told(rows) == []


def test_a_replaced_meter_is_one_thing_and_not_two() -> None:
    rows = [{"M0": kept(1.0, 1.0, minute if minute < 700 else minute - 700)} for minute in range(1500)]
    assert [incident.type for incident in told(rows)] == ["register_backwards"]


def test_a_house_that_feeds_in_fits() -> None:
    rows = []
    for minute in range(1500):
        out = 3.0 * max(0, minute - 700) / 60
        kw = 1.0 if minute <= 700 else -3.0
        row = meter(active_power=kw, energy_export=round(out, 2), energy_import=round(min(minute, 700) / 60, 2))
        rows.append({"M0": {**row, "current": abs(kw) / 0.225}})
    assert told(rows) == []


POWERS: dict[str, tuple[dict[str, float], list[str]]] = {
    "power as current and voltage make": (meter(amps=8.0), []),
    "a motor at no load": (meter(amps=8.0, active_power=0.3, reactive_power=1.7), []),
    "current without power": (meter(amps=8.0, active_power=0.01, reactive_power=0.0), ["consumption_misfit"]),
    "too little current to tell": (meter(amps=0.5, active_power=0.0), []),
    "current without power at half the voltage": (meter(volts=100.0, amps=8.0, active_power=0.01), []),
}


@pytest.mark.parametrize(("values", "expected"), POWERS.values(), ids=POWERS.keys())
def test_current_without_power(values: dict[str, float], expected: list[str]) -> None:
    said = [incident for incident in told([{"M0": values}] * 45) if incident.severity == "info"]
    assert [incident.type for incident in said] == expected
    over = told([{"M0": values}] * 45 + [{"M0": meter(amps=8.0)}] * 2)
    assert {incident.state for incident in over if incident.type in expected} == {"cleared" for _ in expected}


def test_phases_that_cancel_out_are_no_lack_of_power() -> None:
    house = Area("house", NODES, (Device("M0", "meter", "B1", "ABC", "RS1"),))
    feeding = {f"active_power_{phase}": kw for phase, kw in zip("abc", (1.8, -1.8, 0.0), strict=True)}
    volts = {f"voltage_{phase}": 225.0 for phase in "abc"} | {"current_a": 8.0, "current_b": -8.0, "current_c": 0.0}
    assert told([{"M0": {**volts, **feeding, "active_power": 0.0}}] * 60, house) == []


def test_a_load_that_is_gone_at_once_points_behind_the_meter() -> None:
    rows = [{"M0": meter(amps=2.0 if minute < 60 else 0.0)} for minute in range(90)]
    (incident,) = told(rows)
    assert (incident.type, incident.severity) == ("customer_side_fault", "info")


def test_where_no_current_is_polled_the_power_tells_of_a_load_that_is_gone() -> None:
    rows = [{"M0": {"voltage": 225.0, "active_power": 0.45 if minute < 60 else 0.0}} for minute in range(90)]
    (incident,) = told(rows)
    assert (incident.type, incident.node) == ("customer_side_fault", "M0")


def test_a_device_that_nobody_knows() -> None:
    assert [incident.type for incident in told([{"M0": meter(), "WHO": meter()}] * 3)] == ["unknown_device"]
