"""How a bus gets at its line: opens the link, opens it again when it is lost or deaf, and says so once.

After a link that worked is lost it is tried again at once, then ever later up to a minute, never in step with others.
A link that opens and then carries no answer counts as failing: a serial server that accepts and hangs up is not
stormed.
"""

import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.south.link.api import Link, LinkError

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 60.0
DEAF_POLLS, DEAF_S = 5, 60.0
"""So many polls in a row, over so long, without an answer from anybody: the link itself is opened anew."""


class Access:
    """The state of one link."""

    def __init__(self, line: str, link: Link, clock: Clock, uniform: Callable[[float, float], float]) -> None:
        self.says = "not opened yet"  # why the line cannot be used; '' while it can
        self.reopened = 0
        self.worked = False  # somebody has answered since it was opened
        self._line, self._link, self._now, self._uniform = line, link, clock.monotonic, uniform
        self._next_at = 0.0
        self._failures = 0
        self._deaf_polls, self._deaf_since = 0, 0.0
        self._told = False

    async def ready(self) -> bool:
        """Whether the line can be used; opens the link when it is time to."""
        if self._link.is_open:
            return True
        if self._now() < self._next_at:
            return False
        try:
            await self._link.open()
        except LinkError as error:
            self.lost(error)
            return False
        self._deaf_polls, self._deaf_since = 0, self._now()
        self.reopened += 1
        self.says = ""
        return True

    def lost(self, error: LinkError) -> None:
        """The link is gone, or could not be opened."""
        self._link.close()
        self.says = str(error)
        if self.worked:
            self.worked = False
            self._next_at = self._now()
            return
        self._failures += 1
        pause = min(2.0 ** min(self._failures - 1, 16), LONGEST_PAUSE_S) * self._uniform(0.75, 1.0)
        self._next_at = self._now() + pause
        if not self._told:
            self._told = True
            log.warning("line %s: %s; it is tried again, ever more slowly up to once a minute", self._line, error)

    def answered(self) -> None:
        """A device has answered."""
        self._deaf_polls = 0
        if self.worked:
            return
        self.worked = True
        self._failures = 0
        if self._told:
            self._told = False
            log.info("line %s: works again", self._line)

    def unanswered(self) -> None:
        """A poll got no answer. When nobody answers for long, the link may be what is dead."""
        now = self._now()
        if self._deaf_polls == 0:
            self._deaf_since = now
        self._deaf_polls += 1
        if self._deaf_polls >= DEAF_POLLS and now - self._deaf_since >= DEAF_S:
            self._deaf_polls = 0
            self._link.close()  # opened anew by the next poll
