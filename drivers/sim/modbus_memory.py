"""The registers of a simulated Modbus device: values in by the profile's points, words out by address."""

import math
import struct
from collections.abc import Mapping
from decimal import Decimal

from drivers.api import Value
from drivers.errors import RequestError
from drivers.modbus.field import FORMATS, Field
from drivers.modbus.layout import Layout
from drivers.modbus.plan import Span

_USUAL_EXPONENT = -2


class Memory:
    """Every register and bit that the profile names, and the holes that the device lets one read through."""

    def __init__(self, layout: Layout) -> None:
        self._fields = layout.fields
        self._words: dict[str, dict[int, int]] = {}
        spans = sorted({field.span for field in layout.fields.values()} | _exponents(layout))
        for span in spans:
            table = self._words.setdefault(span.table, {})
            if table and 0 < span.start - max(table) <= layout.limits.max_gap + 1:
                table |= dict.fromkeys(range(max(table) + 1, span.start), 0)
            aligned = layout.limits.aligned(span.table, span.start, span.end)
            table |= dict.fromkeys(range(aligned.start, aligned.end), 0)
        for exponent in _exponents(layout):
            self._words[exponent.table][exponent.start] = _USUAL_EXPONENT & 0xFFFF

    def set(self, point: str, value: Value) -> None:
        """Hold this value for a point. Raises RequestError for a value that its registers cannot say."""
        field = self._fields[point]
        try:
            words = self._encoded(field, value)
        except (struct.error, OverflowError, ValueError, TypeError) as error:
            raise RequestError(f"{point}: {field.point.format} registers cannot say {value!r}") from error
        for index, word in enumerate(words):
            self._words[field.span.table][field.span.start + index] = word

    def knows(self, span: Span) -> bool:
        """Whether all of these may be read."""
        table = self._words.get(span.table, {})
        return all(address in table for address in range(span.start, span.end))

    def read(self, span: Span) -> list[int]:
        """The words, or the bits as 0 and 1. Raises KeyError where the device has none."""
        table = self._words[span.table]
        return [table[address] for address in range(span.start, span.end)]

    def write(self, span: Span, words: list[int]) -> None:
        self._words[span.table] |= dict(zip(range(span.start, span.end), words, strict=True))

    def _encoded(self, field: Field, value: Value) -> list[int]:
        if not field.code:
            return [_raw_number(field, value, 0)]
        code, words = field.code, field.span.count
        if value is None:
            pattern = _missing(field)
        elif code in "fd":
            pattern = struct.pack(f">{code}", _unscaled(field, value))
        else:
            held = int.from_bytes(self._natural(field), "big")
            exponent = self.read(field.exponent)[0] if field.exponent else 0
            power = exponent - 0x10000 if exponent & 0x8000 else exponent
            pattern = struct.pack(f">{code}", _raw_number(field, value, held, power))
        wire = bytearray(2 * words)
        for byte, place in zip(pattern, field.order, strict=True):
            wire[place] = byte
        return list(struct.unpack(f">{words}H", wire))

    def _natural(self, field: Field) -> bytes:
        """What the value's registers hold, most significant byte first."""
        held = self.read(field.span)
        wire = struct.pack(f">{len(held)}H", *held)
        return bytes(wire[place] for place in field.order)


def _exponents(layout: Layout) -> set[Span]:
    return {field.exponent for field in layout.fields.values() if field.exponent}


def _number(value: Value) -> float:
    if isinstance(value, str) or value is None:
        raise ValueError(value)
    return float(value) if isinstance(value, Decimal) else value


def _unscaled(field: Field, value: Value) -> float:
    return (_number(value) - field.point.offset) / field.point.scale


def _raw_number(field: Field, value: Value, held: int, power: int = 0) -> int:
    """The whole number that says the value; `held` keeps the other bits of a shared register."""
    options = field.point.options
    table = options.get("values")
    if isinstance(table, Mapping):
        raw = next((int(str(key), 0) for key, meaning in table.items() if meaning == value), -1)
        if raw < 0:
            raise ValueError(value)
    else:
        raw = round(_unscaled(field, value) / 10.0**power)
    if field.point.format.startswith("bcd"):
        return int(str(raw), 16)
    mask = 1 << int(str(options["bit"])) if "bit" in options else options.get("mask")
    if isinstance(mask, int):
        return held & ~mask | raw << (mask & -mask).bit_length() - 1 & mask
    return raw


def _missing(field: Field) -> bytes:
    """The bytes that say 'no value'. Raises ValueError for a point that has no way to say so."""
    words = FORMATS[field.point.format][1]
    if field.code in "fd":
        return struct.pack(f">{field.code}", math.nan)
    if field.missing:
        return (min(field.missing) & (1 << 16 * words) - 1).to_bytes(2 * words, "big")
    raise ValueError(None)
