"""The conversation of a poll: block after block, and what a refusal teaches."""

from collections.abc import Sequence

from drivers.api import Reading
from drivers.errors import BadReplyError, BusyError, DeviceSilentError, NoWayError, RefusedError
from drivers.modbus.block import Block, make_block
from drivers.modbus.field import Field
from drivers.modbus.plan import Limits, Read, Span, holes, read_span, split_read, without_holes
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

SILENT = "silent@"
"""Begins what is learned: for how many polls in a row a read through a hole got no answer while all around it did."""

SILENT_POLLS = 3
"""After so many the hole is no longer read through; a line that loses one answer in ten does so once in 10^6 polls."""

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

    __slots__ = ("_blocks", "_given_up", "_heard", "_limits", "_parted", "_stream", "learned")

    def __init__(
        self, stream: Stream, blocks: Sequence[Block], limits: Limits, learned: frozenset[str] = frozenset()
    ) -> None:
        self.learned = learned
        self._stream = stream
        self._blocks = list(blocks)  # rarely more than three; a deque takes 600 bytes
        self._limits = limits
        self._heard = False  # the device has answered something in this poll
        self._given_up: list[Block] = []  # unanswered so far, as everything else
        self._parted: list[tuple[Read, set[Read]]] = []  # reads without an answer, and what is asked instead

    def next_request(self) -> bytes | None:
        return self._stream.send(self._blocks[0].ask) if self._blocks else None

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        if not self._blocks:
            return None
        pdu = self._stream.feed(data)
        if pdu is None:
            return None
        self._heard = True
        if self._given_up:
            self._ask_in_parts()
        if pdu[0] & 0x80:
            raise self._refusal(pdu[1])
        return self._readings(pdu)

    def whole(self, data: bytes) -> Sequence[Reading] | None:
        """The readings, when these bytes are the awaited answer and nothing else; else None, and nothing changes."""
        pdu = None if self._given_up else self._stream.whole(data)
        if pdu is None:
            return None
        self._heard = True
        return self._readings(pdu)

    def _readings(self, pdu: bytes) -> Sequence[Reading]:
        block = self._blocks.pop(0)
        if self.learned or self._parted:
            self._learn(block.read)
        return block.decode(pdu)

    def give_up(self) -> None:
        """Drop the pending read. A device that answers others may be silent about one register of it, as some are
        instead of refusing: its parts are asked once more, behind everything else."""
        if self._blocks:
            self._given_up.append(self._blocks.pop(0))
            if self._heard:
                self._ask_in_parts()

    def _ask_in_parts(self) -> None:
        for block in self._given_up:
            parts = without_holes(block.read, self._limits)
            self._blocks.extend(_part(block, part) for part in parts)
            self._parted.append((block.read, set(parts)))
        self._given_up.clear()

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
            self._blocks[:0] = [_part(block, part) for part in split_read(block.read, self._limits)]
            return error_for(code, str(span))
        if code in GATEWAY:
            self._blocks.clear()
        return error_for(code)

    def _learn(self, answered: Read) -> None:
        """A hole is none to be silent about when it was read through; it may be one when all around it answers."""
        counts = {hole: count for hole, count in unanswered(self.learned).items() if not answered.span.covers(hole)}
        for read, parts in self._parted:
            if answered in parts:
                parts.remove(answered)
                if not parts:
                    counts |= {hole: counts.get(hole, 0) + 1 for hole in holes(read)}
        self.learned = frozenset(f"{SILENT}{count} {hole}" for hole, count in counts.items())


def unanswered(words: frozenset[str]) -> dict[Span, int]:
    """How many polls in a row each hole is held to be the reason that a read got no answer."""
    stated = [word.removeprefix(SILENT).partition(" ") for word in words if word.startswith(SILENT)]
    return {read_span(place): int(count) for count, _, place in stated}


def _part(block: Block, part: Read) -> Block:
    return make_block(part, inside(part.wanted, block.fields))


def inside(wanted: Sequence[Span], fields: Sequence[Field]) -> list[Field]:
    """The fields that need one of these spans."""
    spans = set(wanted)
    return [field for field in fields if field.needs in spans]
