"""A small site, and a gateway's store and sender as the senders' tests need them."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drivers.api import Point, Profile
from gateway.clock import Clock, SystemClock
from gateway.north.commands import Commands
from gateway.north.faces.company import Company
from gateway.north.mqtt import MqttSender
from gateway.settings.models import Device, Line, Mqtt, Site
from gateway.settings.models import Store as StoreSettings
from gateway.store import Store
from rules.area import Area, Node
from rules.incident import Incident
from rules.observation import Observation

PROFILE = Profile(
    name="meter-1p",
    protocol="dlt645",
    title="a single-phase meter",
    kind="meter",
    points={
        "voltage": Point("voltage", "02010100", "XXX.X", "V"),
        "current": Point("current", "02020100", "XXX.XXX", "A"),
        "active_power": Point("active_power", "02030000", "XX.XXXX", "kW"),
        "energy_import": Point("energy_import", "00010000", "XXXXXX.XX", "kWh"),
        "relay_open": Point("relay_open", "04000503", "bit 4"),
        "clock": Point("clock", "0400010C", "time"),
    },
)


def device(number: int, ct: float = 1.0, line: str = "rs485-1") -> Device:
    return Device(
        id=f"M{number}", profile=PROFILE, driver="dlt645", line=line, address=f"{number:012d}", node="B1",
        kind="meter", phases="A", ct=ct,
    )  # fmt: skip


AREA = Area("TQ1", (Node("T1", "transformer"), Node("B1", "box", "T1")), ())


def site(devices: int = 2) -> Site:
    return Site("gw1", AREA, (Line("rs485-1", "/dev/ttyUSB0"),), tuple(device(number) for number in range(devices)))


def observation(number: int, at: float = 1_800_000_000.0, values: dict[str, float | None] | None = None) -> Observation:
    """The n-th of a run; its voltage says which it is."""
    return Observation(
        device=f"M{number % 2}", at=at + number, values=values or {"voltage": float(number)}, bus="rs485-1", took_ms=50
    )


def incident(name: str, state: str = "confirmed", reason: str = "first", at: float = 1_800_000_000.0) -> Incident:
    return Incident(
        id=name, type="box_outage", state=state, reason=reason, severity="critical", at=at, node="B1",  # type: ignore[arg-type]
        started_at=at - 5, started_after=at - 60, devices=("M0", "M1"),
    )  # fmt: skip


@dataclass(slots=True)
class Desk:
    """A store with a sender: what stands between the rules and a broker."""

    store: Store
    sender: MqttSender
    active: list[Incident] = field(default_factory=list)

    async def until(self, true: Callable[[], bool]) -> None:
        """Return when it is so; the test's own timeout ends what never becomes so."""
        for _ in itertools.count():
            if true():
                return
            await asyncio.sleep(0.02)  # a broker's answer comes when it comes

    def waiting(self) -> int:
        return sum(self.store.figures().waiting["mqtt"].values())


@contextlib.asynccontextmanager
async def desk(
    path: Path,
    settings: Mqtt,
    active: Sequence[Incident] = (),
    patience_s: float = 60,
    commands: Commands | None = None,
    faces: Company | None = None,
    pool: Callable[[], dict[str, bytes]] = dict,
    clock: Clock | None = None,
) -> AsyncIterator[Desk]:
    """A sender at work; ends as the service ends."""
    store = Store(StoreSettings(path=path, commit_ms=20), clock or SystemClock(), ("mqtt",))
    store.open()
    standing = list(active)
    sender = MqttSender(
        site(), settings, store.outbox("mqtt"), lambda: store.id, lambda: standing,
        figures=lambda: {"rss_mb": 50}, birth=lambda: {"boot": "b1", "version": "0.1.0"},
        commands=commands, faces=faces, pool=pool,
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience_s), asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(store.run()), tasks.create_task(sender.run())]
            yield Desk(store, sender, standing)
            for task in running:
                task.cancel()
    finally:
        await store.close()
