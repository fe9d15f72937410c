"""Polls on their way from the lines to the pipeline: those of one turn of the event loop are worked off together.

Every line that was answered in a turn has sent its next request before any answer is worked on, so no device waits for
another one's rules; and the same code runs for one poll after another, which costs less than in turns with the lines'.
"""

import asyncio
from collections.abc import Callable

from gateway.south.poll import Poll


class Inlet:
    """Filled by the buses, emptied by one task."""

    def __init__(self, work: Callable[[*tuple[Poll, ...]], None]) -> None:
        self._work = work
        self._polls: list[Poll] = []
        self._waiter: asyncio.Future[None] | None = None

    def put(self, poll: Poll) -> None:
        """One conversation is over."""
        self._polls.append(poll)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self) -> None:
        """Work off what comes, until cancelled. Raises what the work raises."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._polls:
                self._waiter = loop.create_future()
                await self._waiter
                await asyncio.sleep(0)  # the requests of this turn go out first
            self.flush()

    def flush(self) -> None:
        """Work off what has come."""
        polls, self._polls = self._polls, []
        if polls:
            self._work(*polls)
