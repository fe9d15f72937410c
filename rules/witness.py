"""What one device says about its supply: what it reads, beside how it is heard."""

from collections.abc import Iterable, Mapping
from operator import attrgetter

from rules.area import Device
from rules.hearing import EVIDENCE, FAINT, RELAY, VOLTAGE, Hearing
from rules.observation import Observation
from rules.thresholds import Limits, of_class
from rules.wire import Wire

UNKNOWN, ALIVE, DEAD, HALF = 0, 1, 2, 3
"""What a phase of a device was when it was last read."""

IMPLAUSIBLE_V = 500.0
HISTORY = 16  # readings of a terminal that are kept to compare its load before and after
USUAL_LOAD = 1 / 60  # weight of a reading in a meter's usual load

_POINTS = {"A": ("voltage_a", "current_a"), "B": ("voltage_b", "current_b"), "C": ("voltage_c", "current_c")}
_KEPT = (
    "at",
    "alive_at",
    "interval",
    "period",
    "silent",
    "silent_since",
    "gasp_at",
    "miss",
    "polls",
    "volts",
    "state",
    "dead_at",
    "odd",
    "watched",
    "odd_at",
    "amps",
    "power",
    "usual",
    "relay_open",
    "relay_at",
    "history",
    "implausible",
    "late",
    "excused",
    "pardoned",
    "energy",
    "energy_at",
    "idle_at",
    "tally",
    "fit",
    "windows",
)
_kept = attrgetter(*_KEPT)


