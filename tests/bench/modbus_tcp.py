"""Modbus TCP: device polls a second and what one costs, beside a plain loop of pymodbus, paho and orjson.

Devices of 40 registers behind one connection each, polled as fast as they answer; QoS 1 to nats-server; a subscriber
counts what arrives. `bare` is the product's lines, drivers and observations without rules and store; `whole` is the
product's own gateway, everything on. Each part runs in a process of its own on the first core;
the devices, the broker and the subscriber share the others, if there are any. CPU seconds are the part's alone.
The product brings uvloop along and runs on it. The reference is a plain loop on asyncio's own; the same on uvloop
stands beside it, so that one can see what of the difference is the loop's.
The reference publishes a message for each poll, as one would write it; the product puts many into one.
At the end: what one dead device of ten costs the other nine behind the same endpoint.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
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
from tests.bench.reference.modbus_server import DEAD
from tests.bench.report import row

Figures = dict[str, float]

REGISTERS = 40
DEVICES = (1, 10, 100, 1000)
SECONDS = 4.0
DEAD_TIMEOUT_S = 0.2
ENDPOINTS = {"ten healthy": 10, "one dead": DEAD}
"""By name of the part: the tenth unit behind the endpoint."""

REFERENCES: dict[str, Callable[[Coroutine[None, None, Figures]], Figures]] = {
    "reference": asyncio.run,
    "reference on uvloop": uvloop.run,
}
TOPICS = {**dict.fromkeys(REFERENCES, "bench/data/#"), "bare": "bench/v1/data", "whole": "taiqu/v1/bench/+/+"}
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
    figures = await measured(lambda: sum(heard[unit] for unit in range(1, 10)), 40 * DEAD_TIMEOUT_S)
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


def leave_first_core() -> int:
    """The first core, which is the parts' own from now on: this process and its helpers keep to the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [first])
    return first


def raise_file_limit() -> None:
    """A connection for each of a thousand devices."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A helper that ends with its standard input."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as helper:
        yield helper


def said(helper: subprocess.Popen[str]) -> str:
    """The helper's next line."""
    assert helper.stdout is not None
    return helper.stdout.readline().strip()


def arrived(counter: subprocess.Popen[str], wanted: float) -> int:
    """How many observations the subscriber has, given time to get them all."""
    assert counter.stdin is not None
    count = -1
    for _ in range(200):
        counter.stdin.write("\n")
        counter.stdin.flush()
        count = int(said(counter))
        if count >= wanted:
            break
        time.sleep(0.05)
    return count


def run_part(name: str, devices: int, port: int, mqtt_port: int, core: int) -> Figures:
    """One part in a process of its own on a core, with a subscriber."""
    command = [sys.executable, "-m", "tests.bench.modbus_tcp", *map(str, (name, devices, port, mqtt_port, SECONDS))]
    mark = '"values"'  # every observation has one
    with process("tests.bench.reference.mqtt_count", str(mqtt_port), TOPICS.get(name, "none"), mark) as counter:
        said(counter)
        keep = partial(os.sched_setaffinity, 0, [core])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=keep)
        figures: Figures = json.loads(done.stdout.splitlines()[-1])
        if "total" in figures:
            figures["arrived"] = arrived(counter, figures["total"])
    return figures


def main() -> None:
    """All parts for every number of devices."""
    from tests.servers import nats_server, started  # pytest comes with it; no part shall pay for that

    raise_file_limit()
    core = leave_first_core()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(nats_server(Path(folder))) as broker,
        process("tests.bench.reference.modbus_server") as server,
    ):
        port = int(said(server))
        for devices in DEVICES:
            reference: Figures = {}
            for name in (*REFERENCES, "bare", "whole"):
                figures = run_part(name, devices, port, broker.port, core)
                reference = reference or figures
                tell(f"{name}, {devices} devices", figures, reference)
        ten, nine = (run_part(name, 10, port, broker.port, core) for name in ENDPOINTS)
        row("modbus_tcp", "one endpoint, ten devices: polls of nine", ten["polls"] / ten["wall"], "polls/s")
        left = nine["polls"] / nine["wall"]
        row("modbus_tcp", "one endpoint, the tenth dead: polls of nine", left, "polls/s", ten["polls"] / ten["wall"])


def tell(what: str, figures: Figures, reference: Figures) -> None:
    """The figures of one part as rows, beside the reference unless it is that."""
    rate, cost = figures["polls"] / figures["wall"], 1000 * figures["cpu"] / figures["polls"]
    other = other_cost = other_rss = None
    if figures is not reference:
        other, other_cost = reference["polls"] / reference["wall"], 1000 * reference["cpu"] / reference["polls"]
        other_rss = reference["rss"]
    row("modbus_tcp", f"{what}: polls", rate, "polls/s", other)
    row("modbus_tcp", f"{what}: polls, one core", 1000 / cost, "polls/CPU-s", other_cost and 1000 / other_cost)
    row("modbus_tcp", f"{what}: CPU", cost, "s/1000 polls", other_cost, other_cost and other_cost / cost)
    row("modbus_tcp", f"{what}: RSS", figures["rss"], "MB", other_rss, other_rss and other_rss / figures["rss"])
    if "arrived" in figures:
        row("modbus_tcp", f"{what}: delivered of read", figures["arrived"] / figures["total"], "share")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        part(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        main()
