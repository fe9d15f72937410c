"""Measured quality of the supply against plain limits: unbalance, frequency, power factor, distortion, sequence."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from rules.area import Area, Device
from rules.book import Claim
from rules.incident import Severity
from rules.observation import Observation
from rules.thresholds import Limits, of_class
from rules.topology import Tree
from rules.witness import Witness

Values = Mapping[str, float | None]
DISTORTION = ("voltage_thd", "voltage_thd_a", "voltage_thd_b", "voltage_thd_c")
REVERSED_SEQUENCE = 0x01  # lowest bit of a DL/T 645 meter's seventh status word


@dataclass(frozen=True, slots=True)
class Scale:
    """What values of this area are measured by."""

    alive_v: float  # a phase below this is lost, not unbalanced
    nominal_hz: float
    least_a: float  # currents below this are too small to be unbalanced
    least_kva: float  # with less, a power factor says nothing


def _voltage_unbalance(values: Values, scale: Scale) -> float | None:
    """Largest distance of a phase voltage from their mean, as a share of it."""
    volts = _three(values, "voltage")
    if volts is None or min(volts) < scale.alive_v:
        return None
    mean = sum(volts) / 3
    return max(max(volts) - mean, mean - min(volts)) / mean


def _current_unbalance(values: Values, scale: Scale) -> float | None:
    """(Imax - Imin) / Imax; 0 without load enough for it to matter."""
    amps = _three(values, "current")
    if amps is None:
        return None
    sizes = [abs(amp) for amp in amps]
    top = max(sizes)
    return (top - min(sizes)) / top if top >= scale.least_a else 0.0


def _frequency(values: Values, scale: Scale) -> float | None:
    """How far it is off; a terminal that lives on its battery has none to measure."""
    hertz = values.get("frequency")
    fed = any((values.get(f"voltage_{phase}") or 0.0) >= scale.alive_v for phase in "abc")
    return abs(hertz - scale.nominal_hz) if hertz is not None and fed else None


def _power_factor(values: Values, scale: Scale) -> float | None:
    """Its size; 1 without load enough for it to matter."""
    factor, power = values.get("power_factor"), values.get("active_power")
    if not factor or power is None:
        return None
    return abs(factor) if abs(power / factor) >= scale.least_kva else 1.0


def _distortion(values: Values, _: Scale) -> float | None:
    return max((value for point in DISTORTION if (value := values.get(point)) is not None), default=None)


def _sequence(values: Values, _: Scale) -> float | None:
    """1 when the meter says that its voltages come in the wrong order."""
    word = values.get("status_word_7")
    return None if word is None else float(int(word) & REVERSED_SEQUENCE)


def _three(values: Values, point: str) -> tuple[float, float, float] | None:
    a, b, c = (values.get(f"{point}_{phase}") for phase in "abc")
    return None if a is None or b is None or c is None else (a, b, c)


@dataclass(frozen=True, slots=True)
class Check:
    """One quantity with a limit, judged by its mean over a window."""

    type: str
    of: Literal["the terminal", "other three-phase devices", "three-phase devices", "all"]
    measure: Callable[[Values, Scale], float | None]  # None: the values do not tell
    needs: tuple[str, ...]  # points of which a device must give one
    limit: str  # the name of its threshold
    window: str
    says: str  # a sentence with {mean} and {limit}
    severity: Severity = "info"
    below: bool = False  # whether a mean below the limit is the bad one


CHECKS = (
    Check(
        "voltage_unbalance",
        "the terminal",
        _voltage_unbalance,
        ("voltage_b",),
        "voltage_unbalance_share",
        "window_s",
        "a phase voltage is {mean:.1%} off the mean of the three, more than {limit:.1%}",
    ),
    Check(
        "voltage_unbalance",
        "other three-phase devices",
        _voltage_unbalance,
        ("voltage_b",),
        "voltage_unbalance_far_share",
        "window_s",
        "a phase voltage is {mean:.1%} off the mean of the three, more than {limit:.1%}",
    ),
    Check(
        "current_unbalance",
        "other three-phase devices",  # the transformer's own rule looks at the terminal
        _current_unbalance,
        ("current_b",),
        "current_unbalance_share",
        "current_window_s",
        "the smallest current is {mean:.0%} below the largest, more than {limit:.0%}",
    ),
    Check(
        "reverse_sequence",
        "three-phase devices",
        _sequence,
        ("status_word_7",),
        "sequence_share",
        "short_window_s",
        "its voltages come in the order A, C, B",
    ),
    Check(
        "frequency_deviation",
        "the terminal",
        _frequency,
        ("frequency",),
        "frequency_off_hz",
        "short_window_s",
        "the frequency is off by {mean:.2f} Hz, more than {limit:.2f} Hz",
        "minor",
    ),
    Check(
        "low_power_factor",
        "the terminal",
        _power_factor,
        ("power_factor",),
        "power_factor",
        "power_factor_window_s",
        "the power factor is {mean:.2f}, below {limit:.2f}",
        below=True,
    ),
    Check(
        "voltage_distortion",
        "all",
        _distortion,
        DISTORTION,
        "voltage_thd_percent",
        "window_s",
        "the voltage is distorted by {mean:.1f} %, more than {limit:.1f} %",
    ),
)


@dataclass(slots=True)
class Window:
    """A mean that is being gathered, and what the last ones were."""

    since: float
    at: float
    total: float = 0.0
    count: int = 0
    outside: float = 0.0  # since when its means are beyond the limit; 0: they are not
    mean: float = 0.0  # the newest one beyond the limit


class PowerQuality:
    """Every device that gives such points. A device that something else explains is not to be given to it."""

    def __init__(self, tree: Tree, limits: Limits, area: Area) -> None:
        kinds = {device.kind for device in area.devices}
        self._own = {kind: of_class(limits, "quality", kind) for kind in kinds}
        self._tree = tree
        self._gap = 2.5 * area.poll_period_s
        top = tree.transformer()
        rated = (top.rated_kva if top else None) or 0.0
        self._scales = {
            kind: Scale(
                alive_v=of_class(limits, "outage", kind)["half_share"] * area.nominal_voltage,
                nominal_hz=own["frequency_hz"],
                least_a=own["unbalance_least_a"],
                least_kva=own["power_factor_load_share"] * rated,
            )
            for kind, own in self._own.items()
        }
        self._checks: dict[str, tuple[int, tuple[Check, ...]]] = {}  # by device, for that many points
        self.windows: dict[str, Window] = {}  # by type/device
        self._news: list[tuple[str, Claim | None]] = []

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device answered; whether a window was completed: then there may be something to say, and to save."""
        known = self._checks.get(seen.device)
        if known is None or known[0] != len(seen.values):
            known = self._checks[seen.device] = (len(seen.values), tuple(self._fitting(seen.values, witness)))
        completed = False
        for check in known[1]:
            value = check.measure(seen.values, self._scales[witness.device.kind])
            if value is not None and self._gather(check, witness.device, seen.at, value):
                completed = True
        return completed

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        yield from self._news
        self._news = []

    def _fitting(self, values: Values, witness: Witness) -> Iterator[Check]:
        """The checks that a device of this class, with these points, can be held to."""
        device = witness.device
        if device.kind in ("neighbour_ttu", "sensor"):
            return
        three, top = len(device.phases) == 3, device.kind == "ttu"
        fits = {
            "the terminal": top,
            "other three-phase devices": three and not top,
            "three-phase devices": three,
            "all": True,
        }
        for check in CHECKS:
            if fits[check.of] and any(values.get(point) is not None for point in check.needs):
                yield check

    def _gather(self, check: Check, device: Device, at: float, value: float) -> bool:
        key, own = f"{check.type}/{device.id}", self._own[device.kind]
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(at, at)
        if at - window.at > self._gap:
            window.since, window.total, window.count = at, 0.0, 0
        window.at = at
        window.total += value
        window.count += 1
        if at - window.since < own[check.window] or window.count < 2:
            return False
        mean, since = window.total / window.count, window.since
        window.since, window.total, window.count = at, 0.0, 0
        limit = own[check.limit]
        beyond = limit - mean if check.below else mean - limit
        if beyond > 0:
            window.mean = mean
            if not window.outside:
                window.outside = since
                self._news.append((key, self._claim(check, device.id, window, limit)))
        elif window.outside and -beyond >= limit * own["margin_share"]:
            window.outside = 0.0
            self._news.append((key, None))
        return True

    def _claim(self, check: Check, device: str, window: Window, limit: float) -> Claim:
        own = self._tree.devices[device]
        return Claim(
            type=check.type,
            node=device if own.kind == "meter" else own.node,
            state="confirmed",
            severity=check.severity,
            started_at=window.outside,
            started_after=window.outside,
            devices=(device,) if own.kind == "meter" else (),
            evidence=(check.says.format(mean=window.mean, limit=limit),),
            figures={"mean": round(window.mean, 4), "limit": limit},
        )

    def dump(self) -> object:
        """Its state as plain data."""
        return {key: asdict(window) for key, window in self.windows.items()}

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, dict)
        self.windows = {key: Window(**window) for key, window in kept.items()}
