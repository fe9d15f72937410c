"""A broken neutral is told from voltages' magnitudes, also one in front of the terminal and one whose loads balance."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import cos, hypot, pi, sin

import pytest

from gateway.simulate import chance, network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from rules.area import Area
from rules.breaks import Breaks
from rules.displacement import Shift, shift, shifted, shifts_of_two, unshifted
from rules.engine import Engine
from rules.neutral_point import NeutralPoint, View
from rules.observation import Observation
from rules.thresholds import Limits, complete
from rules.topology import Tree
from rules.wire import Wire
from rules.witness import Witness
from tests.rules.areas import START, found, readings, run, scenario, village

SHIFTS = {"none": (0.0, 0.0), "towards A": (60.0, 0.0), "away from A": (-60.0, 0.0), "between B and C": (-25.0, 80.0)}


@pytest.mark.parametrize(("x", "y"), SHIFTS.values(), ids=SHIFTS.keys())
def test_source_and_shift_follow_from_three_magnitudes(x: float, y: float) -> None:
    phases = [(226 * cos(angle), 226 * sin(angle)) for angle in (0, -2 * pi / 3, 2 * pi / 3)]
    volts = [hypot(a - x, b - y) for a, b in phases]
    source = unshifted(volts)
    assert source == pytest.approx(226)
    assert shift(volts, source) == pytest.approx((x, y), abs=1e-6)
    assert [shifted(place, Shift(x, y), source) for place in range(3)] == pytest.approx(volts)


@pytest.mark.parametrize("unknown", range(3), ids=["A unknown", "B unknown", "C unknown"])
@pytest.mark.parametrize("by", [Shift(*by) for by in SHIFTS.values()], ids=SHIFTS.keys())
def test_two_phases_leave_two_shifts_of_which_one_is_right(by: Shift, unknown: int) -> None:
    one, two = (place for place in range(3) if place != unknown)
    both = shifts_of_two((one, two), (shifted(one, by, 226), shifted(two, by, 226)), 226)
    assert min(fitting.beyond(by) for fitting in both) == pytest.approx(0, abs=1e-6)
    assert shifted(unknown, both[0], 226) >= shifted(unknown, both[1], 226)
    for fitting in both:
        assert shifted(one, fitting, 226) == pytest.approx(shifted(one, by, 226))


def one_feeder(meters_in_box: int) -> Area:
    """Two boxes behind one feeder, with a terminal at the transformer only."""
    area = village(meters_in_box)
    kept = {"MV", "T1", "F2", "L3", "B4", "B5"}
    devices = tuple(d for d in area.devices if d.node in kept and d.kind in ("meter", "ttu", "ltu"))
    return replace(area, nodes=tuple(n for n in area.nodes if n.id in kept), devices=devices)


def behind_the_break(seen: Iterator[Observation]) -> Iterator[Observation]:
    """The terminal reads what the unit at the feeder's head would: the break is in front of both."""
    volts: dict[str, float | None] = {}
    for one in seen:
        if one.device == "LTU2":
            volts = {point: value for point, value in one.values.items() if point.startswith("voltage")}
        else:
            yield one._replace(values={**one.values, **volts}) if one.device == "TTU" else one


BROKEN = (Fault("neutral_broken", "F2"), 630.0, 3030.0)


@pytest.mark.parametrize("meters_in_box", [4, 13], ids=["few meters", "many meters"])
@pytest.mark.parametrize("seed", range(3))
def test_a_neutral_broken_in_front_of_the_terminal_is_the_transformers(meters_in_box: int, seed: int) -> None:
    area = one_feeder(meters_in_box)
    watched = replace(area, devices=tuple(d for d in area.devices if d.kind != "ltu"))
    said = run(Engine(watched), behind_the_break(readings(area, BROKEN, minutes=60, seed=seed)))
    serious = [one for one in found(said) if one.severity in ("critical", "major")]
    assert [(one.type, one.node) for one in serious] == [("neutral_break", "T1")]


