"""SunSpec meters: registers counted from a model's header, which stands behind a chain of other models.

The model is first looked for where it stood last, or usually stands, in the very request that reads its values: the
header is part of the answer and proves the place. Only when another model stands there is the chain walked from the
`SunS` marker; where the model was found is kept for a day.
"""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import replace

from drivers.api import Reading
from drivers.errors import RefusedError
from drivers.modbus.block import Block, ask_read
from drivers.modbus.plan import MOST_PLACES, Span
from drivers.modbus.talk import BUSY, ILLEGAL_ADDRESS, ILLEGAL_VALUE, error_for
from drivers.modbus.wire import Stream

MARKERS = (40000, 50000, 0)
"""Where the chain may begin, in the order of the SunSpec information model's rules."""

HEADER = Span("holding", 0, 2)
"""Model id and length; every model's registers are counted from here."""

_SUNS = [0x5375, 0x6E53]
_END = 0xFFFF
_MOST_MODELS = 64  # a chain longer than this is no chain

FOUND_AT = "sunspec@"
"""Begins what is learned: the register of the model's header."""

Walk = Generator[Span, list[int] | None, int]
"""Asks for spans, is sent their words (None: refused), returns the address of the model's header."""


def walk_chain(models: Sequence[int]) -> Walk:
    """Find the header of the first of these models. Raises RefusedError when the device has none of them."""
    for marker in MARKERS:
        begin = yield Span("holding", marker, 4)
        if begin is None or begin[:2] != _SUNS:
            continue
        at, (model, length) = marker + 2, begin[2:]
        for _ in range(_MOST_MODELS):
            if model in models:
                return at
            at += 2 + length
            header = None if model == _END or at > 0xFFFE else (yield Span("holding", at, 2))
            if header is None:
                break
            model, length = header
        raise RefusedError(ILLEGAL_ADDRESS, f"its SunSpec chain has no model {' or '.join(map(str, models))}")
    raise RefusedError(ILLEGAL_ADDRESS, "it has no SunSpec marker at 40000, 50000 or 0")


class SunSpecTalk:
    """One poll of one SunSpec meter. The first block holds the model's header."""

    def __init__(
        self, stream: Stream, blocks: Sequence[Block], models: Sequence[int], usual: int, known: frozenset[str]
    ) -> None:
        self.learned = frozenset(word for word in known if word.startswith(FOUND_AT))
        self._stream = stream
        self._models = models
        self._base = next((int(word.removeprefix(FOUND_AT)) for word in self.learned), usual)
        self._proven = False
        self._blocks = deque(blocks)
        self._walk: Walk | None = None
        self._wanted = HEADER  # what the walk asks for next

    def next_request(self) -> bytes | None:
        if self._walk:
            return self._stream.send(ask_read(self._wanted))
        if not self._blocks:
            return None
        span = self._blocks[0].read.span
        return self._stream.send(ask_read(replace(span, start=span.start + self._base)))

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        if not self._blocks:
            return None
        pdu = self._stream.feed(data)
        if pdu is None:
            return None
        words = self._words(pdu)
        if self._walk:
            return self._step(words)
        if not self._proven and (words is None or words[0] not in self._models):
            self._walk = walk_chain(self._models)
            self._wanted = next(self._walk)
            return []
        block = self._blocks.popleft()
        if words is None:  # a shorter model: what it lacks is planned around, counted from the header as all else
            raise error_for(pdu[1], str(block.read.span))
        self._proven = True
        return block.decode(pdu)

    def give_up(self) -> None:
        """Without the header no block can be trusted, so all is given up until it is found."""
        if self._proven:
            self._blocks.popleft()
        else:
            self._blocks.clear()
            self._walk = None

    def _words(self, pdu: bytes) -> list[int] | None:
        """The answer's registers; None when the device has no such registers. Raises for every other exception."""
        if not pdu[0] & 0x80:
            return [int.from_bytes(pdu[at : at + 2], "big") for at in range(2, len(pdu), 2)]
        code = pdu[1]
        if code in (ILLEGAL_ADDRESS, ILLEGAL_VALUE):
            return None
        if code not in BUSY:
            self._blocks.clear()
            self._walk = None
        raise error_for(code)

    def _step(self, words: list[int] | None) -> Sequence[Reading]:
        assert self._walk
        try:
            self._wanted = self._walk.send(words)
        except StopIteration as found:
            self._found(found.value)
        except RefusedError:
            self._blocks.clear()
            self._walk = None
            raise
        return []

    def _found(self, header: int) -> None:
        """The model's header stands there. Raises RefusedError for a chain that leaves no room for the model."""
        self._walk = None
        if header + max(block.read.span.end for block in self._blocks) > MOST_PLACES:
            self._blocks.clear()
            raise RefusedError(
                ILLEGAL_ADDRESS, f"its SunSpec chain has the model at {header}, beyond the last register"
            )
        self._base, self._proven = header, True
        self.learned = frozenset((f"{FOUND_AT}{header}",))
