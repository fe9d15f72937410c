"""The little of protocol buffers that a face needs: fields to bytes, and bytes back to fields."""

import struct
from collections.abc import Iterator

VARINT, DOUBLE, BYTES = 0, 1, 2
"""Wire types."""


def varint(number: int) -> bytes:
    """A number of at most 64 bits, seven bits a byte; a negative one as its two's complement."""
    number &= 0xFFFF_FFFF_FFFF_FFFF
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def whole(field: int, number: int) -> bytes:
    """A field that holds an integer or a truth."""
    return varint(field << 3 | VARINT) + varint(number)


def double(field: int, number: float) -> bytes:
    """A field that holds a float of 64 bits."""
    return varint(field << 3 | DOUBLE) + struct.pack("<d", number)


def block(field: int, content: bytes | str) -> bytes:
    """A field that holds text, bytes or a message."""
    raw = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | BYTES) + varint(len(raw)) + raw


def fields(data: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: integers as such, everything else as its bytes. Raises ValueError."""
    if isinstance(data, int):
        raise ValueError("an integer is no message")
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        match key & 7:
            case 0:
                number, place = _varint(data, place)
                yield key >> 3, number
                continue
            case 1:
                size = 8
            case 2:
                size, place = _varint(data, place)
            case 5:
                size = 4
            case kind:
                raise ValueError(f"there is no wire type {kind}")
        if place + size > len(data):
            raise ValueError("the message ends inside a field")
        yield key >> 3, data[place : place + size]
        place += size


def _varint(data: bytes, place: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("the message ends inside a number")
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a number has more than ten bytes")
