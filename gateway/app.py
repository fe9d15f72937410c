"""The composition root: which parts a gateway is made of, and in which order they start and stop."""

import asyncio
import contextlib
import logging
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from drivers.api import Conversation
from gateway import account, rounds
from gateway.backfill.filler import Filler
from gateway.board import Board
from gateway.clock import Clock, SystemClock
from gateway.clock_care import ClockKeeper
from gateway.collector import collect_seldom
from gateway.days import Days
from gateway.health import Health, Systemd
from gateway.inlet import Inlet
from gateway.jobs import Jobs
from gateway.north.answers import Answers
from gateway.north.commands import Commands
from gateway.north.faces.company import Company
from gateway.north.influx import InfluxSender
from gateway.north.influx_write import InfluxWriter
from gateway.north.mqtt import MqttSender
from gateway.north.prometheus import MetricsPage
from gateway.office import check_of, control_of, verbs_of
from gateway.pipeline import Pipeline, told
from gateway.relays import Relays
from gateway.renewal import renewal_of
from gateway.selfcare import Selfcare
from gateway.settings.models import Device, Site
from gateway.south import tap
from gateway.south.bus import Bus
from gateway.south.link.ports import link_to
from gateway.south.poll import Lane, Poll
from gateway.store import Store, Stream
from gateway.verbs.pool import announced, ordered
from rules.engine import Engine
from rules.incident import Incident, Wish
from rules.memory import UNFIT, Saved, revived

T = TypeVar("T")

log = logging.getLogger(__name__)

RETENTION = "7 * * * *"
"""When old rows are looked for: every hour at seven minutes past."""

CLOCKS = "37 2 * * *"
"""When the meters' clocks are looked at: at night, far from midnight and from the hour, when meters freeze."""

MIDNIGHT = "0 0 * * *"
"""When a day's statistics end."""

DAY_CLOSE = "20 0 * * *"
"""When a day is told, and earlier days whose coverage meters' memories have filled since."""

PARTING_S = 2.0
"""How long a stopping gateway waits for acknowledgements of what is on its way; the rest stays on disk."""


