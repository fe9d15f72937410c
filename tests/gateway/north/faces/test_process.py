"""The gateway as its own process with every face on: what dies with it is said by the broker."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from esio_spb_builder.core import sparkplug_b_pb2

from gateway.settings import load
from gateway.simulate.site import lay_out
from tests.area import Area, service
from tests.servers import Heard, Listener, Server, nats_server, started

pytestmark = pytest.mark.broker

FACES = '\n[faces]\nhome_assistant = "homeassistant"\nsparkplug = "grid"\niec61850 = "terminal"\n'


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Server, Listener]]:
    """The gateway, not yet started, with its area alive, and somebody who listens."""
    broker = nats_server(tmp_path)
    config = lay_out(tmp_path / "site", mqtt_port=broker.port)
    with config.open("a", encoding="utf-8") as file:
        file.write(FACES)
    with started(broker), Area(load(config)), closing(Listener(broker.port)) as listener:
        gateway = service(config)
        yield gateway, listener
        gateway.kill()


def session(message: Heard) -> int:
    number: int = sparkplug_b_pb2.Payload.FromString(message.payload).metrics[0].long_value
    return number


def of(listener: Listener, verb: str) -> list[Heard]:
    return [message for message in list(listener.heard) if f"/{verb}/" in message.topic]


def test_hosts_learn_of_a_gateway_that_is_killed(desk: tuple[Server, Listener]) -> None:
    gateway, listener = desk
    gateway.start()
    listener.until(lambda _: bool(of(listener, "DDATA")), "data over Sparkplug")
    listener.until(lambda heard: any("/spont/" in message.topic for message in heard), "values under other names")
    listener.until(lambda heard: any("/latest/" in message.topic for message in heard), "values for Home Assistant")
    gateway.kill()
    listener.until(lambda _: bool(of(listener, "NDEATH")), "the node's death")
    gateway.start()
    listener.until(lambda _: len(of(listener, "NBIRTH")) == 2, "the second birth")
    assert session(of(listener, "NDEATH")[0]) == session(of(listener, "NBIRTH")[0])
    numbers = [sparkplug_b_pb2.Payload.FromString(message.payload).seq for message in _in_session(listener)]
    assert numbers == list(range(len(numbers)))


def _in_session(listener: Listener) -> list[Heard]:
    """What the second run has said through Sparkplug so far, at most 200 messages."""
    said = [message for message in list(listener.heard) if message.topic.startswith("spBv1.0/")]
    second = max(index for index, message in enumerate(said) if "/NBIRTH/" in message.topic)
    return said[second : second + 200]
