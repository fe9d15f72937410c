"""One poll of one meter as a conversation: asks its plan through, block or single, whole or in several frames."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from drivers.api import Reading, Value
from drivers.dlt645.frame import READ, READ_1997, READ_NEXT, READ_NEXT_1997, Frame, FrameBuffer, encode
from drivers.dlt645.functions import ERRORS_1997, ERRORS_2007, meaning
from drivers.dlt645.manner import Manner
from drivers.dlt645.plan import Ask, Wanted
from drivers.dlt645.value import without_separators
from drivers.errors import BadReplyError, RefusedError


def wire(identifier: str) -> bytes:
    """An identifier as data bytes."""
    return bytes.fromhex(identifier)[::-1]


def accepts(asked: str, answering: str) -> bool:
    """Whether the meter with the address `answering` may answer for `asked`, which may have wildcard digits."""
    return asked == answering or all(one in ("A", other) for one, other in zip(asked, answering, strict=True))


class Poll:
    """Implements `drivers.api.Conversation`: asks the plan of the edition that the meter speaks.

    What is not answered is asked again with a preamble, or in the other edition while it is not known which one.
    """

    def __init__(self, address: str, plans: Mapping[str, Iterable[Ask]], manner: Manner) -> None:
        self._address = address.upper()
        self._plans = plans  # by edition
        self._manner = manner
        self._asks = deque(plans[manner.edition])
        self._buffer = FrameBuffer()
        self._asked = False  # the request on the line has not been answered
        self._heard = False  # the meter has said something in this conversation
        self._step = 0  # which of the identifiers of an ask
        self._data = b""  # of the steps and frames so far
        self._sequence = 0  # of the frame that is asked for; 0 is the first

    def next_request(self) -> bytes | None:
        if not self._asks:
            return None
        if self._asked:
            self._unanswered()
        if not self._asks:
            return None
        self._asked = True
        self._buffer = FrameBuffer()
        return encode(Frame(self._address, self._function, self._question), self._manner.preamble)

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        self._buffer.feed(data)
        while self._asked and (frame := self._buffer.next_frame(self._answers)):
            if self._answers(frame):
                return self._take(frame)
        return None

    def give_up(self) -> None:
        if not self._asks:
            return
        if not self._manner.settled:
            self._manner.unanswered()
            self._asks.clear()  # whoever is silent from the beginning is not asked for the rest
        else:
            if self._asked:
                self._manner.unanswered()
            self._drop(singly=self._heard)

    @property
    def learned(self) -> frozenset[str]:
        return self._manner.learned

    def _unanswered(self) -> None:
        before = self._manner.edition
        self._manner.unanswered()
        if self._manner.edition != before:
            self._asks = deque(self._plans[self._manner.edition])
            self._begin()

    @property
    def _identifier(self) -> str:
        return self._asks[0].identifiers[self._step]

    @property
    def _is_1997(self) -> bool:
        return len(self._identifier) == 4

    @property
    def _function(self) -> int:
        if self._is_1997:
            return READ_NEXT_1997 if self._sequence else READ_1997
        return READ_NEXT if self._sequence else READ

    @property
    def _question(self) -> bytes:
        counted = self._sequence and not self._is_1997
        return wire(self._identifier) + (bytes([self._sequence]) if counted else b"")

    def _answers(self, frame: Frame) -> bool:
        """Whether a frame is the answer to what was asked; a late answer to something else is not."""
        if not frame.from_slave or frame.function != self._function or not accepts(self._address, frame.address):
            return False
        if frame.refused:
            return len(frame.data) == 1
        if not frame.data.startswith(wire(self._identifier)):
            return False
        return not self._sequence or self._is_1997 or frame.data[4:][-1:] == bytes([self._sequence])

    def _take(self, frame: Frame) -> Sequence[Reading]:
        self._asked, self._heard = False, True
        self._manner.answered()
        if frame.refused:
            refused = self._identifier
            meanings = ERRORS_1997 if self._is_1997 else ERRORS_2007
            self._drop(singly=True)
            raise RefusedError(frame.data[0], meaning(frame.data[0], meanings), refused)
        counted = self._sequence and not self._is_1997
        self._data += frame.data[len(self._identifier) // 2 : -1 if counted else None]
        if frame.more:
            self._sequence += 1
            if self._sequence > 255:
                self._begin()
                raise BadReplyError(f"{self._identifier}: the meter never comes to the last frame")
            return ()
        self._sequence = 0
        if self._step + 1 < len(self._asks[0].identifiers):
            self._step += 1
            return ()
        return self._finish()

    def _finish(self) -> Sequence[Reading]:
        ask, data = self._asks[0], self._data
        self._begin()
        readings, missing = _read(ask, data)
        if missing and not ask.singles:
            raise BadReplyError(
                f"{ask.identifiers[0]}: {len(data)} data bytes where the profile reads {missing[0].format.size}"
            )
        self._asks.popleft()
        names = {wanted.point.name for wanted in missing}
        again = (single for single in ask.singles if any(wanted.point.name in names for wanted in single.wanted))
        self._asks.extendleft(reversed(list(again)))
        return readings

    def _drop(self, singly: bool) -> None:
        """Leave the present ask; a block is then asked item by item."""
        ask = self._asks.popleft()
        if singly:
            self._asks.extendleft(reversed(ask.singles))
        self._begin()
        self._asked = False

    def _begin(self) -> None:
        self._step, self._sequence, self._data = 0, 0, b""


def _read(ask: Ask, data: bytes) -> tuple[list[Reading], list[Wanted]]:
    """The readings in an answer, and the points that it does not hold."""
    readings, missing = [], []
    for wanted in ask.wanted:
        part = _part(wanted, data)
        if part is None:
            missing.append(wanted)
            continue
        value = _scaled(wanted, wanted.format.read(part))
        if len(ask.identifiers) > 1 and "T23:59" in str(value):
            value = None  # date and time were asked one after the other: the day may have changed between them
        readings.append(Reading(wanted.point.name, value, wanted.point.unit))
    return readings, missing


def _part(wanted: Wanted, data: bytes) -> bytes | None:
    size = wanted.format.size or len(data)
    if wanted.at is None:
        return data if len(data) == size else None
    data = without_separators(data, size)
    start = wanted.at * size
    return data[start : start + size] if len(data) % size == 0 and start + size <= len(data) else None


def _scaled(wanted: Wanted, value: Value) -> Value:
    point = wanted.point
    if not isinstance(value, Decimal) or (point.scale == 1 and point.offset == 0):
        return value
    return value * Decimal(str(point.scale)) + Decimal(str(point.offset))
