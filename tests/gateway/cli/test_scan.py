"""`taiqu scan` finds meters whose answers collide, on virtual time, and one alone on a real pty."""

import json
from collections.abc import Sequence
from random import Random

import pytest
from typer.testing import CliRunner

from drivers.api import LineSettings, Profile
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.main import app
from gateway.cli.scan import find_meters
from gateway.errand import Errand
from tests.drivers.dlt645.services.line import collide
from tests.gateway.south.far_end import on_pty
from tests.lines import Seat, SimulatedLine
from tests.virtual import VirtualClock, virtual

PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])


OLD = read_profile("dlt645-1997-3p", product_profiles()["dlt645-1997-3p"])


class Crowd:
    """Several meters on one pair of wires: together they are noise."""

    def __init__(self, *addresses: str, profile: Profile = PROFILE) -> None:
        self.meters = [SimulatedMeter(profile, address, {"energy_import": 1.25}) for address in addresses]

    def answer(self, heard: bytes) -> bytes:
        return collide([answer for meter in self.meters if (answer := meter.answer(heard))])


@virtual
async def test_forty_meters_of_two_editions_at_two_baud_rates_are_found_through_their_collisions() -> None:
    chance = Random(40)
    slow = sorted(f"2026{chance.randrange(10**8):08d}" for _ in range(25))
    fast = sorted(f"2026{chance.randrange(10**8):08d}" for _ in range(10))
    old = sorted(f"{chance.randrange(10**12):012d}" for _ in range(5))
    line = SimulatedLine(
        [
            Seat(Crowd(*slow), LineSettings(2400, parity="even")),
            Seat(Crowd(*fast), LineSettings(9600, parity="even")),
            Seat(Crowd(*old, profile=OLD), LineSettings(1200, parity="even")),
        ]
    )
    errand = Errand(line, VirtualClock())
    await errand.open()
    found = await find_meters(errand, [2400, 9600, 1200], ["2007", "1997"], timeout_s=0.6)
    errand.close()
    assert sorted(one.address for one in found if (one.baud, one.edition) == (2400, "2007")) == slow
    assert sorted(one.address for one in found if (one.baud, one.edition) == (9600, "2007")) == fast
    assert sorted(one.address for one in found if (one.baud, one.edition) == (1200, "1997")) == old
    assert len(found) == 40
    assert not any(one.doubled for one in found)


def test_a_meter_alone_is_found_on_a_real_port() -> None:
    meter = SimulatedMeter(PROFILE, "202611000042", {"energy_import": 1.25})
    with on_pty(meter) as port:
        result = CliRunner().invoke(app, ["scan", port, "--bauds", "9600", "--editions", "2007", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == [{"address": "202611000042", "edition": "2007", "baud": 9600, "doubled": False}]


def test_a_line_without_meters_is_exit_status_1() -> None:
    with on_pty() as port:
        result = CliRunner().invoke(app, ["scan", port, "--bauds", "9600", "--timeout", "0.01"])
    assert result.exit_code == 1
    assert "nobody answers" in result.output


WRONG: dict[str, tuple[Sequence[str], str]] = {
    "a port that is not there": (["/dev/ttyNONE"], "ttyNONE"),
    "a baud rate that is none": (["/dev/null", "--bauds", "fast"], "'fast' is no baud rate"),
    "an edition that is none": (["/dev/null", "--editions", "2013"], "there is no edition '2013'"),
    "half an address of a server": (["tcp://host"], "port number"),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_question_is_one_line_and_status_2(arguments: Sequence[str], says: str) -> None:
    result = CliRunner().invoke(app, ["scan", *arguments])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.splitlines()) == 1
