"""A simulated area in a thread of its own, and the gateway as a process that may be stopped or killed."""

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gateway.clock import SystemClock
from gateway.settings.models import Site
from gateway.simulate.fault import Fault
from gateway.simulate.live import LiveArea
from tests.servers import Server

EVENING = 1_760_012_885.0
"""Half past eight in the evening: the customers have something switched on, so that powers can be told from noise."""


class Area:
    """The devices of a site on their ports, in real time; `faults` says what is wrong from now on."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._area: LiveArea | None = None
        self._running: asyncio.Task[None] | None = None

    def __enter__(self) -> "Area":
        self._thread.start()
        if not self._open.wait(10):
            raise RuntimeError("the simulated area did not open its ports")
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._loop.call_soon_threadsafe(self._running.cancel)
        self._thread.join(10)

    def break_things(self, *faults: Fault) -> None:
        """What is wrong from the next step on; nothing repairs everything."""
        self._loop.call_soon_threadsafe(self._set, faults)

    def _set(self, faults: Sequence[Fault]) -> None:
        assert self._area is not None
        self._area.faults = faults

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        self._area = LiveArea(self._site, SystemClock(), day=EVENING)
        await self._area.open()
        self._running = asyncio.ensure_future(self._area.run())
        self._open.set()
        await asyncio.wait([self._running])
        await self._area.close()


def service(config: Path, ready: str = "mqtt: connected") -> Server:
    """`taiqu run` on a site, not yet started; `ready` is what its log says when a test may go on."""
    return Server([sys.executable, "-m", "gateway", "run", "--config", str(config)], 0, ready)
