"""A silent line beside a dark box: what is announced, or was dark until now, needs no other explanation."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Area, Bus, PlannedOutage
from rules.engine import Engine
from rules.observation import Observation
from tests.rules.areas import START, found, readings, run, village
from tests.rules.test_spacing import seldom

OUT = (Fault("breaker_tripped", "F1"), 610.0, 1810.0)
BRANCH = (Fault("line_broken", "L2"), 1210.0, 3010.0)
PLAN = PlannedOutage("P1", "L2", START + 1200, START + 3000, "new cable")
YESTERDAY = replace(PLAN, start=PLAN.start - 86_400, end=PLAN.end - 86_400)


def lone_line(meters_in_box: int = 6) -> Area:
    """The village, with all below L2 on a line of its own: its silence and its line's are the same."""
    area = village(meters_in_box)
    own = tuple(replace(device, bus="RS3") if device.node in ("B2", "B3") else device for device in area.devices)
    return replace(area, devices=own, buses=(*area.buses, Bus("RS3")))


def untold(seen: Iterable[Observation]) -> Iterator[Observation]:
    """Without the terminals: no load tells what has failed."""
    return (one for one in seen if one.device[0] == "B")


TOLD = {
    "a branch fails within an outage of its feeder": (
        [OUT, BRANCH],
        [],
        ["feeder_outage at F1", "branch_outage at L2"],
    ),
    "a branch fails as announced": ([BRANCH], [PLAN], ["planned_outage at L2"]),
    "a branch fails a day after it was to": ([BRANCH], [YESTERDAY], ["comm_bus at RS3"]),  # a line fails more often
    "a branch fails and nobody said so": ([BRANCH], [], ["comm_bus at RS3"]),
}


@pytest.mark.parametrize(("faults", "plans", "expected"), TOLD.values(), ids=TOLD.keys())
def test_what_is_announced_or_was_dark_until_now_is_taken_for_that(
    faults: list[tuple[Fault, float, float]], plans: list[PlannedOutage], expected: list[str]
) -> None:
    area = lone_line()
    said = run(Engine(area, planned=plans), untold(readings(area, *faults, minutes=60)))
    assert [f"{one.type} at {one.node}" for one in found(said) if one.type != "planned_not_executed"] == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_what_meters_drew_that_are_read_seldom_vanishes_with_their_branch(seed: int) -> None:
    area = lone_line(meters_in_box=10)
    seen = seldom(area, readings(area, BRANCH, minutes=60, seed=seed), dict.fromkeys(range(2, 10), 15))
    assert [(one.type, one.node) for one in found(run(Engine(area), seen))] == [("branch_outage", "L2")]


@pytest.mark.parametrize("seed", range(2))
def test_who_was_not_asked_since_a_collector_is_back_is_suspected_of_nothing(seed: int) -> None:
    area = village(collector="B1")
    said = run(Engine(area), readings(area, (Fault("breaker_tripped", "B1"), 615.0, 1615.0), minutes=40, seed=seed))
    assert [(one.type, one.node, one.state) for one in said if one.at > START + 1615] == [
        ("box_outage", "B1", "cleared")
    ]
