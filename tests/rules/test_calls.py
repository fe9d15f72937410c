"""A customer's call is judged by what is known of the meter, not by what the line made of it."""

from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Report
from rules.engine import Engine
from rules.observation import Observation
from tests.rules.areas import START, readings, run, village

POLLS = {
    "its last poll was lost as well": ("timeout", "unknown"),
    "it answers": (None, "no_network_fault"),
}


@pytest.mark.parametrize(("fault", "verdict"), POLLS.values(), ids=POLLS.keys())
def test_a_call_from_a_line_that_loses_answers(fault: str | None, verdict: str) -> None:
    area = village()
    engine = Engine(area)
    run(engine, readings(area, (Fault("line_noisy", "RS1", share=0.4), 300.0, 3600.0), minutes=40))
    assert [incident.type for incident in engine.active()] == ["comm_noise"]
    values = {} if fault else {"voltage": 225.0, "current": 1.0, "active_power": 0.225}
    said = run(engine, [Observation("B2-1", START + 2401, values, "timeout" if fault else None, bus="RS1")])
    assert not said
    judged = engine.judge(Report("R", START + 2405, "B2-1", "no_power"))
    assert judged.verdict == verdict
    assert 0 < judged.confidence <= 1


PHASES = {f"voltage_{phase}": 225.0 for phase in "abc"}
WITHOUT_CURRENT: dict[str, tuple[str, dict[str, float], dict[str, float], str, str]] = {
    "a single-phase meter with a load": (
        "A", {"voltage": 225.0, "active_power": 0.9}, {"voltage": 225.0, "active_power": 0.9},
        "no_network_fault", "the meter has 225.0 V and a load of 4.09 A",
    ),
    "a three-phase meter with a load": (
        "ABC", {**PHASES, "active_power": 2.2}, {**PHASES, "active_power": 2.2},
        "no_network_fault", "the meter has 225.0 V and a load of 10.00 A",
    ),
    "one whose load is gone": (
        "ABC", {**PHASES, "active_power": 2.2}, {**PHASES, "active_power": 0.0},
        "customer_side_fault", "the meter has 225.0 V and no load, usually 2.16 kW",
    ),
    "one that tells of no load at all": ("ABC", PHASES, PHASES, "no_network_fault", "the meter has 225.0 V"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("phases", "before", "now", "verdict", "says"), WITHOUT_CURRENT.values(), ids=WITHOUT_CURRENT.keys()
)
def test_where_no_current_is_polled_the_power_says_what_is_drawn(
    phases: str, before: dict[str, float], now: dict[str, float], verdict: str, says: str
) -> None:
    area = village()
    meters = tuple(replace(one, phases=phases) if one.id == "B2-1" else one for one in area.devices)
    engine = Engine(replace(area, devices=meters))
    seen = [Observation("B2-1", START + 60 * minute, before, bus="RS1") for minute in range(60)]
    said = run(engine, [*seen, Observation("B2-1", START + 3600, now, bus="RS1")])
    assert "customer_side_fault" not in {one.type for one in said}
    judged = engine.judge(Report("R", START + 3605, "B2-1", "no_power"))
    assert (judged.verdict, judged.evidence) == (verdict, (says,))


@pytest.mark.parametrize(("hours", "says"), [(0.5, "usually 0.53 kW"), (9, "for 540 min")])
def test_a_load_that_went_at_once_is_not_forgotten_when_none_has_become_usual(hours: float, says: str) -> None:
    engine = Engine(village())
    gone = [0.9 if minute < 60 else 0.0 for minute in range(61 + int(hours * 60))]
    polls = [{"voltage": 225.0, "active_power": kw} for kw in gone]
    run(engine, [Observation("B2-1", START + 60 * row, poll, bus="RS1") for row, poll in enumerate(polls)])
    judged = engine.judge(Report("R", START + 60 * len(polls), "B2-1", "no_power"))
    assert (judged.verdict, judged.evidence) == (
        "customer_side_fault", (f"the meter has 225.0 V and no load, {says}",),
    )  # fmt: skip


VOLTAGES = {
    "without power, and a few volts less": ("no_power", 190.0, "no_network_fault"),
    "without power, and far too few volts": ("no_power", 150.0, "voltage_quality"),
    "for its voltage, and a few volts less": ("voltage", 190.0, "voltage_quality"),
    "in other words, and a few volts less": ("lamps flicker", 190.0, "voltage_quality"),
}


@pytest.mark.parametrize(("complaint", "volts", "verdict"), VOLTAGES.values(), ids=VOLTAGES.keys())
def test_a_low_voltage_explains_what_it_can_explain(complaint: str, volts: float, verdict: str) -> None:
    area = village()
    engine = Engine(area)
    run(engine, readings(area, minutes=10))
    values = {"voltage": volts, "current": 1.0, "active_power": volts / 1000}
    run(engine, [Observation("B2-1", START + 601, values, bus="RS1")])
    assert engine.judge(Report("R", START + 605, "B2-1", complaint)).verdict == verdict
