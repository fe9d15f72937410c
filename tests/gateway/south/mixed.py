"""DL/T 645 meters at 2400 8E1 and Modbus meters at 9600 8N1 on one wire, and that wire with every fault there is."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest

from drivers.api import LineSettings, Value
from drivers.modbus.wire import rtu_frame
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.api import SimulatedDevice
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.modbus import SimulatedModbus
from gateway.settings.models import Device
from gateway.south.poll import Poll
from gateway.south.report import LineReport
from tests.gateway.south.rig import running, values
from tests.lines import FAULTS, Faults, Seat, SimulatedLine

PROFILES = {name: read_profile(name, product_profiles()[name]) for name in ("dlt645-2007-1p", "eastron-sdm630")}
WANTED = {
    "dlt645-2007-1p": ("voltage", "current", "energy_import"),
    "eastron-sdm630": ("voltage_a", "voltage_b", "voltage_c", "current_a", "active_power"),
}
WIRES = {"dlt645-2007-1p": LineSettings(2400, 8, "even", 1), "eastron-sdm630": LineSettings(9600, 8, "none", 1)}


ALIKE = ("voltage_a", "active_power", "line_voltage_ab", "energy_total")
"""Points of an SDM630 that lie so far apart that it is asked four times for two registers: the answers look alike."""


def device(number: int, profile: str, period: float, points: Sequence[str] = ()) -> Device:
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
        points=tuple(points) or WANTED[profile],
    )


def held(device: Device) -> dict[str, Value]:
    """Values that name their device and point, so that a mix-up shows."""
    number = int(device.address)
    return {point: Decimal(number * 10 + place) / 10 for place, point in enumerate(device.points)}


def seat(device: Device) -> Seat:
    meter: SimulatedDevice
    if device.profile.name == "eastron-sdm630":
        meter = SimulatedModbus(device.profile, device.address, held(device))
    else:
        meter = SimulatedMeter(device.profile, device.address, held(device))
    return Seat(meter, device.wire)


def wrong(devices: Sequence[Device], poll_device: str, got: dict[str, object]) -> dict[str, object]:
    """Values that are not what the device holds; no value is never wrong."""
    expected = held(next(device for device in devices if device.id == poll_device))
    known = {point: float(str(value)) for point, value in got.items() if value is not None}
    return {point: value for point, value in known.items() if value != pytest.approx(float(str(expected[point])))}


FOREIGN = (
    bytes.fromhex("68 99 00 00 00 00 00 68 91 06 33 34 34 35 38 56 5E 16"),
    bytes.fromhex("63 03 04 00 01 00 02 0A 33"),
    # of our own units, to another master: another function, another length, an exception, a request
    rtu_frame(2, bytes.fromhex("03 44") + bytes(68)),
    rtu_frame(2, bytes.fromhex("04 06 43 66 80 00 43 66")),
    rtu_frame(4, bytes.fromhex("83 02")),
    rtu_frame(4, bytes.fromhex("04 00 00 00 36")),
)


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of a faulty line."""

    transactions: int
    polls: int
    good: int
    wrong: tuple[object, ...]  # values that are not those of their register
    mute: int  # polls without a value that do not say why
    refused: int  # requests whose answer did not come or was not believed
    spoilt: Counter[str]  # answers that the line spoilt, by kind of fault
    report: LineReport


async def faulty(transactions: int, share: float, echo: bool, seed: int) -> Proof:
    """Poll four devices of two protocols on a line that spoils this share of its answers, each kind as often."""
    kinds = ("dlt645-2007-1p", "eastron-sdm630", "dlt645-2007-1p", "eastron-sdm630")
    devices = [device(number, kind, 2.0, ALIKE if number == 3 else ()) for number, kind in enumerate(kinds)]
    faults = Faults(**dict.fromkeys(FAULTS, share / len(FAULTS)), late_s=(0.9, 1.4))
    line = SimulatedLine([seat(row) for row in devices], faults, seed, echo, FOREIGN)
    enough = asyncio.Event()
    counts: Counter[str] = Counter()
    bad: list[object] = []

    def watch(poll: Poll) -> None:
        counts["polls"] += 1
        counts["good"] += poll.fault is None
        counts["mute"] += bool(poll.fault) and not poll.says
        if got := wrong(devices, poll.device, values(poll)):
            bad.append((poll.device, poll.at, got))
        if len(line.sent) >= transactions:
            enough.set()

    async with running(line, *devices, drivers=driver, watch=watch) as rig:
        await enough.wait()
        report = rig.bus.report()
    refused = sum(row.counts.timeouts + row.counts.crc for row in report.devices)
    sums = counts["polls"], counts["good"], tuple(bad), counts["mute"], refused
    return Proof(len(line.sent), *sums, Counter(line.suffered), report)
