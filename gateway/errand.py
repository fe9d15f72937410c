"""One service conversation over a line that nobody else runs: what the command line's meter services need.

Unlike a poll it may be long, may ask in vain a hundred times (a search does), and knows itself what can be repeated.
"""

from collections.abc import Callable
from typing import TypeVar

from drivers.api import LineSettings
from drivers.dlt645.services.dialogue import Dialogue, Script
from drivers.errors import BadReplyError, RefusedError
from gateway.clock import Clock
from gateway.south.link.api import Link
from gateway.south.trace import KEPT, Trace
from gateway.south.wire import NoAnswerError, Terms, Wire, silence

T = TypeVar("T")

LATE_GUARD_S = 0.2  # after a silence, before the next question: a late answer is not taken for the next


class Errand:
    """A link on which dialogues are carried, one after the other."""

    def __init__(self, link: Link, clock: Clock, echo: bool = False) -> None:
        self._link = link
        self._wire = Wire(self._link, clock, Trace(clock, KEPT), echo)

    async def open(self) -> None:
        """Raises LinkError."""
        await self._link.open()

    def close(self) -> None:
        self._link.close()

    async def carry(
        self,
        script: Script[T],
        settings: LineSettings,
        timeout_s: float,
        retries: int = 1,
        guard_s: float = LATE_GUARD_S,
        progress: Callable[[], None] = lambda: None,
    ) -> T | None:
        """A dialogue to its end: its result, None when the device was silent. Raises LinkError and DriverError."""
        talk = Dialogue(script)
        pause = silence(settings, 0.0) if self._link.paced else 0.0
        terms = Terms("", settings, timeout_s, pause, guard_s)
        asked = 0
        while (request := talk.next_request()) is not None:
            asked += 1
            try:
                await self._wire.exchange(request, talk, terms)
                asked = 0
            except (NoAnswerError, BadReplyError):
                if asked > retries:
                    talk.give_up()
                    asked = 0
            except RefusedError:
                asked = 0  # the dialogue has ended with it, which is raised below
            progress()
        if talk.error:
            raise talk.error
        return talk.result
