"""Slaves and masters that nobody here wrote: pymodbus's simulator, libmodbus, mbpoll."""

import asyncio
import ctypes.util
import os
import pty
import shutil
import sys
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pymodbus.framer import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.api import Driver, Value
from drivers.errors import RefusedError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from drivers.sim.modbus import SimulatedModbus
from tests.drivers.modbus.profiles import METER
from tests.servers import needed

VALUES: dict[str, Value] = {"voltage": 230.5, "current": 4.25, "energy_import": 655.38}
REGISTERS = [2305, 0, 4250, 0, 0, 1, 2]


async def poll(driver: Driver, port: int, unit: str = "7") -> tuple[dict[str, Value], list[str]]:
    """One poll over a connection of its own: values, and what was refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    talk = driver.converse(METER, unit, tuple(METER.points))
    values: dict[str, Value] = {}
    refused: list[str] = []
    async with asyncio.timeout(5):
        while (request := talk.next_request()) is not None:
            writer.write(request)
            try:
                while (readings := talk.feed(await reader.read(256))) is None:
                    pass
            except RefusedError as error:
                refused.append(error.where)
                continue
            values |= {reading.point: reading.value for reading in readings}
    writer.close()
    await writer.wait_closed()
    return values, refused


@asynccontextmanager
async def pymodbus_slave(framer: FramerType, registers: list[SimData]) -> AsyncIterator[int]:
    """pymodbus's simulator as unit 7."""
    nothing = [SimData(0, values=[False], datatype=DataType.BITS)]
    words = [SimData(0, values=[0], datatype=DataType.REGISTERS)]
    device = SimDevice(7, simdata=(nothing, nothing, words, registers))
    server = ModbusTcpServer(device, framer=framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    listening: asyncio.Server = server.transport  # type: ignore[assignment]
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


PEERS = [(ModbusTcp(), FramerType.SOCKET), (ModbusRtu(), FramerType.RTU)]


@pytest.mark.parametrize(("driver", "framer"), PEERS, ids=["Modbus TCP", "RTU over TCP"])
async def test_pymodbus_simulator_is_read(driver: Driver, framer: FramerType) -> None:
    async with pymodbus_slave(framer, [SimData(0, values=REGISTERS, datatype=DataType.REGISTERS)]) as port:
        assert await poll(driver, port) == (VALUES, [])


@pytest.mark.parametrize(("driver", "framer"), PEERS, ids=["Modbus TCP", "RTU over TCP"])
async def test_pymodbus_simulator_refuses_a_hole_and_loses_no_value(driver: Driver, framer: FramerType) -> None:
    parts = [SimData(0, values=REGISTERS[:3], datatype=DataType.REGISTERS)]
    parts.append(SimData(5, values=REGISTERS[5:], datatype=DataType.REGISTERS))
    async with pymodbus_slave(framer, parts) as port:
        assert await poll(driver, port) == (VALUES, ["input 0+7"])


async def test_libmodbus_is_read() -> None:
    needed(ctypes.util.find_library("modbus"), "libmodbus", "libmodbus5")
    program = Path(__file__).with_name("libmodbus_slave.py")
    slave = await asyncio.create_subprocess_exec(
        sys.executable, str(program), "tcp", "7", *map(str, REGISTERS), stdout=asyncio.subprocess.PIPE
    )
    assert slave.stdout
    port = int(await slave.stdout.readline())
    assert await poll(ModbusTcp(), port) == (VALUES, [])
    await asyncio.wait_for(slave.wait(), 5)


async def mbpoll(*arguments: str) -> tuple[int, list[str]]:
    """Exit status, and the lines that say a value: `[reference]: value`."""
    program = needed(shutil.which("mbpoll"), "mbpoll", "mbpoll")
    process = await asyncio.create_subprocess_exec(
        program, "-1", "-0", "-o", "2", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 10)
    lines = [" ".join(line.split()) for line in said.decode().splitlines()]
    return process.returncode or 0, [line for line in lines if line.startswith("[")]


async def test_mbpoll_reads_the_simulated_device_over_tcp() -> None:
    device = SimulatedModbus(METER, "7", VALUES, framing="tcp")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while heard := await reader.read(260):
            writer.write(device.answer(heard))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    status, lines = await mbpoll("-m", "tcp", "-p", port, "-a", "7", "-t", "3", "-r", "0", "-c", "7", "127.0.0.1")
    server.close()
    await server.wait_closed()
    assert (status, lines) == (0, [f"[{place}]: {word}" for place, word in enumerate(REGISTERS)])


async def test_mbpoll_reads_the_simulated_device_on_a_serial_port() -> None:
    device = SimulatedModbus(METER, "7", VALUES)
    loop = asyncio.get_running_loop()
    master, slave = pty.openpty()
    tty.setraw(slave)
    loop.add_reader(master, lambda: os.write(master, device.answer(os.read(master, 256))))
    rtu = ("-m", "rtu", "-b", "9600", "-P", "none", "-a", "7", "-t", "3", "-r", "0", "-c", "7")
    try:
        status, lines = await mbpoll(*rtu, os.ttyname(slave))
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)
    assert (status, lines) == (0, [f"[{place}]: {word}" for place, word in enumerate(REGISTERS)])
