"""A fault is told as soon as those who answer bound it, not when the last of a round has been asked."""

from collections.abc import Sequence

import pytest

from gateway.simulate import network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from rules.area import PlannedOutage
from rules.case import Case
from rules.engine import Engine
from rules.observation import Observation
from rules.reach import Reach
from rules.thresholds import complete
from rules.topology import Tree
from rules.wire import wires_of
from rules.witness import Witness
from tests.rules.areas import START, found, readings, run, scenario, village

AREA = village()
LINES: dict[str, list[str]] = {}
for device in AREA.devices:
    LINES.setdefault(device.bus or "", []).append(device.id)
SEEN = START + 60
"""When the first device without supply was asked."""


def box(name: str, numbers: Sequence[int] = range(6)) -> list[str]:
    return [f"{name}-{number}" for number in numbers]


def well(name: str) -> dict[str, float]:
    phases = next(device.phases for device in AREA.devices if device.id == name)
    return {f"voltage_{phase.lower()}": 221.0 for phase in phases} if len(phases) > 1 else {"voltage": 221.0}


def reach(dead: Sequence[str], heard: Sequence[str], flat: Sequence[str] = ()) -> Reach:
    """All answered a minute ago; since then some were asked in vain, some answered, some read no voltage."""
    limits, wires = complete({}), wires_of(AREA)
    witnesses = {d.id: Witness(d, wires[d.bus or ""], limits, AREA.nominal_voltage) for d in AREA.devices}
    for name, witness in witnesses.items():
        witness.take(Observation(name, START, well(name)))
        if name in dead:
            witness.take(Observation(name, SEEN, fault="timeout"))
        elif name in flat:
            witness.take(Observation(name, SEEN, dict.fromkeys(well(name), 0.0)))
        elif name in heard:
            witness.take(Observation(name, SEEN + 5, well(name)))
    return Reach(Tree(AREA), witnesses, LINES, {})


L2, B1, B3 = [*box("B2"), *box("B3")], box("B1", range(4)), box("B3", range(4))
BOUNDED: dict[str, tuple[str, str, list[str], list[str], bool]] = {
    "nobody else was heard": ("L2", "ABC", L2, [], False),
    "two live on every phase of what feeds it": ("L2", "ABC", L2, B1, True),
    "one phase may be dead further up": ("L2", "ABC", L2, ["B1-0", "B1-3", "B1-4"], False),
    "its line may be dead": ("B3", "ABC", B3, box("B2", range(4)), False),
    "its line is well": ("B3", "ABC", B3, [*box("B2", range(4)), "B5-1"], True),
    "one of its phases was not seen yet": ("B3", "ABC", ["B3-1", "B3-4"], [*box("B2"), "B5-1"], False),
    "others on its lines are silent": ("B3", "ABC", box("B3"), [*box("B2", range(4)), "B5-1", "-B4-1", "-B4-2"], False),
    "another phase may be lost, too": ("L2", "A", ["B2-3", "B3-3"], [*B1, "B2-1", "B5-1"], False),
    "the other phases live": ("L2", "A", ["B2-3", "B3-3"], [*B1, *box("B2", [0, 1, 2]), "B3-1", "B3-2"], True),
}


@pytest.mark.parametrize(("node", "phases", "dead", "heard", "bounded"), BOUNDED.values(), ids=BOUNDED.keys())
def test_who_was_heard_bounds_a_fault(node: str, phases: str, dead: list[str], heard: list[str], bounded: bool) -> None:
    case = Case("", "supply", node, ["ABC".index(p) for p in phases], len(phases) == 3, dead, SEEN, START)
    silent = [name[1:] for name in heard if name[0] == "-"]
    assert reach([*dead, *silent], heard).is_bounded(case, SEEN) is bounded


@pytest.mark.parametrize("flat", [True, False], ids=["a terminal reads no voltage", "all are only silent"])
def test_nothing_feeds_the_topmost_node(flat: bool) -> None:
    meters = [device.id for device in AREA.devices if device.kind == "meter" and device.id[0:2] != "B5"]
    case = Case("", "supply", "MV", [0, 1, 2], True, [*meters, *(["TTU"] if flat else [])], SEEN, START)
    assert reach(meters, [], ["TTU"] if flat else []).is_bounded(case, SEEN) is flat


def test_an_outage_of_all_is_told_before_the_last_has_been_asked() -> None:
    polling = Polling(START, 900.0, 60.0, apart_s=2.6, timeouts=0.0, garbled=0.0)
    seen = list(observe(network.build(AREA, 1), scenario((Fault("transformer_off", "T1"), 335.0, 900.0)), polling, 1))
    first = next(one.at for one in seen if one.at > START + 335 and (one.fault or 0.0 in one.values.values()))
    sure = next(one for one in run(Engine(AREA), seen) if one.state == "confirmed")
    assert sure.node == "T1"
    assert 30.0 <= sure.at - first <= 36.0


def test_a_plan_makes_likely_what_it_announces() -> None:
    """Nothing but the plan tells the outage of all boxes on a line from that of the line, which fails more often."""
    dark = readings(AREA, (Fault("breaker_tripped", "F2"), 1290.0, 2400.0))
    bare = [one for one in dark if one.device[:2] in ("B1", "B2", "B4", "B5")]
    plan, limits = PlannedOutage("P1", "F2", START + 1200, START + 2400), {"outage": {"prior_bus": 2.0}}
    told = [[one.type for one in found(run(Engine(AREA, limits, plans), bare))] for plans in ([], [plan])]
    assert told == [["comm_bus"], ["planned_outage"]]


def test_what_stays_dark_when_the_rest_of_an_outage_is_back_is_without_supply() -> None:
    """The box is all that is on its line, and no terminal tells of its load."""
    faults = (Fault("transformer_off", "T1"), 310.0, 4000.0), (Fault("breaker_tripped", "B4"), 1000.0, 6000.0)
    dark = readings(AREA, *faults, minutes=110)
    seen = [one for one in dark if one.device[:2] in ("B1", "B2", "B4") or "NT" in one.device]
    sure = [(one.type, one.node) for one in found(run(Engine(AREA, {"outage": {"prior_bus": 2.0}}), seen))]
    assert sure == [("transformer_outage", "T1"), ("box_outage", "B4")]
