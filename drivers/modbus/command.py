"""Single requests that no poll makes: writes, write-and-read, device identification, plain reads.

A write is sent once. Whether a lost answer means that nothing was written, nobody can know: asking again is the
operator's decision, so such a conversation gives its request once and then None.
"""

from collections.abc import Callable, Sequence

from pymodbus.pdu.bit_message import WriteMultipleCoilsRequest, WriteSingleCoilRequest
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest
from pymodbus.pdu.register_message import (
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.api import Reading
from drivers.errors import RequestError
from drivers.modbus.block import ask_read
from drivers.modbus.pdu import IDENTIFICATION, IDENTITY, identification_objects, identification_size
from drivers.modbus.plan import BIT_TABLES, Limits, Span
from drivers.modbus.talk import BUSY, error_for
from drivers.modbus.wire import Ask, Stream

MOST_WRITTEN = {"coil": 1968, "holding": 123}
"""In one request, by the Modbus specification."""


class Command:
    """One request and its answer. `repeatable` says whether the request may be sent again."""

    learned: frozenset[str] = frozenset()

    def __init__(
        self, stream: Stream, ask: Ask, decode: Callable[[bytes], Sequence[Reading]], *, repeatable: bool
    ) -> None:
        self.repeatable = repeatable
        self._stream = stream
        self._ask = ask
        self._decode = decode
        self._sent = False
        self._over = False

    def next_request(self) -> bytes | None:
        if self._over or (self._sent and not self.repeatable):
            return None
        self._sent = True
        return self._stream.send(self._ask)

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        pdu = None if self._over or not self._sent else self._stream.feed(data)
        if pdu is None:
            return None
        refused = pdu[0] & 0x80
        self._over = not (refused and pdu[1] in BUSY)
        if refused:
            raise error_for(pdu[1])
        return self._decode(pdu)

    def give_up(self) -> None:
        self._over = True


def read_registers(stream: Stream, span: Span) -> Command:
    """Functions 1 to 4: the bare words or bits of a span, each a reading named by its place."""
    if span.count > Limits().longest(span.table):
        raise RequestError(f"{span}: one answer holds at most {Limits().longest(span.table)}")

    def decode(pdu: bytes) -> Sequence[Reading]:
        return _readings(span, pdu)

    return Command(stream, ask_read(span), decode, repeatable=True)


def write(stream: Stream, span: Span, values: Sequence[int], *, one_by_function_16: bool = False) -> Command:
    """Functions 5, 6, 15 and 16: coils as 0 and 1, holding registers as words. Raises RequestError."""
    _check_values(span, values)
    if span.count == 1 and not one_by_function_16:
        if span.table == "coil":
            coil = WriteSingleCoilRequest(address=span.start, bits=[bool(values[0])])
            pdu = b"\x05" + coil.encode()
        else:
            pdu = b"\x06" + WriteSingleRegisterRequest(address=span.start, registers=list(values)).encode()
        ask = Ask(pdu, pdu, len(pdu))
    elif span.table == "coil":
        coils = WriteMultipleCoilsRequest(address=span.start, bits=[bool(value) for value in values])
        ask = _counted(b"\x0f" + coils.encode())
    else:
        ask = _counted(b"\x10" + WriteMultipleRegistersRequest(address=span.start, registers=list(values)).encode())
    return Command(stream, ask, lambda _: [], repeatable=False)


def write_and_read(stream: Stream, written: Span, values: Sequence[int], read: Span) -> Command:
    """Function 23: the device writes first and reads then, in one request. Raises RequestError."""
    _check_values(written, values)
    if written.table != "holding" or read.table != "holding" or read.count > 125 or written.count > 121:
        raise RequestError("function 23 writes at most 121 holding registers and reads at most 125")
    request = ReadWriteMultipleRegistersRequest(
        read_address=read.start, read_count=read.count, write_address=written.start, write_registers=list(values)
    )
    ask = Ask(b"\x17" + request.encode(), bytes([23, 2 * read.count]), 2 + 2 * read.count)
    return Command(stream, ask, lambda pdu: _readings(read, pdu), repeatable=False)


def identify(stream: Stream) -> Command:
    """Function 43/14, basic identification: vendor, product and revision as readings."""
    request = ReadDeviceInformationRequest(read_code=1)

    def decode(pdu: bytes) -> Sequence[Reading]:
        return [Reading(IDENTITY.get(key, str(key)), text) for key, text in identification_objects(pdu)]

    ask = Ask(b"\x2b" + request.encode(), bytes([43, IDENTIFICATION, 1]), identification_size)
    return Command(stream, ask, decode, repeatable=True)


def _counted(pdu: bytes) -> Ask:
    """The answer to 15 and 16 repeats function, address and count."""
    return Ask(pdu, pdu[:5], 5)


def _check_values(span: Span, values: Sequence[int]) -> None:
    if span.table not in MOST_WRITTEN:
        raise RequestError(f"{span}: only coils and holding registers can be written")
    if len(values) != span.count or span.count > MOST_WRITTEN[span.table]:
        raise RequestError(f"{span}: {len(values)} values; at most {MOST_WRITTEN[span.table]}, one for each place")
    top = 1 if span.table == "coil" else 0xFFFF
    if wrong := [value for value in values if not 0 <= value <= top]:
        raise RequestError(f"{span}: {wrong[0]} is not from 0 to {top}")


def _readings(span: Span, pdu: bytes) -> list[Reading]:
    places = range(span.start, span.end)
    if span.table in BIT_TABLES:
        bits = int.from_bytes(pdu[2:], "little")
        return [Reading(f"{span.table} {place}", bits >> place - span.start & 1) for place in places]
    words = [int.from_bytes(pdu[at : at + 2], "big") for at in range(2, len(pdu), 2)]
    return [Reading(f"{span.table} {place}", word) for place, word in zip(places, words, strict=True)]
