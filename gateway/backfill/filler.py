"""Works off the gaps of one line, a step at a time, when the line has nothing better to do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from drivers.api import Conversation
from drivers.dlt645.manner import edition_of
from drivers.dlt645.services.dialogue import Dialogue
from drivers.errors import RefusedError
from gateway.backfill.history import History
from gateway.backfill.ledger import Gap
from gateway.backfill.steps import Asked, Found, Past, Step, step
from gateway.clock import Clock, iso
from gateway.settings.models import Device
from gateway.south.poll import Lane, Poll
from rules.correction import PowerDown

log = logging.getLogger(__name__)

LOOK_S = 10.0
"""How often an idle filler looks whether a gap has ended or a pause is over."""

READABLE = "2007"
"""The edition of DL/T 645 whose meters have a memory that can be asked for."""

Carry = Callable[[str, Callable[[], Conversation], Lane], Awaitable[Poll]]
Keep = Callable[[Device, Sequence[Past], Sequence[PowerDown]], None]


class Filler:
    """Reads what the meters of one line remember of their gaps, until none is left."""

    def __init__(
        self,
        history: History,
        clock: Clock,
        devices: Sequence[Device],
        carry: Carry,
        keep: Keep,
        learned: Callable[[str], Collection[str]] = lambda _: (),
    ) -> None:
        """`carry`: a conversation over the line. `keep`: what came of it, to disk with the state of the ledger.

        `learned`: what the line knows of how a device wants to be spoken to.
        """
        self._ledger, self._clock = history.ledger, clock
        self._devices: Mapping[str, Device] = {device.id: device for device in devices}
        self._carry, self._keep, self._learned = carry, keep, learned

    async def run(self) -> None:
        """Fill until cancelled."""
        while True:
            gap = self._ledger.next(list(self._understood()), self._clock.wall())
            if gap is not None and self._clock.trusted():
                await self._fill(gap)
            else:
                await asyncio.sleep(LOOK_S)

    def _understood(self) -> Iterator[str]:
        """Devices that speak the edition whose memory can be read. The polls find out; until then the gap waits."""
        for name, device in self._devices.items():
            edition = edition_of(device.profile, self._learned(name))
            if edition == READABLE:
                yield name
            elif edition is not None:
                self._ledger.give_up(name)

    async def _fill(self, gap: Gap) -> None:
        """One step of a gap."""
        if not self._ledger.may(gap, self._clock.wall()):
            self._go_on(gap, Found(gap.next(refused=True)))
            return
        device = self._devices[gap.device]
        todo: Step[Any] = step(gap, device)
        talk: Dialogue[Any] | None = None

        def begin() -> Conversation:
            nonlocal talk
            talk = Dialogue(todo.script())
            return talk

        poll = await self._carry(gap.device, begin, Lane.BACKFILL)
        if talk is not None and isinstance(talk.error, RefusedError):
            self._ledger.refused(gap, self._clock.wall())
            log.info("device %s: refuses %s; not asked again for a day", gap.device, gap.service)
            self._keep(device, (), ())
            return
        try:
            if talk is None or talk.error or talk.result is None or poll.says:
                raise ValueError(poll.says)
            found = todo.found(talk.result, Asked(poll.at, poll.took_s))
        except (ValueError, OverflowError) as error:
            log.debug("device %s: %s: %s", gap.device, gap.service, error)
            self._ledger.failed(gap, self._clock.wall())
            self._keep(device, (), ())
        else:
            self._go_on(gap, found)

    def _go_on(self, gap: Gap, found: Found) -> None:
        self._ledger.advance(gap, found.gap, len(found.past))
        self._keep(self._devices[gap.device], found.past, found.downs)
        if found.gap is None:
            gained = gap.gained + len(found.past)
            says = f"{gained} observations recovered" if gained else "the meter remembers nothing of it"
            log.info("device %s: gap from %s to %s: %s", gap.device, iso(gap.start), iso(gap.end), says)
