"""Where operators' requests come in over MQTT, and their answers go out: on `rsp/{verb}`, or where MQTT 5 asks for it.

An answer is sent over the session that the request came by. When that is gone, whoever asks again is answered from
memory.
"""

import asyncio
import contextlib
from dataclasses import replace

import orjson

from gateway.north.commands import Commands
from gateway.north.messages import Message, level
from gateway.north.session import BrokerError, Heard, Session

LONGEST_TOPIC = 500
"""Characters of a response topic."""


class Requests:
    """Everything that is asked below one gateway's `cmd/`."""

    def __init__(self, commands: Commands, everybody: str, root: str) -> None:
        """`everybody`: what the topics of all gateways begin with; `root`: this one's. Both end with a slash."""
        self._commands, self._everybody, self._root = commands, everybody, root
        self._answering: set[asyncio.Task[None]] = set()

    def hear(self, session: Session, heard: Heard) -> None:
        """A message. A request that the broker kept is of nobody who waits for its answer."""
        verb = heard.topic.removeprefix(f"{self._root}cmd/")
        if verb != heard.topic and not heard.retained and self._commands.listens():
            task = asyncio.get_running_loop().create_task(self._answer(session, verb, heard))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, session: Session, verb: str, heard: Heard) -> None:
        usual = Message(f"{self._root}rsp/{level(verb)}", b"")
        where = replace(usual, topic=heard.answer_to or usual.topic, correlation=heard.correlation)

        def say(answer: bytes) -> None:
            with contextlib.suppress(BrokerError):
                session.publish(replace(where, payload=answer))

        if says := self._absurd(where.topic):
            where = usual
            refusal = {"id": None, "verb": verb, "ok": False, "error": f"response topic {heard.answer_to!r}: {says}"}
            say(orjson.dumps(refusal))
            return
        say(await self._commands.answer(verb, heard.payload, heard.within_s, say))

    def _absurd(self, topic: str) -> str:
        """Why nobody can want an answer there; '' when somebody may.

        An answer must not pass for a gateway's own word, nor for a request to another gateway.
        """
        if len(topic) > LONGEST_TOPIC or topic.startswith("$") or not set(topic).isdisjoint("+#\0"):
            return "is no topic that can be published on"
        if topic.startswith(self._everybody) and not topic.startswith(f"{self._root}rsp/"):
            return f"below {self._everybody} only {self._root}rsp/ is for answers"
        return ""
