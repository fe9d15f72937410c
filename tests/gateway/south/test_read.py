"""`taiqu read` on a real pty with a simulated meter."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.modbus import SimulatedModbus
from gateway.cli.read import read
from tests.gateway.south.far_end import on_pty
from tests.gateway.south.site import METERS, write_site

app = typer.Typer()
app.command()(read)
PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
TERMINAL = read_profile("eastron-sdm630", product_profiles()["eastron-sdm630"])


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
        (["m22"], "gateway.toml; there is m2"),
        (["pump"], "gateway.toml; there is m1, m2"),
        (["m1", "colour"], "m1 has no colour; dlt645-2007-1p has voltage"),
    ],
    ids=["a misspelt device", "an unknown device", "an unknown point"],
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


MODBUS: dict[str, tuple[list[str], int, list[str]]] = {
    "bare registers": (["--registers", "input 0+2"], 0, ["input 0         17254", "input 1         32768"]),
    "who it is": (["--identify"], 0, ["vendor", "product", "revision"]),
    "registers that it refuses": (
        ["--registers", "holding 9"],
        1,
        ["t1: refused: device refused: it has no such register (0x02)"],
    ),
    "a place that is none": (["--registers", "inputs 0"], 2, ["'inputs 0' is no place"]),
    "more than one answer holds": (["--registers", "input 0+126"], 2, ["one answer holds at most 125"]),
}


@pytest.mark.parametrize(("arguments", "status", "says"), MODBUS.values(), ids=MODBUS.keys())
def test_a_modbus_device_is_asked_beside_its_profile(
    tmp_path: Path, arguments: list[str], status: int, says: list[str]
) -> None:
    device = SimulatedModbus(TERMINAL, "1", {"voltage_a": 230.5}, identity={0: "Acme", 1: "M1", 2: "v3"})
    with on_pty(device) as port:
        config = write_site(tmp_path, port)
        (tmp_path / "devices.csv").write_text("device,profile,line,address,node\nt1,eastron-sdm630,rs485-1,1,B1\n")
        result = CliRunner().invoke(app, ["t1", *arguments, "--config", str(config)])
    assert result.exit_code == status, result.output
    assert [word for word in says if word not in result.output] == []


def test_bare_registers_are_for_modbus_devices(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["m1", "--identify", "--config", str(write_site(tmp_path, "/dev/null"))])
    assert (result.exit_code, "are for Modbus devices" in result.output) == (2, True)
