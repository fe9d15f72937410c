"""Whether a device answers, and how long to leave it alone when it does not. Pure: time is an argument.

A device that falls silent is asked at its normal period for `PATIENCE` visits, because rules need the evidence.
Then the pause doubles up to five minutes, and a visit is a single small request until the device answers.
"""

PATIENCE = 3
"""Visits without a good answer before a device counts as down."""

LONGEST_PAUSE_S = 300.0
LONGEST_FAIR_S = 3600.0
"""So long a device is left alone only where its visits would else cost the others more than their share."""

SHARE_OF_THE_DEAD, SHARE_OF_IDLE = 0.03, 0.5
"""All dead devices of a line together may take this share of its time, and of the time that it would be idle.

With the visits until they count as dead they cost the others at most 5 %.
"""


class Health:
    """What the last visits of one device came to."""

    __slots__ = ("down", "failures", "good")

    def __init__(self) -> None:
        self.failures = 0
        self.good = True  # the last visit got an answer, or there was none yet
        self.down = False  # silent for so long that it is only probed

    @property
    def just_down(self) -> bool:
        """The last visit was the one that made it so."""
        return self.failures == PATIENCE

    def answered(self) -> None:
        """The last visit got an answer."""
        if self.failures:
            self.failures, self.good, self.down = 0, True, False

    def failed(self) -> None:
        """It got none."""
        self.failures += 1
        self.good, self.down = False, self.down or self.failures >= PATIENCE

    def leave_alone(self) -> None:
        """It is only probed from now on, however often it has failed: asking it costs the others too much."""
        self.down = True

    def pause(self, period: float, cost: float, dead: int, load: float) -> float:
        """Seconds until the next visit of a device that is down.

        `cost` is how long the last visit kept the line, in seconds; `dead` is how many devices of the line are down,
        `load` the share of its time, 0 to 1 or above, that the others need.
        """
        doubled: float = period * 2.0 ** min(self.failures - PATIENCE + 1, 16)
        share = SHARE_OF_THE_DEAD + SHARE_OF_IDLE * max(0.0, 1.0 - load)
        return max(min(doubled, LONGEST_PAUSE_S), fair_pause(cost * max(dead, 1), share), period)


def fair_pause(cost: float, share: float = SHARE_OF_THE_DEAD) -> float:
    """Seconds after which a visit that costs the others `cost` seconds has taken that share of the line's time."""
    return min(cost / share, LONGEST_FAIR_S)
