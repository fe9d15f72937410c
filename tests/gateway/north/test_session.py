"""What a broker says of itself when it lets a session in is obeyed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import pytest

from gateway.north.messages import Message
from gateway.north.session import Session
from gateway.settings.models import Mqtt

CONNECT, PUBLISH, DISCONNECT = 1, 3, 14


@dataclass
class NarrowBroker:
    """As much of MQTT 5 as lets one publisher in; it acknowledges when it is told to."""

    at_once: int  # its Receive Maximum; 0: it says none
    port: int = 0
    most: int = 0  # messages that it had not acknowledged, at the most
    came: list[str] = field(default_factory=list)  # topics
    waiting: list[bytes] = field(default_factory=list)  # packet identifiers
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def holds(self, messages: int) -> None:
        """Until so many came that it has not acknowledged."""
        async with asyncio.timeout(20):
            while len(self.waiting) < messages:
                self._news.clear()
                await self._news.wait()

    def acknowledge(self) -> None:
        self._writer.write(b"\x40\x02" + self.waiting.pop(0))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while head := await reader.read(1):
            body = await reader.readexactly(await _length(reader))
            if head[0] >> 4 == CONNECT:
                says = b"\x21" + self.at_once.to_bytes(2) if self.at_once else b""
                writer.write(bytes((0x20, 3 + len(says), 0, 0, len(says))) + says)
            elif head[0] >> 4 == PUBLISH:
                end = 2 + int.from_bytes(body[:2])
                self.came.append(body[2:end].decode())
                if head[0] & 0b110:
                    self.waiting.append(body[end : end + 2])
                self.most = max(self.most, len(self.waiting))
                self._news.set()
            elif head[0] >> 4 == DISCONNECT:
                break
        writer.close()


async def _length(reader: asyncio.StreamReader) -> int:
    """A variable byte integer: MQTT 5, 1.5.5."""
    value = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


@pytest.mark.parametrize(
    ("says", "at_once"), [(3, 3), (1, 1), (0, 9)], ids=["three at once", "one at once", "a broker that sets no bound"]
)
async def test_a_broker_never_has_more_to_acknowledge_than_it_takes_at_once(says: int, at_once: int) -> None:
    landed: asyncio.Queue[int] = asyncio.Queue()
    async with NarrowBroker(says).open() as broker:
        session = Session(Mqtt(port=broker.port, version="5"), "narrow", acknowledged=landed.put_nowait)
        await session.open()
        numbers = [session.publish(Message(f"t/{n}", b"x"), qos=n != 4) for n in range(10)]
        for number in range(9):
            await broker.holds(min(at_once, 9 - number))
            broker.acknowledge()
        there = [await landed.get() for _ in range(9)]
        await session.close()
    assert broker.most == at_once
    assert broker.came == [f"t/{n}" for n in range(10)]
    assert there == [number for n, number in enumerate(numbers) if n != 4]
