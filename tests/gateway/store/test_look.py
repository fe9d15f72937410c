"""`taiqu store`: a look from outside tells what waits, for whom, since when, and gives the series back."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.pipeline import observed
from gateway.settings import load
from gateway.store import StoreError, Stream
from gateway.store.look import look, series
from tests.gateway.north.site import observation
from tests.gateway.south.site import write_site
from tests.gateway.store.running import event, live, running
from tests.virtual import NOON, virtual


@virtual
async def filled(path: Path) -> None:
    async with running(path, sinks=("mqtt", "influx")) as store:
        store.put([observed(observation(number, at=NOON)) for number in range(10)])
        store.put([event(1)], {"outage": 1, "voltage": 2})
        await store.flush()
        store.outbox("mqtt").done(Stream.LIVE, [1, 2, 3])
        poison = (await store.outbox("influx").peek(Stream.LIVE, 1))[0]
        store.outbox("influx").set_aside(Stream.LIVE, poison, "unable to parse")


def test_what_waits_and_for_whom(tmp_path: Path) -> None:
    path = tmp_path / "taiqu.db"
    filled(path)
    found = look(path)
    assert found.streams["live"].rows == 10
    assert found.state_items == 2
    waiting = {(one.sink, one.stream): (one.rows, one.since) for one in found.waiting if one.rows}
    assert waiting == {
        ("influx", "event"): (1, NOON + 1),
        ("influx", "live"): (9, NOON + 1),
        ("mqtt", "event"): (1, NOON + 1),
        ("mqtt", "live"): (7, NOON + 3),
    }
    assert [(one.sink, one.row, one.why) for one in found.set_aside] == [("influx", 1, "unable to parse")]


@virtual
async def test_a_store_in_use_can_be_looked_at(tmp_path: Path) -> None:
    async with running(tmp_path / "taiqu.db") as store:
        store.put([live(1), live(2)])
        await store.flush()
        assert look(tmp_path / "taiqu.db").streams["live"].rows == 2


def test_the_series_of_a_device_comes_back_as_recordings_have_it(tmp_path: Path) -> None:
    path = tmp_path / "taiqu.db"
    filled(path)
    rows = list(series(path, "M1", NOON, NOON + 6))
    assert [row["values"]["voltage"] for row in rows] == [1.0, 3.0, 5.0]
    assert (rows[0]["bus"], rows[0]["at"]) == ("rs485-1", NOON + 1)
    assert list(series(path, "M", NOON, NOON + 6)) == []


def test_what_is_no_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        look(tmp_path / "none.db")
    (tmp_path / "other.db").write_bytes(b"something else" * 1000)
    with pytest.raises(StoreError, match="is broken"):
        look(tmp_path / "other.db")


def test_the_verb(tmp_path: Path) -> None:
    path = tmp_path / "taiqu.db"
    filled(path)
    shown = CliRunner().invoke(app, ["store", "--file", str(path)])
    assert shown.exit_code == 0
    assert "set aside for influx: live 1: unable to parse" in shown.output
    told = json.loads(CliRunner().invoke(app, ["store", "--file", str(path), "--json"]).output)
    assert told["streams"]["live"]["rows"] == 10
    assert {one["why"].partition(" (")[0] for one in told["waiting"] if one["rows"]} == {"the service does not run"}
    none = CliRunner().invoke(app, ["store", "--file", str(tmp_path / "none.db")])
    assert (none.exit_code, "there is no store" in none.output) == (2, True)


@virtual
async def odd(path: Path) -> None:
    async with running(path, sinks=("[/b]",)) as store:
        store.put([event(1)])
        await store.flush()
        row = (await store.outbox("[/b]").peek(Stream.EVENT, 1))[0]
        store.outbox("[/b]").set_aside(Stream.EVENT, row, "refused: [/i]")


def test_names_in_brackets_are_printed_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "[/b].db"
    odd(path)
    shown = CliRunner().invoke(app, ["store", "--file", str(path)])
    assert shown.exit_code == 0
    assert "[/b].db  " in shown.output
    assert "set aside for [/b]: event 1: refused: [/i]" in shown.output


def test_a_device_of_which_there_is_nothing_is_said(tmp_path: Path) -> None:
    config = write_site(tmp_path, "/dev/null")
    filled(load(config).store.path)
    asked = {"m1": 1, "m9": 2}
    for device, status in asked.items():
        none = CliRunner().invoke(app, ["store", "--device", device, "--config", str(config)])
        assert (none.exit_code, none.stdout) == (status, "")
    assert none.stderr == "there is no device 'm9'; there is m1, m2\n"
