"""The sender to the broker: a greeting, then whatever waits, most important first; a row is done on PUBACK only.

Order of sending: events, then live observations, then history. Live observations of `together_s` share a message.
Observations go in parcels that leave the link free again at once, and few at a time: an event never waits behind a day
of backlog, however slow the link is.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson

from gateway.north.backoff import Backoff
from gateway.north.commands import Commands
from gateway.north.faces.company import Company
from gateway.north.fresh import Fresh
from gateway.north.greeting import Greeting, description
from gateway.north.messages import LASTING, Message, Parcel, chunks, event, level, meta, observations
from gateway.north.notices import Notices
from gateway.north.pace import SHORTEST, Pace
from gateway.north.requests import Requests
from gateway.north.session import BrokerError, Session
from gateway.north.window import Flight, Kind, Window
from gateway.settings.models import Mqtt, Site
from gateway.store import Outbox, Row, Stream
from rules.incident import Incident

log = logging.getLogger(__name__)

LATE_S = 30.0
"""A live observation that waited so long for the link is history."""

LONGEST = 64_000
"""Bytes of observations in one message."""

LIVE_PARCELS, HISTORY_PARCELS = 4, 2
"""Parcels on their way at a time: what is on its way already is what an event has to wait for."""

METRICS_S = 60.0
SMALLEST_ROW = 100
"""Bytes of an observation that says next to nothing: as long as none was sent, a row counts for so much."""


@dataclass(frozen=True, slots=True)
class MqttReport:
    """The sender as metrics and people see it."""

    connected: bool
    says: str  # why not
    sent: int  # rows that the broker has acknowledged
    flying: int  # messages on their way
    connects: int
    failures: int  # connections that could not be had or were lost


class MqttSender:
    """Takes from the outbox as long as there is a broker, and waits for one as long as there is none."""

    def __init__(
        self,
        site: Site,
        settings: Mqtt,
        outbox: Outbox,
        store_id: Callable[[], str],
        active: Callable[[], Iterable[Incident]],
        figures: Callable[[], Mapping[str, object]],
        birth: Callable[[], Mapping[str, object]],
        commands: Commands | None = None,
        faces: Company | None = None,
        pool: Callable[[], dict[str, bytes]] = dict,
    ) -> None:
        """`birth`: what the state says besides `state`, such as the boot id. `pool`: what stands on its topics."""
        self.root = f"{settings.root}/v1/{level(site.id)}/"
        self._site, self._settings, self._outbox = site, settings, outbox
        self._store_id, self._active, self._figures, self._birth = store_id, active, figures, birth
        self._brokers = [settings]
        if settings.fallback_host:
            self._brokers.append(replace(settings, host=settings.fallback_host, port=settings.fallback_port))
        self._requests = Requests(commands, f"{settings.root}/v1/", self.root) if commands is not None else None
        self._faces = faces or Company()
        self._pool = pool
        self._backoff = Backoff()
        self._devices = tuple(meta(site.devices))
        self._notices = Notices()
        self._window = Window(settings.inflight)
        self._spare = settings.inflight // 10  # messages that only events may be
        self._fresh = Fresh(outbox.newest(Stream.LIVE), LATE_S)
        self._stirred = asyncio.Event()  # rows have come to disk, or were acknowledged
        self._after: dict[str, int] = {}  # by lane: rows up to this id were sent in this session
        self._pace = Pace()
        self._ceiling, self._passed = LONGEST, 0  # of a message
        live = LIVE_PARCELS if settings.together_s else settings.inflight
        self._row_bytes = SMALLEST_ROW  # mean of the last parcel: how many rows the next one will hold
        self._parcels = {"data": live, "hist": HISTORY_PARCELS}
        self._answered = 0.0  # loop time of the last acknowledgement
        self._complained: set[str] = set()  # what was said since the last connection
        self._next_live = self._next_metrics = 0.0
        self._sent = self._connects = self._failures = 0
        self._says = "not tried yet"

    @property
    def report(self) -> MqttReport:
        """How it goes."""
        return MqttReport(not self._says, self._says, self._sent, self._window.flying, self._connects, self._failures)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_marks())
            while True:
                try:
                    async with self._session() as session:
                        await self._greet(session)
                        await self._pump(session)
                except BrokerError as error:
                    self._down(str(error))
                await asyncio.sleep(self._backoff.next_s())

    # ---- the link

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        broker = self._brokers[self._failures % len(self._brokers)]  # each failure is the other one's turn
        try:
            session = Session(broker, f"taiqu-{self._site.id}", self._state("offline").below(self.root), self._landed)
        except (OSError, ValueError) as error:
            raise BrokerError(f"{broker.host}:{broker.port}: {error}") from error
        try:
            await session.open()
            async with self._faces.beside(session, broker, f"taiqu-{self._site.id}-faces"):
                yield session
        except asyncio.CancelledError:
            with contextlib.suppress(BrokerError):  # a clean end is said by ourselves; the will is for the others
                await session.farewell(self._state("offline").below(self.root))
            raise
        finally:
            self._shrink(self._window.clear())
            await session.close()

    async def _greet(self, session: Session) -> None:
        greeting = Greeting(session, self.root)
        if self._settings.echo and not await greeting.check(self._store_id()):
            log.warning("mqtt: may not listen below %s: nobody checks that the broker passes on", self.root)
        if self._requests is not None:
            session.heard = partial(self._requests.hear, session)
            if not await session.subscribe(f"{self.root}cmd/+"):
                log.warning("mqtt: may not listen below %scmd: operators cannot ask anything", self.root)
        active = [orjson.loads(orjson.dumps(one)) for one in self._active()]
        standing = {f"alarm/{level(one['id'])}": orjson.dumps(one) for one in active if one["state"] in LASTING}
        greeting.say(self._state("online"), self._devices, standing | self._notices.standing(active) | self._pool())
        for message in self._faces.births(self._active()):
            session.publish(message, message.qos)
        log.info("mqtt: connected to %s", session.broker)
        self._after.clear()
        self._pace = Pace()
        self._says = ""
        self._complained.clear()
        self._connects += 1
        self._backoff.reset()

    def _down(self, says: str) -> None:
        self._failures += 1
        if says not in self._complained:
            log.warning("mqtt: %s; what there is to say waits in the store", says)
        self._complained.add(says)
        self._says = says

    def _state(self, state: str) -> Message:
        told = {"state": state, **self._birth(), "devices": description(self._devices)}
        return Message("state", orjson.dumps(told), retain=True)

    # ---- what waits

    async def _pump(self, session: Session) -> None:
        """Send what waits until the link is lost. Raises BrokerError.

        Events have a task of their own: they wait neither for a parcel to be put together nor for a disk that is slow
        to give the past.
        """
        events = asyncio.create_task(self._pump_events(session))
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

    async def _pump_events(self, session: Session) -> None:
        while True:
            self._outbox.news.clear()
            self._stirred.set()
            await self._send_events(session)
            await self._outbox.news.wait()

    async def _send_events(self, session: Session) -> None:
        newest, room = self._outbox.newest(Stream.EVENT), (self._window.room + 1) // 2  # an event is two messages
        if room > 0 and self._outbox.waiting(Stream.EVENT):
            for row in await self._take("event", Stream.EVENT, room, 0, newest):
                parcel = event(row, self._store_id(), f"{self.root}rules", self._notices)
                self._send(session, Stream.EVENT, [row], parcel, "event")

    async def _send_live(self, session: Session) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_live:
            newest = self._outbox.newest(Stream.LIVE)
            if not await self._send_rows(session, "data", Stream.LIVE, self._fresh.history, newest):
                self._next_live = now + self._settings.together_s

    async def _send_history(self, session: Session) -> None:
        """What the link was not there for; then what the devices remembered."""
        await self._send_rows(session, "hist", Stream.LIVE, 0, self._fresh.history)
        await self._send_rows(session, "hist", Stream.BACKFILL, 0, self._outbox.newest(Stream.BACKFILL))

    async def _send_rows(self, session: Session, kind: Kind, stream: Stream, after: int, upto: int) -> bool:
        """Parcels of observations, as many as may be on their way; whether there are more rows."""
        lane = f"{kind} {stream}"
        while self._window.room > self._spare and self._window.parcels(kind) < self._parcels[kind]:
            rows = await self._take(lane, stream, 1 + self._pace.parcel // self._row_bytes, after, upto)
            if not rows:
                return False
            together = kind == "hist" or self._settings.together_s > 0
            part = next(chunks(rows, self._pace.parcel if together else 1))
            self._after[lane] = part[-1].id
            self._row_bytes = max(SMALLEST_ROW, sum(len(row.body) for row in part) // len(part))
            parcel = observations(kind, part, self._store_id(), self._site.id, self._settings.gzip, self._ceiling)
            self._send(session, stream, part, parcel, kind)
        return True

    async def _take(self, lane: str, stream: Stream, limit: int, after: int, upto: int) -> Sequence[Row]:
        """The next rows of a lane that are not on their way."""
        rows = await self._outbox.peek(stream, limit, max(after, self._after.get(lane, 0)), upto)
        if rows:
            self._after[lane] = rows[-1].id
        flying = self._window.ids(stream)
        return [row for row in rows if row.id not in flying]

    def _send(self, session: Session, stream: Stream, rows: Sequence[Row], parcel: Parcel, kind: Kind) -> None:
        """Say rows through the faces, and then as ourselves: that message's acknowledgement stands for all of them."""
        now = asyncio.get_running_loop().time()
        if not self._window.flying:
            self._answered = now  # nobody had anything to acknowledge until now
        longest = max(len(message.payload) for message in parcel.messages)
        flight = Flight(stream, parcel.ids, now, kind, longest)
        for message in self._faces.said(stream, rows, history=kind == "hist"):
            session.publish(message, message.qos)
        for message in parcel.messages:
            self._window.start(session.publish(message.below(self.root)), flight)

    def _landed(self, number: int) -> None:
        """The broker has a message."""
        now = self._answered = asyncio.get_running_loop().time()
        flight = self._window.land(number)
        if flight is None:
            return
        self._outbox.done(flight.stream, flight.ids)
        self._outbox.news.set()
        self._sent += len(flight.ids)
        self._passed = max(self._passed, flight.size)
        if flight.kind != "event":
            self._pace.landed(now, now - flight.since)

    def _shrink(self, longest: int) -> None:
        """The link went with messages on their way; the broker may have cut it because one was too long for it."""
        if longest > self._passed:
            self._ceiling = max(SHORTEST, self._passed, min(longest, self._ceiling) // 2)

    def _send_metrics(self, session: Session) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_metrics:
            session.publish(Message("metrics", orjson.dumps(self._figures())).below(self.root), qos=0)
            self._next_metrics = now + METRICS_S

    async def _something(self, session: Session, events: asyncio.Task[None]) -> None:
        """Wait for news, an acknowledgement, or the time of the next live message. Raises BrokerError."""
        now = asyncio.get_running_loop().time()
        stirred = asyncio.ensure_future(self._stirred.wait())
        pause = min(1.0, max(0.05, self._next_live - now))
        try:
            await asyncio.wait((stirred, session.gone, events), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stirred.cancel()
        if session.gone.done():
            raise BrokerError(session.gone.result())
        if events.done():
            events.result()
        if self._window.flying and now - self._answered > self._settings.keepalive_s:
            raise BrokerError(f"{session.broker} acknowledged nothing for {self._settings.keepalive_s} s")

    async def _keep_marks(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._fresh.mark(loop.time(), self._outbox.newest(Stream.LIVE))
            await asyncio.sleep(1)
