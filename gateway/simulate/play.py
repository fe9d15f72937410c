"""Runs a simulated area for whoever wants to read it, and says what happens in it."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass

from gateway.clock import SystemClock
from gateway.settings.models import Site
from gateway.simulate.live import STEP_S, LiveArea
from gateway.simulate.scenario import Scenario

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Playing:
    """What to run."""

    site: Site
    scenario: Scenario
    speed: float = 1.0  # scenario seconds in a second
    seed: int = 0


async def run(playing: Playing, say: Say) -> None:
    """Until SIGINT or SIGTERM. Raises ValueError or OSError when a port cannot be had."""
    area = LiveArea(playing.site, SystemClock(), playing.seed)
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        for line, port in (await area.open()).items():
            devices = sum(device.line == line for device in playing.site.devices)
            say(f"{line}: {devices} devices at {port}")
        with contextlib.suppress(asyncio.CancelledError):
            await _play(area, playing, say)
    finally:
        await area.close()


async def _play(area: LiveArea, playing: Playing, say: Say) -> None:
    loop = asyncio.get_running_loop()
    begin, held = loop.time(), set[str]()
    while True:
        second = (loop.time() - begin) * playing.speed
        area.faults = playing.scenario.active(second)
        now = {episode.title for episode in playing.scenario.episodes if episode.fault in area.faults}
        for title in sorted(now - held):
            say(f"{second:7.1f} s  {title}")
        for title in sorted(held - now):
            say(f"{second:7.1f} s  over: {title}")
        held = now
        area.step()
        await asyncio.sleep(STEP_S)
