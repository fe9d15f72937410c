"""The gateway as its own process, against a simulated area on real wires and a real broker."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pytest

from gateway.settings import load
from gateway.simulate.fault import Fault
from gateway.simulate.site import lay_out
from rules.area import DeviceKind
from tests.area import Area, service
from tests.servers import Heard, Listener, Server, influx_server, nats_server, started

FUSE = Fault("fuse_blown", "F1", phases="B")


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that a test of the whole gateway needs."""

    config: Path
    area: Area
    gateway: Server
    listener: Listener


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The demo's site with its devices alive, a broker, an operator who listens, and the gateway not yet started."""
    broker = nats_server(tmp_path)
    config = lay_out(tmp_path / "site", mqtt_port=broker.port)
    with started(broker), Area(load(config)) as area:
        listener = Listener(broker.port)
        gateway = service(config)
        yield Desk(config, area, gateway, listener)
        gateway.kill()
        listener.close()


def incidents(heard: list[Heard], kind: str) -> list[dict[str, Any]]:
    """Every change of incidents of a type, in the order of arrival, once."""
    rows = {row["id"]: row for message in heard if "/event/" in message.topic for row in [message.data]}
    return [row["data"] for row in rows.values() if row["data"]["type"] == kind]


def numbers(heard: list[Heard]) -> dict[str, set[int]]:
    """Row numbers of all observations that arrived, live or late, by store."""
    found: dict[str, set[int]] = {}
    for message in heard:
        if "/data/" in message.topic or "/hist/" in message.topic:
            found.setdefault(message.data["store"], set()).update(message.data["seq"])
    return found


def gaps(heard: list[Heard]) -> set[int]:
    """Row numbers that have not arrived though later ones have."""
    (arrived,) = numbers(heard).values()
    return set(range(1, max(arrived) + 1)) - arrived


def observations(heard: list[Heard]) -> list[dict[str, Any]]:
    """All observations that arrived, live or late."""
    return [
        row
        for message in heard
        if "/data/" in message.topic or "/hist/" in message.topic
        for row in message.data["observations"]
    ]


def devices(heard: list[Heard]) -> set[str]:
    """Devices that gave values."""
    return {row["device"] for row in observations(heard) if row.get("values")}


def states(heard: list[Heard], state: str) -> int:
    """How often a feeder's phase loss came to this state."""
    return sum(row["state"] == state for row in incidents(heard, "feeder_phase_loss"))


