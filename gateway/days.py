"""Finished days and months in figures: how good the supply was, the voltage of every point, load and loss.

A day is closed at local midnight, or at the next start when the gateway was off then. Its supply is counted when it is
told, and counted again when meters' own records have changed what is known of it: then day and month are told again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol

import orjson

from gateway.backfill.coverage import KEPT_DAYS, edges
from gateway.clock import Clock, iso, local
from gateway.slim import slim_json
from gateway.store import Draft, Stream
from rules.interruptions import Interruptions
from rules.reliability import Bounded, Loss, Reliability
from rules.statistics import Quality

DAY, MONTHS = "day/", "months"
_BOUNDED = ("saidi_min", "saifi", "maifi")
_SUMS = (*_BOUNDED, *(f"{name}_{end}" for name in _BOUNDED for end in ("least", "most")), "saidi_planned_min")
_SECONDS = ("monitored_s", "low_s", "high_s")
_PHASE = ("saidi_min", "saifi")

Figures = Mapping[str, Any]
Covered = Callable[[Sequence[date]], Mapping[str, Any]]


class Counter(Protocol):
    """The part of the rules that counts."""

    @property
    def period_start(self) -> float | None:
        """When the period that runs began."""

    @property
    def interruptions(self) -> Interruptions:
        """Who was without supply, and when."""

    def close_period(self, at: float) -> Quality:
        """The period up to now; a new one begins."""


class Days:
    """The last days of one site."""

    def __init__(self, counter: Counter, clock: Clock, gateway: str, saved: Mapping[str, object]) -> None:
        self._counter, self._clock, self._gateway = counter, clock, gateway
        self._days: dict[date, bytes] = {}  # figures as JSON: of 400 meters over 40 days not much
        for key, kept in saved.items():
            if key.startswith(DAY) and isinstance(kept, str):
                assert "told" in orjson.loads(kept), "a day as another version kept it"
                self._days[date.fromisoformat(key.removeprefix(DAY))] = kept.encode()
        months = saved.get(MONTHS)
        self._months: dict[str, int] = dict(months) if isinstance(months, dict) else {}  # told, of so many days
        self._changed: dict[str, object | None] = {}

    def close(self) -> None:
        """Close every day that is over and was not. With a wrong clock no day is."""
        now = self._clock.wall()
        if not self._clock.trusted():
            return
        today = edges(local(now).date())[0]
        while (start := self._counter.period_start) is not None and start < today:
            day = local(start).date()
            far = today - start > KEPT_DAYS * 86_400.0  # off for longer than anybody asks: one period for all of it
            self._keep(day, self._counter.close_period(today if far else edges(day)[1]))

    def recount(self) -> list[date]:
        """Count the supply of closed days of which more is known than was told; the days whose figures change.

        With a wrong clock nothing is told, so nothing is counted.
        """
        if not self._clock.trusted():
            return []
        interruptions, now = self._counter.interruptions, self._clock.wall()
        spans, news = interruptions.news(), []
        for day, kept in sorted(self._days.items()):
            row = orjson.loads(kept)
            start, end = row["start"], row["end"]
            if "supply" in row and not any(begin < end and until > start for begin, until in spans):
                continue
            supply = supply_figures(interruptions.supply(start, end, now))
            if supply != row.get("supply"):
                self._put(day, {**row, "supply": supply})
                news.append(day)
        interruptions.told()
        return news

    def tell(self, day: date) -> Figures:
        """The figures of a day, which is told with this; nothing when it was not counted."""
        kept = self._days.get(day)
        if kept is None:
            return {}
        row = orjson.loads(kept)
        if not row["told"]:
            self._put(day, {**row, "told": True})
        return {"corrected": row["told"], **{name: row[name] for name in ("supply", "voltage", "load") if name in row}}

    def months(self, covered: Covered, again: Iterable[date] = ()) -> Iterator[Draft]:
        """Months that are over and were not told, or of which these days have changed, as rows.

        `covered`: how much is known of some days.
        """
        now = self._clock.wall()
        over = {month_of(day) for day in self._days} - {month_of(local(now).date())}
        for month in sorted((over - self._months.keys()) | (over & {month_of(day) for day in again})):
            days = [day for day in sorted(self._days) if month_of(day) == month]
            if len(days) < self._months.get(month, 0):
                continue  # some of its days are forgotten already: what was told is better
            row = {"at": iso(now), "gateway": self._gateway, "month": month, "days": len(days)}
            row |= {"corrected": month in self._months, **covered(days)}
            row |= together([orjson.loads(self._days[day]) for day in days])
            self._months = {old: count for old, count in self._months.items() if old in over} | {month: len(days)}
            self._changed[MONTHS] = self._months
            yield Draft(Stream.EVENT, now, "stats/month", slim_json(row))

    def changes(self) -> Mapping[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        changed, self._changed = self._changed, {}
        return changed

    def _keep(self, day: date, quality: Quality) -> None:
        self._put(day, {"start": quality.start, "end": quality.end, "told": False, **measured(quality)})
        for old in sorted(self._days)[:-KEPT_DAYS]:
            del self._days[old]
            self._changed[DAY + old.isoformat()] = None

    def _put(self, day: date, row: Mapping[str, Any]) -> None:
        self._days[day] = slim_json(row)
        self._changed[DAY + day.isoformat()] = self._days[day].decode()


def month_of(day: date) -> str:
    """As it is written: 2026-06."""
    return day.isoformat()[:7]


def measured(quality: Quality) -> Figures:
    """Voltage by point, load and loss of a period as they are told."""
    devices = {
        point.device: {
            "qualification": round(point.qualification, 5),
            **{name: round(getattr(point, name)) for name in _SECONDS},
            "answered": round(point.coverage, 4),
        }
        for point in quality.points
    }
    load = quality.load
    return {
        "voltage": _voltage(devices),
        "load": load and _rounded({**asdict(load), "peak_at": iso(load.peak_at), "loss_share": load.loss_share}),
    }


def supply_figures(supply: Reliability) -> Figures:
    """The supply of a period as it is told: indices with their bounds, by phase, and by customer where any was lost."""
    indices: dict[str, float] = {}
    for name in (*_BOUNDED, "cemi"):
        indices |= _bounded(name, getattr(supply, name))
    return {
        "from": iso(supply.start),
        "to": iso(supply.end),
        "seconds": round(supply.end - supply.start),
        "customers": supply.customers,
        **indices,
        "saidi_planned_min": round(supply.saidi_planned_min, 4),
        "caidi_min": round(supply.caidi_min, 4),
        "asai": round(supply.asai, 7),
        "phases": {
            phase: {"customers": one.customers, **{name: round(getattr(one, name), 4) for name in _PHASE}}
            for phase, one in supply.phases.items()
        },
        "interrupted": {customer: _loss(lost) for customer, lost in sorted(supply.interrupted.items())},
    }


def _bounded(name: str, value: Bounded) -> dict[str, float]:
    ends = {"": value.best, "_least": value.least, "_most": value.most}
    return {name + end: round(figure, 4) for end, figure in ends.items()}


def _loss(lost: Loss) -> dict[str, float]:
    counts = {"sustained": round(lost.sustained.best), "momentary": round(lost.momentary.best)}
    return {**_bounded("minutes", lost.minutes), **counts}


def together(days: Sequence[Figures]) -> Figures:
    """Days as one month. Energies and loss are those of the days on which both were known."""
    points: dict[str, dict[str, float]] = {}
    for day in days:
        for device, point in day["voltage"]["devices"].items():
            _add(points.setdefault(device, {}), {name: point[name] for name in _SECONDS})
    devices = {device: {"qualification": _share(sums), **sums} for device, sums in points.items()}
    supplies = [day["supply"] for day in days]
    return {
        "supply": _supply(supplies),
        "voltage": _voltage(devices),
        "load": _loads([(day["load"], day["supply"]["seconds"]) for day in days if day["load"]]),
    }


def _supply(days: Sequence[Figures]) -> Figures:
    sums: dict[str, float] = {}
    phases: dict[str, dict[str, float]] = {}
    interrupted: dict[str, dict[str, float]] = {}
    for day in days:
        _add(sums, {name: day[name] for name in ("seconds", *_SUMS)})
        for phase, one in day["phases"].items():
            _add(phases.setdefault(phase, {}), {name: one[name] for name in _PHASE})
        for customer, lost in day["interrupted"].items():
            _add(interrupted.setdefault(customer, {}), lost)
    last = days[-1]
    return {
        "from": days[0]["from"],
        "to": last["to"],
        **{name: last[name] for name in ("customers", "cemi", "cemi_least", "cemi_most")},
        **sums,
        "caidi_min": round(sums["saidi_min"] / sums["saifi"], 4) if sums["saifi"] else 0.0,
        "asai": round(1.0 - sums["saidi_min"] * 60 / sums["seconds"], 7) if sums["seconds"] else 1.0,
        "phases": {phase: {"customers": last["phases"][phase]["customers"], **one} for phase, one in phases.items()},
        "interrupted": interrupted,
    }


def _add(sums: dict[str, float], more: Mapping[str, float]) -> None:
    for name, value in more.items():
        sums[name] = round(sums.get(name, 0) + value, 4)


def _voltage(devices: Mapping[str, Mapping[str, float]]) -> Figures:
    sums = {name: sum(point[name] for point in devices.values()) for name in _SECONDS}
    return {"qualification": _share(sums), **sums, "devices": devices}


def _share(sums: Mapping[str, float]) -> float:
    """Share of the monitored time within the limits; 1 when nothing was monitored."""
    outside = sums["low_s"] + sums["high_s"]
    return round(1.0 - outside / sums["monitored_s"], 5) if sums["monitored_s"] else 1.0


def _loads(days: Sequence[tuple[Figures, float]]) -> Figures | None:
    if not days:
        return None
    peak = max((load for load, _ in days), key=lambda load: float(load["peak_kw"]))
    known = [load for load, _ in days if load["loss_share"] is not None and load["given_kwh"] > 0]  # it is rounded
    given, taken = (sum(load[name] for load in known) for name in ("given_kwh", "taken_kwh"))
    mean = sum(load["mean_kw"] * seconds for load, seconds in days) / sum(seconds for _, seconds in days)
    found = {
        "mean_kw": mean,
        "peak_kw": peak["peak_kw"],
        "peak_at": peak["peak_at"],
        "given_kwh": given if known else None,
        "taken_kwh": taken if known else None,
        "loss_share": 1.0 - taken / given if known else None,
    }
    return _rounded(found)


def _rounded(load: Mapping[str, Any]) -> Figures:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in load.items()}
