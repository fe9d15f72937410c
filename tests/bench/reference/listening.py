"""A subscriber as the benchmarks' listeners are: it says `ready` when the broker hands it what comes."""

from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def listening(name: str, port: int, topic: str, heard: Callable[[bytes], None]) -> paho.Client:
    """Hands on every payload, on its own thread, until it is stopped."""

    def connected(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, name)
    client.on_message = lambda _, __, message: heard(bytes(message.payload))
    client.on_connect = connected
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client
