"""A search for meters on a line that is being polled: a question at a time, when nobody else wants to speak.

A silent question costs the line a second or so, which is all that a poll can be late. After each question the line is
left alone for as long as that took: a search takes half of what the polls leave, and a tenth where they leave nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from drivers.api import Conversation, LineSettings, Profile, Reading
from drivers.dlt645.frame import ANYONE
from drivers.dlt645.services.dialogue import Dialogue
from drivers.dlt645.services.search import ASKED, Progress, search
from gateway.settings.models import Device
from gateway.south.poll import Poll
from gateway.verbs.request import RefusedRequestError

TIMEOUT_S = 0.6
USUAL_BAUDS = (2400, 9600)
NOBODY = Profile(name="", protocol="dlt645", title="whoever is there", kind="meter", points={})

Explore = Callable[[Device, Callable[[], Conversation]], Awaitable[Poll]]
"""Has a conversation with a device that is none of the line's own, when nobody else wants to speak."""


def usual_bauds(devices: Iterable[Device]) -> Sequence[int]:
    """Where the known meters of a line are, the unknown ones will be too."""
    known = sorted({device.wire.baud for device in devices if device.driver == "dlt645"})
    return known or USUAL_BAUDS


class _Question:
    """The next question of a long dialogue, as a conversation of its own."""

    learned: frozenset[str] = frozenset()

    def __init__(self, talk: Dialogue[Any]) -> None:
        self.last = False  # nothing was left to ask
        self._talk, self._asked = talk, False

    def next_request(self) -> bytes | None:
        if self._asked:
            return None
        self._asked = True
        request = self._talk.next_request()
        self.last = request is None
        return request

    def feed(self, data: bytes) -> Sequence[Reading] | None:
        return self._talk.feed(data)

    def give_up(self) -> None:
        self._talk.give_up()


class Search:
    """One search of one line, over baud rates and editions."""

    def __init__(self, explore: Explore, bauds: Sequence[int]) -> None:
        self.says = ""  # why it is not complete
        self._explore = explore
        self._rounds = [(baud, edition, Progress()) for baud in bauds for edition in ASKED]
        self._now = self._rounds[0]

    async def run(self) -> None:
        """Search until everybody is found or the caller's time is over. Raises RefusedRequestError without a line."""
        for one in self._rounds:
            self._now = baud, edition, progress = one
            settings = LineSettings(baud, parity="even")
            guest = Device(
                id="", profile=NOBODY, driver="dlt645", line="", address=ANYONE, node="", kind="meter", wire=settings,
                timeout_s=TIMEOUT_S,
            )  # fmt: skip
            talk = Dialogue(search(progress, edition))
            while await self._ask(guest, talk):
                continue

    async def _ask(self, guest: Device, talk: Dialogue[Any]) -> bool:
        """One question more; False when none is left."""
        question = _Question(talk)
        poll = await self._explore(guest, lambda: question)
        if poll.fault == "unreachable":
            raise RefusedRequestError(f"the line cannot be used: {poll.says}")
        await asyncio.sleep(poll.took_s)
        return not question.last

    def progress(self) -> Mapping[str, object]:
        """How far it is."""
        baud, edition, now = self._now
        return {
            "baud": baud,
            "edition": edition,
            "pattern": now.pattern,
            "asked": sum(progress.asked for *_, progress in self._rounds),
            "found": sum(len(progress.found) for *_, progress in self._rounds),
        }

    def result(self, here: Iterable[Device], everywhere: Iterable[Device]) -> Mapping[str, object]:
        """Who was found, which of them stand in devices.csv, and who was not found although he stands there."""
        known = {device.address: device.id for device in everywhere if device.driver == "dlt645"}
        found = [
            {"address": address, "edition": edition, "baud": baud, "device": known.get(address)}
            for baud, edition, progress in self._rounds
            for address in progress.found
        ]
        heard = {one["address"] for one in found}
        return {
            "found": found,
            "missing": [one.id for one in here if one.driver == "dlt645" and one.address not in heard],
            "doubled": [address for *_, progress in self._rounds for address in progress.doubled],
            "asked": sum(progress.asked for *_, progress in self._rounds),
            "complete": not self.says,
            "says": self.says,
        }
