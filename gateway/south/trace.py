"""The last frames of a line, for people who look for a fault."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drivers.dlt645.secrecy import covered, only_frames
from gateway.clock import Clock

KEPT, KEPT_OF_TCP = 200, 10
"""Frames. A gateway has a few serial lines, but may have a thousand endpoints on the network."""

Direction = Literal["out", "in", "late", "noise"]
"""Sent; heard in answer; heard when nobody waited any more after a timeout; heard when nobody had asked."""


@dataclass(frozen=True, slots=True)
class TracedFrame:
    """A stretch of bytes on a line."""

    at: float  # epoch seconds
    direction: Direction
    data: bytes
    device: str  # who was being spoken to; '' when nobody


class Trace:
    """A ring of the last frames. Noting one costs next to nothing; the time of day is worked out when it is read.

    Secrets never come into it: they are covered in what was sent, and so is all that may be an echo of them.
    """

    __slots__ = ("_clock", "_ring", "_secret_said", "listeners")

    def __init__(self, clock: Clock, kept: int) -> None:
        self.listeners: list[Callable[[TracedFrame], None]] = []  # are told of every frame as it is noted
        self._clock = clock
        self._ring: deque[tuple[float, Direction, bytes, str]] = deque(maxlen=kept)
        self._secret_said = False  # with the last request

    def note(self, at: float, direction: Direction, data: bytes, device: str) -> None:
        """Keep one frame; `at` in monotonic seconds."""
        if direction == "out":
            shown = covered(data)
            self._secret_said, data = shown is not data, shown
        else:
            data = self.shown(data)
        self._ring.append((at, direction, data, device))
        if self.listeners:
            frame = self._dated(at, direction, data, device)
            for listener in tuple(self.listeners):
                listener(frame)

    def shown(self, heard: bytes) -> bytes:
        """What was heard as anybody may see it."""
        return only_frames(heard) if self._secret_said else heard

    def frames(self) -> tuple[TracedFrame, ...]:
        """The oldest first."""
        return tuple(self._dated(*frame) for frame in self._ring)

    def _dated(self, at: float, direction: Direction, data: bytes, device: str) -> TracedFrame:
        wall = self._clock.wall() - self._clock.monotonic() + at
        return TracedFrame(wall, direction, data, device)
