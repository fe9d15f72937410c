"""A bus that runs on a simulated line, and the polls it delivers."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from drivers.api import Driver
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.api import Link
from gateway.south.poll import Poll
from gateway.south.report import DeviceReport
from tests.gateway.south.toy import ToyDriver
from tests.virtual import VirtualClock


@dataclass(slots=True)
class Rig:
    """What a test looks at."""

    bus: Bus
    clock: VirtualClock
    polls: list[Poll] = field(default_factory=list)

    def of(self, device: str) -> list[Poll]:
        return [poll for poll in self.polls if poll.device == device]

    def faults(self, device: str) -> list[str | None]:
        return [poll.fault for poll in self.of(device)]

    def times(self, device: str) -> list[float]:
        """When the device was polled, in seconds since the first poll of all."""
        return [poll.at - self.polls[0].at for poll in self.of(device)]

    def report(self, device: str) -> DeviceReport:
        return next(report for report in self.bus.report().devices if report.device == device)


@asynccontextmanager
async def running(
    link: Link,
    *devices: Device,
    line: Line | None = None,
    drivers: Callable[[str], Driver] | None = None,
    watch: Callable[[Poll], None] | None = None,
    polling: bool = True,
    seed: int = 1,
) -> AsyncIterator[Rig]:
    """Run a bus as long as the block lasts."""
    clock = VirtualClock()
    polls: list[Poll] = []

    def deliver(poll: Poll) -> None:
        polls.append(poll)
        if watch is not None:
            watch(poll)

    bus = Bus(
        line or Line("l1", "/dev/simulated"),
        devices,
        link,
        clock,
        deliver,
        drivers=drivers or only(ToyDriver()),
        uniform=random.Random(seed).uniform,
    )
    task = asyncio.create_task(bus.run(polling))
    try:
        yield Rig(bus, clock, polls)
    finally:
        bus.close()
        await task


def only(driver: Driver) -> Callable[[str], Driver]:
    """The same driver whatever a device names."""
    return lambda _: driver


def values(poll: Poll) -> dict[str, object]:
    return {reading.point: reading.value for reading in poll.readings}


def spans(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]
