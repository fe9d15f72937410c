"""What a gateway says first on a new connection, so that everything retained is true, whatever died before.

What the broker holds already is not said again: a link over which every byte is paid may come and go all day.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import orjson

from gateway.north.messages import Message
from gateway.north.session import BrokerError, Heard, Session

ECHO_S = 10.0
"""How long the broker may take to pass a message of ours back to us."""

KEPT = ("alarm/", "notice/", "pool/")
"""Topics whose retained messages stand and fall with incidents and plans."""


def description(devices: Sequence[Message]) -> str:
    """A short name of what the devices are: the state tells it, so that the next greeting knows what is known."""
    return sha256(b"".join(message.payload for message in devices)).hexdigest()[:12]


@dataclass(slots=True)
class Greeting:
    """One greeting of one session. `root` ends with a slash."""

    session: Session
    root: str
    held: dict[str, bytes] = field(default_factory=dict)  # retained messages of ours that the broker has
    echoed: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self, nonce: str) -> bool:
        """Whether the broker passes on what we publish; False when it does not let us listen.

        A broker whose access list forbids to publish acknowledges all the same (MQTT 3.1.1), and throws away. Raises
        BrokerError then.
        """
        self.session.heard = self._hear
        for topic in ("state", "alarm/+", "notice/+", "pool/+", "echo"):
            if not await self.session.subscribe(self.root + topic):
                return False
        self.session.publish(Message(f"{self.root}echo", orjson.dumps(nonce)))
        echo = asyncio.ensure_future(self.echoed.wait())
        await asyncio.wait((echo, self.session.gone), timeout=ECHO_S, return_when=asyncio.FIRST_COMPLETED)
        echo.cancel()
        if self.session.gone.done():
            raise BrokerError(self.session.gone.result())
        if not self.echoed.is_set():
            raise BrokerError(f"it accepts what we publish below {self.root} and does not pass it on: check its ACL")
        return True

    def messages(self, state: Message, devices: Sequence[Message], standing: Mapping[str, bytes]) -> list[Message]:
        """Birth; what the devices are; every alarm and notice that stands, and none that does not."""
        ours = [state]
        if not self._knows(description(devices)):
            ours += devices
        ours += [
            Message(topic, b"", retain=True)
            for topic in sorted(self.held.keys() - standing.keys())
            if topic.startswith(KEPT)
        ]
        ours += [
            Message(topic, payload, retain=True)
            for topic, payload in standing.items()
            if self.held.get(topic) != payload
        ]
        return [message.below(self.root) for message in ours]

    def _knows(self, devices: str) -> bool:
        try:
            state = orjson.loads(self.held.get("state", b"{}"))
        except orjson.JSONDecodeError:
            return False
        return isinstance(state, dict) and state.get("devices") == devices

    def _hear(self, heard: Heard) -> None:
        name = heard.topic.removeprefix(self.root)
        if name == "echo":
            self.echoed.set()
        elif heard.retained and heard.payload:
            self.held[name] = heard.payload
