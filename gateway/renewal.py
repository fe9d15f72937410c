"""Starting anew on changed files: all of them are checked first, and a fault in one changes nothing.

The service ends in good order, with everything on disk, and the same command line is run in its place: the process id
stays, and systemd sees a reload.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from gateway.clock import Clock
from gateway.settings import SettingsError, load
from gateway.settings.models import Site

log = logging.getLogger(__name__)

ANSWER_S = 1.0
"""From the answer to the end: so long it has to reach whoever asked."""


class Renewal:
    """Whether and when a running service is to begin anew. Also its end for good, which is stronger."""

    def __init__(self, running: str, check: Callable[[], Site], clock: Clock) -> None:
        """`running`: fingerprint of the files it runs on; `check` reads them again. Raises SettingsError."""
        self.stop = asyncio.Event()
        self.due = False  # after the stop: begin anew
        self._running, self._check, self._clock = running, check, clock

    def end(self) -> None:
        """End for good, whatever was asked before."""
        self.due = False
        self.stop.set()

    async def ask(self) -> Mapping[str, object]:
        """Check all files, and begin anew a moment later. Raises SettingsError with every fault: nothing changes."""
        site = await asyncio.to_thread(self._check)
        log.info("configuration %s is good: starting anew", site.fingerprint)
        self.due = True
        asyncio.get_running_loop().call_later(ANSWER_S, self.stop.set)
        return {"was": self._running, "configuration": site.fingerprint, "changed": site.fingerprint != self._running}

    async def heed(self) -> None:
        """What SIGHUP asks for: the log gets the answer."""
        try:
            await self.ask()
        except SettingsError as error:
            log.error("the configuration is faulty, and nothing was changed:\n%s", error)

    @property
    def last_words(self) -> tuple[str, ...]:
        """What the service manager is told at the end (sd_notify(3)): the end, or that it begins anew."""
        if not self.due:
            return ("STOPPING=1", "STATUS=storing what is left")
        return ("RELOADING=1", f"MONOTONIC_USEC={self._clock.monotonic() * 1e6:.0f}", "STATUS=starting anew")


def renewal_of(site: Site, config: Path, clock: Clock) -> Renewal:
    """For a service that runs on this file and those that it names."""
    return Renewal(site.fingerprint, partial(load, config), clock)


def begin_anew() -> NoReturn:
    """Run this process's own command line in its place. Raises OSError when that is not there any more."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heeded again, it must not end us
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
