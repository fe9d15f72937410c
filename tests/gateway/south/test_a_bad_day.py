"""A working day of one bad line: boxes lose their supply, adapters are pulled, motors start, answers are spoilt.

Whatever happened, once it is over every living device is polled at its period again, no value is another device's,
and nothing that the line keeps has grown.
"""

import asyncio
import random

import pytest

from tests.gateway.south.rig import Rig, running, values
from tests.gateway.south.toy import SETTINGS, ToyDevice, toy
from tests.lines import FAULTS, Faults, Seat, SimulatedLine
from tests.virtual import virtual

ADDRESSES = [f"{n:02}" for n in range(8)]
OVER_S = 420.0
"""After so long everybody is back: five minutes of back-off, a minute for a port, a period."""


class Day:
    """What may happen on a line; each thing ends before it returns."""

    def __init__(self, line: SimulatedLine, chance: random.Random) -> None:
        self.line, self.chance = line, chance

    async def box_without_supply(self) -> None:
        first = self.chance.randrange(len(ADDRESSES))
        dark = self.line.seats[first : first + 4]
        for place in dark:
            place.alive = False
        await asyncio.sleep(self.chance.choice([30, 300, 3000]))
        for place in dark:
            place.alive = True

    async def no_port(self) -> None:
        self.line.unplug()
        await asyncio.sleep(self.chance.choice([1, 60, 900]))
        self.line.unplugged = False

    async def noise(self) -> None:
        self.line.babble = self.chance.randbytes(20)
        self.line.start_babbling()
        await asyncio.sleep(self.chance.choice([1, 20, 200]))
        self.line.babble = b""

    async def hung_up(self) -> None:
        self.line.close()


def kept(rig: Rig) -> int:
    """How much the line remembers beside its devices."""
    queue, fairness = rig.bus._queue, rig.bus._fairness
    return len(queue._coming) + len(queue._ready) + len(fairness._fallen) + len(fairness._held)


@pytest.mark.parametrize("seed", range(3))
@virtual
async def test_after_each_disturbance_everybody_is_polled_at_his_period_again(seed: int) -> None:
    chance = random.Random(seed)
    faults = Faults(**dict.fromkeys(FAULTS, 0.01), late_s=(0.9, 1.4)) if seed == 2 else Faults()
    line = SimulatedLine([Seat(ToyDevice(one, {"a": one}), SETTINGS) for one in ADDRESSES], faults, seed)
    day = Day(line, chance)
    async with running(line, *(toy(one) for one in ADDRESSES), seed=seed) as rig:
        for _ in range(12):
            await chance.choice([day.box_without_supply, day.no_port, day.noise, day.hung_up])()
            await asyncio.sleep(OVER_S)
            rig.polls.clear()
            await asyncio.sleep(600)
            assert {len(rig.of(f"m{one}")) for one in ADDRESSES} <= {9, 10, 11}
            assert all(poll.fault is None for poll in rig.polls) or faults.total
            read = [(poll.device, value) for poll in rig.polls for value in values(poll).values() if value is not None]
            assert all(device == f"m{value}" for device, value in read)
            assert kept(rig) <= 2 * len(ADDRESSES)
        assert sum(report.counts.missed for report in rig.bus.report().devices) == 0
