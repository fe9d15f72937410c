"""Everything that changes a meter: clock, parameters, freeze, demand reset, relay. Nothing of it is repeated blindly.

A script that writes wants an `Authority`, which the gateway makes only from a configured password and an explicit
switch. What the meter then does is looked at, not believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from drivers.api import Value
from drivers.dlt645.catalog import find
from drivers.dlt645.frame import EVERYONE, LONGEST_WRITE, Frame
from drivers.dlt645.poll import wire
from drivers.dlt645.services.dialogue import Question, Script
from drivers.dlt645.services.read import read_data, read_item
from drivers.dlt645.value import parse_format
from drivers.errors import RefusedError, RequestError

BROADCAST_TIME, WRITE, FREEZE, CLEAR_DEMAND, RELAY = 0x08, 0x14, 0x16, 0x19, 0x1C
WRITE_1997 = 0x04
BROADCAST_LIMIT = timedelta(minutes=5)  # a meter ignores a broadcast that would move its clock further
MIDNIGHT_MARGIN = timedelta(minutes=5)  # no clock is set around the change of day: freezes and tariffs hang on it
STATUS_WORD_3, RELAY_OPEN, RELAY_TOLD_OPEN, KEPT_POWERED = "04000503", 4, 6, 12
_TIME = parse_format("YYMMDDhhmmss")


@dataclass(frozen=True, slots=True)
class Authority:
    """What a meter wants to see before it changes anything."""

    password: str = field(repr=False)  # six digits
    level: str = "02"  # two digits: 02 for relay and clearing, 04 for parameters
    operator: str = field(default="00000000", repr=False)  # eight digits, kept in the meter's records

    def wire(self) -> bytes:
        """Level, password and operator as data bytes. Raises RequestError."""
        parts = {"level": (self.level, 2), "password": (self.password, 6), "operator": (self.operator, 8)}
        for name, (digits, size) in parts.items():
            if len(digits) != size or not digits.isdigit():
                raise RequestError(f"the {name} has to be {size} digits")
        return bytes.fromhex(self.level) + bytes.fromhex(self.password)[::-1] + bytes.fromhex(self.operator)[::-1]


class Command(Enum):
    """What a relay can be told."""

    TRIP = 0x1A
    CLOSE_PERMIT = 0x1B  # the customer then presses the meter's button
    CLOSE = 0x1C
    ALARM_ON = 0x2A
    ALARM_OFF = 0x2B
    KEEP_POWER_ON = 0x3A
    KEEP_POWER_OFF = 0x3B


@dataclass(frozen=True, slots=True)
class RelayState:
    """What became of a relay command, by the meter's status word."""

    accepted: bool | None  # None: no answer came; it may have been heard all the same
    relay_open: bool | None  # None: the status word could not be read
    told_open: bool | None
    kept_powered: bool | None


def write_item(address: str, identifier: str, values: Sequence[Value], authority: Authority) -> Script[bool]:
    """Set a parameter and read it back; whether the meter holds it now. Raises RequestError, RefusedError."""
    item = find(identifier)
    if item is None or not item.writable:
        raise RequestError(f"{identifier!r} is no parameter that can be written")
    data = item.write(values)
    content = wire(identifier) + authority.wire() + data
    if len(content) > LONGEST_WRITE:
        raise RequestError(f"{identifier}: {len(content)} data bytes, a write holds {LONGEST_WRITE}")
    yield Question(Frame(address, WRITE, content), repeatable=False)
    return (yield from read_data(address, identifier)) == data


def set_clock(address: str, now: datetime, authority: Authority, edition: str = "2007") -> Script[bool]:
    """Set date, then time; whether the meter answered to both. Raises RequestError near midnight, RefusedError.

    Edition 1997 has a password in front of the data, and no operator.
    """
    _far_from_midnight(now)
    old = edition == "1997"
    function, credentials = (WRITE_1997, authority.wire()[:4]) if old else (WRITE, authority.wire())
    date, time = ("C010", "C011") if old else ("04000101", "04000102")
    parts = ((date, "YYMMDDWW", f"{now:%Y-%m-%d}"), (time, "hhmmss", f"{now:%H:%M:%S}"))
    for identifier, notation, value in parts:
        content = wire(identifier) + credentials + parse_format(notation).write(value)
        if (yield Question(Frame(address, function, content), repeatable=False)) is None:
            return False
    return True


def broadcast_clock(now: datetime, largest_drift: timedelta) -> Script[None]:
    """Tell all meters on the line the time; each obeys once a day, within five minutes. Raises RequestError."""
    _far_from_midnight(now)
    if largest_drift > BROADCAST_LIMIT:
        raise RequestError(f"a clock is {largest_drift} off; a broadcast moves it by {BROADCAST_LIMIT} at most")
    yield Question(Frame(EVERYONE, BROADCAST_TIME, _TIME.write(f"{now:%Y-%m-%dT%H:%M:%S}")), spoken_to_all=True)


def freeze(address: str, when: str = "99999999") -> Script[bool]:
    """Freeze now, or at `when`: MMDDhhmm, with 99 for 'every'. Whether the meter agreed; False for silence.

    To all meters (999999999999) nobody answers.
    """
    if len(when) != 8 or not when.isdigit():
        raise RequestError(f"{when!r} is no freeze time; write MMDDhhmm with 99 for every, 99999999 for now")
    frame = Frame(address, FREEZE, bytes.fromhex(when)[::-1])
    return (yield Question(frame, repeatable=False, spoken_to_all=address == EVERYONE)) is not None


def clear_demand(address: str, authority: Authority) -> Script[bool]:
    """Reset the maximum demands. Whether the meter agreed; False for silence. Raises RefusedError."""
    return (yield Question(Frame(address, CLEAR_DEMAND, authority.wire()), repeatable=False)) is not None


def relay(address: str, command: Command, valid_until: datetime, authority: Authority) -> Script[RelayState]:
    """Give a relay command and look what the meter makes of it. Raises RequestError for a wrong password form.

    It is said once. Whether or not an answer came, the status word is what tells.
    """
    valid = _TIME.write(f"{valid_until:%Y-%m-%dT%H:%M:%S}")
    content = authority.wire() + bytes([command.value, 0]) + valid
    accepted: bool | None
    try:
        accepted = True if (yield Question(Frame(address, RELAY, content), repeatable=False)) else None
    except RefusedError:
        accepted = False
    state = yield from read_item(address, STATUS_WORD_3)
    if not state or state[0].value is None:
        return RelayState(accepted, None, None, None)
    word = int(str(state[0].value), 16)
    return RelayState(accepted, *(bool(word >> bit & 1) for bit in (RELAY_OPEN, RELAY_TOLD_OPEN, KEPT_POWERED)))


def _far_from_midnight(now: datetime) -> None:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if now - midnight < MIDNIGHT_MARGIN or midnight + timedelta(days=1) - now < MIDNIGHT_MARGIN:
        raise RequestError(f"{now:%H:%M}: no clock is set within five minutes of midnight")
