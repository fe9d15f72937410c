"""What people on the machine itself may see of the running service: a Unix socket beside the store, JSON lines.

Who connects names a line and gets its last frames and then, on request, each one as it passes (`taiqu trace`); or asks
why the broker and the database take nothing (`taiqu store`). Nobody can say anything to a device this way, and a reader
who is too slow is hung up on: the service never waits for it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import orjson

from gateway.south.bus import Bus
from gateway.south.trace import TracedFrame

log = logging.getLogger(__name__)

MOST_UNREAD = 256_000
"""Bytes that may wait for a slow reader."""


class TapError(Exception):
    """The service cannot be listened to; says why."""


def tap_path(store: Path) -> Path:
    """Where the service listens: beside its store; only its own user and root may connect."""
    return store.parent / "trace.sock"


async def serve(path: Path, buses: Mapping[str, Bus], sinks: Callable[[], Mapping[str, str]] = dict) -> None:
    """Let people listen until cancelled. A socket that cannot be made is said and does not matter otherwise.

    `sinks`: who takes from the store, and why it takes nothing now.
    """

    listening: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening.add(writer)
        await _tell(reader, writer, buses, sinks)
        listening.discard(writer)

    try:
        server = await asyncio.start_unix_server(connected, path)
    except OSError as error:
        log.warning("no tracing of lines: %s: %s", path, error.strerror or error)
        return
    try:
        async with server:
            await server.serve_forever()
    finally:
        for writer in listening:
            writer.transport.abort()


async def listen(path: Path, line: str, follow: bool) -> AsyncIterator[TracedFrame]:
    """The last frames of a line of the running service, then each one as it passes. Raises TapError."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise TapError(f"the service does not run, or not with this configuration: {path}: {error.strerror}") from error
    try:
        writer.write(orjson.dumps({"line": line, "follow": follow}) + b"\n")
        while said := await reader.readline():
            frame = orjson.loads(said)
            if "error" in frame:
                raise TapError(frame["error"])
            yield TracedFrame(frame["at"], frame["direction"], bytes.fromhex(frame["data"]), frame["device"])
    finally:
        writer.close()


async def why_waiting(path: Path) -> Mapping[str, str]:
    """By sink, why it takes nothing now; '' while it does. Raises TapError."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise TapError(f"the service does not run ({path}: {error.strerror})") from error
    with contextlib.closing(writer):
        writer.write(b'{"sinks":true}\n')
        said = await reader.readline()
    if not said:
        raise TapError("the service hung up")
    found: dict[str, str] = orjson.loads(said)
    return found


async def _tell(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    buses: Mapping[str, Bus],
    sinks: Callable[[], Mapping[str, str]],
) -> None:
    def tell(frame: TracedFrame) -> None:
        row = {"at": frame.at, "direction": frame.direction, "data": frame.data.hex(" "), "device": frame.device}
        writer.write(orjson.dumps(row) + b"\n")
        if writer.transport.get_write_buffer_size() > MOST_UNREAD:
            writer.transport.abort()

    # who has gone or talks nonsense is hung up on
    with (
        contextlib.closing(writer),
        contextlib.suppress(ConnectionError, ValueError, LookupError, TypeError, AttributeError),
    ):
        wanted = orjson.loads(await reader.readline())
        if wanted.get("sinks"):
            writer.write(orjson.dumps(sinks()) + b"\n")
            return
        bus = buses.get(wanted["line"])
        if bus is None:
            says = f"there is no line {wanted['line']!r}; there is {', '.join(buses)}"
            writer.write(orjson.dumps({"error": says}) + b"\n")
            return
        for frame in bus.trace.frames():
            tell(frame)
        if wanted["follow"]:
            bus.trace.listeners.append(tell)
            try:
                await reader.read()  # until the other side hangs up
            finally:
                bus.trace.listeners.remove(tell)
