"""One point of a Modbus profile, understood: which registers it needs and how a value comes out of them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from drivers.api import Point, Value
from drivers.errors import RequestError
from drivers.modbus.plan import BIT_TABLES, Span, read_span

FORMATS: dict[str, tuple[str, int]] = {
    "int16": ("h", 1),
    "uint16": ("H", 1),
    "int32": ("i", 2),
    "uint32": ("I", 2),
    "acc32": ("I", 2),
    "int64": ("q", 4),
    "uint64": ("Q", 4),
    "float32": ("f", 2),
    "float64": ("d", 4),
    "bcd16": ("H", 1),
    "bcd32": ("I", 2),
}
"""Format to struct code and registers. `bit`, for coils and discrete inputs, stands apart."""

POINT_OPTIONS = (
    "word_order",
    "byte_order",
    "none",
    "none_above",
    "bit",
    "mask",
    "nonzero",
    "values",
    "exponent",
)

_VALUES = "values must map raw numbers to numbers or words: { 0 = 1, 0xF0 = 0 } with the keys in quotes"

_HALF_STEP = 2.0**-25
"""Half the distance of two float32, as a part of their value, is never less."""

Finish = Callable[[Any], Value]
"""What makes a point's value of the number that struct unpacked."""


@dataclass(frozen=True, slots=True)
class Field:
    """A point with everything its decoding needs, worked out once per profile."""

    point: Point
    span: Span  # its own registers or bits
    needs: Span  # what one answer must hold: its own, and the register of its exponent
    code: str  # struct code of the value in natural byte order; '' for a bit
    order: tuple[int, ...]  # offsets of its bytes, most significant first
    finish: Finish
    missing: frozenset[int] = frozenset()  # raw numbers that mean 'no value'
    exponent: Span | None = None  # register of a signed power of ten, as SunSpec has it
    divisor: int = 0  # when dividing by it is all that `finish` does, as it is for most points of most meters


def read_field(point: Point, defaults: Mapping[str, object]) -> Field:
    """Understand one point. `defaults` are the profile's own options. Raises RequestError in words for a human."""
    options = {**{key: defaults[key] for key in ("word_order", "byte_order") if key in defaults}, **point.options}
    if unknown := sorted(set(options) - set(POINT_OPTIONS)):
        raise RequestError(f"unknown key {', '.join(unknown)}; known are {', '.join(POINT_OPTIONS)}")
    if point.signed:
        raise RequestError("signed = true is not for Modbus; write the format as int16, int32 or int64")
    if not point.scale:
        raise RequestError("scale = 0 makes every value 0")
    place = read_span(point.where)
    if place.count > 1:
        raise RequestError(f"where = {point.where!r}: the format says how many registers; leave out '+{place.count}'")
    if not isinstance(options.get("nonzero", True), bool):
        raise RequestError(f"nonzero = {options['nonzero']!r} must be true or false")
    if place.table in BIT_TABLES or point.format == "bit":
        return _bit_field(point, place, options)
    return _register_field(point, place, options, defaults)


def _bit_field(point: Point, place: Span, options: Mapping[str, object]) -> Field:
    if place.table not in BIT_TABLES:
        raise RequestError('format = "bit" is for coils and discrete inputs; a bit of a register is written bit = N')
    if point.format != "bit":
        raise RequestError(f'a {place.table} is one bit; write format = "bit"')
    if options.keys() - {"word_order", "byte_order", "values"}:
        raise RequestError(f"a {place.table} takes no option but values")
    return Field(point, place, place, "", (), _finish(point, options, frozenset()))


