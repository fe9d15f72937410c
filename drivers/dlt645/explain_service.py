"""What frames without an identifier carry: addresses, times, freezes, passwords, relay commands; by function code."""

from collections.abc import Callable, Mapping

from drivers.dlt645.frame import Frame
from drivers.dlt645.functions import BAUD_CODES, RELAY_COMMANDS, TERMINAL_OUTPUTS
from drivers.dlt645.secrecy import COVER
from drivers.dlt645.value import parse_format

Facts = dict[str, object]


def password(data: bytes) -> Facts:
    """A password with its level, four bytes."""
    return {"password_level": f"{data[0]:02X}", "password": _secret(data[1:4])}


def _secret(data: bytes) -> str:
    """As it is: who asks has the bytes. What the gateway itself shows of a line is covered before."""
    return "hidden" if data and set(data) == {COVER} else data[::-1].hex().upper()


def authorised(data: bytes) -> Facts:
    """Password level, password and operator code, which every command that changes something begins with."""
    if len(data) < 8:
        return {"raw": data.hex(" ").upper()}
    return password(data) | {"operator": _secret(data[4:8])}


def passwords_changed(rest: bytes) -> Facts:
    """The old password and the new one."""
    if len(rest) != 8:
        return {"raw": rest.hex(" ").upper()} if rest else {}
    return {"old": password(rest[:4]), "new": password(rest[4:])}


def _address(frame: Frame) -> Facts:
    return {"meter_address": frame.data[::-1].hex().upper()} if len(frame.data) == 6 else {}


def _broadcast_time(frame: Frame) -> Facts:
    return {"time": parse_format("YYMMDDhhmmss").read(frame.data)} if len(frame.data) == 6 else {}


def _freeze(frame: Frame) -> Facts:
    if len(frame.data) != 4:
        return {}
    month, day, hour, minute = (f"{byte:02X}" for byte in frame.data[::-1])
    rhythm = [("now", minute), ("every hour", hour), ("every day", day), ("every month", month)]
    when = next((words for words, part in rhythm if part == "99"), "once")
    return {"freeze": f"{month}{day}{hour}{minute}", "when": when}


def _baud(frame: Frame) -> Facts:
    return {"baud": BAUD_CODES.get(frame.data[0])} if len(frame.data) == 1 else {}


def _password_answer(frame: Frame) -> Facts:
    """18H of an answer holds the new password only."""
    return {"new": password(frame.data)} if len(frame.data) == 4 else {}


def _events(frame: Frame) -> Facts:
    facts = authorised(frame.data) if frame.data else {}
    if len(frame.data) == 12:
        identifier = frame.data[:7:-1].hex().upper()
        facts["clears"] = "all events" if identifier == "FFFFFFFF" else identifier
    return facts


def _relay(frame: Frame) -> Facts:
    if len(frame.data) < 16:
        return {}
    command = frame.data[8]
    facts = authorised(frame.data)
    if frame.data[0] == 0x98:
        return facts | {"command": "encrypted"}
    facts["command"] = RELAY_COMMANDS.get(command, f"unknown command {command:02X}")
    facts["valid_until"] = parse_format("YYMMDDhhmmss").read(frame.data[10:16])
    return facts


def _output(frame: Frame) -> Facts:
    if len(frame.data) != 1:
        return {}
    return {"output": TERMINAL_OUTPUTS.get(frame.data[0], f"unknown output {frame.data[0]:02X}")}


def _clear(frame: Frame) -> Facts:
    return authorised(frame.data) if frame.data else {}


SERVICES_2007: Mapping[int, Callable[[Frame], Facts]] = {
    0x08: _broadcast_time,
    0x13: _address,
    0x15: _address,
    0x16: _freeze,
    0x17: _baud,
    0x18: _password_answer,
    0x19: _clear,
    0x1A: _clear,
    0x1B: _events,
    0x1C: _relay,
    0x1D: _output,
}


def _change_password_1997(frame: Frame) -> Facts:
    return passwords_changed(frame.data)


SERVICES_1997: Mapping[int, Callable[[Frame], Facts]] = {
    0x0A: _address,
    0x0C: _baud,
    0x0F: _change_password_1997,
}
