"""A day is closed once, at its midnight, whatever the gateway did then; months are told of their days."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import pytest

from gateway.app import remembering
from gateway.clock import from_local
from gateway.days import Days
from rules.area import Area, Device, Node
from rules.correction import PowerDown
from rules.interruptions import Interruptions
from rules.statistics import Load, PointQuality, Quality

METERS = tuple(Device(f"M{number}", "meter", "B1", "ABC"[number % 3], customer=f"C{number}") for number in range(10))
AREA = Area("TQ1", (Node("T1", "transformer"), Node("B1", "box", "T1")), METERS)


def at(text: str) -> float:
    return from_local(datetime.fromisoformat(text))


@dataclass(slots=True)
class Meter:
    """Rules that count the same in every period."""

    period_start: float | None
    closed: list[float] = field(default_factory=list)
    interruptions: Interruptions = field(default_factory=lambda: Interruptions(AREA, 180.0, lambda _: 60.0))

    def close_period(self, at: float) -> Quality:
        assert self.period_start is not None
        start, self.period_start = self.period_start, at
        self.closed.append(at)
        point = PointQuality("M1", 1000.0, 100.0, 0.0, 1.0)
        load = Load(5.0, 9.0, start, 100.0, 96.0)
        return Quality(start, at, (point,), load)

    def lose(self, device: str, begin: str, end: str) -> None:
        """As polls see it: up to a minute late."""
        self.interruptions.began(device, at(begin), at(begin) - 50, [device], lambda _: at(end) - 40)
        self.interruptions.ended(device, at(end))


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
    meter = Meter(at("2026-06-01T00:00"))
    meter.lose("M1", "2026-06-01T10:00", "2026-06-01T10:30")
    first = days(meter, "2026-06-02T00:00")
    first.close()
    saved = json.loads(json.dumps(dict(first.changes())))
    again = days(meter, "2026-06-02T00:20", saved)
    assert again.recount() == [date(2026, 6, 1)]
    told = again.tell(date(2026, 6, 1))
    supply = told["supply"]
    assert (supply["saidi_min"], supply["saifi"], supply["caidi_min"]) == (3.0, 0.1, 30.0)
    assert supply["saidi_min_least"] < 3.0 < supply["saidi_min_most"]
    assert supply["phases"]["B"] == {"customers": 3, "saidi_min": 10.0, "saifi": 0.3333}
    assert supply["interrupted"]["C1"] == {
        "minutes": 30.0, "minutes_least": 29.3333, "minutes_most": 30.8333, "sustained": 1, "momentary": 0,
    }  # fmt: skip
    assert told["voltage"]["devices"]["M1"]["qualification"] == 0.9
    assert told["load"]["loss_share"] == pytest.approx(0.04)
    assert not told["corrected"]


def covered(of: Sequence[date]) -> dict[str, object]:
    return {"coverage": {"days": len(of)}}


def two_days(now: str) -> tuple[Meter, Days]:
    """The last days of May, told."""
    meter = Meter(at("2026-05-30T00:00"))
    meter.lose("M1", "2026-05-30T10:00", "2026-05-30T10:30")
    meter.lose("M2", "2026-05-31T10:00", "2026-05-31T10:30")
    told = days(meter, now)
    told.close()
    for day in told.recount():
        told.tell(day)
    return meter, told


def test_a_month_is_told_once_and_is_the_sum_of_its_days() -> None:
    meter, first = two_days("2026-06-01T00:00")
    saved = json.loads(json.dumps(dict(first.changes())))
    again = days(meter, "2026-06-01T00:20", saved)
    [draft] = again.months(covered)
    told = json.loads(draft.body)
    assert (draft.key, told["month"], told["days"], told["corrected"]) == ("stats/month", "2026-05", 2, False)
    assert (told["supply"]["saidi_min"], told["supply"]["saifi"], told["supply"]["caidi_min"]) == (6.0, 0.2, 30.0)
    assert told["supply"]["phases"]["B"]["saidi_min"] == 10.0
    assert sorted(told["supply"]["interrupted"]) == ["C1", "C2"]
    assert told["voltage"]["devices"]["M1"] == {"qualification": 0.9, "monitored_s": 2000, "low_s": 200, "high_s": 0}
    assert (told["load"]["given_kwh"], told["load"]["loss_share"]) == (200.0, pytest.approx(0.04))
    assert told["coverage"] == {"days": 2}
    assert list(again.months(covered)) == []
    assert list(days(meter, "2026-06-02T00:20", saved | dict(again.changes())).months(covered)) == []


def test_a_record_that_comes_late_has_its_day_and_its_month_told_again_with_better_figures() -> None:
    meter, told = two_days("2026-06-01T00:20")
    assert len(list(told.months(covered))) == 1
    assert told.recount() == []
    meter.interruptions.correct(PowerDown("M1", at("2026-05-30T09:59:20"), at("2026-05-30T10:29:40")), planned=False)
    meter.interruptions.correct(PowerDown("M3", at("2026-05-31T23:50"), at("2026-06-01T00:05")), planned=False)
    news = told.recount()
    assert news == [date(2026, 5, 30), date(2026, 5, 31)]
    first, second = (told.tell(day) for day in news)
    assert first["corrected"]
    lost = first["supply"]["interrupted"]["C1"]
    assert lost["minutes_least"] == lost["minutes"] == lost["minutes_most"] == 30.3333
    assert second["supply"]["interrupted"]["C3"]["minutes"] == 10.0
    [draft] = told.months(covered, news)
    month = json.loads(draft.body)
    assert month["corrected"]
    assert month["supply"]["saidi_min"] == pytest.approx(3 + 3.03333 + 1, abs=1e-3)


def test_a_record_that_changes_no_figure_is_not_told() -> None:
    meter, told = two_days("2026-06-01T00:20")
    meter.interruptions.correct(PowerDown("nobody", at("2026-05-30T09:59"), at("2026-05-30T10:29")), planned=False)
    assert told.recount() == []


def test_a_month_is_not_told_again_when_some_of_its_days_are_forgotten() -> None:
    meter, told = two_days("2026-06-01T00:20")
    list(told.months(covered))
    saved = json.loads(json.dumps(dict(told.changes())))
    later = days(meter, "2026-06-02T00:20", {name: row for name, row in saved.items() if name != "day/2026-05-30"})
    assert list(later.months(covered, [date(2026, 5, 31)])) == []


def test_days_that_nobody_asks_for_any_more_are_forgotten() -> None:
    meter = Meter(at("2026-06-01T00:00"))
    long = days(meter, "2026-07-11T00:00")
    long.close()
    saved = dict(long.changes())
    assert "day/2026-06-01" in saved
    later = days(meter, "2026-07-12T00:00", saved)
    later.close()
    assert later.changes()["day/2026-06-01"] is None


def test_a_record_that_comes_under_a_wrong_clock_is_told_when_the_clock_is_right() -> None:
    meter, told = two_days("2026-06-01T00:20")
    meter.interruptions.correct(PowerDown("M3", at("2026-05-31T23:50"), at("2026-06-01T00:05")), planned=False)
    saved = json.loads(json.dumps(dict(told.changes())))
    assert days(meter, "2026-06-01T00:30", saved, trusted=False).recount() == []
    assert days(meter, "2026-06-01T00:30", saved).recount() == [date(2026, 5, 31)]


def test_days_that_another_version_kept_are_forgotten_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    old: dict[str, object] = {"day/2026-05-30": json.dumps({"supply": {"saidi_min": 3.0}})}
    fresh = remembering("days", lambda saved: days(Meter(None), "2026-06-01T00:20", dict(saved)), old)
    assert fresh.recount() == []
    assert "days: what was remembered does not fit this version" in caplog.text
