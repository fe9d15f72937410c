"""When a device is read next: on a fixed grid, so that a period of 60 s means 60 s however long polls take."""

import math


class Schedule:
    """Due times of one device, in monotonic seconds."""

    __slots__ = ("due", "held_until", "missed", "period")

    def __init__(self, first: float, period: float) -> None:
        self.due = first
        self.period = period
        self.held_until = 0.0  # before that it is not read, whatever else is planned
        self.missed = 0  # grid points at which the device should have been read and was not

    def served(self, now: float, pause: float = 0.0) -> None:
        """This due time is over; the next is a period later, or at least `pause` seconds, always on the grid.

        A poll that came late is followed by the next due one; only whole periods are missed.
        """
        self.due += max(1, math.ceil(pause / self.period - 1e-9)) * self.period if pause else self.period
        if self.due + self.period <= now:
            skipped = int((now - self.due) / self.period)
            self.missed += skipped
            self.due += skipped * self.period

    def hurry(self, now: float) -> None:
        """Due now, without leaving the grid: the last grid point that has passed."""
        if self.due > now:
            self.due -= math.ceil((self.due - now) / self.period) * self.period

    def put_off(self, now: float) -> bool:
        """Whether it may not be read now; it is then due at the first grid point at which it may."""
        if now >= self.held_until:
            return False
        self.due += math.ceil((self.held_until - self.due) / self.period) * self.period
        return True
