"""Supply that is back before anything is sure: one interruption, however few of those whom it takes were polled."""

import pytest

from gateway.simulate.fault import Fault
from rules.engine import Engine
from tests.rules.areas import found, readings, run, village

GONE: dict[str, tuple[tuple[tuple[Fault, float, float], ...], list[str]]] = {
    "the transformer's for half a minute, between the polls of most": (
        ((Fault("transformer_off", "T1"), 630.0, 665.0),),
        ["T1"],
    ),
    "a line's and, half an hour later, another's": (
        ((Fault("line_broken", "L2"), 600.0, 635.0), (Fault("breaker_tripped", "B4"), 2400.0, 2435.0)),
        ["L2", "B4"],
    ),
}


@pytest.mark.parametrize(("faults", "nodes"), GONE.values(), ids=GONE.keys())
def test_it_is_one_momentary_interruption_above_all_that_were_silent(
    faults: tuple[tuple[Fault, float, float], ...], nodes: list[str]
) -> None:
    area = village(meters_in_box=4)
    said = found(run(Engine(area), readings(area, *faults, minutes=60)))
    assert [(one.type, one.state) for one in said] == [("momentary_interruption", "cleared")] * len(nodes)
    assert [one.node for one in said] == nodes
