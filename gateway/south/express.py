"""Polls in fair weather: from one answer straight to the next request, while the bus sleeps.

On a network a device answers in less time than a task takes to wake through all that a shared and noisy line needs. So
as long as healthy devices are polled and answer with just the awaited frame, each answer is worked off as it comes from
the socket. All else is left to the bus, in the middle of the conversation if need be: a part of an answer, a refusal,
silence, a job of another kind, a device that needs a pause between two requests.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from drivers.api import Conversation, Reading
from gateway.clock import Clock
from gateway.south.conversation import Begun
from gateway.south.link.api import Link
from gateway.south.queue import Job, Queue
from gateway.south.wire import Wire

Whole = Callable[[bytes], Sequence[Reading] | None]
"""What a conversation may offer: the readings, when the bytes are the awaited answer and nothing else; else None, and
nothing has changed."""


@runtime_checkable
class PromptLink(Link, Protocol):
    """A link that can hand over what comes at once, in the loop's own callback."""

    def hand_to(self, taker: Callable[[bytes], bool] | None) -> None:
        """Ask `taker` first, for all that comes while nothing else waits. What it does not take is kept."""

    def quiet(self) -> bool:
        """Nothing has come that nobody asked for."""

    async def wait(self, until: float) -> None:
        """Return when something came that was not taken, when `until` has passed, when roused, and at the end."""

    def extend(self, until: float) -> None:
        """Another end for the wait that lasts."""

    def rouse(self) -> None:
        """End the wait."""


class Express:
    """The polls of one line that can be carried out this way, one after another."""

    __slots__ = (
        "_answered",
        "_begun_at",
        "_first_at",
        "_job",
        "_link",
        "_now",
        "_over",
        "_queue",
        "_readings",
        "_request",
        "_talk",
        "_whole",
        "_wire",
    )  # there may be a thousand lines

    def __init__(
        self,
        link: PromptLink,
        wire: Wire,
        queue: Queue,
        clock: Clock,
        over: Callable[[Job, Sequence[Reading], float, float], None],
    ) -> None:
        """`over` is told of every poll that came to a good end: its readings, when it was begun and first sent."""
        self._link, self._wire, self._queue, self._now, self._over = link, wire, queue, clock.monotonic, over
        self._job: Job | None = None
        self._begun_at = self._first_at = 0.0
        self._talk: Conversation
        self._whole: Whole
        self._request: bytes | None = None  # whose answer is waited for
        self._readings: Sequence[Reading] = ()
        self._answered = False

    async def run(self, job: Job, now: float) -> tuple[Job, float] | None:
        """Carry out a poll and those that follow it. The job that the bus has to go on with, and when that began."""
        link = self._link
        until = self._begin(job, now) if link.is_open and link.quiet() else None
        if until is None:
            return job, now
        link.hand_to(self._take)
        try:
            await link.wait(until)
        finally:
            link.hand_to(None)
        if self._job is None:
            return None
        if self._request is not None:
            self._job.begun = Begun(self._talk, self._request, self._first_at, self._readings, self._answered)
        return self._job, self._begun_at

    def _begin(self, job: Job, now: float) -> float | None:
        """Ask the first of a poll; until when its answer may take, None when the job is not for here."""
        station, wire = job.station, self._wire
        self._job, self._begun_at, self._request = job, now, None
        if station.terms.silence_s or not (job.scheduled and station.at_ease and wire.at_ease(now)):
            return None
        try:
            station.forget(now)
            self._talk = talk = station.converse(station.points)
            whole: Whole | None = getattr(talk, "whole", None)
            if whole is None or (request := talk.next_request()) is None:
                return None
            until = wire.say(request, station.terms)
        except Exception:  # noqa: BLE001 - the bus meets it again, and says what is wrong
            return None
        self._whole, self._request, self._first_at = whole, request, wire.sent_at
        self._readings, self._answered = (), False
        station.counts.polls += 1
        return until

    def _take(self, data: bytes) -> bool:
        """Something has come; whether it was the awaited answer."""
        job, request = self._job, self._request
        if job is None or request is None:
            return False
        try:
            readings = self._whole(data)
        except Exception:  # noqa: BLE001 - as above
            return False
        if readings is None:
            return False
        wire, station = self._wire, job.station
        wire.heard(data, station.terms)
        station.counts.answered(wire.heard_at - wire.sent_at)
        self._readings = [*self._readings, *readings] if self._answered else readings
        self._answered = True
        self._request = request = self._talk.next_request()
        if request is not None:
            self._link.extend(wire.say(request, station.terms))
        else:
            station.remember(self._talk.learned, wire.heard_at)
            self._over(job, self._readings, self._begun_at, self._first_at)
            self._go_on()
        return True

    def _go_on(self) -> None:
        """The next poll, or back to the bus."""
        now = self._now()
        job = self._job = self._queue.next(now)
        until = None if job is None else self._begin(job, now)
        if until is None:
            self._link.rouse()
        else:
            self._link.extend(until)