def _register_field(point: Point, place: Span, options: Mapping[str, object], defaults: Mapping[str, object]) -> Field:
    if point.format not in FORMATS:
        raise RequestError(f"format = {point.format!r} is not one of bit, {', '.join(FORMATS)}")
    code, words = FORMATS[point.format]
    span = read_span(f"{place.table} {place.start}+{words}")
    exponent = _exponent(options, place.table)
    needs = span
    if exponent:
        if span.covers(exponent):
            raise RequestError(f'exponent = "{exponent}" is a register of the value itself')
        first, end = min(span.start, exponent.start), max(span.end, exponent.end)
        needs = Span(place.table, first, end - first)
    missing = _missing(point.format, options, defaults)
    finish, order = _finish(point, options, missing), _order(words, options)
    more = missing or point.offset or {"bit", "mask", "nonzero", "values", "none_above"} & options.keys()
    divisor = 0 if more or point.format.startswith(("bcd", "float")) else _divisor(point.scale)
    return Field(point, span, needs, code, order, finish, missing, exponent, divisor)


def _exponent(options: Mapping[str, object], table: str) -> Span | None:
    if "exponent" not in options:
        return None
    exponent = read_span(str(options["exponent"]))
    if exponent.table != table or exponent.count != 1:
        raise RequestError(f'exponent = {options["exponent"]!r} must be one {table} register, such as "{table} 22"')
    return exponent


def _order(words: int, options: Mapping[str, object]) -> tuple[int, ...]:
    """Offsets of the value's bytes on the wire, most significant first."""
    word, byte = options.get("word_order", "big"), options.get("byte_order", "big")
    for key, order in (("word_order", word), ("byte_order", byte)):
        if order not in ("big", "little"):
            raise RequestError(f'{key} = {order!r}: write "big" (high part first) or "little" (low part first)')
    sequence = range(words) if word == "big" else range(words - 1, -1, -1)
    return tuple(2 * index + half for index in sequence for half in ((0, 1) if byte == "big" else (1, 0)))


def _missing(form: str, options: Mapping[str, object], defaults: Mapping[str, object]) -> frozenset[int]:
    """Raw numbers that mean 'no value', as struct gives them."""
    general = defaults.get("none", {})
    stated = options.get("none", general.get(form, []) if isinstance(general, Mapping) else [])
    return missing_numbers(form, stated)


def missing_numbers(form: str, stated: object) -> frozenset[int]:
    """Raw numbers of a format as a profile writes them, as struct gives them. Raises RequestError."""
    code, words = FORMATS[form]
    top = 1 << 16 * words
    try:
        # A text is taken too: TOML's own numbers end at 63 bits.
        patterns = [int(str(pattern), 0) for pattern in (stated if isinstance(stated, list) else [stated])]
    except ValueError:
        patterns = [-1]
    if not all(0 <= pattern < top for pattern in patterns):
        raise RequestError(f"none = {stated!r} must be the raw number as on the wire, such as 0x{'FFFF' * words}")
    if patterns and form.startswith("float"):
        raise RequestError("none is not for floats: NaN and infinity mean 'no value' by themselves")
    signed = code.islower()
    return frozenset(pattern - top if signed and pattern >= top >> 1 else pattern for pattern in patterns)


def _finish(point: Point, options: Mapping[str, object], missing: frozenset[int]) -> Finish:
    steps: list[Finish] = []
    if point.format.startswith("bcd"):
        steps.append(_from_bcd)
    if "bit" in options or "mask" in options:
        steps.append(_masked(point, options))
    if options.get("nonzero") is True:
        steps.append(lambda raw: int(raw != 0))
    if "values" in options:
        steps.append(_enumeration(point, options["values"]))
    elif point.scale != 1 or point.offset:
        steps.append(_scaled(point.scale, point.offset))
    convert = _one_after_another(steps)
    above = _limit(options.get("none_above"))
    if point.format == "float32":
        return lambda raw: convert(_shortest(raw)) if math.isfinite(raw) and raw <= above else None
    if point.format == "float64":
        return lambda raw: convert(raw) if math.isfinite(raw) and raw <= above else None
    if missing or above < math.inf:
        return lambda raw: convert(raw) if raw not in missing and raw <= above else None
    return convert


