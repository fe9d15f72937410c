"""A replayed recording can be drawn: every phase and node, every incident with its label."""

import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.plot import SHARPNESS, WIDTH, Voltages, draw
from gateway.recording import Recorder, open_recording
from gateway.replay import replay
from rules.area import Area
from tests.gateway.recordings import recorded
from tests.rules.areas import village

SVG = "{http://www.w3.org/2000/svg}"
LIMITS = (198.0, 235.4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recorded(tmp_path / "rec")


def drawn(text: str) -> tuple[list[str], list[str]]:
    """What a picture says of incidents, and the nodes that it has lines for."""
    root = ElementTree.fromstring(text)
    labels = [t.text or "" for g in root.iter(f"{SVG}g") for t in g.findall(f"{SVG}text")]
    lines = [p.findtext(f"{SVG}title") or "" for p in root.iter(f"{SVG}path") if p.get("class") == "node"]
    return labels, lines


def test_the_picture_has_every_incident_and_node(folder: Path) -> None:
    recording = open_recording(folder)
    voltages = Voltages(recording)
    came = replay(recording, {}, look=voltages.take)
    labels, lines = drawn(draw(voltages, came.found, LIMITS))
    assert labels == ["box_outage B3, 6 meters"]
    boxes = {"B1", "B2", "B3", "B4", "B5"}
    assert set(lines) == {*boxes, "T1", "F1", "F2"}
    assert len(lines) == 3 * len(set(lines))


def test_names_are_text_and_never_markup(folder: Path) -> None:
    recording = open_recording(folder)
    voltages = Voltages(recording)
    came = replay(recording, {}, look=voltages.take)
    nasty = [replace(incident, node='<&"', evidence=("a < b",)) for incident in came.found]
    assert drawn(draw(voltages, nasty, LIMITS))[0] == ['box_outage <&", 6 meters']


def test_nothing_read_is_an_empty_picture(tmp_path: Path) -> None:
    area: Area = village()
    with Recorder(tmp_path / "rec", area):
        pass
    assert drawn(draw(Voltages(open_recording(tmp_path / "rec")), [], LIMITS)) == ([], [])


def test_the_verb_draws(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    result = CliRunner().invoke(app, ["replay", str(folder), "--plot", str(picture)])
    assert result.exit_code == 0, result.output
    assert "box_outage B3" in drawn(picture.read_text(encoding="utf-8"))[0][0]


def test_the_same_picture_is_drawn_as_png(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    result = CliRunner().invoke(app, ["replay", str(folder), "--plot", str(picture)])
    if "no font is found" in result.output:
        pytest.skip("this machine has no font")
    assert result.exit_code == 0, result.output
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(head[16:20], "big") == WIDTH * SHARPNESS
    assert len(set(picture.read_bytes())) > 200, "it is not empty"


def test_without_the_program_for_png_it_says_what_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    result = CliRunner().invoke(app, ["replay", str(folder), "--plot", str(tmp_path / "picture.png")])
    assert result.exit_code == 2
    assert "pip install resvg-py; picture.svg needs none" in result.output


def test_another_kind_of_picture_is_a_wrong_question(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(folder), "--plot", str(tmp_path / "picture.gif")])
    assert result.exit_code == 2
    assert "picture.svg" in result.output


def test_a_picture_in_a_folder_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(folder), "--plot", str(tmp_path / "no" / "picture.svg")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