def test_a_gateway_killed_in_the_middle_of_a_fault_loses_and_doubles_nothing(desk: Desk) -> None:
    known = {device.id for device in load(desk.config).devices}
    desk.gateway.start()
    desk.listener.until(lambda heard: devices(heard) == known, "a value of every device")
    desk.area.break_things(FUSE)
    desk.listener.until(lambda heard: states(heard, "confirmed") > 0, "the confirmed phase loss")
    desk.gateway.kill()
    before = len(desk.listener.heard)
    desk.gateway.start()
    desk.listener.until(lambda heard: len(devices(heard[before:])) > len(known) // 2, "values after the restart")
    desk.area.break_things()
    desk.listener.until(lambda heard: states(heard, "cleared") > 0, "the end of the phase loss")
    desk.gateway.stop()
    heard = list(desk.listener.heard)

    assert not gaps(heard), "an observation is missing"
    lost = incidents(heard, "feeder_phase_loss")
    assert len({row["id"] for row in lost}) == 1, "the restart made a second incident of it"
    assert [row["state"] for row in lost if row["reason"] in ("confirmed", "cleared")] == ["confirmed", "cleared"]
    assert {(row["node"], row["phases"]) for row in lost if row["state"] == "confirmed"} == {("F1", "B")}
    alarms = {message.topic: message.payload for message in heard if "/alarm/" in message.topic}
    assert set(alarms.values()) == {b""}, "an alarm still stands"
    assert all(json.loads(message.payload) for message in heard if message.payload)


def test_a_clean_stop_leaves_everything_on_disk_and_tells_broker_and_systemd(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        desk.gateway.start()
        desk.listener.until(lambda heard: len(numbers(heard)) > 0, "the first observations")
        desk.gateway.stop()
        manager.setblocking(False)
        told = list(iter(lambda: _word(manager), ""))
    assert told[0] == "READY=1"
    assert "WATCHDOG=1" in told
    assert told[-1] == "STOPPING=1"
    last = desk.listener.topic("/state", 2)[-1]
    assert last.data["state"] == "offline"
    (arrived,) = numbers(desk.listener.heard).values()
    with sqlite3.connect(load(desk.config).store.path) as file:
        (stored,) = file.execute("SELECT max(id) FROM live").fetchone()
    assert max(arrived) <= stored


def test_what_was_seen_while_nobody_could_be_told_is_told_later(tmp_path: Path) -> None:
    """The broker is down and the serial ports are missing when the gateway starts; both come by and by."""
    broker = nats_server(tmp_path)
    config = lay_out(tmp_path / "site", mqtt_port=broker.port)
    gateway = service(config, ready="mqtt: ")
    gateway.start()
    try:
        with Area(load(config)), started(broker):
            listener = Listener(broker.port)
            heard = listener.until(lambda heard: len(devices(heard)) > 20, "values of many devices")
            heard = listener.until(lambda heard: not gaps(heard), "what was seen before")
            listener.close()
            said = "\n".join(gateway.log)
    finally:
        gateway.stop()
    assert any(row.get("fault") == "unreachable" for row in observations(heard)), "the missing ports were not told"
    assert said.count("there is no such port") == 2, "a missing port is said once for each line"
    assert said.count("waits in the store") == 1, "a missing broker is said once"


@pytest.mark.influx
def test_the_database_and_the_broker_are_told_the_same(desk: Desk, tmp_path: Path) -> None:
    database = influx_server(tmp_path)
    with started(database):
        database.query('CREATE DATABASE "area"')
        with desk.config.open("a", encoding="utf-8") as file:
            file.write(f'\n[influx]\nurl = "{database.url}"\napi = "v1"\ndatabase = "area"\n')
        desk.gateway.start()
        desk.listener.until(lambda heard: len(numbers(heard)) > 0 and len(observations(heard)) > 200, "many values")
        desk.gateway.stop()
        rows = [row for kind in get_args(DeviceKind) for row in database.query(f"SELECT * FROM {kind}", "area")]
    stored = {(row["device"], round(row["time"] / 1e9, 3)): row for row in rows}
    newest = max(at for _, at in stored)
    told = {
        (row["device"], row["at"]): row.get("values", {})
        for row in observations(desk.listener.heard)
        if row["at"] < newest - 1  # the last batch may wait in the store for the next start
    }
    assert len({device for device, _ in told}) > 20
    assert told == {
        key: {name: stored[key][name] for name in values} if key in stored else None for key, values in told.items()
    }


def _word(manager: socket.socket) -> str:
    """The first line of the next datagram; '' when there is none."""
    try:
        return manager.recv(4096).decode().splitlines()[0]
    except BlockingIOError:
        return ""


FAULTY = {
    "gateway.toml": ("period_s = 2\n", "preiod_s = 2\n"),
    "devices.csv": ("M01A,dlt645-2007-1p", "M01A,dlt645-2008-1p"),
}


def test_a_faulty_configuration_starts_nothing_and_names_every_fault(tmp_path: Path) -> None:
    config = lay_out(tmp_path / "site")
    for name, (old, new) in FAULTY.items():
        text = (config.parent / name).read_text(encoding="utf-8")
        assert old in text
        (config.parent / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "gateway.toml:" in done.stderr
    assert "preiod_s" in done.stderr
    assert "dlt645-2008-1p" in done.stderr
    assert not list(config.parent.rglob("*.db"))
