"""Indices of supply and of voltage against sums done by hand: IEEE 1366 and DL/T 836, GB/T 12325."""

import json
from datetime import UTC, datetime

import pytest

from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.observation import Observation
from rules.reliability import Lost, Reliability, joined, reliability

DAY_S = 86_400.0
MARCH = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
APRIL = datetime(2026, 4, 1, tzinfo=UTC).timestamp()
MAY = datetime(2026, 5, 1, tzinfo=UTC).timestamp()


def exact(start: float, minutes: float, *, planned: bool = False) -> Lost:
    """A time without supply that a meter wrote down."""
    return Lost(start, start, start + 60 * minutes, start + 60 * minutes, planned)


def indices(lost: dict[str, list[Lost]], start: float = MARCH, end: float = APRIL) -> Reliability:
    """Of four customers; sustained from three minutes on."""
    return reliability(lost, {}, {"": 4}, start, end, 180.0)


NOON = MARCH + 14 * DAY_S
HANDMADE: dict[str, tuple[dict[str, list[Lost]], tuple[float, float, float, float, float]]] = {
    "nothing happened": ({}, (0, 0, 0, 0, 0)),
    "one of four for an hour": ({"C1": [exact(NOON, 60)]}, (15, 0.25, 60, 0, 0)),
    "two of four, for ten minutes and for thirty": (
        {"C1": [exact(NOON, 10)], "C2": [exact(NOON, 30)]},
        (10, 0.5, 20, 0, 0),
    ),
    "a moment does not count in minutes": ({"C1": [exact(NOON, 2)], "C2": [exact(NOON, 60)]}, (15, 0.25, 60, 0.25, 0)),
    "three times an hour are too often": (
        {"C1": [exact(NOON + n * DAY_S, 60) for n in range(3)]},
        (45, 0.75, 60, 0, 0.25),
    ),
    "three moments are not": ({"C1": [exact(NOON + n * DAY_S, 1) for n in range(3)]}, (0, 0, 0, 0.75, 0)),
}


@pytest.mark.parametrize(("lost", "expected"), HANDMADE.values(), ids=HANDMADE.keys())
def test_saidi_saifi_caidi_maifi_cemi(
    lost: dict[str, list[Lost]], expected: tuple[float, float, float, float, float]
) -> None:
    one = indices(lost)
    for bounded in (one.saidi_min, one.saifi, one.maifi, one.cemi):
        assert bounded.least == bounded.best == bounded.most, "records leave no doubt"
    assert (one.saidi_min.best, one.saifi.best, one.caidi_min, one.maifi.best, one.cemi.best) == pytest.approx(expected)
    assert one.asai == pytest.approx(1 - expected[0] / (31 * 24 * 60))


def test_what_reaches_over_a_month_end_shares_its_minutes_and_counts_where_it_began() -> None:
    lost = {"C1": [exact(APRIL - 600, 40)]}
    march, april = indices(lost), indices(lost, APRIL, MAY)
    assert (march.saidi_min.best, march.saifi.best) == pytest.approx((10 / 4, 1 / 4))
    assert (april.saidi_min.best, april.saifi.best, april.caidi_min) == pytest.approx((30 / 4, 0, 0))


def test_a_sustained_one_of_which_two_minutes_lie_in_the_month_counts_them() -> None:
    assert indices({"C1": [exact(MARCH - 1080, 20)]}).saidi_min.best == pytest.approx(2 / 4)


def test_planned_minutes_are_part_of_all_and_told_apart() -> None:
    one = indices({"C1": [exact(NOON, 60, planned=True)], "C2": [exact(NOON, 20)]})
    assert (one.saidi_min.best, one.saidi_planned_min) == pytest.approx((20, 15))


def test_polls_leave_bounds() -> None:
    one = indices({"C1": [Lost(NOON, NOON + 60, NOON + 300, NOON + 360)]})
    assert (one.saidi_min.least, one.saidi_min.best, one.saidi_min.most) == pytest.approx((4 / 4, 5 / 4, 6 / 4))
    assert one.saifi.least == one.saifi.most == 0.25
    short = indices({"C1": [Lost(NOON, NOON + 60, NOON + 200, NOON + 300)]})  # 140 s at least, 300 s at most
    assert (short.saifi.least, short.saifi.best, short.saifi.most) == (0, 0.25, 0.25)
    assert (short.maifi.least, short.maifi.best, short.maifi.most) == (0, 0, 0.25)


JOINED = {
    "two records with a second between them are two": ([exact(0, 1), exact(61, 1)], 2),
    "records of two meters that overlap are one": ([exact(0, 2), exact(30, 2)], 1),
    "polls cannot tell so short a pause": ([Lost(0, 10, 60, 70), Lost(80, 100, 160, 170)], 1),
    "polls can tell a long one": ([Lost(0, 10, 60, 70), Lost(290, 300, 360, 370)], 2),
}


@pytest.mark.parametrize(("times", "number"), JOINED.values(), ids=JOINED.keys())
def test_times_without_supply_of_one_customer(times: list[Lost], number: int) -> None:
    assert len(joined(times, 150.0)) == number


AREA = Area("one", (Node("T1", "transformer"), Node("B1", "box", "T1")), (Device("M1", "meter", "B1", "A", "RS1"),))
NORMAL = [220.0] * 4
VOLTS: dict[str, tuple[list[float | None], tuple[float, float, float]]] = {
    "all of it within": ([220.0] * 10, (540, 0, 0)),
    "three minutes below 198 V, one above 235.4 V": (
        [*NORMAL, 197.9, 190.0, 180.0, 235.5, 220.0, 220.0],
        (540, 180, 60),
    ),
    "the limits themselves are within": ([*NORMAL, 198.0, 235.4, 220.0, 220.0], (420, 0, 0)),
    "four minutes without an answer count only as far as a reading stands for": (
        [*NORMAL, None, None, None, None, 220.0, 220.0],
        (180 + 60 + 60, 0, 0),
    ),
    "no supply is no voltage": ([*NORMAL, 0.0, 0.0, 220.0, 220.0], (180 + 120, 0, 0)),
}


@pytest.mark.parametrize(("volts", "expected"), VOLTS.values(), ids=VOLTS.keys())
@pytest.mark.parametrize("restart", [False, True], ids=["in one go", "with a restart"])
def test_voltage_qualification(volts: list[float | None], expected: tuple[float, float, float], restart: bool) -> None:
    engine = Engine(AREA)
    for minute, volt in enumerate(volts):
        at = MARCH + 60 * minute
        values = {} if volt is None else {"voltage": volt}
        engine.take(Observation("M1", at, values, "timeout" if volt is None else None, bus="RS1"))
        if restart and minute == 5:
            kept = json.dumps({key: value for key, value in engine.changes().items() if value is not None})
            engine = Engine(AREA, saved=json.loads(kept))
    (point,) = engine.close_period(MARCH + 60 * len(volts)).points
    assert (point.monitored_s, point.low_s, point.high_s) == pytest.approx(expected)
    assert point.qualification == pytest.approx(1 - (expected[1] + expected[2]) / expected[0])
