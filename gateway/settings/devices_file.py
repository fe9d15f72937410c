"""devices.csv: one row a device, as a utility exports it from a spreadsheet.

A spreadsheet that eats the zeros in front of an address, or turns twelve digits into 1.23E+11, is named with the row
and the remedy; what it does to the file as a whole is read as it is (`csv_file`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from drivers.api import LineSettings, Profile
from drivers.profile import BAUD_RATES
from drivers.registry import driver
from gateway.settings import csv_file
from gateway.settings.csv_file import Row
from gateway.settings.fault import Fault
from gateway.settings.models import Device, Line
from gateway.settings.own_profile import own_profile
from gateway.settings.profile_files import Profiles
from gateway.settings.shape import closest
from rules.area import DeviceKind

REQUIRED = ("device", "profile", "line", "address", "node")
OPTIONAL = (
    *("phases", "customer", "kind", "period_s", "timeout_s", "points"),
    *("baud", "parity", "stop_bits", "ct", "pt", "invert", "backup_s"),
)
COLUMNS = (*REQUIRED, *OPTIONAL)
KINDS = get_args(DeviceKind)

_MANGLED = re.compile(r"^\d(?:\.\d+)?E\+\d+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device stands."""

    file: Path
    line: int


@dataclass(frozen=True, slots=True)
class World:
    """What a row may refer to."""

    profiles: Profiles
    lines: Mapping[str, Line]
    nodes: frozenset[str] | None  # None: area.toml could not be read, so nothing is said about nodes
    own: dict[tuple[str, LineSettings, bool], Profile] = field(default_factory=dict)  # shared by devices that are alike


Say = Callable[[str, str], None]
"""Takes a column and what is wrong in it."""


def read(path: Path, world: World) -> tuple[list[Device], dict[str, Place], list[Fault]]:
    """All devices of good rows, where each of them stands, and all faults of the other rows."""
    rows, faults = csv_file.read(path, REQUIRED, COLUMNS)
    devices: list[Device] = []
    places: dict[str, Place] = {}
    for row in rows:
        device, own = _device(path, row, world)
        faults += own
        if device is not None and device.id not in places:
            devices.append(device)
            places[device.id] = Place(path, row.number)
    faults += _doubles(path, rows, world)
    if not rows and not faults:
        faults.append(Fault(path, 0, "", "holds no device. Add a row for each meter and terminal."))
    return devices, places, faults


def _device(path: Path, row: Row, world: World) -> tuple[Device | None, list[Fault]]:
    faults: list[Fault] = []

    def say(column: str, says: str) -> None:
        faults.append(Fault(path, row.number, column, says))

    for column in REQUIRED:
        if not row.cells.get(column):
            say(column, "is empty. Every device needs it.")
    if row.cells.get("device") and set(row.cells["device"]) & set("/+#"):
        say("device", f"{row.cells['device']!r} must not contain any of / + # (it becomes part of an MQTT topic).")
    _check_node(row, world, say)
    profile, line = _check_profile(row, world, say), _check_line(row, world, say)
    kind = _one_of(row, "kind", KINDS, profile.kind if profile else "meter", say)
    numbers, phases, invert = _numbers(row, say), _phases(row, kind, profile, say), _invert(row, profile, say)
    if profile is None or line is None:
        if profile is not None:
            _check_address(row, profile.protocol, say)
            _points(row, profile, say)
        return None, faults
    protocol = _protocol(profile, line, say)
    if protocol:
        _check_address(row, protocol, say)
    wire = _wire(row, profile.line, say)
    profile = world.own.setdefault((profile.name, wire, invert), own_profile(profile, wire, invert=invert))
    device = Device(
        id=row.cells.get("device", ""),
        profile=profile,
        driver=protocol,
        line=line.id,
        address=row.cells.get("address", ""),
        node=row.cells.get("node", ""),
        kind=kind,
        phases=phases,
        customer=row.cells.get("customer", ""),
        wire=wire,
        period_s=numbers.get("period_s", line.period_s),
        timeout_s=numbers.get("timeout_s", profile.timeout_s),
        points=_points(row, profile, say),
        ct=numbers.get("ct", 1.0),
        pt=numbers.get("pt", 1.0),
        backup_s=numbers.get("backup_s", 0.0),
    )
    return (device if not faults else None), faults


def _check_node(row: Row, world: World, say: Say) -> None:
    node = row.cells.get("node", "")
    if node and world.nodes is not None and node not in world.nodes:
        say("node", f"there is no node {node!r} in area.toml; {closest(node, sorted(world.nodes))}")


def _check_profile(row: Row, world: World, say: Say) -> Profile | None:
    name = row.cells.get("profile", "")
    if name and name not in world.profiles.good and name not in world.profiles.faulty:
        say("profile", f"there is no profile {name!r}; {closest(name, sorted(world.profiles.good))}")
    return world.profiles.good.get(name)


