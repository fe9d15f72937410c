"""`taiqu read` on a real pty with a simulated meter."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.read import read
from tests.gateway.south.far_end import on_pty
from tests.gateway.south.site import METERS, write_site

app = typer.Typer()
app.command()(read)
PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])


def meter() -> SimulatedMeter:
    return SimulatedMeter(PROFILE, METERS["m1"], {"voltage": Decimal("230.5"), "current": Decimal("4.250")})


def test_values_are_shown_with_their_units(tmp_path: Path) -> None:
    with on_pty(meter()) as port:
        config = write_site(tmp_path, port)
        result = CliRunner().invoke(app, ["m1", "voltage", "current", "--config", str(config)])
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.output.splitlines()] == [
        ["voltage", "230.5", "V"],
        ["current", "4.250", "A"],
    ]


def test_a_program_gets_json_with_exact_decimals(tmp_path: Path) -> None:
    with on_pty(meter()) as port:
        config = write_site(tmp_path, port)
        result = CliRunner().invoke(app, ["m1", "voltage", "frequency", "--config", str(config), "--json"])
    said = json.loads(result.output)
    assert said["values"] == {
        "voltage": {"value": "230.5", "unit": "V"},
        "frequency": {"value": None, "unit": "Hz"},
    }
    assert (said["device"], said["fault"]) == ("m1", None)


def test_a_meter_that_does_not_answer_is_exit_status_1(tmp_path: Path) -> None:
    with on_pty(meter()) as port:
        result = CliRunner().invoke(app, ["m2", "--config", str(write_site(tmp_path, port))])
    assert result.exit_code == 1
    assert result.output == "m2: timeout: no answer\n"


def test_a_port_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["m1", "--config", str(write_site(tmp_path, str(tmp_path / "ttyUSB9")))])
    assert result.exit_code == 1
    assert "ttyUSB9: there is no such port" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["m3"], "there is no device 'm3'"),
        (["m1", "colour"], "m1 has no colour; dlt645-2007-1p has voltage"),
    ],
    ids=["an unknown device", "an unknown point"],
)
def test_a_wrong_question_is_exit_status_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    config = write_site(tmp_path, "/dev/null")
    result = CliRunner().invoke(app, [*arguments, "--config", str(config)])
    assert result.exit_code == 2
    assert says in result.output


def test_a_config_that_is_not_there_is_exit_status_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["m1", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "none.toml" in result.output
