"""What a simulated DL/T 645 meter does when it is told to: clock, parameters, address, freeze, clearing, relay.

It asks for passwords as a real one does, sets its clock by broadcast within five minutes once a day, and refuses a
relay command that is out of date or forbidden by keep-power.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from drivers.api import Value
from drivers.dlt645.functions import BAUD_CODES
from drivers.dlt645.services.write import (
    BROADCAST_LIMIT,
    BROADCAST_TIME,
    CLEAR_DEMAND,
    FREEZE,
    RELAY,
    WRITE,
    Command,
)
from drivers.dlt645.value import parse_format
from drivers.sim.dlt645_events import CLOCK_SET, DEMAND_CLEARED, EVENTS_CLEARED, METER_CLEARED
from drivers.sim.dlt645_memory import INSTANT, Memory

OTHER, NO_SUCH_DATA, NOT_AUTHORISED, NO_SUCH_BAUD = 0x01, 0x02, 0x04, 0x08
CHANGE_BAUD, CHANGE_PASSWORD, CLEAR_METER, CLEAR_EVENTS = 0x17, 0x18, 0x1A, 0x1B
WRITE_1997, CLEAR_DEMAND_1997, WRONG_1997 = 0x04, 0x10, 0x04
PASSWORD_OF = "04000C"  # and the number of the password: one more than its level
DATE, TIME = "04000101", "04000102"
_AT, _DATE, _TIME = parse_format("YYMMDDhhmmss"), parse_format("YYMMDDWW"), parse_format("hhmmss")


class No(NamedTuple):
    """The meter refuses, with this error word."""

    word: int


@dataclass(slots=True)
class Relay:
    """The switch in the meter."""

    is_open: bool = False
    told_open: bool = False
    permitted: bool = False  # to be closed by the customer, with the button
    alarm: bool = False
    kept: bool = False  # keep-power: it may not trip


@dataclass(slots=True)
class Commands:
    """Executes what is not reading. Answers with data, refuses with No, is silent with None."""

    memory: Memory
    passwords: MutableMapping[str, str]  # by level
    relay: Relay = field(default_factory=Relay)
    clear_demand: Callable[[], None] = lambda: None
    clear_meter: Callable[[], None] = lambda: None
    lock_after: int = 0  # wrong passwords on a day
    baud: int | None = None  # what it was told to speak from now on
    _broadcast_on: date | None = None  # the day the clock was set by broadcast
    _wrong_on: tuple[date | None, int] = (None, 0)  # a day, and the wrong passwords on it

    def execute(self, function: int, data: bytes) -> bytes | No | None:
        """One command."""
        does: Mapping[int, Callable[[bytes], bytes | No | None]] = {
            BROADCAST_TIME: self._broadcast,
            WRITE: self._write,
            FREEZE: self._freeze,
            CHANGE_BAUD: self._change_baud,
            CHANGE_PASSWORD: self._change_password,
            CLEAR_DEMAND: self._clear_demand,
            CLEAR_METER: self._clear_meter,
            CLEAR_EVENTS: self._clear_events,
            RELAY: self._switch,
        }
        return does[function](data) if function in does else No(NO_SUCH_DATA)

    def execute_1997(self, function: int, data: bytes) -> bytes | No | None:
        """One command of the old edition: date and time can be written, maximum demands cleared."""
        if function == WRITE_1997 and len(data) > 6:
            identifier = {"C010": DATE, "C011": TIME}.get(data[1::-1].hex().upper())
            if identifier is None:
                return No(NO_SUCH_DATA)
            return (
                self._set_clock(identifier, data[6:], bytes(4)) if self._may(data[2:6], "02", "04") else No(WRONG_1997)
            )
        if function == CLEAR_DEMAND_1997 and len(data) == 4:
            if not self._may(data, "02", "04"):
                return No(WRONG_1997)
            self.clear_demand()
            return b""
        return No(NO_SUCH_DATA)

    def _may(self, credentials: bytes, *levels: str) -> bool:
        """Whether a password of one of these levels is right. Too many wrong ones lock the meter for the day."""
        today = self.memory.clock.date() if self.memory.clock else None
        wrong = self._wrong_on[1] if self._wrong_on[0] == today else 0
        if self.lock_after and wrong >= self.lock_after:
            return False
        level, password = f"{credentials[0]:02X}", credentials[3:0:-1].hex()
        right = level in levels and self.passwords.get(level) == password
        self._wrong_on = today, 0 if right else wrong + 1
        return right

    def _broadcast(self, data: bytes) -> None:
        text, clock, now = _AT.read(data) if len(data) == 6 else None, self.memory.clock, self.memory.now
        if text is None or clock is None or now is None or self._broadcast_on == clock.date():
            return
        told = datetime.fromisoformat(str(text))
        if abs(told - clock) <= BROADCAST_LIMIT:
            self.memory.drift = told - now
            self._broadcast_on = told.date()

    def _write(self, data: bytes) -> bytes | No:
        if len(data) < 13:
            return No(OTHER)
        identifier, content = data[3::-1].hex().upper(), data[12:]
        if not self._may(data[4:12], "02", "04"):
            return No(NOT_AUTHORISED)
        if identifier in (DATE, TIME):
            return self._set_clock(identifier, content, data[8:12])
        return b"" if self.memory.set_parameter(identifier, content) else No(NO_SUCH_DATA)

    def _set_clock(self, identifier: str, content: bytes, operator: bytes) -> bytes | No:
        clock, now = self.memory.clock, self.memory.now
        how = _DATE if identifier == DATE else _TIME
        told = how.read(content) if len(content) == how.size else None
        if told is None or clock is None or now is None:
            return No(OTHER)
        text = f"{told}T{clock:%H:%M:%S}" if identifier == DATE else f"{clock:%Y-%m-%d}T{told}"
        self.memory.drift = datetime.fromisoformat(text) - now
        before, after = (f"{at:%Y-%m-%dT%H:%M:%S}" for at in (clock, now + self.memory.drift))
        kept: dict[str, Value] = {"operator": operator[::-1].hex(), "before": before, "after": after}
        self.memory.events.note(CLOCK_SET, clock, kept)
        return b""

    def _change_baud(self, data: bytes) -> bytes | No:
        """The answer still comes at the old rate."""
        if len(data) != 1 or data[0] not in BAUD_CODES:
            return No(NO_SUCH_BAUD)
        self.baud = BAUD_CODES[data[0]]
        return data

    def _change_password(self, data: bytes) -> bytes | No:
        """The old password of a level, or one of a higher level, lets a new one in."""
        if len(data) != 12:
            return No(OTHER)
        identifier, old, new = data[3::-1].hex().upper(), data[4:8], data[8:]
        level = f"{new[0]:02X}"
        known = identifier == f"{PASSWORD_OF}{new[0] + 1:02X}" and level in self.passwords
        if not known or old[0] > new[0] or not self._may(old, *self.passwords):
            return No(NOT_AUTHORISED)
        self.passwords[level] = new[3:0:-1].hex()
        return new

    def _freeze(self, data: bytes) -> bytes | No:
        when = data[::-1].hex()
        if len(data) != 4 or not when.isdecimal():
            return No(OTHER)
        if when == "99999999":
            if self.memory.clock is not None:
                self.memory.freeze(INSTANT, self.memory.clock)
        else:
            self.memory.freeze_when = when
        return b""

    def _clear_demand(self, data: bytes) -> bytes | No:
        if len(data) != 8 or not self._may(data, "02", "04"):
            return No(NOT_AUTHORISED)
        self._note(DEMAND_CLEARED, data[4:8])
        self.clear_demand()
        return b""

    def _clear_meter(self, data: bytes) -> bytes | No:
        if len(data) != 8 or not self._may(data, "02"):
            return No(NOT_AUTHORISED)
        self.memory.clear()
        self.clear_meter()
        self._note(METER_CLEARED, data[4:8])
        return b""

    def _clear_events(self, data: bytes) -> bytes | No:
        if len(data) != 12 or not self._may(data, "02"):
            return No(NOT_AUTHORISED)
        which = data[:7:-1].hex().upper()
        if not which.endswith("FF"):
            return No(NO_SUCH_DATA)
        self.memory.events.clear(which)
        self._note(EVENTS_CLEARED, data[4:8], {"identifier": which})
        return b""

    def _note(self, kind: str, operator: bytes, values: Mapping[str, str] | None = None) -> None:
        """Keep who did it."""
        if self.memory.clock is not None:
            told: dict[str, Value] = {"operator": operator[::-1].hex(), **(values or {})}
            self.memory.events.note(kind, self.memory.clock, told)

    def _switch(self, data: bytes) -> bytes | No:
        if len(data) != 16 or not self._may(data, "02"):
            return No(NOT_AUTHORISED)
        valid, clock = _AT.read(data[10:16]), self.memory.clock
        if valid is None or clock is None or datetime.fromisoformat(str(valid)) < clock:
            return No(OTHER)
        relay = self.relay
        match data[8]:
            case Command.TRIP.value if relay.kept:
                return No(OTHER)
            case Command.TRIP.value:
                relay.is_open, relay.told_open, relay.permitted = True, True, False
            case Command.CLOSE_PERMIT.value:
                relay.told_open, relay.permitted = False, True
            case Command.CLOSE.value:
                relay.is_open, relay.told_open, relay.permitted = False, False, False
            case Command.ALARM_ON.value | Command.ALARM_OFF.value as told:
                relay.alarm = told == Command.ALARM_ON.value
            case Command.KEEP_POWER_ON.value | Command.KEEP_POWER_OFF.value as told:
                relay.kept = told == Command.KEEP_POWER_ON.value
            case _:
                return No(OTHER)
        return b""
