"""What the line keeps for a driver: how a meter wants to be spoken to; and services that go on after silence."""

import asyncio
from dataclasses import replace
from datetime import datetime

from drivers.api import LineSettings
from drivers.dlt645.frame import frames
from drivers.dlt645.services.dialogue import Dialogue, Script
from drivers.dlt645.services.write import RELAY, Authority, Command, RelayState, relay
from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter
from gateway.settings.models import Device
from tests.gateway.south.rig import running
from tests.lines import Seat, SimulatedLine
from tests.virtual import virtual

ADDRESS = "000000000042"
NAMES = ("dlt645-2007-1p", "dlt645-1997-3p", "dlt645-auto-1p")
NEW, OLD, BOTH = (read_profile(name, product_profiles()[name]) for name in NAMES)
WIRE = LineSettings(2400, 8, "even", 1)
DAY = 86_400.0


def device(profile_name: str = "dlt645-2007-1p") -> Device:
    profile = BOTH if profile_name == "dlt645-auto-1p" else NEW
    return Device(
        "m1", profile, "dlt645", "l1", ADDRESS, "n1", "meter", wire=WIRE, period_s=60.0, points=("energy_import",)
    )


class Sleepy(SimulatedMeter):
    """Hears nothing that does not begin with FE."""

    def answer(self, heard: bytes) -> bytes:
        return super().answer(heard) if heard.startswith(b"\xfe") else b""


class Mumbling(SimulatedMeter):
    """Does what it is told, and the answer to a relay command is lost."""

    def answer(self, heard: bytes) -> bytes:
        said = super().answer(heard)
        lost = any(frame.function == RELAY for _, frame in frames(heard))
        return b"" if lost else said


def asked(line: SimulatedLine) -> list[bytes]:
    return [bytes(request) for _, request in line.sent]


@virtual
async def test_a_meter_that_needs_a_preamble_costs_two_requests_in_vain_a_day() -> None:
    line = SimulatedLine([Seat(Sleepy(NEW, ADDRESS, {"energy_import": 1}), WIRE)])
    async with running(line, device(), drivers=driver) as rig:
        await asyncio.sleep(DAY + 600)
    assert set(rig.faults("m1")) == {None}
    in_vain = [request for request in asked(line) if not request.startswith(b"\xfe")]
    assert len(in_vain) == 4, "two on the first day and two on the second"


@virtual
async def test_the_edition_of_a_meter_is_asked_for_once_a_day() -> None:
    line = SimulatedLine([Seat(SimulatedMeter(OLD, ADDRESS, {"energy_import": 1}), WIRE)])
    async with running(line, device("dlt645-auto-1p"), drivers=driver) as rig:
        await asyncio.sleep(DAY + 600)
    assert set(rig.faults("m1")) == {None}
    of_2007 = [request for request in asked(line) for _, frame in frames(request) if frame.function == 0x11]
    assert len(of_2007) == 2
    assert rig.report("m1").refused == ()


@virtual
async def test_a_meter_that_is_down_is_found_again_whatever_it_needs() -> None:
    seat = Seat(Sleepy(OLD, ADDRESS, {"energy_import": 1}), WIRE)
    seat.alive = False
    line = SimulatedLine([seat])
    async with running(line, device("dlt645-auto-1p"), drivers=driver) as rig:
        await asyncio.sleep(1200)
        assert rig.report("m1").down
        seat.alive = True
        await asyncio.sleep(1200)
        assert rig.faults("m1")[-3:] == [None, None, None]


@virtual
async def test_a_relay_command_whose_answer_is_lost_is_confirmed_by_the_status_word() -> None:
    meter = Mumbling(NEW, ADDRESS, {"relay_open": 0}, passwords={"02": "123456"})
    meter.set("clock", "2026-11-22T09:00:00")
    line = SimulatedLine([Seat(meter, WIRE)])
    talk: Dialogue[RelayState] = Dialogue(trip())
    async with running(line, replace(device(), timeout_s=0.5), drivers=driver, polling=False) as rig:
        await rig.bus.carry("m1", lambda: talk)
    assert talk.result == RelayState(accepted=None, relay_open=True, told_open=True, kept_powered=False)
    functions = [frame.function for request in asked(line) for _, frame in frames(request)]
    assert functions == [RELAY, 0x11], "the command is said once"


def trip() -> Script[RelayState]:
    return relay(ADDRESS, Command.TRIP, datetime.fromisoformat("2026-11-22T09:10"), Authority("123456"))
