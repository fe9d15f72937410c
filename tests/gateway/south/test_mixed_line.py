"""DL/T 645 meters at 2400 8E1 and Modbus meters at 9600 8N1 on one wire, with the drivers that will really run."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from drivers.modbus.wire import rtu_frame
from drivers.registry import driver
from drivers.sim.modbus import SimulatedModbus
from gateway.settings.models import Line
from tests.gateway.south.mixed import device, faulty, held, seat, wrong
from tests.gateway.south.rig import running, spans, values
from tests.lines import FAULTS, Seat, SimulatedLine
from tests.virtual import virtual


@virtual
async def test_an_hour_of_64_devices_with_two_dead_ones() -> None:
    kinds = ("dlt645-2007-1p", "eastron-sdm630")
    devices = [device(number, kinds[number % 2], period=60.0) for number in range(64)]
    line = SimulatedLine([seat(row) for row in devices])
    for dead in (10, 31):
        line.seats[dead].alive = False
    async with running(line, *devices, drivers=driver) as rig:
        await asyncio.sleep(3600)
        report = rig.bus.report()
    living = [row for index, row in enumerate(devices) if index not in (10, 31)]
    for row in living:
        assert set(rig.faults(row.id)) == {None}
        steady = [at for at in rig.times(row.id) if at > 120]  # the first round reads all at once
        assert len(steady) in (57, 58)
        assert max(abs(span - 60) for span in spans(steady)) < 6  # while it waits for its turn
    assert sum(row.counts.missed for row in report.devices) == 0
    assert [wrong(devices, poll.device, values(poll)) for poll in rig.polls if poll.fault is None] == [{}] * sum(
        poll.fault is None for poll in rig.polls
    )
    assert {row.device for row in report.devices if row.down} == {"m10", "m31"}
    assert report.utilisation < 0.5


TRANSACTIONS = 6000
"""Requests on the faulty line; `make bench-faulty_line` takes 100 000 of each."""


@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "echo"])
@virtual
async def test_a_line_with_every_fault_gives_no_wrong_value_and_says_why_there_is_none(echo: bool) -> None:
    proof = await faulty(TRANSACTIONS, 0.15, echo, seed=5)
    assert proof.wrong == ()
    assert proof.mute == 0
    assert proof.good > 0.3 * proof.transactions
    assert set(proof.spoilt) == set(FAULTS)
    assert proof.refused <= proof.spoilt.total()  # nothing is refused but what the line spoilt
    assert proof.report.late_answers > 0


@dataclass(frozen=True, slots=True)
class Nonsense:
    """A device whose answers about some registers are cut short, with a good checksum."""

    device: SimulatedModbus
    start: int

    def answer(self, heard: bytes) -> bytes:
        said = self.device.answer(heard)
        if said and int.from_bytes(heard[2:4], "big") >= self.start:
            return rtu_frame(said[0], bytes([4, 2]) + said[3:5])
        return said


@virtual
async def test_nonsense_is_reported_with_the_frame_and_only_its_own_points_have_no_value() -> None:
    bad, good = device(1, "eastron-sdm630", period=10.0), device(3, "eastron-sdm630", period=10.0)
    bad = replace(bad, points=("voltage_a", "voltage_b", "frequency", "energy_import"))  # the last two lie far behind
    meter = SimulatedModbus(bad.profile, bad.address, {"voltage_a": 230.5, "voltage_b": 231.5, "frequency": 50.0})
    async with running(SimulatedLine([Seat(Nonsense(meter, 60)), seat(good)]), bad, good, drivers=driver) as rig:
        await asyncio.sleep(25)
        report = rig.report("m1")
    lost = {"frequency": None, "energy_import": None}
    assert [values(poll) for poll in rig.of("m1")] == [{"voltage_a": 230.5, "voltage_b": 231.5, **lost}] * 3
    assert set(rig.faults("m1") + rig.faults("m3")) == {None}
    assert None not in values(rig.of("m3")[-1]).values()
    assert "02 04 02 42 48" in rig.of("m1")[-1].says
    assert (report.says, report.down) == (rig.of("m1")[-1].says, False)


@dataclass(slots=True)
class Busy:
    """A device that says so often that it is busy, or needs more time, before it answers."""

    device: SimulatedModbus
    code: int
    times: int
    heard: list[float] = field(default_factory=list)

    def answer(self, heard: bytes) -> bytes:
        if said := self.device.answer(heard):
            self.heard.append(asyncio.get_running_loop().time())
            if len(self.heard) <= self.times:
                return rtu_frame(said[0], bytes([said[1] | 0x80, self.code]))
        return said


@pytest.mark.parametrize("code", [5, 6], ids=["05: acknowledged", "06: busy"])
@virtual
async def test_a_busy_device_is_waited_for_thrice_ever_longer_however_few_retries_the_line_has(code: int) -> None:
    meter = replace(device(1, "eastron-sdm630", period=3600.0), points=("voltage_a",))
    for times, fault in ((3, None), (9, "refused")):
        busy = Busy(SimulatedModbus(meter.profile, meter.address, {"voltage_a": 230.5}), code, times)
        line = Line("l1", "/dev/simulated", retries=0)
        async with running(SimulatedLine([Seat(busy)]), meter, line=line, drivers=driver) as rig:
            await asyncio.sleep(60)
            assert not rig.report("m1").down
        assert [poll.fault for poll in rig.polls] == [fault]
        waits = spans(busy.heard)
        assert len(waits) == 3
        assert waits[0] > 0.1
        assert waits[1] - waits[0] == pytest.approx(0.1, abs=0.01)
        assert waits[2] - waits[1] == pytest.approx(0.2, abs=0.01)


@dataclass(frozen=True, slots=True)
class Gateway:
    """A device, or a Modbus gateway in front of it, that answers with an exception, whatever is asked."""

    code: int

    def answer(self, heard: bytes) -> bytes:
        return heard[:4] + bytes([0, 3, heard[6], heard[7] | 0x80, self.code])


IN_ITS_PLACE = {
    "04: the device itself fails, and is there": (0x04, "refused", "it failed while answering", False),
    "0B: the device behind it is silent": (0x0B, "timeout", "the device behind it is dead", True),
    "0A: it has no way there, which says nothing of the device": (
        0x0A,
        "unreachable",
        "look at the gateway's own port",
        True,
    ),
}


@pytest.mark.parametrize(("code", "fault", "says", "down"), IN_ITS_PLACE.values(), ids=IN_ITS_PLACE.keys())
@virtual
async def test_what_answers_in_place_of_values_is_told_apart(code: int, fault: str, says: str, down: bool) -> None:
    behind = replace(device(1, "eastron-sdm630", period=10.0), driver="modbus-tcp")
    link = SimulatedLine([Seat(Gateway(code))], paced=False)
    async with running(link, behind, drivers=driver) as rig:
        await asyncio.sleep(1200)
        assert rig.report("m1").down is down
    assert set(rig.faults("m1")) == {fault}
    assert says in rig.polls[0].says
    assert link.opened == 1  # the connection works: opening it anew helps nobody


@dataclass(slots=True)
class MixesUp:
    """A Modbus TCP gateway that gives most answers the transaction id or the unit id of others."""

    device: SimulatedModbus
    part: slice  # of the header: what it mixes up
    answers: int = 0

    def answer(self, heard: bytes) -> bytes:
        said = self.device.answer(heard)
        self.answers += 1
        if not said or self.answers % 3 == 0:
            return said
        other = bytearray(said)
        other[self.part] = (int.from_bytes(said[self.part], "big") + 1).to_bytes(len(said[self.part]), "big")
        return bytes(other)


MIXED_UP = {
    "transaction ids": (slice(0, 2), "cannot be read"),
    "unit ids": (slice(6, 7), "unit 3 answers, asked was unit 2"),
}


@pytest.mark.parametrize(("part", "says"), MIXED_UP.values(), ids=MIXED_UP.keys())
@virtual
async def test_a_gateway_that_mixes_up_its_answers_is_not_believed(part: slice, says: str) -> None:
    behind = replace(device(1, "eastron-sdm630", period=10.0), driver="modbus-tcp")
    meter = MixesUp(SimulatedModbus(behind.profile, behind.address, held(behind), framing="tcp"), part)
    line = Line("l1", "modbus-tcp://127.0.0.1:502", retries=0)
    async with running(SimulatedLine([Seat(meter)], paced=False), behind, line=line, drivers=driver) as rig:
        await asyncio.sleep(600)
    assert [wrong([behind], poll.device, values(poll)) for poll in rig.polls] == [{}] * len(rig.polls)
    lost = [poll for poll in rig.polls if poll.fault or None in values(poll).values()]
    assert len(lost) > 15
    assert {says in poll.says for poll in lost} == {True}
