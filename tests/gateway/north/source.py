"""A process to be killed: a store and a sender that observe as fast as the disk allows, or at a steady pace.

`python -m tests.gateway.north.source STORE PORT FIRST [PAUSE_S]` prints the number of the last observation that is on
disk, ten at a time with an incident beside them. SIGUSR1 and SIGUSR2 set its time of day 20 years on and back.
"""

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path

from gateway.clock import SystemClock
from gateway.pipeline import observed, told
from gateway.settings.models import Mqtt
from tests.gateway.north.site import desk, incident, observation

TEN = 10
YEARS_20 = 20 * 365 * 86_400.0


class SteppedClock:
    """The machine's clock, as somebody sets it."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.monotonic = SystemClock.monotonic
        self.trusted = SystemClock().trusted

    def wall(self) -> float:
        return SystemClock.wall() + self.ahead

    def step(self, seconds: float) -> None:
        self.ahead += seconds


async def main(path: Path, port: int, number: int, pause_s: float = 0.0) -> None:
    """Observe until killed; an observation's voltage is its number."""
    clock, loop = SteppedClock(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, partial(clock.step, YEARS_20))
    loop.add_signal_handler(signal.SIGUSR2, partial(clock.step, -YEARS_20))
    settings = Mqtt(port=port, together_s=0.05, keepalive_s=1)
    async with desk(path, settings, patience_s=3600, clock=clock) as gateway:
        while True:
            drafts = [observed(observation(number + more)) for more in range(1, TEN + 1)]
            number += TEN
            gateway.store.put([*drafts, told(incident(f"i{number}"))])
            await gateway.store.flush()
            print(number, flush=True)  # noqa: T201
            await asyncio.sleep(pause_s)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float((*sys.argv, "0")[4])))
