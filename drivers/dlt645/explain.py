"""Frames in words: every function of both editions, requests, answers and errors."""

from decimal import Decimal

from drivers.api import Explanation, Value
from drivers.dlt645.catalog import Item, carried
from drivers.dlt645.explain_service import SERVICES_1997, SERVICES_2007, Facts, authorised, password, passwords_changed
from drivers.dlt645.frame import END, OVERHEAD, START, Frame, frames
from drivers.dlt645.functions import (
    ERRORS_1997,
    ERRORS_2007,
    ERRORS_SECURITY,
    NAMES_1997,
    NAMES_2007,
    errors,
)
from drivers.dlt645.letters import Letters
from drivers.dlt645.load import read_blocks
from drivers.dlt645.sentence import sentence
from drivers.dlt645.value import parse_format
from drivers.errors import BadReplyError

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
    return Explanation("dlt645", raw, sentence(frame, facts), facts)


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
    special = SERVICES_2007.get(frame.function) if edition == "2007" else SERVICES_1997.get(frame.function)
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
        return facts | passwords_changed(rest)
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
        return password(rest[:4]) | (_values(identifier, item, rest[4:]) if rest[4:] else {})
    if frame.function == 0x14 and len(rest) >= 8:
        return authorised(rest) | (_values(identifier, item, rest[8:]) if rest[8:] else {})
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
