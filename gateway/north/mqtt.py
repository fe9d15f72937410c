"""The sender to the broker: a connection as long as there is a broker, a greeting, then whatever waits."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import orjson

from gateway.north.backoff import Backoff
from gateway.north.commands import Commands
from gateway.north.expiry import files_end
from gateway.north.faces.company import Company
from gateway.north.greeting import Greeting, description
from gateway.north.messages import LASTING, Message, level, meta
from gateway.north.pump import Pump
from gateway.north.requests import Requests
from gateway.north.session import BrokerError, Session
from gateway.settings.models import Mqtt, Site, Tls
from gateway.slim import slim_json
from gateway.store import Outbox
from rules.incident import Incident

log = logging.getLogger(__name__)

KNOCK_S = 5.0
"""How long a broker may take to open a connection, when it is only asked whether it is there."""

AGAIN_S = 20.0
"""The longest wait for the next try: operators hear of a fault so soon after the broker is back. Drawn by chance from
half of it on, it still spreads a fleet that comes back at once.
"""

CERTIFICATES_S = 3600.0
"""How often our own certificate is looked at."""


@dataclass(frozen=True, slots=True)
class MqttReport:
    """The sender as metrics and people see it."""

    connected: bool
    says: str  # why not
    sent: int  # rows that the broker has acknowledged
    flying: int  # messages on their way
    connects: int
    failures: int  # connections that could not be had or were lost
    certificates: Mapping[str, float] = field(default_factory=dict)  # client, authority, broker: epoch s of their end


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
        self._site, self._settings = site, settings
        self._store_id, self._active, self._birth = store_id, active, birth
        self._brokers = [settings]
        if settings.fallback_host:
            self._brokers.append(replace(settings, host=settings.fallback_host, port=settings.fallback_port))
        self._requests = Requests(commands, f"{settings.root}/v1/", self.root) if commands is not None else None
        self._faces = faces or Company()
        self._pool = pool
        self._backoff = Backoff(longest_s=AGAIN_S)
        self._devices = tuple(meta(site.devices))
        self._pump = Pump(site, settings, outbox, store_id, figures, self._faces)
        self._complained: set[str] = set()  # what was said since the last connection
        self._connects = self._failures = 0
        self._says = "not tried yet"
        self._ends: dict[str, float] = {}

    @property
    def report(self) -> MqttReport:
        """How it goes."""
        flying, sent = self._pump.flying, self._pump.sent
        counts = sent, flying, self._connects, self._failures
        return MqttReport(not self._says, self._says, *counts, dict(self._ends))

    def expiring(self, now: float) -> Mapping[str, float]:
        """Certificates that end soon, or have ended, by whose they are: epoch seconds."""
        soon = now + 86_400 * (self._settings.tls.warn_days if self._settings.tls is not None else 0)
        return {whose: end for whose, end in self._ends.items() if end < soon}

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump.keep_marks())
            if self._settings.tls is not None:
                tasks.create_task(self._watch_certificates(self._settings.tls))
            while True:
                taken = self._pump.taken
                try:
                    async with self._session() as session:
                        await self._greet(session)
                        await self._pump.run(session)
                except BrokerError as error:
                    self._down(str(error))
                if self._pump.taken > taken:  # a broker that lets us in and takes nothing is no better than none
                    self._backoff.reset()
                await self._backoff.wait()

    # ---- the link

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        broker = self._brokers[self._failures % len(self._brokers)]  # each failure is the other one's turn
        try:
            session = Session(
                broker, f"taiqu-{self._site.id}", self._state("offline").below(self.root), self._pump.landed
            )
        except (OSError, ValueError) as error:
            raise BrokerError(f"{broker.host}:{broker.port}: {error}") from error
        try:
            await session.open()
            async with (
                self._faces.beside(session, broker, f"taiqu-{self._site.id}-faces"),
                self._looking_back(session, broker),
            ):
                yield session
        except asyncio.CancelledError:
            with contextlib.suppress(BrokerError):  # a clean end is said by ourselves; the will is for the others
                await session.farewell(self._state("offline").below(self.root))
            raise
        finally:
            self._pump.lost(session.perhaps_too_long, session.perhaps_disliked)
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
        standing = {f"alarm/{level(one['id'])}": slim_json(one) for one in active if one["state"] in LASTING}
        pool = self._pool()
        standing |= self._pump.notices.standing(active, pool) | pool
        first = greeting.messages(self._state("online"), self._devices, standing)
        self._pump.greet(session, [*first, *self._faces.births(self._active())])
        log.info("mqtt: connected to %s", session.broker)
        if session.certificate_ends is not None:
            self._ends["broker"] = session.certificate_ends
        self._says = ""
        self._complained.clear()
        self._connects += 1

    @contextlib.asynccontextmanager
    async def _looking_back(self, session: Session, broker: Mqtt) -> AsyncIterator[None]:
        """While this is the second broker: look whether the first one is there again."""
        if broker is self._brokers[0]:
            yield
            return
        looking = asyncio.create_task(self._look_for_first(session))
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look_for_first(self, session: Session) -> None:
        first, there = self._brokers[0], False
        while not there:
            await asyncio.sleep(first.first_again_s)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(KNOCK_S):
                    _, wire = await asyncio.open_connection(first.host, first.port)
                wire.close()
                there = True
        await session.farewell(self._state("offline").below(self.root))
        session.leave(f"{first.host}:{first.port} is there again")

    async def _watch_certificates(self, tls: Tls) -> None:
        """Files are replaced while a connection lasts for months."""
        while True:
            self._ends |= files_end(tls)
            await asyncio.sleep(CERTIFICATES_S)

    def _down(self, says: str) -> None:
        self._failures += 1
        if says not in self._complained:
            log.warning("mqtt: %s; what there is to say waits in the store", says)
        self._complained.add(says)
        self._says = says

    def _state(self, state: str) -> Message:
        told = {"state": state, **self._birth(), "devices": description(self._devices)}
        return Message("state", orjson.dumps(told), retain=True)
