"""Answers later than timeout and guard together: after a few of them the guard has grown, and nothing is mixed up."""

import asyncio
from dataclasses import replace

from drivers.registry import driver
from tests.gateway.south.mixed import ALIKE, device, seat, wrong
from tests.gateway.south.rig import running, values
from tests.lines import Faults, SimulatedLine
from tests.virtual import virtual


@virtual
async def test_the_guard_grows_with_the_latest_answer_that_was_seen() -> None:
    devices = [replace(device(number, "eastron-sdm630", 10.0), points=ALIKE) for number in range(4)]
    line = SimulatedLine([seat(row) for row in devices], Faults(late=0.1, late_s=(0.9, 3.0)), seed=1)
    async with running(line, *devices, drivers=driver) as rig:
        await asyncio.sleep(2 * 3600)
        rig.polls.clear()
        await asyncio.sleep(4 * 3600)
        mixed_up = [got for poll in rig.polls if (got := wrong(devices, poll.device, values(poll)))]
    assert mixed_up == []
