"""What a search for failed nodes costs, in steps of the interpreter: it grows with what is not well and with depth."""

import inspect
import sys
from types import FrameType
from typing import Any

import pytest

from rules.area import Area
from rules.evidence import Evidence, Living, Sign
from rules.locate import locate
from rules.thresholds import complete
from rules.topology import Tree
from rules.wire import wires_of
from rules.witness import Witness
from tests.bench.replay import grown

LIMITS = complete({})
PRIORS = {name.removeprefix("prior_"): nats for name, nats in LIMITS["outage"].items() if "prior_" in name}
NOW = 1_760_000_000.0


def evidence(tree: Tree, dead: int, nats: float) -> Evidence:
    """So many meters, spread over the boxes, fell silent one after the other; all others answer."""
    wires = wires_of(tree.area)
    meters = [device for device in tree.area.devices if device.kind == "meter"]
    silent = meters[:: len(meters) // dead][:dead]
    said = {
        meter.id: (Sign("ABC".index(meter.phases), nats, NOW - number, NOW - 60 - number, NOW, 2, nats),)
        for number, meter in enumerate(silent)
    }
    well = [Witness(device, wires[device.bus or ""], LIMITS, 230.0) for device in meters if device.id not in said]
    for number, witness in enumerate(well):
        witness.alive_at = NOW - number % 60
    return Evidence(said, Living(tree, well), LIMITS["outage"]["alive_weight"])


def steps(area: Area, dead: int, nats: float) -> int:
    """Bytecodes that one search executes."""
    tree, count = Tree(area), 0
    said = evidence(tree, dead, nats)

    def count_one(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return count_one

    inspect.currentframe().f_trace_opcodes = True  # type: ignore[union-attr]  # Python 3.12 wants it before the first
    before = sys.gettrace()
    sys.settrace(count_one)
    try:
        locate(tree, said, PRIORS)
    finally:
        sys.settrace(before)
    return count


GROWTH = {
    "twice the meters, as many silent: only the boxes are more": ((100, 3, 12, 1.0), (200, 3, 12, 1.0), 1.6),
    "twice the meters and silent ones: twice as much": ((100, 3, 12, 1.0), (200, 3, 24, 1.0), 2.4),
    "an outage of all meters, twice as many: twice as much": ((100, 3, 100, 6.0), (200, 3, 200, 6.0), 2.4),
    "twice as deep, on a noisy line: twice as much at most": ((100, 3, 12, 1.0), (100, 6, 12, 1.0), 2.0),
    "twice as deep, an outage of all: twice as much at most": ((100, 3, 100, 6.0), (100, 6, 100, 6.0), 2.0),
}


@pytest.mark.parametrize(("small", "large", "times"), GROWTH.values(), ids=GROWTH.keys())
def test_a_search_costs_what_is_not_well_times_the_depth(
    small: tuple[int, int, int, float], large: tuple[int, int, int, float], times: float
) -> None:
    counts = [steps(grown(meters, depth), dead, nats) for meters, depth, dead, nats in (small, large)]
    assert counts[1] < times * counts[0]


def test_what_cannot_be_an_outage_is_refused_without_asking_its_devices() -> None:
    """Scattered silences on a noisy line, among many that answer: a fraction of what an outage costs."""
    assert 4 * steps(grown(200, 3), 24, 1.0) < steps(grown(200, 3), 200, 6.0)
