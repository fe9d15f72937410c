"""The formats of DL/T 645 data: bytes of a field to an exact value, and back.

Notation, highest digit first as the standard writes it:
    XXX.X             packed BCD, a decimal; `-XXX.X` or signed: the top bit is the sign
    NNNN              digits that are a name, not a number: kept as text (addresses, codes, status words)
    YYMMDDhhmmss ...  a time in any of the standard's parts, given in ISO 8601
    bit 4             one bit of a little-endian status word of two bytes
    binary            an unsigned binary number of one byte
    text, text 6      ASCII, sent last character first; as long as the data, or of six bytes
    bytes, bytes 4    what nobody knows how to read, as hex in the order of the wire
None stands for 'no value': all bytes FF, or digits that are none.
"""

import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import cache
from typing import Protocol

from drivers.api import Value
from drivers.dlt645.moment import Moment
from drivers.errors import RequestError


class Format(Protocol):
    """How the bytes of one field are read and written."""

    @property
    def size(self) -> int:
        """Bytes on the wire; 0 when the field takes all that is left."""

    def read(self, data: bytes) -> Value:
        """The value, None when the device says that it holds none. Never raises."""

    def write(self, value: Value) -> bytes:
        """The bytes of a value; FF for None. Raises RequestError when the format cannot hold it."""


@dataclass(frozen=True, slots=True)
class Number:
    """Packed BCD, low byte first."""

    digits: int
    decimals: int
    signed: bool
    size: int = field(init=False)
    _unit: Decimal = field(init=False)  # of the last digit

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", self.digits // 2)
        object.__setattr__(self, "_unit", Decimal(1).scaleb(-self.decimals))

    @property
    def largest(self) -> Decimal:
        """The largest value that the digits hold; the sign takes the top bit of the first."""
        return Decimal((8 if self.signed else 10) * 10 ** (self.digits - 1) - 1).scaleb(-self.decimals)

    def read(self, data: bytes) -> Decimal | None:
        sign = 1
        if self.signed and data[-1] & 0x80:
            data = data[:-1] + bytes([data[-1] & 0x7F])
            sign = -1
        try:
            number = int(data[::-1].hex())
        except ValueError:  # a digit above nine; FF too
            return None
        return self._unit * (sign * number)

    def write(self, value: Value) -> bytes:
        if value is None:
            return b"\xff" * self.size
        try:
            number = Decimal(str(value)).scaleb(self.decimals).to_integral_value(ROUND_HALF_EVEN)
            magnitude = int(abs(number))
        except (InvalidOperation, ValueError, OverflowError) as error:
            raise RequestError(f"{value!r} is no number") from error
        if magnitude >= (8 if self.signed else 10) * 10 ** (self.digits - 1) or (number < 0 and not self.signed):
            raise RequestError(f"{value} does not fit {self.digits} digits with {self.decimals} decimals")
        data = bytearray.fromhex(f"{magnitude:0{self.digits}d}")[::-1]
        if number < 0:
            data[-1] |= 0x80
        return bytes(data)


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits kept as text: their leading zeros belong to them."""

    size: int

    def read(self, data: bytes) -> str | None:
        return None if data.count(0xFF) == len(data) else data[::-1].hex().upper()

    def write(self, value: Value) -> bytes:
        if value is None:
            return b"\xff" * self.size
        try:
            data = bytes.fromhex(str(value))[::-1]
        except ValueError as error:
            raise RequestError(f"{value!r} is not {self.size * 2} digits") from error
        if len(data) != self.size:
            raise RequestError(f"{value!r} is not {self.size * 2} digits")
        return data


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit of a word of two bytes, low byte first."""

    place: int
    size: int = 2

    def read(self, data: bytes) -> int | None:
        return None if data == b"\xff\xff" else int.from_bytes(data, "little") >> self.place & 1

    def write(self, value: Value) -> bytes:
        return (int(bool(value)) << self.place).to_bytes(2, "little")


@dataclass(frozen=True, slots=True)
class Binary:
    """One byte, binary."""

    size: int = 1

    def read(self, data: bytes) -> int:
        return data[0]

    def write(self, value: Value) -> bytes:
        try:
            return bytes([int(str(value))])
        except ValueError as error:
            raise RequestError(f"{value!r} is not a number from 0 to 255") from error


@dataclass(frozen=True, slots=True)
class Text:
    """ASCII, last character first, filled up with zeros."""

    size: int = 0

    def read(self, data: bytes) -> str | None:
        if data.count(0xFF) == len(data):
            return None
        return data[::-1].decode("ascii", "replace").strip("\0 ")

    def write(self, value: Value) -> bytes:
        data = str(value or "").encode("ascii", "replace")
        if self.size and len(data) > self.size:
            raise RequestError(f"{value!r} is longer than {self.size} characters")
        return data[::-1].rjust(self.size, b"\0")


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes nobody knows how to read, in the order of the wire."""

    size: int = 0

    def read(self, data: bytes) -> str:
        return data.hex(" ").upper()

    def write(self, value: Value) -> bytes:
        try:
            data = bytes.fromhex(str(value or ""))
        except ValueError as error:
            raise RequestError(f"{value!r} is not bytes in hex") from error
        if self.size and len(data) != self.size:
            raise RequestError(f"{value!r} is not {self.size} bytes")
        return data


def without_separators(data: bytes, size: int) -> bytes:
    """The items of a block without the AA that some meters put between them; AA is no byte of a number."""
    separators = data[size :: size + 1]
    if not separators or separators.strip(b"\xaa") or len(data) % (size + 1) not in (0, size):
        return data
    return b"".join(data[start : start + size] for start in range(0, len(data), size + 1))


_NUMBER = re.compile(r"(-?)(X+)(?:\.(X+))?")
_SIZED = re.compile(r"(text|bytes|bit) ?(\d*)")


@cache
def parse_format(notation: str, signed: bool = False) -> Format:
    """The format of a notation. Raises RequestError with what would be right."""
    if match := _NUMBER.fullmatch(notation):
        minus, whole, fraction = match[1], match[2], match[3] or ""
        digits = len(whole) + len(fraction)
        if digits % 2:
            raise RequestError(f"format {notation!r} has {digits} digits; bytes hold them in pairs")
        return Number(digits, len(fraction), signed or bool(minus))
    if signed:
        raise RequestError(f"format {notation!r} has no sign; only numbers such as XXX.X can be signed")
    if notation and not notation.strip("N") and len(notation) % 2 == 0:
        return Digits(len(notation) // 2)
    if (moment := Moment.of(notation)) is not None:
        return moment
    if notation == "binary":
        return Binary()
    if match := _SIZED.fullmatch(notation):
        return _sized(match[1], match[2], notation)
    raise RequestError(f"format {notation!r} is not known; formats look like XXX.X, NNNN, YYMMDDhhmm, bit 4, text")


def _sized(kind: str, number: str, notation: str) -> Format:
    if kind == "bit":
        if not number or int(number) > 15:
            raise RequestError(f"format {notation!r}: a status word has bit 0 to bit 15")
        return Bit(int(number))
    return Text(int(number or 0)) if kind == "text" else Raw(int(number or 0))
