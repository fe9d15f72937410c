"""Who speaks next on a line: lanes first, inside a lane what is due first; silent devices give way for a period."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.api import Conversation
from gateway.south.conversation import Begun
from gateway.south.poll import Lane, Poll
from gateway.south.station import Station


@dataclass(slots=True, eq=False)
class Job:
    """One conversation that somebody wants to have with a device."""

    station: Station
    lane: Lane
    points: tuple[str, ...] = ()  # (): all that the device is polled for
    talk: Callable[[], Conversation] | None = None  # instead of points: a service, sent once and never repeated
    waiter: asyncio.Future[Poll] | None = None
    begun: Begun | None = None  # what is under way of it already
    scheduled: bool = field(init=False)  # the device's own periodic poll

    def __post_init__(self) -> None:
        self.scheduled = not self.points and self.talk is None


class Queue:
    """The jobs of one line that are due, and the devices that will be."""

    def __init__(self) -> None:
        self._ready: list[tuple[int, float, int, Job]] = []
        self._coming: list[tuple[float, int, Job]] = []
        self._polls: dict[Station, Job] = {}  # the periodic job of each device, the same every time
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._ready)

    def put(self, job: Job, deadline: float) -> None:
        """Something to be done now, by `deadline` if it can be. A search stands among the polls, so that it gets on."""
        lane = Lane.PERIODIC if job.lane is Lane.SEARCH else job.lane
        heapq.heappush(self._ready, (lane, deadline, next(self._order), job))

    def holds(self, station: Station, lane: Lane, points: tuple[str, ...]) -> bool:
        """Whether the same is already asked for by somebody who does not wait for it."""
        return any(
            job.station is station and job.lane == lane and job.points == points and job.waiter is None
            for *_, job in self._ready
        )

    def schedule(self, station: Station) -> None:
        """The device is polled when it is due; a time given before no longer counts."""
        job = self._polls.get(station) or self._polls.setdefault(station, Job(station, Lane.PERIODIC))
        heapq.heappush(self._coming, (station.schedule.due, next(self._order), job))

    def next(self, now: float) -> Job | None:
        """What is to be done now."""
        coming = self._coming
        while coming and coming[0][0] <= now:
            due, _, job = heapq.heappop(coming)
            station = job.station
            if due == station.schedule.due and not station.waiting:
                if station.schedule.put_off(now):
                    self.schedule(station)
                    continue
                station.waiting = True
                if not self._ready and (not coming or coming[0][0] > now):
                    return job  # nobody else wants to speak, as on most lines of a network
                patience = 0.0 if station.health.good else station.schedule.period
                self.put(job, due + patience)
        while self._ready:
            job = heapq.heappop(self._ready)[-1]
            if not (job.scheduled and job.station.schedule.put_off(now)):
                return job
            job.station.waiting = False
            self.schedule(job.station)
        return None

    def due_at(self) -> float:
        """When the next device is due; infinity when there is none."""
        return self._coming[0][0] if self._coming else float("inf")

    def drop_all(self) -> None:
        """Nobody will be served any more: those who wait are told by a cancelled future."""
        for *_, job in self._ready:
            if job.waiter is not None:
                job.waiter.cancel()
        self._ready.clear()
        self._coming.clear()
