"""DL/T 645 meters at 2400 8E1 and Modbus meters at 9600 8N1 on one wire, with the drivers that will really run."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from drivers.api import LineSettings, Value
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.api import SimulatedDevice
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.modbus import SimulatedModbus
from gateway.settings.models import Device
from gateway.south.poll import Poll
from tests.gateway.south.rig import running, spans, values
from tests.lines import Faults, Seat, SimulatedLine
from tests.virtual import virtual

PROFILES = {name: read_profile(name, product_profiles()[name]) for name in ("dlt645-2007-1p", "eastron-sdm630")}
WANTED = {
    "dlt645-2007-1p": ("voltage", "current", "energy_import"),
    "eastron-sdm630": ("voltage_a", "voltage_b", "voltage_c", "current_a", "active_power"),
}
WIRES = {"dlt645-2007-1p": LineSettings(2400, 8, "even", 1), "eastron-sdm630": LineSettings(9600, 8, "none", 1)}


def device(number: int, profile: str, period: float) -> Device:
    address = str(number + 1) if profile == "eastron-sdm630" else f"{number:012}"
    return Device(
        id=f"m{number}",
        profile=PROFILES[profile],
        driver=PROFILES[profile].protocol,
        line="l1",
        address=address,
        node="n1",
        kind="meter",
        wire=WIRES[profile],
        period_s=period,
        points=WANTED[profile],
    )


def held(device: Device) -> dict[str, Value]:
    """Values that name their device and point, so that a mix-up shows."""
    number = int(device.address)
    return {point: Decimal(number * 10 + place) / 10 for place, point in enumerate(WANTED[device.profile.name])}


def seat(device: Device) -> Seat:
    meter: SimulatedDevice
    if device.profile.name == "eastron-sdm630":
        meter = SimulatedModbus(device.profile, device.address, held(device))
    else:
        meter = SimulatedMeter(device.profile, device.address, held(device))
    return Seat(meter, device.wire)


def wrong(devices: Sequence[Device], poll_device: str, got: dict[str, object]) -> dict[str, object]:
    expected = held(next(device for device in devices if device.id == poll_device))
    return {
        point: value for point, value in got.items() if float(str(value)) != pytest.approx(float(str(expected[point])))
    }


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


TRANSACTIONS = int(os.environ.get("TRANSACTIONS", "6000"))
"""Requests on the faulty line; the long proof is `TRANSACTIONS=100000 pytest tests/gateway/south`."""

FOREIGN = (
    bytes.fromhex("68 99 00 00 00 00 00 68 91 06 33 34 34 35 38 56 5E 16"),
    bytes.fromhex("63 03 04 00 01 00 02 0A 33"),
)


@pytest.mark.parametrize("echo", [False, True], ids=["no echo", "echo"])
@virtual
async def test_a_line_with_every_fault_gives_no_wrong_value(echo: bool) -> None:
    kinds = ("dlt645-2007-1p", "eastron-sdm630", "dlt645-2007-1p", "eastron-sdm630")
    devices = [device(number, kind, period=2.0) for number, kind in enumerate(kinds)]
    each = 0.15 / 8
    faults = Faults(each, each, (0.9, 1.4), each, each, each, each, each, each)
    line = SimulatedLine([seat(row) for row in devices], faults, seed=5, echo=echo, foreign_frames=FOREIGN)
    enough = asyncio.Event()

    def watch(_: Poll) -> None:
        if len(line.sent) >= TRANSACTIONS:
            enough.set()

    async with running(line, *devices, drivers=driver, watch=watch) as rig:
        await enough.wait()
    good = [poll for poll in rig.polls if poll.fault is None]
    assert len(good) > 0.3 * len(line.sent)
    assert [got for poll in good if (got := wrong(devices, poll.device, values(poll)))] == []
    assert all(poll.says for poll in rig.polls if poll.fault)
    assert set(line.suffered) == {"loss", "late", "noise_before", "noise_after", "cut", "checksum", "foreign", "slow"}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A Modbus gateway in front of a device that it cannot bring to answer."""

    code: int

    def answer(self, heard: bytes) -> bytes:
        return heard[:4] + bytes([0, 3, heard[6], heard[7] | 0x80, self.code])


IN_ITS_PLACE = {
    "0B: the device behind it is silent": (0x0B, "timeout", "the device behind it is dead"),
    "0A: it has no way there, which says nothing of the device": (
        0x0A,
        "unreachable",
        "look at the gateway's own port",
    ),
}


@pytest.mark.parametrize(("code", "fault", "says"), IN_ITS_PLACE.values(), ids=IN_ITS_PLACE.keys())
@virtual
async def test_what_a_gateway_in_front_says_is_told_apart(code: int, fault: str, says: str) -> None:
    behind = replace(device(1, "eastron-sdm630", period=10.0), driver="modbus-tcp")
    link = SimulatedLine([Seat(Gateway(code))], paced=False)
    async with running(link, behind, drivers=driver) as rig:
        await asyncio.sleep(1200)
        assert rig.report("m1").down
    assert set(rig.faults("m1")) == {fault}
    assert says in rig.polls[0].says
    assert link.opened == 1  # the connection works: opening it anew helps nobody
