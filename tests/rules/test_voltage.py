"""Voltages outside their limits: where an incident is, since when, and who is part of it."""

from collections.abc import Mapping

import pytest

from rules.engine import Engine
from rules.incident import Incident
from rules.observation import Observation
from tests.rules.areas import START, run, village

AREA = village()
HOUR = 60

Spans = Mapping[str, tuple[tuple[int, int], ...]]
"""Minutes in which all single-phase meters of a box read a voltage that is too low, by box."""


def lows(spans: Spans, minutes: int, edge: Mapping[str, float] | None = None) -> list[Observation]:
    """A reading a minute of every single-phase meter. `edge`: what a box reads when it is not low, V."""
    return [
        Observation(device.id, START + 60 * minute + 0.1 * number, {"voltage": volts, "current": 1.0}, bus=device.bus)
        for minute in range(minutes)
        for number, device in enumerate(one for one in AREA.devices if one.kind == "meter" and len(one.phases) == 1)
        for low in [any(begin <= minute < end for begin, end in spans.get(device.node, ()))]
        for volts in [190.0 if low else (edge or {}).get(device.node, 220.0)]
    ]


def voltages(said: list[Incident]) -> list[Incident]:
    return [one for one in said if one.type == "low_voltage"]


PLACES: dict[str, tuple[Spans, str]] = {
    "one box is at that box": ({"B2": ((5, 95),)}, "B2"),
    "two boxes are at the line above both": ({"B2": ((5, 95),), "B3": ((5, 95),)}, "L2"),
    "a box that is low only now and then moves nothing": ({"B2": ((5, 185),), "B1": ((20, 60), (120, 130))}, "B2"),
    "a box that was low for an hour of three moves nothing": ({"B2": ((5, 185),), "B1": ((20, 85),)}, "B2"),
    "a box that was low for most of the time is part of it": ({"B2": ((5, 185),), "B1": ((20, 150),)}, "L1"),
    "a box that came later is part of it when it has lasted half as long": (
        {"B2": ((5, 240),), "B1": ((100, 240),)},
        "L1",
    ),
    "what is low for a whole day leaves room for what is low since three hours": (
        {"B2": ((5, 21 * HOUR),), "B1": ((17 * HOUR, 21 * HOUR),)},
        "L1",
    ),
    "a box that came back early stays part of it": ({"B2": ((5, 130),), "B1": ((5, 95),)}, "L1"),
}


@pytest.mark.parametrize(("spans", "node"), PLACES.values(), ids=PLACES.keys())
def test_where_a_low_voltage_is(spans: Spans, node: str) -> None:
    told = voltages(run(Engine(AREA), lows(spans, max(end for times in spans.values() for _, end in times) + 10)))
    assert len({one.id for one in told}) == 1
    assert (told[-1].state, told[-1].node) == ("cleared", node)


def test_all_that_are_low_together_are_told_at_once_and_at_their_node() -> None:
    told = voltages(run(Engine(AREA), lows({"B2": ((5, 95),), "B3": ((5, 95),)}, 110)))
    assert [(one.state, one.node, len(one.devices)) for one in told] == [
        ("suspected", "L2", 10),
        ("confirmed", "L2", 10),
        ("cleared", "L2", 10),
    ]


def test_it_began_when_the_first_did_also_after_that_one_came_back() -> None:
    told = voltages(run(Engine(AREA), lows({"B2": ((5, 90),), "B3": ((15, 180),), "B1": ((70, 180),)}, 190)))
    assert "L1" in {one.node for one in told}, "something is told after the first came back"
    assert {round((one.started_at - START) / 60) for one in told} == {5}


def test_who_is_at_the_edge_of_being_part_of_it_does_not_come_and_go() -> None:
    spans = {"B2": ((0, 300),), "B1": tuple((begin, begin + 10) for begin in range(0, 300, 20))}
    told = voltages(run(Engine(AREA), lows(spans, 300)))
    assert len([one for one in told if one.reason in ("grew", "shrank", "moved")]) <= 2


def test_who_was_outside_for_less_is_counted_in_the_evidence() -> None:
    told = voltages(run(Engine(AREA), lows({"B2": ((5, 185),), "B1": ((20, 85),)}, 185)))
    assert told[-1].evidence[-1] == "5 more on the same feeder did so for less than half as long"


EDGE: dict[str, tuple[int, int | None]] = {
    "a minute in the hysteresis is no interruption": (1, 65),
    "four minutes in it are none": (4, 65),
    "ten minutes in it do not count as outside": (10, 75),
    "an hour in it counts for nothing": (60, 125),
}


@pytest.mark.parametrize(("minutes", "confirmed"), EDGE.values(), ids=EDGE.keys())
def test_a_voltage_is_low_for_an_hour_when_it_was_low_for_an_hour(minutes: int, confirmed: int) -> None:
    spans = {"B2": ((5, 35), (35 + minutes, 300))}
    told = voltages(run(Engine(AREA), lows(spans, 150, edge={"B2": 199.0})))
    sure = next(one for one in told if one.state == "confirmed")
    assert (sure.at - START) / 60 == pytest.approx(confirmed, abs=1.5)


@pytest.mark.parametrize(
    ("volts", "told"),
    [([150.0], False), ([150.0, 150.0], True), ([190.0, 150.0, 190.0], False)],
    ids=["one reading is nothing yet", "two in a row are", "one among low ones is nothing yet"],
)
def test_far_too_low_for_a_minute_is_two_readings_also_where_they_are_rare(volts: list[float], told: bool) -> None:
    engine, said = Engine(village(poll_s=900.0)), list[Incident]()
    for number, volt in enumerate([220.0, *volts, 220.0]):
        said += engine.take(Observation("B2-1", START + 900 * number, {"voltage": volt}, bus="RS1")).incidents
        said += engine.tick(START + 900 * number + 450).incidents
    sure = [(one.at - START) // 60 for one in voltages(said) if one.state == "confirmed"]
    assert bool(sure) == told
