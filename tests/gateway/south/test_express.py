"""The express changes nothing but the price: whatever an endpoint does, polls and figures are those of the long way."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from drivers import registry
from drivers.api import LineSettings
from drivers.profile import read_profile
from gateway.settings.models import Device, Line
from gateway.south.link.api import LinkError
from gateway.south.link.inbox import Inbox
from gateway.south.poll import Lane, Poll
from gateway.south.report import LineReport
from tests.gateway.south.rig import running
from tests.virtual import VirtualClock, virtual

PROFILE = read_profile(
    "two-blocks",
    """
    protocol = "modbus"
    title = "Two blocks"
    kind = "meter"
    [points.voltage]
    where = "holding 0"
    format = "uint16"
    scale = 0.1
    [points.current]
    where = "input 500"
    format = "uint16"
    scale = 0.01
    """,
)

Script = Callable[[bytes], list[tuple[float, bytes | None]]]
"""What comes after a request: seconds later, and bytes or the end of the connection."""


def good(request: bytes) -> bytes:
    """The answer to a read: registers that hold their own address."""
    at, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
    words = b"".join(register.to_bytes(2, "big") for register in range(at, at + count))
    return frame(request, bytes([request[7], len(words)]) + words)


def frame(request: bytes, pdu: bytes) -> bytes:
    return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu


def refusal(request: bytes, code: int) -> bytes:
    return frame(request, bytes([request[7] | 0x80, code]))


class Endpoint:
    """A link whose far end answers by a script. It is not prompt: see `PromptEndpoint`."""

    paced = False

    def __init__(self, clock: VirtualClock, script: Script) -> None:
        self.is_open = False
        self.asked: list[bytes] = []
        self.received = 0  # how often somebody waited for bytes
        self._script = script
        self._clock = clock
        self._inbox: Inbox | None = None

    async def open(self) -> None:
        self._inbox, self.is_open = Inbox(self._clock), True

    def configure(self, settings: LineSettings) -> None:
        """There is nothing to be set."""

    def send(self, data: bytes) -> None:
        if not self.is_open:
            raise LinkError("endpoint: not connected")
        self.asked.append(data[2:])
        loop, inbox = asyncio.get_running_loop(), self.inbox
        for after, said in self._script(data):
            loop.call_later(after, self._lost if said is None else partial(inbox.put, said))

    async def receive(self, until: float) -> bytes:
        self.received += 1
        return await self.inbox.get(until)

    def drain(self) -> bytes:
        return self.inbox.take()

    def close(self) -> None:
        if self._inbox is not None:
            self._lost()

    @property
    def inbox(self) -> Inbox:
        if self._inbox is None:
            raise LinkError("endpoint: not connected")
        return self._inbox

    def _lost(self) -> None:
        self.is_open = False
        self.inbox.fail(LinkError("endpoint: the other side closed the connection"))
        self.inbox.close()


class PromptEndpoint(Endpoint):
    """The same, for the express."""

    def hand_to(self, taker: Callable[[bytes], bool] | None) -> None:
        self.inbox.taker = taker

    def quiet(self) -> bool:
        return self.inbox.quiet

    async def wait(self, until: float) -> None:
        await self.inbox.wait(until)

    def extend(self, until: float) -> None:
        self.inbox.extend(until)

    def rouse(self) -> None:
        self.inbox.rouse()


TROUBLE: dict[str, Callable[[bytes], list[tuple[float, bytes | None]]]] = {
    "two parts": lambda request: [(0.01, good(request)[:5]), (0.02, good(request)[5:])],
    "noise in front": lambda request: [(0.01, b"\x07\x00\x01" + good(request))],
    "noise behind": lambda request: [(0.01, good(request) + b"\x00\x01")],
    "twice": lambda request: [(0.01, good(request)), (0.012, good(request))],
    "another unit": lambda request: [(0.01, good(request[:6] + b"\x09" + request[7:]))],
    "too short": lambda request: [(0.01, frame(request, bytes([request[7], 0])))],
    "no such register": lambda request: [(0.01, refusal(request, 2))],
    "busy": lambda request: [(0.01, refusal(request, 6))],
    "behind a gateway that gets no answer": lambda request: [(0.01, refusal(request, 11))],
    "silence": lambda _: [],
    "too late": lambda request: [(0.7, good(request))],
    "a bit late": lambda request: [(0.499, good(request))],
    "the end": lambda _: [(0.01, None)],
    "nobody asked": lambda request: [(0.01, good(request)), (0.3, b"\x00\x09\x00\x00\x00\x03\x01\x83\x02")],
}


@dataclass(slots=True)
class Bad:
    """Answers of which a share is spoilt, drawn by a seed."""

    share: float
    seed: int
    kinds: Sequence[str] = tuple(TROUBLE)
    dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def __call__(self, request: bytes) -> list[tuple[float, bytes | None]]:
        if self.dice.random() >= self.share:
            return [(0.01, good(request))]
        return TROUBLE[self.dice.choice(self.kinds)](request)


@dataclass(frozen=True, slots=True)
class Story:
    """What came of a minute or so."""

    polls: Sequence[Poll]
    asked: Sequence[bytes]
    report: LineReport


def plain(poll: Poll) -> tuple[object, ...]:
    """A poll to be compared: times to a microsecond. What it says may show a transaction id, and those never repeat."""
    readings = [(reading.point, reading.value) for reading in poll.readings]
    return poll.device, round(poll.at, 6), round(poll.took_s, 6), poll.lane, readings, poll.fault, bool(poll.says)


def device(name: str, unit: int, period: float) -> Device:
    return Device(name, PROFILE, "modbus-tcp", "l1", str(unit), "n1", "meter", period_s=period, timeout_s=0.5)


async def minute(kind: type[Endpoint], script: Script, seed: int, pause_s: float = 0.0) -> Story:
    """Three devices behind an endpoint, one of them polled without a pause, and people who ask in between."""
    link = kind(VirtualClock(), script)
    slow = replace(device("m2", 2, 5.0), profile=replace(PROFILE, pause_s=pause_s))
    devices = device("m1", 1, 5.0), slow, device("m3", 3, 0.05)
    dice = random.Random(seed)
    async with running(link, *devices, line=Line("l1", "modbus-tcp://endpoint"), drivers=registry.driver) as rig:
        for _ in range(25):
            await asyncio.sleep(dice.expovariate(1.0))
            rig.bus.want(dice.choice(["m1", "m2", "m3"]), ("voltage",), dice.choice((Lane.VERIFY, Lane.DEMAND)))
        report = rig.bus.report()
    devices_told = tuple(replace(one, says=bool(one.says) * "something") for one in report.devices)
    return Story(list(rig.polls), list(link.asked), replace(report, devices=devices_told))


@pytest.mark.parametrize("share", [0.02, 0.3, 1.0], ids="{:.0%} of the answers are spoilt".format)
@pytest.mark.parametrize("seed", range(5))
@virtual
async def test_it_is_the_long_way_but_for_the_price(share: float, seed: int) -> None:
    start = asyncio.get_running_loop().time()
    long = await minute(Endpoint, Bad(share, seed), seed)
    asyncio.get_running_loop().now = start  # type: ignore[attr-defined]  # both begin at the same second
    short = await minute(PromptEndpoint, Bad(share, seed), seed)
    assert short.asked == long.asked
    assert [plain(poll) for poll in short.polls] == [plain(poll) for poll in long.polls]
    assert short.report == long.report


@pytest.mark.parametrize("share", [0.0, 0.3], ids="{:.0%} of the answers are spoilt".format)
@virtual
async def test_a_device_that_needs_a_pause_between_two_requests_has_it(share: float) -> None:
    start = asyncio.get_running_loop().time()
    long = await minute(Endpoint, Bad(share, 1), 1, pause_s=0.2)
    asyncio.get_running_loop().now = start  # type: ignore[attr-defined]
    short = await minute(PromptEndpoint, Bad(share, 1), 1, pause_s=0.2)
    assert [plain(poll) for poll in short.polls] == [plain(poll) for poll in long.polls]


@virtual
async def test_as_long_as_all_is_well_the_bus_sleeps() -> None:
    link = PromptEndpoint(VirtualClock(), Bad(0.0, 0))
    async with running(link, device("m1", 1, 0.001), drivers=registry.driver) as rig:
        await asyncio.sleep(60)
        assert len(rig.polls) > 2900
        assert link.received == 2  # of the first poll, which opened the connection; all else was taken as it came
