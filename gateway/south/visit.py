"""A visit: one job carried out on the line, from the link to what is to be told of it and remembered of the device."""

import logging
from collections.abc import Sequence

from drivers.api import Reading
from drivers.errors import RequestError
from gateway.clock import Clock
from gateway.settings.models import Line
from gateway.south.access import Access
from gateway.south.conversation import Outcome
from gateway.south.link.api import Link, LinkError
from gateway.south.poll import Poll
from gateway.south.queue import Job
from gateway.south.station import Station
from gateway.south.wire import Wire

log = logging.getLogger(__name__)


class Visits:
    """All that are made on one line, one at a time."""

    __slots__ = ("_access", "_clock", "_line", "_link", "_now", "_wire", "closed")

    def __init__(self, line: Line, link: Link, wire: Wire, access: Access, clock: Clock) -> None:
        self.closed = False  # the line is given up: what is under way is to end
        self._line, self._link, self._wire, self._access = line, link, wire, access
        self._clock, self._now = clock, clock.monotonic

    async def make(self, job: Job) -> Poll:
        """One conversation, and once more when a link that worked turns out to be gone."""
        while job.begun is not None or self._link.is_open or await self._access.ready():
            if self.closed:
                self._link.close()
                break
            try:
                outcome = await self._converse(job)
            except LinkError as error:
                again = self._access.worked and job.talk is None and not self.closed
                if not self.closed:
                    self._access.lost(error)
                self._wire.renew()
                if again:
                    continue
                break
            except RequestError as error:
                return self._unasked(job, str(error))
            except Exception as error:  # noqa: BLE001 - a stranger's driver must not stop the other devices
                return self._unasked(job, job.station.driver_failed(error))
            if job.talk is None and (outcome.says or job.station.says):
                job.station.says = "; ".join(outcome.says)
            if job.talk is None or outcome.answered:  # silence about a service says nothing of the device
                self._judge(job.station, outcome)
            return self._poll(job, outcome)
        return self._unasked(job, self._access.says)

    def went_well(self, job: Job, readings: Sequence[Reading], now: float, took_s: float) -> Poll:
        """What there is to tell of a poll in which the device has answered all, without any trouble."""
        station = job.station
        station.counts.good += bool(readings)
        station.answered(now)
        self._access.answered()
        at = self._clock.wall() - took_s
        return Poll(station.device.id, self._line.id, at, took_s, job.lane, readings)

    def _unasked(self, job: Job, says: str) -> Poll:
        job.station.counts.unreachable += 1
        device, line, at = job.station.device.id, self._line.id, self._clock.wall()
        return Poll(device, line, at, 0.0, job.lane, fault="unreachable", says=says)

    async def _converse(self, job: Job) -> Outcome:
        station, now = job.station, self._now()
        begun, job.begun = job.begun, None
        station.counts.polls += begun is None
        if job.talk is not None:
            return await station.caller.carry(job.talk(), proven=True)  # it ends itself: silence may be half the story
        proven = False
        station.forget(now)
        if station.health.down and job.scheduled:
            probe = await station.caller.carry(station.converse((station.probe_point(),)))
            station.remember(probe.learned, now)
            if not probe.answered:
                return probe
            proven = True
        points = job.points or station.points
        retries = self._line.retries if proven or station.health.good else 0
        talk = station.converse(points) if begun is None else begun.talk
        outcome = await station.caller.carry(talk, retries, proven, begun)
        station.remember(outcome.learned, now)
        station.learn(outcome, points, self._now())
        if outcome.silences or outcome.garbled or outcome.refusals:
            outcome.complete(points)
        if not outcome.sent_at:
            outcome.refused.append("all")
            outcome.says.append("the device has refused all that it is asked for; it is asked again within a day")
        return outcome

    def _judge(self, station: Station, outcome: Outcome) -> None:
        """Whether the device and the link live; told to the log when it changes."""
        if not outcome.sent_at or (outcome.drowned and not outcome.answered):
            return
        if outcome.answered:
            self._access.answered()
            if station.health.down:
                log.info("device %s: answers again", station.device.id)
            station.health.answered()
            station.counts.good += bool(outcome.readings)
            return
        if outcome.told:
            self._access.answered()  # the link works; opening it anew would not wake the device behind it
        else:
            self._access.unanswered()
        station.health.failed()
        if station.health.just_down:
            log.warning("device %s: down (%s)", station.device.id, station.says)

    def _poll(self, job: Job, outcome: Outcome) -> Poll:
        now, wall = self._now(), self._clock.wall()
        took = now - outcome.sent_at if outcome.sent_at else 0.0
        says = "; ".join(outcome.says) if outcome.says else ""
        return Poll(
            job.station.device.id, self._line.id, wall - took, took, job.lane, outcome.readings, outcome.fault, says
        )
