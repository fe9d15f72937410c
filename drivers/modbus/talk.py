"""The conversation of a poll: block after block, and what a refusal teaches."""

from collections.abc import Sequence

from drivers.api import Reading
from drivers.errors import BadReplyError, BusyError, DeviceSilentError, NoWayError, RefusedError
from drivers.modbus.block import Block, make_block
from drivers.modbus.field import Field
from drivers.modbus.plan import Limits, Span, split_read
from drivers.modbus.wire import Stream

MEANINGS = {
    1: "it does not know this function",
    2: "it has no such register",
    3: "it does not accept such a request",
    4: "it failed while answering",
    5: "it needs more time and has acknowledged",
    6: "it is busy",
    7: "it cannot do that",
    8: "its memory is damaged",
    10: "the gateway in between has no way to that device: look at the gateway's own port and settings",
    11: "the gateway in between got no answer: the device behind it is dead or off",
}
"""Exception codes of the Modbus application protocol, section 7."""

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
BUSY = (5, 6)
NO_WAY, NO_ANSWER = 10, 11
GATEWAY = (NO_WAY, NO_ANSWER)


def meaning(code: int) -> str:
    """An exception code in words."""
    return MEANINGS.get(code, "an exception that the standard does not know")


def error_for(code: int, where: str = "") -> BadReplyError | RefusedError:
    """The error that an exception answer comes to.

    Only what will be refused for ever has a `where`: a dead device behind a gateway may be back next time.
    """
    if code in BUSY:
        return BusyError(f"the device says {meaning(code)} (0x{code:02X})")
    if code in GATEWAY:
        return (NoWayError if code == NO_WAY else DeviceSilentError)(code, meaning(code))
    return RefusedError(code, meaning(code), where)


class ReadTalk:
    """One poll of one device. A block that fails for one of its registers is asked again in parts."""

    __slots__ = ("_blocks", "_heard", "_limits", "_stream")
    learned: frozenset[str] = frozenset()

    def __init__(self, stream: Stream, blocks: Sequence[Block], limits: Limits) -> None:
        self._stream = stream
        self._blocks = list(blocks)  # rarely more than three; a deque takes 600 bytes
        self._limits = limits
        self._heard = False  # the device has answered something in this poll

    def next_request(self) -> bytes | None:
        return self._stream.send(self._blocks[0].ask) if self._blocks else None

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        if not self._blocks:
            return None
        pdu = self._stream.feed(data)
        if pdu is None:
            return None
        self._heard = True
        if pdu[0] & 0x80:
            raise self._refusal(pdu[1])
        return self._blocks.pop(0).decode(pdu)

    def give_up(self) -> None:
        """Drop the pending read. A device that answers others may be silent about one register of it, as some are
        instead of refusing: its parts are asked once more, behind everything else."""
        if self._blocks:
            block = self._blocks.pop(0)
            self._blocks.extend(self._parts(block) if self._heard else ())

    def _refusal(self, code: int) -> BadReplyError | RefusedError:
        """The error to raise; goes on with what may still be had."""
        if code in BUSY:
            return error_for(code)
        block = self._blocks.pop(0)
        span = block.read.span
        if code == ILLEGAL_FUNCTION:
            self._blocks = [left for left in self._blocks if left.read.span.table != span.table]
            return error_for(code, span.table)
        if code in (ILLEGAL_ADDRESS, ILLEGAL_VALUE):
            self._blocks[:0] = self._parts(block)
            return error_for(code, str(span))
        if code in GATEWAY:
            self._blocks.clear()
        return error_for(code)

    def _parts(self, block: Block) -> list[Block]:
        return [make_block(part, inside(part.wanted, block.fields)) for part in split_read(block.read, self._limits)]


def inside(wanted: Sequence[Span], fields: Sequence[Field]) -> list[Field]:
    """The fields that need one of these spans."""
    spans = set(wanted)
    return [field for field in fields if field.needs in spans]
