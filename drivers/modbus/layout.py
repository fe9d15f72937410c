"""A Modbus profile, understood and checked: its fields, the device's limits, and every fault in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from drivers.api import Profile
from drivers.errors import RequestError
from drivers.modbus.field import FORMATS, Field, missing_numbers, read_field
from drivers.modbus.plan import MOST_PLACES, Limits
from drivers.modbus.switch import switch_faults

PROFILE_OPTIONS = (
    "max_registers",
    "max_gap",
    "alignment",
    "word_order",
    "byte_order",
    "none",
    "sunspec",
    "sunspec_at",
    "switch",
    "notes",
    "source",
)

USUAL_SUNSPEC_PLACE = 40070
"""Behind the marker `SunS` and a common model of 66 registers, beginning at 40000."""

DEVICE_LATENCY_S = 0.03
"""What a slave thinks before it answers, where nobody measured it: usual meters take 20 to 50 ms."""

_BY_MEANING = {"values", "nonzero"}
"""What makes two points of one number: each says something else of it."""

RTU_OVERHEAD_BYTES = 8 + 5 + 7
"""A read request, an answer without its registers, and two silences of 3.5 characters."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a driver needs to know of a profile."""

    fields: Mapping[str, Field]
    limits: Limits
    sunspec: tuple[int, ...] = ()  # models whose header the fields count from; empty: wire addresses
    sunspec_at: int = 0  # where that header usually stands


def read_layout(profile: Profile, *, on_tcp: bool) -> Layout:
    """The profile's layout. Raises RequestError with every fault, a line each."""
    if faults := list(layout_faults(profile)):
        raise RequestError("\n".join(faults))
    fields = {name: read_field(point, profile.options) for name, point in profile.points.items()}
    limits = _limits(profile, on_tcp=on_tcp)
    if "sunspec" not in profile.options:
        return Layout(fields, limits)
    # A model has no holes that refuse to be read, and the read that holds its header comes first.
    whole = replace(limits, max_gap=limits.max_registers, request_price=1e6)
    return Layout(fields, whole, _models(profile), _usual_place(profile))


def layout_faults(profile: Profile) -> Iterator[str]:
    """Every fault of the profile: one sentence each, the point's name in front."""
    stated = list(_option_faults(profile))
    yield from stated
    if profile.line.data_bits != 8:
        yield "line: Modbus RTU has 8 data bits; leave out data_bits"
    limits = Limits() if stated else _limits(profile, on_tcp=False)
    base = _usual_place(profile) if "sunspec" in profile.options and not stated else 0
    fields: list[Field] = []
    for name, point in profile.points.items():
        try:
            field = read_field(point, profile.options)
        except RequestError as error:
            yield f"{name}: {error}"
            continue
        fields.append(field)
        yield from (f"{name}: {says}" for says in _limit_faults(field, limits, base))
    yield from _overlaps(fields)


def _option_faults(profile: Profile) -> Iterator[str]:
    for key in profile.options:
        if key not in PROFILE_OPTIONS:
            yield f"{key}: unknown key of a Modbus profile; known are {', '.join(PROFILE_OPTIONS)}"
    for key, low, high in (("max_registers", 1, 125), ("max_gap", 0, 124), ("alignment", 1, 125)):
        value = profile.options.get(key, low)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            yield f"{key}: {value!r} must be a whole number from {low} to {high}"
    yield from _sunspec_faults(profile)
    yield from switch_faults(profile)
    yield from _missing_faults(profile.options.get("none", {}))
    notes = profile.options.get("notes", [])
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        yield 'notes: must be a list of sentences: ["..."]'
    if not isinstance(profile.options.get("source", ""), str):
        yield 'source: write source = "..."'


def _missing_faults(general: object) -> Iterator[str]:
    if not isinstance(general, Mapping) or any(form not in FORMATS for form in general):
        yield f"none: {general!r} must name formats and the raw number that means 'no value': {{ int16 = 0x8000 }}"
        return
    for form, stated in general.items():
        try:
            missing_numbers(form, stated)
        except RequestError as error:
            yield f"none: {form}: {error}"


