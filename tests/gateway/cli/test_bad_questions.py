"""A wrong question, whatever the verb: one line that says what is wrong, exit status 2, and never a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from tests.gateway.south.site import write_site

CUT = "68129078563412689108333334"

QUESTIONS = {
    "an identifier nobody knows": (["meter", "item", "m1", "02019900"], "'02019900' is no identifier"),
    "an identifier that is no hex": (["meter", "item", "m1", "volts"], "'VOLTS' is no identifier"),
    "a password that would be read": (["meter", "item", "m1", "04000C03"], "can be written and is never told"),
    "a device that does not exist": (["meter", "item", "m9", "02010100"], "no DL/T 645 meter 'm9'"),
    "an event that does not exist": (["meter", "events", "m1", "earthquake"], "no event 'earthquake'"),
    "a time that is none": (
        ["meter", "load-profile", "m1", "--since", "yesterday", "--until", "2026-11-22T00:00:00"],
        "since",
    ),
    "a class that is none": (
        ["meter", "load-profile", "m1", "--since", "2026-11-22", "--until", "2026-11-23", "--class", "9"],
        "9 is no class of the load profile",
    ),
    "a change where nobody permits any": (["meter", "change", "m1", "disconnect"], "control is off: nothing changes"),
    "an action that does not exist": (["meter", "change", "m1", "explode"], "no action 'explode'"),
    "a line that does not exist": (["meter", "broadcast-clock", "l9"], "no line 'l9'"),
    "a frame that is cut": (["frame", CUT], "7 bytes are missing"),
    "a frame with a wrong checksum": (["frame", "6812907856341268910833333433896745335516"], "should be 54"),
    "no bytes at all": (["frame", "hello"], "no byte in hex"),
    "bytes that are no frame": (["frame", "01 02"], "no frame of"),
    "a log that is not there": (["frame", "--file", "none"], "none: No such file"),
    "an edition that does not exist": (["scan", "/dev/null", "--editions", "2010"], "no edition '2010'"),
    "a baud rate that does not exist": (["scan", "/dev/null", "--bauds", "9601"], "'9601' is no baud rate"),
    "a line without DL/T 645 meters": (["scan", "modbus-tcp://127.0.0.1:502"], "only DL/T 645 meters"),
    "a port that does not exist": (["scan", "/dev/ttyNONE"], "/dev/ttyNONE"),
    "a port that is none": (["scan", "tcp://"], "tcp://"),
    "a choice that does not exist": (["schema", "areas"], "'file': 'areas' is not one of 'gateway', 'area'"),
    "a profile that does not exist": (["profiles", "dlt645-2010"], "no profile 'dlt645-2010'"),
    "a folder that does not exist": (["profiles", "--folder", "/nowhere"], "no folder /nowhere"),
    "a device that thinks for ever": (["plan", "--latency-ms", "inf"], "'--latency-ms'"),
    "a network that takes longer than a minute": (["plan", "--network-ms", "1e308"], "'--network-ms'"),
}


@pytest.mark.parametrize(("words", "says"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_wrong_question_is_told_in_one_line(words: list[str], says: str, tmp_path: Path) -> None:
    site = write_site(tmp_path, "/dev/ttyNONE")
    config = ["--config", str(site)] if words[0] == "meter" else []
    result = CliRunner().invoke(app, [*words, *config], terminal_width=200)
    assert result.exit_code == 2
    assert says in result.stderr
    assert "Traceback" not in result.output + result.stderr
    told = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(told) == 1 or "Usage:" in told[0], "one line, or typer's own with how to use the verb"
    assert result.stdout == ""


SITES = {
    "an address that is not twelve digits": ("000000000012", "12", "has 2 of twelve digits"),
    "an address that is no number": ("000000000012", "meter twelve", "is no meter address"),
    "the broadcast address": ("000000000012", "999999999999", "no meter answers it"),
    "a profile that does not exist": ("dlt645-2007-1p", "dlt645-2010-1p", "dlt645-2010-1p"),
}


@pytest.mark.parametrize("verb", [["meter", "clock", "m2"], ["check"]], ids=["meter", "check"])
@pytest.mark.parametrize(("good", "wrong", "says"), SITES.values(), ids=SITES.keys())
def test_a_wrong_row_of_the_devices_is_told_with_its_place(
    verb: list[str], good: str, wrong: str, says: str, tmp_path: Path
) -> None:
    site = write_site(tmp_path, "/dev/ttyNONE")
    devices = tmp_path / "devices.csv"
    devices.write_text(devices.read_text().replace(good, wrong))
    result = CliRunner().invoke(app, [*verb, "--config", str(site)])
    assert result.exit_code in ((2,) if verb[0] == "meter" else (1, 2))
    assert says in result.stdout + result.stderr
    assert "devices.csv" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


WRONG_OPTIONS = {
    "an option that does not exist": (["store", "--nope"], "No such option: --nope; see taiqu store --help"),
    "a command that does not exist": (["explode"], "No such command 'explode'; see taiqu --help"),
    "an argument too few": (["scan"], "Missing argument 'port'; see taiqu scan --help"),
    "an option without its value": (["watch", "--seconds"], "Option '--seconds' requires an argument."),
}


@pytest.mark.parametrize(("command", "says"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS.keys())
def test_a_wrong_option_is_one_line_too(command: list[str], says: str) -> None:
    done = CliRunner().invoke(app, command, prog_name="taiqu")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", says + "\n")
