"""How much may be on its way at a time, so that news never waits behind it for long, however slow the link is.

A link that is full does not say so: what is handed over waits in front of it, and its acknowledgements come later. As
in LEDBAT (RFC 6817) the acknowledgement that came soonest lately stands for the link itself, whatever a satellite or a
mobile network takes; what comes later than that has waited in a queue, and the queue is what is kept short.
"""

from collections import deque

LARGEST, SHORTEST = 128_000, 2_000
"""Bytes of observations in one parcel: more makes a fast link no faster, less is mostly its heads."""

QUEUE_S = 0.05
"""How long a parcel may wait behind others; beyond it the next ones are half as large. An event waits as long."""

NEAREST = 1_000_000
"""Bytes in one parcel while they are acknowledged in less than `QUEUE_S` altogether, by a broker in the same house.
A parcel has a message for each of its lines: with a hundred busy lines a small one is a message for each observation,
which costs more than all else that is done with them.
"""

MEMORY = 10
"""Minutes that the soonest acknowledgement is remembered for: routes change."""


class Pace:
    """The size of parcels over one link. Time is an argument: the loop's own."""

    def __init__(self) -> None:
        self.parcel = SHORTEST  # the first ones find out how fast the link is when nothing waits
        self._changed = 0.0  # when the size was; what was handed over before says nothing of it
        self._soonest: deque[tuple[int, float]] = deque(maxlen=MEMORY)  # by minute

    def landed(self, now: float, took: float) -> None:
        """A parcel was acknowledged `took` seconds after it was handed over."""
        minute = int(now // 60)
        if self._soonest and self._soonest[-1][0] == minute:
            took_before = self._soonest.pop()[1]
            self._soonest.append((minute, min(took, took_before)))
        else:
            self._soonest.append((minute, took))
        queued = took - min(soonest for _, soonest in self._soonest)
        if now - took < self._changed or QUEUE_S / 2 <= queued <= QUEUE_S:
            return
        factor = 2.0 if queued < QUEUE_S else max(0.1, min(0.5, QUEUE_S / queued))
        self.parcel = min(NEAREST if took < QUEUE_S else LARGEST, max(SHORTEST, int(self.parcel * factor)))
        self._changed = now