def _sunspec_faults(profile: Profile) -> Iterator[str]:
    if "sunspec" not in profile.options:
        if "sunspec_at" in profile.options:
            yield "sunspec_at: means nothing without sunspec = [201, 202, 203]"
        return
    if not _models(profile):
        yield f"sunspec: {profile.options['sunspec']!r} must be a list of model numbers, such as [201, 202, 203]"
    if not 0 <= _usual_place(profile) <= 0xFF00:
        yield f"sunspec_at: {profile.options['sunspec_at']!r} must be a register, such as {USUAL_SUNSPEC_PLACE}"
    for name, point in profile.points.items():
        if not point.where.startswith("holding "):
            yield f'{name}: a SunSpec register is written "holding N", N counted from the model\'s header'


def _models(profile: Profile) -> tuple[int, ...]:
    """The models that are named; none when one of them cannot be one."""
    stated = profile.options.get("sunspec")
    models = tuple(stated) if isinstance(stated, list) else ()
    return models if all(type(model) is int and 0 < model < 0xFFFF for model in models) else ()


def _usual_place(profile: Profile) -> int:
    stated = profile.options.get("sunspec_at", USUAL_SUNSPEC_PLACE)
    return stated if type(stated) is int else -1


def _limits(profile: Profile, *, on_tcp: bool) -> Limits:
    stated = {key: profile.options[key] for key in ("max_registers", "max_gap", "alignment") if key in profile.options}
    # On TCP a register costs nothing that anybody could measure, a request costs a round trip.
    price = 1e6
    if not on_tcp:
        waits = DEVICE_LATENCY_S + profile.pause_s
        price = (RTU_OVERHEAD_BYTES + waits / profile.line.seconds(1)) / 2
    return Limits(**stated, request_price=price)  # type: ignore[arg-type]  # _option_faults has looked at them


def _limit_faults(field: Field, limits: Limits, base: int) -> Iterator[str]:
    longest = limits.longest(field.needs.table)
    read = limits.aligned(field.needs.table, field.needs.start, field.needs.end)
    if read.count > longest:
        what = "the value and its exponent lie" if field.exponent else f"{field.point.format} is"
        aligned = f", read in multiples of {limits.alignment}" if read.count > field.needs.count else ""
        yield f"{what} {read.count} registers long{aligned}, the device gives at most {longest} in one answer"
    elif base + read.end > MOST_PLACES:
        yield f"{field.point.where} lies so far up that its read would end beyond the last register, {MOST_PLACES - 1}"
    if read.start != field.needs.start:
        yield f"{field.point.where} is not a multiple of {limits.alignment}, which is this profile's alignment"


def _overlaps(fields: list[Field]) -> Iterator[str]:
    """Two values that share registers cut each other; parts of one register (bit, mask) are meant to share it."""
    ordered = sorted(fields, key=lambda field: (field.span.table, field.span.start))
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if one.span.table != other.span.table or other.span.start >= one.span.end:
                break
            if one.span != other.span:
                yield f"{other.point.name}: {other.span} cuts {one.point.name}, which is {one.span}"
            elif says := _twice(one, other):
                yield f"{other.point.name}: reads {says} {one.point.name} ({one.span})"


def _twice(one: Field, other: Field) -> str:
    """What two points of the same registers read both; '' when each reads something of its own."""
    first, second = one.point.options, other.point.options
    if _BY_MEANING & {*first, *second}:
        same = (first, one.point.format) == (second, other.point.format)
        return "the same registers as" if same else ""
    bits, others = _bits(first), _bits(second)
    if bits and others:
        return f"bits 0x{bits & others:X} again, as" if bits & others else ""
    return "" if bits or others else "the same registers as"


def _bits(options: Mapping[str, object]) -> int:
    """The bits of its registers that a point reads; 0: all of them."""
    bit, mask = options.get("bit"), options.get("mask")
    return 1 << bit if isinstance(bit, int) else mask if isinstance(mask, int) else 0