def _check_line(row: Row, world: World, say: Say) -> Line | None:
    name = row.cells.get("line", "")
    if name and name not in world.lines:
        say("line", f"there is no line {name!r} in gateway.toml; {closest(name, sorted(world.lines))}")
    return world.lines.get(name)


def _protocol(profile: Profile, line: Line, say: Say) -> str:
    """The driver that speaks to the device, '' when none can: a Modbus TCP endpoint frames in another way."""
    if not line.speaks_modbus_tcp:
        return profile.protocol
    if profile.protocol != "modbus":
        say("line", f"{line.id} is a Modbus TCP endpoint, the profile speaks {profile.protocol}. Use a tcp:// line.")
        return ""
    return "modbus-tcp"


def _check_address(row: Row, protocol: str, say: Say) -> None:
    address = row.cells.get("address", "")
    if _MANGLED.match(address):
        say("address", f"{address!r} was mangled by a spreadsheet. Format the column as text and enter it anew.")
        return
    try:
        says = driver(protocol).check_address(address) if address else ""
    except LookupError as error:
        says = str(error)
    if says:
        say("address", says)


def _phases(row: Row, kind: str, profile: Profile | None, say: Say) -> str:
    phases = row.cells.get("phases", "").upper()
    if kind == "sensor":
        if phases:
            say("phases", "a sensor is on no phase. Leave the cell empty, or write the kind of device that it is.")
        return ""
    phases = phases or "ABC"
    if phases not in ("A", "B", "C", "AB", "BC", "AC", "ABC"):
        say("phases", f"{phases!r} is not A, B, C, AB, BC, AC or ABC.")
    elif len(phases) > 1 and profile and "voltage" in profile.points and "voltage_a" not in profile.points:
        say("phases", f"{profile.name} measures one phase. Write A, B or C.")
    return phases


def _invert(row: Row, profile: Profile | None, say: Say) -> bool:
    invert = _one_of(row, "invert", ("yes", "no"), "no", say) == "yes"
    if invert and profile is not None and profile.protocol != "modbus":
        says = (
            f"turns the signs of Modbus devices only; {profile.name} speaks {profile.protocol}. Leave the cell empty."
        )
        say("invert", says)
    return invert


def _points(row: Row, profile: Profile, say: Say) -> tuple[str, ...]:
    points = tuple(row.cells.get("points", "").split())
    for point in points:
        if point not in profile.points:
            say("points", f"{profile.name} has no point {point!r}; {closest(point, list(profile.points))}")
    return points or tuple(profile.points)


def _wire(row: Row, default: LineSettings, say: Say) -> LineSettings:
    baud = _one_of(row, "baud", tuple(map(str, BAUD_RATES)), str(default.baud), say)
    parity = _one_of(row, "parity", ("none", "even", "odd"), default.parity, say)
    stop_bits = _one_of(row, "stop_bits", ("1", "2"), str(default.stop_bits), say)
    return LineSettings(
        baud=int(baud) if baud.isdigit() else default.baud,
        data_bits=default.data_bits,
        parity="even" if parity == "even" else "odd" if parity == "odd" else "none",
        stop_bits=2 if stop_bits == "2" else 1,
    )


def _one_of(row: Row, column: str, allowed: Sequence[str], default: str, say: Say) -> str:
    value = row.cells.get(column, "") or default
    if value not in allowed:
        say(column, f"{value!r} is not one of {', '.join(allowed)}.")
    return value


def _numbers(row: Row, say: Say) -> dict[str, float]:
    """The numeric columns that are filled in."""
    numbers: dict[str, float] = {}
    for column in ("period_s", "timeout_s", "ct", "pt", "backup_s"):
        if text := row.cells.get(column, ""):
            try:
                numbers[column] = float(text)
            except ValueError:
                say(column, f"{text!r} is no number. Write it with a point, such as 0.5.")
                continue
            none_is_fine = column == "backup_s" and numbers[column] == 0
            if not (none_is_fine or 0 < numbers[column] < 1e6):
                say(column, f"{text} is out of range: it must be more than 0 and less than 1000000.")
    return numbers


def _doubles(path: Path, rows: Iterable[Row], world: World) -> Iterator[Fault]:
    """A device that is named twice, or two devices of one protocol at one address of a line."""
    devices: dict[str, int] = {}
    places: dict[tuple[str, str, str], int] = {}
    for row in rows:
        name, line, address = (row.cells.get(column, "") for column in ("device", "line", "address"))
        if name and name in devices:
            yield Fault(path, row.number, "device", f"{name!r} stands in line {devices[name]} already. Rename one.")
        devices.setdefault(name, row.number)
        profile = world.profiles.good.get(row.cells.get("profile", ""))
        if profile is None or not address:
            continue
        place = (line, address, profile.protocol)
        if place in places:
            says = f"{address} on {line} is the device of line {places[place]} already. Two would answer at once."
            yield Fault(path, row.number, "address", says)
        places.setdefault(place, row.number)
