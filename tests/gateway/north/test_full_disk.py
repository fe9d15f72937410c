"""The whole service on a disk that is full when it starts: it polls, says so, loses nothing, and goes on."""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import load
from gateway.simulate.site import lay_out
from tests.area import Area, service
from tests.gateway.north.ordeal import disk_of, fill
from tests.servers import Heard, Listener, nats_server, started

pytestmark = pytest.mark.broker


def refusals(heard: list[Heard]) -> list[dict[str, Any]]:
    events = [message.data["data"] for message in heard if "/event/" in message.topic]
    return [event for event in events if event["type"] == "store_refuses"]


def seen(heard: list[Heard]) -> set[int]:
    return {number for message in heard if "/data/" in message.topic for number in message.data["seq"]}


def test_a_service_that_starts_on_a_full_disk_works_from_memory_until_there_is_room(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(disk_of(tmp_path / "disk", 20))
        except PermissionError as error:
            pytest.skip(str(error))
        broker = stack.enter_context(started(nats_server(tmp_path)))
        config = lay_out(tmp_path / "site", mqtt_port=broker.port)
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace('path = "taiqu.db"', f'path = "{disk / "a.db"}"'), encoding="utf-8")
        stack.enter_context(Area(load(config)))
        listener = stack.enter_context(closing(Listener(broker.port)))
        fill(disk)
        gateway = service(config)
        stack.callback(gateway.kill)
        gateway.start()
        listener.until(lambda heard: bool(refusals(heard)) and len(seen(heard)) > 10)
        assert "full" in refusals(listener.heard)[0]["cause"]
        (disk / "ballast").unlink()
        listener.until(lambda heard: refusals(heard)[-1]["state"] == "cleared")
        gateway.stop()
        with closing(sqlite3.connect(disk / "a.db")) as db:
            kept = {row[0] for row in db.execute("SELECT id FROM live")}
        assert seen(listener.heard) <= kept
        assert kept == set(range(1, max(kept) + 1))
