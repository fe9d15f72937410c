"""Verbs about a line: what passes on it, who is on it, and the clocks of its meters."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drivers.profile import BAUD_RATES
from gateway.clock import Clock
from gateway.clock_care import Offset
from gateway.explain import traced
from gateway.search import Search, usual_bauds
from gateway.settings.models import Device
from gateway.south.bus import Bus
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request, number, text

FRAMES, MOST_FRAMES = 20, 50
"""Frames of a trace: as many as an answer has room for."""

MINUTES, MOST_MINUTES = 10.0, 240.0
"""How long a search goes on."""

PROGRESS_S = 10.0
"""How often it is told how far a search is."""


class Clocks(Protocol):
    """Who looks at meters' clocks."""

    async def measure(self, devices: Sequence[Device]) -> Sequence[Offset]:
        """How far the clocks of these devices are off; those that did not tell are left out."""


@dataclass(slots=True)
class Lines:
    """Looks at lines; changes nothing."""

    names: Names
    buses: Mapping[str, Bus]
    keeper: Clocks
    clock: Clock
    _searched: set[str] = field(default_factory=set)  # lines that are being searched

    async def trace(self, request: Request) -> object:
        """The last frames on a line, explained: `line`, `frames` (20, 50 at most)."""
        bus, count = self._bus(request), number(request, "frames", FRAMES)
        if not 1 <= count <= MOST_FRAMES:
            raise RefusedRequestError(f"'frames' must be 1 to {MOST_FRAMES}")
        return [traced(frame) for frame in bus.trace.frames()[-int(count) :]]

    async def scan(self, request: Request) -> object:
        """Find the DL/T 645 meters on a line: `line`, `bauds`, `minutes` (10). Polls go first all the while."""
        bus, minutes = self._bus(request), number(request, "minutes", MINUTES)
        if bus.line.speaks_modbus_tcp:
            raise RefusedRequestError(f"{bus.line.id} speaks Modbus TCP; only DL/T 645 meters can be searched for")
        if not 0 < minutes <= MOST_MINUTES:
            raise RefusedRequestError(f"'minutes' must be more than 0, and {MOST_MINUTES:.0f} at most")
        if bus.line.id in self._searched:
            raise RefusedRequestError(f"{bus.line.id} is being searched already")
        here = [device for device in self.names.devices.values() if device.line == bus.line.id]
        search = Search(bus.explore, _bauds(request) or usual_bauds(here))
        self._searched.add(bus.line.id)
        try:
            async with _telling(request, search.progress), asyncio.timeout(60 * minutes):
                await search.run()
        except TimeoutError:
            search.says = f"not finished within {minutes:g} minutes"
        finally:
            self._searched.discard(bus.line.id)
        return search.result(here, self.names.devices.values())

    async def clocks(self, request: Request) -> object:
        """How far meters' clocks are off: of a `device`, or of a `line`, or of all."""
        if not self.clock.trusted():
            raise RefusedRequestError("the gateway does not know the time itself")
        devices = list(self.names.devices.values())
        if "device" in request.arguments:
            devices = [self.names.device(request)]
        elif "line" in request.arguments:
            line = self._bus(request).line.id
            devices = [device for device in devices if device.line == line]
        devices = [device for device in devices if device.driver == "dlt645"]
        if not devices:
            raise RefusedRequestError("there is no DL/T 645 meter; only their clocks can be read")
        async with _telling(request, lambda: {"clocks": len(devices)}):
            offsets = {one.device.id: round(one.seconds, 1) for one in await self.keeper.measure(devices)}
        return {"offset_s": offsets, "silent": [device.id for device in devices if device.id not in offsets]}

    def _bus(self, request: Request) -> Bus:
        line = text(request, "line")
        if line not in self.buses:
            raise RefusedRequestError(f"there is no line {line!r}; there is {', '.join(self.buses)}")
        return self.buses[line]


def _bauds(request: Request) -> list[int]:
    """Baud rates of a request. Raises RefusedRequestError."""
    bauds = request.arguments.get("bauds", [])
    words = bauds.split(",") if isinstance(bauds, str) else bauds
    known = {str(baud): baud for baud in BAUD_RATES}
    if not isinstance(words, list) or not all(str(word) in known for word in words):
        raise RefusedRequestError(f"'bauds' must be a list of {', '.join(known)}")
    return [known[str(word)] for word in words]


@contextlib.asynccontextmanager
async def _telling(request: Request, how_far: Callable[[], object]) -> AsyncIterator[None]:
    """Tell whoever asked how far it is, as long as it takes."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            request.progress(how_far())

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
