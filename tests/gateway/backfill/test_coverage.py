"""Each day's share of what is known, live or remembered, and nothing counted twice."""

import json
from datetime import date, datetime, time, timedelta

import pytest

from gateway.backfill.coverage import KEPT_DAYS, Coverage, Share
from gateway.clock import from_local
from rules.observation import Observation

DAY = date(2026, 6, 1)
MIDNIGHT = from_local(datetime.combine(DAY, time()))
HOUR_S = 3600.0


def seen(at: float, device: str = "M1", *, recalled: bool = False, value: float | None = 230.0) -> Observation:
    """Seconds after midnight."""
    return Observation(device, MIDNIGHT + at, {"voltage": value}, source="backfill" if recalled else "poll")


def polls(begin: float, end: float, period: float = 60.0, device: str = "M1") -> list[Observation]:
    return [seen(begin + period * number, device) for number in range(int((end - begin) / period))]


def curve(begin: float, end: float) -> list[Observation]:
    return [seen(at.at - MIDNIGHT, recalled=True) for at in polls(begin, end, 900.0)]


@pytest.mark.parametrize(
    ("observations", "period", "expected"),
    [
        ([], 60.0, Share(96, 0, 0, 0.0)),
        (polls(0, 24 * HOUR_S), 60.0, Share(96, 96, 0, 1.0)),
        (polls(0, 12 * HOUR_S), 60.0, Share(96, 48, 0, 0.5)),
        ([*polls(0, 12 * HOUR_S), *curve(12 * HOUR_S, 18 * HOUR_S)], 60.0, Share(96, 48, 24, 0.75)),
        ([*polls(0, 12 * HOUR_S), *curve(0, 12 * HOUR_S)], 60.0, Share(96, 48, 0, 0.5)),
        ([*polls(0, 24 * HOUR_S, 3600.0)], 3600.0, Share(24, 24, 0, 1.0)),
        ([seen(60, value=None)], 60.0, Share(96, 0, 0, 0.0)),
        ([Observation("M1", MIDNIGHT + 60, fault="timeout")], 60.0, Share(96, 0, 0, 0.0)),
        (polls(0, 24 * HOUR_S, device="X9"), 60.0, Share(96, 0, 0, 0.0)),
    ],
    ids=[
        "a day without a word is not covered",
        "a whole day is",
        "half a day is half",
        "the meter's memory fills what was missed",
        "what was heard and is remembered counts once",
        "who is polled every hour is expected every hour",
        "an answer without a value is none",
        "a failed poll is none",
        "a stranger does not count",
    ],
)
def test_the_share_of_a_day(observations: list[Observation], period: float, expected: Share) -> None:
    coverage = Coverage({"M1": period})
    for observation in observations:
        coverage.take(observation)
    area, devices = coverage.of(DAY)
    assert area == devices["M1"] == expected


def test_the_area_is_the_sum_of_its_devices_heard_or_not() -> None:
    coverage = Coverage({"M1": 60.0, "M2": 60.0, "T1": 3600.0})
    for observation in [*polls(0, 24 * HOUR_S), *polls(0, 6 * HOUR_S, device="T1")]:
        coverage.take(observation)
    assert coverage.of(DAY)[0] == Share(216, 102, 0, round(102 / 216, 4))


def test_a_day_is_told_when_it_is_over_and_again_when_memory_fills_it() -> None:
    coverage = Coverage({"M1": 60.0})
    coverage.take(seen(0))
    assert coverage.days(DAY) == []
    assert coverage.days(DAY + timedelta(days=1)) == [DAY]
    coverage.told(DAY)
    assert coverage.days(DAY + timedelta(days=2)) == []
    coverage.take(seen(HOUR_S, recalled=True))
    assert coverage.days(DAY + timedelta(days=2)) == [DAY]


def test_a_day_without_a_word_from_anybody_is_told_too() -> None:
    coverage = Coverage({"M1": 60.0})
    coverage.take(seen(0))
    coverage.told(DAY)
    coverage.take(seen(3 * 24 * HOUR_S))
    untold = coverage.days(DAY + timedelta(days=3))
    assert untold == [DAY + timedelta(days=1), DAY + timedelta(days=2)]
    assert coverage.of(untold[0])[0].share == 0.0


def test_its_state_survives_and_only_new_slots_are_written() -> None:
    coverage, disk = Coverage({"M1": 60.0}), dict[str, object]()
    writes = 0
    for observation in polls(0, 2 * HOUR_S):
        coverage.take(observation)
        changes = coverage.changes()
        writes += bool(changes)
        disk |= changes
    assert writes == 8
    again = Coverage({"M1": 60.0}, json.loads(json.dumps(disk)))
    assert again.of(DAY) == coverage.of(DAY)
    assert again.days(DAY + timedelta(days=1)) == [DAY]
    again.told(DAY)
    disk |= again.changes()
    assert Coverage({"M1": 60.0}, json.loads(json.dumps(disk))).days(DAY + timedelta(days=1)) == []


def test_old_days_are_forgotten_on_disk_too() -> None:
    coverage, disk = Coverage({"M1": 60.0}), dict[str, object]()
    for day in range(KEPT_DAYS + 3):
        coverage.take(seen(day * 24 * HOUR_S + 12 * HOUR_S))
        for key, item in coverage.changes().items():
            disk.pop(key, None) if item is None else disk.update({key: item})
    assert len(disk) == KEPT_DAYS
