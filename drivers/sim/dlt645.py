"""A simulated DL/T 645 meter: made of a profile, speaks the driver's own codec with the roles swapped."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from drivers.api import Point, Profile, Value
from drivers.dlt645.catalog import find, members
from drivers.dlt645.frame import (
    EVERYONE,
    FROM_SLAVE,
    LONGEST_READ,
    MORE,
    READ,
    READ_1997,
    READ_ADDRESS,
    READ_NEXT,
    READ_NEXT_1997,
    REFUSED,
    WAKE,
    Frame,
    FrameBuffer,
    encode,
)
from drivers.dlt645.functions import NAMES_1997, NAMES_2007
from drivers.dlt645.manner import EDITIONS, points_of
from drivers.dlt645.poll import accepts
from drivers.dlt645.services.write import KEPT_POWERED, RELAY_OPEN, RELAY_TOLD_OPEN
from drivers.dlt645.value import Format, Number, parse_format
from drivers.sim.dlt645_commands import Commands, No
from drivers.sim.dlt645_habits import USUAL, Habits
from drivers.sim.dlt645_memory import Memory

WRITE_ADDRESS, SECURITY = 0x15, 0x03
NOT_IDENTIFIED = b"\x08\x00"  # 03H refuses with a word of its own: there is no security module to identify oneself to
NO_SUCH_DATA = 0x02  # the error bit, the same in both editions
ENERGIES = ("energy_", "reactive_energy_")
STATUS_3 = "04000503"
PASSWORDS = {"02": "000000", "04": "000000"}  # by level, as meters are delivered


class SimulatedMeter:
    """Answers as a good meter does: its own address, wildcards with its real address, blocks, long answers in parts.

    It is silent to broken frames, to other addresses, to the broadcast address and to answers of other meters. Its
    `clock` knob, or `advance`, tells it the time; from then on it records events, freezes and a load profile, and
    obeys commands that come with its password.
    """

    def __init__(
        self,
        profile: Profile,
        address: str,
        values: Mapping[str, Value] | None = None,
        passwords: Mapping[str, str] = PASSWORDS,
        habits: Habits = USUAL,
    ) -> None:
        self.address = address
        self.memory = Memory(self.data, self._count)
        self.commands = Commands(
            self.memory, dict(passwords), clear_demand=self._clear_demand, clear_meter=self._clear_energies
        )
        self.commands.lock_after = habits.lock_after
        self._habits = habits
        self._awake = not habits.needs_preamble
        self._powered = True
        told = str(profile.options.get("edition", "2007"))
        edition = habits.edition or (told if told in EDITIONS else "2007")
        self._points = points_of(profile, edition)
        self._held: dict[str, bytes] = {}  # by point: its bytes as they go on the wire
        self._by_identifier: dict[str, list[Point]] = {}
        self._parts: dict[str, tuple[Point, int, int]] = {}  # by identifier: where its bytes begin and end
        for point in self._points.values():
            self._note(point)
        self._digits = EDITIONS[edition] // 2
        self._functions = (READ_1997, READ_NEXT_1997) if self._digits == 2 else (READ, READ_NEXT)
        self._rest: dict[bytes, bytes] = {}  # by identifier: what the next frames will give
        self._buffer = FrameBuffer()
        for name in self._points:
            self.set(name, None)
        for name, value in (values or {}).items():
            self.set(name, value)

    def _note(self, point: Point) -> None:
        """Remember under which identifiers the point is given, whole and in parts."""
        parts, start = point.options.get("parts", []), 0
        for part in parts if isinstance(parts, list) else []:
            item = find(part)
            size = item.size if item else 0
            self._parts[part] = (point, start, start + size)
            start += size
        if point.where not in self._parts:
            self._by_identifier.setdefault(point.where.upper(), []).append(point)

    @property
    def powered(self) -> bool:
        return self._powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self._powered = on
        self.memory.supply(on)

    def set(self, point: str, value: Value) -> None:
        """From now on the meter holds this value; None: it has none. A number too large stays at the last digit."""
        if point not in self._points:
            raise LookupError(f"meter {self.address}: the profile has no point {point!r}")
        if point == "clock" and value is not None:
            self.advance(datetime.fromisoformat(str(value)))
        if self._habits.counts and point.startswith(ENERGIES) and value is not None:
            self.memory.registers.energies[point] = Decimal(str(value))
        self._hold(point, value)

    def advance(self, now: datetime) -> None:
        """Tell it the time of day, for meters whose profile has no clock."""
        self.memory.advance(now)

    def _hold(self, point: str, value: Value) -> None:
        known = self._points[point]
        how = parse_format(known.format, known.signed)
        zero = value is None and self._habits.absent == "00" and isinstance(how, Number)
        self._held[point] = how.write(Decimal(0) if zero else _raw(known, how, value))

    def answer(self, heard: bytes) -> bytes:
        if not self._awake:
            begin = heard.find(WAKE)
            if begin < 0:
                return b""
            heard, self._awake = heard[begin:], True
        said = self._answer(heard)
        self._awake = self._awake and not (said and self._habits.needs_preamble)
        return said

    def _answer(self, heard: bytes) -> bytes:
        self._buffer.feed(heard)
        said = b""
        while frame := self._buffer.next_frame(self._is_meant):
            if self.powered and self._is_meant(frame) and (reply := self._reply(frame)):
                said += encode(reply)
        return said

    def _is_meant(self, frame: Frame) -> bool:
        return not frame.from_slave and (accepts(frame.address, self.address) or frame.address == EVERYONE)

    def _reply(self, frame: Frame) -> Frame | None:
        read, read_next = self._functions
        if frame.address == EVERYONE:
            self.commands.execute(frame.function, frame.data)
            return None
        if frame.function == read and len(frame.data) >= self._digits:
            return self._first(frame)
        if frame.function == read_next and frame.data[: self._digits] in self._rest:
            return self._next(frame)
        if frame.function == READ_ADDRESS and self._digits == 4 and not frame.data:
            return Frame(self.address, READ_ADDRESS | FROM_SLAVE, bytes.fromhex(self.address)[::-1])
        if frame.function == WRITE_ADDRESS and self._digits == 4:
            return self._renamed(frame)
        if frame.function not in (NAMES_1997 if self._digits == 2 else NAMES_2007):
            return None  # another edition, or a vendor's own
        do = self.commands.execute_1997 if self._digits == 2 else self.commands.execute
        done = do(frame.function, frame.data)
        if isinstance(done, No):
            return self._refusal(frame, done.word)
        return None if done is None else Frame(self.address, frame.function | FROM_SLAVE, done)

    def _renamed(self, frame: Frame) -> Frame | None:
        """A new address; the answer comes from it. No password is asked for: who can reach one meter alone may."""
        address = frame.data[::-1].hex().upper()
        if len(frame.data) != 6 or not address.isdecimal() or address == EVERYONE:
            return None
        self.address = address
        return Frame(address, WRITE_ADDRESS | FROM_SLAVE)

    def _refusal(self, frame: Frame, word: int = NO_SUCH_DATA) -> Frame:
        words = NOT_IDENTIFIED if frame.function == SECURITY and self._digits == 4 else bytes([word])
        return Frame(self.address, frame.function | FROM_SLAVE | REFUSED, words)

    def _first(self, frame: Frame) -> Frame:
        asked, more = frame.data[: self._digits], frame.data[self._digits :]
        identifier = asked[::-1].hex().upper()
        profile = self._digits == 4 and identifier.startswith("060")
        data = self.memory.load_profile(identifier, more) if profile else None if more else self.data(identifier)
        if data is None:
            return self._refusal(frame)
        room = LONGEST_READ - self._digits
        self._rest = {asked: data[room:]} if len(data) > room else {}
        follows = MORE if self._rest else 0
        return Frame(self.address, frame.function | FROM_SLAVE | follows, asked + data[:room])

    def _next(self, frame: Frame) -> Frame:
        """The same part again when the same number is asked for again."""
        identifier, number = frame.data[: self._digits], frame.data[self._digits :]
        room = LONGEST_READ - self._digits - len(number)
        start = room * (number[0] - 1) if number else 0
        rest = self._rest[identifier]
        if not 0 <= start < len(rest):
            return self._refusal(frame)
        if not number:  # edition 1997 does not count the parts
            self._rest[identifier] = rest[room:]
        more = MORE if len(rest) > start + room else 0
        data = identifier + rest[start : start + room] + number
        return Frame(self.address, frame.function | FROM_SLAVE | more, data)

    def data(self, identifier: str) -> bytes | None:
        """What the meter holds for an identifier or a block, None when it does not know it."""
        if points := self._by_identifier.get(identifier):
            return self._switched(identifier, self._together(points))
        if identifier in self._parts:
            point, start, end = self._parts[identifier]
            return self._whole(point)[start:end]
        if self._digits == 4 and (remembered := self.memory.data(identifier)) is not None:
            return remembered
        inside = members(identifier)
        known = [place for place, member in enumerate(inside) if member in self._by_identifier]
        if not known:
            return None
        size = len(self._together(self._by_identifier[inside[known[0]]]))
        return b"".join(
            self._together(self._by_identifier[member]) if member in self._by_identifier else b"\xff" * size
            for member in inside[: known[-1] + 1]
        )

    def _switched(self, identifier: str, word: bytes) -> bytes:
        """Status word 3 with what commands have made of the relay."""
        relay = self.commands.relay
        if identifier != STATUS_3:
            return word
        bits = relay.is_open << RELAY_OPEN | relay.told_open << RELAY_TOLD_OPEN | relay.kept << KEPT_POWERED
        return (int.from_bytes(word, "little") | bits).to_bytes(2, "little")

    def _count(self, seconds: float, at: datetime) -> None:
        """Let the energies grow, when it is a meter that does so by itself."""
        if not self._habits.counts:
            return
        powers = {name: self._number(name) for name in ("active_power", "reactive_power")}
        self.memory.registers.count(powers, Decimal(str(seconds)), at)
        for name, value in self.memory.registers.energies.items():
            self._hold(name, value)

    def _number(self, point: str) -> Decimal:
        """A value in the profile's unit; 0 for none."""
        if point not in self._points:
            return Decimal(0)
        known = self._points[point]
        held = parse_format(known.format, known.signed).read(self._held[point])
        return Decimal(str(held or 0)) * Decimal(str(known.scale)) + Decimal(str(known.offset))

    def _clear_energies(self) -> None:
        for name in self._points:
            if name.startswith(ENERGIES):
                self.set(name, 0)

    def _clear_demand(self) -> None:
        self.memory.registers.clear_demands()
        for name in ("max_demand", "demand"):
            if name in self._points:
                self.set(name, 0)

    def _together(self, points: list[Point]) -> bytes:
        """The bytes of an identifier; several points are bits of one word."""
        word = 0
        for point in points:
            word |= int.from_bytes(self._whole(point), "little")
        return word.to_bytes(len(self._whole(points[0])), "little")

    def _whole(self, point: Point) -> bytes:
        """The bytes of one point; a clock that was told the time goes its own way."""
        if point.name == "clock" and self.memory.clock:
            return parse_format(point.format).write(f"{self.memory.clock:%Y-%m-%dT%H:%M:%S}")
        return self._held[point.name]


def _raw(point: Point, how: Format, value: Value) -> Value:
    """The value as the meter itself counts it: without the profile's scale, within the digits it has."""
    if value is None or not isinstance(how, Number):
        return value
    raw = (Decimal(str(value)) - Decimal(str(point.offset))) / Decimal(str(point.scale))
    return max(min(raw, how.largest), -how.largest if how.signed else Decimal(0))
