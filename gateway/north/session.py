"""One connection to one broker: paho and its network thread inside, the event loop outside.

A session is used once. Nothing is queued in it while the link is down: whoever sends keeps what was not acknowledged
and sends it again over the next session.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.north.client import bound, client_for, wishes, with_correlation
from gateway.north.expiry import end_of
from gateway.north.messages import Message
from gateway.north.unattended import Unattended
from gateway.settings.models import Mqtt

CONNECT_S = 20.0
"""A broker cluster that makes its streams on the first connection takes its time."""

GOODBYE_S = 2.0
"""How long the broker may take to read what we still say."""


AT_ONCE = 65_535
"""Messages that a broker takes before it has acknowledged one, unless it says less: MQTT 5, 3.2.2.3.3."""

UNSPECIFIED = "Unspecified error"
"""What paho calls a link that simply ended."""


REFUSED = "a message was refused"
NO_FAULT = ("Not authorized", "Quota exceeded", "Server busy")
"""Reasons of MQTT 5 for refusing a message that another one would be refused for too."""


class BrokerError(Exception):
    """The link cannot be had or is gone; says why."""


class Heard(NamedTuple):
    """A message that came. The last three only with MQTT 5, and only where the sender gave them."""

    topic: str
    payload: bytes
    retained: bool = False
    answer_to: str = ""  # response topic
    correlation: bytes | None = None
    within_s: float | None = None  # what is left of the message's expiry interval


class Session:
    """Connect, publish, hear. Callbacks run on the event loop."""

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        will: Message | None = None,
        acknowledged: Callable[[int], None] | None = None,
    ) -> None:
        """`acknowledged` gets the number that `publish` gave, when the broker has the message."""
        self.heard: Callable[[Heard], None] = lambda _: None
        self.broker = f"{settings.host}:{settings.port}"
        self._acknowledged = acknowledged or (lambda _: None)
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[str] = self._loop.create_future()  # done, with the reason, when the link is lost
        self._left = False
        self.certificate_ends: float | None = None  # of the broker: epoch seconds
        self.longest: int | None = None  # bytes of a packet that the broker takes, where it says so
        self._at_once = AT_ONCE
        self._numbers = 0
        self._flying: dict[int, int] = {}  # our numbers by paho's
        self._held: deque[tuple[int, Message, int]] = deque()  # what the broker does not take yet, with number and QoS
        self._subscribed: dict[int, asyncio.Future[bool]] = {}
        self._farewell: tuple[int, asyncio.Future[None]] | None = None
        self._threads = Unattended("mqtt-connect")
        self._client = client_for(settings, client_id)
        if will is not None:
            self._client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    async def open(self) -> None:
        """Connect. Raises BrokerError."""
        host, port = self._settings.host, self._settings.port
        try:
            async with asyncio.timeout(CONNECT_S):
                connect = partial(self._client.connect, host, port, self._settings.keepalive_s)
                await self._loop.run_in_executor(self._threads, partial(connect, properties=bound(self._settings)))
                self._client.loop_start()
                await asyncio.wait((self._connected, self.gone), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as error:
            raise BrokerError(f"{self.broker} does not answer") from error
        except OSError as error:
            raise BrokerError(f"{self.broker}: {error.strerror or error}") from error
        except ValueError as error:
            raise BrokerError(f"{self.broker}: {error}") from error
        if self.gone.done():
            raise BrokerError(f"{self.broker}: {self.gone.result()}")
        self._connected.result()
        self.certificate_ends = self._peer_ends()

    def publish(self, message: Message, qos: int = 1) -> int:
        """Hand a message to the network thread; its number. Raises BrokerError when the link is gone.

        A broker that takes only so many at once gets the rest, in order, as it acknowledges.
        """
        if self.gone.done():
            raise BrokerError(self.gone.result())
        self._numbers += 1
        if self._held or (qos and len(self._flying) >= self._at_once):
            self._held.append((self._numbers, message, qos))
        else:
            self._hand_over(self._numbers, message, qos)
        return self._numbers

    def _hand_over(self, number: int, message: Message, qos: int) -> None:
        try:
            info = self._client.publish(
                message.topic, message.payload, qos, message.retain, with_correlation(message.correlation)
            )
        except ValueError as error:
            raise BrokerError(f"{message.topic} cannot be published: {error}") from error
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError(paho.error_string(info.rc))
        if qos:
            self._flying[info.mid] = number

    async def subscribe(self, topic: str) -> bool:
        """Subscribe; False when the broker does not allow it. Raises BrokerError."""
        try:
            code, mid = self._client.subscribe(topic, qos=1)
        except ValueError as error:
            raise BrokerError(f"{topic} cannot be subscribed: {error}") from error
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise BrokerError(paho.error_string(code))
        granted = self._subscribed[mid] = self._loop.create_future()
        await asyncio.wait((granted, self.gone), timeout=CONNECT_S, return_when=asyncio.FIRST_COMPLETED)
        if not granted.done():
            raise BrokerError(self.gone.result() if self.gone.done() else "no answer to a subscription")
        allowed: bool = granted.result()
        return allowed

    async def farewell(self, message: Message) -> None:
        """Say a last thing and wait until the broker has it, and with it all that was said before.

        A socket that is closed while answers are still coming takes back what the broker has not read yet.
        """
        heard = self._loop.create_future()
        self._farewell = self.publish(message), heard
        await asyncio.wait((heard, self.gone), timeout=GOODBYE_S, return_when=asyncio.FIRST_COMPLETED)

    def leave(self, why: str) -> None:
        """Take the link for lost, as whoever uses it then does."""
        self._left = True
        self._end(why)

    async def close(self) -> None:
        """End the connection and the thread; one that hangs in a connection that is being made is left to itself."""
        if not self.gone.done():
            self._client.disconnect()
        ended = self._loop.run_in_executor(self._threads, self._finish)
        await asyncio.wait((ended,), timeout=GOODBYE_S)
        if not ended.done() and isinstance(wire := self._client.socket(), socket.socket):
            with contextlib.suppress(OSError):  # it has just gone by itself
                wire.shutdown(socket.SHUT_RDWR)  # nobody takes what we say: the thread wakes with an error and ends
        await asyncio.wait((ended,), timeout=GOODBYE_S)
        self._threads.shutdown()

    @property
    def perhaps_too_long(self) -> bool:
        """Whether the broker may have ended the connection because of a message's length. MQTT 5 says so."""
        if self._left or not self.gone.done():
            return False
        return self._settings.version != "5" or "too large" in self.gone.result()

    @property
    def perhaps_disliked(self) -> bool:
        """Whether it may have done so over one message for another reason; who may do what is none of a message's."""
        if self._left or not self.gone.done():
            return False
        says = self.gone.result()
        return self._settings.version != "5" or (says.startswith(REFUSED) and not says.endswith(NO_FAULT))

    def _peer_ends(self) -> float | None:
        wire = self._client.socket()
        with contextlib.suppress(OSError, ValueError):  # the link has just gone again
            if isinstance(wire, ssl.SSLSocket) and (certificate := wire.getpeercert(binary_form=True)):
                return end_of(certificate)
        return None

    def _finish(self) -> None:
        """After what else that thread was asked: a connection that has come about after all is ended."""
        self._client.disconnect()
        self._client.loop_stop()

    # ---- called by paho's thread

    def _on_connect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._loop.call_soon_threadsafe(self._end, f"refused: {reason}")
        else:
            said = {} if props is None else vars(props)
            bounds = said.get("MaximumPacketSize"), said.get("ReceiveMaximum", AT_ONCE)
            self._loop.call_soon_threadsafe(self._begin, *bounds)

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        why = "" if str(reason) == UNSPECIFIED else f": {reason}"
        self._loop.call_soon_threadsafe(self._end, f"connection lost{why}")

    def _on_publish(
        self, _client: paho.Client, _data: object, mid: int, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:  # only MQTT 5 says so
            self._loop.call_soon_threadsafe(self._end, f"{REFUSED}: {reason}")
        else:
            self._loop.call_soon_threadsafe(self._landed, mid)

    def _on_subscribe(
        self, _client: paho.Client, _data: object, mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._granted, mid, not any(reason.is_failure for reason in reasons))

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        heard = Heard(message.topic, bytes(message.payload), bool(message.retain), *wishes(message.properties))
        self._loop.call_soon_threadsafe(self._hear, heard)

    # ---- on the loop

    def _begin(self, longest: int | None, at_once: int) -> None:
        self.longest, self._at_once = longest, at_once
        if not self._connected.done():
            self._connected.set_result(None)

    def _end(self, says: str) -> None:
        if not self.gone.done():
            self.gone.set_result(says)

    def _hear(self, heard: Heard) -> None:
        self.heard(heard)

    def _landed(self, mid: int) -> None:
        number = self._flying.pop(mid, None)
        if number is None:  # QoS 0: paho tells that it has been written
            return
        if self._farewell is not None and self._farewell[0] == number and not self._farewell[1].done():
            self._farewell[1].set_result(None)
        self._acknowledged(number)
        self._release()

    def _release(self) -> None:
        """What was held back and may go now."""
        while self._held and not self.gone.done() and (len(self._flying) < self._at_once or not self._held[0][2]):
            try:
                self._hand_over(*self._held.popleft())
            except BrokerError as error:
                self._end(str(error))

    def _granted(self, mid: int, granted: bool) -> None:
        future = self._subscribed.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(granted)
