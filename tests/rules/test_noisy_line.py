"""A line that loses half of its answers: nothing is made up out of the silence, and what fails is still found."""

from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Bus
from rules.engine import Engine
from tests.rules.areas import found, readings, run, village

VILLAGE = village(meters_in_box=4)
AREA = replace(
    VILLAGE,
    devices=tuple(replace(one, bus="RS1") if one.kind == "meter" else one for one in VILLAGE.devices),
    buses=(Bus("RS1"),),
)
NOISE = (Fault("line_noisy", "RS1", share=0.5), 900.0, 7000.0)
MEANWHILE = {
    "nothing": ((), []),
    "a box": (((Fault("breaker_tripped", "B2"), 3000.0, 6000.0),), [("box_outage", "B2")]),
    "a branch": (((Fault("line_broken", "L2"), 3000.0, 6000.0),), [("branch_outage", "L2")]),
}


@pytest.mark.parametrize("seed", [0, 1, 2, 11])
@pytest.mark.parametrize(("faults", "expected"), MEANWHILE.values(), ids=MEANWHILE.keys())
def test_what_fails_meanwhile_is_told_once_at_its_place_and_nothing_else_is(
    faults: tuple[tuple[Fault, float, float], ...], expected: list[tuple[str, str]], seed: int
) -> None:
    said = run(Engine(AREA), readings(AREA, NOISE, *faults, minutes=140, seed=seed, timeouts=0.002))
    told = [(one.type, one.node) for one in found(said) if one.severity != "info"]
    assert sorted(told) == [*expected, ("comm_noise", "RS1")]


@pytest.mark.parametrize("seed", range(3))
def test_a_line_that_loses_one_answer_in_twenty_is_not_called_a_noisy_one(seed: int) -> None:
    assert found(run(Engine(VILLAGE), readings(VILLAGE, minutes=240, seed=seed, timeouts=0.05))) == []
