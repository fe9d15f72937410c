"""One read and everything about it: its request, its answer's form, and one pass from bytes to readings."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter, truediv
from typing import Any

from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

from drivers.api import Columns, Reading, Value
from drivers.modbus.field import Field, Finish
from drivers.modbus.plan import BIT_TABLES, READ_FUNCTION, Read, Span
from drivers.modbus.wire import Ask

_REQUEST: Mapping[str, type[ModbusPDU]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}


@dataclass(frozen=True, slots=True)
class Block:
    """A planned read, ready to be sent and to decode its answer."""

    read: Read
    fields: tuple[Field, ...]
    ask: Ask
    decode: Callable[[bytes], Sequence[Reading]]  # of the answer's PDU, whose form `ask` has checked


@lru_cache(maxsize=4096)
def ask_read(span: Span) -> Ask:
    """The request that reads these registers or bits; its answer repeats the function and counts its bytes."""
    function = READ_FUNCTION[span.table]
    size = (span.count + 7) // 8 if span.table in BIT_TABLES else 2 * span.count
    request = _REQUEST[span.table](address=span.start, count=span.count)
    return Ask(bytes([function]) + request.encode(), bytes([function, size]), 2 + size)


def make_block(read: Read, fields: Sequence[Field]) -> Block:
    """The block that reads these fields; every one of them lies in the read."""
    decoder = _bit_decoder if read.span.table in BIT_TABLES or not fields else _register_decoder
    return Block(read, tuple(fields), ask_read(read.span), decoder(read, fields))


def _bit_decoder(read: Read, fields: Sequence[Field]) -> Callable[[bytes], Sequence[Reading]]:
    places = [(field.point, field.span.start - read.span.start, field.finish) for field in fields]

    def decode(pdu: bytes) -> list[Reading]:
        bits = int.from_bytes(pdu[2:], "little")
        return [Reading(point.name, finish(bits >> place & 1), point.unit) for point, place, finish in places]

    return decode


def _register_decoder(read: Read, fields: Sequence[Field]) -> Callable[[bytes], Sequence[Reading]]:
    """One struct over the bytes of all values, brought into natural order first where the device has another."""
    exponents = sorted({field.exponent for field in fields if field.exponent})
    layout = struct.Struct(">" + "".join(field.code for field in fields) + "h" * len(exponents))
    places = [_place(read, field.span) + offset for field in fields for offset in field.order]
    places += [_place(read, span) + offset for span in exponents for offset in (0, 1)]
    gather: Callable[[bytes], Any] = itemgetter(*places)
    natural = places == list(range(2, 2 + len(places)))
    points, units = [field.point.name for field in fields], [field.point.unit for field in fields]
    finishes = [field.finish for field in fields]
    divisors = [field.divisor or 1 for field in fields]
    others = [(place, field.finish) for place, field in enumerate(fields) if not field.divisor]

    def unpack(pdu: bytes) -> tuple[Any, ...]:
        return layout.unpack_from(pdu, 2) if natural else layout.unpack(bytes(gather(pdu)))

    def decode(pdu: bytes) -> Sequence[Reading]:
        raws = unpack(pdu)
        values: list[Value] = list(map(truediv, raws, divisors))  # all at once; then those that need more than that
        for place, finish in others:
            values[place] = finish(raws[place])
        return Columns(points, values, units)

    if not exponents:
        return decode
    powers = [exponents.index(field.exponent) if field.exponent else None for field in fields]

    def decode_with_powers(pdu: bytes) -> Sequence[Reading]:
        raws = unpack(pdu)
        found = raws[len(fields) :]
        values = [
            finish(raw) if place is None else _raised(raw, found[place], finish)
            for finish, raw, place in zip(finishes, raws, powers, strict=False)
        ]
        return Columns(points, values, units)

    return decode_with_powers


def _place(read: Read, span: Span) -> int:
    """Offset of a register in the answer's PDU, which begins with function and byte count."""
    return 2 + 2 * (span.start - read.span.start)


def _raised(raw: Any, power: int, finish: Finish) -> Value:
    """The value of raw times ten to the power; SunSpec knows -10 to 10, 0x8000 says 'not implemented'."""
    if finish(raw) is None or not -10 <= power <= 10:
        return None
    return finish(raw * 10**power) if power >= 0 else finish(raw / 10**-power)
