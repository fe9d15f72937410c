"""Frames in words: every function of both editions, requests, answers and errors."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from drivers.api import Explanation, Value
from drivers.dlt645.catalog import Item, carried
from drivers.dlt645.frame import END, EVERYONE, OVERHEAD, START, Frame, frames
from drivers.dlt645.functions import (
    BAUD_CODES,
    ERRORS_1997,
    ERRORS_2007,
    ERRORS_SECURITY,
    NAMES_1997,
    NAMES_2007,
    RELAY_COMMANDS,
    TERMINAL_OUTPUTS,
    errors,
)
from drivers.dlt645.letters import Letters
from drivers.dlt645.load import read_blocks
from drivers.dlt645.secrecy import COVER
from drivers.dlt645.value import parse_format
from drivers.errors import BadReplyError

Facts = dict[str, object]

_ONLY_1997 = NAMES_1997.keys() - NAMES_2007.keys()
_WITH_IDENTIFIER_2007 = {0x03, 0x11, 0x12, 0x14, 0x18}
_WITH_IDENTIFIER_1997 = {0x01, 0x02, 0x04}


def explain(data: bytes) -> list[Explanation]:
    """Every good frame in the bytes, in order; where there is none, what is wrong with the first that is nearly one.

    The last frame of an answer in several tells the values of all of them. Never raises.
    """
    good, letters = [], Letters()
    for start, frame in frames(data):
        raw = data[start : start + OVERHEAD + len(frame.data)]
        good.append(_explained(raw, frame, letters.whole(frame)))
    return good or _broken(data)


def _broken(data: bytes) -> list[Explanation]:
    """Bytes that begin as a frame does, with what keeps them from being one."""
    start = data.find(START)
    while start >= 0 and data[start + 7 : start + 8] != bytes([START]):
        start = data.find(START, start + 1)
    if start < 0 or len(data) - start < 10:
        return []
    raw = data[start : start + OVERHEAD + data[start + 9]]
    whose = f"a DL/T 645 frame with the address {raw[6:0:-1].hex().upper()}"
    missing = OVERHEAD + raw[9] - len(raw)
    check = sum(raw[:-2]) & 0xFF
    if missing:
        kind, says = "cut", f"{whose} that is cut: {missing} bytes are missing"
    elif raw[-1] != END:
        kind, says = "end", f"{whose} that does not end with 16 but with {raw[-1]:02X}"
    else:
        kind, says = "checksum", f"{whose} whose checksum is {raw[-2]:02X} and should be {check:02X}"
    return [Explanation("dlt645", raw, says, {"address": raw[6:0:-1].hex().upper(), "broken": kind})]


def _explained(raw: bytes, frame: Frame, whole: tuple[bytes, int] | None = None) -> Explanation:
    edition = _edition(frame)
    names = NAMES_1997 if edition == "1997" else NAMES_2007
    facts: Facts = {
        "edition": edition,
        "direction": "response" if frame.from_slave else "request",
        "address": frame.address,
        "control": f"{frame.control:02X}",
        "function": names.get(frame.function, f"function {frame.function:02X} of the vendor's own"),
        "function_code": f"{frame.function:02X}",
        "data": frame.data.hex(" ").upper(),
    }
    if frame.refused:
        facts |= _refusal(frame, edition)
    else:
        facts["error"] = []
        facts["more_follows"] = frame.more
        facts |= _content(frame, edition)
    if whole is not None:
        identifier = str(facts["identifier"])
        facts |= {"frames": whole[1]} | _values(identifier, carried(bytes.fromhex(identifier)[::-1]), whole[0])
    return Explanation("dlt645", raw, _sentence(frame, facts), facts)


def _edition(frame: Frame) -> str:
    """By the function code; 03H, which both have, by the length of its identifier."""
    if frame.function == 0x03:
        return "2007" if len(frame.data) > 2 or (frame.refused and len(frame.data) == 2) else "1997"
    return "1997" if frame.function in _ONLY_1997 else "2007"


def _refusal(frame: Frame, edition: str) -> Facts:
    if len(frame.data) > 2 or frame.function not in (NAMES_1997 if edition == "1997" else NAMES_2007):
        return {"error": ["refused"], "raw": frame.data.hex(" ").upper()}
    meanings = ERRORS_1997 if edition == "1997" else ERRORS_2007
    word = int.from_bytes(frame.data, "little")
    if frame.function == 0x03 and edition == "2007":
        meanings = ERRORS_SECURITY
    return {"error": errors(word, meanings), "error_word": f"{word:0{max(2, 2 * len(frame.data))}X}"}


def _content(frame: Frame, edition: str) -> Facts:
    """What the data of a frame that is no error say."""
    digits, with_identifier = (2, _WITH_IDENTIFIER_1997) if edition == "1997" else (4, _WITH_IDENTIFIER_2007)
    if frame.function in with_identifier and len(frame.data) >= digits:
        return _about_identifier(frame, frame.data[:digits], frame.data[digits:], edition)
    special = _SPECIAL.get(frame.function) if edition == "2007" else _SPECIAL_1997.get(frame.function)
    return special(frame) if special else {}


def _about_identifier(frame: Frame, wire: bytes, rest: bytes, edition: str) -> Facts:
    item = carried(wire)
    identifier = wire[::-1].hex().upper()
    facts: Facts = {"identifier": identifier, "name": item.name if item else None, "unit": _unit(item)}
    if item:
        facts["title"] = item.title
    next_part = frame.function == (0x02 if edition == "1997" else 0x12)
    if next_part and edition == "2007" and rest:
        facts["sequence"], rest = rest[-1], rest[:-1]
    if frame.function == 0x18:
        return facts | _passwords_changed(rest)
    if frame.function == 0x03 and edition == "2007":
        return facts | ({"raw": rest.hex(" ").upper()} if rest else {})
    if not frame.from_slave:
        return facts | _request(frame, identifier, item, rest, edition)
    if next_part or frame.more or not rest:
        return facts | ({"raw": rest.hex(" ").upper()} if rest else {})
    return facts | _values(identifier, item, rest)


def _request(frame: Frame, identifier: str, item: Item | None, rest: bytes, edition: str) -> Facts:
    """What follows the identifier in a request."""
    if frame.function == 0x04 and edition == "1997" and len(rest) >= 4:
        return _password(rest[:4]) | (_values(identifier, item, rest[4:]) if rest[4:] else {})
    if frame.function == 0x14 and len(rest) >= 8:
        return _authorised(rest) | (_values(identifier, item, rest[8:]) if rest[8:] else {})
    if identifier.startswith("06") and len(rest) in (1, 6):
        since = parse_format("YYMMDDhhmm").read(rest[1:]) if len(rest) == 6 else None
        return {"blocks": rest[:1].hex()} | ({"from": since} if since else {})
    return {"raw": rest.hex(" ").upper()} if rest else {}


def _values(identifier: str, item: Item | None, data: bytes) -> Facts:
    """The values as an answer or a write carries them; bytes where nobody knows, or where the length is wrong."""
    raw: Facts = {"raw": data.hex(" ").upper()}
    if identifier.startswith("060") and len(identifier) == 8:
        return raw | _load_profile(data)
    if item is None:
        return raw
    try:
        read = item.read(data)
    except BadReplyError as error:
        return raw | {"note": str(error)}
    facts: Facts = {"values": [_plain(one.value) for one in read]}
    if len(read) > 1:
        facts["items"] = [{"name": one.name, "value": _plain(one.value), "unit": one.unit} for one in read]
    if any(one.value is None for one in read):
        facts |= raw
    if item.bits:
        word = int.from_bytes(data, "little")
        facts["bits"] = [words for bit, words in item.bits.items() if word >> bit & 1]
    return facts


def _load_profile(data: bytes) -> Facts:
    try:
        blocks = read_blocks(data)
    except BadReplyError as error:
        return {"note": str(error)}
    values = [{one.name: _plain(one.value) for one in block.values} for block in blocks]
    return {"records": [{"at": block.at} | row for block, row in zip(blocks, values, strict=True)]}


def _plain(value: Value) -> str | None:
    """A value as text: decimals keep their resolution, times are ISO."""
    return f"{value:f}" if isinstance(value, Decimal) else None if value is None else str(value)


def _unit(item: Item | None) -> str | None:
    """The unit of all its values, empty when they differ."""
    if item is None:
        return None
    return item.fields[0].unit if len({field.unit for field in item.fields}) == 1 else ""


def _password(data: bytes) -> Facts:
    return {"password_level": f"{data[0]:02X}", "password": _secret(data[1:4])}


def _secret(data: bytes) -> str:
    """As it is: who asks has the bytes. What the gateway itself shows of a line is covered before."""
    return "hidden" if data and set(data) == {COVER} else data[::-1].hex().upper()


def _authorised(data: bytes) -> Facts:
    """Password level, password and operator code, which every command that changes something begins with."""
    if len(data) < 8:
        return {"raw": data.hex(" ").upper()}
    return _password(data) | {"operator": _secret(data[4:8])}


def _passwords_changed(rest: bytes) -> Facts:
    if len(rest) != 8:
        return {"raw": rest.hex(" ").upper()} if rest else {}
    return {"old": _password(rest[:4]), "new": _password(rest[4:])}


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
    return {"new": _password(frame.data)} if len(frame.data) == 4 else {}


def _events(frame: Frame) -> Facts:
    facts = _authorised(frame.data) if frame.data else {}
    if len(frame.data) == 12:
        identifier = frame.data[:7:-1].hex().upper()
        facts["clears"] = "all events" if identifier == "FFFFFFFF" else identifier
    return facts


def _relay(frame: Frame) -> Facts:
    if len(frame.data) < 16:
        return {}
    command = frame.data[8]
    facts = _authorised(frame.data)
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
    return _authorised(frame.data) if frame.data else {}


_SPECIAL: Mapping[int, Callable[[Frame], Facts]] = {
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
    return _passwords_changed(frame.data)


_SPECIAL_1997: Mapping[int, Callable[[Frame], Facts]] = {
    0x0A: _address,
    0x0C: _baud,
    0x0F: _change_password_1997,
}


def _sentence(frame: Frame, facts: Facts) -> str:
    whom = {EVERYONE: "everyone", "A" * 12: "any meter"}.get(frame.address, f"meter {frame.address}")
    what = f"{facts['function']}{_subject(facts)}"
    if not frame.from_slave:
        return f"to {whom}: {what}{_given(facts)}"
    if frame.refused:
        return f"{whom} refuses {what}: {', '.join(_texts(facts['error'])) or 'no reason given'}"
    return f"{whom} answers {what}{_given(facts)}" + (", more frames follow" if frame.more else "")


def _subject(facts: Facts) -> str:
    if "identifier" not in facts:
        return ""
    return f" {facts['identifier']}" + (f" ({facts['title']})" if "title" in facts else "")


def _given(facts: Facts) -> str:
    """The values of a frame for the sentence."""
    if rows := _rows(facts.get("items")):
        shown = [f"{row['name']} {_shown(row['value'], row['unit'])}" for row in rows]
        return f" = {', '.join(shown)}"
    if records := _rows(facts.get("records")):
        return f" = {'; '.join(', '.join(f'{name} {_shown(value)}' for name, value in one.items()) for one in records)}"
    if "values" in facts:
        shown = [_shown(value, str(facts.get("unit") or "")) for value in _texts(facts["values"])]
        bits = f" ({', '.join(_texts(facts['bits']))})" if facts.get("bits") else ""
        return f" = {', '.join(shown)}{bits}"
    keys = ("meter_address", "time", "freeze", "baud", "command", "output", "clears", "blocks", "raw")
    said = [str(facts[key]) for key in keys if facts.get(key) not in (None, "", [])]
    return f": {', '.join(said)}" if said else ""


def _shown(value: object, unit: str = "") -> str:
    return "no value" if value is None else f"{value} {unit}".rstrip()


def _rows(value: object) -> Sequence[Mapping[str, str]]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> Sequence[str]:
    return value if isinstance(value, list) else []
