"""The contract between a driver and the gateway: two protocols and a few records.

A driver is found by the entry point group `taiqu.drivers`; the entry point's name is the protocol that profiles
name. It is a conversation of bytes, so it cannot open a port even if it wanted to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol, overload

Value = Decimal | float | int | str | None
"""What a device gave for a point; None says that it answered and holds no value."""


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a serial line has to be set while one device is spoken to."""

    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1

    @property
    def bits_per_byte(self) -> int:
        """Bits on the wire for one byte: start, data, parity, stop."""
        return 1 + self.data_bits + (self.parity != "none") + self.stop_bits

    def seconds(self, size: int) -> float:
        """Time that `size` bytes spend on the wire."""
        return size * self.bits_per_byte / self.baud


@dataclass(frozen=True, slots=True)
class Point:
    """One line of a profile: what to ask for and how to read the answer."""

    name: str  # from the catalogue of points: voltage_a, energy_import, ...
    where: str  # a data identifier, a register: the driver's own notation
    format: str  # how its bytes are read: the driver's own notation
    unit: str = ""  # unit of the value after scaling
    scale: float = 1.0  # value = raw * scale + offset
    offset: float = 0.0
    signed: bool = False
    options: Mapping[str, object] = field(default_factory=dict)  # keys that only this driver knows


@dataclass(frozen=True, slots=True)
class Vector:
    """Wire bytes that prove a profile: this answer must give these values."""

    origin: str  # where the bytes come from; 'constructed: ...' when no device sent them
    address: str
    reply: bytes
    expect: Mapping[str, Value]
    request: bytes = b""  # when given, the driver must ask with exactly these bytes


@dataclass(frozen=True, slots=True)
class Profile:
    """A device model as data. Adding a device is adding such a file."""

    name: str
    protocol: str
    title: str
    kind: str  # meter, ttu, ltu, sensor: what the device is to the rules
    points: Mapping[str, Point]
    line: LineSettings = LineSettings()
    timeout_s: float = 1.0  # from the last byte asked to the first byte answered
    pause_s: float = 0.0  # what the device needs between an answer and the next request
    options: Mapping[str, object] = field(default_factory=dict)  # keys that only this driver knows
    vectors: Sequence[Vector] = ()


class Reading(NamedTuple):
    """One value as the device gave it. It has no clock and no owner yet.

    A tuple, because it is made for every register that is ever read: a frozen dataclass costs twice as much to make.
    """

    point: str
    value: Value
    unit: str = ""


class Columns(Sequence[Reading]):
    """The readings of one answer, kept by column: a record is made only for who looks at one.

    Of a device with forty registers nobody looks at single readings, and making forty records for each poll would
    cost more than everything else that is done with them. A driver may just as well give a list.
    """

    __slots__ = ("points", "units", "values")

    def __init__(self, points: Sequence[str], values: Sequence[Value], units: Sequence[str]) -> None:
        self.points, self.values, self.units = points, values, units

    def __len__(self) -> int:
        return len(self.points)

    def __iter__(self) -> Iterator[Reading]:
        return map(Reading, self.points, self.values, self.units)

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Reading]: ...
    def __getitem__(self, index: int | slice) -> Reading | Sequence[Reading]:
        if isinstance(index, slice):
            return Columns(self.points[index], self.values[index], self.units[index])
        return Reading(self.points[index], self.values[index], self.units[index])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as a list

    def __repr__(self) -> str:
        return repr(list(self))


@dataclass(frozen=True, slots=True)
class Explanation:
    """One frame in words and figures, for people and for `taiqu frame --json`."""

    protocol: str
    raw: bytes
    summary: str  # one sentence a fitter understands
    fields: Mapping[
        str, object
    ]  # edition, direction, address, control, function, error, identifier, name, unit, values ...


class Conversation(Protocol):
    """One poll of one device, as a dialogue of bytes. It never touches a port."""

    @property
    def learned(self) -> frozenset[str]:
        """How the device wants to be spoken to, as far as is known now, in the driver's own words; may be empty.

        It takes the place of what was known before, is kept for a day and handed to the next `converse`.
        """

    def next_request(self) -> bytes | None:
        """Bytes to send now, or None when nothing is left to ask.

        A request that got no good answer is given again: calling once more is the retry.
        """

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        """Readings of a finished answer, or None while bytes are missing.

        Skips noise, echo and frames of others. Raises RefusedError when the device says no (the conversation then
        goes on with what is left) and BadReplyError for an answer of this device that cannot be used.
        """

    def give_up(self) -> None:
        """Drop the pending request, after silence or a bad answer, and go on with the next one."""


class Driver(Protocol):
    """A protocol. Stateless: what a device refused, and what was learned about it, is handed in as `refused`."""

    late_answers_are_harmless: bool
    """True when the protocol itself tells a late answer from the awaited one (transaction ids)."""

    def check(self, profile: Profile) -> Sequence[str]:
        """Faults of a profile, one sentence each with the point's name in front; empty when it can be used."""

    def check_address(self, address: str) -> str:
        """What is wrong with a device address and what it should look like; '' when nothing is."""

    def converse(
        self, profile: Profile, address: str, points: Sequence[str], refused: frozenset[str] = frozenset()
    ) -> Conversation:
        """Start one poll of these points, with as few frames as the device allows. Raises RequestError."""

    def explain(self, data: bytes) -> Sequence[Explanation]:
        """Every frame of this protocol in a stretch of bytes, in order. Never raises on any bytes."""
