"""A serial port on the event loop: pyserial opens it, its descriptor is watched by the loop, no thread."""

import asyncio
import contextlib
import os
import select

import serial

from drivers.api import LineSettings
from gateway.clock import Clock
from gateway.south.link.api import LinkError
from gateway.south.link.inbox import Inbox

PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
UNIX98_PTYS = range(136, 144)  # major device numbers, Linux Documentation/admin-guide/devices.txt
MOST_AT_ONCE = 4096


class SerialLink:
    """One port by its name. A by-id name is looked up again each time it is opened."""

    paced = True

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._port: serial.Serial | None = None
        self._inbox: Inbox | None = None
        self._settings: LineSettings | None = None
        self._is_pty = False

    @property
    def is_open(self) -> bool:
        return self._port is not None

    async def open(self) -> None:
        self.close()
        try:
            # pyserial opens the file non-blocking and, with timeout 0, never waits in it
            port = serial.Serial(self.name, timeout=0, write_timeout=0, exclusive=True)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise LinkError(_cannot_open(self.name, error)) from error
        with contextlib.suppress(OSError, ValueError, NotImplementedError):
            port.set_low_latency_mode(True)  # FTDI adapters else hold bytes back for 16 ms; others do not know it
        self._port, self._inbox, self._settings = port, Inbox(self._clock), None
        self._is_pty = os.major(os.fstat(port.fileno()).st_rdev) in UNIX98_PTYS
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)

    def configure(self, settings: LineSettings) -> None:
        if settings == self._settings:
            return
        if self._port is None:
            raise LinkError(f"{self.name} is closed")
        # a pty has no wire and refuses a parity bit; a real port that refuses one is at fault and says so
        parity = "none" if self._is_pty else settings.parity
        try:
            self._port.apply_settings(
                {
                    "baudrate": settings.baud,
                    "bytesize": settings.data_bits,
                    "parity": PARITY[parity],
                    "stopbits": settings.stop_bits,
                }
            )
        except (OSError, ValueError) as error:
            raise self._lost(f"the port cannot be set to {settings}: {error}") from error
        self._settings = settings

    def send(self, data: bytes) -> None:
        if self._port is None:
            raise LinkError(f"{self.name} is closed")
        try:
            sent = os.write(self._port.fileno(), data)
        except BlockingIOError as error:
            raise self._lost("the port takes no more bytes; is the adapter's flow control off?") from error
        except OSError as error:
            raise self._lost(f"writing failed: {error.strerror}") from error
        if sent < len(data):
            raise self._lost(f"the port took {sent} of {len(data)} bytes; is the adapter's flow control off?")

    async def receive(self, until: float) -> bytes:
        if self._inbox is None:
            raise LinkError(f"{self.name} is closed")
        return await self._inbox.get(until)

    def drain(self) -> bytes:
        if self._port is None or self._inbox is None:
            return b""
        self._readable()  # what the kernel holds and the loop has not reported yet counts as well
        return self._inbox.take() if self._inbox else b""

    def close(self) -> None:
        self._lost("closed")

    def _readable(self) -> None:
        if self._port is None or self._inbox is None:
            return
        try:
            data = os.read(self._port.fileno(), MOST_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(f"reading failed: {error.strerror}; is the adapter still plugged in?")
            return
        if data:
            self._inbox.put(data)
        elif _hung_up(self._port.fileno()):
            self._lost("the port is gone; is the adapter still plugged in?")

    def _lost(self, says: str) -> LinkError:
        error = LinkError(f"{self.name}: {says}")
        port, inbox = self._port, self._inbox
        self._port = None
        if inbox is not None:
            inbox.fail(error)
            inbox.close()
        if port is not None:
            asyncio.get_running_loop().remove_reader(port.fileno())
            with contextlib.suppress(OSError):  # a port whose adapter is gone may refuse even this
                port.close()
        return error


def _hung_up(descriptor: int) -> bool:
    """Reading nothing can mean that there is nothing, or that there will never be anything: the kernel knows."""
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-ups and errors are always reported
    return bool(poll.poll(0))


def _cannot_open(name: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(error, FileNotFoundError) or number == 2:
        return f"{name}: there is no such port; plug the adapter in, or see `ls /dev/serial/by-id`"
    if isinstance(error, PermissionError) or number == 13:
        return f"{name}: no permission; the service's user must be in the group that owns the port (dialout)"
    if isinstance(error, BlockingIOError) or number == 11:
        return f"{name}: another program has it open: stop that one first"
    return f"{name}: cannot be opened: {error}"
