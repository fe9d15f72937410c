"""`taiqu record`: what the store holds comes out as a recording that can be replayed; none is overwritten."""

from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.pipeline import observed
from gateway.recording import open_recording
from gateway.settings import load
from gateway.simulate.site import lay_out
from rules.area import DisconnectOrder, PlannedOutage
from rules.observation import Observation
from tests.gateway.store.running import running
from tests.virtual import NOON, virtual

SEEN = [
    Observation("M01A", NOON + 2, {"voltage": 230.1, "active_power": None}, bus="rs485-1", took_ms=40.5),
    Observation("M01B", NOON + 1, fault="timeout", bus="rs485-1", took_ms=150),
    Observation("M01C", NOON + 3, {"voltage": 229.0}, bus="rs485-1", source="verify"),
]


@virtual
async def filled(path: Path) -> None:
    async with running(path) as store:
        store.put(map(observed, SEEN))
        await store.flush()


def record(*words: str) -> tuple[int, str]:
    """Exit status and what was said."""
    done = CliRunner().invoke(app, ["record", *words, "--hours", "1000000"])
    return done.exit_code, done.output


def test_what_the_store_holds_can_be_replayed(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    filled(load(config).store.path)
    status, says = record(str(tmp_path / "r"), "--config", str(config))
    assert (status, says) == (0, f"{tmp_path}/r: 3 observations of 36 devices\n")
    recording = open_recording(tmp_path / "r")
    assert list(recording.observations()) == sorted(SEEN, key=lambda seen: seen.at)
    assert recording.area == load(config).area
    again = record(str(tmp_path / "r"), "--config", str(config))
    assert again == (2, f"{tmp_path}/r: holds a recording already; name another folder, or remove it\n")


@virtual
async def announced(path: Path) -> None:
    plan = {"id": "W-1", "node": "F1", "start": NOON, "end": NOON + 60, "reason": "new pole", "kind": "planned"}
    orders = [{"device": "M01A", "at": NOON + at, "kind": "arrears"} for at in (0, 9)]
    async with running(path) as store:
        store.put([observed(SEEN[0])], {"plan/W-1": plan, "order/M01A": orders, "outage": 1})
        await store.flush()


def test_what_operators_announced_is_in_the_recording(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    announced(load(config).store.path)
    assert record(str(tmp_path / "r"), "--config", str(config))[0] == 0
    recording = open_recording(tmp_path / "r")
    assert recording.planned == (PlannedOutage("W-1", "F1", NOON, NOON + 60, "new pole"),)
    assert recording.orders == (DisconnectOrder("M01A", NOON), DisconnectOrder("M01A", NOON + 9))


def test_a_store_that_is_not_there_is_said(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    status, says = record(str(tmp_path / "r"), "--config", str(config))
    assert status == 1
    assert "there is no store" in says
    assert not (tmp_path / "r").exists()
