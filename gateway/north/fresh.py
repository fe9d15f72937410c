"""Which live rows are still news: what waited longer than a while for the link is history."""

from collections import deque


class Fresh:
    """Remembers what the newest row was when. Only the loop's own time is asked, so no clock can step it."""

    def __init__(self, newest: int, late_s: float) -> None:
        """`newest`: rows that were there before are history from the start."""
        self.history = newest  # rows up to this id are history
        self._late_s = late_s
        self._marks: deque[tuple[float, int]] = deque()

    def mark(self, now: float, newest: int) -> None:
        """Note the newest row; to be called about once a second."""
        self._marks.append((now, newest))
        while self._marks and self._marks[0][0] < now - self._late_s:
            self.history = max(self.history, self._marks.popleft()[1])
