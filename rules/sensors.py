"""What sensors beside the supply say: hot windings and oil, residual current, an alarm contact of their own.

A sensor's voltages and its silence are no evidence about supply; a sensor that falls silent is told as any device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from rules.area import Area, Device
from rules.book import Claim
from rules.incident import Severity
from rules.observation import Observation
from rules.threshold import Band, Outside, step
from rules.thresholds import Limits
from rules.witness import Witness


@dataclass(frozen=True, slots=True)
class Check:
    """A value that should stay below a limit."""

    type: str
    points: tuple[str, ...]  # the largest of them counts
    limit: str  # name of the threshold
    unit: str
    severity: Severity
    margin: float  # how far below the limit it counts as over
    severe: str = ""  # name of the threshold above which it is critical
    cause: str = ""


_PHASES = ("", "_a", "_b", "_c")
WINDINGS = Check(
    type="winding_temperature_high",
    points=tuple(f"winding_temperature{phase}" for phase in _PHASES),
    limit="winding_high",
    unit="degC",
    severity="major",
    margin=5.0,
    severe="winding_limit",
)
CHECKS: Mapping[str, tuple[Check, ...]] = {
    "ttu": (WINDINGS,),  # its oil is the transformer's rule
    "sensor": (
        WINDINGS,
        Check("oil_temperature_high", ("oil_temperature",), "oil_high", "degC", "major", 3.0, "oil_limit"),
        Check(
            type="residual_current_high",
            points=("residual_current",),
            limit="residual_ma",
            unit="mA",
            severity="minor",
            margin=30.0,
            cause="current leaks to earth somewhere behind it",
        ),
        Check("device_alarm", ("alarm",), "flag", "", "minor", 0.0, cause="the device's own alarm contact is closed"),
        Check("device_trip", ("trip",), "flag", "", "critical", 0.0, cause="the device's own trip contact is closed"),
        Check("sensor_fault", ("sensor_fault",), "flag", "", "minor", 0.0, cause="one of its sensors is broken"),
    ),
}
"""By kind of device."""


class Sensors:
    """The sensors of an area, and the windings that a terminal measures."""

    def __init__(self, limits: Limits, area: Area) -> None:
        oil = {name: limits["transformer"][name] for name in ("oil_high", "oil_limit")}
        self._own = own = {**limits["sensor"], **oil, "flag": 0.0}
        self._hold = {"residual_ma": own["residual_s"], "flag": 0.0}
        self._poll_s = area.poll_period_s
        self._devices = {device.id for device in area.devices}
        self.outside: dict[str, Outside] = {}  # by type of incident and device
        self._news: dict[str, Claim | None] = {}

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A sensor or a terminal was read; whether there is something to say."""
        gap_s = witness.pause(self._poll_s)
        for check in CHECKS[witness.device.kind]:
            values = [value for point in check.points if (value := seen.values.get(point)) is not None]
            if values:
                self._judge(check, witness.device, seen.at, max(values), gap_s)
        return bool(self._news)

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        news, self._news = self._news, {}
        yield from news.items()

    def _judge(self, check: Check, device: Device, at: float, value: float, gap_s: float) -> None:
        key, limit = f"{check.type}/{device.id}", self._own[check.limit]
        was = self.outside.get(key)
        if was is None:
            if value <= limit:
                return
            was = self.outside[key] = Outside(at, at, at, worst=value)
        severe = self._own.get(check.severe, value)
        was.worst, grown = max(was.worst, value), was.worst <= severe < value
        hold_s = self._hold.get(check.limit, self._own["hold_s"])
        band = Band(hold_s, hold_s, self._own["clear_s"])
        change = step(band, was, at, gap_s, bad=value > limit, good=value <= limit - check.margin)
        if change in ("cleared", "cancelled"):
            del self.outside[key]
            self._news[key] = None
        elif change or (grown and was.stage):
            self._news[key] = self._claim(check, device, was, limit)

    def _claim(self, check: Check, device: Device, was: Outside, limit: float) -> Claim:
        severe = check.severe and was.worst > self._own[check.severe]
        says = f"{device.id} reads {was.worst:g} {check.unit}, the limit is {limit:g} {check.unit}"
        return Claim(
            type=check.type,
            node=device.node,
            state="confirmed",
            severity="critical" if severe else check.severity,
            started_at=was.since,
            started_after=was.after,
            devices=(device.id,),
            cause=check.cause,
            evidence=(says if check.unit else f"{device.id} reports it: {check.points[0]}",),
            figures={"worst": was.worst, "limit": limit} if check.unit else {},
        )

    def holds(self, key: str) -> bool:
        """Whether a value is outside under a key."""
        return key in self.outside

    def dump(self) -> Mapping[str, object]:
        """Its state as plain data."""
        return {key: asdict(outside) for key, outside in self.outside.items()}

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave, of devices that are still there."""
        assert isinstance(kept, dict)
        there = ((key, row) for key, row in kept.items() if key.partition("/")[2] in self._devices)
        self.outside = {key: Outside(**row) for key, row in there}
