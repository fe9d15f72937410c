"""Operators' requests over real brokers: answered where they want it, and a crowd of them disturbs nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.clock import SystemClock
from gateway.north import session
from gateway.north.client import LARGEST
from gateway.north.commands import BURST, Commands
from gateway.north.messages import Message
from gateway.north.requests import Requests
from gateway.pipeline import observed
from gateway.settings.models import Mqtt
from gateway.verbs import Request
from tests.gateway.north.site import Desk, desk, observation
from tests.servers import Heard, Listener, Server

pytestmark = pytest.mark.broker
ROOT = "taiqu/v1/gw1/"


async def figures(_request: Request) -> object:
    return {"observations": 7}


def commands() -> Commands:
    return Commands({"figures": figures}, SystemClock())


class Operator:
    """Somebody with an MQTT 5 client, and everything that comes to `answers/li`."""

    def __init__(self, port: int) -> None:
        self.heard: list[paho.MQTTMessage] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_message = lambda _client, _data, message: self.heard.append(message)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("answers/li", qos=1)
        self._client.loop_start()

    def ask(self, payload: bytes, answer_to: str = "", correlation: bytes = b"") -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer_to:
            properties.ResponseTopic = answer_to
        if correlation:
            properties.CorrelationData = correlation
        properties.MessageExpiryInterval = 60
        self._client.publish(f"{ROOT}cmd/figures", payload, qos=1, properties=properties)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@asynccontextmanager
async def open_desk(port: int, folder: Path, version: str = "5") -> AsyncIterator[tuple[Desk, Commands, Listener]]:
    office = commands()
    settings = Mqtt(port=port, version="5" if version == "5" else "3.1.1", together_s=0.05)
    with closing(Listener(port)) as listener:
        async with desk(folder / "a.db", settings, commands=office) as gateway:
            await gateway.until(lambda: gateway.sender.report.connected)
            yield gateway, office, listener


def answers(heard: list[Heard]) -> list[Any]:
    return [one.data for one in heard if one.topic == f"{ROOT}rsp/figures"]


async def test_an_answer_goes_where_mqtt_5_wants_it_with_what_was_given_along(
    mosquitto: Server, tmp_path: Path
) -> None:
    async with open_desk(mosquitto.port, tmp_path) as (gateway, _, listener):
        with closing(Operator(mosquitto.port)) as operator:
            operator.ask(b'{"id":"f1"}', "answers/li", b"\x00\x01li")
            await gateway.until(lambda: len(operator.heard) == 1)
            operator.ask(b'{"id":"f2"}')
            await asyncio.to_thread(listener.topic, "gw1/rsp/figures")
    [answer] = operator.heard
    assert json.loads(answer.payload)["result"] == {"observations": 7}
    assert answer.properties is not None
    assert vars(answer.properties)["CorrelationData"] == b"\x00\x01li"
    assert vars(answer.properties)["ContentType"] == "application/json"
    assert [one["id"] for one in answers(list(listener.heard))] == ["f2"]


ABSURD = {
    "a topic of the gateway's own": f"{ROOT}state",
    "its own requests": f"{ROOT}cmd/figures",
    "another gateway": "taiqu/v1/gw2/cmd/reload",
    "a topic with wildcards": "answers/#",
}


@dataclass(slots=True)
class Wire:
    """A session, as far as an answer needs it."""

    said: "asyncio.Queue[Message]" = field(default_factory=asyncio.Queue)

    def publish(self, message: Message) -> int:
        self.said.put_nowait(message)
        return 1


@pytest.mark.parametrize("topic", ABSURD.values(), ids=ABSURD.keys())
async def test_an_answer_never_passes_for_a_gateway_s_word(topic: str) -> None:
    """A broker may pass on whatever a client calls its response topic."""
    wire = Wire()
    asked = session.Heard(f"{ROOT}cmd/figures", b'{"id":"f1"}', answer_to=topic, correlation=b"1")
    Requests(commands(), "taiqu/v1/", ROOT).hear(wire, asked)  # type: ignore[arg-type]
    refusal = await wire.said.get()
    answer = json.loads(refusal.payload)
    assert refusal.topic == f"{ROOT}rsp/figures"
    assert not answer["ok"]
    assert answer["error"].startswith(f"response topic {topic!r}: ")


async def test_thousands_of_requests_are_not_even_looked_at_and_observations_go_on(
    mosquitto: Server, tmp_path: Path
) -> None:
    junk, number = [b"", b"{", b"\xff" * 20_000, b'{"id":7}', b"[]"], 3000
    async with open_desk(mosquitto.port, tmp_path, "3.1.1") as (gateway, office, listener):
        with closing(Operator(mosquitto.port)) as operator:
            for one in range(number):
                operator.ask(junk[one % len(junk)])
                if one % 100 == 0:
                    gateway.store.put([observed(observation(one))])
                    await asyncio.sleep(0)
            await gateway.until(lambda: gateway.waiting() == 0 and total(office) == number)
        report = office.report
        heard = list(listener.heard)
    assert report.unheard > number / 2
    assert report.refused == number - report.unheard
    assert report.refused >= BURST
    assert sum(len(one.data["seq"]) for one in heard if "/data/" in one.topic) == number / 100


def total(office: Commands) -> int:
    """Requests that came."""
    return office.report.obeyed + office.report.refused + office.report.unheard


async def test_a_message_that_would_fill_the_memory_does_not_even_come(mosquitto: Server, tmp_path: Path) -> None:
    async with open_desk(mosquitto.port, tmp_path) as (gateway, office, listener):
        with closing(Operator(mosquitto.port)) as operator:
            operator.ask(b'{"id":"' + b"x" * (LARGEST + 1) + b'"}')
            operator.ask(b'{"id":"f1"}')
            await asyncio.to_thread(listener.topic, "gw1/rsp/figures")
    assert [one["id"] for one in answers(list(listener.heard))] == ["f1"]
    assert total(office) == 1
    assert gateway.sender.report.failures == 0
