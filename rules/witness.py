"""What one device says about its supply: readings, silence weighed by its own history, last gasps."""

from collections.abc import Mapping
from math import log
from operator import attrgetter

from rules.area import Device
from rules.observation import Observation
from rules.thresholds import Limits, of_class
from rules.wire import Wire

UNKNOWN, ALIVE, DEAD, HALF = 0, 1, 2, 3
"""What a phase of a device was when it was last read."""

EVIDENCE, VOLTAGE, RELAY = 1, 2, 4
"""What one observation changed: flags that say which rules have work."""

IMPLAUSIBLE_V = 500.0
HISTORY = 16  # readings of a terminal that are kept to compare its load before and after
USUAL_LOAD = 1 / 60  # weight of a reading in a meter's usual load
NEAR, STEP = 1.1, 1.2  # spacing within NEAR times the usual is usual; else the usual moves by STEP
PAUSE = 2.5  # spacings
ENOUGH = 25.0  # silence that weighs more than this says nothing new

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


class Witness:
    """One device, as the rules remember it."""

    __slots__ = (
        *_KEPT,
        "device",
        "single",
        "places",
        "wire",
        "unsaved",
        "_all_alive",
        "_ceiling",
        "_dead_v",
        "_floor",
        "_half_v",
        "_high_v",
        "_limits",
        "_low_v",
        "_no_battery",
        "_points",
    )

    def __init__(self, device: Device, wire: Wire, limits: Limits, nominal: float) -> None:
        self.device = device
        self.wire = wire
        self.places = tuple("ABC".index(phase) for phase in device.phases)
        self.single = len(device.phases) == 1 and device.kind == "meter"
        self._points = tuple((place, *_POINTS["ABC"[place]]) for place in self.places)
        self._no_battery = device.kind in ("meter", "ltu") and device.backup_s < 60
        self._limits = of_class(limits, "comm", device.kind)
        self._floor, self._ceiling = self._limits["miss_floor"], self._limits["miss_ceiling"]
        shares = of_class(limits, "outage", device.kind)
        self._dead_v = shares["dead_share"] * nominal
        self._half_v = shares["half_share"] * nominal
        own = of_class(limits, "voltage", device.kind)
        self._low_v = (own["low_share"] + own["margin_share"]) * nominal
        self._high_v = (own["high_share"] - own["margin_share"]) * nominal
        self.at = 0.0  # newest observation
        self.alive_at = 0.0  # newest answer
        self.interval = 0.0  # between the last two observations
        self.period = 0.0  # usual spacing of its observations; 0: not known yet
        self.silent = 0  # polls without an answer, in a row
        self.silent_since = 0.0
        self.gasp_at = 0.0
        self.miss = self._limits["miss_floor"]
        self.polls = 0
        self.volts: list[float | None] = [None, None, None]
        self.state = [UNKNOWN, UNKNOWN, UNKNOWN]
        self._all_alive = [ALIVE if place in self.places else UNKNOWN for place in range(3)]
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
        self.excused = False  # something known explains its silence
        self.pardoned = False  # something that is over explained it
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
        return EVIDENCE if self.wire.rate > self._limits["noise_share"] else 0

    def _pace(self, passed: float) -> None:
        """So long after the observation before it came the next."""
        self.interval = passed
        if passed > NEAR * self.period:
            self.period = min(passed, STEP * self.period) if self.period else passed
        elif NEAR * passed < self.period:
            self.period = max(passed, self.period / STEP)

    @property
    def chance(self) -> float:
        """How likely it is that a poll of this device gets no answer although it is well."""
        line, own = self.wire.miss, self.miss
        seen = line if line > own else own
        return min(self._ceiling, seen if seen > self._floor else self._floor)

    @property
    def weight(self) -> float:
        """How much its silence says against its supply and its line, in nats. Not capped."""
        return self.silent * -log(self.chance) if self.silent else 0.0

    def weight_since(self, at: float) -> float:
        """The same, of its silence after a time alone."""
        if not self.silent or self.silent_since >= at:
            return self.weight
        return self.weight / self.silent * polls_after(at, self.silent, self.silent_since, self.at)

    def pause(self, poll_s: float) -> float:
        """A longer time without an answer is a gap, s; `poll_s`: how often devices of the area are read, they say."""
        return PAUSE * (self.period if self.period > poll_s else poll_s)

    @property
    def needs_supply(self) -> bool:
        """Whether silence can mean that its supply is gone: it has no battery, and it has been heard before."""
        return self._no_battery and self.alive_at > 0

    @property
    def is_well(self) -> bool:
        """Whether it answers, and every phase of it has voltage."""
        return not self.silent and self.gasp_at <= self.alive_at and self.state == self._all_alive

    @property
    def is_garbled(self) -> bool:
        """Whether something came when it was last read that nobody understood."""
        return self.at > self.alive_at and not self.silent

    @property
    def is_dead(self) -> bool:
        """Whether no phase of it had voltage when it was last read."""
        return DEAD in self.state and all(self.state[place] == DEAD for place in self.places)

    @property
    def is_silent(self) -> bool:
        return self.silent > 0 or self.gasp_at > self.alive_at

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

    def _heard(self) -> int:
        """It answers: a silence is over. If it was chance, it tells of the line."""
        if not self.silent:
            return 0
        by_chance = self.silent <= 3 or self.weight < self._limits["certainty"]
        if by_chance and not self.excused and not self.pardoned:
            self.wire.count(self.silent)
            self.miss += (self.silent - self.miss) / self._limits["memory_polls"]
        self.silent, self.pardoned = 0, False
        self.silent_since = self.gasp_at if self.gasp_at > self.alive_at else 0.0
        return EVIDENCE

    def _alive(self, at: float) -> int:
        changed = self._heard()
        self.wire.count(lost=0)
        if self.gasp_at > self.alive_at:
            self.silent_since = self.gasp_at if self.gasp_at > at else 0.0  # a last gasp may overtake an answer
            changed = EVIDENCE
        elif not changed and self.miss > self._limits["miss_floor"]:
            self.miss -= self.miss / self._limits["memory_polls"]
        self.alive_at = at
        return changed

    def _silence(self, at: float) -> int:
        enough = self.weight > ENOUGH
        self.silent += 1
        if not self.silent_since:
            self.silent_since = self.gasp_at if self.gasp_at > self.alive_at else at
        return 0 if enough else EVIDENCE

    def _notice(self, seen: Observation) -> int:
        if seen.notice == "last_gasp" and seen.at > self.alive_at:
            if self.gasp_at > self.alive_at:
                return 0  # the first one dates the loss
            if self.silent and self.at < seen.at:  # it lived until now, or it speaks late: nothing sure of its line
                self.silent, self.silent_since, self.pardoned = 0, 0.0, False
            self.gasp_at = seen.at
            self.silent_since = min(self.silent_since or seen.at, seen.at)
            return EVIDENCE
        if seen.notice == "power_on" and seen.at > self.alive_at:
            self.at = max(self.at, seen.at)
            return self._alive(seen.at) | EVIDENCE
        return 0


def polls_after(moment: float, polls: int, first: float, newest: float) -> int:
    """How many of so many evenly spaced polls came after a moment."""
    if first > moment or newest <= moment or polls < 2:
        return polls if newest > moment else 0
    return min(polls, 1 + int((newest - moment) * (polls - 1) / (newest - first)))
