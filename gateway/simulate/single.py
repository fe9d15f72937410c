"""Simulated meters alone on a pseudo terminal or a TCP port, for whatever master wants to read them."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from drivers.api import LineSettings, Profile, Value
from drivers.registry import driver
from drivers.sim.api import SimulatedDevice
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.dlt645_habits import USUAL, Habits
from drivers.sim.modbus import SimulatedModbus
from drivers.sim.unruly import Unruly
from gateway.clock import Clock, SystemClock
from gateway.simulate.wires import ANSWER_DELAY_S, PtyPort, Station, TcpPort, Wire

STEP_S = 1.0
TCP = "tcp://"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bench:
    """What to put on the port. `gap_s` between the bytes of an answer makes a slow one of it."""

    profile: Profile
    addresses: Sequence[str]
    values: Mapping[str, Value]
    port: str = ""  # tcp://host:port, a path where the name of the pseudo terminal is put, or '' for just a terminal
    habits: Habits = USUAL
    manners: Mapping[str, float] | None = None  # see drivers.sim.unruly
    delay_s: float = ANSWER_DELAY_S
    gap_s: float = 0.0
    seed: int = 0


async def run(bench: Bench, say: Say) -> None:
    """Until SIGINT or SIGTERM. Raises ValueError for what cannot be simulated, OSError for a port."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with served(bench, SystemClock()) as name:
            say(f"{', '.join(bench.addresses)} ({bench.profile.title}) at {name}")
            await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def served(bench: Bench, clock: Clock) -> AsyncIterator[str]:
    """The meters on their port as long as the block lasts; gives what a master opens."""
    devices = [_device(bench, address, Random(bench.seed + place)) for place, address in enumerate(bench.addresses)]
    tcp = bench.port.startswith(TCP)
    settings = None if tcp and not bench.gap_s else _settings(bench)
    wire = Wire([Station(device, settings, bench.delay_s) for device in devices], Random(bench.seed))
    ticking = asyncio.create_task(_tick([device for device in devices if "clock" in bench.profile.points], clock))
    try:
        async with _on_tcp(wire, bench.port) if tcp else _on_pty(wire, bench.port) as name:
            yield name
    finally:
        ticking.cancel()


def _device(bench: Bench, address: str, chance: Random) -> SimulatedDevice:
    profile = bench.profile
    if fault := driver(profile.protocol).check_address(address):
        raise ValueError(fault)
    device: SimulatedDevice
    if profile.protocol == "dlt645":
        device = SimulatedMeter(profile, address, {}, habits=bench.habits)
    else:
        device = SimulatedModbus(profile, address, framing="tcp" if profile.protocol == "modbus-tcp" else "rtu")
    for point, value in bench.values.items():
        if point not in profile.points:
            raise ValueError(f"profile {profile.name} has no point {point!r}; it has {', '.join(profile.points)}")
        device.set(point, value)
    return Unruly(device, bench.manners, chance.randrange(2**32)) if bench.manners else device


def _settings(bench: Bench) -> LineSettings:
    """The profile's, or a rate so low that each byte comes alone."""
    line = bench.profile.line
    return replace(line, baud=max(1, int(line.bits_per_byte / bench.gap_s))) if bench.gap_s else line


async def _tick(devices: Sequence[SimulatedDevice], clock: Clock) -> None:
    """Tell the meters the time of this machine's zone."""
    while True:
        now = datetime.fromtimestamp(clock.wall(), UTC).astimezone().replace(tzinfo=None)
        for device in devices:
            device.set("clock", now.isoformat(timespec="seconds"))
        await asyncio.sleep(STEP_S)


@contextlib.asynccontextmanager
async def _on_tcp(wire: Wire, port: str) -> AsyncIterator[str]:
    host, _, number = port.removeprefix(TCP).rpartition(":")
    if not host or not number.isdigit():
        raise ValueError(f"{port!r} is no port; write tcp://127.0.0.1:5020, or tcp://127.0.0.1:0 for a free one")
    server = TcpPort(wire)
    try:
        yield f"{TCP}{host}:{await server.open(host, int(number))}"
    finally:
        await server.close()


@contextlib.asynccontextmanager
async def _on_pty(wire: Wire, path: str) -> AsyncIterator[str]:
    terminal = PtyPort(wire)
    try:
        with _named(terminal.name, path) as name:
            yield name
    finally:
        terminal.close()


@contextlib.contextmanager
def _named(terminal: str, path: str) -> Iterator[str]:
    """The terminal under a name that is the same in every run, when one is wanted."""
    if not path:
        yield terminal
        return
    link = Path(path)
    if link.is_symlink():
        link.unlink()  # of a run before
    link.symlink_to(terminal)
    try:
        yield path
    finally:
        link.unlink(missing_ok=True)
