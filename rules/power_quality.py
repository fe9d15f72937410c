"""Measured quality of the supply against plain limits: unbalance, frequency, power factor, distortion, sequence."""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
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
    a, b, c = values.get("voltage_a"), values.get("voltage_b"), values.get("voltage_c")
    if a is None or b is None or c is None:
        return None
    low, high, mean = min(a, b, c), max(a, b, c), (a + b + c) / 3
    return max(high - mean, mean - low) / mean if low >= scale.alive_v else None


def _current_unbalance(values: Values, scale: Scale) -> float | None:
    """(Imax - Imin) / Imax; 0 without load enough for it to matter."""
    a, b, c = values.get("current_a"), values.get("current_b"), values.get("current_c")
    if a is None or b is None or c is None:
        return None
    a, b, c = abs(a), abs(b), abs(c)
    top = max(a, b, c)
    return (top - min(a, b, c)) / top if top >= scale.least_a else 0.0


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
    worst: float | None = None
    for point in DISTORTION:
        value = values.get(point)
        if value is not None and (worst is None or value > worst):
            worst = value
    return worst


def _sequence(values: Values, _: Scale) -> float | None:
    """1 when the meter says that its voltages come in the wrong order."""
    word = values.get("status_word_7")
    return None if word is None else float(int(word) & REVERSED_SEQUENCE)


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


SINCE, AT, TOTAL, COUNT, OUTSIDE, MEAN = range(6)
"""Places in a witness's window: begin and newest reading of the mean that is being gathered, sum and count of it; since
when its means are beyond the limit (0: they are not), and the newest one that was."""


@dataclass(frozen=True, slots=True)
class Held:
    """A check that one device is held to, and what its class of devices is allowed."""

    check: Check
    scale: Scale
    window_s: float
    limit: float
    margin: float


class PowerQuality:
    """Every device that gives such points. One that something else explains is not looked at meanwhile."""

    def __init__(
        self, tree: Tree, witnesses: Mapping[str, Witness], limits: Limits, area: Area, masked: Container[str]
    ) -> None:
        self._witnesses = witnesses
        self._masked = masked
        kinds = {device.kind for device in area.devices}
        self._own = {kind: of_class(limits, "quality", kind) for kind in kinds}
        self._poll = area.poll_period_s
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
        self._held: dict[str, tuple[int, tuple[Held, ...]]] = {}  # by device, for that many points
        self._news: list[tuple[str, Claim | None]] = []

    def take(self, seen: Observation, witness: Witness) -> bool:
        """A device answered; whether a window was completed: then there may be something to say."""
        if seen.device in self._masked:
            return False
        values = seen.values
        known = self._held.get(seen.device)
        if known is None or known[0] != len(values):
            known = self._held[seen.device] = (len(values), tuple(self._fitting(values, witness)))
        completed = False
        if known[1]:
            at, pause_s = seen.at, witness.pause(self._poll)
            for held in known[1]:
                value = held.check.measure(values, held.scale)
                if value is not None and self._gather(held, witness, at, value, pause_s):
                    completed = True
        return completed

    def claims(self) -> Iterator[tuple[str, Claim | None]]:
        """What to say now, by key; None: it is over."""
        yield from self._news
        self._news = []

    def _fitting(self, values: Values, witness: Witness) -> Iterator[Held]:
        """The checks that a device of this class, with these points, can be held to."""
        device = witness.device
        three, top = len(device.phases) == 3, device.kind == "ttu"
        fits = {
            "the terminal": top,
            "other three-phase devices": three and not top,
            "three-phase devices": three,
            "all": True,
        }
        for check in CHECKS:
            if fits[check.of] and any(point in values for point in check.needs):
                own, scale = self._own[device.kind], self._scales[device.kind]
                limit = own[check.limit]
                yield Held(check, scale, own[check.window], limit, limit * own["margin_share"])

    def _gather(self, held: Held, witness: Witness, at: float, value: float, pause_s: float) -> bool:
        check, window = held.check, witness.windows.get(held.check.type)
        if window is None:
            window = witness.windows[check.type] = [at, at, 0.0, 0, 0.0, 0.0]
        since, newest, total, count, _, _ = window
        if at - newest > pause_s:
            since, total, count = at, 0.0, 0
        window[:4] = since, at, total + value, count + 1
        if at - since < held.window_s or not count:
            return False
        mean = (total + value) / (count + 1)
        window[SINCE], window[TOTAL], window[COUNT] = at, 0.0, 0
        beyond = held.limit - mean if check.below else mean - held.limit
        key = f"{check.type}/{witness.device.id}"
        if beyond > 0:
            window[MEAN] = mean
            if not window[OUTSIDE]:
                window[OUTSIDE] = since
                self._news.append((key, self._claim(held, witness.device, since, mean)))
        elif window[OUTSIDE] and -beyond >= held.margin:
            window[OUTSIDE] = 0.0
            self._news.append((key, None))
        return True

    def _claim(self, held: Held, device: Device, since: float, mean: float) -> Claim:
        check, limit, is_meter = held.check, held.limit, device.kind == "meter"
        return Claim(
            type=check.type,
            node=device.id if is_meter else device.node,
            state="confirmed",
            severity=check.severity,
            started_at=since,
            started_after=since,
            devices=(device.id,) if is_meter else (),
            evidence=(check.says.format(mean=mean, limit=limit),),
            figures={"mean": round(mean, 4), "limit": limit},
        )

    def holds(self, key: str) -> bool:
        """Whether a device's mean is beyond a limit."""
        check, _, device = key.partition("/")
        window = self._witnesses[device].windows.get(check) if device in self._witnesses else None
        return window is not None and bool(window[OUTSIDE])

    def dump(self) -> object:
        """Nothing: what runs is in the witnesses' windows."""
        return None

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
