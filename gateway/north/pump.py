"""What waits, sent over one session after another, most important first; a row is done on PUBACK only.

Order of sending: events, then live observations, then history. Live observations of `together_s` share a message for
each line.
Observations go in parcels that leave the link free again at once, and few at a time: an event never waits behind a day
of backlog, however slow the link is.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

import orjson

from gateway.north.faces.company import Company
from gateway.north.fresh import Fresh
from gateway.north.messages import Message, Parcel, event, level, observations
from gateway.north.notices import Notices
from gateway.north.pace import Pace
from gateway.north.reach import Reach
from gateway.north.session import BrokerError, Session
from gateway.north.suspect import Suspect
from gateway.north.tray import MOST_BYTES, PARCELS, Lanes, Tray
from gateway.north.window import Flight, Kind, Window
from gateway.settings.models import Mqtt, Site
from gateway.store import Outbox, Row, Stream
from rules.topology import Tree

log = logging.getLogger(__name__)

LATE_S = 30.0
"""A live observation that waited so long for the link is history."""

LIVE_PARCELS, HISTORY_PARCELS = 4, 2
"""Parcels on their way at a time: what is on its way already is what an event has to wait for."""

METRICS_S = 60.0
SMALLEST_ROW = 100
"""Bytes of an observation that says next to nothing: as long as none was sent, a row counts for so much."""

PACKS = 4
"""Gzip makes observations at least so much shorter."""

HEAD = 400
"""Bytes that a message has around a row, about; a single row counts as so much longer."""


class Pump:
    """One outbox; what is on its way from it, and what is known of the link."""

    def __init__(
        self,
        site: Site,
        settings: Mqtt,
        outbox: Outbox,
        store_id: Callable[[], str],
        figures: Callable[[], Mapping[str, object]],
        faces: Company,
    ) -> None:
        self.root = f"{settings.root}/v1/{level(site.id)}/"
        self.notices = Notices(Tree(site.area))
        self.sent = self.taken = 0  # rows and messages that the broker has acknowledged
        self._site, self._settings, self._outbox = site, settings, outbox
        self._store_id, self._figures, self._faces = store_id, figures, faces
        self._window = Window(settings.inflight)
        self._spare = settings.inflight // 10  # messages that only events may be
        self._fresh = Fresh(outbox.newest(Stream.LIVE), LATE_S)
        self._stirred = asyncio.Event()  # rows have come to disk, or were acknowledged
        self._lanes = Lanes(outbox)
        self._pace, self._reach, self._suspect = Pace(), Reach(), Suspect()
        live = LIVE_PARCELS if settings.together_s else settings.inflight
        self._row_bytes = SMALLEST_ROW  # mean of the last parcel: how many rows the next one will hold
        self._parcels: dict[Kind, int] = {"data": live, "hist": HISTORY_PARCELS}
        self._answered = 0.0  # loop time of the last acknowledgement
        self._next_live = self._next_metrics = 0.0

    @property
    def flying(self) -> int:
        """Messages on their way."""
        return self._window.flying

    def greet(self, session: Session, messages: Sequence[Message]) -> None:
        """A new session: nothing is on its way, nothing is known of the link, and this is what is said first."""
        self._pace = Pace()
        if session.longest is not None:
            self._reach.says(session.longest - HEAD)
        fit = [message for message in messages if self._fits(message)]
        flight = Flight(Stream.EVENT, (), self._now(), "greeting", max((len(one.payload) for one in fit), default=0))
        self._window.alone = self._reach.doubts(flight.size)
        self._publish(session, fit, flight)

    async def run(self, session: Session) -> None:
        """Send what waits until the link is lost. Raises BrokerError.

        Events have a task of their own: they wait neither for a parcel to be put together nor for a disk that is slow
        to give the past.
        """
        await self._send_events(session)
        events = asyncio.create_task(self._run_events(session))
        try:
            while True:
                self._stirred.clear()
                await self._send_live(session)
                await self._send_history(session)
                self._send_metrics(session)
                await self._something(session, events)
        finally:
            events.cancel()
            await asyncio.gather(events, return_exceptions=True)

    def landed(self, number: int) -> None:
        """The broker has a message."""
        now = self._answered = self._now()
        self.taken += 1
        flight = self._window.land(number)
        if flight is None:
            return
        if flight.tray is None:
            self._outbox.done(flight.stream, flight.ids)
        else:
            self._lanes.landed(flight.tray, flight.ids)
        self._outbox.news.set()
        self.sent += len(flight.ids)
        self._reach.landed(flight.size, now)
        self._suspect.landed(flight)
        if flight.kind in self._parcels:
            self._pace.landed(now, now - flight.since)

    def lost(self, too_long: bool, disliked: bool) -> None:
        """The session is over, perhaps because a message was too long for the broker, or because it disliked one."""
        flights = self._window.clear()
        self._lanes.clear()
        if disliked:
            self._suspect.lost(flights, self._now())
        if too_long and flights:
            alone = len(flights) == 1 and len(flights[0].ids) <= 1
            self._reach.lost(max(flight.size for flight in flights), alone, self._now())

    async def keep_marks(self) -> None:
        """Note how far the stream has come, every second, until cancelled."""
        while True:
            self._fresh.mark(self._now(), self._outbox.newest(Stream.LIVE))
            await asyncio.sleep(1)

    # ---- lanes

    async def _run_events(self, session: Session) -> None:
        while True:
            self._outbox.news.clear()
            self._stirred.set()
            await self._send_events(session)
            await self._outbox.news.wait()

    async def _send_events(self, session: Session) -> None:
        newest, room = self._outbox.newest(Stream.EVENT), (self._window.room + 1) // 2  # an event is two messages
        if room > 0 and self._outbox.waiting(Stream.EVENT):
            for row in await self._take("event", Stream.EVENT, room, 0, newest):
                if self._has_to_wait(Stream.EVENT, row, len(row.body) + HEAD):
                    self._lanes.back_to("event", row)
                    return
                parcel = event(row, self._store_id(), f"{self.root}rules", self.notices)
                self._send(session, Stream.EVENT, [row], parcel, "event")

    async def _send_live(self, session: Session) -> None:
        """When `together_s` has passed, or a tray is full before."""
        now, newest = self._now(), self._outbox.newest(Stream.LIVE)
        waiting = self._lanes.waiting(f"data {Stream.LIVE}", self._fresh.history, newest)
        due = now >= self._next_live or waiting * self._row_bytes >= MOST_BYTES
        if due and not await self._send_rows(session, "data", Stream.LIVE, self._fresh.history, newest):
            self._next_live = now + self._settings.together_s

    async def _send_history(self, session: Session) -> None:
        """What the link was not there for; then what the devices remembered."""
        await self._send_rows(session, "hist", Stream.LIVE, 0, self._fresh.history)
        await self._send_rows(session, "hist", Stream.BACKFILL, 0, self._outbox.newest(Stream.BACKFILL))

    async def _send_rows(self, session: Session, kind: Kind, stream: Stream, after: int, upto: int) -> bool:
        """Parcels of observations, as many as may be on their way; whether there are more rows."""
        lane = f"{kind} {stream}"
        together = kind == "hist" or self._settings.together_s > 0
        while self._has_room() and self._window.parcels(kind) < self._parcels[kind]:
            parcel_bytes = self._pace.parcel * (PACKS if self._settings.gzip else 1)
            tray = self._lanes.tray(lane)
            if tray is None:
                limit = 1 + min(PARCELS * parcel_bytes, MOST_BYTES) // self._row_bytes
                tray = self._lanes.fill(lane, stream, await self._take(lane, stream, limit, after, upto))
            if tray is None:
                return False
            part = tray.next(parcel_bytes if together else 1)
            if self._suspect.alone(stream, part[0].id):
                tray.back(part[1:])
                part = part[:1]
            size = sum(len(row.body) for row in part)
            if not self._has_room() or self._has_to_wait(stream, part[0], min(size, self._reach.ceiling)):
                tray.back(part)
                return True
            self._row_bytes = max(SMALLEST_ROW, size // len(part))
            limit = self._reach.ceiling
            parcel = observations(kind, part, self._store_id(), self._site.id, self._settings.gzip, limit)
            self._send(session, stream, part, parcel, kind, tray)
        return True

    async def _take(self, lane: str, stream: Stream, limit: int, after: int, upto: int) -> Sequence[Row]:
        """The next rows of a lane that the broker may take."""
        rows = await self._lanes.take(lane, stream, limit, after, upto)
        return [row for row in rows if self._can_be_sent(stream, row)]

    def _has_room(self) -> bool:
        return self._window.room > (0 if self._window.alone else self._spare)

    def _has_to_wait(self, stream: Stream, first: Row, size: int) -> bool:
        """Whether a message has to go alone and cannot yet; `first`: of its rows."""
        if self._reach.doubts(size) or self._suspect.alone(stream, first.id):
            self._window.alone = True
        return self._window.alone and self._window.flying > 0

    def _can_be_sent(self, stream: Stream, row: Row) -> bool:
        """Whether the broker may take a row; one that it never takes is set aside."""
        size = len(row.body) + HEAD
        if not self._reach.takes(size):
            says = f"a message of {size} bytes is too long for the broker"
        elif self._suspect.guilty(stream, row.id):
            self._suspect.give_up()
            says = "the broker ends the connection over it, and takes everything else"
        else:
            return True
        log.error("mqtt: %s %d is set aside: %s", stream, row.id, says)
        self._outbox.set_aside(stream, row, says)
        return False

    def _fits(self, message: Message) -> bool:
        if self._reach.takes(len(message.payload)):
            return True
        log.warning("mqtt: %s: %d bytes are too long for the broker; left out", message.topic, len(message.payload))
        return False

    # ---- the wire

    def _send(
        self,
        session: Session,
        stream: Stream,
        rows: Sequence[Row],
        parcel: Parcel,
        kind: Kind,
        tray: Tray | None = None,
    ) -> None:
        """Say rows through the faces, and then as ourselves: that message's acknowledgement stands for all of them."""
        faces = [one for one in self._faces.said(stream, rows, history=kind == "hist") if self._fits(one)]
        own = [message.below(self.root) for message in parcel.messages]
        size = len(rows[0].body) + HEAD if len(rows) == 1 else max(len(message.payload) for message in own)
        longest = max([size, *(len(message.payload) for message in faces)])
        for message in faces:
            session.publish(message, message.qos)
        self._publish(session, own, Flight(stream, parcel.ids, self._now(), kind, longest, tray))

    def _publish(self, session: Session, messages: Sequence[Message], flight: Flight) -> None:
        if not self._window.flying:
            self._answered = flight.since  # nobody had anything to acknowledge until now
        for message in messages:
            number = session.publish(message, message.qos)
            if message.qos:
                self._window.start(number, flight)

    def _send_metrics(self, session: Session) -> None:
        if self._now() >= self._next_metrics:
            session.publish(Message("metrics", orjson.dumps(self._figures())).below(self.root), qos=0)
            self._next_metrics = self._now() + METRICS_S

    async def _something(self, session: Session, events: asyncio.Task[None]) -> None:
        """Wait for news, an acknowledgement, or the time of the next live message. Raises BrokerError."""
        stirred = asyncio.ensure_future(self._stirred.wait())
        pause = min(1.0, max(0.05, self._next_live - self._now()))
        try:
            await asyncio.wait((stirred, session.gone, events), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
        if session.gone.done():
            raise BrokerError(session.gone.result())
        if events.done():
            events.result()
        if self._window.flying and self._now() - self._answered > self._settings.keepalive_s:
            raise BrokerError(f"{session.broker} acknowledged nothing for {self._settings.keepalive_s} s")

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
