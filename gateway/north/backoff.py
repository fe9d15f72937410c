"""How long to wait before the next try: doubling, capped, and never in step with the other hundred thousand."""

import random
from collections.abc import Callable


class Backoff:
    """One per link. `random` gives a number of 0 to 1."""

    def __init__(self, first_s: float = 1.0, longest_s: float = 60.0, chance: Callable[[], float] = random.random):
        self._first_s, self._longest_s, self._chance = first_s, longest_s, chance
        self._tries = 0

    def next_s(self) -> float:
        """Seconds until the next try: half of it certain, half of it by chance."""
        whole = min(self._longest_s, self._first_s * 2.0 ** min(self._tries, 20))
        self._tries += 1
        return whole * (1 + self._chance()) / 2

    def reset(self) -> None:
        """It worked."""
        self._tries = 0
