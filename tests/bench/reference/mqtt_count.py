"""A subscriber that counts a mark in payloads: prints `ready`, then the count for each line that it reads."""

import sys

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


def main(port: int, topic: str, mark: bytes) -> None:
    """Count until standard input ends."""
    counted = 0

    def heard(_: object, __: object, message: paho.MQTTMessage) -> None:
        nonlocal counted
        counted += message.payload.count(mark)

    def connected(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, "counter")
    client.on_message = heard
    client.on_connect = connected
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for _ in sys.stdin:
        print(counted, flush=True)
    client.loop_stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3].encode())
