"""Readings become observations: the one place where the drivers' world meets the rules'; both sides stay strangers.

This runs for every value that is ever read, so all that only depends on the kind of device is worked out once.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

from drivers.api import Columns, Reading, Value
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


class Stamp:
    """Gives readings their device, time and place in the network."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.implausible: Counter[tuple[str, str]] = Counter()  # by device and point
        self._clock = clock
        kinds: dict[tuple[int, float, float], Scales] = {}  # devices of one profile and ratio share a table
        for device in site.devices:
            kind = id(device.profile), device.ct, device.pt
            if kind not in kinds:
                kinds[kind] = dict(_scales(device))
        self._scales = {device.id: kinds[id(device.profile), device.ct, device.pt] for device in site.devices}

    def __call__(self, poll: Poll) -> Observation:
        return Observation(
            device=poll.device,
            at=poll.at,
            values=self._values(poll, self._scales.get(poll.device, {})) if poll.readings else {},
            fault=poll.fault,
            bus=poll.line,
            took_ms=poll.took_s * 1000,
            source=SOURCES[poll.lane],
        )

    def _values(self, poll: Poll, scales: Scales) -> dict[str, float | None]:
        values: dict[str, float | None] = {}
        try:  # as a rule a device gives a number for every point
            for point, raw in _pairs(poll.readings):
                factor, low, high = scales[point]
                value = raw * factor  # type: ignore[operator]
                if not low <= value <= high:
                    return self._with_exceptions(poll, scales)
                values[point] = value
        except (KeyError, TypeError):
            return self._with_exceptions(poll, scales)
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


def _pairs(readings: Sequence[Reading]) -> Iterable[tuple[str, Value]]:
    if isinstance(readings, Columns):
        return zip(readings.points, readings.values, strict=True)
    return ((reading.point, reading.value) for reading in readings)


def _scales(device: Device) -> Iterator[tuple[str, tuple[float, float, float]]]:
    ratios = {"": 1.0, "ct": device.ct, "pt": device.pt, "ctpt": device.ct * device.pt}
    for name in device.profile.points.keys() & catalog().keys():
        entry = catalog()[name]
        if entry.role != "text":
            low = -sys.float_info.max if entry.low is None else entry.low  # no infinity, and no NaN, is a value
            high = sys.float_info.max if entry.high is None else entry.high
            yield name, (ratios[entry.ratio], low, high)
