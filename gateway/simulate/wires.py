"""Lines that simulated devices hang on: pseudo terminals paced at the baud rate, and TCP endpoints."""

import asyncio
import contextlib
import os
import random
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from drivers.api import LineSettings
from drivers.sim.api import SimulatedDevice

SHORTEST_NAP_S = 0.005
"""Faster lines release what they carried in so long at once: a process cannot wake for every byte."""
ANSWER_DELAY_S = 0.02
"""What a quick meter takes between a question and its answer; the standard allows 20 to 500 ms."""

Write = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Station:
    """A device where it hangs on a line."""

    device: SimulatedDevice
    wire: LineSettings | None  # None: no serial line, answers come at once
    delay_s: float = ANSWER_DELAY_S


def pace(data: bytes, wire: LineSettings, begin: float, nap: float = SHORTEST_NAP_S) -> Iterator[tuple[float, bytes]]:
    """When which bytes have arrived: an absolute schedule, so that nothing drifts.

    Each piece is due when its last byte has left the wire; pieces are at least `nap` seconds long except the last.
    """
    start = 0
    for end in range(1, len(data) + 1):
        if end == len(data) or wire.seconds(end - start) >= nap:
            yield begin + wire.seconds(end), data[start:end]
            start = end


@dataclass(slots=True)
class Wire:
    """A half-duplex line: every station hears what is said, and an answer takes its time."""

    stations: Sequence[Station]
    chance: random.Random
    loss: float = 0.0  # share of answers that come garbled or not at all

    def heard(self, data: bytes, write: Write) -> None:
        """Bytes of the master."""
        loop = asyncio.get_running_loop()
        for station in self.stations:
            answer = self._worn(station.device.answer(data))
            if not answer:
                continue
            if station.wire is None:
                loop.call_later(station.delay_s, write, answer)
                continue
            begin = loop.time() + station.wire.seconds(len(data)) + station.delay_s
            for due, piece in pace(answer, station.wire, begin):
                loop.call_at(due, write, piece)

    def _worn(self, answer: bytes) -> bytes:
        if not answer or self.chance.random() >= self.loss:
            return answer
        spoilt = bytearray(answer)
        spoilt[self.chance.randrange(len(spoilt))] ^= 1 << self.chance.randrange(8)
        return bytes(spoilt) if self.chance.random() < 0.5 else b""


class PtyPort:
    """A wire on a pseudo terminal; `name` is what the gateway opens."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._master, self._slave = os.openpty()  # the slave stays open, or the master hangs up with its last user
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def close(self) -> None:
        """The device node vanishes, as when an adapter is pulled out."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1

    def _read(self) -> None:
        self.wire.heard(os.read(self._master, 4096), self._write)

    def _write(self, data: bytes) -> None:
        if self._master >= 0:
            with contextlib.suppress(BlockingIOError):  # nobody reads: a line does not wait
                os.write(self._master, data)


class TcpPort:
    """A wire behind a serial server, or devices that speak Modbus TCP; any number of masters."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._server: asyncio.Server | None = None
        self._masters: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the port that was given, or a free one for 0."""
        self._server = await asyncio.start_server(self._serve, host, port)
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def close(self) -> None:
        """Stop listening and hang up on everyone."""
        if self._server is not None:
            self._server.close()
            for writer in self._masters:
                writer.close()
            await asyncio.gather(*self._masters.values())
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def write(data: bytes) -> None:
            if not writer.is_closing():
                writer.write(data)

        task = asyncio.current_task()
        assert task is not None
        self._masters[writer] = task
        try:
            while data := await reader.read(4096):
                self.wire.heard(data, write)
        except ConnectionError:
            return  # a master that went away is no business of the devices
        finally:
            del self._masters[writer]
            writer.close()
