"""The sender to the database: batches of lines, answers handled one by one; a row is done on 204 only.

Events go first, then live observations, then a part of the history, so that today is never behind yesterday.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.north.backoff import Backoff
from gateway.north.fresh import Fresh
from gateway.north.influx_answer import Answer, Meaning, meaning
from gateway.north.lines import Lines
from gateway.north.unattended import Unattended
from gateway.settings.models import Influx, Site
from gateway.store import Outbox, Row, Stream

log = logging.getLogger(__name__)

LATE_S = 30.0
"""An observation that waited so long is history."""

GATHER_S = 1.0
"""Observations of so long go in one request."""

FIGURES_S = 60.0
"""How often the gateway's own figures are written."""

PAST_S, LEAST_PAST = 0.5, 100
"""How long history may keep the present waiting in each round, and how many rows of it there are at least."""

GROW_AFTER = 20
"""Full requests that the database took, after which the next ones may be larger again."""

FORBIDDEN_S = 60.0
"""A wrong token does not become right by asking often."""


@dataclass(frozen=True, slots=True)
class InfluxReport:
    """The sender as metrics and people see it."""

    connected: bool
    says: str  # why not
    sent: int  # rows that the database has confirmed
    set_aside: int  # rows with a line that it cannot read
    partly: int  # requests of which it could not store every point
    forbidden: bool  # it is there, and refuses what we are or where we write


STORED = Answer(204)


class _PauseError(Exception):
    """Nothing more can be written now."""

    def __init__(self, says: str, seconds: float | None = None) -> None:
        super().__init__(says)
        self.seconds = seconds  # None: as the back-off says


