"""How long a message the broker takes. MQTT 5 says it at connect; a broker of 3.1.1 just ends the connection.

A link ends for many reasons. So a message is suspected only if none so long has ever passed; then messages are made
shorter where they can be; one that cannot, being a single row, goes alone; and only when the broker has ended the
connection so often with nothing else on its way is that length known to be too much.
"""

from gateway.north.pace import SHORTEST

LONGEST = 64_000
"""Bytes of observations in one message."""

PROOFS = 3
"""Connections in a row that must end with a message alone on its way."""

PLAUSIBLE = 8_000
"""Every broker takes so much: one that ends the connection after a shorter message means something else."""

CALM_S = 86_400.0
"""So long after the last suspicion longer messages are tried again: it may have been the link after all."""


class Reach:
    """What is known of one broker. Sizes are bytes of payload; time is an argument: the loop's own."""

    def __init__(self) -> None:
        self.ceiling = LONGEST  # of what may be cut
        self.least_refused: int | None = None  # so long a message never passes
        self._passed = self._suspect = self._proofs = 0
        self._calm_from = 0.0

    def says(self, most: int) -> None:
        """The broker has told how much it takes."""
        self.least_refused = most + 1
        self.ceiling = min(self.ceiling, most)

    def takes(self, size: int) -> bool:
        """Whether it is not known that the broker never takes so much."""
        return self.least_refused is None or size < self.least_refused

    def doubts(self, size: int) -> bool:
        """Whether it had better go alone: a connection was lost with such a one on its way, and none ever passed."""
        return self._suspect > 0 and size > self._passed

    def landed(self, size: int, now: float) -> None:
        """So long a message was acknowledged."""
        if size > self._passed:
            self._passed, self._suspect, self._proofs = size, 0, 0
        if self.ceiling < LONGEST and self.least_refused is None and now >= self._calm_from:
            self.ceiling, self._calm_from = min(LONGEST, self.ceiling * 2), now + CALM_S

    def lost(self, longest: int, alone: bool, now: float) -> None:
        """The connection ended with such a message on its way; `alone`: with nothing but this, which cannot be cut."""
        if longest <= self._passed:
            return
        self._calm_from = now + CALM_S
        self.ceiling = max(SHORTEST, self._passed, min(longest, self.ceiling) // 2)
        self._proofs = self._proofs + 1 if alone and longest == self._suspect else int(alone)
        self._suspect = longest
        if self._proofs >= PROOFS and longest > PLAUSIBLE:
            self.least_refused, self._suspect, self._proofs = longest, 0, 0
