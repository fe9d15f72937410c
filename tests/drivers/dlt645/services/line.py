"""A line in memory for dialogues: every meter hears every byte, and two answers at once collide."""

from collections.abc import Sequence
from typing import TypeVar

from drivers.dlt645.services.dialogue import Dialogue, Script
from drivers.errors import RefusedError
from drivers.sim.dlt645 import SimulatedMeter

T = TypeVar("T")


class Line:
    """Carries dialogues as the gateway does: silence is one retry, then the question is given up."""

    def __init__(self, *meters: SimulatedMeter) -> None:
        self.meters: Sequence[SimulatedMeter] = meters
        self.requests: list[bytes] = []
        self.deaf = 0  # so many requests from now on are lost

    def say(self, request: bytes) -> bytes:
        """What is heard after a request: an answer, nothing, or the answers of several on top of each other."""
        self.requests.append(request)
        if self.deaf:
            self.deaf -= 1
            return b""
        answers = [answer for meter in self.meters if (answer := meter.answer(request))]
        return collide(answers)

    def carry(self, script: Script[T]) -> T | None:
        """A dialogue to its end: its result. Raises what ended it."""
        talk = Dialogue(script)
        while (request := talk.next_request()) is not None:
            try:
                answered = talk.feed(self.say(request)) is not None
            except RefusedError:
                break
            again = None if answered else talk.next_request()
            if again is not None and talk.feed(self.say(again)) is None:
                talk.give_up()
        if talk.error:
            raise talk.error
        return talk.result


def collide(answers: Sequence[bytes]) -> bytes:
    """Several senders on one pair of wires: a 1 is seen only where all send it."""
    if not answers:
        return b""
    heard = bytearray(max(answers, key=len))
    for answer in answers:
        for place, byte in enumerate(answer):
            heard[place] &= byte
    return bytes(heard)
