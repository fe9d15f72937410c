"""What a gateway says first on a new connection, so that everything retained is true, whatever died before."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from gateway.north.messages import LASTING, Message, alarm, level
from gateway.north.session import BrokerError, Session
from rules.incident import Incident

ECHO_S = 10.0
"""How long the broker may take to pass a message of ours back to us."""


@dataclass(slots=True)
class Greeting:
    """One greeting of one session. `root` ends with a slash."""

    session: Session
    root: str
    standing: set[str] = field(default_factory=set)  # topics of retained alarms that the broker holds
    echoed: asyncio.Event = field(default_factory=asyncio.Event)

    async def check(self, nonce: str) -> bool:
        """Whether the broker passes on what we publish; False when it does not let us listen.

        A broker whose access list forbids to publish acknowledges all the same (MQTT 3.1.1), and throws away. Raises
        BrokerError then.
        """
        self.session.heard = self._hear
        if not (
            await self.session.subscribe(f"{self.root}alarm/+") and await self.session.subscribe(f"{self.root}echo")
        ):
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

    def say(self, first: Sequence[Message], active: Iterable[Incident]) -> None:
        """Birth and what the devices are; every alarm that stands, and none that does not."""
        lasting = {f"alarm/{level(one.id)}": one for one in active if one.state in LASTING}
        ours = list(first)
        ours += [Message(topic, b"", retain=True) for topic in sorted(self.standing - lasting.keys())]
        ours += [alarm(one.id, orjson.dumps(one)) for one in lasting.values()]
        for message in ours:
            self.session.publish(message.below(self.root))

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        name = topic.removeprefix(self.root)
        if name == "echo":
            self.echoed.set()
        elif name.startswith("alarm/") and retained and payload:
            self.standing.add(name)
