"""How one device is heard: how its polls are spaced, how long it has been silent, and what that weighs."""

from math import log

from rules.area import Device
from rules.observation import Observation
from rules.thresholds import Limits, of_class
from rules.wire import Wire

EVIDENCE, VOLTAGE, RELAY, FAINT = 1, 2, 4, 8
"""What one observation changed: flags that say which rules have work. Faint is evidence that says little by itself: an
answer more or less on a noisy line."""

NEAR, STEP = 1.1, 1.2  # spacing within NEAR times the usual is usual; else the usual moves by STEP
PAUSE = 2.5  # spacings
ENOUGH = 25.0  # silence that weighs more than this says nothing new


class Hearing:
    """One device as far as it answers or does not, by polls and by what it says unasked."""

    __slots__ = (
        "_ceiling",
        "_certainty",
        "_floor",
        "_memory",
        "_no_battery",
        "_noisy",
        "alive_at",
        "at",
        "device",
        "excused",
        "gasp_at",
        "interval",
        "miss",
        "pardoned",
        "period",
        "silent",
        "silent_since",
        "wire",
    )

    def __init__(self, device: Device, wire: Wire, limits: Limits) -> None:
        self.device = device
        self.wire = wire
        own = of_class(limits, "comm", device.kind)
        self._floor, self._ceiling = own["miss_floor"], own["miss_ceiling"]
        self._certainty, self._memory = own["certainty"], own["memory_polls"]
        self._noisy = own["noise_share"]
        self._no_battery = device.kind in ("meter", "ltu") and device.backup_s < 60
        self.at = 0.0  # newest observation
        self.alive_at = 0.0  # newest answer
        self.interval = 0.0  # between the last two observations
        self.period = 0.0  # usual spacing of its observations; 0: not known yet
        self.silent = 0  # polls without an answer, in a row
        self.silent_since = 0.0
        self.gasp_at = 0.0
        self.miss = self._floor  # share of its answers that get lost
        self.excused = False  # something known explains its silence
        self.pardoned = False  # something that is over explained it

    @property
    def is_silent(self) -> bool:
        return self.silent > 0 or self.gasp_at > self.alive_at

    @property
    def is_garbled(self) -> bool:
        """Whether something came when it was last read that nobody understood."""
        return self.at > self.alive_at and not self.silent

    @property
    def chance(self) -> float:
        """How likely it is that a poll of this device gets no answer although it is well."""
        line, own = self.wire.miss, self.miss
        seen = line if line > own else own
        return min(self._ceiling, seen if seen > self._floor else self._floor)

    @property
    def weight(self) -> float:
        """How much its silence says against its supply and its line, in nats. Not capped.

        Nothing before it was asked again since what explained it is over.
        """
        return -self.silent * log(self.chance) if self.silent and self.at >= self.silent_since else 0.0

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

    def _pace(self, passed: float) -> None:
        """So long after the observation before it came the next."""
        self.interval = passed
        if passed > NEAR * self.period:
            self.period = min(passed, STEP * self.period) if self.period else passed
        elif NEAR * passed < self.period:
            self.period = max(passed, self.period / STEP)

    def _heard(self) -> int:
        """It answers: a silence is over. If it was chance, it tells of the line."""
        if not self.silent:
            return 0
        by_chance = self.silent <= 3 or self.weight < self._certainty
        if by_chance and not self.excused and not self.pardoned:
            self.wire.count(self.silent)
            self.miss += (self.silent - self.miss) / self._memory
        self.silent, self.pardoned = 0, False
        self.silent_since = self.gasp_at if self.gasp_at > self.alive_at else 0.0
        return self._of_one_answer

    @property
    def _of_one_answer(self) -> int:
        """The flag of evidence that one answer is, or its loss."""
        return FAINT if self.wire.rate > self._noisy else EVIDENCE

    def _alive(self, at: float) -> int:
        changed = self._heard()
        self.wire.count(lost=0)
        if self.gasp_at > self.alive_at:
            self.silent_since = self.gasp_at if self.gasp_at > at else 0.0  # a last gasp may overtake an answer
            changed = EVIDENCE
        elif not changed and self.miss > self._floor:
            self.miss -= self.miss / self._memory
        self.alive_at = at
        return changed

    def _silence(self, at: float) -> int:
        enough = self.weight > ENOUGH
        self.silent += 1
        if not self.silent_since:
            self.silent_since = self.gasp_at if self.gasp_at > self.alive_at else at
        return 0 if enough else self._of_one_answer

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
