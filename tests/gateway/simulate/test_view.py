"""How the demo looks, at every stage and on every terminal."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import RenderableType

from gateway.console import console
from gateway.settings import load
from gateway.simulate import scenario, view
from gateway.simulate.board import Board
from gateway.simulate.site import lay_out

INCIDENT = {
    "id": "i-1",
    "type": "feeder_phase_loss",
    "state": "confirmed",
    "severity": "major",
    "node": "F1",
    "phases": "B",
    "customers": ["a", "b"],
    "evidence": ["5 of 5 meters show no supply"],
}


@pytest.fixture
def board(tmp_path: Path) -> Board:
    site = load(lay_out(tmp_path))
    return Board(site, scenario.load(tmp_path / "scenario.toml", site.area), second=-1.0)


def text(board: Board, room: view.Room) -> str:
    return printed(view.screen(board, "35 devices", room), room.width)


def printed(what: RenderableType, width: int = 120) -> str:
    text = StringIO()
    console(file=text, log_width=width).print(what)
    return text.getvalue()


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("│").split("│")]


def observe(board: Board, device: str, values: dict[str, float] | None = None, fault: str | None = None) -> None:
    row = {"device": device, "at": 1.0, **({"values": values} if values else {}), **({"fault": fault} if fault else {})}
    board.hear("data/rs485-1", {"observations": [row]})


@pytest.mark.parametrize("width", [80, 104, 132, 200])
def test_every_line_fits_its_terminal(board: Board, width: int) -> None:
    observe(board, "M01A", {"voltage": 231.2})
    board.second = 20
    board.hear("event/major", {"data": INCIDENT})
    assert max(map(len, text(board, view.Room(width, 30)).splitlines())) <= width


def test_what_is_read_stands_at_its_node(board: Board) -> None:
    observe(board, "M01A", {"voltage": 231.2})
    observe(board, "M01B", fault="timeout")
    row = next(row for row in text(board, view.Room()).splitlines() if " B1 " in row)
    assert "231 ─── ···" in row


def test_a_value_stays_until_the_next_one(board: Board) -> None:
    observe(board, "LTU-F1", {"voltage_a": 224, "voltage_b": 225, "voltage_c": 226})
    observe(board, "LTU-F1", {"active_power": 12.34})
    assert "224/225/226 12.3 kW" in text(board, view.Room())


def test_what_the_gateway_says_stands_beside_what_happened(board: Board) -> None:
    board.second = 7.5
    board.hear("event/major", {"data": INCIDENT})
    shown = text(board, view.Room())
    assert "confirmed feeder phase loss at F1 B, 2 customers" in shown
    assert "5 of 5 meters show no supply" in shown
    assert "fuse of phase B blows at feeder east       found  4.5 s" in shown


def test_the_table_names_fault_place_time_and_verdict(board: Board) -> None:
    board.second = 7.5
    board.hear("event/major", {"data": INCIDENT})
    board.second = 500
    table = [cells(row) for row in printed(view.verdict(board.result)).splitlines()]
    assert ["fuse blown", "F1 B", "feeder_phase_loss", "F1 B", "4.5", "found"] in table
    assert ["transformer off", "T1", "-", "-", "-", "missed"] in table
    assert view.summary(board.result).startswith(
        "1 of 7 faults found at their place, the slowest after 4.5 s; 0 invented"
    )


def test_an_invented_incident_has_a_row_of_its_own(board: Board) -> None:
    board.second = 7.5
    board.hear("event/major", {"data": {**INCIDENT, "node": "F2"}})
    assert any("invented" in row and "F2 B" in row for row in printed(view.verdict(board.result)).splitlines())
    assert view.as_json(board.result)["good"] is False


def test_everything_is_read_when_every_device_has_answered_three_times(board: Board) -> None:
    devices = [device.id for device in board.site.devices]
    for device in [*devices * 2, *devices[:-1]]:
        observe(board, device, {"voltage": 230.0})
    observe(board, devices[-1], fault="timeout")
    assert not board.all_read
    observe(board, devices[-1], {"voltage": 230.0})
    assert board.all_read
