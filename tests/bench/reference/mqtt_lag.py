"""A subscriber that knows when each value was read: prints `ready`, then all delays in ms when standard input ends."""

import json
import re
import sys
import time

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

VALUE = re.compile(rb'"current":(\d+)')


def main(port: int, topic: str) -> None:
    """Listen until standard input ends."""
    delays: list[int] = []

    def heard(_: object, __: object, message: paho.MQTTMessage) -> None:
        now = int(time.time() * 1000)
        delays.extend((now - int(stamp)) & 0xFFFFFFFF for stamp in VALUE.findall(message.payload))

    def connected(*_: object) -> None:
        client.subscribe(topic, qos=1)

    client = paho.Client(CallbackAPIVersion.VERSION2, "lag")
    client.on_message = heard
    client.on_connect = connected
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sys.stdin.read()
    client.loop_stop()
    print(json.dumps(delays))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
