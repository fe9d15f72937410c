"""What a simulated DL/T 645 meter does when it is told to: clock, parameters, freeze, clearing, relay.

It asks for passwords as a real one does, sets its clock by broadcast within five minutes once a day, and refuses a
relay command that is out of date or forbidden by keep-power.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

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
from drivers.sim.dlt645_memory import INSTANT, Memory

OTHER, NO_SUCH_DATA, NOT_AUTHORISED = 0x01, 0x02, 0x04
CLEAR_EVENTS = 0x1B
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
    passwords: Mapping[str, str]  # by level
    relay: Relay = field(default_factory=Relay)
    clear_demand: Callable[[], None] = lambda: None
    _broadcast_on: date | None = None  # the day the clock was set by broadcast

    def execute(self, function: int, data: bytes) -> bytes | No | None:
        """One command."""
        does: Mapping[int, Callable[[bytes], bytes | No | None]] = {
            BROADCAST_TIME: self._broadcast,
            WRITE: self._write,
            FREEZE: self._freeze,
            CLEAR_DEMAND: self._clear_demand,
            CLEAR_EVENTS: self._clear_events,
            RELAY: self._switch,
        }
        return does[function](data) if function in does else No(NO_SUCH_DATA)

    def _may(self, credentials: bytes, *levels: str) -> bool:
        level, password = f"{credentials[0]:02X}", credentials[3:0:-1].hex()
        return level in levels and self.passwords.get(level) == password

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
            return self._set_clock(identifier, content)
        return b"" if self.memory.set_parameter(identifier, content) else No(NO_SUCH_DATA)

    def _set_clock(self, identifier: str, content: bytes) -> bytes | No:
        clock, now = self.memory.clock, self.memory.now
        how = _DATE if identifier == DATE else _TIME
        told = how.read(content) if len(content) == how.size else None
        if told is None or clock is None or now is None:
            return No(OTHER)
        text = f"{told}T{clock:%H:%M:%S}" if identifier == DATE else f"{clock:%Y-%m-%d}T{told}"
        self.memory.drift = datetime.fromisoformat(text) - now
        return b""

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
        self.clear_demand()
        return b""

    def _clear_events(self, data: bytes) -> bytes | No:
        if len(data) != 12 or not self._may(data, "02"):
            return No(NOT_AUTHORISED)
        if data[8:] in (b"\xff\xff\xff\xff", bytes.fromhex("FF001103")):
            self.memory.failures.clear()
            self.memory.failure_count = 0
        return b""

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
