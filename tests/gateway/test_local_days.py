"""Days are those of the clock on the wall: where it is put forward and back, two of them have 23 and 25 hours."""

import time
from collections.abc import Iterator
from datetime import date

import pytest

from gateway.backfill.coverage import Coverage, Share, edges
from gateway.days import Days
from rules.area import Area, Device, Node
from rules.engine import Engine
from rules.observation import Observation
from tests.gateway.test_days import Meter, Wall, at

DAYS: dict[str, tuple[str, date, int]] = {
    "put forward in Berlin": ("Europe/Berlin", date(2026, 3, 29), 23),
    "put back in Berlin": ("Europe/Berlin", date(2026, 10, 25), 25),
    "an ordinary day in Berlin": ("Europe/Berlin", date(2026, 6, 1), 24),
    "that day in Shanghai, where nobody touches it": ("Asia/Shanghai", date(2026, 10, 25), 24),
    "put forward at midnight in Beirut": ("Asia/Beirut", date(2026, 3, 29), 23),
    "the day before that": ("Asia/Beirut", date(2026, 3, 28), 24),
    "put back to midnight in Havana": ("America/Havana", date(2026, 11, 1), 25),
}
AREA = Area(
    "TQ1",
    (Node("T1", "transformer"), Node("B1", "box", "T1")),
    (Device("M1", "meter", "B1", "A", customer="C1"), Device("TTU", "ttu", "T1")),
    poll_period_s=900.0,
)


@pytest.fixture(params=list(DAYS.values()), ids=list(DAYS))
def local_day(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[date, int]]:
    """A day and its hours, while the machine keeps the time of its zone."""
    zone, day, hours = request.param
    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        yield day, hours
    time.tzset()


def quarters(day: date) -> list[float]:
    """A second into each of its quarter hours."""
    begins, ends = edges(day)
    return [begins + 900.0 * number + 1 for number in range(round((ends - begins) / 900))]


def test_a_day_has_its_hours_and_the_next_one_follows(local_day: tuple[date, int]) -> None:
    day, hours = local_day
    begins, ends = edges(day)
    assert (ends - begins) / 3600 == hours
    assert edges(date.fromordinal(day.toordinal() + 1))[0] == ends


def test_each_of_its_quarter_hours_counts_once(local_day: tuple[date, int]) -> None:
    day, hours = local_day
    coverage = Coverage({"M1": 900.0})
    for moment in quarters(day):
        coverage.take(Observation("M1", moment, {"voltage": 230.0}))
    assert coverage.of(day)[0] == Share(4 * hours, 4 * hours, 0, 1.0)


def test_an_hour_of_low_voltage_is_an_hour_of_its_hours(local_day: tuple[date, int]) -> None:
    day, hours = local_day
    begins, ends = edges(day)
    engine = Engine(AREA)
    for moment in (begins - 900.0, begins):
        engine.take(Observation("M1", moment, {"voltage": 230.0}))
    engine.close_period(begins)
    for moment in (begins + 900.0 * number for number in range(1, 4 * hours + 1)):
        low = begins + 3 * 3600 < moment <= begins + 4 * 3600
        engine.take(Observation("M1", moment, {"voltage": 190.0 if low else 230.0}))
    days = Days(engine, Wall(ends + 1), "gw1", {})
    days.close()
    point = days.tell(day)["voltage"]["devices"]["M1"]
    assert point["monitored_s"] == 3600 * hours
    assert point["low_s"] == 3600
    assert point["qualification"] == pytest.approx(1 - 1 / hours, abs=1e-5)


def test_it_is_closed_once_and_the_next_one_too(local_day: tuple[date, int]) -> None:
    day, _ = local_day
    begins, ends = edges(day)
    meter = Meter(begins)
    Days(meter, Wall(ends + 1.5 * 86_400), "gw1", {}).close()
    assert meter.closed == [ends, edges(date.fromordinal(day.toordinal() + 1))[1]]


def test_an_outage_over_the_change_of_the_clock_lasts_as_long_as_it_was(local_day: tuple[date, int]) -> None:
    day, hours = local_day
    begin, end = edges(day)[0], at(f"{day}T05:00")
    supply = Meter(begin).interruptions
    supply.began("one", begin, begin, ["M1"], lambda _: end)
    supply.ended("one", end)
    counted = supply.supply(*edges(day), edges(day)[1])
    assert counted.saidi_min.best * counted.customers == pytest.approx((5 + hours - 24) * 60)
