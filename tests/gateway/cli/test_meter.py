"""`taiqu meter` on real ptys, against a simulated meter that has lived through something."""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.main import app
from gateway.cli.meter_talk import now
from tests.gateway.south.far_end import on_pty
from tests.gateway.south.site import METERS, write_site

PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])


class Site:
    """A config and what answers on its port."""

    def __init__(self, config: Path, meter: SimulatedMeter) -> None:
        self.config, self.meter = config, meter
        self.password = config.parent / "password"
        self.password.write_text("123456\n")

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["meter", *arguments, "--config", str(self.config)])

    def authorised(self, *arguments: str) -> Result:
        return self.run(*arguments, "--password-file", str(self.password), "--change-the-meter")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    passwords = {"02": "123456", "04": "123456"}
    meter = SimulatedMeter(PROFILE, METERS["m1"], {"voltage": 230.5, "energy_import": 12.5}, passwords)
    meter.set("clock", f"{now():%Y-%m-%dT%H:%M:%S}")
    with on_pty(meter) as port:
        yield Site(write_site(tmp_path, port), meter)


def test_any_identifier_is_read(site: Site) -> None:
    result = site.run("item", "m1", "00010000")
    assert (result.exit_code, result.output) == (0, "identifier 00010000  energy_import 12.50 kWh\n")


def test_the_last_power_downs_are_listed(site: Site) -> None:
    start = site.meter.memory.now
    assert start
    for minutes in (10, 20):
        site.meter.set("clock", f"{start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}")
        site.meter.powered = minutes == 20
    rows = json.loads(site.run("events", "m1", "power_down", "--json").output)
    at = [f"{start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%S}" for minutes in (10, 20)]
    assert rows == [{"number": 1, "start": at[0], "end": at[1]}]


def test_the_clock_is_shown_with_its_drift(site: Site) -> None:
    site.meter.memory.drift = timedelta(minutes=7)
    [row] = json.loads(site.run("clock", "m1", "--json").output)
    assert 415 < row["off_s"] < 425


def test_the_load_profile_is_read(site: Site) -> None:
    start = site.meter.memory.now
    assert start
    end = start + timedelta(hours=2)
    site.meter.set("clock", f"{end:%Y-%m-%dT%H:%M:%S}")
    span = [f"--since={start:%Y-%m-%dT%H:%M:%S}", f"--until={end:%Y-%m-%dT%H:%M:%S}"]
    rows = json.loads(site.run("load-profile", "m1", *span, "--class", "4", "--json").output)
    assert len(rows) == 8
    assert rows[0]["energy_import"] == "12.50 kWh"


def test_a_relay_is_tripped_with_password_and_switch(site: Site) -> None:
    result = site.authorised("relay", "m1", "trip", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == [
        {"accepted": True, "relay_open": True, "told_open": True, "kept_powered": False}
    ]


def test_a_parameter_is_written_and_read_back(site: Site) -> None:
    result = site.authorised("write", "m1", "04000E03", "253.0")
    assert (result.exit_code, result.output) == (0, "m1: holds 04000E03 = 253.0\n")
    assert "253.0 V" in site.run("item", "m1", "04000E03").output


def test_a_value_that_does_not_fit_is_not_sent(site: Site) -> None:
    result = site.authorised("write", "m1", "04000E03", "9999")
    assert (result.exit_code, "does not fit" in result.output) == (2, True)


def test_a_demand_is_reset(site: Site) -> None:
    assert site.authorised("clear-demand", "m1").exit_code == 0


def test_a_clock_is_set_and_a_freeze_made(site: Site) -> None:
    assert "agreed" in site.run("freeze", "m1", "--change-the-meter").output
    site.meter.memory.drift = timedelta(hours=1)
    result = site.authorised("set-clock", "m1")
    assert result.exit_code in (0, 2), result.output  # 2 within five minutes of midnight
    assert result.exit_code == 2 or abs(site.meter.memory.drift) < timedelta(seconds=10)


def test_the_clocks_of_a_line_are_set_by_broadcast(site: Site) -> None:
    site.meter.memory.drift = timedelta(minutes=4)
    result = site.run("broadcast-clock", "rs485-1", "--change-the-meter")
    if result.exit_code == 0:  # 2 within five minutes of midnight
        assert "240 s off" in result.output or "239 s off" in result.output or "241 s off" in result.output
        assert abs(site.meter.memory.drift) < timedelta(seconds=10)
    else:
        assert "midnight" in result.output


def test_a_broadcast_is_not_sent_to_clocks_it_cannot_set(site: Site) -> None:
    site.meter.memory.drift = timedelta(minutes=9)
    result = site.run("broadcast-clock", "rs485-1", "--change-the-meter")
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1


BAD: dict[str, tuple[Sequence[str], int, str]] = {
    "a silent meter": (["clock", "m2"], 1, "m2: no answer"),
    "what the meter does not hold": (["item", "m1", "04000306"], 1, "no such data"),
    "an identifier nobody knows": (["item", "m1", "123"], 2, "no identifier"),
    "a device that is not there": (["clock", "m9"], 2, "it has m1, m2"),
    "a line that is not there": (["broadcast-clock", "rs485-9", "--change-the-meter"], 2, "such lines: rs485-1"),
    "an event that does not exist": (["events", "m1", "party"], 2, "power_down"),
    "a command that does not exist": (["relay", "m1", "explode"], 2, "close_permit"),
    "a change without the switch": (["relay", "m1", "trip"], 2, "--change-the-meter"),
    "a change without a password": (["relay", "m1", "trip", "--change-the-meter"], 2, "--password-file"),
    "a class that does not exist": (
        ["load-profile", "m1", "--since", "2026-11-22", "--until", "2026-11-23", "--class", "9"],
        2,
        "no class",
    ),
}


@pytest.mark.parametrize(("arguments", "status", "says"), BAD.values(), ids=BAD.keys())
def test_what_goes_wrong_is_one_line(site: Site, arguments: Sequence[str], status: int, says: str) -> None:
    result = site.run(*arguments)
    assert result.exit_code == status, result.output
    assert says in result.output
    assert len(result.output.splitlines()) == 1


def test_a_wrong_password_is_told_by_the_meter(site: Site) -> None:
    site.password.write_text("654321")
    result = site.authorised("relay", "m1", "trip", "--json")
    assert result.exit_code == 1
    assert json.loads(result.output)[0]["accepted"] is False
