"""How good the supply was: voltage qualification by point, interruptions by customer, coverage of the readings.

Interruptions are counted for each customer who was without supply, phase by phase, from the first sign of it to the
first answer. A poll tells times only up to a period, so minutes come with an upper bound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from rules.area import Area
from rules.thresholds import Limits, of_class
from rules.witness import ALIVE, Witness

OFTEN_S = 60 * 86_400.0  # over how long a customer's interruptions are counted
REGISTER_S = 7200.0  # a register that was read this long before the end of a period stands for its end
OFTEN = 3  # interruptions in that time that are too many

MONITORED, LOW, HIGH, POLLS, ANSWERED = range(5)
"""Places in a device's tally: seconds, seconds, seconds, count, count."""


@dataclass(frozen=True, slots=True)
class PointQuality:
    """One device over a period."""

    device: str
    monitored_s: float
    low_s: float
    high_s: float
    coverage: float  # share of polls that were answered

    @property
    def qualification(self) -> float:
        """Share of the monitored time within the limits; 1 when nothing was monitored."""
        return 1.0 - (self.low_s + self.high_s) / self.monitored_s if self.monitored_s else 1.0


@dataclass(frozen=True, slots=True)
class Load:
    """What the terminal at the transformer measured over a period, and what became of it."""

    mean_kw: float
    peak_kw: float
    peak_at: float  # epoch seconds
    given_kwh: float | None  # by the terminal's register; None: not known at both ends of the period
    taken_kwh: float | None  # by the meters' registers; None: not known of every meter

    @property
    def loss_share(self) -> float | None:
        """Share of the given energy that no meter took; None when it cannot be told."""
        if not self.given_kwh or self.given_kwh <= 0 or self.taken_kwh is None:
            return None
        return 1.0 - self.taken_kwh / self.given_kwh


@dataclass(frozen=True, slots=True)
class Quality:
    """The area over a period, usually a day."""

    start: float  # epoch seconds
    end: float
    customers: int
    points: tuple[PointQuality, ...]
    saidi_min: float  # minutes without supply per customer, planned ones included
    saidi_min_most: float  # the same, had every interruption begun right after the last good reading
    saidi_planned_min: float
    saifi: float  # sustained interruptions per customer
    maifi: float  # momentary ones
    cemi: float  # share of customers with OFTEN interruptions in OFTEN_S

    load: "Load | None" = None  # None: no terminal at the transformer told of it

    @property
    def caidi_min(self) -> float:
        """Minutes that a sustained interruption lasted."""
        return self.saidi_min / self.saifi if self.saifi else 0.0

    @property
    def asai(self) -> float:
        """Share of the time with supply."""
        return 1.0 - self.saidi_min * 60 / (self.end - self.start) if self.end > self.start else 1.0

    @property
    def qualification(self) -> float:
        """Share of the monitored time of all points within the limits."""
        monitored = sum(point.monitored_s for point in self.points)
        outside = sum(point.low_s + point.high_s for point in self.points)
        return 1.0 - outside / monitored if monitored else 1.0


@dataclass(slots=True)
class Interruption:
    """Meters that are without supply by one cause."""

    since: float
    after: float
    devices: list[str]
    planned: bool
    counted_to: float = 0.0  # minutes up to here are in an earlier period


@dataclass(slots=True)
class Totals:
    """What a period has gathered, in customer minutes and customer interruptions."""

    start: float
    minutes: float = 0.0
    minutes_most: float = 0.0
    planned: float = 0.0
    sustained: int = 0
    momentary: int = 0
    registers: dict[str, float] = field(default_factory=dict)  # at the start, kWh


@dataclass(slots=True)
class Carried:
    """What the terminal at the transformer measured in a period."""

    seconds: float = 0.0  # with a known load
    kws: float = 0.0  # kW times seconds
    peak_kw: float = 0.0
    peak_at: float = 0.0


