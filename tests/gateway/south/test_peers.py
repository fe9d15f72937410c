"""The bus against servers that nobody here wrote, pymodbus's and libmodbus's: over TCP and on pairs of ptys."""

import asyncio
import ctypes.util
import os
import sys
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.api import Conversation, Profile
from drivers.modbus.driver import ModbusTcp
from drivers.profile import read_profile
from drivers.registry import driver
from gateway.clock import SystemClock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll
from tests import drivers as driver_tests
from tests.gateway.south.rig import values
from tests.servers import needed

UNITS = (1, 2, 3)
REGISTERS = (0, 1, 2, 40, 41, 900)
POLLS = 150
SLAVE = Path(driver_tests.__path__[0]) / "modbus" / "libmodbus_slave.py"

Server = Callable[[], AbstractAsyncContextManager[str]]
"""Gives the port's name for gateway.toml."""


def profile() -> Profile:
    """Points far and near; register N of unit U holds 1000 U + N, so that any mix-up shows."""
    points = "".join(f'[points.r{n}]\nwhere = "holding {n}"\nformat = "uint16"\n' for n in REGISTERS)
    return read_profile("peer", f'protocol = "modbus"\ntitle = "Peer"\nkind = "meter"\n{points}')


def held(unit: int) -> dict[str, object]:
    return {f"r{n}": 1000 * unit + n for n in REGISTERS}


@contextmanager
def pty_pair() -> Iterator[tuple[str, str]]:
    """A wire with a serial port at either end: what is written to one is read from the other."""
    loop = asyncio.get_running_loop()
    ends = [os.openpty() for _ in range(2)]

    def pass_on(source: int, target: int) -> None:
        os.write(target, os.read(source, 4096))

    for (far, near), (other, _) in zip(ends, reversed(ends), strict=True):
        tty.setraw(near)
        loop.add_reader(far, pass_on, far, other)
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        for far, near in ends:
            loop.remove_reader(far)
            os.close(far)
            os.close(near)


def pymodbus_devices() -> list[SimDevice]:
    bits = [SimData(0, values=[False, True] * 8, datatype=DataType.BITS)]
    return [SimDevice(unit, simdata=(bits, bits, words(unit), words(unit))) for unit in UNITS]


def words(unit: int) -> list[SimData]:
    return [SimData(n, values=1000 * unit + n, datatype=DataType.REGISTERS) for n in REGISTERS]


@asynccontextmanager
async def pymodbus_tcp(framer: FramerType, scheme: str) -> AsyncIterator[str]:
    who = ModbusDeviceIdentification(info_name={"VendorName": "Acme", "ProductCode": "M1", "MajorMinorRevision": "v3"})  # type: ignore[no-untyped-call]
    server = ModbusTcpServer(pymodbus_devices(), framer=framer, address=("127.0.0.1", 0), identity=who)
    await server.serve_forever(background=True)
    listening: asyncio.Server = server.transport  # type: ignore[assignment]
    try:
        yield f"{scheme}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def pymodbus_serial() -> AsyncIterator[str]:
    with pty_pair() as (near, far):
        server = ModbusSerialServer(pymodbus_devices(), framer=FramerType.RTU, port=far, baudrate=9600)
        await server.serve_forever(background=True)
        try:
            yield near
        finally:
            await server.shutdown()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def libmodbus(where: str) -> AsyncIterator[str]:
    """One unit, the first; it prints a line when it can be spoken to."""
    needed(ctypes.util.find_library("modbus"), "libmodbus", "libmodbus5")
    words = [str(1000 * UNITS[0] + n) for n in range(max(REGISTERS) + 1)]
    slave = await asyncio.create_subprocess_exec(
        sys.executable, str(SLAVE), where, str(UNITS[0]), *words, stdout=asyncio.subprocess.PIPE
    )
    assert slave.stdout
    try:
        yield (await slave.stdout.readline()).decode().strip()
    finally:
        if slave.returncode is None:
            slave.kill()
        await slave.wait()


@asynccontextmanager
async def libmodbus_tcp() -> AsyncIterator[str]:
    async with libmodbus("tcp") as port:
        yield f"modbus-tcp://127.0.0.1:{port}"


