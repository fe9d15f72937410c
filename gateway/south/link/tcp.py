"""A TCP connection on the event loop: to a serial server that passes bytes, or to a Modbus TCP device."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import cast

from drivers.api import LineSettings
from gateway.clock import Clock
from gateway.south.link.api import LinkError
from gateway.south.link.inbox import Inbox

CONNECT_S = 5.0
KEEPALIVE = {
    socket.TCP_KEEPIDLE: 10,  # s without traffic before the first probe
    socket.TCP_KEEPINTVL: 5,  # s between probes
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 15_000,  # ms that sent bytes may stay unacknowledged
}


class TcpLink:
    """One endpoint by its name; resolved again each time it is opened.

    What is sent goes out when the loop's turn is over, together with what all other lines have to say: written in one
    go, a request costs the processor half as much as between two answers' arithmetic.
    """

    def __init__(self, host: str, port: int, clock: Clock, paced: bool) -> None:
        self.name = f"{host}:{port}"
        self.paced = paced
        self._host, self._port = host, port
        self._clock = clock
        self._connection: _Connection | None = None

    @property
    def is_open(self) -> bool:
        return self._connection is not None and self._connection.transport is not None

    async def open(self) -> None:
        self.close()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_S):
                _, self._connection = await loop.create_connection(
                    lambda: _Connection(self.name, self._clock), self._host, self._port
                )
        except TimeoutError as error:
            raise LinkError(f"{self.name}: nobody answers; is the device on the network and powered?") from error
        except OSError as error:
            raise LinkError(f"{self.name}: cannot connect: {error.strerror or error}") from error

    def configure(self, settings: LineSettings) -> None:
        """A serial server keeps its own line settings."""

    def send(self, data: bytes) -> None:
        connection = self._connection
        if connection is None or connection.transport is None:
            raise LinkError(f"{self.name}: not connected")
        connection.loop.call_soon(connection.transport.write, data)

    def receive(self, until: float) -> Coroutine[None, None, bytes]:
        if self._connection is None:
            raise LinkError(f"{self.name}: not connected")
        return self._connection.inbox.get(until)  # itself, not a coroutine around it

    def drain(self) -> bytes:
        return self._connection.inbox.take() if self._connection else b""

    def hand_to(self, taker: Callable[[bytes], bool] | None) -> None:
        if self._connection is not None:
            self._connection.inbox.taker = taker

    def quiet(self) -> bool:
        return self._connection is None or self._connection.inbox.quiet

    def wait(self, until: float) -> Coroutine[None, None, None]:
        if self._connection is None:
            raise LinkError(f"{self.name}: not connected")
        return self._connection.inbox.wait(until)

    def extend(self, until: float) -> None:
        if self._connection is not None:
            self._connection.inbox.extend(until)

    def rouse(self) -> None:
        if self._connection is not None:
            self._connection.inbox.rouse()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.abort()


class _Connection(asyncio.Protocol):
    """One connection, as the loop tells of it."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.inbox = Inbox(clock)
        self.data_received = self.inbox.put  # type: ignore[method-assign]  # the hot path: no call in between
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None  # while it stands

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        wire = cast(socket.socket, transport.get_extra_info("socket"))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            wire.setsockopt(socket.IPPROTO_TCP, option, value)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        why = getattr(exc, "strerror", None) or exc or "the other side closed the connection"
        self.inbox.fail(LinkError(f"{self.name}: {why}"))
        self.inbox.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()
            self.transport = None
        self.inbox.fail(LinkError(f"{self.name}: closed"))
        self.inbox.close()
