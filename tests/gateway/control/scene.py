"""A line with meters and a breaker, and the control of a gateway over them: what outlives it is on disk."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drivers.dlt645.frame import frames
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.modbus import SimulatedModbus
from gateway.clock import local
from gateway.control.action import ACTIONS, Action
from gateway.control.audit import Audit, AuditFile, Head
from gateway.control.chain import Record, files, records
from gateway.control.control import Control
from gateway.control.way import Way
from gateway.control.ways import way_of
from gateway.settings.models import ControlSettings, Device, Line, MeterSecrets, Permit, Site
from gateway.south.bus import Bus
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError, Request
from rules.area import Area, Node
from tests.lines import Hearing, Seat, SimulatedLine
from tests.virtual import VirtualClock, run_virtual

PASSWORD, OPERATOR_CODE = "765432", "91827364"
EVERYTHING = Permit(
    ("li", "wang"),
    ("*",),
    ACTIONS,
    ("04000E??",),
)


PERMISSIVE = ControlSettings(permit=(EVERYTHING,))


def device(name: str, address: str, profile: str, protocol: str = "dlt645") -> Device:
    known = read_profile(profile, product_profiles()[profile])
    return Device(name, known, protocol, "rs485-1", address, "B1", "meter", "A", wire=known.line, timeout_s=0.5)


M1 = device("M1", "000000000001", "dlt645-2007-1p")
M2 = device("M2", "000000000002", "dlt645-2007-1p")
OLD = device("OLD", "000000000003", "dlt645-1997-3p")
SWITCH = device("SWITCH", "9", "lx47le125", "modbus")
TERMINAL = device("TERMINAL", "8", "ttu-modbus", "modbus")
ROWS = (M1, M2, OLD, SWITCH, TERMINAL)
SITE = Site(
    "gw1",
    Area("TQ1", (Node("T1", "transformer"), Node("B1", "box", "T1")), ()),
    (Line("rs485-1", "/dev/simulated"),),
    ROWS,
)


class Customers:
    """What the rules heard of disconnections on purpose."""

    def __init__(self) -> None:
        self.ordered: set[str] = set()
        self.heard: list[str] = []
        self.relays: list[tuple[str, Mapping[str, float]]] = []

    def seen(self, device: str, values: Mapping[str, float]) -> None:
        self.relays.append((device, values))

    async def order(self, request: Request) -> object:
        device = str(request.arguments["device"])
        self.ordered.add(device)
        self.heard.append(f"order {device}")
        return None

    async def unorder(self, request: Request) -> object:
        device = str(request.arguments["device"])
        self.ordered.discard(device)
        self.heard.append(f"unorder {device}")
        return None


@dataclass(slots=True)
class Telling:
    """A meter whose clock goes with the loop's."""

    meter: SimulatedMeter
    clock: VirtualClock

    def answer(self, heard: bytes) -> bytes:
        self.meter.memory.advance(local(self.clock.wall()))
        return self.meter.answer(heard)


class Scene:
    """Devices on a line, a folder, and lives of a gateway one after the other. Make it on a virtual loop."""

    def __init__(self, folder: Path, settings: ControlSettings = PERMISSIVE) -> None:
        self.folder, self.settings = folder, settings
        self.clock = VirtualClock()
        self.customers = Customers()
        self.told: list[Record] = []  # what went to MQTT
        self.secret = folder / "meter.password"
        if not self.secret.exists():
            self.secret.write_text(f"{PASSWORD} {OPERATOR_CODE}\n")
            self.secret.chmod(0o600)
        if not settings.meters:
            rows = (MeterSecrets(("*",), str(self.secret), str(self.secret)),)
            self.settings = replace(settings, meters=rows)
        passwords = {"02": PASSWORD, "04": PASSWORD}
        self.meters = {
            row.id: SimulatedMeter(row.profile, row.address, {"voltage": 230.0}, dict(passwords)) for row in (M1, M2)
        }
        self.breaker = SimulatedModbus(SWITCH.profile, SWITCH.address, {"relay_open": 0})
        self.line = SimulatedLine([])
        self.before: Callable[[Hearing], Hearing] = _as_it_is  # what stands between the line and the first meter
        self._ids = itertools.count(1)

    @asynccontextmanager
    async def gateway(self, known: Head | None = None) -> AsyncIterator[Control]:
        """One life; it ends without a word."""
        first = self.before(Telling(self.meters["M1"], self.clock))
        self.line.seats = [
            Seat(first, M1.wire),
            Seat(Telling(self.meters["M2"], self.clock), M2.wire),
            Seat(self.breaker, SWITCH.wire),
        ]
        bus = Bus(SITE.lines[0], ROWS, self.line, self.clock, lambda _: None, drivers=driver)
        running = asyncio.create_task(bus.run(polling=False))

        def done(action: Action) -> Way:
            row = next(row for row in ROWS if row.id == action.device)
            return way_of(action, row, self.settings, self.clock, lambda one, talk, lane: bus.carry(one.id, talk, lane))

        audit = Audit(AuditFile(self.folder, self.clock, self.settings.audit_bytes), self.told.append)
        control = Control(self.settings, Names(SITE), self.clock, audit, done, self.customers, self.customers.seen)
        audit.open(known, control.past.heard)
        await control.begin()
        self.bus = bus
        try:
            yield control
        finally:
            bus.close()
            await running
            audit.close()

    async def arm(self, control: Control, action: str, device: str = "M1", by: str = "li", **more: Any) -> str:
        """The token."""
        said: Any = await control.arm(self.request(by, action=action, device=device, reason="arrears 4711", **more))
        token: str = said["token"]
        return token

    async def confirm(self, control: Control, token: str, action: str, device: str = "M1", by: str = "li") -> Any:
        return await control.confirm(self.request(by, token=token, action=action, device=device))

    async def both(self, control: Control, action: str, device: str = "M1", by: str = "li", **more: Any) -> Any:
        """Armed and confirmed."""
        token = await self.arm(control, action, device, by, **more)
        return await self.confirm(control, token, action, device, by)

    def request(self, by: str = "li", **arguments: object) -> Request:
        return Request(f"r{next(self._ids)}", arguments, by)

    async def until(self, true: Callable[[], bool]) -> None:
        """Return when it is so; a virtual loop stands still when it never is."""
        for _ in itertools.count():
            if true():
                return
            await asyncio.sleep(0.01)

    def log(self) -> list[Record]:
        return list(records(files(self.folder)))

    def steps(self) -> list[str]:
        """What was written down after the start, in words."""
        return [one.what for one in self.log() if one.what != "started"]


def _as_it_is(hearing: Hearing) -> Hearing:
    return hearing


async def refusal(asked: Awaitable[object]) -> str:
    """What a request is refused with; '' when it is not."""
    try:
        await asked
    except RefusedRequestError as error:
        return str(error)
    return ""


Story = Callable[[Scene], Coroutine[Any, Any, None]]


def tell(story: Story, folder: Path, settings: ControlSettings = PERMISSIVE) -> Scene:
    async def run() -> Scene:
        scene = Scene(folder, settings)
        await story(scene)
        return scene

    return run_virtual(run())


def said(scene: Scene, function: int) -> int:
    """How often meters were told something with this function."""
    return sum(frame.function == function for _, raw in scene.line.sent for _, frame in frames(raw))
