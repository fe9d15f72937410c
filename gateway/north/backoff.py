"""How long to wait before the next try: doubling, capped, and never in step with the other hundred thousand.

A link that comes back ends the wait at once, as far as this machine can see it: an interface or a route is there that
was not, as when a modem has dialled in again.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from pathlib import Path

LOOK_S = 1.0
"""How often the machine's routes are looked at while waiting."""


def routes() -> frozenset[str]:
    """Where this machine can send to now: IPv4 routes, and addresses of IPv6."""
    found = set()
    for name, columns in (("route", (0, 1, 2)), ("if_inet6", (0, 5))):
        with contextlib.suppress(OSError, IndexError):  # a system without the one or the other
            for line in Path("/proc/self/net", name).read_text(encoding="ascii").splitlines():
                words = line.split()
                found.add(" ".join(words[column] for column in columns))
    return frozenset(found)


class Backoff:
    """One per link. `random` gives a number of 0 to 1."""

    def __init__(
        self,
        first_s: float = 1.0,
        longest_s: float = 60.0,
        chance: Callable[[], float] = random.random,
        ways: Callable[[], frozenset[str]] = routes,
    ) -> None:
        """`ways`: what is there to send over."""
        self._first_s, self._longest_s, self._chance, self._ways = first_s, longest_s, chance, ways
        self._tries = 0

    def next_s(self) -> float:
        """Seconds until the next try: half of it certain, half of it by chance."""
        whole = min(self._longest_s, self._first_s * 2.0 ** min(self._tries, 20))
        self._tries += 1
        return whole * (1 + self._chance()) / 2

    async def wait(self, at_least_s: float = 0.0) -> None:
        """Wait until the next try. Where the other side has not asked for `at_least_s`, a new way ends it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + max(at_least_s, self.next_s())
        before = self._ways()
        while (left := until - loop.time()) > 0:
            await asyncio.sleep(min(LOOK_S, left))
            if not at_least_s and self._ways() - before:
                self.reset()
                return

    def reset(self) -> None:
        """It worked."""
        self._tries = 0
