"""The registers of a simulated Modbus device: values in by the profile's points, words out by address."""

import math
import struct
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from drivers.api import Value
from drivers.errors import RequestError
from drivers.modbus.field import FORMATS, Field
from drivers.modbus.layout import Layout
from drivers.modbus.plan import Span

_EXPONENT = -2

_SUNS = 40000


class Memory:
    """Every register and bit that the profile names, and the holes that the device lets one read through."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._words: dict[str, dict[int, int]] = {}
        exponents = {field.exponent for field in layout.fields.values() if field.exponent}
        for span in sorted({field.span for field in layout.fields.values()} | exponents):
            table = self._words.setdefault(span.table, {})
            if table and 0 < span.start - max(table) <= layout.limits.max_gap + 1:
                table |= dict.fromkeys(range(max(table) + 1, span.start), 0)
            aligned = layout.limits.aligned(span.table, span.start, span.end)
            table |= dict.fromkeys(range(aligned.start, aligned.end), 0)
        for exponent in exponents:
            self._words[exponent.table][exponent.start] = _EXPONENT & 0xFFFF
        if layout.sunspec:
            self._words["holding"] = _chain(layout, self._words["holding"])

    def set(self, point: str, value: Value) -> None:
        """Hold this value for a point. Raises RequestError for a value that its registers cannot say."""
        field = self._layout.fields[point]
        if field.exponent and isinstance(value, int | float):
            self._make_room(field, field.exponent, value)
        try:
            words = self._encoded(field, value)
        except (struct.error, OverflowError, ValueError, TypeError) as error:
            raise RequestError(f"{point}: {field.point.format} registers cannot say {value!r}") from error
        self.write(self._on_wire(field.span), words)

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

    def _make_room(self, field: Field, exponent: Span, value: float) -> None:
        """Raise the exponent until the value fits, and bring the values that share it along."""
        sharing = [other for other in self._layout.fields.values() if other.exponent == exponent]
        held = {other.point.name: self._number_held(other) for other in sharing}
        largest = (1 << 16 * field.span.count - 1) - 1
        power = was = self._power(exponent)
        while abs(_unscaled(field, value)) > largest * 10.0**power:
            power += 1
        if power == was:
            return
        self.write(self._on_wire(exponent), [power & 0xFFFF])
        for other in sharing:
            words = self._encoded(other, held[other.point.name] * 10.0**was * other.point.scale + other.point.offset)
            self.write(self._on_wire(other.span), words)

    def _power(self, exponent: Span | None) -> int:
        word = self.read(self._on_wire(exponent))[0] if exponent else 0
        return word - 0x10000 if word & 0x8000 else word

    def _number_held(self, field: Field) -> int:
        return int(struct.unpack(f">{field.code}", self._natural(field))[0])

    def _on_wire(self, span: Span) -> Span:
        return replace(span, start=span.start + self._layout.sunspec_at) if self._layout.sunspec else span

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
            pattern = struct.pack(f">{code}", _raw_number(field, value, held, self._power(field.exponent)))
        wire = bytearray(2 * words)
        for byte, place in zip(pattern, field.order, strict=True):
            wire[place] = byte
        return list(struct.unpack(f">{words}H", wire))

    def _natural(self, field: Field) -> bytes:
        """What the value's registers hold, most significant byte first."""
        held = self.read(self._on_wire(field.span))
        wire = struct.pack(f">{len(held)}H", *held)
        return bytes(wire[place] for place in field.order)


def _chain(layout: Layout, model: Mapping[int, int]) -> dict[int, int]:
    """A SunSpec device's registers: the marker, a common model up to the wanted one's header, that one, the end."""
    at, end = layout.sunspec_at, max(model) + 1
    words = dict.fromkeys(range(_SUNS, at + end + 2), 0)
    words |= {_SUNS: 0x5375, _SUNS + 1: 0x6E53, _SUNS + 2: 1, _SUNS + 3: at - _SUNS - 4}
    words |= {at + register: word for register, word in model.items()}
    return words | {at: layout.sunspec[0], at + 1: end - 2, at + end: 0xFFFF}


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
