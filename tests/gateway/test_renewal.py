"""A gateway begins anew on changed files, in its own process; faulty files change nothing."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.renewal import Renewal
from gateway.settings import load
from gateway.simulate.site import lay_out
from tests.area import service
from tests.servers import Heard, Listener, Server, nats_server, started
from tests.virtual import VirtualClock, virtual


def births(heard: list[Heard]) -> list[dict[str, Any]]:
    """What the gateway said of itself whenever it came."""
    return [one.data for one in heard if one.topic.endswith("/state") and one.data["state"] == "online"]


def answers(heard: list[Heard], verb: str = "reload") -> list[dict[str, Any]]:
    return [one.data for one in heard if one.topic.endswith(f"/rsp/{verb}")]


class Desk:
    """A gateway without devices that answer, its broker, and an operator."""

    def __init__(self, folder: Path) -> None:
        self.broker = nats_server(folder)
        self.config = lay_out(folder / "site", mqtt_port=self.broker.port)
        self.gateway: Server = service(self.config)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.manager.bind(str(folder / "notify"))

    def told(self) -> list[str]:
        """First lines of what systemd was told so far."""
        words = []
        try:
            while word := self.manager.recv(4096):
                words.append(word.decode().splitlines()[0])
        except BlockingIOError:
            return words
        return words

    def edit(self, old: str, new: str) -> None:
        text = self.config.read_text(encoding="utf-8")
        assert old in text
        self.config.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    desk = Desk(tmp_path)
    with started(desk.broker):
        yield desk
        desk.gateway.kill()
        desk.manager.close()


def test_a_gateway_begins_anew_on_good_files_and_on_no_others(desk: Desk) -> None:
    operator = paho.Client(CallbackAPIVersion.VERSION2)
    operator.connect("127.0.0.1", desk.broker.port)
    operator.loop_start()
    listener = Listener(desk.broker.port)
    desk.gateway.start()
    listener.until(lambda heard: len(births(heard)) == 1, "the first birth")
    pid, topic = desk.gateway.pid, f"taiqu/v1/{load(desk.config).id}/cmd/reload"

    desk.edit("period_s = 2\n", "preiod_s = 2\n")
    operator.publish(topic, b'{"id":"r1"}', qos=1)
    refused = answers(listener.until(lambda heard: len(answers(heard)) == 1, "the refusal"))[0]
    assert not refused["ok"]
    assert "nothing was changed" in refused["error"]
    assert "gateway.toml:" in refused["error"]
    assert "preiod_s" in refused["error"]

    desk.edit("preiod_s = 2\n", "period_s = 3\n")
    operator.publish(topic, b'{"id":"r2"}', qos=1)
    heard = listener.until(lambda heard: len(births(heard)) == 2, "the second birth")
    first, second = births(heard)
    accepted = answers(heard)[1]
    assert accepted["result"] == {
        "was": first["configuration"], "configuration": second["configuration"], "changed": True,
    }  # fmt: skip
    assert first["configuration"] != second["configuration"]
    assert first["boot_id"] != second["boot_id"]

    operator.publish(topic, b'{"id":"r2"}', qos=1)  # the same request again, to the gateway's next life
    heard = listener.until(lambda heard: len(answers(heard)) == 3, "the answer from memory")
    assert answers(heard)[2] == accepted

    os.kill(pid, signal.SIGHUP)
    listener.until(lambda heard: len(births(heard)) == 3, "the third birth")
    operator.loop_stop()
    desk.gateway.stop()
    listener.close()
    words = [word for word in desk.told() if word.endswith("=1") and not word.startswith("WATCHDOG")]
    assert words == ["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert births(list(listener.heard))[2]["configuration"] == second["configuration"]


def test_a_request_is_obeyed_once_though_the_gateway_was_killed_after_it(desk: Desk) -> None:
    operator = paho.Client(CallbackAPIVersion.VERSION2)
    operator.connect("127.0.0.1", desk.broker.port)
    operator.loop_start()
    listener = Listener(desk.broker.port)
    silence = json.dumps({"id": "s1", "kind": "low_voltage", "until": "+1h", "by": "li"})
    told = []
    for life in (1, 2):
        desk.gateway.start()
        listener.until(lambda heard, life=life: len(births(heard)) >= life, "a birth")  # type: ignore[misc]
        operator.publish(f"taiqu/v1/{load(desk.config).id}/cmd/silence", silence, qos=1)
        heard = listener.until(lambda heard, life=life: len(answers(heard, "silence")) == life, "an answer")  # type: ignore[misc]
        told.append(answers(heard, "silence")[-1])
        desk.gateway.kill()
    operator.loop_stop()
    listener.close()
    assert told[0]["ok"]
    assert told[1] == told[0], "a second silence would end later"


@virtual
async def test_who_wants_the_end_gets_it_though_a_new_beginning_was_asked_for(tmp_path: Path) -> None:
    site = load(lay_out(tmp_path / "site"))
    renewal = Renewal(site.fingerprint, lambda: site, VirtualClock())
    assert (await renewal.ask())["changed"] is False
    assert (renewal.due, renewal.stop.is_set()) == (True, False)
    assert renewal.last_words[0] == "RELOADING=1"
    renewal.end()
    assert (renewal.due, renewal.stop.is_set()) == (False, True)
    assert renewal.last_words[0] == "STOPPING=1"
