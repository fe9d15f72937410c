"""One conversation with one device on a line that nobody else runs: what the command line needs."""

import asyncio
from collections.abc import Callable, Sequence

from drivers.api import Conversation
from gateway.clock import Clock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll


async def read_once(
    line: Line, device: Device, points: Sequence[str], clock: Clock, talk: Callable[[], Conversation] | None = None
) -> Poll:
    """Open the line, read these points of the device (none: all that are polled) or have `talk`, close the line."""
    bus = Bus(line, [device], link_to(line.port, clock), clock, lambda _: None)
    running = asyncio.create_task(bus.run(polling=False))
    try:
        return await (bus.carry(device.id, talk) if talk else bus.ask(device.id, points))
    finally:
        bus.close()
        await running
