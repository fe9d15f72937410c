"""The servers that other tests lean on do what those tests believe of them."""

import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.front import Answer, Front
from tests.servers import Listener, Server, mosquitto_server, nats_server, started


def publish(port: int, topic: str, payload: bytes, retain: bool = False) -> None:
    """Publish once and return when the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


@pytest.mark.broker
@pytest.mark.parametrize("server", [nats_server, mosquitto_server], ids=["nats-server", "mosquitto"])
def test_a_broker_that_is_started_again_has_its_port_and_keeps_its_listeners(
    server: Callable[[Path], Server], tmp_path: Path
) -> None:
    with started(server(tmp_path)) as broker, closing(Listener(broker.port)) as listener:
        publish(broker.port, "a/b", b"first")
        listener.topic("a/b")
        broker.stop()
        broker.start()
        publish(broker.port, "a/b", b"second", retain=True)
        heard = [message.payload for message in listener.topic("a/b", 2)]
        assert list(dict.fromkeys(heard)) == [b"first", b"second"]  # at least once: a retained one may come twice


@pytest.mark.influx
def test_what_goes_in_through_the_v2_front_comes_out_of_the_database(influx_v2: Front) -> None:
    influx_v2.next.append(Answer(503))
    write = urllib.request.Request(
        f"{influx_v2.url}/api/v2/write?org=grid&bucket=area&precision=ns",
        data=b"meter,device=m1 voltage=230.5 1700000000000000123",
        headers={"authorization": "Token a-token"},
    )
    with pytest.raises(urllib.error.HTTPError, match="503"):
        urllib.request.urlopen(write)
    urllib.request.urlopen(write).close()
    rows = influx_v2.database.query("SELECT * FROM meter", "area")
    assert rows == [{"time": 1700000000000000123, "device": "m1", "voltage": 230.5}]
