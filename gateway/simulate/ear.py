"""Listens to the broker as any operator would: the demo knows nothing of the gateway but this."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

Hear = Callable[[str, Any], None]
"""Takes the topic below the gateway's own root and the decoded payload; None for an emptied retained message."""


class Ear:
    """A subscriber of everything that one gateway says; calls back on the event loop."""

    def __init__(self, host: str, port: int, root: str, hear: Hear) -> None:
        self._root = root.rstrip("/") + "/"
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._subscribed = asyncio.Event()
        self._address = (host, port)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="taiqu-demo-ear")
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._message

    async def listen(self) -> None:
        """Connect and return when subscribed. Raises OSError when the broker cannot be reached."""
        await asyncio.to_thread(self._client.connect, *self._address)
        self._client.loop_start()
        async with asyncio.timeout(20):  # a new broker creates its streams on the first connection
            await self._subscribed.wait()

    def close(self) -> None:
        """Stop listening."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(f"{self._root}#", qos=1)

    def _on_subscribe(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._subscribed.set)

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        payload = json.loads(message.payload) if message.payload else None
        topic = message.topic.removeprefix(self._root)
        self._loop.call_soon_threadsafe(self._hear, topic, payload)
