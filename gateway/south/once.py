"""One conversation with one device on a line that nobody else runs: what the command line needs."""

import asyncio
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll


async def read_once(line: Line, device: Device, points: Sequence[str], clock: Clock) -> Poll:
    """Open the line, read these points of the device (none: all that are polled), close the line."""
    bus = Bus(line, [device], link_to(line.port, clock), clock, lambda _: None)
    running = asyncio.create_task(bus.run(polling=False))
    try:
        return await bus.ask(device.id, points)
    finally:
        bus.close()
        await running
