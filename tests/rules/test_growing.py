"""A fault that grows within a minute or two is one cause, and stays one incident."""

import pytest

from gateway.simulate.fault import Fault, FaultKind
from rules.area import Area, Bus, Device, Node
from rules.engine import Engine
from rules.observation import Observation
from rules.thresholds import complete
from rules.wire import wires_of
from rules.witness import Witness
from tests.rules.areas import START, found, readings, run, village

Step = tuple[FaultKind, str]

GROWING: dict[str, tuple[Step, Step]] = {
    "a box, and then its line": (("breaker_tripped", "B3"), ("line_broken", "L2")),
    "a box, and then its feeder": (("breaker_tripped", "B4"), ("breaker_tripped", "F2")),
    "a line, and then its feeder": (("line_broken", "L2"), ("breaker_tripped", "F1")),
    "a box, and then the transformer": (("breaker_tripped", "B4"), ("transformer_off", "T1")),
    "a feeder, and then the medium voltage": (("breaker_tripped", "F1"), ("mv_outage", "MV")),
}


@pytest.mark.parametrize("later_s", [15.0, 40.0, 70.0], ids=lambda s: f"after {s:.0f} s")
@pytest.mark.parametrize("steps", GROWING.values(), ids=GROWING.keys())
def test_what_grows_is_one_incident_at_the_last_place(steps: tuple[Step, Step], later_s: float) -> None:
    (small, first), (large, last) = steps
    area = village()
    faults = [(Fault(small, first), 317.0, 1500.0), (Fault(large, last), 317.0 + later_s, 1500.0)]
    (incident,) = found(run(Engine(area), readings(area, *faults)))
    assert last in (incident.node, *incident.equivalents)
    assert incident.started_after <= START + 317 + later_s
    assert incident.state == "cleared"


@pytest.mark.parametrize("times", [1, 2], ids=["said late", "said late and twice"])
def test_a_last_gasp_after_a_silence_tells_of_no_bad_line(times: int) -> None:
    area = village()
    line = wires_of(area)["RS1"]
    meter = Witness(area.devices[0], line, complete({}), 220.0)
    for minute in range(18):
        meter.take(Observation("B1-0", START + 60 * minute, fault="timeout" if minute == 17 else None))
    for more in range(times):
        meter.take(Observation("B1-0", START + 1030 + 20 * more, notice="last_gasp"))
    assert line.lost == 0.0
    assert meter.silent_since == START + 1030


def test_a_node_that_lost_a_phase_is_the_one_that_loses_the_others() -> None:
    nodes = [Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("F2", "feeder", "T1")]
    nodes += [Node("L1", "line", "F1", length_m=50), Node("B1", "box", "L1"), Node("B2", "box", "L1")]
    phases = {"B1": "AA", "B2": "ABC", "F1": "ABC", "F2": "ABC"}
    meters = [
        Device(f"{box}-{n}", "meter", box, phase, "RS1") for box, on in phases.items() for n, phase in enumerate(on)
    ]
    area = Area("a line of two boxes", tuple(nodes), tuple(meters), (Bus("RS1"),))
    faults = [(Fault("fuse_blown", "L1", "A"), 317.0, 1500.0), (Fault("line_broken", "L1"), 1500.0, 2400.0)]
    sure = [(one.type, one.node) for one in found(run(Engine(area), readings(area, *faults, minutes=60)))]
    assert sure == [("branch_phase_loss", "L1"), ("branch_outage", "L1")]


def test_one_answer_lost_does_not_split_a_phase_loss_that_is_sure() -> None:
    """The other meter of a box with two falls silent for a poll: the box could be dark, and the rest have another."""
    nodes = [Node("T1", "transformer", rated_kva=100.0), Node("F1", "feeder", "T1"), Node("F2", "feeder", "T1")]
    nodes += [Node("L1", "line", "F1", length_m=50), *(Node(f"B{n}", "box", "L1") for n in (1, 2, 3))]
    phases = {"B1": "BBA", "B2": "CA", "B3": "BC", "F1": "ABC", "F2": "ABC"}
    meters = [
        Device(f"{box}-{n}", "meter", box, phase, "RS1") for box, on in phases.items() for n, phase in enumerate(on)
    ]
    area = Area("a line of three boxes", tuple(nodes), tuple(meters), (Bus("RS1"),))
    seen = list(readings(area, (Fault("fuse_blown", "L1", "B"), 317.0, 1500.0)))
    lost = next(place for place, one in enumerate(seen) if one.device == "B3-1" and one.at > START + 470)
    seen[lost] = Observation("B3-1", seen[lost].at, fault="timeout", bus="RS1")
    assert {(one.type, one.node) for one in run(Engine(area), seen)} == {("branch_phase_loss", "L1")}


def test_who_still_reads_no_voltage_when_its_node_is_back_is_no_outage_of_its_own() -> None:
    area = village()
    seen = list(readings(area, (Fault("transformer_off", "T1"), 317.0, 1500.0)))
    dead, back = (next(one for one in seen if one.device == "TTU" and one.at >= START + at) for at in (1440, 1500))
    seen.remove(back)
    seen.append(dead._replace(at=START + 1530))
    seen.sort(key=lambda one: one.at)
    assert [one.node for one in found(run(Engine(area), seen))] == ["T1"]