@asynccontextmanager
async def libmodbus_serial() -> AsyncIterator[str]:
    with pty_pair() as (near, far):
        async with libmodbus(far) as says:
            assert says == "ready"
            yield near


PEERS: dict[str, tuple[Server, tuple[int, ...]]] = {
    "pymodbus, Modbus TCP": (lambda: pymodbus_tcp(FramerType.SOCKET, "modbus-tcp"), UNITS),
    "pymodbus, RTU through a serial server": (lambda: pymodbus_tcp(FramerType.RTU, "tcp"), UNITS),
    "pymodbus, RTU on a serial port": (pymodbus_serial, UNITS),
    "libmodbus, Modbus TCP": (libmodbus_tcp, UNITS[:1]),
    "libmodbus, RTU on a serial port": (libmodbus_serial, UNITS[:1]),
}


@pytest.mark.parametrize(("peer", "units"), PEERS.values(), ids=PEERS.keys())
async def test_every_value_is_that_of_its_register(peer: Server, units: tuple[int, ...]) -> None:
    form, polls, enough = profile(), list[Poll](), asyncio.Event()

    def deliver(poll: Poll) -> None:
        polls.append(poll)
        if len(polls) >= POLLS:
            enough.set()

    async with peer() as port:
        line, clock = Line("l1", port), SystemClock()
        protocol = "modbus-tcp" if line.speaks_modbus_tcp else "modbus"
        devices = [Device(f"m{unit}", form, protocol, "l1", str(unit), "n1", "meter", period_s=0.001) for unit in units]
        bus = Bus(line, devices, link_to(line.port, clock), clock, deliver, drivers=driver)
        with closing(bus):
            running = asyncio.create_task(bus.run())
            async with asyncio.timeout(60):
                await enough.wait()
        await running
    assert [(poll.fault, poll.says) for poll in polls if values(poll) != held(int(poll.device[1:]))] == []
    assert {poll.device for poll in polls} == {f"m{unit}" for unit in units}


TCP = ModbusTcp()
COMMANDS: dict[str, tuple[Callable[[], Conversation], dict[str, object]]] = {
    "1: coils": (lambda: TCP.read("1", "coil 2+3"), {"coil 2": 0, "coil 3": 1, "coil 4": 0}),
    "2: discrete inputs": (lambda: TCP.read("1", "discrete 7+2"), {"discrete 7": 1, "discrete 8": 0}),
    "3: holding registers": (lambda: TCP.read("1", "holding 40+2"), {"holding 40": 1040, "holding 41": 1041}),
    "4: input registers": (lambda: TCP.read("1", "input 900"), {"input 900": 1900}),
    "5: write one coil": (lambda: TCP.write("1", "coil 2", [1]), {}),
    "6: write one register": (lambda: TCP.write("1", "holding 40", [7]), {}),
    "15: write coils": (lambda: TCP.write("1", "coil 2+3", [1, 0, 1]), {}),
    "16: write registers": (lambda: TCP.write("1", "holding 40+2", [8, 9]), {}),
    "23: write, then read": (
        lambda: TCP.write_and_read("1", "holding 0", [5], "holding 0+3"),
        {"holding 0": 5, "holding 1": 1001, "holding 2": 1002},
    ),
    "43/14: who are you": (lambda: TCP.identify("1"), {"vendor": "Acme", "product": "M1", "revision": "v3"}),
}


@pytest.mark.parametrize(("talk", "said"), COMMANDS.values(), ids=COMMANDS.keys())
async def test_pymodbus_understands_a_service_that_the_bus_carries(
    talk: Callable[[], Conversation], said: dict[str, object]
) -> None:
    async with pymodbus_tcp(FramerType.SOCKET, "modbus-tcp") as port:
        line, clock = Line("l1", port), SystemClock()
        device = Device("m1", profile(), "modbus-tcp", "l1", "1", "n1", "meter")
        bus = Bus(line, [device], link_to(port, clock), clock, lambda _: None, drivers=driver)
        with closing(bus):
            running = asyncio.create_task(bus.run(polling=False))
            async with asyncio.timeout(30):
                poll = await bus.carry("m1", talk)
        await running
    assert (poll.fault, poll.says, values(poll)) == (None, "", said)
