"""A simulated DL/T 645 meter: made of a profile, speaks the driver's own codec with the roles swapped."""

from collections.abc import Mapping
from decimal import Decimal

from drivers.api import Point, Profile, Value
from drivers.dlt645.catalog import members
from drivers.dlt645.frame import (
    FROM_SLAVE,
    LONGEST_READ,
    MORE,
    READ,
    READ_1997,
    READ_ADDRESS,
    READ_NEXT,
    READ_NEXT_1997,
    REFUSED,
    Frame,
    FrameBuffer,
    encode,
)
from drivers.dlt645.poll import accepts
from drivers.dlt645.value import Format, Number, parse_format

NO_SUCH_DATA = 0x02  # the error bit, the same in both editions
CLOCK, DATE, TIME = "0400010C", "04000101", "04000102"


class SimulatedMeter:
    """Answers as a good meter does: its own address, wildcards with its real address, blocks, long answers in parts.

    It is silent to broken frames, to other addresses, to the broadcast address and to answers of other meters.
    """

    def __init__(self, profile: Profile, address: str, values: Mapping[str, Value] | None = None) -> None:
        self.address = address
        self.powered = True
        self._points = profile.points
        self._held: dict[str, bytes] = {}  # by point: its bytes as they go on the wire
        self._by_identifier: dict[str, list[Point]] = {}
        for point in profile.points.values():
            self._by_identifier.setdefault(point.where.upper(), []).append(point)
        self._digits = 2 if profile.options.get("edition") == "1997" else 4
        self._functions = (READ_1997, READ_NEXT_1997) if self._digits == 2 else (READ, READ_NEXT)
        self._rest: dict[bytes, bytes] = {}  # by identifier: what the next frames will give
        self._buffer = FrameBuffer()
        for name in profile.points:
            self.set(name, None)
        for name, value in (values or {}).items():
            self.set(name, value)

    def set(self, point: str, value: Value) -> None:
        """From now on the meter holds this value; None: it has none. A number too large stays at the last digit."""
        if point not in self._points:
            raise LookupError(f"meter {self.address}: the profile has no point {point!r}")
        known = self._points[point]
        how = parse_format(known.format, known.signed)
        self._held[point] = how.write(_raw(known, how, value))

    def answer(self, heard: bytes) -> bytes:
        self._buffer.feed(heard)
        said = b""
        while frame := self._buffer.next_frame(self._is_meant):
            if self.powered and self._is_meant(frame) and (reply := self._reply(frame)):
                said += encode(reply)
        return said

    def _is_meant(self, frame: Frame) -> bool:
        return not frame.from_slave and accepts(frame.address, self.address)

    def _reply(self, frame: Frame) -> Frame | None:
        read, read_next = self._functions
        if frame.function == read and len(frame.data) == self._digits:
            return self._first(frame)
        if frame.function == read_next and frame.data[: self._digits] in self._rest:
            return self._next(frame)
        if frame.function == READ_ADDRESS and self._digits == 4 and not frame.data:
            return Frame(self.address, READ_ADDRESS | FROM_SLAVE, bytes.fromhex(self.address)[::-1])
        return self._refusal(frame)

    def _refusal(self, frame: Frame) -> Frame:
        return Frame(self.address, frame.function | FROM_SLAVE | REFUSED, bytes([NO_SUCH_DATA]))

    def _first(self, frame: Frame) -> Frame:
        data = self.data(frame.data[::-1].hex().upper())
        if data is None:
            return self._refusal(frame)
        room = LONGEST_READ - self._digits
        self._rest = {frame.data: data[room:]} if len(data) > room else {}
        more = MORE if self._rest else 0
        return Frame(self.address, frame.function | FROM_SLAVE | more, frame.data + data[:room])

    def _next(self, frame: Frame) -> Frame:
        """The same part again when the same number is asked for again."""
        identifier, number = frame.data[: self._digits], frame.data[self._digits :]
        room = LONGEST_READ - self._digits - len(number)
        start = room * (number[0] - 1) if number else 0
        rest = self._rest[identifier]
        if not 0 <= start < len(rest):
            return self._refusal(frame)
        if not number:  # edition 1997 does not count the parts
            self._rest[identifier] = rest[room:]
        more = MORE if len(rest) > start + room else 0
        data = identifier + rest[start : start + room] + number
        return Frame(self.address, frame.function | FROM_SLAVE | more, data)

    def data(self, identifier: str) -> bytes | None:
        """What the meter holds for an identifier or a block, None when it does not know it."""
        if points := self._by_identifier.get(identifier):
            return self._together(points)
        if identifier in (DATE, TIME) and CLOCK in self._by_identifier:
            clock = self._together(self._by_identifier[CLOCK])
            return clock[3:] if identifier == DATE else clock[:3]
        inside = members(identifier)
        known = [place for place, member in enumerate(inside) if member in self._by_identifier]
        if not known:
            return None
        size = len(self._together(self._by_identifier[inside[known[0]]]))
        return b"".join(
            self._together(self._by_identifier[member]) if member in self._by_identifier else b"\xff" * size
            for member in inside[: known[-1] + 1]
        )

    def _together(self, points: list[Point]) -> bytes:
        """The bytes of an identifier; several points are bits of one word."""
        word = 0
        for point in points:
            word |= int.from_bytes(self._held[point.name], "little")
        return word.to_bytes(len(self._held[points[0].name]), "little")


def _raw(point: Point, how: Format, value: Value) -> Value:
    """The value as the meter itself counts it: without the profile's scale, within the digits it has."""
    if value is None or not isinstance(how, Number):
        return value
    raw = (Decimal(str(value)) - Decimal(str(point.offset))) / Decimal(str(point.scale))
    return max(min(raw, how.largest), -how.largest if how.signed else Decimal(0))
