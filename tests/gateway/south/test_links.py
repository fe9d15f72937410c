"""Both links on real descriptors: ptys and TCP connections of this machine."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest

from drivers.api import LineSettings
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.modbus import SimulatedModbus
from gateway.clock import SystemClock
from gateway.settings.models import Device, Line
from gateway.south.bus import Bus
from gateway.south.link.api import Link, LinkError
from gateway.south.link.ports import link_to
from gateway.south.link.serial import SerialLink
from gateway.south.link.tcp import TcpLink
from gateway.south.poll import Poll
from tests.gateway.south.far_end import on_pty

CLOCK = SystemClock()
EVEN = LineSettings(2400, 8, "even", 1)


def soon() -> float:
    """Reached only when the product is broken."""
    return CLOCK.monotonic() + 10


@contextmanager
def pty() -> Iterator[tuple[int, str]]:
    """The far end of a serial line, and the name of its port."""
    far, near = os.openpty()
    tty.setraw(near)
    name = os.ttyname(near)
    os.close(near)
    try:
        yield far, name
    finally:
        os.close(far)


@asynccontextmanager
async def server(on_connect: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]) -> AsyncIterator[int]:
    """A TCP server on a free port."""
    writers: list[asyncio.StreamWriter] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        result = on_connect(reader, writer)
        if asyncio.iscoroutine(result):
            await result

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        for writer in writers:
            writer.close()
        listening.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)


async def test_a_pty_carries_bytes_both_ways_at_any_setting() -> None:
    with pty() as (far, name):
        link = SerialLink(name, CLOCK)
        await link.open()
        with closing(link):
            for settings in (EVEN, LineSettings(9600), EVEN):
                link.configure(settings)
                link.send(b"ask")
                assert os.read(far, 10) == b"ask"
                os.write(far, b"answer")
                assert await link.receive(soon()) == b"answer"


async def test_what_came_before_it_was_asked_is_drained() -> None:
    with pty() as (far, name):
        link = SerialLink(name, CLOCK)
        await link.open()
        with closing(link):
            os.write(far, b"stale")
            assert link.drain() == b"stale"
            assert link.drain() == b""
            assert await link.receive(CLOCK.monotonic() + 0.01) == b""


async def test_a_port_that_vanishes_ends_a_wait_and_opens_again_by_its_name(tmp_path: Path) -> None:
    name = tmp_path / "usb-by-id"
    link = SerialLink(str(name), CLOCK)
    for _ in range(2):  # the adapter comes back as another device under the same name
        with pty() as (_, device):
            name.symlink_to(device)
            await link.open()
            waiting = asyncio.ensure_future(link.receive(soon()))
            await asyncio.sleep(0)
        with pytest.raises(LinkError, match=r"usb-by-id: (reading failed|the port is gone)"):
            await waiting
        assert not link.is_open
        name.unlink()
    with pytest.raises(LinkError, match="there is no such port; plug the adapter in"):
        await link.open()


async def test_a_port_is_ours_alone() -> None:
    with pty() as (_, name):
        one, two = SerialLink(name, CLOCK), SerialLink(name, CLOCK)
        await one.open()
        with closing(one), pytest.raises(LinkError, match="another program has it open"):
            await two.open()
        assert not two.is_open


async def test_a_file_that_is_no_port_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LinkError, match="cannot be opened"):
        await SerialLink(str(tmp_path / "file"), CLOCK).open()


async def test_closing_ends_a_wait() -> None:
    with pty() as (_, name):
        link = SerialLink(name, CLOCK)
        await link.open()
        waiting = asyncio.ensure_future(link.receive(soon()))
        await asyncio.sleep(0)
        link.close()
        with pytest.raises(LinkError, match="closed"):
            await waiting


async def test_tcp_carries_bytes_both_ways() -> None:
    async with server(echo) as port:
        link = TcpLink("127.0.0.1", port, CLOCK, paced=False)
        await link.open()
        with closing(link):
            link.configure(EVEN)
            link.send(b"ask")
            assert await link.receive(soon()) == b"ask"
            assert await link.receive(CLOCK.monotonic() + 0.01) == b""


async def test_a_wait_can_end_before_the_one_before_it_would_have() -> None:
    async with server(echo) as port:
        link = TcpLink("127.0.0.1", port, CLOCK, paced=False)
        await link.open()
        with closing(link):
            link.send(b"ask")
            await link.receive(CLOCK.monotonic() + 3600)
            assert await link.receive(CLOCK.monotonic() + 0.01) == b""
            link.send(b"again")
            assert await link.receive(soon()) == b"again"


async def test_a_connection_that_the_other_side_closes_is_lost_and_can_be_opened_again() -> None:
    async with server(lambda _, writer: writer.close()) as port:
        link = TcpLink("127.0.0.1", port, CLOCK, paced=True)
        for _ in range(2):
            await link.open()
            with pytest.raises(LinkError, match="the other side closed the connection"):
                await link.receive(soon())
            assert not link.is_open


async def test_nobody_listening_is_said_with_the_endpoint() -> None:
    async with server(echo) as port:
        pass
    with pytest.raises(LinkError, match=rf"127\.0\.0\.1:{port}: cannot connect"):
        await TcpLink("127.0.0.1", port, CLOCK, paced=True).open()


@pytest.mark.parametrize(
    "link", [SerialLink("/dev/x", CLOCK), TcpLink("h", 1, CLOCK, paced=True)], ids=["serial", "tcp"]
)
async def test_a_link_that_is_not_open_says_so(link: Link) -> None:
    with pytest.raises(LinkError):
        link.send(b"x")
    with pytest.raises(LinkError):
        await link.receive(soon())
    assert (link.drain(), link.is_open) == (b"", False)


@pytest.mark.parametrize(
    ("port", "paced"),
    [("/dev/ttyUSB0", True), ("tcp://serial-server:4001", True), ("modbus-tcp://10.0.0.7", False)],
    ids=["a serial port", "a serial server has a wire behind it", "Modbus TCP has none"],
)
def test_a_port_name_tells_the_link(port: str, paced: bool) -> None:
    assert link_to(port, CLOCK).paced is paced


@pytest.mark.parametrize(
    "port",
    ["udp://a:1", "tcp://a", "tcp://:5", "tcp://a:99999"],
    ids=["unknown kind", "no port", "no host", "a port beyond all"],
)
def test_a_port_name_that_means_nothing_is_refused(port: str) -> None:
    with pytest.raises(ValueError, match="port"):
        link_to(port, CLOCK)


async def test_a_bus_goes_on_when_its_adapter_comes_back_as_another_port_under_its_name(tmp_path: Path) -> None:
    name = tmp_path / "usb-FTDI_FT232R_USB_UART_A10K2X7Q-if00-port0"
    profile = read_profile("eastron-sdm120", product_profiles()["eastron-sdm120"])
    meter = SimulatedModbus(profile, "1", {"voltage": 230.5})
    polls: asyncio.Queue[Poll] = asyncio.Queue()
    device = Device("m1", profile, "modbus", "l1", "1", "n1", "meter", period_s=0.02, points=("voltage",))
    bus = Bus(Line("l1", str(name)), [device], link_to(str(name), CLOCK), CLOCK, polls.put_nowait, drivers=driver)

    async def good() -> set[str | None]:
        faults: set[str | None] = set()
        while (poll := await polls.get()).fault is not None:
            faults.add(poll.fault)
        return faults

    with closing(bus):
        async with asyncio.timeout(30):
            with on_pty(meter) as port:
                name.symlink_to(port)
                running = asyncio.create_task(bus.run())
                assert await good() == set()
            name.unlink()
            while (await polls.get()).fault is None:
                continue
            with on_pty(SimulatedModbus(profile, "9")), on_pty(meter) as other:
                assert other != port
                name.symlink_to(other)
                assert await good() <= {"unreachable"}
        bus.close()
        await running
