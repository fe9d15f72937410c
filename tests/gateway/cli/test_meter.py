"""`taiqu meter` on real ptys, against a simulated meter that has lived through something."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from gateway.cli.main import app
from gateway.cli.meter_talk import now
from gateway.control.chain import files, records
from gateway.north.keys import new_key, write_key
from gateway.store.file import Lock
from tests.gateway.south.far_end import on_pty
from tests.gateway.south.site import METERS, write_site

PROFILE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])


CONTROL = """
[commands]
[[commands.operator]]
name = "li"
key_file = "li.key"
[[commands.operator]]
name = "wang"
key_file = "wang.key"

[control]
verify_s = 1
per_device_per_hour = 20
per_hour = 20
[[control.permit]]
operators = ["li"]
devices = ["*"]
actions = ["disconnect", "set_clock", "clear_demand", "freeze", "write"]
parameters = ["04000E??"]
[[control.meters]]
devices = ["*"]
switch_file = "password"
write_file = "password"
"""


class Site:
    """A config and what answers on its port."""

    def __init__(self, config: Path, meter: SimulatedMeter) -> None:
        self.config, self.meter = config, meter
        config.write_text(config.read_text() + CONTROL)
        self.password = config.parent / "password"
        self.password.write_text("123456\n")
        self.password.chmod(0o600)
        for name in ("li", "wang"):
            write_key(config.parent / f"{name}.key", new_key("hmac-sha256"))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["meter", *arguments, "--config", str(self.config)])

    def authorised(self, *arguments: str, by: str = "li") -> Result:
        key = str(self.config.parent / f"{by}.key")
        why = ("--reason", "commissioning", "--change-the-meter")
        return self.run(*arguments, "--operator", by, "--key", key, *why)

    def steps(self) -> list[str]:
        return [record.what for record in records(files(self.config.parent))]


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


def test_a_customer_is_disconnected_by_who_may_and_it_is_written_down(site: Site) -> None:
    result = site.authorised("change", "m1", "disconnect", "--json")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.output)
    assert (row["result"], row["after"]) == ("done", "relay open, told to be open")
    assert site.steps() == ["armed", "executing", "executed"]


def test_a_parameter_is_written_and_read_back(site: Site) -> None:
    result = site.authorised("change", "m1", "write", "04000E03", "253.0", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)[0]["after"] == "04000E03 = 253.0 V"
    assert "253.0 V" in site.run("item", "m1", "04000E03").output


def test_a_value_that_does_not_fit_is_not_sent(site: Site) -> None:
    result = site.authorised("change", "m1", "write", "04000E03", "9999")
    assert (result.exit_code, "does not fit" in result.output) == (1, True)


def test_a_demand_is_reset_and_a_freeze_made(site: Site) -> None:
    assert site.authorised("change", "m1", "clear_demand").exit_code == 0
    assert "accepted" in site.authorised("change", "m1", "freeze", "99999930").output


def test_a_clock_is_set(site: Site) -> None:
    site.meter.memory.drift = timedelta(hours=1)
    result = site.authorised("change", "m1", "set_clock")
    near_midnight = "within five minutes of midnight" in result.output
    assert result.exit_code == int(near_midnight), result.output
    assert near_midnight or abs(site.meter.memory.drift) < timedelta(seconds=10)


def test_the_clocks_of_a_line_are_set_by_broadcast(site: Site) -> None:
    site.meter.memory.drift = timedelta(minutes=4)
    result = site.authorised("broadcast-clock", "rs485-1")
    if result.exit_code == 0:  # 1 within five minutes of midnight
        assert "240 s off" in result.output or "239 s off" in result.output or "241 s off" in result.output
        assert abs(site.meter.memory.drift) < timedelta(seconds=10)
        assert site.steps() == ["executing", "executed"]
    else:
        assert "midnight" in result.output


def test_a_broadcast_is_not_sent_to_clocks_it_cannot_set(site: Site) -> None:
    site.meter.memory.drift = timedelta(minutes=9)
    result = site.authorised("broadcast-clock", "rs485-1")
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(("typed", "opened"), [("m1", True), ("yes", False)], ids=["its name", "something else"])
def test_at_a_terminal_the_meters_name_has_to_be_typed(site: Site, typed: str, opened: bool) -> None:
    words = ["meter", "change", "m1", "disconnect", "--operator", "li", "--key", str(site.config.parent / "li.key")]
    command = [sys.executable, "-m", "gateway", *words, "--reason", "x", "--config", str(site.config)]
    far, near = os.openpty()
    try:
        asked = subprocess.Popen(command, stdin=near, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.write(far, f"{typed}\n".encode())
        told = asked.communicate(timeout=60)[0].decode()
    finally:
        os.close(far)
        os.close(near)
    assert "This will disconnect on m1. Type m1 to go on" in told
    assert (asked.returncode, "nothing was changed" in told) == ((0, False) if opened else (2, True)), told
    assert site.meter.commands.relay.is_open is opened


def test_who_may_not_changes_nothing(site: Site) -> None:
    for arguments in (("change", "m1", "disconnect"), ("broadcast-clock", "rs485-1")):
        result = site.authorised(*arguments, by="wang")
        assert (result.exit_code, "no [[control.permit]] allows wang to" in result.output) == (1, True), result.output
    assert not site.meter.commands.relay.is_open


def test_somebody_with_another_key_is_nobody(site: Site) -> None:
    (site.config.parent / "li.key").rename(site.config.parent / "gone")
    write_key(site.config.parent / "li.key", new_key("hmac-sha256"))
    write_key(site.config.parent / "chen.key", new_key("hmac-sha256"))
    why = ["--reason", "x", "--change-the-meter", "--key", str(site.config.parent / "chen.key")]
    result = site.run("change", "m1", "disconnect", "--operator", "li", *why)
    assert (result.exit_code, "the signature is not of an operator" in result.output) == (1, True)


def test_while_the_service_runs_it_is_asked_instead(site: Site) -> None:
    lock = Lock(site.config.parent / "taiqu.db")
    try:
        result = site.authorised("change", "m1", "disconnect")
    finally:
        lock.release()
    assert (
        result.exit_code,
        "another gateway runs on it; stop it first, or ask it: taiqu ask arm" in result.output,
    ) == (
        1,
        True,
    )


def test_a_site_without_control_changes_nothing(site: Site) -> None:
    site.config.write_text(site.config.read_text().replace(CONTROL, ""))
    result = site.authorised("change", "m1", "disconnect")
    assert (result.exit_code, result.output.startswith("control is off: nothing changes a meter")) == (2, True)


BAD: dict[str, tuple[Sequence[str], int, str]] = {
    "a silent meter": (["clock", "m2"], 1, "m2: no answer"),
    "what the meter does not hold": (["item", "m1", "04000306"], 1, "no such data"),
    "an identifier nobody knows": (["item", "m1", "123"], 2, "no identifier"),
    "a device that is not there": (["clock", "m9"], 2, "it has m1, m2"),
    "a line that is not there": (["broadcast-clock", "rs485-9"], 2, "such lines: rs485-1"),
    "an event that does not exist": (["events", "m1", "party"], 2, "power_down"),
    "an action that does not exist": (["change", "m1", "explode"], 2, "there are disconnect, reconnect"),
    "a change by nobody": (["change", "m1", "disconnect"], 2, "Say --operator NAME --key FILE"),
    "a change for no reason": (["change", "m1", "disconnect", "--operator", "li", "--key", "KEY"], 2, "--reason TEXT"),
    "a change with a key that is not there": (
        ["change", "m1", "disconnect", "--operator", "li", "--key", "gone", "--reason", "x"],
        2,
        "gone: there is no such file",
    ),
    "a change that nobody is sure of": (
        ["change", "m1", "disconnect", "--operator", "li", "--key", "KEY", "--reason", "x"],
        2,
        "this would disconnect on m1; say --change-the-meter when that is what you want",
    ),
    "a class that does not exist": (
        ["load-profile", "m1", "--since", "2026-11-22", "--until", "2026-11-23", "--class", "9"],
        2,
        "no class",
    ),
}


@pytest.mark.parametrize(("arguments", "status", "says"), BAD.values(), ids=BAD.keys())
def test_what_goes_wrong_is_one_line(site: Site, arguments: Sequence[str], status: int, says: str) -> None:
    key = str(site.config.parent / "li.key")
    result = site.run(*(key if word == "KEY" else word for word in arguments))
    assert result.exit_code == status, result.output
    assert says in result.output
    assert len(result.output.splitlines()) == 1


def test_a_wrong_password_is_told_by_the_meter(site: Site) -> None:
    site.password.write_text("654321")
    result = site.authorised("change", "m1", "disconnect")
    assert (result.exit_code, "refused by m1: the meter refuses: a wrong password" in result.output) == (1, True)
    assert "654321" not in result.output
