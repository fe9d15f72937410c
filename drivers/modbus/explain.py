"""Frames in words, for `taiqu frame`: every Modbus frame in a stretch of bytes. Never raises on any bytes."""

from typing import get_args

from drivers.api import Explanation
from drivers.modbus.pdu import FUNCTIONS, Direction, Said, pdu_size, say
from drivers.modbus.wire import crc_holds

_DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


def explain_rtu(data: bytes) -> list[Explanation]:
    """RTU frames, found by length and CRC at any offset.

    A frame that is the only thing in the bytes and fits in length is explained with a wrong CRC too.
    """
    found: list[Explanation] = []
    at = 0
    while at < len(data):
        frame = _rtu_at(data, at)
        if frame:
            found.append(frame)
        at += len(frame.raw) if frame else 1
    if not found and (broken := _broken_rtu(data)):
        found.append(broken)
    return found


def explain_mbap(data: bytes) -> list[Explanation]:
    """Frames with the header of Modbus TCP, found by protocol id and length at any offset."""
    found: list[Explanation] = []
    at = 0
    while len(data) - at >= 8:
        size = 6 + int.from_bytes(data[at + 4 : at + 6], "big")
        frame = data[at : at + size]
        said = _either(frame[7:]) if frame[2:4] == b"\x00\x00" and 8 <= len(frame) == size <= 260 else None
        if said:
            transaction = int.from_bytes(frame[:2], "big")
            found.append(_explanation(frame, frame[6], said, {"transport": "tcp", "transaction": transaction}))
        at += size if said else 1
    return found


def _rtu_at(data: bytes, at: int) -> Explanation | None:
    """The frame that begins here, if its CRC says so. Its direction is told by its length alone."""
    fits: list[Direction] = []
    whole = b""
    for direction in _DIRECTIONS:
        size = pdu_size(data[at + 1 : at + 257], direction)
        frame = data[at : at + size + 3] if size is not None else b""
        if size is not None and len(frame) == size + 3 and crc_holds(frame):
            fits.append(direction)
            whole = whole or frame
    if not fits:
        return None
    return _explanation(whole, whole[0], _said(whole[1:-2], fits), {"transport": "rtu"})


def _broken_rtu(data: bytes) -> Explanation | None:
    if len(data) < 5 or data[1] & 0x7F not in FUNCTIONS or data[0] > 247:
        return None
    fits = [direction for direction in _DIRECTIONS if pdu_size(data[1:], direction) == len(data) - 3]
    if not fits:
        return None
    said = _said(data[1:-2], fits)
    broken = Said(f"{said.summary}; its checksum (CRC) is wrong", {**said.fields, "broken": "crc"})
    return _explanation(data, data[0], broken, {"transport": "rtu"})


def _either(pdu: bytes) -> Said | None:
    fits = [direction for direction in _DIRECTIONS if pdu_size(pdu, direction) == len(pdu)]
    return _said(pdu, fits) if fits else None


def _said(pdu: bytes, fits: list[Direction]) -> Said:
    said = say(pdu, fits[0])
    if len(fits) == 1:
        return said
    return Said(f"{said.summary}; an answer would look the same", {**said.fields, "direction": "request or answer"})


def _explanation(raw: bytes, unit: int, said: Said, more: dict[str, object]) -> Explanation:
    who = "everybody" if unit == 0 else f"unit {unit}"
    fields = {"protocol": "modbus", **more, "address": str(unit), **said.fields}
    return Explanation("modbus", raw, f"Modbus, {who}: {said.summary}", fields)
