"""How long a silent device is left alone, and when a device is due."""

import pytest

from gateway.south.health import PATIENCE, Health, fair_pause
from gateway.south.schedule import Schedule


def silent(visits: int) -> Health:
    health = Health()
    for _ in range(visits):
        health.failed()
    return health


PAUSES = [
    ("it begins with twice the period", PATIENCE, 60.0, 1, 0.2, 120.0),
    ("it doubles", PATIENCE + 1, 60.0, 1, 0.2, 240.0),
    ("it ends at five minutes", PATIENCE + 9, 60.0, 1, 0.2, 300.0),
    ("a period of more than five minutes is kept", PATIENCE + 9, 900.0, 1, 0.2, 900.0),
    ("on a full line a probe of 1.2 s comes every 40 s at most", PATIENCE, 0.1, 1, 1.3, 40.0),
    ("many dead ones share their time", PATIENCE, 0.1, 8, 1.3, 320.0),
    ("so many that five minutes would be too often", PATIENCE, 0.1, 40, 1.3, 1600.0),
    ("never longer than an hour", PATIENCE, 0.1, 400, 1.3, 3600.0),
    ("on an idle line they take half of what nobody needs", PATIENCE, 2.0, 8, 0.26, 24.0),
    ("a single one on an idle line comes back soon", PATIENCE, 2.0, 1, 0.26, 4.0),
]


@pytest.mark.parametrize(
    ("failures", "period", "dead", "load", "expected"), [row[1:] for row in PAUSES], ids=[row[0] for row in PAUSES]
)
def test_pause(failures: int, period: float, dead: int, load: float, expected: float) -> None:
    assert silent(failures).pause(period, 1.2, dead, load) == pytest.approx(expected)


PUT_OFF = [
    ("it may be read", 90.0, 100.0, False, 100.0),
    ("it is read when it may", 130.0, 100.0, True, 160.0),
    ("on the grid", 160.0, 100.0, True, 160.0),
    ("an hour later", 3700.0, 100.0, True, 3700.0),
]


@pytest.mark.parametrize(
    ("held_until", "now", "put_off", "due"), [row[1:] for row in PUT_OFF], ids=[row[0] for row in PUT_OFF]
)
def test_a_device_that_is_held_back_is_put_off_to_its_grid(
    held_until: float, now: float, put_off: bool, due: float
) -> None:
    schedule = Schedule(100.0, 60.0)
    schedule.held_until = held_until
    assert (schedule.put_off(now), schedule.due) == (put_off, due)


def test_a_fair_pause_ends_after_an_hour() -> None:
    assert fair_pause(3.0) == pytest.approx(100.0)
    assert fair_pause(600.0) == 3600.0


@pytest.mark.parametrize(("visits", "down"), [(0, False), (2, False), (3, True), (9, True)])
def test_a_device_is_down_after_three_silent_visits(visits: int, down: bool) -> None:
    assert silent(visits).down is down


def test_one_answer_makes_it_good_again() -> None:
    health = silent(9)
    health.answered()
    assert (health.good, health.down) == (True, False)


SERVED = [
    ("in time", 100.0, 100.5, 0.0, 160.0, 0),
    ("half a period late: the next is due at its own time", 100.0, 130.0, 0.0, 160.0, 0),
    ("a period late: the next is due at once", 100.0, 170.0, 0.0, 160.0, 0),
    ("three periods late: two are lost for ever", 100.0, 290.0, 0.0, 280.0, 2),
    ("a pause ends on the grid", 100.0, 101.5, 130.0, 280.0, 0),
    ("a pause of whole periods ends there", 100.0, 101.5, 120.0, 220.0, 0),
]


@pytest.mark.parametrize(
    ("due", "now", "pause", "following", "missed"), [row[1:] for row in SERVED], ids=[row[0] for row in SERVED]
)
def test_the_next_due_time(due: float, now: float, pause: float, following: float, missed: int) -> None:
    schedule = Schedule(due, 60.0)
    schedule.served(now, pause)
    assert (schedule.due, schedule.missed) == (following, missed)


@pytest.mark.parametrize(("due", "hurried"), [(400.0, 100.0), (130.0, 70.0), (100.0, 100.0), (90.0, 90.0)])
def test_a_hurried_device_is_due_now_and_stays_on_its_grid(due: float, hurried: float) -> None:
    schedule = Schedule(due, 60.0)
    schedule.hurry(110.0)
    assert schedule.due == hurried
