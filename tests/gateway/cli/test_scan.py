"""`taiqu scan` on a real pty on which answers collide."""

import json
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner

from drivers.api import Value
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.main import app
from tests.drivers.dlt645.services.line import collide
from tests.gateway.south.far_end import on_pty

PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])


class Crowd:
    """Several meters on one pair of wires: together they are noise."""

    address, powered = "", True

    def __init__(self, *addresses: str) -> None:
        self.meters = [SimulatedMeter(PROFILE, address, {"energy_import": 1.25}) for address in addresses]

    def answer(self, heard: bytes) -> bytes:
        return collide([answer for meter in self.meters if (answer := meter.answer(heard))])

    def set(self, point: str, value: Value) -> None:
        for meter in self.meters:
            meter.set(point, value)


def test_meters_are_found_through_a_collision() -> None:
    with on_pty(Crowd("000000000041", "202611000042")) as port:
        options = ["--bauds", "115200", "--editions", "2007", "--timeout", "0.01", "--json"]
        result = CliRunner().invoke(app, ["scan", port, *options])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert sorted(row["address"] for row in rows) == ["000000000041", "202611000042"]
    assert {(row["edition"], row["baud"], row["doubled"]) for row in rows} == {("2007", 115200, False)}


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
