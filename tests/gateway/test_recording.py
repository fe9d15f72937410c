"""A recording is read back as it was written, and a bad one says where it is bad."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.recording import Recorder, RecordingError, open_recording
from gateway.simulate.fault import Fault
from rules.area import PlannedOutage
from rules.observation import Observation
from tests.rules.areas import START, readings, village

SEEN = [
    Observation("B1-1", START, {"voltage": 229.1, "current": None}, bus="RS1", took_ms=88.0),
    Observation("B1-2", START + 1.25, fault="timeout", bus="RS1", took_ms=1500.0),
    Observation("B1-3", START + 2, notice="last_gasp", bus="RS1"),
    Observation("B1-2", START + 3, {"voltage": 228.0}, bus="RS1", source="verify"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    plan = PlannedOutage("P1", "L2", START + 1, START + 2, "tree cutting")
    with Recorder(tmp_path / "rec", village(), planned=[plan]) as recorder:
        for seen in SEEN:
            recorder.put(seen)
    return tmp_path / "rec"


def test_what_was_written_is_read(folder: Path) -> None:
    recording = open_recording(folder)
    assert list(recording.observations()) == SEEN
    assert recording.area == village()
    assert (recording.start, recording.end) == (START, START + 3)
    assert recording.planned[0].reason == "tree cutting"


def _break_json(folder: Path) -> None:
    (folder / "area.json").write_text("{")


def _lose_nodes(folder: Path) -> None:
    table = json.loads((folder / "area.json").read_text())
    del table["nodes"]
    (folder / "area.json").write_text(json.dumps(table))


def _orphan(folder: Path) -> None:
    table = json.loads((folder / "area.json").read_text())
    table["nodes"][-1]["parent"] = "nowhere"
    (folder / "area.json").write_text(json.dumps(table))


def _cut(folder: Path) -> None:
    path = folder / "observations.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-12])


def _garble(folder: Path) -> None:
    with gzip.open(folder / "observations.jsonl.gz", "wb") as lines:
        lines.write(orjson.dumps({"at": 1.0, "device": "B1-1"}) + b"\nnonsense\n")


def _remove(folder: Path) -> None:
    (folder / "observations.jsonl.gz").unlink()


def _bad_context(folder: Path) -> None:
    (folder / "context.json").write_text(json.dumps({"planned_outages": [{"id": "P1"}]}))


def _bad_report(folder: Path) -> None:
    (folder / "reports.jsonl").write_text('{"id": "R1"}\n')


def _observe(row: dict[str, object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with gzip.open(folder / "observations.jsonl.gz", "wb") as lines:
            lines.write(orjson.dumps(row) + b"\n")

    return write


def _number_for_a_name(folder: Path) -> None:
    table = json.loads((folder / "area.json").read_text())
    table["nodes"][-1]["kind"] = 7
    (folder / "area.json").write_text(json.dumps(table))


def _late_report(folder: Path) -> None:
    (folder / "reports.jsonl").write_text('{"id": "R1", "at": "noon", "device": "B1-1"}\n')


BROKEN = {
    "area.json is no JSON": (_break_json, "area.json: is no JSON"),
    "area.json lacks its nodes": (_lose_nodes, "area.json: 'nodes' is missing"),
    "a node hangs nowhere": (_orphan, "node B5: its parent 'nowhere' does not exist"),
    "the observations are cut short": (_cut, "observations.jsonl.gz, after line"),
    "a line is no observation": (_garble, "observations.jsonl.gz, line 2: is no observation"),
    "there are no observations": (_remove, "observations.jsonl.gz: is missing"),
    "a plan is incomplete": (_bad_context, "context.json: "),
    "a node's kind is none": (_number_for_a_name, "area.json: node B5: kind cannot be 7"),
    "a moment is no number": (_observe({"at": None, "device": "B1-1"}), "line 1: is no observation (at is a number"),
    "a device is no text": (_observe({"at": 1.0, "device": 7}), "line 1: is no observation (device, fault"),
    "values are no table": (_observe({"at": 1.0, "device": "B1-1", "values": [1]}), "line 1: is no observation"),
    "a call has no time": (_late_report, "reports.jsonl, line 1: is no report (report R1: at cannot be 'noon')"),
    "a report is incomplete": (_bad_report, "reports.jsonl, line 1: is no report"),
}


def test_texts_among_values_are_no_evidence(folder: Path) -> None:
    _observe({"at": 1.0, "device": "B1-1", "values": {"voltage": 224.5, "status": "fine", "current": None}})(folder)
    (seen,) = open_recording(folder).observations()
    assert seen.values == {"voltage": 224.5, "current": None}


@pytest.mark.parametrize(("spoil", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_bad_recording_says_where(folder: Path, spoil, says: str) -> None:  # type: ignore[no-untyped-def]
    spoil(folder)
    with pytest.raises(RecordingError, match=r".") as raised:
        list(open_recording(folder).observations())
    assert says in str(raised.value)
    result = CliRunner().invoke(app, ["replay", str(folder)])
    assert result.exit_code == 2
    assert says in result.stderr


def test_replay_prints_what_was_found_and_writes_events(tmp_path: Path) -> None:
    area = village()
    with Recorder(tmp_path / "rec", area) as recorder:
        for seen in readings(area, (Fault("breaker_tripped", "B2"), 300, 900), minutes=20):
            recorder.put(seen)
    events = tmp_path / "events.jsonl"
    result = CliRunner().invoke(app, ["replay", str(tmp_path / "rec"), "--events", str(events)])
    assert result.exit_code == 0
    assert "box_outage" in result.stdout
    states = [json.loads(line)["state"] for line in events.read_text().splitlines()]
    assert states == ["suspected", "confirmed", "cleared"]
    name = json.loads(events.read_text().splitlines()[0])["id"]
    explained = CliRunner().invoke(app, ["replay", str(tmp_path / "rec"), "--explain", name])
    assert "show no supply" in explained.stdout


def test_replay_refuses_thresholds_that_do_not_exist(folder: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[voltage]\nlo = 3\n")
    result = CliRunner().invoke(app, ["replay", str(folder), "--rules", str(rules)])
    assert result.exit_code == 2
    assert "voltage.lo: is no threshold" in result.stderr