class InfluxSender:
    """Takes from the outbox at the database's pace. `write` blocks and runs in a thread of its own."""

    def __init__(
        self,
        site: Site,
        settings: Influx,
        outbox: Outbox,
        write: Callable[[bytes], Answer],
        figures: Callable[[], Mapping[str, object]] | None = None,
    ) -> None:
        """`figures`: the gateway's own, as `gateway.app` makes them."""
        self._outbox, self._write, self._settings = outbox, write, settings
        self._lines, self._figures = Lines(site), figures
        self._next_figures = 0.0
        self._past = settings.batch  # rows of history in a request
        self._batch, self._full = settings.batch, 0  # rows in a request; full ones that were taken since it changed
        self._backoff = Backoff()
        self._fresh = Fresh(outbox.newest(Stream.LIVE), LATE_S)
        self._thread = Unattended("influx")
        self._sent = self._set_aside = self._partly = 0
        self._says = "not tried yet"
        self._forbidden = False
        self._complained: set[str] = set()  # what was said since it last worked

    @property
    def report(self) -> InfluxReport:
        """How it goes."""
        return InfluxReport(not self._says, self._says, self._sent, self._set_aside, self._partly, self._forbidden)

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                self._outbox.news.clear()
                self._fresh.mark(loop.time(), self._outbox.newest(Stream.LIVE))
                try:
                    more = await self._round()
                except _PauseError as pause:
                    self._down(str(pause), pause.seconds == FORBIDDEN_S)
                    await self._backoff.wait(pause.seconds or 0.0)
                    continue
                await self._tell_figures()
                if not more:
                    await self._news()
        finally:
            self._thread.shutdown()

    async def _news(self) -> None:
        """Wait until something has come, and a little longer for its company."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIGURES_S):
                await self._outbox.news.wait()
        await asyncio.sleep(GATHER_S)

    async def _tell_figures(self) -> None:
        """Once a minute, how the gateway is. A minute in which the database cannot be had is not made up for."""
        now = asyncio.get_running_loop().time()
        if self._figures is None or now < self._next_figures:
            return
        self._next_figures = now + FIGURES_S
        answer = await self._ask(list(self._lines.figures(self._figures())))
        if meaning(answer) is not Meaning.STORED:
            log.debug("influx: the gateway's own figures: %s %s", answer.status, answer.message)

    async def _round(self) -> bool:
        """One request for every lane that has something; whether there is more to send at once."""
        newest, history = self._outbox.newest, self._fresh.history
        news = await self._lane(Stream.EVENT, 0, newest(Stream.EVENT), self._batch)
        news = await self._lane(Stream.LIVE, history, newest(Stream.LIVE), self._batch) or news
        began = asyncio.get_running_loop().time()
        asked = min(self._batch, self._past)
        past = await self._lane(Stream.LIVE, 0, history, asked)
        past = await self._lane(Stream.BACKFILL, 0, newest(Stream.BACKFILL), asked) or past
        if past:
            took = asyncio.get_running_loop().time() - began
            factor = 0.5 if took > PAST_S else 2.0 if took < PAST_S / 4 else 1.0
            self._past = min(self._settings.batch, max(LEAST_PAST, int(asked * factor)))
        return news or past

    async def _lane(self, stream: Stream, after: int, upto: int, asked: int) -> bool:
        """One request; whether there is more."""
        rows = await self._outbox.peek(stream, asked, after, upto)
        if rows:
            await self._deliver(stream, rows)
        return len(rows) >= asked

    async def _deliver(self, stream: Stream, rows: Sequence[Row]) -> None:
        """Get these rows stored, or set aside what never can be. Raises _PauseError."""
        lines = [line for row in rows for line in self._lines.line(stream, row).splitlines()]
        answer = await self._ask(lines) if lines else STORED
        match meaning(answer):
            case Meaning.STORED:
                self._stored(stream, rows)
            case Meaning.PARTLY:
                self._not_every_point(answer)
                self._stored(stream, rows)
            case Meaning.POISON | Meaning.TOO_LARGE as says if len(rows) > 1:
                if says is Meaning.TOO_LARGE:
                    self._batch, self._full = max(1, min(self._batch, len(rows)) // 2), 0
                half = len(rows) // 2
                await self._deliver(stream, rows[:half])
                await self._deliver(stream, rows[half:])
            case Meaning.POISON | Meaning.TOO_LARGE:
                refused = await self._refused(lines, answer)
                if refused is None:
                    self._stored(stream, rows)
                else:
                    self._set_aside += 1
                    log.warning("influx: %s %d is set aside: %s", stream, rows[0].id, refused.message)
                    self._outbox.set_aside(stream, rows[0], refused.message or f"it answers {refused.status}")
            case Meaning.FORBIDDEN:
                raise _PauseError(f"it answers {answer.status}: {answer.message}; check token and names", FORBIDDEN_S)
            case Meaning.LATER:
                raise _PauseError(answer.message or f"it answers {answer.status}", answer.retry_after_s or None)

    async def _refused(self, lines: Sequence[bytes], answer: Answer) -> Answer | None:
        """Write what can be written of a row of several lines, such as a day's statistics; why a line cannot, if one.

        Raises _PauseError; the row is then begun anew, which is no harm: the same lines are the same points.
        """
        if len(lines) == 1:
            return answer
        why = None
        for half in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):
            said = await self._ask(half)
            match meaning(said):
                case Meaning.POISON | Meaning.TOO_LARGE:
                    why = await self._refused(half, said) or why
                case Meaning.PARTLY:
                    self._not_every_point(said)
                case Meaning.FORBIDDEN | Meaning.LATER:
                    raise _PauseError(said.message or f"it answers {said.status}", said.retry_after_s or None)
        return why

    async def _ask(self, lines: Sequence[bytes]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, b"\n".join(lines))

    def _not_every_point(self, answer: Answer) -> None:
        self._partly += 1
        log.warning("influx: could not store every point: %s", answer.message)

    def _stored(self, stream: Stream, rows: Sequence[Row]) -> None:
        self._outbox.done(stream, (row.id for row in rows))
        self._sent += len(rows)
        self._full += len(rows) >= self._batch
        if self._full >= GROW_AFTER:
            self._batch, self._full = min(self._settings.batch, self._batch + self._batch // 4 + 1), 0
        self._backoff.reset()
        if self._says:
            log.info("influx: writing to %s", self._settings.url)
            self._complained.clear()
        self._says = ""
        self._forbidden = False

    def _down(self, says: str, forbidden: bool) -> None:
        self._forbidden = forbidden
        if says not in self._complained:
            log.warning("influx: %s: %s; what is to be written waits in the store", self._settings.url, says)
        self._complained.add(says)
        self._says = says
