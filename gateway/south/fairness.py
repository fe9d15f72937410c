"""What devices cost each other on a line, and how long a bad one is left alone so that the others do not notice.

A dead device costs its own visits. One that babbles, or whose serial server hangs, costs more: after its visit others
cannot be understood. That is charged to it, and it is held back until it has taken no more than its share.
"""

import logging
from collections.abc import Collection
from typing import NamedTuple

from gateway.south.health import PATIENCE, fair_pause
from gateway.south.station import Station
from gateway.south.wire import Wire

log = logging.getLogger(__name__)

SHARE_OF_HARM = 0.02
"""So much of the line's time may pass, in the long run, while others are not heard after a device was asked."""

FIRST_NOISE_S, FIRST_HOLD_S = 30.0, 300.0
"""So much noise is held against a device only when it counts as dead, and after the first of its visits that noise came
after it is held back no longer than that: it may not have been its own."""

COINCIDENCES = 1
"""So often others may fall silent after its visit and come back while it stays silent; more is no coincidence."""

OUT_OF_STEP = 2
"""Visits at its period for a device that was never asked but behind such a one: asked ever later in step with it, it
would never be heard again."""


class _Blame(NamedTuple):
    """Who was asked before a device fell silent."""

    culprit: Station
    visit: int  # the culprit's, counted over the line


class Fairness:
    """The accounts of one line."""

    __slots__ = ("_fallen", "_held", "_loud", "_stations", "_suspect", "_visits", "_wire")

    def __init__(self, stations: Collection[Station], wire: Wire) -> None:
        self._stations = tuple(stations)
        self._wire = wire
        self._suspect: Station | None = None  # gave no good answer on a line that was well before
        self._visits = 0  # of suspects
        self._loud = False  # nobody was understood when the last visit ended
        self._fallen: dict[Station, _Blame] = {}
        self._held: dict[Station, float] = {}  # since which visit, by its time

    def charge(self, station: Station, visit_s: float, waited_s: float) -> None:
        """A visit is over that held the line for `visit_s`, of which it waited `waited_s` for others to stop talking.

        What a device does to the line after its own visit is part of what it costs.
        """
        station.visit_s = visit_s
        good, drowned = station.health.good, self._wire.noise == "loud"
        if good and not (waited_s or drowned or self._loud or self._suspect or self._fallen or self._held):
            return  # as nearly always
        if station in self._stations:  # else it is somebody who is only searched for
            self._account(station, waited_s, drowned)
        self._loud = drowned

    def pause(self, station: Station) -> float:
        """Seconds until a device that is down is visited again; 0 where it may be another's fault that it is."""
        blame = self._fallen.get(station)
        shaded = blame is not None and not blame.culprit.health.good
        if blame and shaded and (blame.culprit.strikes or station.health.failures < PATIENCE + OUT_OF_STEP):
            return 0.0
        dead = sum(other.health.down for other in self._stations)
        load = sum(other.visit_s / other.schedule.period for other in self._stations if not other.health.down)
        cost = station.visit_s + station.caller.terms.guard_s  # nobody speaks after it either
        return station.health.pause(station.schedule.period, cost, dead, load)

    def _account(self, station: Station, waited_s: float, drowned: bool) -> None:
        suspect, good = self._suspect, station.health.good
        if suspect is not None and (suspect is station or suspect.health.good):
            suspect = self._suspect = None
        self._begin_anew(station)
        if suspect is None:
            if not (good or self._loud):
                self._suspect = station
                self._visits += 1
                self._fallen.pop(station, None)
        elif drowned:
            self._charge_later(suspect, station.visit_s)
        elif waited_s:
            station.visit_s -= waited_s
            self._charge_later(suspect, waited_s)
        elif good:
            suspect.deaf_s = self._wire.sent_at - suspect.asked_at
            self._suspect = None
        elif station.health.failures <= PATIENCE:
            self._fallen[station] = _Blame(suspect, self._visits)
        if good:
            self._come_back(station)

    def _begin_anew(self, station: Station) -> None:
        """It has been asked again. What it cost before is paid for by the time that it was left alone."""
        paid, station.asked_at = SHARE_OF_HARM * (self._wire.sent_at - station.asked_at), self._wire.sent_at
        if station.health.good:
            station.aftermath_s = station.schedule.held_until = 0.0
            station.strikes = 0
            self._held.pop(station, None)
            return
        station.aftermath_s = max(0.0, station.aftermath_s - paid)
        if station.strikes > COINCIDENCES:  # what came after it last time is to be expected
            self._hold(station, station.deaf_s)

    def _come_back(self, station: Station) -> None:
        """A device answers that had fallen silent after another's visit: did that one silence it?"""
        blame = self._fallen.pop(station, None)
        if blame is None or blame.culprit.health.good or blame.culprit.struck_by == blame.visit:
            return
        blame.culprit.struck_by = blame.visit
        blame.culprit.strikes += 1
        if blame.culprit.strikes > COINCIDENCES:
            self._charge_later(blame.culprit, blame.culprit.deaf_s)

    def _charge_later(self, station: Station, aftermath_s: float) -> None:
        """Others lost so much time after its visit, not for the first time or not by chance."""
        station.aftermath_s += aftermath_s
        if station.health.down or station.strikes > COINCIDENCES or station.aftermath_s > FIRST_NOISE_S:
            self._hold(station, station.aftermath_s)

    def _hold(self, station: Station, aftermath_s: float) -> None:
        """It is not asked again before its last visit and what came after it are no more than its share."""
        pause = fair_pause(station.visit_s + station.caller.terms.guard_s + aftermath_s, SHARE_OF_HARM)
        if station not in self._held:
            says = "device %s: when it is asked, others of its line are not heard; it is asked ever more rarely"
            log.warning(says, station.device.id)
        first = self._held.setdefault(station, station.asked_at) == station.asked_at
        if first and station.strikes <= COINCIDENCES:
            pause = min(pause, FIRST_HOLD_S)
        station.schedule.held_until = station.asked_at + pause
        station.health.leave_alone()