class Statistics:
    """Counts while observations and incidents go by."""

    def __init__(self, area: Area, limits: Limits) -> None:
        own, nominal = of_class(limits, "voltage", "meter"), area.nominal_voltage
        self._low, self._high = own["low_share"] * nominal, own["high_share"] * nominal
        self._gap = 2.5 * area.poll_period_s  # a reading stands for the time before it, but for no more than this
        self._sustained_s = limits["outage"]["sustained_s"]
        self._meters = [device.id for device in area.devices if device.kind == "meter"]
        self._terminal = next((device.id for device in area.devices if device.kind == "ttu"), "")
        self._totals: Totals | None = None
        self._carried = Carried()
        self._changed: set[str] = set()
        self._open: dict[str, Interruption] = {}
        self._often: dict[str, list[float]] = {}  # when a meter's interruptions began

    @property
    def start(self) -> float | None:
        """When the period that runs began; None: nothing was counted yet."""
        return self._totals.start if self._totals else None

    def carry(self, witness: Witness) -> None:
        """A terminal answered: the load of the transformer."""
        if witness.device.id != self._terminal or witness.power is None:
            return
        self._begin(witness.at)
        self._changed.add("carried")
        carried, stands_for = self._carried, min(witness.interval, self._gap)
        if witness.power > carried.peak_kw:
            carried.peak_kw, carried.peak_at = witness.power, witness.at
        carried.seconds += stands_for
        carried.kws += witness.power * stands_for

    def _begin(self, at: float) -> None:
        """The first period begins with the first reading."""
        if self._totals is None:
            self._totals = Totals(at)
            self._changed.add("statistics")

    def take(self, witness: Witness, *, answered: bool) -> None:
        """A meter was polled."""
        tally = witness.tally
        tally[POLLS] += 1
        self._begin(witness.at)
        if not answered:
            return
        tally[ANSWERED] += 1
        stands_for = min(witness.interval, self._gap)
        for place in witness.places:
            volt = witness.volts[place]
            if volt is not None and witness.state[place] == ALIVE:
                share = stands_for / len(witness.places)
                tally[MONITORED] += share
                if volt < self._low:
                    tally[LOW] += share
                elif volt > self._high:
                    tally[HIGH] += share

    def began(self, key: str, since: float, after: float, devices: Iterable[str], *, planned: bool) -> None:
        """An outage is confirmed, or has changed."""
        self._changed.add("statistics")
        was = self._open.get(key)
        counted = was.counted_to if was else 0.0
        others = {device for other, lost in self._open.items() if other != key for device in lost.devices}
        own = [device for device in devices if device not in others]  # a customer is without supply only once
        self._open[key] = Interruption(since, after or since, own, planned, counted)

    def ended(self, key: str, at: float) -> None:
        """An outage is over."""
        gone = self._open.pop(key, None)
        if gone is None or self._totals is None:
            return
        self._changed.add("statistics")
        self._count(self._totals, gone, at)
        if at - gone.since < self._sustained_s:
            self._totals.momentary += len(gone.devices)
            return
        self._totals.sustained += len(gone.devices)
        for device in gone.devices:
            lately = [since for since in self._often.get(device, ()) if at - since < OFTEN_S]
            self._often[device] = [*lately, gone.since]

    def close(self, at: float, witnesses: Mapping[str, Witness]) -> Quality:
        """The period up to now; a new one begins."""
        totals = self._totals or Totals(at)
        for lasting in self._open.values():
            self._count(totals, lasting, at)
        customers = max(1, len(self._meters))
        often = sum(len([t for t in times if at - t < OFTEN_S]) >= OFTEN for times in self._often.values())
        points = tuple(_point(witnesses[meter]) for meter in self._meters)
        for meter in self._meters:
            witnesses[meter].tally[:] = [0.0, 0.0, 0.0, 0, 0]
        registers = self._registers(at, witnesses)
        self._totals = Totals(at, registers=registers)
        carried, self._carried = self._carried, Carried()
        self._changed |= {"statistics", "carried"}
        return Quality(
            start=totals.start,
            end=at,
            customers=len(self._meters),
            points=points,
            saidi_min=totals.minutes / customers,
            saidi_min_most=totals.minutes_most / customers,
            saidi_planned_min=totals.planned / customers,
            saifi=totals.sustained / customers,
            maifi=totals.momentary / customers,
            cemi=often / customers,
            load=self._load(totals, carried, registers),
        )

    def _registers(self, at: float, witnesses: Mapping[str, Witness]) -> dict[str, float]:
        """Registers of terminal and meters that were read shortly before the end of a period."""
        known = (witnesses[name] for name in (self._terminal, *self._meters) if name)
        return {w.device.id: w.energy for w in known if w.energy is not None and at - w.energy_at < REGISTER_S}

    def _load(self, totals: Totals, carried: Carried, registers: Mapping[str, float]) -> Load | None:
        if not carried.seconds:
            return None
        used = {name: end - totals.registers[name] for name, end in registers.items() if name in totals.registers}
        complete = all(used.get(meter, -1.0) >= 0 for meter in self._meters)  # a replaced meter tells nothing
        return Load(
            mean_kw=carried.kws / carried.seconds,
            peak_kw=carried.peak_kw,
            peak_at=carried.peak_at,
            given_kwh=used.get(self._terminal),
            taken_kwh=sum(used[meter] for meter in self._meters) if complete else None,
        )

    def _count(self, totals: Totals, lost: Interruption, at: float) -> None:
        if at - lost.since < self._sustained_s:
            return
        minutes = (at - max(lost.since, lost.counted_to)) / 60 * len(lost.devices)
        totals.minutes += minutes
        totals.minutes_most += (at - max(lost.after, lost.counted_to)) / 60 * len(lost.devices)
        totals.planned += minutes if lost.planned else 0.0
        lost.counted_to = at

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call."""
        items: dict[str, object | None] = {}
        if "statistics" in self._changed:
            lost = {key: asdict(one) for key, one in self._open.items()}
            items["statistics"] = [asdict(self._totals) if self._totals else None, lost, self._often]
        if "carried" in self._changed:
            items["carried"] = asdict(self._carried)
        self._changed.clear()
        return items

    def load(self, saved: Mapping[str, object]) -> None:
        """Take up saved items."""
        if isinstance(kept := saved.get("statistics"), list):
            totals, lost, self._often = kept
            self._totals = Totals(**totals) if totals else None
            self._open = {key: Interruption(**one) for key, one in lost.items()}
        if isinstance(kept := saved.get("carried"), dict):
            self._carried = Carried(**kept)


def _point(witness: Witness) -> PointQuality:
    tally = witness.tally
    coverage = tally[ANSWERED] / tally[POLLS] if tally[POLLS] else 0.0
    return PointQuality(witness.device.id, tally[MONITORED], tally[LOW], tally[HIGH], coverage)
