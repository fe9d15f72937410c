"""`taiqu frame` explains what people paste, and says in one line when it cannot."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.hextext import hex_bytes
from gateway.cli.main import app

VOLTAGE = "68 12 90 78 56 34 12 68 91 06 33 34 34 35 38 56 7B 16"
SAYS = "meter 123456789012 answers read 02010100 (voltage, phase A) = 230.5 V"
MODBUS = "01 03 00 00 00 02 C4 0B"
RUNNER = CliRunner()


PASTED = {
    "bytes with gaps": VOLTAGE,
    "bytes without gaps": VOLTAGE.replace(" ", ""),
    "small letters": VOLTAGE.lower(),
    "0x in front of each": " ".join(f"0x{byte}" for byte in VOLTAGE.split()),
    "0x and commas": ",".join(f"0x{byte}" for byte in VOLTAGE.split()),
    "a string of C": "".join(f"\\x{byte}" for byte in VOLTAGE.split()),
    "h behind each": " ".join(f"{byte}h" for byte in VOLTAGE.split()),
    "dashes": VOLTAGE.replace(" ", "-"),
    "brackets and words around": f"reply [{VOLTAGE}] ok",
    "a log line with its time": f"2026-11-22 09:15:30.123 INFO RX<< {VOLTAGE} (18 bytes)",
    "a preamble in front": f"FE FE FE FE {VOLTAGE}",
    "noise around": f"00 68 FF {VOLTAGE} 00 68",
}


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED.keys())
def test_a_frame_is_found_in(pasted: str) -> None:
    result = RUNNER.invoke(app, ["frame", pasted])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == SAYS


def test_words_that_are_no_bytes_are_left_out() -> None:
    assert hex_bytes("port 7: 68,  odd 123 zz 0xFE 16h, x41 deadbeef") == bytes.fromhex("68 FE 16 DE AD BE EF")


def test_words_of_hex_are_arguments_too() -> None:
    assert RUNNER.invoke(app, ["frame", *VOLTAGE.split()]).output.splitlines()[0] == SAYS


def test_json_for_one_frame_is_one_object() -> None:
    row = json.loads(RUNNER.invoke(app, ["frame", "--json", VOLTAGE]).output)
    expected = {
        "protocol": "dlt645",
        "edition": "2007",
        "direction": "response",
        "address": "123456789012",
        "control": "91",
        "function": "read",
        "error": [],
        "identifier": "02010100",
        "name": "voltage_a",
        "unit": "V",
        "values": ["230.5"],
    }
    assert {key: row[key] for key in expected} == expected


def test_json_has_null_for_no_value_and_the_meanings_of_an_error() -> None:
    none = json.loads(RUNNER.invoke(app, ["frame", "--json", "681290785634126891063334343532325116"]).output)
    assert none["values"] == [None]
    refused = json.loads(RUNNER.invoke(app, ["frame", "--json", "6812907856341268d101399116"]).output)
    assert refused["error"] == ["no such data", "wrong password or not authorised"]


def test_frames_of_both_protocols_in_one_log(tmp_path: Path) -> None:
    log = tmp_path / "line.log"
    log.write_text(f"12:00:01 TX {MODBUS}\n12:00:02 RX {VOLTAGE}\nnothing here\n12:00:03 RX {VOLTAGE}\n")
    rows = json.loads(RUNNER.invoke(app, ["frame", "--json", "--file", str(log)]).output)
    assert [row["protocol"] for row in rows] == ["modbus", "dlt645", "dlt645"]


def test_standard_input_is_read_when_nothing_else_is_given() -> None:
    assert SAYS in RUNNER.invoke(app, ["frame"], input=f"RX {VOLTAGE}\n").output


WRONG = {
    "no hex at all": (["hello"], "there is no byte in hex"),
    "nothing": ([""], "there is no byte in hex"),
    "bytes that are no frame": (["01", "02", "AB"], "bytes 0 to 2: no frame"),
    "a wrong checksum": (["00", VOLTAGE.replace("7B", "7C")], "byte 1: a DL/T 645 frame with the address 123456789012"),
    "a cut frame": ([VOLTAGE[:-6]], "2 bytes are missing"),
    "a file that is not there": (["--file", "/nowhere/line.log"], "/nowhere/line.log: No such file"),
}


@pytest.mark.parametrize(("arguments", "says"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_explained_is_one_line_and_status_2(arguments: list[str], says: str) -> None:
    result = RUNNER.invoke(app, ["frame", *arguments])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.splitlines()) == 1
