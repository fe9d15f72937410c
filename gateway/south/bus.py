"""One line: who is spoken to, when, and what came of it. One conversation at a time, and none is forgotten.

The queue says who is next, a visit carries the job out over the wire, the station remembers the device, the access
keeps the link open. The bus puts them together.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from zlib import crc32

from drivers import registry
from drivers.api import Conversation, Driver, Reading
from gateway.clock import Clock
from gateway.settings.models import Device, Line
from gateway.south.access import Access
from gateway.south.conversation import Caller
from gateway.south.express import Express, PromptLink
from gateway.south.fairness import Fairness
from gateway.south.link.api import Link
from gateway.south.poll import Lane, Poll
from gateway.south.queue import Job, Queue
from gateway.south.report import LineReport
from gateway.south.schedule import Schedule
from gateway.south.station import Station
from gateway.south.trace import KEPT, KEPT_OF_TCP, Trace
from gateway.south.visit import Visits
from gateway.south.wire import Terms, Wire, silence

HEARTBEAT_S = 10.0
"""An idle line goes round at least so often, so that the watchdog can tell idle from stuck."""

EXPLORE_S = 10.0
"""How long a search gives way on a line that is never idle: a question of a second or so in ten."""


class Bus:
    """The owner of one line. Everything is called from the event loop that runs it.

    Every conversation that ends, whoever wanted it, is handed to `deliver` as a Poll, once, in the order of the wire.
    """

    def __init__(
        self,
        line: Line,
        devices: Sequence[Device],
        link: Link,
        clock: Clock,
        deliver: Callable[[Poll], None],
        *,
        drivers: Callable[[str], Driver] = registry.driver,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.line = line
        self._round_at = clock.monotonic()
        self._link, self._clock, self._now, self._deliver = link, clock, clock.monotonic, deliver
        self.trace = Trace(clock, KEPT if link.paced else KEPT_OF_TCP)  # the last frames on the line
        self._wire = Wire(link, clock, self.trace, line.echo)
        self._access = Access(line.id, link, clock, uniform)
        self._visits = Visits(line, link, self._wire, self._access, clock)
        self._drivers = drivers
        self._queue = Queue()
        self._begun = self._now()
        self._busy_s = 0.0
        self._closed = False
        self._wake: asyncio.Future[None] | None = None
        # there may be a thousand lines on a network: they do not begin their periods together
        share = 1.0 if link.paced else (1 + crc32(line.id.encode()) % 1000) / 1000
        self._stations = {
            device.id: self._station(device, drivers(device.driver), (index + share) / len(devices))
            for index, device in enumerate(devices)
        }
        self._fairness = Fairness(self._stations.values(), self._wire)
        self._express: Express | None = None
        if isinstance(link, PromptLink) and not link.paced and not line.echo:
            self._express = Express(link, self._wire, self._queue, clock, self._well_over)

    @property
    def beat(self) -> float:
        """When the line last moved on, monotonic: the watchdog's food. A long conversation moves with every request."""
        return max(self._round_at, self._wire.sent_at)

    async def run(self, polling: bool = True) -> None:
        """Poll until `close`, or only serve what is asked. Never raises for anything a device or a port does."""
        for station in self._stations.values() if polling else ():
            self._queue.schedule(station)
        while not self._closed:
            self._round_at = now = self._now()
            job = self._queue.next(now)
            if job is None:
                await self._idle(now)
            elif self._express is None:
                await self._serve(job, now)
            elif (left := await self._express.run(job, now)) is not None:
                await self._serve(*left)

    def want(self, device: str, points: Sequence[str] = (), lane: Lane = Lane.VERIFY) -> None:
        """Have a device read soon; the result is delivered as any other. Asked twice meanwhile, it is done once.

        No points means all that are polled. Raises LookupError for a device that is not on this line.
        """
        station, points = self._find(device), tuple(points)
        if not self._queue.holds(station, lane, points or station.all_points):
            self._put(Job(station, lane, points or station.all_points))

    async def ask(self, device: str, points: Sequence[str] = (), lane: Lane = Lane.DEMAND) -> Poll:
        """Read a device now and wait for the result; a device that is down is asked all the same.

        Raises LookupError for a device that is not on this line; ends in CancelledError when the line is closed.
        """
        station = self._find(device)
        return await self._wait(Job(station, lane, tuple(points) or station.all_points))

    async def carry(self, device: str, talk: Callable[[], Conversation], lane: Lane = Lane.CONTROL) -> Poll:
        """Have a service's own conversation with a device. Nothing in it is repeated: it may not be safe to.

        `talk` makes the conversation when the line is free for it. Raises as `ask` does.
        """
        return await self._wait(Job(self._find(device), lane, talk=talk))

    async def explore(self, guest: Device, talk: Callable[[], Conversation]) -> Poll:
        """A conversation with somebody who is none of the line's devices, when nobody else wants to speak.

        On a line where always somebody does, it has its turn as a poll that is due `EXPLORE_S` later. What comes of it
        counts for nobody. Ends in CancelledError when the line is closed.
        """
        station = self._station(guest, self._drivers(guest.driver), 1.0)
        return await self._wait(Job(station, Lane.SEARCH, talk=talk), EXPLORE_S)

    def learned(self, device: str) -> frozenset[str]:
        """How a device wants to be spoken to, in its driver's words, as far as conversations have shown.

        Raises LookupError for a device that is not on this line.
        """
        return self._find(device).learned

    def report(self) -> LineReport:
        """The figures of the line and its devices so far."""
        now = self._now()
        devices = tuple(station.report(now, now - self._begun) for station in self._stations.values())
        return LineReport.of(
            devices,
            line=self.line.id,
            open=self._link.is_open,
            says=self._access.says,
            elapsed_s=now - self._begun,
            busy_s=self._busy_s,
            utilisation=self._busy_s / max(now - self._begun, 1e-9),
            waiting=len(self._queue),
            late_bytes=self._wire.late_bytes,
            stray_bytes=self._wire.stray_bytes,
            reopened=max(0, self._access.reopened - 1),
        )

    def close(self) -> None:
        """Give the port back and end `run`; who still waits for a result gets a CancelledError."""
        self._closed = self._visits.closed = True
        self._queue.drop_all()
        self._link.close()
        self._rouse()

    async def _serve(self, job: Job, begun: float) -> None:
        station, was_down, waited_s = job.station, job.station.health.down, self._wire.waited_s
        poll = await self._visits.make(job)
        if self._closed:  # a conversation that was cut off says nothing about the device
            if job.waiter is not None:
                job.waiter.cancel()
            return
        now = self._now()
        self._account(job, now, now - begun, self._wire.waited_s - waited_s)
        if was_down and station.health.good:
            self._back(job, now)
        self._deliver(poll)
        if job.waiter is not None and not job.waiter.done():
            job.waiter.set_result(poll)

    def _well_over(self, job: Job, readings: Sequence[Reading], begun: float, sent: float) -> None:
        """A poll on the express came to its end: the device has answered all."""
        now = self._wire.heard_at
        self._account(job, now, now - begun, 0.0)
        self._deliver(self._visits.went_well(job, readings, now, now - sent))

    def _account(self, job: Job, now: float, visit_s: float, waited_s: float) -> None:
        """What a visit cost the line, and when the device's next one is due."""
        self._busy_s += visit_s
        job.station.counts.busy_s += visit_s
        self._fairness.charge(job.station, visit_s, waited_s)
        if job.scheduled:
            self._reschedule(job.station, now)

    def _reschedule(self, station: Station, now: float) -> None:
        pause = self._fairness.pause(station) if station.health.down else 0.0
        station.schedule.served(now, pause)
        station.waiting = False
        self._queue.schedule(station)

    def _back(self, job: Job, now: float) -> None:
        """A device is back. What kept it silent may be over for the others too: ask them now."""
        for other in self._stations.values():
            unread = other is job.station and not job.scheduled
            if (unread or other.health.down) and not other.waiting:
                other.schedule.hurry(now)
                self._queue.schedule(other)

    async def _idle(self, now: float) -> None:
        wait = min(self._queue.due_at() - now, HEARTBEAT_S)
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_later(max(0.0, wait), self._rouse)
        try:
            await self._wake
        finally:
            timer.cancel()
            self._wake = None

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _put(self, job: Job, patience_s: float = 0.0) -> None:
        self._queue.put(job, self._now() + patience_s)
        self._rouse()

    async def _wait(self, job: Job, patience_s: float = 0.0) -> Poll:
        job.waiter = asyncio.get_running_loop().create_future()
        if self._closed:
            job.waiter.cancel()
        self._put(job, patience_s)
        return await job.waiter

    def _find(self, device: str) -> Station:
        if device not in self._stations:
            raise LookupError(f"there is no device {device!r} on line {self.line.id}")
        return self._stations[device]

    def _station(self, device: Device, driver: Driver, share: float) -> Station:
        """Due at once, then on a grid that is staggered over the period."""
        pause = device.profile.pause_s
        terms = Terms(
            device=device.id,
            settings=device.wire,
            timeout_s=device.timeout_s,
            silence_s=silence(device.wire, pause) if self._link.paced else pause,
            guard_s=0.0 if driver.late_answers_are_harmless else self.line.late_guard_s,
        )
        period = device.period_s
        caller = Caller(self._wire, terms)
        return Station(device, driver, caller, Schedule(self._begun + period * (share - 1.0), period))
