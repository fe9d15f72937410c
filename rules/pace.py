"""When the rules weigh everything anew: a beat after evidence moved, a poll later while something lasts."""

from collections.abc import Iterable
from statistics import median

from rules.area import Area
from rules.witness import Witness

LONGEST_BEAT_S = 5.0
NEVER = 1e15
"""Epoch seconds that nobody lives to see; finite, so that it survives being saved."""
NOISY_BEATS = 3  # beats over which the evidence of a noisy line is gathered


def spacing(witnesses: Iterable[Witness], poll_s: float) -> float:
    """How often most of these devices are read, as they have shown, s; `poll_s` as long as none has."""
    return median([witness.period for witness in witnesses if witness.period] or [poll_s])


class Pace:
    """The time of the rules, and when their next step is due. Epoch seconds."""

    def __init__(self, area: Area, wake: float) -> None:
        """`wake`: when the first step is due, should nothing happen before."""
        self.beat = min(LONGEST_BEAT_S, area.poll_period_s / 12)
        self._poll = area.poll_period_s
        self.now = 0.0
        self.stepped = 0.0
        self.wake = wake
        self.dirty = False  # evidence about supply changed since the last step

    def rouse(self) -> None:
        """Something changed: the next step is due a beat after the last."""
        self.wake = min(self.wake, self.stepped + self.beat)

    def stir(self, *, known: bool) -> None:
        """An answer more or less on a noisy line: once the noise is `known`, the next step has time for more of it."""
        self.wake = min(self.wake, self.stepped + (NOISY_BEATS if known else 1) * self.beat)

    def rest(self, deadline: float, *, moved: bool, lasts: bool) -> None:
        """A step was made: when the next is due if nothing happens; `deadline` when nothing moved and nothing lasts."""
        if moved:
            self.wake = self.stepped + self.beat
        elif lasts:
            self.wake = self.stepped + self._poll
        else:
            self.wake = deadline

    def dump(self) -> object:
        """Its state as plain data."""
        return [self.now, self.stepped, self.wake, self.dirty]

    def load(self, kept: object) -> None:
        """Take up the state that `dump` gave."""
        assert isinstance(kept, list)
        self.now, self.stepped, self.wake, self.dirty = kept
