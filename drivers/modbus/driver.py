"""The Modbus drivers: RTU on serial lines and through serial servers, and TCP with its transaction ids.

pymodbus is the codec: its PDU classes write requests, its framers write frames and know the CRC. Finding the one
right answer in what a line delivers, and turning registers into values, are ours: see `wire` and `block`.
Nothing of pymodbus that opens a port is used; its clients assume to own the line.
"""

from collections.abc import Callable, Sequence

from drivers.api import Conversation, Explanation, Profile
from drivers.errors import RequestError
from drivers.modbus.block import Block, make_block
from drivers.modbus.command import Command, identify, read_registers, write, write_and_read
from drivers.modbus.explain import explain_mbap, explain_rtu
from drivers.modbus.layout import Layout, layout_faults, read_layout
from drivers.modbus.plan import READ_FUNCTION, plan_reads, read_span
from drivers.modbus.sunspec import HEADER, SunSpecTalk
from drivers.modbus.talk import SILENT, SILENT_POLLS, ReadTalk, inside, unanswered
from drivers.modbus.wire import RtuStream, Stream, TcpStream
from drivers.price import Exchange

_REMEMBERED = 4096  # plans; one a device whose profile, points and refusals are its own


class Modbus:
    """What RTU and TCP share: everything but the framing."""

    late_answers_are_harmless = False
    _on_tcp = False
    _overhead = 3  # bytes of a frame beside its PDU: unit and CRC
    _stream: Callable[[int], Stream]

    def __init__(self) -> None:
        # Plans are pure functions of their key; the profile stands in the entry so that its id stays its own.
        self._plans: dict[tuple[int, tuple[str, ...], frozenset[str]], tuple[Profile, Layout, list[Block]]] = {}

        self._units: dict[str, int] = {}  # by address, as far as they have been used

    def check(self, profile: Profile) -> Sequence[str]:
        return list(layout_faults(profile))

    def check_address(self, address: str) -> str:
        if _is_number(address) and 1 <= int(address) <= 247:
            return ""
        return f"{address!r} is no Modbus unit id; write a number from 1 to 247, without zeros in front"

    def converse(
        self, profile: Profile, address: str, points: Sequence[str], refused: frozenset[str] = frozenset()
    ) -> Conversation:
        stream = self._unit_stream(address)
        layout, blocks = self._plan(profile, tuple(points), refused)
        if layout.sunspec:
            return SunSpecTalk(stream, blocks, layout.sunspec, layout.sunspec_at, refused)
        learned = refused if not refused else frozenset(word for word in refused if word.startswith(SILENT))
        return ReadTalk(stream, blocks, layout.limits, learned)

    def read(self, address: str, place: str) -> Command:
        """Ask for bare registers or bits, such as "input 0+10". Raises RequestError."""
        return read_registers(self._unit_stream(address), read_span(place))

    def write(self, address: str, place: str, values: Sequence[int], *, one_by_function_16: bool = False) -> Command:
        """Write coils ("coil 3") or words ("holding 0+2"), once. Raises RequestError."""
        return write(self._unit_stream(address), read_span(place), values, one_by_function_16=one_by_function_16)

    def write_and_read(self, address: str, written: str, values: Sequence[int], read: str) -> Command:
        """Write registers, then read registers, in one request sent once. Raises RequestError."""
        return write_and_read(self._unit_stream(address), read_span(written), values, read_span(read))

    def identify(self, address: str) -> Command:
        """Ask for vendor, product and revision. Raises RequestError."""
        return identify(self._unit_stream(address))

    def plan(self, profile: Profile, points: Sequence[str], refused: frozenset[str] = frozenset()) -> Sequence[Block]:
        """The reads that a poll of these points makes, in order. Raises RequestError."""
        return self._plan(profile, tuple(points), refused)[1]

    def exchanges(self, profile: Profile, points: Sequence[str]) -> Sequence[Exchange]:
        """What a poll of these points costs on the wire. Raises RequestError."""
        return [
            Exchange(
                what=str(block.read.span),
                asked=len(block.ask.pdu) + self._overhead,
                answered=2 + block.ask.head[1] + self._overhead,
                points=tuple(field.point.name for field in block.fields),
            )
            for block in self.plan(profile, points)
        ]

    def _unit_stream(self, address: str) -> Stream:
        unit = self._units.get(address)
        if unit is None:
            if fault := self.check_address(address):
                raise RequestError(fault)
            unit = self._units[address] = int(address)
        return self._stream(unit)

    def _plan(
        self, profile: Profile, points: tuple[str, ...], refused: frozenset[str]
    ) -> tuple[Layout, Sequence[Block]]:
        key = (id(profile), points, refused)
        known = self._plans.get(key)
        if known is None:
            layout = read_layout(profile, on_tcp=self._on_tcp)
            if len(self._plans) >= _REMEMBERED:
                self._plans.clear()
            known = self._plans[key] = (profile, layout, _blocks(layout, points, refused))
        return known[1], known[2]


class ModbusRtu(Modbus):
    """RTU frames, on RS-485 or passed through by a serial server."""

    _stream = RtuStream

    def explain(self, data: bytes) -> Sequence[Explanation]:
        return explain_rtu(data)


class ModbusTcp(Modbus):
    """MBAP frames; a late answer carries the transaction id of its own request."""

    late_answers_are_harmless = True
    _on_tcp = True
    _overhead = 7  # the header of Modbus TCP
    _stream = TcpStream

    def check_address(self, address: str) -> str:
        """Behind one TCP endpoint 0 and 248..255 are in use too, for the endpoint itself."""
        if _is_number(address) and int(address) <= 255:
            return ""
        return f"{address!r} is no Modbus unit id; write a number from 0 to 255, 1 when the manual says nothing"

    def explain(self, data: bytes) -> Sequence[Explanation]:
        return explain_mbap(data)


def _is_number(address: str) -> bool:
    """Digits in the one way that a number is written: two devices `1` and `01` of a line would answer at once."""
    return address.isascii() and address.isdecimal() and address == str(int(address))


def _blocks(layout: Layout, points: Sequence[str], refused: frozenset[str]) -> list[Block]:
    if unknown := [point for point in points if point not in layout.fields]:
        raise RequestError(f"the profile has no point {', '.join(unknown)}")
    fields = [layout.fields[point] for point in dict.fromkeys(points)]
    spans = [read_span(place) for place in refused if " " in place and not place.startswith(SILENT)]
    spans += [hole for hole, count in unanswered(refused).items() if count >= SILENT_POLLS]
    tables = refused & READ_FUNCTION.keys()
    wanted = {field.needs for field in fields if field.needs.table not in tables}
    if layout.sunspec and wanted:
        wanted.add(HEADER)
    return [make_block(read, inside(read.wanted, fields)) for read in plan_reads(wanted, layout.limits, spans)]
