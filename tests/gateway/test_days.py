"""A day is closed once, at its midnight, whatever the gateway did then; months are told of their days."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime

import pytest

from gateway.clock import from_local
from gateway.days import Days
from rules.statistics import Load, PointQuality, Quality


def at(text: str) -> float:
    return from_local(datetime.fromisoformat(text))


@dataclass(slots=True)
class Meter:
    """Rules that count the same in every period."""

    period_start: float | None
    closed: list[float] = field(default_factory=list)

    def close_period(self, at: float) -> Quality:
        assert self.period_start is not None
        start, self.period_start = self.period_start, at
        self.closed.append(at)
        point = PointQuality("M1", 1000.0, 100.0, 0.0, 1.0)
        load = Load(5.0, 9.0, start, 100.0, 96.0)
        return Quality(start, at, 10, (point,), 3.0, 4.0, 1.0, 0.1, 0.2, 0.0, load)


@dataclass(slots=True)
class Wall:
    """A clock that stands."""

    now: float
    right: bool = True

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def trusted(self) -> bool:
        return self.right


def days(meter: Meter, now: str, saved: dict[str, object] | None = None, *, trusted: bool = True) -> Days:
    return Days(meter, Wall(at(now), trusted), "gw1", saved or {})


CLOSINGS: dict[str, tuple[str | None, str, list[str]]] = {
    "nothing before midnight": ("2026-06-01T08:00", "2026-06-01T23:59:59", []),
    "nothing that was never begun": (None, "2026-06-02T00:00", []),
    "the day at its midnight": ("2026-06-01T08:00", "2026-06-02T00:00:01", ["2026-06-02T00:00"]),
    "every day that the gateway was off over": (
        "2026-06-01T08:00", "2026-06-03T17:00", ["2026-06-02T00:00", "2026-06-03T00:00"],
    ),
    "one long period when it was off for a year": ("2026-06-01T08:00", "2027-06-03T17:00", ["2027-06-03T00:00"]),
}  # fmt: skip


@pytest.mark.parametrize(("began", "now", "closed"), CLOSINGS.values(), ids=CLOSINGS.keys())
def test_what_is_closed_is(began: str | None, now: str, closed: list[str]) -> None:
    meter = Meter(at(began) if began else None)
    days(meter, now).close()
    assert meter.closed == [at(midnight) for midnight in closed]


def test_no_day_ends_by_a_clock_that_is_wrong() -> None:
    meter = Meter(at("2026-06-01T08:00"))
    days(meter, "2026-06-03T00:00", trusted=False).close()
    assert meter.closed == []


def test_a_closed_day_is_told_with_the_same_figures_after_a_restart() -> None:
    first = days(Meter(at("2026-06-01T00:00")), "2026-06-02T00:00")
    first.close()
    saved = json.loads(json.dumps(dict(first.changes())))
    told = days(Meter(at("2026-06-02T00:00")), "2026-06-02T00:20", saved).of(date(2026, 6, 1))
    assert told == first.of(date(2026, 6, 1))
    assert told["supply"]["saidi_min"] == 3.0
    assert told["supply"]["saidi_min_most"] == 4.0
    assert told["voltage"]["devices"]["M1"]["qualification"] == 0.9
    assert told["load"]["loss_share"] == pytest.approx(0.04)


def test_a_month_is_told_once_and_is_the_sum_of_its_days() -> None:
    first = days(Meter(at("2026-05-30T00:00")), "2026-06-01T00:00")
    first.close()
    saved = json.loads(json.dumps(dict(first.changes())))
    again = days(Meter(at("2026-06-01T00:00")), "2026-06-01T00:20", saved)
    [draft] = again.months()
    told = json.loads(draft.body)
    assert (draft.key, told["month"], told["days"]) == ("stats/month", "2026-05", 2)
    assert (told["supply"]["saidi_min"], told["supply"]["saifi"], told["supply"]["caidi_min"]) == (6.0, 0.2, 30.0)
    assert told["voltage"]["devices"]["M1"] == {"qualification": 0.9, "monitored_s": 2000, "low_s": 200, "high_s": 0}
    assert (told["load"]["given_kwh"], told["load"]["loss_share"]) == (200.0, pytest.approx(0.04))
    assert list(again.months()) == []
    assert again.changes()["months"] == []


def test_days_that_nobody_asks_for_any_more_are_forgotten() -> None:
    meter = Meter(at("2026-06-01T00:00"))
    long = days(meter, "2026-07-11T00:00")
    long.close()
    saved = dict(long.changes())
    assert "day/2026-06-01" in saved
    later = days(meter, "2026-07-12T00:00", saved)
    later.close()
    assert later.changes()["day/2026-06-01"] is None
