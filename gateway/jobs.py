"""Calendar work: what has to be done at certain hours, whatever the lines are doing and whoever sets the clock.

APScheduler's triggers know the calendar. Its scheduler is not used: it sleeps until the hour it once worked out, and a
clock that is set back by years, or was years ahead for a moment, would keep it asleep for as long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from apscheduler.triggers.cron import CronTrigger

from gateway.clock import Clock

log = logging.getLogger(__name__)

LATE_S = 3600
"""A job whose hour passed while the box was busy or its clock was wrong is still done, this much later at most."""

LOOK_S = 30.0
"""How often the clock is looked at: so late a step is noticed."""


@dataclass(slots=True)
class _Job:
    name: str
    trigger: CronTrigger
    work: Callable[[], Awaitable[object]]
    due: datetime
    done: datetime | None = None  # the hour it was last done for
    task: asyncio.Task[None] | None = None

    def next_due(self, now: datetime) -> datetime:
        """The first hour from now on that it was not done for."""
        due = self._fires(None, now)
        return self._fires(due, due) if due == self.done else due

    def _fires(self, previous: datetime | None, now: datetime) -> datetime:
        found: datetime | None = self.trigger.get_next_fire_time(previous, now)
        assert found is not None, "a line of a crontab without a year never ends"
        return found


class Jobs:
    """A calendar of jobs on the running loop. One that fails is logged, and is called again at its next time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._watch: asyncio.Task[None] | None = None

    def at(self, crontab: str, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` at the times of a crontab line, in local time: `7 * * * *` is every hour at seven minutes past."""
        trigger = CronTrigger.from_crontab(crontab)
        job = self._jobs[name] = _Job(name, trigger, work, self._now(trigger))
        job.due = job.next_due(job.due)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._watch = asyncio.get_running_loop().create_task(self._run())

    def stop(self) -> None:
        """No more jobs; one that runs is ended."""
        for task in (self._watch, *(job.task for job in self._jobs.values())):
            if task is not None:
                task.cancel()

    def due(self, name: str) -> datetime:
        """When a job is next done."""
        return self._jobs[name].due

    async def _run(self) -> None:
        while True:
            for job in self._jobs.values():
                self._look(job)
            soonest = min((job.due.timestamp() for job in self._jobs.values()), default=float("inf"))
            await asyncio.sleep(max(0.01, min(LOOK_S, soonest - self._clock.wall())))

    def _look(self, job: _Job) -> None:
        """Do what is due; and work out anew when that is next: the clock may have been set back."""
        now = self._now(job.trigger)
        late = (now - job.due).total_seconds()
        if 0 <= late <= LATE_S and (job.task is None or job.task.done()):
            job.done = job.due
            job.task = asyncio.get_running_loop().create_task(_done(job))
        job.due = job.next_due(now)

    def _now(self, trigger: CronTrigger) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), trigger.timezone)


async def _done(job: _Job) -> None:
    try:
        await job.work()
    except Exception:  # whatever it was, the others go on, and so does this one at its next hour
        log.exception("%s failed", job.name)