class Gateway:
    """One gateway: everything between the lines of a site and its operators."""

    def __init__(self, site: Site, clock: Clock, config: Path = Path()) -> None:
        """Opens the store. Raises StoreError when there is no disk to write to. `config`: the site's gateway.toml."""
        self.site, self.clock = site, clock
        self.renewal = renewal_of(site, config, clock)
        self.boot_id, self.begun = uuid.uuid4().hex, clock.monotonic()
        sinks = [name for name, there in (("mqtt", site.mqtt), ("influx", site.influx)) if there is not None]
        self.store = Store(site.store, clock, sinks, keep=site.influx is None)
        saved = self.store.open()
        self.rules = self._rules(saved)
        self.board = remembering("pool", Board, saved)
        self.selfcare = remembering("own troubles", partial(Selfcare, site.id), saved)
        pipeline = partial(Pipeline.of, site, self.rules, self.store, clock, self._verify)
        self.pipeline = remembering("gaps, coverage and silences", pipeline, saved)
        self.inlet = Inlet(self.pipeline.take)
        self.buses = {line.id: self._bus(line.id) for line in site.lines}
        self.line_of = {device.id: device.line for device in site.devices}
        self.clocks = self._clocks()
        answers = remembering("answers", partial(Answers, keep=self.keep, flush=self.store.flush), saved)
        self.control = control_of(self, saved)
        self.commands = Commands(verbs_of(self), clock, check_of(self, saved), answers)
        self.mqtt = self._mqtt()
        self.influx = self._influx()
        self.health = Health(
            Systemd(), list(account.watched(self)), partial(account.status, self), lambda: self.renewal.last_words
        )
        self.jobs = Jobs(clock)
        self.jobs.at(RETENTION, "retention", self.store.retain)
        self.jobs.at(CLOCKS, "clocks", self.clocks.round)
        self.days = remembering("days", partial(Days, self.rules, clock, site.id), saved)
        self.jobs.at(MIDNIGHT, "midnight", self.end_day)
        self.jobs.at(DAY_CLOSE, "day close", self.tell_days)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop`; then everything that was observed is on disk. Raises what a part could not survive."""
        writing = asyncio.create_task(self.store.run())
        try:
            await self.end_day()
            if self.control is not None:
                await self.control.begin(boot_id=self.boot_id, version=version("taiqu-gateway"))
            async with asyncio.TaskGroup() as north:
                sending = [north.create_task(sender.run()) for sender in (self.mqtt, self.influx) if sender is not None]
                async with asyncio.TaskGroup() as south:
                    for bus in self.buses.values():
                        south.create_task(bus.run())
                    endless = [rounds.run(self), self.inlet.run(), self.health.run(), _failure_of(writing)]
                    endless.append(self._relays().run())
                    endless += map(Filler.run, self._fillers())
                    endless.append(tap.serve(tap.tap_path(self.site.store.path), self.buses, self.sinks))
                    if self.site.metrics is not None:
                        endless.append(MetricsPage(self.site.metrics.host, self.site.metrics.port, self.figures).run())
                    minding = [south.create_task(part) for part in endless]
                    self.jobs.start()
                    await stop.wait()
                    log.info("stopping")
                    self.jobs.stop()
                    for bus in self.buses.values():
                        bus.close()
                    for task in minding:
                        task.cancel()
                self.inlet.flush()
                await self._part()
                for task in sending:
                    task.cancel()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self.store.close()
            if self.control is not None:
                self.control.audit.close()

    async def _part(self) -> None:
        """Everything to disk; then a moment for broker and database to acknowledge what is left."""
        with contextlib.suppress(TimeoutError):  # a disk that takes nothing: closing the store says what is lost
            async with asyncio.timeout(PARTING_S):
                await self.store.flush()
        deadline = self.clock.monotonic() + PARTING_S
        while self._unsent() and self.clock.monotonic() < deadline:  # noqa: ASYNC110 - many events, one short wait
            await asyncio.sleep(0.05)

    def _unsent(self) -> int:
        """Rows that wait for a sender whose other side is there."""
        there = [name for name, one in (("mqtt", self.mqtt), ("influx", self.influx)) if one and one.report.connected]
        return sum(self.store.outbox(name).waiting(stream) for name in there for stream in (Stream.EVENT, Stream.LIVE))

    def _rules(self, saved: Saved) -> Engine:
        """The rules as they were; what does not fit this version is forgotten, and said."""
        plans = [*self.site.planned, *remembering("announced outages", announced, saved)]
        orders = [*self.site.orders, *remembering("disconnect orders", ordered, saved)]
        rules, forgotten = revived(partial(Engine, self.site.area, self.site.thresholds, plans, orders), saved)
        if forgotten:
            log.warning("rules: what they remembered of %s does not fit this version: forgotten", ", ".join(forgotten))
        return rules

    def _verify(self, wish: Wish) -> None:
        self.buses[self.line_of[wish.device]].want(wish.device)
        log.debug("verifying %s: %s", wish.device, wish.why)

    def _bus(self, line_id: str) -> Bus:
        line = next(line for line in self.site.lines if line.id == line_id)
        devices = [device for device in self.site.devices if device.line == line_id]
        return Bus(line, devices, link_to(line.port, self.clock), self.clock, self.inlet.put)

    def _relays(self) -> Relays:
        return Relays(self.site.devices, lambda: self.rules.desk.pool(self.clock.wall()), self.rules.active, self.ask)

    def _fillers(self) -> Iterator[Filler]:
        """One for each line."""
        for line, bus in self.buses.items():
            devices = [device for device in self.site.devices if device.line == line]
            yield Filler(self.pipeline.history, self.clock, devices, bus.carry, self.pipeline.recall, bus.learned)

    def _clocks(self) -> ClockKeeper:
        def carry(device: Device, talk: Callable[[], Conversation], lane: Lane) -> Awaitable[Poll]:
            return self.buses[device.line].carry(device.id, talk, lane)

        async def note(whom: str, how: str) -> bool:
            return self.control is None or await self.control.journal.clock_care(whom, how)

        return ClockKeeper(self.site.clock, self.site.devices, self.clock, carry, self.pipeline.observe, note)

    async def end_day(self) -> None:
        """Close the statistics of days that are over: they and the rules' state go to disk together."""
        self.days.close()
        self.store.put((), {**self.pipeline.changes(), **self.days.changes()})

    async def tell_days(self) -> None:
        """Tell the finished days and months that are news."""
        await self.end_day()
        history, news = self.pipeline.history, self.days.recount()
        days = history.close_days(self.days.tell, news)
        for draft in (*days, *self.days.months(history.coverage.together, news)):
            self.pipeline.tell(draft)
        self.store.put((), self.days.changes())

    def _mqtt(self) -> MqttSender | None:
        if self.site.mqtt is None:
            return None
        return MqttSender(
            self.site,
            self.site.mqtt,
            self.store.outbox("mqtt"),
            lambda: self.store.id,
            lambda: (*self.pipeline.active(), *self.selfcare.active()),
            self.figures,
            self.birth,
            self.commands,
            Company.of(self.site, self.clock.wall, int(self.boot_id[:2], 16)),
            self._standing,
        )

    def _influx(self) -> InfluxSender | None:
        if self.site.influx is None:
            return None
        write = InfluxWriter(self.site.influx).write
        return InfluxSender(self.site, self.site.influx, self.store.outbox("influx"), write, self.figures)

    def _standing(self) -> dict[str, bytes]:
        """What stands on its topic, besides alarms and notices."""
        return self.board.standing() | (self.control.audit.standing() if self.control is not None else {})

    def sinks(self) -> Mapping[str, str]:
        """Who takes from the store, and why it takes nothing now; '' while it does."""
        there = {"mqtt": self.mqtt, "influx": self.influx}
        return {name: sender.report.says for name, sender in there.items() if sender is not None}

    def keep(self, items: Mapping[str, object | None]) -> None:
        """Items of state to disk; None: forget it."""
        self.store.put((), items)

    def ask(self, device: str, points: Sequence[str]) -> Awaitable[Poll]:
        """Read a device now."""
        return self.buses[self.line_of[device]].ask(device, points)

    def tell(self, incident: Incident) -> None:
        """A change of an incident that an operator made."""
        self.pipeline.tell(told(incident))

    def birth(self) -> Mapping[str, object]:
        """What the retained state tells of this run."""
        return account.birth(self)

    def figures(self) -> Mapping[str, object]:
        """The gateway's own figures: lines and their devices, store, senders."""
        return account.figures(self)


def remembering(name: str, make: Callable[[Saved], T], saved: Saved) -> T:
    """A part with what it remembers. After an update that may not fit: then it starts anew, and that is said."""
    try:
        return make(saved)
    except UNFIT as error:
        log.warning("%s: what was remembered does not fit this version (%s): forgotten", name, error)
        return make({})


async def _failure_of(task: asyncio.Task[None]) -> None:
    """Ends with the exception of a task that must not end."""
    await asyncio.shield(task)


def serve(site: Site, config: Path) -> bool:
    """Run a site's gateway in this process until SIGTERM or SIGINT, on uvloop where it is installed.

    Gives whether it is to begin anew, which SIGHUP and the verb `reload` ask for.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(site, config))


async def _serve(site: Site, config: Path) -> bool:
    gateway = Gateway(site, SystemClock(), config)
    collect_seldom()
    log.info(
        "%s: taiqu-gateway %s, configuration %s, %d devices on %d lines, store %s",
        *(site.id, version("taiqu-gateway"), site.fingerprint, len(site.devices), len(site.lines), site.store.path),
    )
    loop, renewal = asyncio.get_running_loop(), gateway.renewal
    heeding: set[asyncio.Task[None]] = set()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, renewal.end)
    loop.add_signal_handler(signal.SIGHUP, lambda: heeding.add(loop.create_task(renewal.heed())))
    await gateway.run(renewal.stop)
    return renewal.due


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not built for this machine; asyncio's own loop does the same, slower
        return None
    return uvloop.new_event_loop
