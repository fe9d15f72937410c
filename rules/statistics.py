"""How good the supply was: voltage qualification by point, load and loss, coverage of the readings, by period.

Interruptions are counted for each customer who was without supply, phase by phase: see `interruptions`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial

from rules.area import Area
from rules.hearing import PAUSE
from rules.incident import Incident
from rules.interruptions import Interruptions
from rules.thresholds import Limits, of_class
from rules.witness import ALIVE, DEAD, Witness

HALF_SUPPLY = "mv_phase_loss"
REGISTER_S = 7200.0  # a register that was read this long before the end of a period stands for its end

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
    """Voltage and load of the area over a period, usually a day."""

    start: float  # epoch seconds
    end: float
    points: tuple[PointQuality, ...]
    load: Load | None = None  # None: no terminal at the transformer told of it


@dataclass(slots=True)
class Period:
    """What runs."""

    start: float
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

    def __init__(self, area: Area, limits: Limits, witnesses: Mapping[str, Witness]) -> None:
        own, nominal = of_class(limits, "voltage", "meter"), area.nominal_voltage
        self._witnesses = witnesses
        self._low, self._high = own["low_share"] * nominal, own["high_share"] * nominal
        self._poll = area.poll_period_s
        self._meters = [device.id for device in area.devices if device.kind == "meter"]
        self._terminal = next((device.id for device in area.devices if device.kind == "ttu"), "")
        self._period: Period | None = None
        self._carried = Carried()
        self._changed: set[str] = set()
        sustained_s = limits["outage"]["sustained_s"]
        self.interruptions = Interruptions(area, sustained_s, lambda meter: self._most_s(witnesses[meter]))

    @property
    def start(self) -> float | None:
        """When the period that runs began; None: nothing was counted yet."""
        return self._period.start if self._period else None

    def carry(self, witness: Witness) -> None:
        """A terminal answered: the load of the transformer."""
        if witness.device.id != self._terminal or witness.power is None:
            return
        self._begin(witness.at)
        self._changed.add("carried")
        carried, stands_for = self._carried, min(witness.interval, self._most_s(witness))
        if witness.power > carried.peak_kw:
            carried.peak_kw, carried.peak_at = witness.power, witness.at
        carried.seconds += stands_for
        carried.kws += witness.power * stands_for

    def _most_s(self, witness: Witness) -> float:
        """A reading stands for the time before it, but for no more than this."""
        return PAUSE * (witness.period or self._poll)

    def _begin(self, at: float) -> None:
        """The first period begins with the first reading."""
        if self._period is None:
            self._period = Period(at)
            self._changed.add("statistics")

    def take(self, witness: Witness, *, answered: bool) -> None:
        """A meter was polled."""
        tally = witness.tally
        tally[POLLS] += 1
        self._begin(witness.at)
        if witness.device.id in self.interruptions.watched:
            self.interruptions.polled(witness.device.id, witness.at, lambda phases: _lost(witness, phases))
        if not answered:
            return
        tally[ANSWERED] += 1
        places, volts, state = witness.places, witness.volts, witness.state
        share = min(witness.interval, self._most_s(witness)) / (len(places) or 1)
        for place in places:
            volt = volts[place]
            if volt is not None and state[place] == ALIVE:
                tally[MONITORED] += share
                if volt < self._low:
                    tally[LOW] += share
                elif volt > self._high:
                    tally[HIGH] += share

    def woke(self, device: str, at: float) -> None:
        """A meter said by itself that its supply is back."""
        if device in self.interruptions.watched:
            self.interruptions.polled(device, at, lambda _: False)

    def began(
        self, key: str, since: float, after: float, devices: Iterable[str], *, phases: str = "", planned: bool = False
    ) -> None:
        """An outage is confirmed, or has changed."""

        def last_sign(meter: str) -> float:
            witness = self._witnesses[meter]
            return max(witness.at, since) if _lost(witness, phases) else 0.0

        self.interruptions.began(key, since, after, devices, last_sign, phases=phases, planned=planned)

    def ended(self, key: str, at: float) -> None:
        """An outage is over."""
        self.interruptions.ended(key, at)

    def hear(self, told: Iterable[Incident]) -> None:
        """A lost MV phase, as it is told: on its phases half a voltage is left, which is no supply to anybody."""
        for one in told:
            if one.type == HALF_SUPPLY and one.state == "confirmed":
                on_them = [name for name in one.devices if set(self._witnesses[name].device.phases) & set(one.phases)]
                times = one.started_at, one.started_after
                signs = dict.fromkeys(on_them, one.at)
                self.interruptions.began(HALF_SUPPLY, *times, on_them, signs.__getitem__, phases=one.phases)
            elif one.type == HALF_SUPPLY and one.state == "cleared":
                self.ended(HALF_SUPPLY, one.ended_at or one.at)

    def lasting(self, keys: Iterable[str], at: float) -> None:
        """Only these outages last."""
        self.interruptions.lasting(keys, at)

    def close(self, at: float) -> Quality:
        """The period up to now; a new one begins."""
        period = self._period or Period(at)
        points = tuple(_point(self._witnesses[meter]) for meter in self._meters)
        for meter in self._meters:
            self._witnesses[meter].tally[:] = [0.0, 0.0, 0.0, 0, 0]
        registers = self._registers(at)
        self._period = Period(at, registers)
        carried, self._carried = self._carried, Carried()
        self._changed |= {"statistics", "carried"}
        return Quality(period.start, at, points, self._load(period, carried, registers))

    def _registers(self, at: float) -> dict[str, float]:
        """Registers of terminal and meters that were read shortly before the end of a period."""
        known = (self._witnesses[name] for name in (self._terminal, *self._meters) if name)
        return {w.device.id: w.energy for w in known if w.energy is not None and at - w.energy_at < REGISTER_S}

    def _load(self, period: Period, carried: Carried, registers: Mapping[str, float]) -> Load | None:
        if not carried.seconds:
            return None
        used = {name: end - period.registers[name] for name, end in registers.items() if name in period.registers}
        complete = all(used.get(meter, -1.0) >= 0 for meter in self._meters)  # a replaced meter tells nothing
        return Load(
            mean_kw=carried.kws / carried.seconds,
            peak_kw=carried.peak_kw,
            peak_at=carried.peak_at,
            given_kwh=used.get(self._terminal),
            taken_kwh=sum(used[meter] for meter in self._meters) if complete else None,
        )

    def changes(self) -> dict[str, object | None]:
        """State items that changed since the last call."""
        items = self.interruptions.changes()
        if "statistics" in self._changed:
            items["statistics"] = self._period and asdict(self._period)
        if "carried" in self._changed:
            items["carried"] = asdict(self._carried)
        self._changed.clear()
        return items

    def load(self, saved: Mapping[str, object]) -> None:
        """Take up saved items."""
        if (kept := saved.get("statistics")) is not None:
            assert isinstance(kept, dict)
            self._period = Period(**kept)
        if isinstance(kept := saved.get("carried"), dict):
            self._carried = Carried(**kept)

    def load_interruptions(self, kept: Iterable[tuple[str, list[object]]]) -> None:
        """Take up saved items of the kind `interruption`; the witnesses have been loaded."""
        self.interruptions.load(kept)
        for witness in map(self._witnesses.__getitem__, self.interruptions.watched):
            self.interruptions.still(witness.device.id, witness.at, partial(_lost, witness))


def _lost(witness: Witness, phases: str) -> bool | None:
    """Whether a meter shows the loss of one of these phases ('': of any of its own); None: it cannot be told."""
    if witness.is_silent:
        return True
    states = {witness.state[place] for place in witness.places if not phases or "ABC"[place] in phases}
    return True if DEAD in states else False if states == {ALIVE} else None


def _point(witness: Witness) -> PointQuality:
    tally = witness.tally
    coverage = tally[ANSWERED] / tally[POLLS] if tally[POLLS] else 0.0
    return PointQuality(witness.device.id, tally[MONITORED], tally[LOW], tally[HIGH], coverage)
