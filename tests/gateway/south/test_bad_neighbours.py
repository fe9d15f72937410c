"""What one bad device costs the seven others of its line: at most 5 % of their polls, whatever is wrong with it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.south.fairness import FIRST_HOLD_S
from gateway.south.link.api import LinkError
from tests.gateway.south.rig import Rig, running
from tests.gateway.south.toy import SETTINGS, ToyDevice, toy
from tests.lines import Seat, SimulatedLine
from tests.virtual import run_virtual, virtual

GOOD = [f"{n:02}" for n in range(7)]
BAD = "07"
BURST_S = 0.01
THINKS_S = 0.4


def seats(*addresses: str) -> list[Seat]:
    return [Seat(ToyDevice(address, {"a": address}), SETTINGS, THINKS_S) for address in addresses]


@dataclass(slots=True)
class Disturbed(SimulatedLine):
    """One wire for all: nobody else is heard while the bad device talks, or keeps its serial server waiting."""

    talks_s: float = 0.0  # asked, the bad device says nonsense for so long
    repaired: bool = False
    hangs_s: float = 0.0  # asked for the bad device, the serial server passes nothing on for so long
    _busy_until: float = 0.0

    def send(self, data: bytes) -> None:
        if not self._open:
            raise LinkError("the simulated port is gone")
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), data))
        at = loop.time() + self._seconds(len(data))
        answer = b"".join(seat.device.answer(data) for seat in self.seats)
        if data.startswith(f"?{BAD}:".encode()) and not self.repaired:
            if at >= self._busy_until:
                self._busy_until = at + self.talks_s + self.hangs_s
                self._talk(at + THINKS_S, at + self.talks_s)
        elif self.hangs_s:  # what is asked meanwhile waits its turn
            self._busy_until = max(at, self._busy_until) + THINKS_S + self._seconds(len(answer))
            self._deliver(self._busy_until, answer)
        elif at + THINKS_S >= self._busy_until:
            self._deliver(at + THINKS_S + self._seconds(len(answer)), answer)

    def _talk(self, at: float, until: float) -> None:
        if at < until:
            self._deliver(at, self._chance.randbytes(round(BURST_S / SETTINGS.seconds(1))))
            asyncio.get_running_loop().call_at(at, self._talk, at + BURST_S, until)


async def healthy_polls(line: SimulatedLine, period: float) -> tuple[int, int]:
    """Good polls of the seven others in the first hour, and in the half hour after it."""
    devices = [toy(seat.device.address, period=period) for seat in line.seats if isinstance(seat.device, ToyDevice)]

    def polls() -> int:
        return sum(poll.fault is None and poll.device != f"m{BAD}" for poll in rig.polls)

    async with running(line, *devices) as rig:
        await asyncio.sleep(3600)
        first = polls()
        await asyncio.sleep(1800)
        return first, polls() - first


def dead() -> SimulatedLine:
    line = SimulatedLine(seats(*GOOD, BAD))
    line.seats[-1].alive = False
    return line


BAD_LINES: dict[str, Callable[[], SimulatedLine]] = {
    "dead": dead,
    "answering with nonsense": lambda: Disturbed(seats(*GOOD, BAD), talks_s=0.3),
    "babbling for five seconds": lambda: Disturbed(seats(*GOOD, BAD), talks_s=5.0),
    "babbling for a minute": lambda: Disturbed(seats(*GOOD, BAD), talks_s=60.0),
    "behind a serial server that hangs for three seconds": lambda: Disturbed(seats(*GOOD, BAD), hangs_s=3.0),
    "behind a serial server that hangs for ten seconds": lambda: Disturbed(seats(*GOOD, BAD), hangs_s=10.0),
    "behind a serial server that hangs for half a minute": lambda: Disturbed(seats(*GOOD, BAD), hangs_s=30.0),
}
PERIODS = {"on a full line": 2.0, "on an idle line": 60.0}


@pytest.fixture(scope="module", params=PERIODS.values(), ids=list(PERIODS))
def alone(request: pytest.FixtureRequest) -> tuple[float, tuple[int, int]]:
    """The period, and the polls of seven devices without a bad one."""
    period: float = request.param
    return period, run_virtual(healthy_polls(SimulatedLine(seats(*GOOD)), period))


@pytest.mark.parametrize("make", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_one_bad_device_of_eight_costs_the_others_at_most_5_percent(
    make: Callable[[], SimulatedLine], alone: tuple[float, tuple[int, int]]
) -> None:
    period, polls = alone
    left = run_virtual(healthy_polls(make(), period))
    assert [left[half] >= 0.95 * polls[half] for half in (0, 1)] == [True, True], (left, polls)


@virtual
async def test_who_cannot_be_understood_because_another_babbles_does_not_count_as_silent() -> None:
    line = Disturbed(seats(*GOOD, BAD), talks_s=60.0)
    async with running(line, *(toy(address) for address in (*GOOD, BAD))) as rig:
        await asyncio.sleep(3600)
        assert [report.device for report in rig.bus.report().devices if report.down] == [f"m{BAD}"]
        assert {fault for address in GOOD for fault in rig.faults(f"m{address}")} == {None, "crc"}


def down(rig: Rig) -> list[str]:
    return [report.device for report in rig.bus.report().devices if report.down]


@virtual
async def test_those_who_only_wait_behind_a_serial_server_that_hangs_are_found_to_live() -> None:
    line = Disturbed(seats(*GOOD, BAD), hangs_s=20.0)
    async with running(line, *(toy(address) for address in (*GOOD, BAD))) as rig:
        await asyncio.sleep(900)
        assert down(rig) == [f"m{BAD}"]


@virtual
async def test_a_device_that_was_held_back_and_is_repaired_is_polled_again_once_it_has_answered() -> None:
    line = Disturbed(seats(*GOOD, BAD), talks_s=60.0)
    async with running(line, *(toy(address) for address in (*GOOD, BAD))) as rig:
        await asyncio.sleep(600)
        assert len(rig.of(f"m{BAD}")) == 2
        line.talks_s = 0.0
        line.repaired = True
        assert (await rig.bus.ask(f"m{BAD}")).fault is None
        rig.polls.clear()
        await asyncio.sleep(600)
    assert len(rig.of(f"m{BAD}")) in (10, 11)


@pytest.mark.parametrize("seconds", [20, 200, 900])
@virtual
async def test_a_noise_that_came_by_chance_costs_nobody_more_than_five_minutes(seconds: int) -> None:
    line = SimulatedLine(seats(*GOOD))
    async with running(line, *(toy(address) for address in GOOD)) as rig:
        await asyncio.sleep(300)
        line.babble = b"\xff\x00\xff\x13" * 5
        line.start_babbling()
        await asyncio.sleep(seconds)
        line.babble = b""
        await asyncio.sleep(FIRST_HOLD_S + 60)
        rig.polls.clear()
        await asyncio.sleep(600)
        assert [rig.faults(f"m{address}") for address in GOOD] == [[None] * 10] * len(GOOD)


@virtual
async def test_a_box_that_loses_its_supply_and_has_it_again_is_no_reason_to_blame_its_first_meter() -> None:
    line = SimulatedLine(seats(*GOOD, BAD))
    async with running(line, *(toy(address) for address in (*GOOD, BAD))) as rig:
        for _ in range(3):
            await asyncio.sleep(600)
            for place in line.seats[1:5]:
                place.alive = False
            await asyncio.sleep(3600)
            assert down(rig) == ["m01", "m02", "m03", "m04"]
            for place in line.seats[1:5]:
                place.alive = True
            await asyncio.sleep(305)
            assert down(rig) == []


@virtual
async def test_a_line_that_hums_without_end_is_waited_for_once_and_then_spoken_over() -> None:
    line = SimulatedLine(seats("01", "02"), babble=b"\x00" * 20)
    line.seats[1].alive = False
    async with running(line, toy("01", period=10.0), toy("02", period=10.0)) as rig:
        await asyncio.sleep(600)
        assert rig.faults("m01").count(None) > 50  # the hum does not keep it from being understood
        assert rig.report("m02").down
