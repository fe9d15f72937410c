"""Relays that somebody ordered open and that no poll shows: they are read now and then, so that the pool knows.

A site may leave `relay_open` out of a meter's points to save time on its line. Then an order would stay announced
though it was carried out, and a customer who is supplied again would stay disconnected on record.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from gateway.settings.models import Device
from gateway.south.poll import Poll
from rules.pool import Entry

POINT = "relay_open"

LOOK_S = 10.0
"""How often the pool is looked at."""

AGAIN_S = {"announced": 60.0, "running": 300.0}
"""After so long a relay is read again: soon where it is to open, seldom where it is to stay so."""

SILENT_S = 900.0
"""After so long a device is asked again that did not answer: it must not cost the others of its line."""

Ask = Callable[[str, Sequence[str]], Awaitable[Poll]]


class Relays:
    """Those of one site that need looking after."""

    def __init__(self, devices: Iterable[Device], pool: Callable[[], Iterable[Entry]], ask: Ask) -> None:
        """`ask` reads points of a device now; what comes of it is observed as every reading is."""
        self._unpolled = {one.id for one in devices if POINT in one.profile.points and POINT not in one.polled}
        self._pool, self._ask = pool, ask
        self._next: dict[str, float] = {}  # loop time of the next reading, by device

    async def run(self) -> None:
        """Until cancelled; where every relay is polled there is nothing to do."""
        loop = asyncio.get_running_loop()
        while self._unpolled:
            ordered = {
                one.node: AGAIN_S[one.state] for one in self._pool() if one.kind == "arrears" and one.state in AGAIN_S
            }
            self._next = {device: at for device, at in self._next.items() if device in ordered}
            for device in sorted(self._unpolled & ordered.keys()):
                if loop.time() >= self._next.get(device, 0.0):
                    poll = await self._ask(device, (POINT,))
                    self._next[device] = loop.time() + (SILENT_S if poll.fault else ordered[device])
            await asyncio.sleep(LOOK_S)
