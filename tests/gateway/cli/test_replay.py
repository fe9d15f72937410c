"""`taiqu replay --explain`: the life of one incident, and the readings behind it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from tests.gateway.recordings import recorded
from tests.rules.areas import START


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recorded(tmp_path / "rec")


def replay(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["replay", str(folder), *words])


def test_an_incident_is_told_from_its_first_suspicion_to_its_end_with_the_readings(folder: Path) -> None:
    (found,) = json.loads(replay(folder, "--json").output)["found"]
    lines = replay(folder, "--explain", found["id"]).output.splitlines()
    assert lines[0] == f"{found['id']}: box_outage at B3, major, 6 meters, 6 customers"
    assert ", after 15 min 0 s; all times UTC" in lines[1]
    words = [line[23:].split()[0].rstrip(",:") for line in lines if line[:2].isdigit() and line[2] == ":"]
    assert (words[0], words[-1]) == ("first", "cleared")
    (row,) = [line.split() for line in lines if line.startswith("B3-1 ")]
    assert row[1:4] == ["5", "of", "5"], "it answered before"
    assert "0 of 15" in " ".join(row), "and not while it lasted"


def test_every_call_is_told_with_its_verdict_and_why(folder: Path) -> None:
    call = {"id": "R1", "at": START + 1200, "device": "B3-1", "complaint": "no light"}
    (folder / "reports.jsonl").write_text(json.dumps(call) + "\n")
    (found,) = json.loads(replay(folder, "--json").output)["found"]
    (line,) = [line for line in replay(folder).output.splitlines() if line.startswith("R1 ")]
    assert " ".join(line.split()[2:]) == f"network_fault B3 {found['id']} 6 of 6 meters at B3 show no supply"


def test_a_name_in_brackets_is_printed_as_it_stands(folder: Path) -> None:
    """A terminal's markup has no business in what others wrote."""
    call = {"id": "[/b]", "at": START + 1200, "device": "B3-1", "complaint": "no light"}
    (folder / "reports.jsonl").write_text(json.dumps(call) + "\n")
    result = replay(folder)
    assert result.exit_code == 0
    assert any(line.startswith("[/b] ") for line in result.output.splitlines())


def test_programs_get_the_same(folder: Path) -> None:
    (found,) = json.loads(replay(folder, "--json").output)["found"]
    told = json.loads(replay(folder, "--explain", found["id"], "--json").output)
    assert [told["said"][0]["reason"], told["said"][-1]["reason"]] == ["first", "cleared"]
    before = next(row["before"] for row in told["readings"] if row["device"] == "B3-1")
    assert before["answered"] == before["polls"] == 5
    assert 200 < before["low"] <= before["high"] < 240


def test_an_incident_that_is_not_there_is_a_wrong_question_and_those_that_are_are_named(folder: Path) -> None:
    result = replay(folder, "--explain", "x1")
    assert result.exit_code == 2
    assert f"confirmed ones are: village-{int(START) + 600}"[:-2] in result.output
