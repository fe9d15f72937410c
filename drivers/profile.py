"""Reads profiles: TOML in, frozen records out. Every fault of a file is said at once."""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from importlib.resources import files
from typing import Any

from drivers.api import Driver, LineSettings, Point, Profile, Value, Vector
from drivers.errors import BadReplyError, RefusedError, RequestError

BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
KINDS = ("meter", "ttu", "ltu", "sensor")
SHORTEST_TIMEOUT_S, LONGEST_S = 0.01, 60.0
LARGEST = 1e15
"""Of a scale or an offset; the reciprocal is the smallest scale. A double holds so many digits."""

_POINT = {point.name for point in fields(Point)} - {"name", "options"}
_VECTOR = {"from", "address", "request", "reply", "expect"}
_PROFILE = {"protocol", "title", "kind", "points", "line", "timeout_s", "pause_s", "vectors"}


@dataclass(frozen=True, slots=True)
class ProfileFault:
    """One thing wrong with a profile: the keys that lead to it, and what to do."""

    path: tuple[str | int, ...]
    says: str


class ProfileError(Exception):
    """Every fault of one profile."""

    def __init__(self, name: str, faults: Sequence[ProfileFault]) -> None:
        super().__init__("\n".join(f"{name}: {'.'.join(map(str, fault.path))}: {fault.says}" for fault in faults))
        self.name = name
        self.faults = faults


def product_profiles() -> dict[str, str]:
    """The profiles that come with the product: TOML texts by name."""
    folder = files("drivers").joinpath("profiles")
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def read_profile(name: str, text: str) -> Profile:
    """One profile from its TOML text. Raises ProfileError; tomllib.TOMLDecodeError when it is no TOML at all."""
    table = tomllib.loads(text)
    faults = list(_shape_faults(table))
    if faults:
        raise ProfileError(name, faults)
    return Profile(
        name=name,
        protocol=table["protocol"],
        title=table["title"],
        kind=table.get("kind", "meter"),
        points={point: _point(point, row) for point, row in table["points"].items()},
        line=LineSettings(**table.get("line", {})),
        timeout_s=table.get("timeout_s", 1.0),
        pause_s=table.get("pause_s", 0.0),
        options={key: value for key, value in table.items() if key not in _PROFILE},
        vectors=tuple(_vector(row) for row in table.get("vectors", ())),
    )


def prove(driver: Driver, profile: Profile, vector: Vector) -> str:
    """Run one vector through the driver; '' when the profile gives what it should, else what it gave instead."""
    try:
        talk = driver.converse(profile, vector.address, list(vector.expect))
        asked = talk.next_request() or b""
        readings = talk.feed(vector.reply)
    except (BadReplyError, RefusedError, RequestError) as error:
        return str(error)
    if vector.request and asked != vector.request:
        return f"asks {asked.hex(' ')}, the vector says {vector.request.hex(' ')}"
    if readings is None:
        return "the reply is cut short, or is no answer to what the driver asks"
    got = {reading.point: reading.value for reading in readings}
    wrong = {point: got.get(point) for point, value in vector.expect.items() if not _same(got.get(point), value)}
    return "; ".join(f"{point} is {value}, expected {vector.expect[point]}" for point, value in wrong.items())


def _same(got: Value, expected: Value) -> bool:
    if isinstance(got, Decimal | float | int) and isinstance(expected, Decimal | float | int):
        return abs(float(got) - float(expected)) <= 1e-6 * max(1.0, abs(float(expected)))
    return got == expected


def _point(name: str, row: Mapping[str, Any]) -> Point:
    known = {key: value for key, value in row.items() if key in _POINT}
    return Point(name=name, **known, options={key: value for key, value in row.items() if key not in _POINT})


def _vector(row: Mapping[str, Any]) -> Vector:
    return Vector(
        origin=row["from"],
        address=row["address"],
        reply=bytes.fromhex(row["reply"]),
        expect={point: None if value == "none" else value for point, value in row["expect"].items()},
        request=bytes.fromhex(row.get("request", "")),
    )


