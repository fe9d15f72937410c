"""Outage times are set right by what meters wrote down themselves, and only by what fits."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from rules.correction import Corrections, PowerDown, corrected
from rules.incident import Incident

BEGAN, ENDED = 10_000.0, 13_600.0
OUTAGE = Incident(
    id="i1", type="box_outage", state="cleared", reason="cleared", severity="critical", at=ENDED + 60, node="B1",
    started_at=BEGAN, started_after=BEGAN - 55, ended_at=ENDED, devices=("M1", "M2", "M3"), evidence=("all silent",),
)  # fmt: skip


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
    early, late = Corrections(), Corrections()
    assert early.take([down("M1", -40, -20)], ENDED + 10) == []
    [told_early] = early.hear([OUTAGE], ENDED + 60)
    assert late.hear([OUTAGE], ENDED + 60) == []
    [told_late] = late.take([down("M1", -40, -20)], ENDED + 60)
    assert told_early == told_late


def test_what_changes_nothing_is_not_told_again() -> None:
    corrections = Corrections()
    corrections.hear([OUTAGE], ENDED + 60)
    assert len(corrections.take([down("M1", -40, -20)], ENDED + 61)) == 1
    assert corrections.take([down("M1", -40, -20)], ENDED + 62) == []
    [moved] = corrections.take([down("M2", -20, -20)], ENDED + 63)
    assert corrections.take([down("M3", -31, -20)], ENDED + 64) == []
    assert moved.evidence.count(moved.evidence[-1]) == 1
    assert len(moved.evidence) == len(OUTAGE.evidence) + 1


def test_a_correction_is_not_taken_for_an_outage_of_its_own() -> None:
    corrections = Corrections()
    corrections.hear([OUTAGE], ENDED + 60)
    [told] = corrections.take([down("M1", -40, -20)], ENDED + 61)
    assert corrections.hear([told], ENDED + 62) == []
    [again] = corrections.take([down("M2", 0, 0)], ENDED + 63)
    assert again.evidence[-1].endswith("2 meters")


@pytest.mark.parametrize("kind", ["comm_meter", "low_voltage", "clock_drift"])
def test_what_is_no_loss_of_supply_has_no_records(kind: str) -> None:
    corrections = Corrections()
    corrections.hear([replace(OUTAGE, type=kind)], ENDED + 60)
    assert corrections.take([down("M1", -40, -20)], ENDED + 61) == []


def test_its_state_survives_as_plain_data() -> None:
    corrections = Corrections()
    corrections.hear([OUTAGE], ENDED + 60)
    corrections.take([down("M1", -40, -20)], ENDED + 61)
    saved = json.loads(json.dumps(corrections.changes()))
    assert corrections.changes() == {}
    again = Corrections(saved)
    assert again.take([down("M1", -40, -20)], ENDED + 70) == []
    [told] = again.take([down("M2", 0, 0), down("M3", 0, 0)], ENDED + 70)
    assert (told.started_at, told.devices, told.evidence[0]) == (BEGAN, OUTAGE.devices, "all silent")


def test_old_outages_are_forgotten() -> None:
    corrections = Corrections()
    corrections.hear([OUTAGE], ENDED + 60)
    assert corrections.take([down("M1", -40, -20)], ENDED + 3 * 86_400) == []
