"""Readings become observations: the one place where the drivers' world meets the rules'; both sides stay strangers.

This runs for every value that is ever read, so all that only depends on the kind of device is worked out once.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from drivers.api import Columns, Value
from gateway.catalog import catalog
from gateway.clock import Clock
from gateway.settings.models import Device, Site
from gateway.south.poll import Lane, Poll
from rules.observation import Observation

SOURCES: Mapping[Lane, Literal["poll", "verify", "read", "backfill"]] = {
    Lane.VERIFY: "verify",
    Lane.DEMAND: "read",
    Lane.PERIODIC: "poll",
    Lane.BACKFILL: "backfill",
}

Scales = Mapping[str, tuple[float, float, float]]
"""By point: the factor from the secondary to the primary side, and the bounds of what can be true."""


class Kind:
    """What the devices of one profile and ratio share."""

    def __init__(self, device: Device) -> None:
        self.scales: Scales = dict(_scales(device))
        self._rows: dict[int, tuple[Sequence[str], tuple[tuple[str, float, float, float], ...] | None]] = {}

    def rows(self, points: Sequence[str]) -> tuple[tuple[str, float, float, float], ...] | None:
        """The scales of these points in their order, beside their names; None when one of them has no scale.

        A driver gives the same list of points with every answer, so the list itself is the key.
        """
        known = self._rows.get(id(points))
        if known is None:
            if len(self._rows) >= MOST_LISTS:
                self._rows.clear()
            scaled = all(point in self.scales for point in points)
            rows = tuple((point, *self.scales[point]) for point in points) if scaled else None
            known = self._rows[id(points)] = points, rows  # the list stands in it, so that its id stays its own
        return known[1]


MOST_LISTS = 1000
"""Lists of points that a kind remembers the scales of."""


class Stamp:
    """Gives readings their device, time and place in the network."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.implausible: Counter[tuple[str, str]] = Counter()  # by device and point
        self._clock = clock
        kinds: dict[tuple[int, float, float], Kind] = {}
        self._kinds: dict[str, Kind] = {}  # by device
        for device in site.devices:
            key = id(device.profile), device.ct, device.pt
            self._kinds[device.id] = kinds.get(key) or kinds.setdefault(key, Kind(device))

    def __call__(self, poll: Poll) -> Observation:
        device, line, at, took_s, lane, _, fault, _ = poll
        kind = self._kinds.get(device)
        values = self._values(poll, kind) if fault is None and kind is not None else {}
        return Observation(device, at, values, fault, None, line, took_s * 1000, SOURCES[lane])

    def told(self, poll: Poll) -> Mapping[str, float | str | None]:
        """What whoever asked for a poll is told: numbers as in the observation, texts as the device gave them."""
        texts = {reading.point: reading.value for reading in poll.readings if isinstance(reading.value, str)}
        return {**self(poll).values, **texts}

    def _values(self, poll: Poll, kind: Kind) -> dict[str, float | None]:
        readings = poll.readings
        if not isinstance(readings, Columns) or (rows := kind.rows(readings.points)) is None:
            return self._with_exceptions(poll, kind.scales)
        values: dict[str, float | None] = {}
        try:  # as a rule a device gives a number for every point
            for raw, (point, factor, low, high) in zip(readings.values, rows, strict=True):
                value = raw * factor  # type: ignore[operator]
                if not low <= value <= high:
                    return self._with_exceptions(poll, kind.scales)
                values[point] = value
        except TypeError:
            return self._with_exceptions(poll, kind.scales)
        return values

    def _with_exceptions(self, poll: Poll, scales: Scales) -> dict[str, float | None]:
        values: dict[str, float | None] = {}
        for point, raw, _ in poll.readings:
            if point == "clock":
                values["clock_offset"] = self._offset(raw, poll.at + poll.took_s)
            elif point in scales:
                values[point] = self._number(poll.device, point, raw, scales[point])
        return values

    def _number(self, device: str, point: str, raw: Value, scale: tuple[float, float, float]) -> float | None:
        if raw is None or isinstance(raw, str):
            return None
        factor, low, high = scale
        value = float(raw) * factor
        if low <= value <= high:
            return value
        self.implausible[device, point] += 1
        return None

    def _offset(self, shown: Value, now: float) -> float | None:
        """Device clock minus gateway clock, in s; devices keep the local time of the machine."""
        if not isinstance(shown, str) or not self._clock.trusted():
            return None
        try:
            return round(datetime.fromisoformat(shown).astimezone().timestamp() - now, 3)
        except (ValueError, OverflowError, OSError):
            return None


def _scales(device: Device) -> Iterator[tuple[str, tuple[float, float, float]]]:
    ratios = {"": 1.0, "ct": device.ct, "pt": device.pt, "ctpt": device.ct * device.pt}
    for name in device.profile.points.keys() & catalog().keys():
        entry = catalog()[name]
        if entry.role != "text":
            # no infinity, and no NaN, is a value; floats, because those are compared at half the price
            low = -sys.float_info.max if entry.low is None else float(entry.low)
            high = sys.float_info.max if entry.high is None else float(entry.high)
            yield name, (ratios[entry.ratio], low, high)
