"""One device as its line sees it: what may be asked of it, when it is due, what is remembered about it."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from drivers.api import Conversation, Driver
from gateway.settings.models import Device
from gateway.south.conversation import Caller, Outcome
from gateway.south.health import Health
from gateway.south.report import DeviceReport
from gateway.south.schedule import Schedule

log = logging.getLogger(__name__)

DAY_S = 86_400.0
"""So long a refusal is remembered; then the device may have been replaced or changed."""

LONGEST_GUARD_S = 5.0
"""What answers that come ever later may make of `late_guard_s`."""

MUTE_AFTER = 3
"""Polls in a row that answer other points and stay silent about one: then that one is left out for a day."""


class Station:
    """All state the bus keeps for one device."""

    def __init__(self, device: Device, driver: Driver, caller: Caller, schedule: Schedule) -> None:
        self.device = device
        self.driver = driver
        self.caller = caller
        self.schedule = schedule
        self.health = Health()
        self.terms, self.counts = caller.terms, caller.counts
        self.all_points = device.polled
        self.visit_s = 0.0  # what the last visit cost the line
        self.asked_at = 0.0  # when that was, monotonic
        self.aftermath_s = 0.0  # for how long others could not be heard after its visits, less what it has paid for
        self.deaf_s = 0.0  # for how long nobody answered after the last of them
        self.strikes = 0  # how often others fell silent after its visit and came back while it did not
        self.struck_by = 0  # the number of the visit that the last of them came after
        self.waiting = False  # due and in the queue
        self.says = ""  # what was wrong with its last conversation, with the frame where there was one
        self.known: frozenset[str] = frozenset()
        """What it said 'no' to, and how it wants to be spoken to, during the last day; the driver's own words."""
        self.points: Sequence[str] = self.all_points
        """What a poll asks for: all but what it stays silent about."""
        self._refused: dict[str, float] = {}  # where -> until when
        self._learned: frozenset[str] = frozenset()  # how it wants to be spoken to
        self._learned_until = float("inf")
        self._mute: dict[str, float] = {}  # point -> until when
        self._unanswered: dict[str, int] = {}  # point -> polls in a row
        self._forget_at = float("inf")
        self._answered_at: float | None = None
        self._probes = 0
        self._driver_failed = False

    @property
    def learned(self) -> frozenset[str]:
        """How the device wants to be spoken to; the driver's words."""
        return self._learned

    @property
    def at_ease(self) -> bool:
        """Whether it answered all that it was asked for the last time, as far as is known."""
        return self.health.good and not self.says and not self._unanswered

    def converse(self, points: Sequence[str]) -> Conversation:
        """A conversation that asks for these points as the device wants to be asked. Raises RequestError."""
        return self.driver.converse(self.device.profile, self.device.address, points, self.known)

    def forget(self, now: float) -> None:
        """What was learned more than a day ago no longer counts."""
        if now < self._forget_at:
            return
        self._refused = {where: until for where, until in self._refused.items() if until > now}
        self._mute = {point: until for point, until in self._mute.items() if until > now}
        if self._learned_until <= now:
            self._learned, self._learned_until = frozenset(), float("inf")
        self._renew()

    def probe_point(self) -> str:
        """The one point of the next probe; another one each time, in case it is mute about the first."""
        self._probes += 1
        return self.all_points[(self._probes - 1) % len(self.all_points)]

    def remember(self, learned: frozenset[str], now: float) -> None:
        """Keep how the device wants to be spoken to."""
        if learned != self._learned:
            self._learned, self._learned_until = learned, now + DAY_S
            self._renew()

    def answered(self, now: float) -> None:
        """It gave all that it was asked for."""
        self._answered_at = now

    def learn(self, outcome: Outcome, asked: Sequence[str], now: float) -> None:
        """Keep what a poll taught about the device."""
        if outcome.answered:
            self._answered_at = now
        if outcome.refused:
            self._refused.update(dict.fromkeys(outcome.refused, now + DAY_S))
            self._renew()
        if (outcome.silences or self._unanswered) and outcome.readings:
            self._listen(outcome, asked, now)
        self._guard_against(self.caller.wire.late_by_s.get(self.device.id, 0.0))

    def driver_failed(self, error: Exception) -> str:
        """The driver itself has a fault. The log gets the traceback once, not with every poll for months."""
        says = f"the driver {self.device.driver} failed: {error!r}"
        if not self._driver_failed:
            self._driver_failed = True
            log.error("device %s: %s", self.device.id, says, exc_info=error)
        return says

    def report(self, now: float, elapsed_s: float) -> DeviceReport:
        """Its figures so far; `elapsed_s` is how long the line has been running."""
        self.forget(now)
        late = self.caller.wire.late_answers[self.device.id]
        counts = replace(self.counts, missed=self.schedule.missed, late=late)
        return DeviceReport(
            device=self.device.id,
            counts=counts,
            round_trip_ms=counts.round_trip_ms,
            down=self.health.down,
            last_answer_s=None if self._answered_at is None else now - self._answered_at,
            refused=tuple(sorted(self.known - self._learned)),
            mute=tuple(sorted(self._mute)),
            utilisation=counts.busy_s / max(elapsed_s, 1e-9),
            success=counts.success,
            says=self.says,
        )

    def _listen(self, outcome: Outcome, asked: Sequence[str], now: float) -> None:
        heard = {reading.point for reading in outcome.readings}
        for point in asked:
            count = 0 if point in heard or not outcome.silences else self._unanswered.get(point, 0) + 1
            self._unanswered[point] = count
            if count == MUTE_AFTER:
                self._mute[point] = now + DAY_S
        self._unanswered = {point: count for point, count in self._unanswered.items() if 0 < count < MUTE_AFTER}
        self._renew()

    def _guard_against(self, late_by_s: float) -> None:
        """Answers of this device come so late: wait twice as long for the next one, before anybody else is asked."""
        guard_s = min(2 * late_by_s, LONGEST_GUARD_S)
        if guard_s > self.caller.terms.guard_s > 0:
            self.terms = self.caller.terms = replace(self.caller.terms, guard_s=guard_s)

    def _renew(self) -> None:
        self.known = frozenset(self._refused) | self._learned
        self.points = tuple(point for point in self.all_points if point not in self._mute) or self.all_points
        self._forget_at = min(self._learned_until, *self._refused.values(), *self._mute.values(), float("inf"))
