"""Meters that nobody knows are found on a line that is being polled, and the polls hardly notice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from drivers.profile import product_profiles, read_profile
from drivers.registry import driver
from drivers.sim.dlt645 import SimulatedMeter
from gateway.clock_care import Offset
from gateway.settings.models import Device, Line
from gateway.verbs import Request, spoken
from gateway.verbs.lines import Lines
from gateway.verbs.names import Names
from gateway.verbs.request import RefusedRequestError
from tests.drivers.dlt645.services.line import collide
from tests.gateway.backfill.scene import meter_row, site
from tests.gateway.south.rig import Rig, running, spans
from tests.lines import Seat, SimulatedLine
from tests.virtual import virtual

PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
PERIOD_S = 15.0
LINE = Line("rs485-1", "/dev/simulated")


class Wire:
    """All meters of a line: together they are noise."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.meters = [SimulatedMeter(PROFILE, address, {"voltage": 230.0}) for address in addresses]

    def answer(self, heard: bytes) -> bytes:
        return collide([answer for meter in self.meters if (answer := meter.answer(heard))])


def rows(*numbers: int) -> list[Device]:
    return [replace(meter_row(number), period_s=PERIOD_S, points=("voltage",)) for number in numbers]


class Keeper:
    """Clocks that are each off by as many seconds as the device's name says; M9's is not told."""

    async def measure(self, devices: Sequence[Device]) -> Sequence[Offset]:
        return [Offset(one, float(one.id[1:]) + 0.04) for one in devices if one.id != "M9"]


def lines(rig: Rig, devices: Sequence[Device]) -> Lines:
    return Lines(Names(site(devices)), {"rs485-1": rig.bus}, Keeper(), rig.clock)


async def scanned(
    there: Sequence[str], devices: Sequence[Device], **arguments: object
) -> tuple[Any, Rig, list[object]]:
    """The answer to a scan on a line that is polled, everything that was polled meanwhile, and the progress."""
    progress: list[object] = []
    wire = SimulatedLine([Seat(Wire(there), PROFILE.line)])
    async with running(wire, *devices, line=LINE, drivers=driver) as rig:
        request = Request("s1", {"line": "rs485-1", **arguments}, progress=progress.append)
        result = await lines(rig, devices).scan(request)
        return result, rig, progress


@virtual
async def test_an_unknown_meter_is_found_and_a_known_one_that_is_missing_is_named() -> None:
    there = [meter_row(1).address, meter_row(2).address, "202600000042"]
    result, rig, progress = await scanned(there, rows(1, 2, 3), minutes=240)
    assert {one["address"]: one["device"] for one in result["found"]} == {
        meter_row(1).address: "M1", meter_row(2).address: "M2", "202600000042": None,
    }  # fmt: skip
    assert (result["missing"], result["complete"], result["says"]) == (["M3"], True, "")
    assert progress
    assert max(spans(rig.times("M1"))) < PERIOD_S + 1.5, "a poll waits for one question at most"
    assert all(device.counts.timeouts == 0 for device in rig.bus.report().devices if device.device != "M3")


@virtual
async def test_a_search_ends_when_its_time_is_over_and_says_so() -> None:
    result, _, _ = await scanned(["202600000042", "202600000099"], rows(1), minutes=1)
    assert (result["complete"], result["says"]) == (False, "not finished within 1 minutes")


@virtual
async def test_a_search_gets_on_where_the_polls_leave_nothing() -> None:
    devices = [replace(row, period_s=0.2) for row in rows(1, 2)]
    result, rig, progress = await scanned([meter_row(1).address, meter_row(2).address], devices, minutes=10)
    assert rig.bus.report().utilisation > 0.9
    assert progress
    assert result["asked"] in range(45, 70), "a question in ten seconds or so"
    assert max(spans(rig.times("M1"))) < 3


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a line that nobody has": ({"line": "l9"}, "there is no line 'l9'; there is rs485-1"),
    "no time at all": ({"minutes": 0}, "'minutes' must be more than 0"),
    "half a day": ({"minutes": 720}, "240 at most"),
    "a baud rate that does not exist": ({"bauds": [9601]}, "'bauds' must be a list of 300,"),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_search_is_refused_with_a_sentence(arguments: dict[str, object], says: str) -> None:
    @virtual
    async def refused() -> None:
        with pytest.raises(RefusedRequestError, match=says):
            await scanned([], rows(1), **arguments)

    refused()


@virtual
async def test_a_line_is_searched_once_at_a_time_and_not_without_its_port() -> None:
    wire = SimulatedLine([Seat(Wire([]), PROFILE.line)])
    async with running(wire, *rows(1), line=LINE, drivers=driver) as rig:
        theme = lines(rig, rows(1))
        first = asyncio.ensure_future(theme.scan(Request("1", {"line": "rs485-1"})))
        await asyncio.sleep(0.5)
        with pytest.raises(RefusedRequestError, match="is being searched already"):
            await theme.scan(Request("2", {"line": "rs485-1"}))
        wire.unplugged = True
        with pytest.raises(RefusedRequestError, match="the line cannot be used: "):
            await first


@virtual
async def test_the_last_frames_of_a_line_are_told_in_words() -> None:
    wire = SimulatedLine([Seat(Wire([meter_row(1).address]), PROFILE.line)])
    async with running(wire, *rows(1), line=LINE, drivers=driver) as rig:
        await asyncio.sleep(5)
        frames: Any = await spoken(lines(rig, rows(1)))["trace"](Request("t", {"line": "rs485-1", "frames": 2}))
    assert [frame["direction"] for frame in frames] == ["out", "in"]
    assert "voltage" in frames[1]["says"][0].lower()


CLOCKS: dict[str, tuple[dict[str, object], dict[str, float], list[str]]] = {
    "all of them": ({}, {"M1": 1.0, "M2": 2.0, "M4": 4.0}, ["M9"]),
    "those of a line": ({"line": "rs485-1"}, {"M1": 1.0, "M2": 2.0}, ["M9"]),
    "that of a device": ({"device": "M4"}, {"M4": 4.0}, []),
    "one that does not tell": ({"device": "M9"}, {}, ["M9"]),
}


@pytest.mark.parametrize(("arguments", "offsets", "silent"), CLOCKS.values(), ids=CLOCKS.keys())
def test_how_far_clocks_are_off_is_told(
    arguments: dict[str, object], offsets: dict[str, float], silent: list[str]
) -> None:
    others = [replace(meter_row(3), driver="modbus"), replace(meter_row(4), line="rs485-2")]

    @virtual
    async def told() -> None:
        devices = [*rows(1, 2, 9), *others]
        async with running(SimulatedLine([]), *rows(1), line=LINE, drivers=driver) as rig:
            found = await lines(rig, devices).clocks(Request("c", arguments))
        assert found == {"offset_s": offsets, "silent": silent}

    told()


@virtual
async def test_a_device_without_a_clock_of_its_kind_is_refused() -> None:
    async with running(SimulatedLine([]), *rows(1), line=LINE, drivers=driver) as rig:
        theme = lines(rig, [replace(meter_row(3), driver="modbus")])
        with pytest.raises(RefusedRequestError, match=r"there is no DL/T 645 meter"):
            await theme.clocks(Request("c", {"device": "M3"}))
        with pytest.raises(RefusedRequestError, match="there is no line 'l9'"):
            await theme.clocks(Request("c", {"line": "l9"}))
