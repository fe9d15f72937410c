"""Calendar work: what has to be done at certain hours, whatever the lines are doing."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

log = logging.getLogger(__name__)

LATE_S = 3600
"""A job whose hour passed while the box was busy or its clock was wrong is still done, this much later at most."""


class Jobs:
    """A calendar of jobs on the running loop. One that fails is logged, and is called again at its next time."""

    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler()
        logging.getLogger("apscheduler").setLevel(logging.WARNING)

    def at(self, crontab: str, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do `work` at the times of a crontab line, in local time: `7 * * * *` is every hour at seven minutes past."""
        self._scheduler.add_job(
            work, CronTrigger.from_crontab(crontab), id=name, name=name, coalesce=True, max_instances=1,
            misfire_grace_time=LATE_S,
        )  # fmt: skip

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """No more jobs; one that runs is let go."""
        self._scheduler.shutdown(wait=False)

    def due(self, name: str) -> datetime:
        """When a job is next done."""
        when: datetime = self._scheduler.get_job(name).next_run_time
        return when
