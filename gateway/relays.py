"""Relays that are, or are to be, open and that no poll shows: they are read now and then, so that somebody knows.

A site may leave `relay_open` out of a meter's points to save time on its line. Then an order would stay announced
though it was carried out, and a customer who is supplied again would stay disconnected on record.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

from gateway.settings.models import Device
from gateway.south.poll import Poll
from rules.incident import Incident
from rules.pool import Entry

POINT = "relay_open"

LOOK_S = 10.0
"""How often it is looked which relays these are."""

SOON_S, SELDOM_S = 60.0, 300.0
"""After so long a relay is read again that is to open, or is open without an order; and one that is to stay open."""

SILENT_S = 900.0
"""After so long a device is asked again that did not answer: it must not cost the others of its line."""

Ask = Callable[[str, Sequence[str]], Awaitable[Poll]]


class Relays:
    """Those of one site that need looking after."""

    def __init__(
        self,
        devices: Iterable[Device],
        pool: Callable[[], Iterable[Entry]],
        active: Callable[[], Iterable[Incident]],
        ask: Ask,
    ) -> None:
        """`ask` reads points of a device now; what comes of it is observed as every reading is."""
        self._unpolled = {one.id for one in devices if POINT in one.profile.points and POINT not in one.polled}
        self._pool, self._active, self._ask = pool, active, ask
        self._read: dict[str, tuple[float, bool]] = {}  # loop time of the last reading, and whether it was answered

    async def run(self) -> None:
        """Until cancelled; where every relay is polled there is nothing to do."""
        loop = asyncio.get_running_loop()
        while self._unpolled:
            periods = dict(self._doubtful())
            self._read = {device: last for device, last in self._read.items() if device in periods}
            for device in sorted(self._unpolled & periods.keys()):
                at, answered = self._read.get(device, (-SILENT_S, True))
                if loop.time() >= at + (periods[device] if answered else SILENT_S):
                    poll = await self._ask(device, (POINT,))
                    self._read[device] = loop.time(), poll.fault is None
            await asyncio.sleep(LOOK_S)

    def _doubtful(self) -> Iterator[tuple[str, float]]:
        """Devices whose relay may be otherwise than known, and after how long to look again."""
        for entry in self._pool():
            if entry.kind == "arrears" and entry.state == "announced":
                yield entry.node, SOON_S
        for incident in self._active():
            if incident.type in ("relay_open", "arrears_disconnect"):
                yield incident.node, SOON_S if incident.type == "relay_open" else SELDOM_S
