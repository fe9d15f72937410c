"""Modbus frames on the wire: RTU on a serial line, MBAP on TCP. One request out, its one answer in.

Frames are built by pymodbus's framers. Finding the answer is ours: pymodbus's decoders throw the whole buffer away
when a byte of noise stands in front, and compare neither function nor length with what was asked
(54 us for an answer of 125 registers, against 2 us here on TCP).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Protocol

from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from drivers.errors import BadReplyError

_RTU = FramerRTU(DecodePDU(False))
_MBAP = FramerSocket(DecodePDU(False))
_LONGEST_MBAP = 254  # unit and PDU, as the length field counts them
_SHOWN = 32
_EXCEPTION_SIZE = 5  # unit, function, code, CRC

next_transaction: Callable[[], int] = count(1).__next__
"""Transaction ids never repeat within 65 536 requests of the process, whoever asks."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """A request PDU and what its answer looks like: how it begins, and how long it is. It is made once and asked often:
    two are the same when they are one object."""

    pdu: bytes
    head: bytes
    size: int | Callable[[bytes], int | None]  # of the answer's PDU; a function where the answer tells it itself

    def measure(self, pdu: bytes) -> int | None:
        """Bytes of the answer's PDU, given its beginning; None while the beginning is too short to say."""
        return self.size if isinstance(self.size, int) else self.size(pdu)


NOTHING = Ask(b"", b"\x00", 1)
"""Before the first request: no answer fits."""


class Stream(Protocol):
    """The framing of one conversation with one unit."""

    def send(self, ask: Ask) -> bytes:
        """The frame for this request. From now on its answer is waited for."""

    def feed(self, data: bytes) -> bytes | None:
        """The PDU of the answer or of the exception, or None while bytes are missing. Raises BadReplyError."""

    def whole(self, data: bytes) -> bytes | None:
        """The PDU of the answer, when these bytes are its frame and nothing else; else None, and nothing changes."""


def rtu_frame(unit: int, pdu: bytes) -> bytes:
    return _RTU.encode(pdu, unit, 0)


def crc_holds(frame: bytes) -> bool:
    """Whether the last two bytes are the CRC of those before."""
    return FramerRTU.compute_CRC(frame[:-2]).to_bytes(2, "big") == frame[-2:]


def shown(data: bytes) -> str:
    """Bytes for a message: all of them, or the first of many."""
    return data.hex(" ") if len(data) <= _SHOWN else f"{data[:_SHOWN].hex(' ')} ... ({len(data)} bytes)"


def mbap_frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return _MBAP.encode(pdu, unit, transaction)


class RtuStream:
    """RTU: an answer is known by unit, function, length and CRC; every offset is tried."""

    __slots__ = ("_ask", "_heard", "_unit")

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._ask = NOTHING
        self._heard = bytearray()

    def send(self, ask: Ask) -> bytes:
        self._ask = ask
        self._heard.clear()
        return rtu_frame(self._unit, ask.pdu)

    def whole(self, _data: bytes) -> bytes | None:
        """Never so on a serial line, where an answer says nothing of its request."""
        return None

    def feed(self, data: bytes) -> bytes | None:
        heard = self._heard
        heard += data
        good: set[bytes] = set()
        broken, waits = False, -1
        at = heard.find(self._unit)
        while at >= 0:
            size = self._size(at)
            step = 1
            if size < 0 or (size and len(heard) - at < size):
                waits = at if waits < 0 else waits
            elif size and crc_holds(frame := bytes(heard[at : at + size])):
                good.add(frame[1:-2])
                step = size
            elif size > _EXCEPTION_SIZE:  # two bytes of noise look like an exception too often
                broken = True
            at = heard.find(self._unit, at + step)
        if good:
            said = bytes(heard)
            heard.clear()
            if len(good) > 1:
                raise BadReplyError(f"two different answers to one request, one is late: {shown(said)}")
            return good.pop()
        if broken and waits < 0:
            said = bytes(heard)
            heard.clear()
            raise BadReplyError(f"the answer's checksum (CRC) is wrong: {shown(said)}")
        if not broken:
            del heard[: waits if waits >= 0 else len(heard)]
        return None

    def _size(self, at: int) -> int:
        """Bytes of the frame that may begin here; 0: none can; -1: too few bytes to say."""
        begin = bytes(self._heard[at + 1 : at + 256])
        head = self._ask.head
        if begin.startswith(head):
            size = self._ask.measure(begin)
            return -1 if size is None else size + 3
        if not begin or head.startswith(begin):
            return -1
        return _EXCEPTION_SIZE if begin[0] == head[0] | 0x80 else 0