def _shape_faults(table: Mapping[str, Any]) -> Iterator[ProfileFault]:
    for key in ("protocol", "title"):
        if not isinstance(table.get(key), str):
            yield ProfileFault((key,), f'write {key} = "..."')
    if table.get("kind", "meter") not in KINDS:
        yield ProfileFault(("kind",), f"{table['kind']!r} is not one of {', '.join(KINDS)}")
    for key, least in (("timeout_s", SHORTEST_TIMEOUT_S), ("pause_s", 0.0)):
        if key in table and not (_number(table[key]) and least <= table[key] <= LONGEST_S):
            yield ProfileFault((key,), f"must be a number of seconds from {least:g} to {LONGEST_S:g}")
    if not isinstance(table.get("points"), Mapping) or not table["points"]:
        yield ProfileFault(("points",), "a profile needs at least one [points.NAME]")
    else:
        yield from _point_faults(table["points"])
    yield from _line_faults(table.get("line", {}))
    yield from _vector_faults(table.get("vectors", []))


def _point_faults(points: Mapping[str, Any]) -> Iterator[ProfileFault]:
    wanted: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "where": (lambda value: isinstance(value, str), 'write where = "...", the driver\'s own notation'),
        "format": (lambda value: isinstance(value, str), 'write format = "...", the driver\'s own notation'),
        "unit": (lambda value: isinstance(value, str), "must be a text"),
        "scale": (_scale, f"must be a number, of 1e-15 to {LARGEST:g}"),
        "offset": (_number, "must be a number"),
        "signed": (lambda value: isinstance(value, bool), "must be true or false"),
    }
    defaults = {"unit": "", "scale": 1, "offset": 0, "signed": False}
    for name, row in points.items():
        if not isinstance(row, Mapping):
            yield ProfileFault(("points", name), "must be a table: [points.NAME] with where and format")
            continue
        for key, (good, says) in wanted.items():
            if not good(row.get(key, defaults.get(key))):
                yield ProfileFault(("points", name, key), says)


def _line_faults(line: Any) -> Iterator[ProfileFault]:
    if not isinstance(line, Mapping):
        yield ProfileFault(("line",), "must be a table: [line] with baud, data_bits, parity, stop_bits")
        return
    allowed: Mapping[str, tuple[object, ...]] = {
        "baud": BAUD_RATES,
        "data_bits": (7, 8),
        "parity": ("none", "even", "odd"),
        "stop_bits": (1, 2),
    }
    for key, value in line.items():
        if key not in allowed:
            yield ProfileFault(("line", key), f"unknown; known are {', '.join(allowed)}")
        elif value not in allowed[key]:
            yield ProfileFault(("line", key), f"{value!r} is not one of {', '.join(map(str, allowed[key]))}")


def _vector_faults(vectors: Any) -> Iterator[ProfileFault]:
    for index, row in enumerate(vectors if isinstance(vectors, list) else [vectors]):
        if not isinstance(row, Mapping):
            yield ProfileFault(("vectors", index), "must be a table: [[vectors]]")
            continue
        for key in row.keys() - _VECTOR:
            yield ProfileFault(("vectors", index, key), f"unknown; known are {', '.join(sorted(_VECTOR))}")
        for key in ("from", "address", "reply"):
            if not isinstance(row.get(key), str):
                yield ProfileFault(("vectors", index, key), f'write {key} = "..."')
        if not isinstance(row.get("expect"), Mapping) or not row["expect"]:
            yield ProfileFault(("vectors", index, "expect"), "write expect = { POINT = VALUE }")
        for key in ("reply", "request"):
            if not _hex(row.get(key, "")):
                yield ProfileFault(("vectors", index, key), 'must be bytes in hex, such as "68 12"')


def _number(value: Any) -> bool:
    """Infinity and what is no number are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _scale(value: Any) -> bool:
    return _number(value) and (value == 0 or abs(value) >= 1 / LARGEST)


def _hex(text: Any) -> bool:
    try:
        bytes.fromhex(text)
    except (TypeError, ValueError):
        return False
    return True
