"""The parts of the Modbus TCP benchmark, each run in a process of its own: `python -m tests.bench.parts NAME ...`."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import uvloop

from drivers.api import Profile
from drivers.profile import read_profile
from gateway.catalog import catalog
from gateway.clock import SystemClock
from gateway.collector import collect_seldom
from gateway.inlet import Inlet
from gateway.north.messages import Message
from gateway.north.session import Session
from gateway.pipeline import observed
from gateway.settings.models import Device, Line, Mqtt, Site, Store
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll
from gateway.stamp import Stamp
from rules import area
from tests.bench.processes import raise_file_limit
from tests.bench.reference.modbus_server import DEAD

Figures = dict[str, float]

REGISTERS = 40
DEAD_TIMEOUT_S = 0.2
ENDPOINT_S = 100 * DEAD_TIMEOUT_S
"""So long that the visits until a dead device counts as dead are not most of what is seen."""

ENDPOINTS = {"ten healthy": 10, "one dead": DEAD}
"""By name of the part: the tenth unit behind the endpoint."""

REFERENCES: dict[str, Callable[[Coroutine[None, None, Figures]], Figures]] = {
    "reference": asyncio.run,
    "reference on uvloop": uvloop.run,
}
GROUP_S = 0.05  # observations of so long share a message in the bare run


def profile() -> Profile:
    """40 points of the catalogue on 40 registers that hold their own address; scaled so that no rule has a case."""
    names = [entry.name for entry in catalog().values() if entry.role == "gauge" and entry.name != "clock_offset"]
    rows = [
        f'[points.{name}]\nwhere = "holding {number}"\nformat = "uint16"\nscale = 0.001\noffset = {_near(name)}\n'
        for number, name in enumerate(names[:REGISTERS])
    ]
    return read_profile("bench", 'protocol = "modbus"\ntitle = "Bench"\nkind = "meter"\n' + "".join(rows))


def _near(name: str) -> float:
    return 220.0 if name.startswith("voltage") else 50.0 if name == "frequency" else 0.9 if "factor" in name else 0.0


def site(devices: int, port: int, mqtt_port: int, folder: Path) -> Site:
    """A site of so many meters, each on a line of its own."""
    bench, period = profile(), 1e-5  # at once again
    nodes = (area.Node("T1", "transformer"), *(area.Node(f"B{n}", "box", "T1") for n in range((devices + 9) // 10)))
    return Site(
        id="bench",
        area=area.Area(
            id="A1",
            nodes=nodes,
            devices=tuple(area.Device(f"d{n}", "meter", f"B{n // 10}", "ABC", f"l{n}") for n in range(devices)),
            buses=tuple(area.Bus(f"l{n}") for n in range(devices)),
            poll_period_s=1.0,
        ),
        lines=tuple(Line(f"l{n}", f"modbus-tcp://127.0.0.1:{port}", period_s=period) for n in range(devices)),
        devices=tuple(
            Device(f"d{n}", bench, "modbus-tcp", f"l{n}", "1", f"B{n // 10}", "meter", period_s=period)
            for n in range(devices)
        ),
        store=Store(folder / "taiqu.db"),
        mqtt=Mqtt(port=mqtt_port),
    )


class Bare:
    """Polls to observations to messages: what the pipeline does, without rules and store."""

    def __init__(self, site: Site) -> None:
        self.polls = 0
        self._flying = 0
        self._landed = asyncio.Event()
        self._stamp = Stamp(site, SystemClock())
        self._bodies: list[bytes] = []

    def take(self, *polls: Poll) -> None:
        """What came in one turn of the loop."""
        self.polls += len(polls)
        self._bodies += [observed(self._stamp(poll)).body for poll in polls]

    async def send(self, session: Session) -> None:
        """Publish what has come, again and again."""
        while True:
            await asyncio.sleep(GROUP_S)
            self.flush(session)

    def flush(self, session: Session) -> None:
        """Publish what has come, in messages of at most 100 observations."""
        bodies, self._bodies = self._bodies, []
        for first in range(0, len(bodies), 100):
            self._flying += 1
            session.publish(Message("bench/v1/data", b"[" + b",".join(bodies[first : first + 100]) + b"]"))

    def acknowledged(self, _: int) -> None:
        """The broker has one."""
        self._flying -= 1
        self._landed.set()

    async def landed(self) -> None:
        """Return when the broker has all."""
        while self._flying:
            self._landed.clear()
            await self._landed.wait()


async def bare(plan: Site, seconds: float) -> Figures:
    """Figures of the lines alone."""
    assert plan.mqtt is not None
    clock = SystemClock()
    product = Bare(plan)
    session = Session(plan.mqtt, "bare", Message("bench/will", b""), product.acknowledged)
    await session.open()
    inlet = Inlet(product.take)
    buses = [
        Bus(line, [device], link_to(line.port, clock), clock, inlet.put)
        for line, device in zip(plan.lines, plan.devices, strict=True)
    ]
    collect_seldom()
    tasks = [asyncio.create_task(bus.run()) for bus in buses]
    sending = [asyncio.create_task(one) for one in (inlet.run(), product.send(session))]
    figures = await measured(lambda: product.polls, seconds)
    for bus in buses:
        bus.close()
    await asyncio.gather(*tasks)
    for task in sending:
        task.cancel()
    inlet.flush()
    product.flush(session)
    await product.landed()
    return figures | {"total": product.polls}


async def whole(plan: Site, seconds: float) -> Figures:
    """Figures of the gateway as it runs in the field."""
    from gateway.app import Gateway  # no other part shall pay for it

    gateway = Gateway(plan, SystemClock())
    collect_seldom()
    stop = asyncio.Event()
    running = asyncio.create_task(gateway.run(stop))
    figures = await measured(lambda: gateway.pipeline.observations, seconds)
    for bus in gateway.buses.values():
        bus.close()
    gateway.inlet.flush()
    await gateway.store.flush()
    while sum(gateway.store.figures().waiting["mqtt"].values()):  # noqa: ASYNC110 - the store has no event for it
        await asyncio.sleep(0.05)
    stop.set()
    await running
    return figures | {"total": gateway.pipeline.observations}


async def endpoint(port: int, tenth: int) -> Figures:
    """Polls of nine healthy devices that share an endpoint, taking turns with a tenth unit."""
    base, clock = site(10, port, 0, Path()), SystemClock()
    units = (*range(1, 10), tenth)
    devices = [
        replace(device, line="l0", address=str(unit), timeout_s=DEAD_TIMEOUT_S)
        for device, unit in zip(base.devices, units, strict=True)
    ]
    heard = dict.fromkeys(units, 0)
    unit_of = {device.id: unit for device, unit in zip(devices, units, strict=True)}

    def take(poll: Poll) -> None:
        heard[unit_of[poll.device]] += not poll.fault

    bus = Bus(base.lines[0], devices, link_to(base.lines[0].port, clock), clock, take)
    running = asyncio.create_task(bus.run())
    figures = await measured(lambda: sum(heard[unit] for unit in range(1, 10)), ENDPOINT_S)
    bus.close()
    await running
    return figures


async def measured(count: Callable[[], int], seconds: float) -> Figures:
    """Polls, wall and CPU seconds over a while, after a second to warm up."""
    await asyncio.sleep(1)
    polls, wall, cpu = count(), time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return {"polls": count() - polls, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def part(name: str, devices: int, port: int, mqtt_port: int, seconds: float) -> None:
    """Run one part in this process and print its figures."""
    raise_file_limit()
    if name in REFERENCES:
        from tests.bench.reference.modbus_pymodbus import run

        figures = REFERENCES[name](run(devices, port, mqtt_port, seconds))
    elif name in ENDPOINTS:
        figures = uvloop.run(endpoint(port, ENDPOINTS[name]))
    else:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            plan = site(devices, port, mqtt_port, Path(folder))
            figures = runner.run({"bare": bare, "whole": whole}[name](plan, seconds))
    figures["rss"] = most_memory_mb()
    print(json.dumps(figures))


def most_memory_mb() -> float:
    """The most that this program took; getrusage would tell the most of who started it, when that is more."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    part(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
