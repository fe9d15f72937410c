"""Conversations written as they are spoken: a generator asks a question and gets the answer, or None for silence.

`Dialogue` makes of such a script what the gateway can carry over a line. A question that must not be put twice, such as
a relay command, is not repeated: the retry is silence to the script, which then looks what became of it.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Generic, NamedTuple, TypeVar

from drivers.api import Reading
from drivers.dlt645.frame import WAKE, Frame, FrameBuffer, encode
from drivers.dlt645.functions import ERRORS_1997, ERRORS_2007, NAMES_1997, NAMES_2007, meaning
from drivers.dlt645.manner import WAKE_BYTES
from drivers.dlt645.poll import accepts
from drivers.errors import DriverError, RefusedError

T = TypeVar("T")

NOISE = Frame("", 0)
"""The answer to a question that `tells_noise` when bytes came that were no answer: several may have spoken at once."""


class Question(NamedTuple):
    """A frame, and what counts as its answer."""

    frame: Frame
    begins: bytes = b""  # the answer's data begin so
    ends: bytes = b""  # and end so: the number of a further part
    repeatable: bool = True  # asking twice does what asking once does
    spoken_to_all: bool = False  # nobody answers
    tells_noise: bool = False  # noise is told from silence


Script = Generator[Question, Frame | None, T]
"""Yields questions, gets their answers, returns the result. Refusals are raised inside it."""


class Dialogue(Generic[T]):
    """Implements `drivers.api.Conversation` for a script; its result is there when nothing is left to ask.

    Services are rare, and some of them can be said only once: they always begin with a preamble.
    """

    learned: frozenset[str] = frozenset()

    def __init__(self, script: Script[T], preamble: int = WAKE_BYTES) -> None:
        self._script = script
        self._preamble = preamble
        self._question: Question | None = None
        self._begun = self._asked = False
        self._buffer = FrameBuffer()
        self.result: T | None = None
        self._request, self._heard = b"", b""
        self.error: DriverError | None = None  # what ended the script

    def next_request(self) -> bytes | None:
        if not self._begun:
            self._begun = True
            self._go_on(None)
        elif self._asked and self._question and (self._question.spoken_to_all or not self._question.repeatable):
            self._go_on(self._silence())
        if self._question is None:
            return None
        self._asked, self._heard = True, b""
        self._buffer = FrameBuffer()
        self._request = encode(self._question.frame, self._preamble)
        return self._request

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        self._heard += data
        self._buffer.feed(data)
        while self._asked and (frame := self._buffer.next_frame(self._answers)):
            if self._answers(frame):
                return self._take(frame)
        return None

    def give_up(self) -> None:
        if self._asked:
            self._go_on(self._silence())

    def _silence(self) -> Frame | None:
        noisy = self._heard.replace(self._request.lstrip(bytes([WAKE])), b"").strip(
            bytes([WAKE])
        )  # an echo is no noise
        return NOISE if noisy and self._question and self._question.tells_noise else None

    def _answers(self, frame: Frame) -> bool:
        question = self._question
        if question is None or not frame.from_slave or frame.function != question.frame.function:
            return False
        if not accepts(question.frame.address, frame.address):
            return False
        if frame.refused:
            return True
        return frame.data.startswith(question.begins) and frame.data.endswith(question.ends)

    def _take(self, frame: Frame) -> Sequence[Reading]:
        if frame.refused and self._question:
            error = _refusal(self._question.frame, frame)
            self._move(lambda: self._script.throw(error))
            if self.error is error:
                raise error
        else:
            self._go_on(frame)
        return ()

    def _go_on(self, answer: Frame | None) -> None:
        self._move(lambda: self._script.send(answer))

    def _move(self, step: Callable[[], Question]) -> None:
        self._asked = False
        try:
            self._question = step()
        except StopIteration as end:
            self._question, self.result = None, end.value
        except DriverError as error:
            self._question, self.error = None, error


def _refusal(asked: Frame, answer: Frame) -> RefusedError:
    old = asked.function in NAMES_1997 and asked.function not in NAMES_2007
    word = int.from_bytes(answer.data, "little")
    where = asked.data[: 2 if old else 4][::-1].hex().upper()
    return RefusedError(word, meaning(word, ERRORS_1997 if old else ERRORS_2007), where)
