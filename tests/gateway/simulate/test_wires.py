"""Simulated lines: pacing by the schedule, and real pseudo terminals and sockets."""

import asyncio
import os
import random
from dataclasses import dataclass
from itertools import pairwise

import pytest

from drivers.api import LineSettings, Value
from gateway.simulate.wires import PtyPort, Station, TcpPort, Wire, pace

METER_LINE = LineSettings(baud=2400, parity="even")
FAST_LINE = LineSettings(baud=19200, parity="even")


@dataclass
class Parrot:
    """A device that answers its own name with a text."""

    address: str
    says: bytes
    powered: bool = True

    def answer(self, heard: bytes) -> bytes:
        return self.says if self.powered and heard == self.address.encode() else b""

    def set(self, point: str, value: Value) -> None:
        raise KeyError(point, value)


def line(*devices: Parrot, wire: LineSettings | None = FAST_LINE, loss: float = 0.0) -> Wire:
    return Wire([Station(device, wire, delay_s=0.001) for device in devices], random.Random(1), loss)


@pytest.mark.parametrize(
    ("wire", "bits", "baud"),
    [
        (LineSettings(baud=2400, parity="even"), 11, 2400),
        (LineSettings(baud=9600), 10, 9600),
        (LineSettings(baud=19200, parity="even"), 11, 19200),
        (LineSettings(baud=115200), 10, 115200),
    ],
)
def test_bytes_take_the_time_they_take_on_a_wire(wire: LineSettings, bits: int, baud: int) -> None:
    pieces = list(pace(bytes(200), wire, begin=100.0))
    assert sum(len(piece) for _, piece in pieces) == 200
    carried = 0
    for due, piece in pieces:
        carried += len(piece)
        assert due == pytest.approx(100.0 + carried * bits / baud)  # absolute: nothing adds up


def test_a_slow_line_gives_byte_by_byte_and_a_fast_one_in_pieces() -> None:
    assert {len(piece) for _, piece in pace(bytes(20), LineSettings(baud=1200, parity="even"), 0.0)} == {1}
    pieces = list(pace(bytes(200), LineSettings(baud=115200), 0.0))
    assert len(pieces) == 4
    assert all(later - earlier >= 0.005 for (earlier, _), (later, _) in pairwise(pieces[:-1]))


def test_pieces_join_to_what_was_said() -> None:
    data = random.Random(4).randbytes(300)
    assert b"".join(piece for _, piece in pace(data, METER_LINE, 0.0)) == data


async def read_until(descriptor: int, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    got = b""
    while len(got) < size:
        ready = loop.create_future()
        loop.add_reader(descriptor, ready.set_result, None)
        await asyncio.wait_for(ready, 5)
        loop.remove_reader(descriptor)
        got += os.read(descriptor, 4096)
    return got


async def test_a_master_reads_devices_on_a_pseudo_terminal() -> None:
    port = PtyPort(line(Parrot("1", b"one"), Parrot("2", b"two")))
    master = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(master, b"2")
        assert await read_until(master, 3) == b"two"
        os.write(master, b"1")
        assert await read_until(master, 3) == b"one"
    finally:
        os.close(master)
        port.close()


async def test_masters_read_devices_over_tcp_each_its_own_answers() -> None:
    port = TcpPort(line(Parrot("1", b"one"), Parrot("2", b"two"), wire=None))
    number = await port.open()
    first, second = [await asyncio.open_connection("127.0.0.1", number) for _ in range(2)]
    first[1].write(b"1")
    second[1].write(b"2")
    assert await asyncio.wait_for(first[0].readexactly(3), 5) == b"one"
    assert await asyncio.wait_for(second[0].readexactly(3), 5) == b"two"
    await port.close()
    assert await asyncio.wait_for(first[0].read(), 5) == b""
    for _, writer in (first, second):
        writer.close()


async def test_a_noisy_line_loses_and_garbles_its_share() -> None:
    wire = line(Parrot("1", b"one"), wire=None, loss=0.5)
    got: list[bytes] = []
    for _ in range(400):
        wire.heard(b"1", got.append)
    await asyncio.sleep(0.05)
    good = sum(answer == b"one" for answer in got)
    assert 150 < good < 250
    assert 60 < len(got) - good < 140
