"""One action on one device: look first, tell it once, and look until it shows. Nothing is ever said twice.

What a device says to a command is not what it did. So the end is judged by what it shows, and where it shows nothing
within the bound, that is what the operator hears.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.control.way import Look, Way

LOOKS = 3
"""How often a device may be silent before it counts as silent."""

PAUSE_S = 2.0
"""Between two looks: a relay takes its time."""

Result = Literal["done", "already so", "accepted", "refused", "not sent", "not verified"]
"""`accepted`: the device agreed to what no device shows, such as an alarm."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    result: Result
    before: str  # what the device showed
    says: str  # what it said, '' when it was told nothing
    after: str = ""

    @property
    def verified(self) -> bool:
        """Whether the device is as it should be, and shows it."""
        return self.result in ("done", "already so")

    @property
    def good(self) -> bool:
        """Whether all is well as far as anybody can know."""
        return self.verified or self.result == "accepted"


Seen = Callable[[Mapping[str, float]], None]


async def execute(way: Way, verify_s: float, seen: Seen) -> Outcome:
    """Have it done; `verify_s`: how long the device may take to show it. `seen` gets the points that a look gave."""
    before = await _first_look(way, seen)
    if not before.answered:
        return Outcome("not sent", before.shows, "")
    if before.done:
        return Outcome("already so", before.shows, "", before.shows)
    reply = await way.act()
    if not way.shown:
        agreed: Result = "accepted" if reply.accepted else "refused" if reply.accepted is False else "not verified"
        return Outcome(agreed, before.shows, reply.says)
    until = asyncio.get_running_loop().time() + verify_s
    while True:
        after = await _look(way, seen)
        if after.done:
            return Outcome("done", before.shows, reply.says, after.shows)
        if reply.accepted is False and after.answered:
            return Outcome("refused", before.shows, reply.says, after.shows)
        if asyncio.get_running_loop().time() + PAUSE_S > until:
            return Outcome("not verified", before.shows, reply.says, after.shows)
        await asyncio.sleep(PAUSE_S)


async def _first_look(way: Way, seen: Seen) -> Look:
    look = await _look(way, seen)
    for _ in range(LOOKS - 1):
        if look.answered:
            break
        look = await _look(way, seen)
    return look


async def _look(way: Way, seen: Seen) -> Look:
    look = await way.look()
    if look.values:
        seen(look.values)
    return look
