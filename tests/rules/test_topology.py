"""A topology is read as one tree, and everything wrong with it is said at once."""

from dataclasses import replace

import pytest

from rules.area import Area, Bus, Device, Node
from rules.topology import Tree, faults
from tests.rules.areas import village

GOOD = (Node("T1", "transformer"), Node("F1", "feeder", "T1"), Node("B1", "box", "F1", phases="AB"))

BAD: dict[str, tuple[Area, str]] = {
    "a loop": (
        Area("a", (Node("T1", "transformer"), Node("X", "line", "Y"), Node("Y", "line", "X")), ()),
        "node X: X -> Y -> X feed each other in a loop",
    ),
    "an orphan": (Area("a", (*GOOD, Node("B2", "box", "F9")), ()), "node B2: its parent 'F9' does not exist"),
    "two roots": (
        Area("a", (*GOOD, Node("T2", "transformer")), ()),
        "node T2: T1, T2 are all without a parent; an area has one root",
    ),
    "no root": (
        Area("a", (Node("T1", "transformer", "T1"),), ()),
        "no node is without a parent; the topmost (transformer or MV feeder) must have none",
    ),
    "no nodes": (Area("a", (), ()), "the area has no nodes; name at least its transformer"),
    "a node named twice": (Area("a", (*GOOD, GOOD[2]), ()), "node B1: is named twice; give each node an id of its own"),
    "a device on no node": (
        Area("a", GOOD, (Device("M1", "meter", "B7"),)),
        "device M1: hangs on node 'B7', which does not exist",
    ),
    "a device named twice": (
        Area("a", GOOD, (Device("M1", "meter", "F1"), Device("M1", "meter", "F1"))),
        "device M1: is named twice; give each device an id of its own",
    ),
    "a phase that the node does not have": (
        Area("a", GOOD, (Device("M1", "meter", "B1", "C"),)),
        "device M1: is on phase C, which node B1 does not have",
    ),
    "a phase that does not exist": (
        Area("a", GOOD, (Device("M1", "meter", "F1", "R"),)),
        "device M1: phases 'R' are not some of A, B, C",
    ),
    "a collector nowhere": (
        Area("a", GOOD, (), (Bus("RS1", "B9"),)),
        "bus RS1: its collector hangs on node 'B9', which does not exist",
    ),
}


@pytest.mark.parametrize(("area", "says"), BAD.values(), ids=BAD.keys())
def test_what_is_wrong_is_named(area: Area, says: str) -> None:
    assert any(str(fault).startswith(says) for fault in faults(area))


def test_all_faults_come_at_once() -> None:
    area = Area("a", (*GOOD, Node("B2", "box", "F9")), (Device("M1", "meter", "B7"), Device("M2", "meter", "B1", "C")))
    assert len(faults(area)) == 3


def test_a_good_area_has_no_faults() -> None:
    assert faults(village()) == []


EQUIVALENTS = {
    "a line with two boxes stands alone": ("L3", ()),
    "a box beside others stands alone": ("B4", ()),
    "a line behind a feeder without other branches": ("L1", ()),
}


@pytest.mark.parametrize(("node", "same"), EQUIVALENTS.values(), ids=EQUIVALENTS.keys())
def test_equivalents(node: str, same: tuple[str, ...]) -> None:
    assert Tree(village()).equivalents(node) == same


def test_a_feeder_nobody_watches_is_its_first_line() -> None:
    area = village()
    blind = replace(area, devices=tuple(device for device in area.devices if device.kind == "meter"))
    tree = Tree(blind)
    assert tree.equivalents("F1") == ("L1",)
    assert tree.equivalents("T1") == ("MV",)


def test_the_lowest_common_node() -> None:
    tree = Tree(village())
    assert tree.common(["B2-1", "B3-4"]) == "L2"
    assert tree.common(["B1-1", "B3-4"]) == "L1"
    assert tree.common(["B1-1", "B4-4"]) == "T1"


def test_affected_meters_are_those_on_the_phase() -> None:
    assert Tree(village()).meters_below("B2", "C") == ("B2-0", "B2-2", "B2-5")
