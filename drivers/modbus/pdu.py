"""Modbus PDUs in words: how long one is, and what it says. For people; the poll's hot path is in `block`."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from drivers.modbus.talk import meaning

Direction = Literal["request", "answer"]

FUNCTIONS = {
    1: "read coils",
    2: "read discrete inputs",
    3: "read holding registers",
    4: "read input registers",
    5: "write one coil",
    6: "write one register",
    7: "read exception status",
    8: "diagnose",
    15: "write coils",
    16: "write registers",
    17: "report server id",
    22: "mask one register",
    23: "write and read registers",
    43: "read device identification",
}

_SHOWN = 16  # values in a sentence; the rest is in the fields

_OF_BITS = (1, 2, 5, 15)

IDENTIFICATION = 14  # the one sub-function of 43 that meters know
IDENTITY = {0: "vendor", 1: "product", 2: "revision", 3: "url", 4: "product name", 5: "model", 6: "application"}

_FIXED = {(5, "request"): 5, (5, "answer"): 5, (6, "request"): 5, (6, "answer"): 5, (15, "answer"): 5}
_FIXED |= {(16, "answer"): 5, (7, "request"): 1, (7, "answer"): 2, (8, "request"): 5, (8, "answer"): 5}
_FIXED |= {(17, "request"): 1, (22, "request"): 7, (22, "answer"): 7, (43, "request"): 4}
_FIXED |= {(function, "request"): 5 for function in (1, 2, 3, 4)}

_COUNTED = {(function, "answer"): 1 for function in (1, 2, 3, 4, 17, 23)}
_COUNTED |= {(15, "request"): 5, (16, "request"): 5, (23, "request"): 9}
"""Where the byte count stands; the data follow it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One PDU in words and figures."""

    summary: str
    fields: Mapping[str, object]


def pdu_size(pdu: bytes, direction: Direction) -> int | None:
    """Bytes of the PDU that begins here; None when its function is unknown or too little of it is there."""
    if not pdu:
        return None
    if pdu[0] & 0x80:
        return 2 if direction == "answer" and pdu[0] & 0x7F in FUNCTIONS else None
    if fixed := _FIXED.get((pdu[0], direction)):
        return fixed
    count_at = _COUNTED.get((pdu[0], direction))
    if count_at is not None:
        return count_at + 1 + pdu[count_at] if len(pdu) > count_at else None
    return identification_size(pdu) if pdu[0] == 43 else None


def identification_size(pdu: bytes) -> int | None:
    """Bytes of an answer to 43/14, which is a chain of objects; None while too short to say."""
    size = 7
    if len(pdu) < size:
        return None
    for _ in range(pdu[6]):
        if len(pdu) < size + 2:
            return None
        size += 2 + pdu[size + 1]
    return size


def identification_objects(pdu: bytes) -> Iterator[tuple[int, str]]:
    """Object ids and texts of a whole answer to 43/14."""
    at = 7
    for _ in range(pdu[6]):
        yield pdu[at], pdu[at + 2 : at + 2 + pdu[at + 1]].decode("ascii", "replace")
        at += 2 + pdu[at + 1]


def say(pdu: bytes, direction: Direction) -> Said:
    """A whole PDU, as long as `pdu_size` says, in words."""
    function = pdu[0] & 0x7F
    name = FUNCTIONS.get(function, f"function {function}")
    fields: dict[str, object] = {"direction": direction, "control": function, "function": name}
    if pdu[0] & 0x80:
        return Said(f"refuses to {name}: {meaning(pdu[1])}", fields | {"error": pdu[1], "meaning": meaning(pdu[1])})
    fields |= _request_fields(function, pdu) if direction == "request" else _answer_fields(function, pdu)
    return Said(_summary(name, direction, fields), fields)


def _request_fields(function: int, pdu: bytes) -> dict[str, object]:
    if function in (1, 2, 3, 4):
        start, count = struct.unpack(">HH", pdu[1:5])
        return {"start": start, "count": count}
    if function in (15, 16):
        start, count = struct.unpack(">HH", pdu[1:5])
        return {"start": start, "count": count, "values": _bits(pdu[6:], count) if function == 15 else _words(pdu[6:])}
    if function == 23:
        start, count, write_start, _ = struct.unpack(">HHHH", pdu[1:9])
        return {"start": start, "count": count, "write_start": write_start, "values": _words(pdu[10:])}
    if function == 43:
        return {"kind": pdu[2], "object": pdu[3]}
    return _single_fields(function, pdu)


def _answer_fields(function: int, pdu: bytes) -> dict[str, object]:
    if function in (1, 2):
        return {"values": _bits(pdu[2:], 8 * pdu[1])}
    if function in (3, 4, 23):
        return {"count": pdu[1] // 2, "values": _words(pdu[2:])}
    if function in (15, 16):
        start, count = struct.unpack(">HH", pdu[1:5])
        return {"start": start, "count": count}
    if function == 43:
        return {"values": {IDENTITY.get(key, str(key)): text for key, text in identification_objects(pdu)}}
    return _single_fields(function, pdu)


def _single_fields(function: int, pdu: bytes) -> dict[str, object]:
    if function in (5, 6):
        start, value = struct.unpack(">HH", pdu[1:5])
        return {"start": start, "count": 1, "values": [int(value == 0xFF00) if function == 5 else value]}
    return {"values": list(pdu[1:])}


def _summary(name: str, direction: Direction, fields: Mapping[str, object]) -> str:
    place = ""
    if "start" in fields:
        start, count = fields["start"], fields["count"]
        place = f" from {start} (0x{start:04X}), {count} of them" if count != 1 else f" {start} (0x{start:04X})"
    elif "count" in fields:
        place = f", {fields['count']} of them"
    return f"{'asks to' if direction == 'request' else 'answers to'} {name}{place}{_shown(fields)}"


def _shown(fields: Mapping[str, object]) -> str:
    """Registers as on the wire, in hex; bits as 0 and 1; texts as they are."""
    values = fields.get("values")
    if isinstance(values, Mapping):
        return ": " + ", ".join(f"{key} {text!r}" for key, text in values.items())
    if not isinstance(values, list) or not values:
        return ""
    form = "d" if fields["control"] in _OF_BITS else "04X"
    said = " ".join(format(value, form) for value in values[:_SHOWN])
    return f": {said}{' ...' if len(values) > _SHOWN else ''}"


def _words(data: bytes) -> list[int]:
    even = len(data) & ~1
    return list(struct.unpack(f">{even // 2}H", data[:even]))


def _bits(data: bytes, count: int) -> list[int]:
    every = int.from_bytes(data, "little")
    return [every >> place & 1 for place in range(min(count, 8 * len(data)))]