class Witness(Hearing):
    """One device, as the rules remember it."""

    __slots__ = (
        *(name for name in _KEPT if name not in Hearing.__slots__),
        "single",
        "places",
        "unsaved",
        "all_alive",
        "_dead_v",
        "_half_v",
        "_high_v",
        "_low_v",
        "_points",
    )

    def __init__(self, device: Device, wire: Wire, limits: Limits, nominal: float) -> None:
        super().__init__(device, wire, limits)
        self.places = tuple("ABC".index(phase) for phase in device.phases)
        self.single = len(device.phases) == 1 and device.kind == "meter"
        self._points = tuple((place, *_POINTS["ABC"[place]]) for place in self.places)
        shares = of_class(limits, "outage", device.kind)
        self._dead_v = shares["dead_share"] * nominal
        self._half_v = shares["half_share"] * nominal
        own = of_class(limits, "voltage", device.kind)
        self._low_v = (own["low_share"] + own["margin_share"]) * nominal
        self._high_v = (own["high_share"] - own["margin_share"]) * nominal
        self.polls = 0
        self.volts: list[float | None] = [None, None, None]
        self.state = [UNKNOWN, UNKNOWN, UNKNOWN]
        self.all_alive = [ALIVE if place in self.places else UNKNOWN for place in range(3)]
        self.dead_at = [0.0, 0.0, 0.0]
        self.odd = False  # the newest voltage is outside the limits, or close to them
        self.odd_at = 0.0
        self.watched = False  # a voltage rule wants every reading, also the good ones
        self.amps: float | None = None
        self.power: float | None = None
        self.usual: float | None = None  # usual load, kW
        self.relay_open = False
        self.relay_at = 0.0
        self.history: list[list[float]] = []  # terminals: [at, kW of A, of B, of C]
        self.implausible = 0
        self.late = 0
        self.energy: float | None = None  # register, import less export, kWh
        self.energy_at = 0.0
        self.tally: list[float] = [0.0, 0.0, 0.0, 0, 0]  # see rules.statistics
        self.fit = [0.0] * 6  # see rules.contact
        self.idle_at = 0.0  # since when it draws nothing; 0: it draws
        self.windows: dict[str, list[float]] = {}  # see rules.power_quality
        self.unsaved = False  # it changed since it was last saved

    def take(self, seen: Observation) -> int:
        """One more observation of this device; returns what it changed, as flags."""
        at, self.unsaved = seen.at, True
        if seen.notice is not None:
            return self._notice(seen)
        if at <= self.at or seen.source == "backfill":
            self.late += 1
            return 0
        if self.at:
            self._pace(at - self.at)
        self.at = at
        self.polls += 1
        if seen.fault is None:
            return self._answer(seen.values, at)
        if seen.fault == "timeout":
            return self._silence(at)
        if seen.fault == "unreachable":
            return 0
        if seen.fault == "refused":
            return self._alive(at)
        if not self.excused:  # a garbled answer settles nothing: noise garbles what dead devices did not say, too
            self.wire.garble()
        return FAINT if self.wire.rate > self._noisy else 0

    @property
    def is_well(self) -> bool:
        """Whether it answers, and every phase of it has voltage."""
        return not self.silent and self.gasp_at <= self.alive_at and self.state == self.all_alive

    @property
    def is_dead(self) -> bool:
        """Whether no phase of it had voltage when it was last read."""
        return DEAD in self.state and all(self.state[place] == DEAD for place in self.places)

    def drawn_amps(self, nominal: float) -> float | None:
        """What is drawn, in A: as read, else as the power says at `nominal` volts; None where neither is polled."""
        if self.amps is not None or self.power is None:
            return self.amps
        return abs(self.power) * 1000 / nominal

    def dump(self) -> list[object]:
        """Its state as plain data."""
        return list(_kept(self))

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        for name, value in zip(_KEPT, kept, strict=True):
            setattr(self, name, value)
        for place in {0, 1, 2}.difference(self.places):  # it may have been moved to another phase
            self.volts[place], self.state[place], self.dead_at[place] = None, UNKNOWN, 0.0

    def _answer(self, values: Mapping[str, float | None], at: float) -> int:
        changed = self._alive(at)
        if self.single:
            volt = values.get("voltage")
            if volt is None:
                volt = values.get("voltage_a")
            place = self.places[0]
            if (
                volt is not None
                and self._low_v <= volt <= self._high_v
                and self.state[place] == ALIVE
                and not (self.odd or self.watched)
            ):
                self.volts[place] = volt
            elif volt is not None:
                changed |= self._voltage(place, volt, at)
            self.amps = values.get("current")
        else:
            changed |= self._phases(values, at)
        power = values.get("active_power")
        if power is not None:
            self.power = power
            usual = self.usual
            self.usual = power if usual is None else usual + (power - usual) * USUAL_LOAD
            if self.device.kind != "meter":
                self.history.append([at, *self._by_phase(values, power)])
                if len(self.history) > HISTORY:
                    del self.history[0]
        relay = values.get("relay_open")
        if relay is not None and bool(relay) is not self.relay_open:
            self.relay_open, self.relay_at = bool(relay), at
            changed |= RELAY
        return changed

    def _by_phase(self, values: Mapping[str, float | None], power: float) -> list[float]:
        """Active power split by phase as the currents are."""
        amps = [
            abs(values.get(point) or 0.0) * (volt or 0.0)
            for (_, point), volt in zip(_POINTS.values(), self.volts, strict=True)
        ]
        total = sum(amps)
        return [power * part / total for part in amps] if total else [power / 3] * 3

    def _phases(self, values: Mapping[str, float | None], at: float) -> int:
        changed = 0
        amps: float | None = None  # stays so where no current is read
        was_odd, odd = self.odd, False
        calm = not (was_odd or self.watched)
        for place, volt_point, amp_point in self._points:
            volt = values.get(volt_point)
            if volt is None:
                pass
            elif calm and self._low_v <= volt <= self._high_v and self.state[place] == ALIVE:
                self.volts[place] = volt
            else:
                self.odd = was_odd
                changed |= self._voltage(place, volt, at)
                odd = odd or self.odd
            amp = values.get(amp_point)
            if amp is not None:
                amps = (amps or 0.0) + abs(amp)
        self.odd = odd
        self.amps = amps
        return changed

    def _voltage(self, place: int, volt: float, at: float) -> int:
        if not 0.0 <= volt <= IMPLAUSIBLE_V:
            self.implausible += 1
            return 0
        self.volts[place] = volt
        state = DEAD if volt < self._dead_v else HALF if volt < self._half_v else ALIVE
        if state == DEAD and self.relay_open:
            state = UNKNOWN  # behind an open relay there may be no voltage to measure
        was, was_odd = self.state[place], self.odd
        self.odd = not self._low_v <= volt <= self._high_v
        if self.odd:
            self.odd_at = at
        changed = VOLTAGE if self.odd or was_odd or self.watched else 0
        if state == was:
            return changed | (EVIDENCE if state == DEAD and at - self.dead_at[place] < 4 * self.interval else 0)
        self.state[place] = state
        self.dead_at[place] = at if state == DEAD else 0.0
        return changed | (EVIDENCE if was or state != ALIVE else 0)

    def excuse(self, excused: bool) -> None:
        """Whether something known explains its silence."""
        self.excused, self.unsaved = excused, True

    def forgive(self, at: float) -> None:
        """What explained its silence is over since `at`: from there on silence counts anew."""
        self.unsaved = True
        if self.silent:
            self.silent, self.silent_since = 1, max(at, self.silent_since)
            self.gasp_at = 0.0
            self.pardoned = True
        elif self.at < at:  # what it read dead then it may read alive by now
            self.state = [UNKNOWN if state == DEAD else state for state in self.state]
        self.dead_at = [max(at, self.at) if dead else 0.0 for dead in self.dead_at]


def unwell_of(witnesses: Iterable[Witness]) -> list[Witness]:
    """Those that are not `is_well`, in one expression: every device is asked at every step of the rules."""
    return [w for w in witnesses if w.silent or w.gasp_at > w.alive_at or w.state != w.all_alive]
