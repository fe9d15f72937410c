"""A simulated Modbus device: a profile's registers behind RTU or TCP frames. The driver's codec, roles swapped."""

import struct
from collections.abc import Callable, Mapping
from typing import Literal

from drivers.api import Profile, Value
from drivers.modbus.layout import read_layout
from drivers.modbus.pdu import FUNCTIONS, IDENTIFICATION, pdu_size
from drivers.modbus.plan import BIT_TABLES, Span
from drivers.modbus.switch import Switch, switch_of
from drivers.modbus.wire import crc_holds, mbap_frame, rtu_frame
from drivers.sim.modbus_memory import Memory

_LONGEST_FRAME = 256
_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input", 5: "coil", 6: "holding", 15: "coil", 16: "holding"}

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3


class RefusalError(Exception):
    """The exception answer that a request earns."""

    def __init__(self, code: int) -> None:
        self.code = code


class SimulatedModbus:
    """One device on a line or behind a TCP endpoint; `set` turns its knobs, `powered` switches it off."""

    def __init__(
        self,
        profile: Profile,
        address: str,
        values: Mapping[str, Value] | None = None,
        *,
        framing: Literal["rtu", "tcp"] = "rtu",
        identity: Mapping[int, str] | None = None,
    ) -> None:
        self.address = address
        self.powered = True
        self.identity = dict(identity or {0: "taiqu", 1: profile.name, 2: "simulated"})
        layout = read_layout(profile, on_tcp=framing == "tcp")
        self._limits = layout.limits
        self._memory = Memory(layout)
        self._switch = switch_of(profile)
        self._unit = int(address)
        self._heard = b""
        self._answered: Callable[[], bytes] = self._rtu_answers if framing == "rtu" else self._tcp_answers
        for point, value in (values or {}).items():
            self.set(point, value)

    def set(self, point: str, value: Value) -> None:
        """From now on the device holds this value. Raises RequestError when its registers cannot say it."""
        self._memory.set(point, value)

    def answer(self, heard: bytes) -> bytes:
        """Answers to every whole request for this unit in what was heard; silence to everything else."""
        self._heard += heard
        said = self._answered()
        return said if self.powered else b""

    def _rtu_answers(self) -> bytes:
        said, at = b"", 0
        while (at := self._heard.find(self._unit, at)) >= 0:
            size = (pdu_size(self._heard[at + 1 :], "request") or 0) + 3
            frame = self._heard[at : at + size]
            if 4 <= size == len(frame) and crc_holds(frame):
                said += rtu_frame(self._unit, self._answer(frame[1:-2]))
                self._heard = self._heard[at + size :]
                at = 0
            else:
                at += 1
        self._heard = self._heard[-_LONGEST_FRAME:]
        return said

    def _tcp_answers(self) -> bytes:
        said = b""
        while len(self._heard) >= 8:
            transaction, protocol, size = struct.unpack(">HHH", self._heard[:6])
            if protocol or not 2 <= size <= 254:
                self._heard = self._heard[1:]
                continue
            if len(self._heard) < 6 + size:
                break
            unit, pdu = self._heard[6], self._heard[7 : 6 + size]
            self._heard = self._heard[6 + size :]
            if unit == self._unit:
                said += mbap_frame(transaction, unit, self._answer(pdu))
        return said

    def _answer(self, pdu: bytes) -> bytes:
        try:
            if pdu[0] not in FUNCTIONS:
                raise RefusalError(ILLEGAL_FUNCTION)
            if pdu_size(pdu, "request") != len(pdu):
                raise RefusalError(ILLEGAL_VALUE)
            return self._obey(pdu)
        except RefusalError as refusal:
            return bytes([pdu[0] | 0x80, refusal.code])

    def _obey(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function in (1, 2, 3, 4):
            start, count = struct.unpack(">HH", pdu[1:5])
            return self._read(function, _TABLES[function], start, count)
        if function in (5, 6, 15, 16):
            return self._write(pdu)
        if function == 23:
            start, count, write_start, write_count = struct.unpack(">HHHH", pdu[1:9])
            self._store("holding", write_start, _words(pdu[10:]), write_count)
            return self._read(function, "holding", start, count)
        if function == 43 and pdu[1] == IDENTIFICATION:
            return self._identify(pdu)
        raise RefusalError(ILLEGAL_FUNCTION)

    def _read(self, function: int, table: str, start: int, count: int) -> bytes:
        if not 1 <= count <= self._limits.longest(table):
            raise RefusalError(ILLEGAL_VALUE)
        span = Span(table, start, count)
        if not self._memory.knows(span) or self._limits.aligned(table, start, span.end) != span:
            raise RefusalError(ILLEGAL_ADDRESS)
        held = self._memory.read(span)
        if table in BIT_TABLES:
            data = sum(bit << place for place, bit in enumerate(held)).to_bytes((count + 7) // 8, "little")
        else:
            data = struct.pack(f">{count}H", *held)
        return bytes([function, len(data)]) + data

    def _write(self, pdu: bytes) -> bytes:
        function = pdu[0]
        start, count = struct.unpack(">HH", pdu[1:5])
        if function == 5 and count not in (0, 0xFF00):
            raise RefusalError(ILLEGAL_VALUE)
        if function in (5, 6):
            self._store(_TABLES[function], start, [int(count > 0) if function == 5 else count], 1)
        elif function == 15:
            bits = int.from_bytes(pdu[6:], "little")
            self._store("coil", start, [bits >> place & 1 for place in range(count)], count)
        else:
            self._store("holding", start, _words(pdu[6:]), count)
        return pdu[:5]

    def _store(self, table: str, start: int, words: list[int], count: int) -> None:
        if not 1 <= count == len(words):
            raise RefusalError(ILLEGAL_VALUE)
        span = Span(table, start, count)
        if self._switch is not None and str(span) == self._switch.where:
            self._turn(self._switch, words[0])
            return
        if not self._memory.knows(span):
            raise RefusalError(ILLEGAL_ADDRESS)
        self._memory.write(span, words)

    def _turn(self, switch: Switch, word: int) -> None:
        """Open or close, and show it."""
        if word not in (switch.open, switch.close):
            raise RefusalError(ILLEGAL_VALUE)
        self.set(switch.shown_by, int(word == switch.open))

    def _identify(self, pdu: bytes) -> bytes:
        """All objects of the basic identification in one answer; a single one when that is asked for."""
        wanted = {pdu[3]} if pdu[2] == 4 else self.identity.keys()
        known = {key: text.encode() for key, text in sorted(self.identity.items()) if key in wanted}
        if not known or pdu[2] not in (1, 2, 3, 4):
            raise RefusalError(ILLEGAL_ADDRESS if pdu[2] == 4 else ILLEGAL_VALUE)
        objects = b"".join(bytes([key, len(text)]) + text for key, text in known.items())
        return bytes([43, IDENTIFICATION, pdu[2], 0x81, 0, 0, len(known)]) + objects


def _words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data[: len(data) & ~1]))
