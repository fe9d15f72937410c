"""Finished days and months in figures: how good the supply was, the voltage of every point, load and loss.

A day is closed at local midnight, or at the next start when the gateway was off then; its figures are kept as long as
meters may fill its coverage, so that it can be told again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol

import orjson

from gateway.backfill.coverage import edges
from gateway.clock import Clock, iso, local
from gateway.store import Draft, Stream
from rules.statistics import Quality

KEPT_DAYS = 40
"""A month and the days after it on which it can still be told."""

DAY, MONTHS = "day/", "months"
_SUMS = ("saidi_min", "saidi_min_most", "saidi_planned_min", "saifi", "maifi")
_SECONDS = ("monitored_s", "low_s", "high_s")

Figures = Mapping[str, Any]


class Counter(Protocol):
    """The part of the rules that counts."""

    @property
    def period_start(self) -> float | None:
        """When the period that runs began."""

    def close_period(self, at: float) -> Quality:
        """The period up to now; a new one begins."""


class Days:
    """The last days of one site."""

    def __init__(self, counter: Counter, clock: Clock, gateway: str, saved: Mapping[str, object]) -> None:
        self._counter, self._clock, self._gateway = counter, clock, gateway
        self._days: dict[date, bytes] = {}  # figures as JSON: of 400 meters over 40 days not much
        for key, kept in saved.items():
            if key.startswith(DAY) and isinstance(kept, str):
                self._days[date.fromisoformat(key.removeprefix(DAY))] = kept.encode()
        months = saved.get(MONTHS)
        self._months = [str(month) for month in months] if isinstance(months, list) else []  # to be told
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

    def of(self, day: date) -> Figures:
        """The figures of a day; nothing when it was not counted."""
        kept: Figures = orjson.loads(self._days.get(day, b"{}"))
        return kept

    def months(self) -> Iterator[Draft]:
        """Months that are over and were not told, as rows."""
        now = self._clock.wall()
        for month in self._months:
            days = [self.of(day) for day in sorted(self._days) if day.isoformat().startswith(month)]
            row = {"at": iso(now), "gateway": self._gateway, "month": month, "days": len(days), **together(days)}
            yield Draft(Stream.EVENT, now, "stats/month", orjson.dumps(row))
        if self._months:
            self._months = []
            self._changed[MONTHS] = []

    def changes(self) -> Mapping[str, object | None]:
        """State items that changed since the last call; None: forget it."""
        changed, self._changed = self._changed, {}
        return changed

    def _keep(self, day: date, quality: Quality) -> None:
        self._days[day] = orjson.dumps(figures(quality))
        self._changed[DAY + day.isoformat()] = self._days[day].decode()
        for old in sorted(self._days)[:-KEPT_DAYS]:
            del self._days[old]
            self._changed[DAY + old.isoformat()] = None
        month = day.isoformat()[:7]
        if not local(quality.end).date().isoformat().startswith(month):
            self._months.append(month)
            self._changed[MONTHS] = list(self._months)


def figures(quality: Quality) -> Figures:
    """A period as it is told: indices by customer, voltage by point, load and loss."""
    supply = {name: round(getattr(quality, name), 4) for name in (*_SUMS, "caidi_min", "cemi")}
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
        "supply": {
            "from": iso(quality.start),
            "to": iso(quality.end),
            "seconds": round(quality.end - quality.start),
            "customers": quality.customers,
            **supply,
            "asai": round(quality.asai, 7),
        },
        "voltage": _voltage(devices),
        "load": load and {**asdict(load), "peak_at": iso(load.peak_at), "loss_share": load.loss_share},
    }


def together(days: Sequence[Figures]) -> Figures:
    """Days as one month. Energies and loss are those of the days on which both were known."""
    if not days:
        return {}
    supplies = [day["supply"] for day in days]
    supply = {name: round(sum(one[name] for one in supplies), 4) for name in _SUMS}
    seconds = sum(one["seconds"] for one in supplies)
    supply["caidi_min"] = round(supply["saidi_min"] / supply["saifi"], 4) if supply["saifi"] else 0.0
    supply["asai"] = round(1.0 - supply["saidi_min"] * 60 / seconds, 7) if seconds else 1.0
    ends = {"from": supplies[0]["from"], "to": supplies[-1]["to"], "seconds": seconds}
    points: dict[str, dict[str, float]] = {}
    for day in days:
        for device, point in day["voltage"]["devices"].items():
            sums = points.setdefault(device, dict.fromkeys(_SECONDS, 0))
            for name in _SECONDS:
                sums[name] += point[name]
    devices = {device: {"qualification": _share(sums), **sums} for device, sums in points.items()}
    last = {name: supplies[-1][name] for name in ("customers", "cemi")}
    return {
        "supply": {**ends, **last, **supply},
        "voltage": _voltage(devices),
        "load": _loads([(day["load"], day["supply"]["seconds"]) for day in days if day["load"]]),
    }


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
    known = [load for load, _ in days if load["loss_share"] is not None]
    given, taken = (sum(load[name] for load in known) for name in ("given_kwh", "taken_kwh"))
    return {
        "mean_kw": sum(load["mean_kw"] * seconds for load, seconds in days) / sum(seconds for _, seconds in days),
        "peak_kw": peak["peak_kw"],
        "peak_at": peak["peak_at"],
        "given_kwh": given if known else None,
        "taken_kwh": taken if known else None,
        "loss_share": 1.0 - taken / given if known else None,
    }
