"""Simulated meters on a simulated line, read by the middle of a gateway that can be killed and started again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson

from drivers.api import Conversation
from drivers.dlt645.frame import READ, frames
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.dlt645_habits import USUAL, Habits
from gateway.backfill.filler import Filler
from gateway.clock import local
from gateway.pipeline import Pipeline
from gateway.settings.models import Backfill, Device, Line, Site
from gateway.south.bus import Bus
from gateway.south.poll import Lane, Poll
from gateway.store import Draft, Stream
from rules.area import Area, Node
from rules.area import Bus as AreaBus
from rules.area import Device as AreaDevice
from rules.engine import Engine
from tests.lines import Hearing, Seat, SimulatedLine
from tests.virtual import VirtualClock

MINUTE_S, HOUR_S = 60.0, 3600.0
SECOND = timedelta(seconds=1)
VALUES = {"voltage": 231.0, "current": 4.5, "active_power": 1.02, "energy_import": 1234.5}
AREA = Area(
    "TQ1",
    (Node("T1", "transformer"), Node("F1", "feeder", "T1"), Node("B1", "box", "F1"), Node("B2", "box", "F1")),
    (),
    (AreaBus("rs485-1"),),
)


def meter_row(number: int, profile: str = "dlt645-2007-1p") -> Device:
    known = read_profile(profile, product_profiles()[profile])
    node = "B1" if number < 4 else "B2"
    return Device(
        f"M{number}", known, "dlt645", "rs485-1", f"{number:012d}", node, "meter", "A", wire=known.line, period_s=60.0
    )


def site(rows: Sequence[Device], backfill: Backfill = Backfill()) -> Site:
    devices = tuple(AreaDevice(row.id, "meter", row.node, row.phases, row.line) for row in rows)
    return Site(
        "gw1", replace(AREA, devices=devices), (Line("rs485-1", "/dev/simulated"),), tuple(rows), backfill=backfill
    )


@dataclass(slots=True)
class Disk:
    """What outlives a gateway: rows, and the state of their transactions."""

    rows: list[Draft] = field(default_factory=list)
    state: dict[str, bytes] = field(default_factory=dict)
    transactions: int = 0
    last: float = float("inf")
    """The number of the last transaction that still comes to disk: the gateway is killed after it."""

    def put(self, drafts: Iterable[Draft], state: Callable[[], Mapping[str, object | None]]) -> None:
        if self.transactions >= self.last:
            return
        self.transactions += 1
        self.rows += drafts
        for key, value in state().items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = orjson.dumps(value)

    def saved(self) -> dict[str, object]:
        return {key: orjson.loads(value) for key, value in self.state.items()}

    def of(self, stream: Stream) -> list[dict[str, Any]]:
        return [orjson.loads(row.body) for row in self.rows if row.stream is stream]

    def recalled(self, device: str) -> list[dict[str, Any]]:
        return [row for row in self.of(Stream.BACKFILL) if row["device"] == device]


@dataclass(slots=True)
class Stubborn:
    """A good meter but for one kind of identifiers, about which it has only one thing to say."""

    meter: SimulatedMeter
    begins: str  # of the identifier, in hex
    says: bytes
    asked: int = 0

    def answer(self, heard: bytes) -> bytes:
        for _, frame in frames(heard):
            asked = frame.data[3::-1].hex()
            if frame.address == self.meter.address and frame.function == READ and asked.startswith(self.begins):
                self.asked += 1
                return self.says
        return self.meter.answer(heard)


@dataclass(slots=True)
class Ticking:
    """A device whose clock goes while it is spoken to."""

    scene: "Scene"
    device: Hearing

    def answer(self, heard: bytes) -> bytes:
        self.scene.tell_time()
        return self.device.answer(heard)


@dataclass(slots=True)
class Scene:
    """Everything outside the gateway, and time."""

    rows: Sequence[Device]
    clock: VirtualClock = field(default_factory=VirtualClock)
    disk: Disk = field(default_factory=Disk)
    habits: Habits = USUAL  # of the meters
    meters: dict[str, SimulatedMeter] = field(init=False)
    line: SimulatedLine = field(init=False)
    bus: Bus = field(init=False)
    seats: dict[str, Hearing] = field(default_factory=dict)  # what sits in a meter's place
    rules: Engine = field(init=False)  # of the last gateway

    def __post_init__(self) -> None:
        self.meters = {
            row.id: SimulatedMeter(row.profile, row.address, _values(row), habits=self.habits) for row in self.rows
        }
        self._plug_in()
        self.tell_time()

    def _plug_in(self) -> None:
        self.line = SimulatedLine(
            [Seat(Ticking(self, self.seats.get(row.id, self.meters[row.id])), row.wire) for row in self.rows]
        )

    def tell_time(self) -> None:
        for meter in self.meters.values():
            meter.memory.advance(local(self.clock.wall()))

    def power(self, on: bool, *devices: str) -> None:
        self.tell_time()
        for device in devices or self.meters:
            self.meters[device].powered = on

    def carry(self, device: Device, talk: Callable[[], Conversation], lane: Lane) -> Awaitable[Poll]:
        return self.bus.carry(device.id, talk, lane)

    async def wait(self, seconds: float) -> None:
        """Time passes."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 1e-3:
            await asyncio.sleep(min(left, MINUTE_S))
            self.tell_time()

    @asynccontextmanager
    async def gateway(self, place: Site | None = None) -> AsyncIterator[Pipeline]:
        """The middle of a gateway, from the state on the disk; at the end it is gone without a word."""
        place = place or site(self.rows)
        saved = self.disk.saved()
        self._plug_in()
        self.rules = rules = Engine(place.area, {}, saved=saved)
        pipeline = Pipeline.of(place, rules, self.disk, self.clock, lambda wish: bus.want(wish.device), saved)
        bus = Bus(place.lines[0], place.devices, self.line, self.clock, pipeline.take, drivers=driver)
        self.bus = bus
        filler = Filler(pipeline.history, self.clock, place.devices, bus.carry, pipeline.recall, bus.learned)
        tasks = [asyncio.create_task(part) for part in (bus.run(), filler.run(), _tick(pipeline))]
        try:
            yield pipeline
        finally:
            for task in tasks:
                task.cancel()
            bus.close()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended


async def _tick(pipeline: Pipeline) -> None:
    while True:
        await asyncio.sleep(1)
        pipeline.tick()


def _values(row: Device) -> dict[str, float]:
    names = {name: value for name, value in VALUES.items() if name in row.profile.points}
    phases = {f"{name}_{phase}": VALUES[name] for name in ("voltage", "current") for phase in "abc"}
    return {**names, **{name: value for name, value in phases.items() if name in row.profile.points}}
