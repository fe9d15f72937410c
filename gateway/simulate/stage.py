"""A simulated area, a broker and the real gateway, set up together and taken down whatever happens."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import SystemClock
from gateway.settings import load
from gateway.simulate import processes, scenario
from gateway.simulate.board import Board
from gateway.simulate.ear import Ear, Hear
from gateway.simulate.live import LiveArea
from gateway.simulate.site import free_port, lay_out

READ_IN_S = 40.0
EVENING = 1_760_012_885.0
"""Half past eight in the evening, where the demo's customers live: always the same loads, and enough of them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs during a demo."""

    config: Path
    board: Board
    area: LiveArea
    gateway: processes.Program
    broker: processes.Program


@contextlib.asynccontextmanager
async def raised(folder: Path, hear: Hear, scenario_file: Path | None = None) -> AsyncIterator[Stage]:
    """The stage in a folder of its own; `hear` gets every message of the gateway.

    Raises LookupError when no broker is installed, RuntimeError when a program does not come up.
    """
    mqtt_port = free_port()
    config = lay_out(folder, mqtt_port=mqtt_port)
    site = load(config)
    board = Board(site, scenario.load(scenario_file or config.parent / "scenario.toml", site.area), second=-1.0)
    broker = processes.broker(folder, mqtt_port, free_port())
    gateway = processes.gateway(config, folder / "gateway.log")
    area = LiveArea(site, SystemClock(), day=EVENING)
    async with contextlib.AsyncExitStack() as closing:
        closing.push_async_callback(broker.stop)
        await broker.start(ready="Server is ready")
        ear = Ear("127.0.0.1", mqtt_port, f"taiqu/v1/{site.id}", hear)
        closing.callback(ear.close)
        await ear.listen()
        closing.push_async_callback(area.close)
        await area.open()
        running = asyncio.create_task(area.run())
        closing.push_async_callback(_ended, running)
        closing.push_async_callback(gateway.stop)
        await gateway.start()
        yield Stage(config, board, area, gateway, broker)


async def read_in(stage: Stage) -> None:
    """Wait until the gateway has read every device often enough. Raises RuntimeError when it does not."""
    for _ in range(int(READ_IN_S / 0.1)):
        if stage.board.all_read:
            return
        if not stage.gateway.running:
            break
        await asyncio.sleep(0.1)
    missing = [device.id for device in stage.board.site.devices if device.id not in stage.board.seen]
    raise RuntimeError(
        f"The gateway has not read everything after {READ_IN_S:.0f} s; nothing of {', '.join(missing) or 'some'}."
        f" It says:\n{stage.gateway.last_words()}"
    )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
