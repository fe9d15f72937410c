"""The bus against servers that nobody here wrote: pymodbus's, over Modbus TCP and as a serial server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.api import Profile
from drivers.profile import read_profile
from drivers.registry import driver
from gateway.clock import SystemClock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Poll
from tests.gateway.south.rig import values

UNITS = (1, 2, 3)
REGISTERS = (0, 1, 2, 40, 41, 900)
POLLS = 150


def profile() -> Profile:
    """Points far and near; register N of unit U holds 1000 U + N, so that any mix-up shows."""
    points = "".join(f'[points.r{n}]\nwhere = "holding {n}"\nformat = "uint16"\n' for n in REGISTERS)
    return read_profile("peer", f'protocol = "modbus"\ntitle = "Peer"\nkind = "meter"\n{points}')


@asynccontextmanager
async def pymodbus_server(framer: FramerType) -> AsyncIterator[int]:
    devices = [
        SimDevice(unit, simdata=[SimData(n, values=1000 * unit + n, datatype=DataType.REGISTERS) for n in REGISTERS])
        for unit in UNITS
    ]
    server = ModbusTcpServer(devices, framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    listening: asyncio.Server = server.transport  # type: ignore[assignment]
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("scheme", "protocol", "framer"),
    [("modbus-tcp", "modbus-tcp", FramerType.SOCKET), ("tcp", "modbus", FramerType.RTU)],
    ids=["Modbus TCP", "RTU through a serial server"],
)
async def test_every_value_is_that_of_its_register(scheme: str, protocol: str, framer: FramerType) -> None:
    peer, polls, enough = profile(), list[Poll](), asyncio.Event()

    def deliver(poll: Poll) -> None:
        polls.append(poll)
        if len(polls) >= POLLS:
            enough.set()

    async with pymodbus_server(framer) as port:
        line, clock = Line("l1", f"{scheme}://127.0.0.1:{port}"), SystemClock()
        devices = [Device(f"m{unit}", peer, protocol, "l1", str(unit), "n1", "meter", period_s=0.001) for unit in UNITS]
        bus = Bus(line, devices, link_to(line.port, clock), clock, deliver, drivers=driver)
        with closing(bus):
            running = asyncio.create_task(bus.run())
            async with asyncio.timeout(60):
                await enough.wait()
        await running
    wrong = [poll for poll in polls if values(poll) != {f"r{n}": 1000 * int(poll.device[1:]) + n for n in REGISTERS}]
    assert wrong == []
    assert {poll.device for poll in polls} == {"m1", "m2", "m3"}