@pytest.mark.parametrize("seed", range(3))
def test_a_neutral_broken_behind_the_terminal_is_the_feeders(seed: int) -> None:
    said = run(Engine(village()), readings(village(), BROKEN, minutes=60, seed=seed))
    (broken,) = found(said)
    assert broken.type == "neutral_break"
    assert "F2" in (broken.node, *broken.equivalents)
    confirmed = next(one.at for one in said if one.state == "confirmed")
    assert confirmed - START - 630 <= 300, "while loads balance nothing shows, but not for long"


@pytest.mark.parametrize("kw", [20.0, 35.0, 50.0], ids=["20 kW", "35 kW", "50 kW"])
def test_a_long_line_with_all_its_load_on_one_phase_is_no_broken_neutral(kw: float) -> None:
    area = village()
    area = replace(area, nodes=tuple(replace(n, length_m=350.0) if n.id == "L3" else n for n in area.nodes))
    load = (Fault("overload", "B5", phases="A", kw=kw), 630.0, 3030.0)
    said = run(Engine(area), readings(area, load, minutes=60))
    assert "neutral_break" not in {one.type for one in found(said)}


def test_a_long_line_that_is_fed_from_its_end_on_one_phase_is_no_broken_neutral() -> None:
    area = village()
    area = replace(area, nodes=tuple(replace(n, length_m=350.0) if n.id == "L3" else n for n in area.nodes))
    sun = (Fault("overload", "B5-4", phases="B", kw=-20.0), 630.0, 5430.0)
    said = run(Engine(area), readings(area, sun, minutes=100))
    kinds = {one.type for one in found(said)}
    assert "over_voltage" in kinds
    assert "neutral_break" not in kinds


TWO = {
    "on two feeders": ("L2", "L3"),
    "of two boxes on one line": ("B4", "B5"),
    "of a box beside a branch": ("B1", "L2"),
}


@pytest.mark.parametrize("nodes", TWO.values(), ids=TWO.keys())
def test_two_neutrals_broken_at_once_are_two_incidents(nodes: tuple[str, str]) -> None:
    first, second = (
        (Fault("neutral_broken", node), begin, 3030.0) for node, begin in zip(nodes, (630, 930), strict=True)
    )
    said = run(Engine(village()), readings(village(), first, second, minutes=70, seed=2))
    broken = [one for one in found(said) if one.type == "neutral_break"]
    assert [(one.node, one.state) for one in broken] == [(node, "cleared") for node in nodes]
    assert {one.state for one in found(said)} == {"cleared"}


def test_a_box_without_its_neutral_is_told_from_two_phases() -> None:
    area = village()
    watched = replace(area, devices=tuple(d for d in area.devices if d.node != "B4" or d.phases in ("A", "C")))
    said = run(Engine(watched), readings(watched, (Fault("neutral_broken", "B4"), 630.0, 3030.0)))
    assert [(one.type, one.node) for one in found(said)] == [("neutral_break", "B4")]


class Asked(NeutralPoint):
    """Remembers which nodes it was asked about."""

    def __init__(self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area) -> None:
        super().__init__(tree, witnesses, limits, area)
        self.nodes: set[str] = set()

    def judge(self, node: str, view: View, apart: float) -> tuple[float, Shift] | None:
        self.nodes.add(node)
        return super().judge(node, view, apart)


LOW = {"B2-1": 199.0, "B2-2": 199.0, "B5-3": 200.0, "B5-4": 200.0}
LOOKS: dict[str, tuple[dict[str, float], set[str]]] = {  # what is read 10 s later, and what is judged anew
    "a voltage that stays far off": ({"B5-3": 199.0}, set()),
    "one that moves": ({"B5-3": 188.0}, {"B5", "L3", "F2", "T1"}),
    "one that comes back": ({"B5-3": 228.0}, {"B5", "L3", "F2", "T1"}),
    "one that falls silent": ({"B5-3": -1.0}, {"B5", "L3", "F2", "T1"}),
    "one that moves near the healthy voltage": ({"B1-1": 219.0}, set()),
    "one that leaves it": ({"B1-1": 205.0}, {"B1", "L1", "F1", "T1"}),
}


