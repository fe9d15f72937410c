"""DL/T 645 link frames: bytes in, frames out. No port, no clock, no log."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from drivers.errors import RequestError

START, END, WAKE = 0x68, 0x16, 0xFE
OVERHEAD = 12  # two starts, six address bytes, control, length, sum, end
LONGEST_READ = 200  # data bytes of a read answer
LONGEST_WRITE = 50  # data bytes of a write
READ, READ_NEXT, READ_ADDRESS = 0x11, 0x12, 0x13
READ_1997, READ_NEXT_1997 = 0x01, 0x02

FROM_SLAVE, REFUSED, MORE, FUNCTION = 0x80, 0x40, 0x20, 0x1F
"""Bits of the control byte: direction, error answer, another frame follows, function code."""

ANYONE = "AAAAAAAAAAAA"  # every meter takes it for its own address; only for one meter on a line
EVERYONE = "999999999999"  # broadcast; nobody answers

_made = tuple.__new__  # half the price of a call of the class; one is made for every answer
_ADD = bytes((byte + 0x33) & 0xFF for byte in range(256))
_SUBTRACT = bytes((byte - 0x33) & 0xFF for byte in range(256))


class Frame(NamedTuple):
    """One frame without its wrapping. A tuple, because one is made for every answer."""

    address: str  # twelve digits, as printed on the meter
    control: int
    data: bytes = b""  # as the sender meant it: 33H is taken off

    @property
    def function(self) -> int:
        return self.control & FUNCTION

    @property
    def from_slave(self) -> bool:
        return self.control >= FROM_SLAVE

    @property
    def refused(self) -> bool:
        return self.control & REFUSED != 0

    @property
    def more(self) -> bool:
        return self.control & MORE != 0


def encode(frame: Frame, wake: int = 0) -> bytes:
    """The bytes of a frame, after `wake` preamble bytes. Raises RequestError for what no frame can hold."""
    address, control, data = frame
    try:
        wire = bytes.fromhex(address)
        body = b"\x68%b\x68%c%c%b" % (wire[::-1], control, len(data), data.translate(_ADD))
    except (ValueError, OverflowError) as error:
        raise RequestError(f"no frame can hold address {address!r}, {len(data)} data bytes: {error}") from error
    if len(wire) != 6:
        raise RequestError(f"address {address!r} is not twelve digits")
    return b"%b%b%c\x16" % (b"\xfe" * wake, body, sum(body) & 0xFF)


def parse(raw: bytes) -> Frame | None:
    """The frame that these bytes are, all of them; None when they are not one."""
    size = len(raw)
    if (
        size < OVERHEAD
        or raw[0] != START
        or raw[7] != START
        or raw[9] != size - OVERHEAD
        or raw[-1] != END
        or (sum(raw) - END - 2 * raw[-2]) & 0xFF  # the sum over all but the last two
    ):
        return None
    return _made(Frame, (_address(raw[1:7]), raw[8], raw[10:-2].translate(_SUBTRACT)))


@lru_cache(maxsize=4096)
def _address(wire: bytes) -> str:
    return wire[::-1].hex().upper()


class FrameBuffer:
    """Collects bytes from a noisy line and hands out whole, checked frames, each once."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def next_frame(self, wanted: Callable[[Frame], bool] | None = None) -> Frame | None:
        """The next good frame, or None when more bytes are needed.

        A frame that was cut keeps what follows it waiting for bytes that never come. Who knows what to expect
        says so with `wanted`: such a frame is also taken from behind an unfinished one.
        """
        held = self._bytes
        if frame := parse(bytes(held)):  # nearly always: one frame and nothing else
            held.clear()
            return frame
        while (start := held.find(START)) >= 0:
            del held[:start]
            end = _end(held, 0)
            if end > len(held):
                return self._behind(wanted) if wanted else None
            if end and (frame := parse(bytes(held[:end]))):
                del held[:end]
                return frame
            del held[0]  # a false start: look for the next one
        held.clear()
        return None

    def _behind(self, wanted: Callable[[Frame], bool]) -> Frame | None:
        for start, frame in _found(bytes(self._bytes), 1):
            if wanted(frame):
                del self._bytes[: start + OVERHEAD + len(frame.data)]
                return frame
        return None


def frames(data: bytes) -> list[tuple[int, Frame]]:
    """Every good frame of bytes that are complete, with its offset; a cut frame hides nothing behind it."""
    return _found(data, 0)


def _found(data: bytes, start: int) -> list[tuple[int, Frame]]:
    found = []
    while (start := data.find(START, start)) >= 0:
        end = _end(data, start)
        frame = parse(data[start:end]) if start < end <= len(data) else None
        if frame:
            found.append((start, frame))
        start = end if frame else start + 1
    return found


def _end(data: bytes | bytearray, start: int) -> int:
    """Where the candidate at `start` ends, as far as is known; 0 when it is none."""
    if len(data) - start < 8:
        return start + OVERHEAD
    if data[start + 7] != START:
        return 0
    return start + OVERHEAD + (data[start + 9] if len(data) - start > 9 else 0)