def _shortest(raw: float) -> float:
    """The decimal that a meter meant: 230.1 for the float32 that is 230.10000610351562 in full.

    Seven digits where they are nearer to it than half the step to the next float32, else nine, which always are.
    """
    short = float(f"{raw:.7g}")
    return short if abs(short - raw) <= abs(raw) * _HALF_STEP else float(f"{raw:.9g}")


def _one_after_another(steps: Sequence[Finish]) -> Finish:
    """Most points need one step or none; they run once for every value that is ever read."""
    if not steps:
        return lambda raw: raw
    if len(steps) == 1:
        return steps[0]

    def convert(raw: Any) -> Value:
        for step in steps:
            raw = step(raw)
            if raw is None:
                break
        return cast("Value", raw)

    return convert


def _limit(stated: object) -> float:
    if stated is None:
        return math.inf
    if isinstance(stated, bool) or not isinstance(stated, int | float) or not -math.inf < stated < math.inf:
        raise RequestError(f"none_above = {stated!r} must be a raw number")
    return stated


def _scaled(scale: float, offset: float) -> Finish:
    """2305 * 0.1 is 230.50000000000003, 2305 / 10 is 230.5: a scale that divides is used as a divisor."""
    if divisor := _divisor(scale):
        return (lambda raw: raw / divisor + offset) if offset else (lambda raw: raw / divisor)
    return lambda raw: raw * scale + offset


def _divisor(scale: float) -> int:
    """The whole number whose reciprocal the scale is; 0 when there is none, and for 1."""
    divisor = round(1 / scale) if abs(scale) < 1 else 0
    return divisor if divisor and 1 / divisor == scale else 0


def _from_bcd(raw: Any) -> Value:
    digits = f"{raw:x}"
    return int(digits) if digits.isdecimal() else None


def _masked(point: Point, options: Mapping[str, object]) -> Finish:
    if point.format not in ("uint16", "uint32"):
        raise RequestError("bit and mask need the format uint16 or uint32")
    bits = 16 * FORMATS[point.format][1]
    bit, mask = options.get("bit"), options.get("mask")
    if (bit is None) == (mask is None):
        raise RequestError("bit or mask, not both")
    if bit is not None:
        if isinstance(bit, bool) or not isinstance(bit, int) or not 0 <= bit < bits:
            raise RequestError(f"bit = {bit!r} must be 0..{bits - 1}, bit 0 is the lowest")
        mask = 1 << bit
    if isinstance(mask, bool) or not isinstance(mask, int) or not 0 < mask < 1 << bits:
        raise RequestError(f"mask = {mask!r} must be a number with bits in it, such as 0x00FF")
    wanted, shift = mask, (mask & -mask).bit_length() - 1
    return lambda raw: (raw & wanted) >> shift


def _enumeration(point: Point, table: object) -> Finish:
    """Raw number to what it means; a number that the table does not know is no value."""
    if not isinstance(table, Mapping) or not table or point.format.startswith("float"):
        raise RequestError(_VALUES)
    if point.scale != 1 or point.offset:
        raise RequestError("values say what each number means; leave out scale and offset")
    code, words = FORMATS.get(point.format, ("?", 0))
    top = 1 << 16 * words if words else 2
    numbers = range(-top // 2, top // 2) if code.islower() else range(top)
    meaning: dict[int, Value] = {}
    for key, value in table.items():
        raw = _raw_number(key)
        if raw not in numbers:
            raise RequestError(f"values: {key} is no number that {point.format} can be")
        if raw in meaning:
            raise RequestError(f"values: {key} stands there twice: it is {raw}")
        if not _is_meaning(value):
            raise RequestError(_VALUES)
        meaning[raw] = value
    return meaning.get


def _raw_number(key: object) -> int:
    try:
        return int(str(key), 0)
    except ValueError as error:
        raise RequestError(_VALUES) from error


def _is_meaning(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int | str) and not isinstance(value, bool)