@pytest.mark.parametrize(("read", "judged"), LOOKS.values(), ids=LOOKS.keys())
def test_only_what_lies_above_voltages_that_moved_is_judged_anew_until_a_round_has_passed(
    read: dict[str, float], judged: set[str]
) -> None:
    area = village()
    tree, limits = Tree(area), complete({})
    witnesses = {one.id: Witness(one, Wire(30), limits, 230.0) for one in area.devices}
    point = Asked(tree, witnesses, limits, area)
    breaks = Breaks(tree, witnesses, limits, area, point)

    def look(at: float, volts: dict[str, float]) -> set[str]:
        for name, volt in volts.items():
            answer = {"values": {"voltage": volt}} if volt >= 0 else {"fault": "timeout"}
            witnesses[name].take(Observation(name, START + at, **answer))
        point.nodes = set()
        assert breaks.explain(START + at, 230.0, ()) == {}
        return point.nodes

    everything = look(0.0, {one.id: LOW.get(one.id, 230.0) for one in area.devices if one.kind == "meter"})
    assert {"B2", "B5", "T1"} <= everything
    assert look(10.0, read) == judged
    assert look(50.0, {}) == set()
    assert look(60.0, {}) >= {"B2", "T1"}


@pytest.mark.parametrize("node", ["B2", "L3"])
@pytest.mark.parametrize("poll_s", [15.0, 60.0, 900.0], ids=["every 15 s", "every minute", "every 15 min"])
def test_a_broken_neutral_is_one_incident_however_often_meters_are_read(node: str, poll_s: float) -> None:
    area = village(poll_s=poll_s)
    broken = (Fault("neutral_broken", node), 10.17 * poll_s, 30 * poll_s)
    said = run(Engine(area), readings(area, broken, minutes=50 * poll_s / 60))
    (one,) = [one for one in found(said) if one.severity != "info"]
    assert (one.type, one.state) == ("neutral_break", "cleared")
    assert node in (one.node, *one.equivalents)


BY_CHANCE: dict[str, tuple[int, int, float, str]] = {
    "one box shows it first, then the line, every 15 s": (51010, 24, 15.0, "L001"),
    "the line seems to show it first, then the box, every 15 s": (51310, 24, 15.0, "B02"),
    "it is small for minutes and then far above the limit": (50373, 24, 60.0, "F1"),
    "a phase falls silent, every 15 min": (50315, 24, 900.0, "F1"),
    "one voltage is far above the limit first, every 15 min": (50357, 48, 900.0, "F2"),
}
"""What chance begins with, how many meters, how often they are read (s), and where the neutral is broken."""


@pytest.mark.parametrize(("seed", "meters", "poll_s", "node"), BY_CHANCE.values(), ids=BY_CHANCE.keys())
def test_a_broken_neutral_is_told_once_and_nothing_beside_it_when(
    seed: int, meters: int, poll_s: float, node: str
) -> None:
    rng = random.Random(seed)
    area = replace(chance.random_area(rng, rng.choice([meters] * 3)), poll_period_s=poll_s)
    broken = scenario((Fault("neutral_broken", node), 10.17 * poll_s, 25 * poll_s))
    apart_s = min(0.2, poll_s / len(area.devices) / 2)
    polling = Polling(START, 45 * poll_s, poll_s, apart_s, timeouts=0.002, garbled=0.001)
    said = found(run(Engine(area), observe(network.build(area, seed - 50_000), broken, polling, seed - 50_000)))
    (one,) = [one for one in said if one.severity != "info"]
    assert (one.type, one.state) == ("neutral_break", "cleared")
    assert node in (one.node, *one.equivalents)
