"""Outage times are set right by what meters wrote down themselves, and only by what fits."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rules.area import Area, Bus, Device, Node, PlannedOutage
from rules.correction import Corrections, PowerDown, corrected
from rules.incident import Incident
from rules.topology import Tree

BEGAN, ENDED = 10_000.0, 13_600.0
OUTAGE = Incident(
    id="i1", type="box_outage", state="cleared", reason="cleared", severity="critical", at=ENDED + 60, node="B1",
    started_at=BEGAN, started_after=BEGAN - 55, ended_at=ENDED, devices=("M1", "M2", "M3"), evidence=("all silent",),
)  # fmt: skip

BOXES = {"M1": "B1", "M2": "B1", "M3": "B1", "M4": "B2", "M5": "B2"}
TREE = Tree(
    Area(
        "TQ1",
        (Node("T1", "transformer"), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"), Node("B2", "box", "F1")),
        tuple(Device(name, "meter", box, "A", "RS1", f"C-{name}") for name, box in BOXES.items()),
        (Bus("RS1"),),
    )
)
SILENCE = replace(OUTAGE, id="i7", type="comm_bus", node="RS1", devices=tuple(BOXES), severity="major")
MUTE = replace(SILENCE, type="comm_meter", node="M4", devices=("M4",), severity="minor")


def down(device: str, start: float, end: float) -> PowerDown:
    """Seconds after the first sign, and before the first answer."""
    return PowerDown(device, BEGAN + start, ENDED + end)


@pytest.mark.parametrize(
    ("downs", "expected"),
    [
        ([down("M1", -40, -20)], (-40, -20)),
        ([down("M1", -40, -20), down("M2", -38, -20), down("M3", 0, -15)], (-38, -20)),
        ([down("M1", -40, -20), down("M2", -30, -10)], (-35, -15)),
        ([down("M1", -40, -20), PowerDown("M1", BEGAN + 100, BEGAN + 110)], (-40, -20)),
        ([down("M1", -110, 55)], (-110, 55)),
        ([down("M1", -120, -20)], None),
        ([down("M1", -40, 65)], None),
        ([down("M9", -40, -20)], None),
        ([down("M1", -7200, -20)], None),
        ([down("M1", -40, 7200)], None),
        ([PowerDown("M1", BEGAN + 60, BEGAN + 20)], None),
        ([], None),
    ],
    ids=[
        "one meter's record is better than a poll",
        "the median does not follow the meter whose clock is off",
        "two meters meet in the middle",
        "of two records the one that shares more time counts",
        "a clock may be off by a minute, beside what polls leave open",
        "by no more at the begin",
        "nor at the end",
        "a meter that was not hit says nothing",
        "a record that begins long before the last good reading is of something else",
        "and so is one that ends long after the first answer",
        "a record that ends before it begins is no record",
        "without records nothing changes",
    ],
)
def test_times_by_records(downs: Sequence[PowerDown], expected: tuple[float, float] | None) -> None:
    better = corrected(OUTAGE, downs, ENDED + 100)
    if expected is None:
        assert better is None
    else:
        assert better is not None
        assert better.ended_at is not None
        assert (better.started_at - BEGAN, better.ended_at - ENDED) == expected
        assert (better.id, better.state, better.reason) == ("i1", "cleared", "corrected")
        assert better.started_after <= better.started_at
        assert "power-down" in better.evidence[-1]


def test_an_outage_that_lasts_is_left_alone() -> None:
    assert corrected(replace(OUTAGE, ended_at=None), [down("M1", -40, -20)], ENDED) is None


def test_records_may_come_before_the_end_is_told_or_after() -> None:
    early, late = Corrections(TREE), Corrections(TREE)
    assert early.take([down("M1", -40, -20)], ENDED + 10) == []
    [told_early] = early.hear([OUTAGE], ENDED + 60)
    assert late.hear([OUTAGE], ENDED + 60) == []
    [told_late] = late.take([down("M1", -40, -20)], ENDED + 60)
    assert told_early == told_late


def test_what_changes_nothing_is_not_told_again() -> None:
    corrections = Corrections(TREE)
    corrections.hear([OUTAGE], ENDED + 60)
    assert len(corrections.take([down("M1", -40, -20)], ENDED + 61)) == 1
    assert corrections.take([down("M1", -40, -20)], ENDED + 62) == []
    [moved] = corrections.take([down("M2", -20, -20)], ENDED + 63)
    assert corrections.take([down("M3", -31, -20)], ENDED + 64) == []
    assert moved.evidence.count(moved.evidence[-1]) == 1
    assert len(moved.evidence) == len(OUTAGE.evidence) + 1


def test_a_correction_is_not_taken_for_an_outage_of_its_own() -> None:
    corrections = Corrections(TREE)
    corrections.hear([OUTAGE], ENDED + 60)
    [told] = corrections.take([down("M1", -40, -20)], ENDED + 61)
    assert corrections.hear([told], ENDED + 62) == []
    [again] = corrections.take([down("M2", 0, 0)], ENDED + 63)
    assert again.evidence[-1].endswith("2 meters")


@pytest.mark.parametrize("kind", ["comm_noise", "low_voltage", "clock_drift"])
def test_what_is_no_loss_of_supply_has_no_records(kind: str) -> None:
    corrections = Corrections(TREE)
    corrections.hear([replace(OUTAGE, type=kind)], ENDED + 60)
    assert corrections.take([down("M1", -40, -20)], ENDED + 61) == []


def test_its_state_survives_as_plain_data() -> None:
    corrections = Corrections(TREE)
    corrections.hear([OUTAGE], ENDED + 60)
    corrections.take([down("M1", -40, -20)], ENDED + 61)
    saved = json.loads(json.dumps(corrections.changes()))
    assert corrections.changes() == {}
    again = Corrections(TREE, saved)
    assert again.take([down("M1", -40, -20)], ENDED + 70) == []
    [told] = again.take([down("M2", 0, 0), down("M3", 0, 0)], ENDED + 70)
    assert (told.started_at, told.devices, told.evidence[0]) == (BEGAN, OUTAGE.devices, "all silent")


def test_old_outages_are_forgotten() -> None:
    corrections = Corrections(TREE)
    corrections.hear([OUTAGE], ENDED + 60)
    assert corrections.take([down("M1", -40, -20)], ENDED + 3 * 86_400) == []


RELABELLED: dict[str, tuple[Incident, list[PowerDown], list[tuple[str, str, str, str]]]] = {
    "a meter that was silent for want of supply": (
        MUTE, [down("M4", -40, -20)],
        [("i7-supply", "meter_outage", "M4", "cleared"), ("i7", "comm_meter", "M4", "cancelled")],
    ),
    "a meter that had supply all the time": (MUTE, [down("M1", -40, -20)], []),
    "a meter that lost supply at another time": (MUTE, [down("M4", -7200, -7000)], []),
    "a line whose meters all lost supply": (
        SILENCE, [down(meter, -40, -20) for meter in BOXES],
        [("i7-supply", "feeder_outage", "F1", "cleared"), ("i7", "comm_bus", "RS1", "cancelled")],
    ),
    "a line that was dead, and a box of it without supply": (
        SILENCE, [down(meter, -40, -20) for meter in ("M1", "M2", "M3")],
        [("i7-supply", "box_outage", "B1", "cleared"), ("i7", "comm_bus", "RS1", "cancelled")],
    ),
    "a line that was dead, and one meter of many without supply": (SILENCE, [down("M1", -40, -20)], []),
    "a line with meters of a box that others of the box contradict": (
        replace(SILENCE, devices=("M1", "M2", "M4")), [down("M1", -40, -20), down("M2", -40, -20)], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("silence", "downs", "expected"), RELABELLED.values(), ids=RELABELLED.keys())
@pytest.mark.parametrize("early", [False, True], ids=["records come afterwards", "records came before"])
def test_a_loss_of_contact_that_was_a_loss_of_supply_is_told_as_one(
    silence: Incident, downs: list[PowerDown], expected: list[tuple[str, str, str, str]], early: bool
) -> None:
    corrections = Corrections(TREE)
    said = corrections.take(downs, ENDED + 50) if early else corrections.hear([silence], ENDED + 50)
    said += corrections.hear([silence], ENDED + 60) if early else corrections.take(downs, ENDED + 60)
    assert [(one.id, one.type, one.node, one.state) for one in said] == expected
    if said:
        outage, contact = said
        assert contact.explained_by == outage.id
        assert (outage.started_at, outage.ended_at) == (BEGAN - 40, ENDED - 20)
        assert outage.customers == TREE.customers(outage.devices) != ()
        assert "power-down" in outage.evidence[-1]


def test_records_that_come_one_by_one_move_the_outage_and_are_not_told_twice() -> None:
    corrections = Corrections(TREE)
    corrections.hear([SILENCE], ENDED + 50)
    said = [corrections.take([down(meter, -40, -20)], ENDED + 60 + number) for number, meter in enumerate(BOXES)]
    assert [[(one.type, one.node) for one in told] for told in said] == [
        [], [("box_outage", "B1"), ("comm_bus", "RS1")], [], [("feeder_outage", "F1")], [],
    ]  # fmt: skip
    again = Corrections(TREE, json.loads(json.dumps(corrections.changes())))
    assert again.take([down("M1", -40, -20)], ENDED + 90) == []


def test_a_silence_inside_a_plan_was_that_plan() -> None:
    plan = PlannedOutage("P7", "B2", BEGAN - 100, ENDED, "new cable")
    corrections = Corrections(TREE, None, lambda nodes, since: plan if "M4" in nodes and since < ENDED else None)
    corrections.hear([MUTE], ENDED + 50)
    outage, _ = corrections.take([down("M4", -40, -20)], ENDED + 60)
    assert (outage.type, outage.severity, outage.cause) == ("planned_outage", "info", "planned")
