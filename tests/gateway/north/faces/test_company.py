"""The faces at real brokers: what they say arrives, wills are heard, and the gateway's own topics do not suffer."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import paho.mqtt.publish
import pytest
from esio_spb_builder.core import sparkplug_b_pb2

from gateway.north.faces.company import Company
from gateway.pipeline import observed, told
from gateway.settings.models import Faces, Mqtt
from tests.gateway.north.site import desk, incident, observation, site
from tests.proxy import wire_to
from tests.servers import Heard, Listener, Server, mosquitto_server, nats_server, started

pytestmark = pytest.mark.broker

GROUP = "spBv1.0/grid"


@pytest.fixture(params=[nats_server, mosquitto_server], ids=["nats-server", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with started(request.param(tmp_path)) as server:
        yield server


def company(home_assistant: str = "", sparkplug: str = "", iec61850: str = "") -> Company:
    named = replace(site(), mqtt=Mqtt(), faces=Faces(home_assistant, sparkplug, iec61850))
    return Company.of(named, lambda: 1_800_000_000.0)


def to(port: int) -> Mqtt:
    return Mqtt(port=port, together_s=0.05, keepalive_s=5)


def decoded(message: Heard) -> Any:
    return sparkplug_b_pb2.Payload.FromString(message.payload)


def session_of(message: Heard) -> int:
    number: int = decoded(message).metrics[0].long_value
    return number


async def test_what_the_gateway_says_is_said_through_every_face(broker: Server, tmp_path: Path) -> None:
    everything = company("homeassistant", "grid", "terminal")
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker.port), faces=everything) as gateway:
            await asyncio.to_thread(listener.topic, "DBIRTH/gw1/M1")
            gateway.store.put([observed(observation(number)) for number in range(20)])
            gateway.store.put([told(incident("i1"))])
            await gateway.until(lambda: gateway.waiting() == 0)
            config = (await asyncio.to_thread(listener.topic, "homeassistant/device/taiqu-gw1-M1/config"))[0]
            alarm = (await asyncio.to_thread(listener.topic, "terminal/notify/event/gw1/B1"))[0]
            await asyncio.to_thread(listener.until, lambda _: len(values(listener)) == 20)
        assert config.data["components"]["voltage"]["unit_of_measurement"] == "V"
        assert alarm.data["body"][0]["name"] == "PwrOffAlm"
        assert sorted(values(listener)) == [float(number) for number in range(20)]
        end = await asyncio.to_thread(listener.topic, "NDEATH/gw1")
        births = await asyncio.to_thread(listener.topic, "NBIRTH/gw1")
        assert session_of(end[-1]) == session_of(births[-1])
    with closing(Listener(broker.port)) as late:
        latest = (await asyncio.to_thread(late.topic, "gw1/latest/M1"))[0]
        assert latest.data["voltage"] == 19.0


def values(listener: Listener) -> list[float]:
    """Voltages that came through Sparkplug."""
    data = [message for message in list(listener.heard) if message.topic.startswith(f"{GROUP}/DDATA/")]
    return [metric.double_value for message in data for metric in decoded(message).metrics]


async def test_a_host_learns_that_the_link_is_gone_and_then_hears_a_new_session(broker: Server, tmp_path: Path) -> None:
    with closing(Listener(broker.port)) as listener, wire_to(broker.port) as wire:
        async with desk(tmp_path / "a.db", to(wire.port), faces=company(sparkplug="grid")) as gateway:
            await asyncio.to_thread(listener.topic, "NBIRTH/gw1")
            wire.cut()
            death = (await asyncio.to_thread(listener.topic, "NDEATH/gw1"))[0]
            births = await asyncio.to_thread(listener.topic, "NBIRTH/gw1", 2)
            gateway.store.put([observed(observation(1))])
            await asyncio.to_thread(listener.until, lambda _: values(listener) == [1.0])
    assert session_of(death) == session_of(births[0])
    assert session_of(births[1]) == session_of(births[0]) + 1


async def test_no_value_is_lost_to_a_link_that_breaks(broker: Server, tmp_path: Path) -> None:
    with closing(Listener(broker.port)) as listener, wire_to(broker.port) as wire:
        async with desk(tmp_path / "a.db", to(wire.port), faces=company(sparkplug="grid")) as gateway:
            for number in range(200):
                gateway.store.put([observed(observation(number))])
                if number in (70, 140):
                    wire.cut()
                await asyncio.sleep(0.005)  # as they come
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: len(set(values(listener))) == 200)
    assert sorted(set(values(listener))) == [float(number) for number in range(200)]


async def test_a_broker_that_freezes_is_left_and_nothing_is_lost(tmp_path: Path) -> None:
    with started(mosquitto_server(tmp_path)) as broker, closing(Listener(broker.port)) as listener:
        settings = replace(to(broker.port), keepalive_s=2)
        async with desk(tmp_path / "a.db", settings, faces=company(sparkplug="grid")) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)
            broker.freeze()
            gateway.store.put([observed(observation(2))])
            await gateway.until(lambda: not gateway.sender.report.connected)
            broker.thaw()
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: set(values(listener)) == {1.0, 2.0})


async def test_what_waited_for_the_link_is_historical(broker: Server, tmp_path: Path) -> None:
    async with desk(tmp_path / "a.db", to(1)) as gateway:  # where no broker is
        gateway.store.put([observed(observation(number)) for number in range(30)])
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker.port), faces=company(sparkplug="grid")) as gateway:
            await gateway.until(lambda: gateway.waiting() == 0)
            await asyncio.to_thread(listener.until, lambda _: len(values(listener)) == 30)
        data = [decoded(message) for message in listener.heard if "/DDATA/" in message.topic]
    assert all(metric.is_historical for payload in data for metric in payload.metrics)


async def test_a_host_that_asks_for_births_gets_them(broker: Server, tmp_path: Path) -> None:
    wish = sparkplug_b_pb2.Payload()
    wish.metrics.add(name="Node Control/Rebirth", boolean_value=True, datatype=11)
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker.port), faces=company(sparkplug="grid")):
            await asyncio.to_thread(listener.topic, "DBIRTH/gw1/M1")
            await asyncio.to_thread(
                paho.mqtt.publish.single, f"{GROUP}/NCMD/gw1", wish.SerializeToString(), port=broker.port
            )
            births = await asyncio.to_thread(listener.topic, "NBIRTH/gw1", 2)
            await asyncio.to_thread(listener.topic, "DBIRTH/gw1/M1", 2)
    assert session_of(births[0]) == session_of(births[1])


async def test_a_device_that_is_no_more_vanishes_from_home_assistant(broker: Server, tmp_path: Path) -> None:
    gone = "homeassistant/device/taiqu-gw1-M7/config"
    await asyncio.to_thread(
        paho.mqtt.publish.single, gone, '{"device":{"via_device":"taiqu-gw1"}}', qos=1, retain=True, port=broker.port
    )
    with closing(Listener(broker.port)) as listener:
        async with desk(tmp_path / "a.db", to(broker.port), faces=company("homeassistant")):
            said = await asyncio.to_thread(listener.topic, gone, 2)
    assert [bool(message.payload) for message in said] == [True, False]


async def test_a_broker_that_grants_one_connection_gets_what_the_gateway_itself_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = mosquitto_server(tmp_path, "allow_anonymous true\nmax_connections 1\n")
    with started(server) as broker:
        async with desk(tmp_path / "a.db", to(broker.port), faces=company(sparkplug="grid")) as gateway:
            gateway.store.put([observed(observation(1))])
            await gateway.until(lambda: gateway.sender.report.sent == 1)
            assert gateway.sender.report.connected
    assert caplog.text.count("the second connection, for the faces") == 1