@lru_cache(maxsize=1024)
def _mbap(unit: int, ask: Ask) -> tuple[bytes, bytes, int]:
    """All of a request behind its transaction id; how the answer goes on behind its own; bytes of the whole answer.

    The answer's are b"" and -1 where its length is not known before.
    """
    request = mbap_frame(0, unit, ask.pdu)[2:]
    if not isinstance(ask.size, int):
        return request, b"", -1
    return request, b"\0\0%b%c%b" % ((ask.size + 1).to_bytes(2, "big"), unit, ask.head), ask.size + 7


class TcpStream:
    """MBAP: an answer is known by its transaction id; a late one is passed over whole."""

    __slots__ = ("_ask", "_begin", "_heard", "_id", "_unit", "_whole")

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._ask = NOTHING
        self._id = b""
        self._begin = b""  # of the awaited frame: header and head of the PDU; empty when its length is not known
        self._whole = -1  # bytes of the awaited frame; -1 when its length is not known
        self._heard = b""

    def send(self, ask: Ask) -> bytes:
        request, answer, self._whole = _mbap(self._unit, ask)
        self._ask = ask
        self._id = number = (next_transaction() & 0xFFFF).to_bytes(2, "big")
        self._begin = answer and number + answer
        return number + request

    def whole(self, data: bytes) -> bytes | None:
        if len(data) == self._whole and data.startswith(self._begin) and not self._heard:
            return data[7:]
        return None

    def feed(self, data: bytes) -> bytes | None:
        return self.whole(data) or self._search(self._heard + data)

    def _search(self, heard: bytes) -> bytes | None:
        """The long way: frames before ours, noise, an exception, a frame in pieces."""
        at = 0
        while len(heard) - at >= 8:
            size = int.from_bytes(heard[at + 4 : at + 6], "big")
            if heard[at + 2 : at + 4] != b"\x00\x00" or not 2 <= size <= _LONGEST_MBAP:
                at += 1
            elif len(heard) - at < size + 6:
                break
            elif heard.startswith(self._id, at):
                self._heard = heard[at + 6 + size :]
                return self._judge(heard[at + 6], heard[at + 7 : at + 6 + size])
            else:
                at += size + 6
        return self._behind_a_false_start(heard[at:])

    def _behind_a_false_start(self, heard: bytes) -> bytes | None:
        """Noise can look like the header of a long frame; ours may stand complete behind it."""
        at = heard.find(self._begin, 1) if self._begin else -1
        if 0 < at <= len(heard) - self._whole:
            self._heard = heard[at + self._whole :]
            return heard[at + 7 : at + self._whole]
        self._heard = heard
        return None

    def _judge(self, unit: int, pdu: bytes) -> bytes:
        head = self._ask.head
        if unit != self._unit:
            raise BadReplyError(f"unit {unit} answers, asked was unit {self._unit}: {shown(pdu)}")
        if pdu[0] == head[0] | 0x80 and len(pdu) == 2:
            return pdu
        if not pdu.startswith(head) or self._ask.measure(pdu) != len(pdu):
            raise BadReplyError(f"the answer {shown(pdu)} does not fit the request {self._ask.pdu.hex(' ')}")
        return pdu
