"""A Modbus TCP device that costs next to nothing: registers hold their own address. Prints its port."""

import asyncio
import resource
import struct
import sys
import time

import uvloop

CLOCK = 60_000
"""Two registers from here hold the milliseconds of this moment, modulo 2**32."""

DEAD = 99
"""A unit that never answers."""

HEAD = struct.Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count


class Device(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._answers: dict[int, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= HEAD.size:
            transaction, _, _, unit, function, address, count = HEAD.unpack_from(data)
            data = data[HEAD.size :]
            if unit == DEAD:
                continue
            key = unit << 32 | address << 16 | count
            if address == CLOCK:
                registers = struct.pack(">L", int(time.time() * 1000) & 0xFFFFFFFF)
                self._answers[key] = struct.pack(">BBB", unit, function, 2 * count) + registers
            elif key not in self._answers:
                registers = struct.pack(f">{count}H", *range(address, address + count))
                self._answers[key] = struct.pack(">BBB", unit, function, 2 * count) + registers
            body = self._answers[key]
            self._write(struct.pack(">HHH", transaction, 0, len(body)) + body)
        self._rest = data


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Device, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    uvloop.run(serve())
