"""What the meters below a node push into the neutral, against sums done by hand."""

from cmath import phase, pi

import pytest

from rules.area import Area, Device, Node
from rules.displacement import NONE, Shift
from rules.loads import Load, loads
from rules.observation import Observation
from rules.thresholds import complete
from rules.topology import Tree
from rules.wire import Wire
from rules.witness import Witness
from tests.rules.areas import START

NODES = (
    Node("T1", "transformer"),
    Node("L1", "line", "T1"),
    Node("B1", "box", "L1"),
    Node("B2", "box", "L1"),
)
TEN_AMPS = {"voltage": 230.0, "current": 10.0, "active_power": 2.3}


def at_line(**drawn: dict[str, float]) -> Load:
    """The load at and below L1 of single-phase meters, named by box and phase, with what they were read to draw."""
    meters = [Device(name, "meter", name[:2], name[-1], "RS1") for name in drawn]
    area = Area("loads", NODES, tuple(meters))
    witnesses = {one.id: Witness(one, Wire(30), complete({}), 230.0) for one in meters}
    for name, values in drawn.items():
        witnesses[name].take(Observation(name, START, values))
    return loads(Tree(area), witnesses, "T1")["L1"]


@pytest.mark.parametrize(
    ("load", "by", "amps"),
    [
        pytest.param(at_line(B1A=TEN_AMPS), NONE, 10.0, id="one load alone"),
        pytest.param(at_line(B1A=TEN_AMPS, B2B=TEN_AMPS, B2C=TEN_AMPS), NONE, 0.0, id="three equal loads cancel"),
        pytest.param(at_line(B1A=TEN_AMPS, B2B=TEN_AMPS), NONE, 10.0, id="two of three leave the third's"),
        pytest.param(at_line(B1A=TEN_AMPS, B2A=TEN_AMPS), NONE, 20.0, id="loads on one phase add up over boxes"),
        pytest.param(at_line(B1A=TEN_AMPS), Shift(46.0, 0.0), 8.0, id="a shift towards a phase takes its voltage"),
        pytest.param(
            at_line(B1A=TEN_AMPS, B2A={**TEN_AMPS, "active_power": -2.3}),
            NONE,
            0.0,
            id="feed-in takes a load's current",
        ),
    ],
)
def test_the_neutral_carries_the_sum_of_the_phases(load: Load, by: Shift, amps: float) -> None:
    assert abs(load.current(230.0, by)) == pytest.approx(amps, abs=1e-9)


def test_a_load_that_lags_pushes_its_current_later() -> None:
    lagging = at_line(B1A={**TEN_AMPS, "active_power": 1.15})
    assert phase(lagging.current(230.0)) == pytest.approx(-pi / 3)


def test_meters_that_tell_neither_current_nor_power_are_counted() -> None:
    load = at_line(B1A=TEN_AMPS, B2B={"voltage": 230.0})
    assert (load.meters, load.unknown) == (2, 1)
